//! From options, environment and configuration to a session.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::timeout;

use super::args::{Common, TargetArgs};
use super::failure::invalid;
use crate::audit_log::{Actor, AuditLog, AuditLogError, AuditLogLocation, KestraContext};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{
    Config, Inputs, ResolvedTarget, Selection, Settings, find_config, parse_duration,
};
use crate::orchestrator::{CONTEXT_LINE, caller_context};
use crate::report::{
    ExitRules, Level, Otlp, ReportOptions, Reporter, Signal, Surroundings, threshold,
};
use crate::run::{
    Boundary, BoundaryConfig, Component, Operation, Session, Signals, retry_while_busy,
};
use crate::secret::Redactor;
use crate::trace::Trace;
use crate::verdict::Status;

/// How long `audit`, `check`, `follow` and `cancel` wait for a locked audit log.
pub(super) const SHORT_PATIENCE: Duration = Duration::from_secs(5);

/// How long results wait for a reader after a signal, and after the deadline at least.
const OUTPUT_TIME: Duration = Duration::from_secs(2);

/// The standard field `source` outside of Kestra.
const SOURCE: &str = "host-runner";

type Opened = Result<AuditLog, AuditLogError>;

/// What every command starts with.
pub(super) struct Start {
    pub clock: SharedClock,
    /// When the process started, on the monotonic clock.
    pub started_at: Duration,
    pub redactor: Redactor,
    pub reporter: Arc<Reporter>,
    pub surroundings: Surroundings,
    /// The Kestra task that this process is, if any.
    pub kestra: Option<KestraContext>,
    /// The trace that this invocation belongs to, if any.
    pub trace: Option<Trace>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--audit`.
    pub audit: Option<String>,
    /// When the invocation must end, on the monotonic clock, once that is known.
    pub ends_at: OnceLock<Duration>,
    /// The signals, once they no longer end the process by themselves.
    listening: OnceLock<Signals>,
    /// The embedded component, if it is being loaded already.
    embedded: Mutex<Option<Component>>,
}

impl Start {
    /// Sets up the process from the global options.
    pub(super) fn new(common: &Common, embedded: Option<Component>) -> Self {
        let clock = SystemClock::shared();
        let surroundings = Surroundings::of_process();
        let redactor = Redactor::new();
        let mode = common.output.mode(&surroundings);
        let colors = |terminal| common.color.colors(&surroundings, terminal);
        let progress = !common.no_progress && !common.quiet;
        let draws = progress && surroundings.draws_status(mode);
        let options = ReportOptions {
            mode,
            threshold: threshold(common.log_level, common.quiet, common.verbose, mode),
            color_stdout: colors(surroundings.stdout_is_terminal),
            color_stderr: colors(surroundings.stderr_is_terminal),
            progress_lines: progress && !draws,
        };
        let caller = caller_context(&*surroundings.env, &surroundings.cwd);
        let mut reporter = Reporter::of_process(options, redactor.clone(), clock.clone(), draws);
        if common.kestra_otlp {
            let trace = caller.trace.clone();
            reporter = reporter.in_otlp(Otlp { trace });
        }
        for warning in &caller.warnings {
            reporter.log(Level::Warn, warning);
        }
        Self {
            started_at: clock.monotonic(),
            clock,
            redactor,
            reporter: Arc::new(reporter),
            surroundings,
            kestra: caller.kestra,
            trace: caller.trace,
            config: common.config.clone(),
            audit: common.audit.clone().filter(|text| !text.is_empty()),
            ends_at: OnceLock::new(),
            listening: OnceLock::new(),
            embedded: Mutex::new(embedded),
        }
    }

    /// Waits until results are written: until the deadline if the command reports the outcome of a
    /// refresh, otherwise as long as it takes; after a signal, for two seconds. What is on stderr waits
    /// for two seconds.
    ///
    /// # Errors
    /// The signal, if it was received before everything was written.
    pub(super) async fn deliver(&self, reports_outcome: bool) -> Result<(), Signal> {
        let mut signals = self.listening.get().cloned().unwrap_or_else(Signals::none);
        let ends_at = self.ends_at.get().copied().unwrap_or_default();
        let left = ends_at.saturating_sub(self.clock.monotonic());
        let limit = match reports_outcome {
            true => left.max(OUTPUT_TIME),
            false => Duration::MAX,
        };
        let results = async {
            let printed = || self.reporter.printed();
            tokio::select! {
                biased;
                () = printed() => Ok(()),
                signal = signals.wait() => timeout(OUTPUT_TIME, printed()).await.map_err(|_| signal),
                () = self.clock.sleep(limit) => Ok(()),
            }
        };
        let logs = timeout(OUTPUT_TIME, self.reporter.logged());
        tokio::join!(results, logs).0
    }

    /// What the configuration needs to resolve its values.
    pub(super) fn inputs(&self, verify: bool) -> Inputs<'_> {
        let flow = self.kestra.as_ref().map(|kestra| kestra.flow.as_str());
        Inputs {
            source: flow.filter(|flow| !flow.is_empty()).unwrap_or(SOURCE),
            env: &*self.surroundings.env,
            redactor: &self.redactor,
            verify,
        }
    }

    /// The configuration of the file, with the target that options define, if any. Such a target
    /// needs no file, unless one is named.
    pub(super) fn config(&self, target: &TargetArgs) -> anyhow::Result<Config> {
        let named = self.config.as_deref();
        let found = find_config(named, &*self.surroundings.env, Path::new(""));
        Ok(match (target.options(), found) {
            (Some(options), Err(_)) if named.is_none() => Config::from_options(&options)?,
            (Some(options), path) => Config::load(&path?)?.with_target(&options)?,
            (None, path) => Config::load(&path?)?,
        })
    }

    /// The location of the audit log: from the option or the environment, then from the
    /// configuration, then the user's state folder. Under Kestra it must be named, and must not be
    /// in the working directory, which Kestra deletes.
    pub(super) fn location(&self, config: Option<&Config>) -> anyhow::Result<AuditLogLocation> {
        const HINT: &str = "name a file that outlives the task: add to the task's `env:` the line \
            HOST_RUNNER_AUDIT: \"sqlite:/var/lib/host-runner/audit.db\"";
        let cwd = &self.surroundings.cwd;
        let named = match (&self.audit, config) {
            (Some(text), _) => Some(AuditLogLocation::parse(text, cwd)?),
            (None, Some(config)) => {
                let base = cwd.join(config.base());
                config
                    .audit(self.inputs(true))?
                    .map(|text| AuditLogLocation::parse(&text, &base))
                    .transpose()?
            }
            (None, None) => None,
        };
        let kestra = self.surroundings.in_kestra_task;
        let location = match named {
            Some(location) => location,
            None if kestra => {
                let message = "under Kestra the audit log must be configured, because Kestra deletes a task's own folders";
                return Err(invalid("audit_log_not_configured", message, HINT));
            }
            None => {
                let folder = |name: &str| (self.surroundings.env)(name).map(PathBuf::from);
                let (state, home) = (folder("XDG_STATE_HOME"), folder("HOME"));
                AuditLogLocation::in_state_folder(state.as_deref(), home.as_deref())?
            }
        };
        if kestra && location.inside(cwd) {
            let message = format!(
                "the audit log {location} is in the task's working directory, which Kestra deletes after the task"
            );
            return Err(invalid("audit_log_in_working_directory", message, HINT));
        }
        Ok(location)
    }

    fn actor(&self) -> Actor {
        let trace = self.trace.as_ref();
        Actor {
            trace: trace.map_or_else(String::new, |trace| trace.trace_id().to_owned()),
            ..Actor::of_this_process(self.kestra.clone())
        }
    }

    /// Opens the audit log in this way ([`AuditLog::open`], [`AuditLog::open_existing`]). Waits up to
    /// `patience` for a locked one.
    pub(super) async fn audit_log(
        &self,
        place: &AuditLogLocation,
        patience: Duration,
        open: impl Fn(&AuditLogLocation, Actor, SharedClock, Redactor) -> Opened,
    ) -> Opened {
        let (clock, redactor) = (&self.clock, &self.redactor);
        let open = || open(place, self.actor(), clock.clone(), redactor.clone());
        retry_while_busy(clock, patience, open).await
    }

    /// The idempotency key: the option or the task run's id; empty if there is neither, and then
    /// every start is a new run.
    pub(super) fn key(&self, option: Option<&str>) -> String {
        let kestra = self.kestra.as_ref();
        let task_run = kestra.map_or("", |kestra| &kestra.task_run);
        let key = option.filter(|key| !key.is_empty()).unwrap_or(task_run);
        let execution = kestra.map_or("", |kestra| &kestra.execution);
        let missing = match (key, execution) {
            _ if !self.surroundings.in_kestra_task => None,
            ("", _) => Some((
                Level::Warn,
                "this Kestra task has no idempotency key, so a retry starts a second refresh",
            )),
            (_, "") => Some((
                Level::Info,
                "the audit log will not contain the execution's id",
            )),
            _ => None,
        };
        if let Some((level, missing)) = missing {
            let advice = format!("{missing}; add to the task's `env:` the line {CONTEXT_LINE}");
            self.reporter.log(level, &advice);
        }
        key.to_owned()
    }

    /// The session for these targets: the component, the outbound boundary, the signals.
    pub(super) fn session(
        &self,
        operation: Operation,
        settings: &Settings,
        targets: &[ResolvedTarget],
        component: Option<&Path>,
        signals: Signals,
    ) -> anyhow::Result<Session> {
        let boundary = Boundary::new(&BoundaryConfig {
            operation,
            settings,
            targets,
            clock: &self.clock,
            redactor: &self.redactor,
            reporter: &self.reporter,
            trace: self.trace.as_ref(),
            env: &*self.surroundings.env,
        })?;
        self.session_over(boundary, component, signals)
    }

    /// The session for an operation that sends no requests and may end at any time.
    pub(super) fn offline_session(&self) -> anyhow::Result<Session> {
        let boundary = Boundary::closed(&self.clock, &self.redactor, &self.reporter);
        self.session_over(boundary, None, Signals::none())
    }

    fn session_over(
        &self,
        boundary: Boundary,
        component: Option<&Path>,
        signals: Signals,
    ) -> anyhow::Result<Session> {
        Ok(Session {
            clock: self.clock.clone(),
            component: Arc::new(self.component(component)?),
            boundary,
            reporter: self.reporter.clone(),
            signals,
            began_at: self.started_at,
            deadline: None,
        })
    }

    /// The component in the file, checked at once; without a file the embedded one, which has been
    /// loading since the process started.
    pub(super) fn component(&self, file: Option<&Path>) -> anyhow::Result<Component> {
        let mut embedded = self.embedded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loading) = embedded.take().filter(|_| file.is_none()) {
            return Ok(loading);
        }
        let loading = Component::begin(file.map(Path::to_path_buf))?;
        if file.is_some() {
            loading.get()?;
        }
        Ok(loading)
    }

    /// Starts listening for signals.
    pub(super) fn signals(&self) -> anyhow::Result<Signals> {
        let signals = Signals::listen().context("cannot install signal handlers")?;
        Ok(self.listening.get_or_init(|| signals).clone())
    }

    /// Logs the warnings of the configuration.
    pub(super) fn warn(&self, settings: &Settings, targets: &[ResolvedTarget]) {
        let of_targets = targets.iter().flat_map(|target| &target.warnings);
        for warning in settings.warnings.iter().chain(of_targets) {
            self.reporter.log(Level::Warn, warning);
        }
    }
}

/// `--deadline`.
pub(super) fn deadline(text: Option<&str>) -> anyhow::Result<Option<Duration>> {
    text.map(|text| {
        parse_duration(text).map_err(|error| {
            let message = format!("--deadline: {error}");
            invalid("invalid_value", message, error.hint())
        })
    })
    .transpose()
}

/// The rules for exit codes: `--exit-zero-on` replaces the list of the configuration.
pub(super) fn exit_rules(
    require_completed: bool,
    exit_zero_on: &[Status],
    settings: &Settings,
) -> ExitRules {
    ExitRules {
        require_completed: require_completed || settings.require_completed,
        zero_on: match exit_zero_on {
            [] => settings.exit_zero_on.clone(),
            given => given.to_vec(),
        },
    }
}

/// The named targets; without names all of them, if `all` is set or there is only one.
pub(super) fn selection<'a>(config: &Config, names: &'a [String], all: bool) -> Selection<'a> {
    if all || (names.is_empty() && config.target_names().len() == 1) {
        Selection::All
    } else {
        Selection::Names(names)
    }
}

/// The first target. A selection of one name resolves to one target.
pub(super) fn only(targets: Vec<ResolvedTarget>) -> anyhow::Result<ResolvedTarget> {
    let hint = "name a target in the configuration";
    let first = targets.into_iter().next();
    first.ok_or_else(|| invalid("no_target", "no target is named", hint))
}
