//! The runner's library and the services in one process with a virtual clock.
//!
//! This tests what ships, except the command line and the process: the embedded component, the outbound
//! boundary with tokens and policy, the audit log on disk, and the guards.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use host_runner::audit_log::{Actor, AuditLog, AuditLogLocation, RunView};
use host_runner::clock::SharedClock;
use host_runner::config::{Config, Inputs, ResolvedTarget, Selection};
use host_runner::report::{ExitRules, Level, Mode, RefreshResult, ReportOptions, Reporter, Sink};
use host_runner::run::{
    self, AuditHandle, Boundary, BoundaryConfig, Component, FollowMode, Operation, RefreshOptions,
    Session, Signals,
};
use host_runner::secret::Redactor;
use simulator::Simulator;
use simulator::world::World;

use super::clock::{NetworkClock, RunnerClock, ServiceClock, Time};

/// A machine with one audit log, and the services.
pub struct Lab {
    /// The virtual time.
    pub time: Time,
    /// The services.
    pub services: Simulator,
    dir: tempfile::TempDir,
    config: String,
    env: Vec<(String, String)>,
}

/// A variable, and its value for a given address of the services.
pub type Variable<'v> = (&'v str, &'v dyn Fn(&str) -> String);

/// The options of a usual start.
pub fn asked() -> RefreshOptions {
    RefreshOptions {
        new: false,
        follow: FollowMode::ToTheEnd,
        force: false,
    }
}

impl Lab {
    /// Runs `scenario` with these services. `BASE` in the configuration is replaced by the services' address;
    /// `env` are the variables that it reads.
    pub fn run<T>(
        world: World,
        config: &str,
        env: &[Variable<'_>],
        scenario: impl AsyncFnOnce(&Lab) -> T,
    ) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let time = Time::default();
        runtime.block_on(async {
            let services = Simulator::builder(world)
                .clock(Arc::new(ServiceClock(time.clone())))
                .start()
                .await
                .expect("the services start");
            let base = services.base_url().to_owned();
            let lab = Lab {
                time: time.clone(),
                dir: folder(),
                config: config.replace("BASE", &base),
                env: env
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value(&base)))
                    .collect(),
                services,
            };
            tokio::select! {
                biased;
                end = scenario(&lab) => end,
                () = time.run() => unreachable!("the clock runs for the whole test"),
            }
        })
    }

    fn clock(&self) -> SharedClock {
        Arc::new(RunnerClock(self.time.clone()))
    }

    /// The path of the audit log.
    pub fn record_path(&self) -> PathBuf {
        self.dir.path().join("audit.db")
    }

    /// A refresh invocation, which is a new process to the audit log except for its id.
    pub fn invocation(&self) -> Invocation {
        self.invocation_for(Operation::Refresh)
    }

    /// A cancel invocation.
    pub fn cancelling(&self) -> Invocation {
        self.invocation_for(Operation::Cancel)
    }

    fn invocation_for(&self, operation: Operation) -> Invocation {
        let redactor = Redactor::new();
        let env = |name: &str| {
            self.env
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
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
                threshold: Level::Error,
                color_stdout: false,
                color_stderr: false,
            },
            redactor.clone(),
            Sink::new(Box::new(std::io::sink())),
            Sink::new(Box::new(std::io::sink())),
            None,
        ));
        let network: SharedClock = Arc::new(NetworkClock(self.time.clone()));
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
        let clock = self.clock();
        let location = AuditLogLocation::parse(
            &format!("sqlite:{}", self.record_path().display()),
            self.dir.path(),
        )
        .expect("a location");
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
    pub async fn refresh(&self, asked: RefreshOptions) -> RefreshResult {
        let end = run::refresh(&self.session, &self.audit, self.target(), asked).await;
        RefreshResult::new(&end.verdict, &end.invocation, &ExitRules::default())
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

impl Lab {
    /// The number of triggers that were sent, received or not. A trigger that was rejected for its token is not
    /// counted: it has started nothing and is sent again with a new token.
    pub fn triggers(&self) -> usize {
        use simulator::faults::Operation::{FabricRun, ModelRefresh, Refresh, Trigger};
        self.services
            .requests()
            .iter()
            .filter(|request| request.status != 401)
            .filter(|request| {
                request
                    .on
                    .is_some_and(|on| [FabricRun, ModelRefresh, Refresh, Trigger].contains(&on))
            })
            .count()
    }
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
