//! The runner's library and the services in one process with a virtual clock.
//!
//! This tests what ships, except the command line and the process: the embedded component, the outbound
//! boundary with tokens and policy, the audit log on disk, and the guards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_runner::audit_log::{Actor, AuditLog, AuditLogLocation, RunView};
use host_runner::clock::SharedClock;
use host_runner::config::{Config, Inputs, ResolvedTarget, Selection};
use host_runner::report::{
    ExitRules, Level, Mode, Plan, RefreshResult, ReportOptions, Reporter, Sink,
};
use host_runner::run::{
    self, AuditHandle, Boundary, BoundaryConfig, Cancellation, Component, FollowMode, Operation,
    OperationError, RefreshOptions, Session, Signals,
};
use host_runner::secret::Redactor;
use host_runner::verdict::Status;
use simulator::Simulator;
use simulator::world::{RefreshType, World};

use super::clock::{Time, VirtualClock};
use super::subjects::{ITEM, SECRET};

/// A machine with one audit log, and the services.
pub struct Lab {
    /// The virtual time.
    pub time: Time,
    /// The services.
    pub services: Simulator,
    /// What the runner wrote to stdout and stderr.
    pub log: Log,
    dir: tempfile::TempDir,
    config: String,
    env: BTreeMap<&'static str, String>,
}

/// Collects what the runner writes.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The lines so far.
    pub fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("a log").clone();
        let text = String::from_utf8(bytes).expect("a text");
        text.lines().map(str::to_owned).collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The options of a usual start.
pub fn options() -> RefreshOptions {
    RefreshOptions {
        new: false,
        require_completed: false,
        follow: FollowMode::ToTheEnd,
        force: false,
    }
}

/// Asserts a status and a code.
#[track_caller]
pub fn assert_ends(result: &RefreshResult, status: Status, code: &str) {
    let found = (result.status, result.code.as_str());
    assert_eq!(found, (status, code), "{result:?}");
}

impl Lab {
    /// Runs `scenario` with these services. `BASE` in the configuration is replaced by the services' address.
    pub fn run<T>(world: World, config: &str, scenario: impl AsyncFnOnce(&Lab) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let time = Time::default();
        let flow = world.flows.first().cloned();
        runtime.block_on(async {
            let services = Simulator::builder(world)
                .clock(Arc::new(time.clone()))
                .start()
                .await
                .expect("the services start");
            let base = services.base_url();
            let url = flow.map(|flow| ("FLOW_URL", flow.trigger_url(base)));
            let secret = ("AZURE_CLIENT_SECRET", SECRET.to_owned());
            let lab = Lab {
                time: time.clone(),
                log: Log::default(),
                dir: folder(),
                config: config.replace("BASE", base),
                env: url.into_iter().chain([secret]).collect(),
                services,
            };
            tokio::select! {
                biased;
                end = scenario(&lab) => end,
                () = time.run() => unreachable!("the clock runs for the whole test"),
            }
        })
    }

    /// A refresh invocation, which is a new process to the audit log except for its id.
    pub fn invocation(&self) -> Invocation {
        self.invocation_for(Operation::Refresh)
    }

    /// Refreshes the only target in a new invocation.
    pub async fn refresh(&self) -> RefreshResult {
        self.invocation().refresh(options()).await
    }

    /// The same, which must complete.
    pub async fn completes(&self) -> RefreshResult {
        let result = self.refresh().await;
        assert_eq!(result.status, Status::Completed, "{result:?}");
        result
    }

    /// Starts a refresh, and does not follow it.
    pub async fn detach(&self) {
        let follow = FollowMode::UntilStarted;
        let detached = RefreshOptions {
            follow,
            ..options()
        };
        let result = self.invocation().refresh(detached).await;
        assert_eq!(result.status, Status::Accepted, "{result:?}");
    }

    /// Cancels the newest run in a new invocation.
    pub async fn cancel(&self) -> Result<Cancellation, OperationError> {
        let Invocation {
            session,
            audit,
            targets,
        } = self.invocation_for(Operation::Cancel);
        let view = audit.audit_log.latest_run_of_target(&targets[0].name);
        let view = view.expect("the audit log can be read").expect("a run");
        run::cancel(&session, &audit, &targets[0], view).await
    }

    /// Begins a run of the item, as its schedule would.
    pub fn begin_scheduled_run(&self) {
        let begun = self.services.begin_run(ITEM, RefreshType::Scheduled);
        begun.expect("the item exists");
    }

    /// The number of triggers that were sent, received or not. A trigger that was rejected for its token (401,
    /// or 403 of Power BI) is not counted: it has started nothing and is sent again with a new token.
    pub fn triggers(&self) -> usize {
        use simulator::faults::Operation::{FabricRun, ModelRefresh, Refresh, Trigger};
        let triggers = [FabricRun, ModelRefresh, Refresh, Trigger].map(Some);
        let requests = self.services.requests().into_iter();
        requests
            .filter(|request| triggers.contains(&request.on))
            .filter(|request| request.status != 401 && request.status != 403)
            .count()
    }

