//! From options, environment and configuration to a session.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::args::{Common, TargetArgs};
use super::failure::Failure;
use crate::audit_log::{Actor, AuditLog, AuditLogError, AuditLogLocation, KestraContext};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{
    Config, ConfigError, Inputs, ResolvedTarget, Selection, Settings, find_config, parse_duration,
    usual_places,
};
use crate::orchestrator::caller_context;
use crate::report::{Level, Otlp, Reporter, Surroundings, Verbosity};
use crate::run::{
    Boundary, BoundaryConfig, Component, Operation, Session, Signals, retry_while_busy,
};
use crate::secret::Redactor;
use crate::trace::Trace;
use crate::verdict::{Status, Verdict};

/// How long `audit` and `check` wait for a locked record.
const SHORT_PATIENCE: Duration = Duration::from_secs(5);

/// What every command starts from.
pub(super) struct Start {
    /// The clock.
    pub clock: SharedClock,
    /// When the process began, on the monotonic clock.
    pub began_at: Duration,
    /// Knows every secret.
    pub redactor: Redactor,
    /// The voice.
    pub reporter: Arc<Reporter>,
    /// The place where the process runs.
    pub surroundings: Surroundings,
    /// The orchestrator's task, if this is one.
    pub kestra: Option<KestraContext>,
    /// The trace that the invocation is part of, if there is one.
    pub trace: Option<Trace>,
    config: Option<PathBuf>,
    audit: Option<String>,
    /// The embedded component, where it is being loaded already.
    embedded: std::sync::Mutex<Option<Component>>,
}

impl Start {
    /// From the options of every command.
    pub(super) fn new(common: &Common, embedded: Option<Component>) -> Self {
        let clock = SystemClock::shared();
        let surroundings = Surroundings::of_process();
        let redactor = Redactor::new();
        let mode = common.output.mode(&surroundings);
        let verbosity = Verbosity {
            quiet: common.quiet,
            verbose: common.verbose,
            level: common.log_level,
        };
        let settings = crate::report::Settings {
            mode,
            threshold: verbosity.threshold(mode),
            color_stdout: common
                .color
                .colors(&surroundings, surroundings.stdout_is_terminal),
            color_stderr: common
                .color
                .colors(&surroundings, surroundings.stderr_is_terminal),
        };
        let progress = surroundings.shows_progress(mode, common.no_progress, common.quiet);
        let caller = caller_context(&*surroundings.env, &surroundings.cwd);
        let mut reporter =
            Reporter::of_process(settings, redactor.clone(), clock.clone(), progress);
        if common.kestra_otlp {
            let otlp = Otlp {
                trace: caller.trace.clone(),
            };
            reporter = reporter.in_otlp(otlp, clock.clone());
        }
        for warning in &caller.warnings {
            reporter.log(Level::Warn, warning);
        }
        Self {
            began_at: clock.monotonic(),
            clock,
            redactor,
            reporter: Arc::new(reporter),
            surroundings,
            kestra: caller.kestra,
            trace: caller.trace,
            config: common.config.clone(),
            audit: common.audit.clone().filter(|text| !text.is_empty()),
            embedded: std::sync::Mutex::new(embedded),
        }
    }