    /// What is in the files of the audit log.
    pub fn stored_text(&self) -> String {
        let files = std::fs::read_dir(self.dir.path()).expect("a folder");
        let texts = files.map(|file| {
            let bytes = std::fs::read(file.expect("a file").path()).expect("its bytes");
            String::from_utf8_lossy(&bytes).into_owned()
        });
        texts.collect()
    }

    fn invocation_for(&self, operation: Operation) -> Invocation {
        let redactor = Redactor::new();
        let env = |name: &str| self.env.get(name).cloned();
        let inputs = Inputs {
            env: &env,
            redactor: &redactor,
            verify: true,
            source: "host-runner",
        };
        let file = self.dir.path().join("refresh.yaml");
        let config = Config::parse(&self.config, &file).unwrap_or_else(|error| panic!("{error}"));
        let settings = config.settings(inputs).expect("settings");
        let targets = config
            .resolve(Selection::All, inputs)
            .unwrap_or_else(|error| panic!("{error}"));
        let reporter = Arc::new(Reporter::new(
            ReportOptions {
                mode: Mode::Json,
                threshold: Level::Warn,
                color_stdout: false,
                color_stderr: false,
                progress_lines: true,
            },
            redactor.clone(),
            Sink::new(Box::new(self.log.clone())),
            Sink::new(Box::new(self.log.clone())),
            None,
            Arc::new(VirtualClock::of_runner(&self.time)),
        ));
        let network: SharedClock = Arc::new(VirtualClock::of_network(&self.time));
        let boundary = Boundary::new(&BoundaryConfig {
            operation,
            settings: &settings,
            targets: &targets,
            clock: &network,
            redactor: &redactor,
            reporter: &reporter,
            trace: None,
            env: &env,
        })
        .unwrap_or_else(|error| panic!("{error}"));
        let clock: SharedClock = Arc::new(VirtualClock::of_runner(&self.time));
        let dir = self.dir.path();
        let location = AuditLogLocation::parse("sqlite:audit.db", dir).expect("a location");
        let audit_log = AuditLog::open(
            &location,
            Actor::of_this_process(None),
            clock.clone(),
            redactor,
        )
        .expect("an audit log");
        Invocation {
            audit: AuditHandle {
                audit_log: Arc::new(audit_log),
                key: "key".to_owned(),
            },
            session: Session {
                began_at: clock.monotonic(),
                clock,
                component: Arc::new(Component::begin(None).expect("the component")),
                boundary,
                reporter,
                signals: Signals::listen().expect("signals"),
                deadline: None,
            },
            targets,
        }
    }
}

/// One invocation of the runner.
pub struct Invocation {
    /// Its session.
    pub session: Session,
    /// Its audit log.
    pub audit: AuditHandle,
    targets: Vec<ResolvedTarget>,
}

impl Invocation {
    /// The only target of the configuration.
    pub fn target(&self) -> &ResolvedTarget {
        self.targets.first().expect("a target")
    }

    /// Refreshes it.
    pub async fn refresh(&self, options: RefreshOptions) -> RefreshResult {
        let end = run::refresh(&self.session, &self.audit, self.target(), options).await;
        RefreshResult::new(&end.verdict, &end.invocation, &ExitRules::default())
    }

    /// What a refresh would do.
    pub async fn plan(&self) -> Plan {
        let log = &self.audit.audit_log;
        let plan = run::plan(&self.session, log, self.target(), options()).await;
        plan.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// The run with the newest intent.
    pub fn newest_run(&self) -> Option<RunView> {
        self.audit
            .audit_log
            .latest_run_of_target(&self.target().name)
            .expect("the audit log can be read")
    }

    /// Follows it.
    pub async fn follow(&self) -> RefreshResult {
        let view = self.newest_run().expect("a run");
        let end = run::follow_recorded(&self.session, &self.audit, self.target(), view)
            .await
            .expect("the audit log can be read");
        RefreshResult::new(&end.verdict, &end.invocation, &ExitRules::default())
    }

    /// The number of intents in the audit log.
    pub fn intents(&self) -> usize {
        let Some(view) = self.newest_run() else {
            return 0;
        };
        self.audit
            .audit_log
            .events_of(&view.run.run)
            .expect("the audit log can be read")
            .iter()
            .filter(|entry| entry.event.detail.name() == "intent")
            .count()
    }
}

/// A duration in milliseconds.
pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A folder in memory if the system has one: two hours of renewed leases write thousands of times.
fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.or_else(|_| tempfile::tempdir()).expect("a folder")
}