    /// What fetching values of the configuration needs.
    pub(super) fn inputs(&self, verify: bool) -> Inputs<'_> {
        Inputs {
            env: &*self.surroundings.env,
            redactor: &self.redactor,
            verify,
        }
    }

    /// The configuration: of the options where they give a target, else of the file.
    pub(super) fn config(&self, target: &TargetArgs) -> Result<Config, Failure> {
        if let Some(options) = target.options() {
            return Ok(Config::from_options(&options)?);
        }
        match self.config_file()? {
            Some(path) => Ok(Config::load(&path)?),
            None => Err(Failure::of(Verdict::not_sent(
                Status::Invalid,
                "config_not_found",
                format!("there is no configuration: {}", self.places()),
                "write one (`host-runner help refresh` and the README show how), or give a target with \
                 --kind power-automate --url-env VAR",
            ))),
        }
    }

    /// Whether an option or the environment names the audit log.
    pub(super) fn names_record(&self) -> bool {
        self.audit.is_some()
    }

    /// Whether an option or the environment names the configuration.
    pub(super) fn names_config(&self) -> bool {
        self.config.is_some()
    }

    fn places(&self) -> String {
        let places: Vec<String> = usual_places(&*self.surroundings.env)
            .iter()
            .map(|place| {
                format!("neither {}", place.display())
                    .replace("neither refresh", "neither ./refresh")
            })
            .collect();
        places.join(" nor ").replace(" nor neither ", " nor ")
    }

    fn config_file(&self) -> Result<Option<PathBuf>, ConfigError> {
        let here = Path::new("");
        find_config(
            self.config.as_deref(),
            &*self.surroundings.env,
            here,
            &|path| path.exists(),
        )
    }

    /// Where the audit log is to be: the option's or the environment's word, else the
    /// configuration's, else the user's state folder. Under Kestra it must be named, and must not
    /// lie where the task's files are thrown away.
    pub(super) fn location(&self, config: Option<&Config>) -> Result<AuditLogLocation, Failure> {
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
        let kestra = self.surroundings.in_kestra_task();
        let location = match named {
            Some(location) => location,
            None if kestra => {
                return Err(Failure::of(Verdict::not_sent(
                    Status::Invalid,
                    "audit_log_not_configured",
                    "under Kestra the audit log must be named: a task's own folders are thrown away",
                    "add to the task's `env:` the line HOST_RUNNER_AUDIT: \"sqlite:/var/lib/host-runner/audit.db\", \
                     a place that outlives the task",
                )));
            }
            None => {
                let folder = |name: &str| (self.surroundings.env)(name).map(PathBuf::from);
                AuditLogLocation::in_state_folder(
                    folder("XDG_STATE_HOME").as_deref(),
                    folder("HOME").as_deref(),
                )?
            }
        };
        if kestra && location.inside(cwd) {
            return Err(Failure::of(Verdict::not_sent(
                Status::Invalid,
                "audit_log_in_working_directory",
                format!(
                    "the audit log {location} lies in the task's working directory, which Kestra deletes with it"
                ),
                "name a place that outlives the task: add to the task's `env:` the line \
                 HOST_RUNNER_AUDIT: \"sqlite:/var/lib/host-runner/audit.db\"",
            )));
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

    /// The audit log, made if there is none. A locked one is waited for.
    pub(super) async fn audit_log(
        &self,
        location: &AuditLogLocation,
        busy: Duration,
    ) -> Result<AuditLog, AuditLogError> {
        retry_while_busy(&self.clock, busy, || {
            AuditLog::open(
                location,
                self.actor(),
                self.clock.clone(),
                self.redactor.clone(),
            )
        })
        .await
    }

    /// A record that is there. A locked one is waited for.
    pub(super) async fn existing_record(
        &self,
        location: &AuditLogLocation,
    ) -> Result<AuditLog, AuditLogError> {
        retry_while_busy(&self.clock, SHORT_PATIENCE, || {
            AuditLog::open_existing(
                location,
                self.actor(),
                self.clock.clone(),
                self.redactor.clone(),
            )
        })
        .await
    }

    /// The key of the identity of this start's runs: the option's, else the task run's; empty
    /// where every start is a run of its own.
    pub(super) fn key(&self, option: Option<&str>) -> String {
        let from_task = || self.kestra.as_ref().map(|kestra| kestra.task_run.clone());
        let key = option
            .filter(|key| !key.is_empty())
            .map(str::to_owned)
            .or_else(from_task)
            .unwrap_or_default();
        if self.surroundings.in_kestra_task() {
            if key.is_empty() {
                self.reporter.log(
                    Level::Warn,
                    "this Kestra task has no idempotency key, so a retry of it is a second refresh; add to the task's \
                     `env:` the line KESTRA_TASKRUN_ID: \"{{ taskrun.id }}\"",
                );
            }
            let execution = self.kestra.as_ref().map(|kestra| &kestra.execution);
            if execution.is_none_or(String::is_empty) {
                self.reporter.log(
                    Level::Info,
                    "the audit log will not say which execution asked; add to the task's `env:` the line \
                     KESTRA_EXECUTION_ID: \"{{ execution.id }}\"",
                );
            }
        }
        key
    }

    /// The way out for these targets.
    pub(super) fn boundary(
        &self,
        operation: Operation,
        settings: &Settings,
        targets: &[ResolvedTarget],
    ) -> Result<Boundary, Failure> {
        Ok(Boundary::new(&BoundaryConfig {
            operation,
            settings,
            targets,
            clock: &self.clock,
            redactor: &self.redactor,
            reporter: &self.reporter,
            trace: self.trace.as_ref(),
            env: &*self.surroundings.env,
        })?)
    }

    /// Everything that runs need.
    pub(super) fn session(
        &self,
        component: Component,
        boundary: Boundary,
        signals: Signals,
    ) -> Session {
        Session {
            clock: self.clock.clone(),
            component: Arc::new(component),
            boundary,
            reporter: self.reporter.clone(),
            signals,
            began_at: self.began_at,
            flow_id: self
                .kestra
                .as_ref()
                .map(|kestra| kestra.flow.clone())
                .unwrap_or_default(),
            deadline: None,
        }
    }

    /// Begins to listen for signals.
    pub(super) fn signals(&self) -> Result<Signals, Failure> {
        Signals::listen().map_err(|error| {
            Failure::of(Verdict::not_sent(
                Status::InternalError,
                "no_signals",
                format!("the system gives no signal handlers: {error}"),
                "please report this",
            ))
        })
    }

    /// Says what was found questionable before anything was done.
    pub(super) fn warn(&self, settings: &Settings, targets: &[ResolvedTarget]) {
        for warning in settings
            .warnings
            .iter()
            .chain(targets.iter().flat_map(|target| &target.warnings))
        {
            self.reporter.log(Level::Warn, warning);
        }
    }
}

/// The component in a file, which must be one before anything is done; else the embedded one, which
/// is being loaded since the process began.
pub(super) fn component(start: &Start, file: Option<&Path>) -> Result<Component, Failure> {
    let begun = start
        .embedded
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take();
    match (file, begun) {
        (None, Some(loading)) => Ok(loading),
        (None, None) => Ok(Component::begin(None)?),
        (Some(path), _) => {
            let loading = Component::begin(Some(path.to_path_buf()))?;
            loading.get()?;
            Ok(loading)
        }
    }
}

/// `--deadline`.
pub(super) fn deadline(text: Option<&str>) -> Result<Option<Duration>, Failure> {
    text.map(|text| {
        parse_duration(text).map_err(|error| {
            Failure::of(Verdict::not_sent(
                Status::Invalid,
                "invalid_value",
                format!("--deadline: {error}"),
                error.hint(),
            ))
        })
    })
    .transpose()
}

/// Which targets are meant: the named ones; without a name all of them where `--all` was given or
/// there is only one.
pub(super) fn selection<'a>(config: &Config, names: &'a [String], all: bool) -> Selection<'a> {
    if all || (names.is_empty() && config.target_names().len() == 1) {
        Selection::All
    } else {
        Selection::Names(names)
    }
}
