//! One refresh, from what the audit log knows about its identity to its result.
//!
//! [`crate::audit_log::decide`] has the decision table, and this module carries it out: start, replay,
//! wait for another process, follow, or hold. The component does what needs the service, under a
//! claim that keeps two runs of ours from matching each other's run.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::active_run::{ActiveRun, FinishedRun, Stopped, audit_unavailable, retry_while_busy};
use super::call::{self, Call};
use super::cancel::end_interrupted;
use super::follow::follow_own;
use super::request::{self, RefreshOptions};
use super::session::{AuditHandle, OperationError, Session, WaitError};
use super::{guards, inspect};
use crate::audit_log::{AuditLogError, Begin, BeginOptions, ResourceClaim, RunInfo, RunView};
use crate::config::{OnInterrupt, ResolvedTarget};
use crate::contract::types::{FollowMode, RefreshError, Target};
use crate::report::text::duration;
use crate::report::{Level, Update};
use crate::verdict::{Status, Verdict};

/// The pause between two looks at a run that another process holds.
const WATCH_PAUSE: Duration = Duration::from_millis(250);

/// How often an attempt starts over after it lost its claim before anything was sent.
const MAX_CLAIMS: u32 = 5;

/// Refreshes one target, and again as its `retry` says: only after a retryable `failed`, and only
/// while the deadline and the window allow it.
pub async fn refresh(
    session: &Session,
    audit: &AuditHandle,
    target: &ResolvedTarget,
    options: RefreshOptions,
) -> FinishedRun {
    let mut attempt = Attempt {
        session,
        audit,
        target,
        wit_target: options.wit_target(target),
        options,
        is_retry: false,
    };
    let mut triggers = 0;
    loop {
        let mut finished = attempt.run().await;
        // A trigger of an earlier process counts as that process's attempt.
        triggers += 1;
        if !finished.invocation.replayed {
            finished.invocation.attempt = finished.invocation.attempt.max(triggers);
        }
        let (now, left) = (session.clock.now(), session.left(target));
        let verdict = &finished.verdict;
        let Some(wait) = guards::next_attempt(target, verdict, triggers, now, left) else {
            return finished;
        };
        session.reporter.progress(&Update {
            target: &target.name,
            message: &format!(
                "attempt {triggers} of {} failed ({}); the next one starts in {}",
                target.retry.max_attempts.0,
                verdict.code,
                duration(wait)
            ),
            http_calls: verdict.http_calls,
            level: Level::Warn,
        });
        // The failure is in the audit log already, so a signal here loses nothing.
        let pause = session.clock.sleep(wait);
        let waited = session.drive(Some(&audit.audit_log), pause, Duration::MAX);
        if waited.await.is_err() {
            return finished;
        }
        attempt.is_retry = true;
    }
}

/// Why an attempt ended before the component returned a verdict.
enum Ended {
    /// With a verdict of the runner.
    Finished(Box<FinishedRun>),
    /// By a signal.
    Stopped(Stopped),
    /// Another process took over the claim before anything was sent.
    ClaimLost,
}

impl From<FinishedRun> for Ended {
    fn from(finished: FinishedRun) -> Self {
        Self::Finished(Box::new(finished))
    }
}

impl From<Stopped> for Ended {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// One attempt at a refresh.
struct Attempt<'a> {
    session: &'a Session,
    audit: &'a AuditHandle,
    target: &'a ResolvedTarget,
    wit_target: Target,
    options: RefreshOptions,
    /// Whether this invocation has made an attempt before: then the guards of the host were passed.
    is_retry: bool,
}

impl Attempt<'_> {
    async fn run(&self) -> FinishedRun {
        let id = Uuid::now_v7().to_string();
        let info = request::run_info(self.target, &self.wit_target, &id, &self.audit.key);
        for _ in 0..MAX_CLAIMS {
            match self.claim_and_run(info.clone()).await {
                Ok(finished) => return finished,
                Err(Ended::Finished(finished)) => return *finished,
                Err(Ended::Stopped(stopped)) => {
                    // Without verification the run at the service is not known.
                    let on_interrupt = match self.options.follow {
                        FollowMode::NotAtAll => OnInterrupt::Leave,
                        _ => self.target.on_interrupt,
                    };
                    return end_interrupted(self.session, self.target, stopped, on_interrupt).await;
                }
                Err(Ended::ClaimLost) => {}
            }
        }
        let what = format!("run {id}");
        FinishedRun::new(&info, audit_unavailable(&AuditLogError::ClaimLost { what }))
    }

    fn active(&self, info: RunInfo) -> Arc<ActiveRun> {
        let deadline = self.session.deadline_of(self.target);
        self.session.run(&self.audit.audit_log, info, deadline)
    }

    /// Does what the audit log says about this identity.
    async fn claim_and_run(&self, info: RunInfo) -> Result<FinishedRun, Ended> {
        let options = BeginOptions {
            new: self.options.new,
            require_completed: self.options.require_completed,
            // Without verification there is neither a look nor a token for one.
            followable: self.target.content().is_some()
                && self.options.follow != FollowMode::NotAtAll,
            if_lost: self.target.if_lost,
        };
        let run = self.active(info);
        loop {
            let begin = retry_while_busy(&run.clock, run.left(), || {
                self.audit.audit_log.begin(&run.info, options)
            });
            let limit = Duration::MAX;
            match self.wait(&run, begin, limit, "the audit log").await? {
                Begin::Start => return self.start(&run).await,
                Begin::Replay { verdict, view } => {
                    return Ok(FinishedRun::replayed(&view, *verdict));
                }
                Begin::Follow(view) => {
                    let run = self.active(view.run.clone());
                    return Ok(follow_own(self.session, self.target, &run, &view).await?);
                }
                Begin::Hold(view) => return Ok(unresolved(&view)),
                Begin::Wait { run: other } => {
                    if let Some(finished) = self.wait_for_run(&run, &other).await? {
                        return Ok(finished);
                    }
                }
            }
        }
    }

    /// Waits for something in the audit log, described by `what`.
    async fn wait<T>(
        &self,
        run: &Arc<ActiveRun>,
        future: impl Future<Output = Result<T, AuditLogError>>,
        limit: Duration,
        what: &str,
    ) -> Result<T, Ended> {
        let audit_log = Some(&*self.audit.audit_log);
        match self.session.drive(audit_log, future, limit).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(AuditLogError::ClaimLost { .. })) => Err(Ended::ClaimLost),
            Ok(Err(error)) => Err(run.finished(audit_unavailable(&error)).into()),
            Err(WaitError::Signal(signal)) => {
                let run = run.clone();
                Err(Stopped { run, signal }.into())
            }
            Err(WaitError::TimeLimit) => {
                let verdict = Verdict {
                    retryable: true,
                    ..Verdict::not_sent(
                        Status::Skipped,
                        "deadline_while_waiting",
                        format!("the deadline passed while waiting for {what}; nothing was sent"),
                        "start again later, or set a longer deadline",
                    )
                };
                Err(run.finished(verdict).into())
            }
        }
    }

    /// Waits until another process is done with its run, without asking the service, and returns its
    /// verdict. Without a verdict the audit log decides again.
    async fn wait_for_run(
        &self,
        run: &Arc<ActiveRun>,
        other: &str,
    ) -> Result<Option<FinishedRun>, Ended> {
        self.report_waiting(&format!(
            "another process works on run {other} with the same key; waiting for its verdict"
        ));
        let watching = async {
            loop {
                match self.audit.audit_log.watch(other) {
                    Ok(watched) if !watched.alive => return Ok(watched.view),
                    Err(error) if is_final(run, &error) => return Err(error),
                    _ => run.clock.sleep(WATCH_PAUSE).await,
                }
            }
        };
        let what = format!("the verdict of run {other}");
        match self.wait(run, watching, run.left(), &what).await {
            Ok(view) => Ok(view.and_then(|view| {
                // An interrupted process has no verdict for others: the run has to be followed. A
                // detached run may have to be followed.
                let verdict = view.verdict()?;
                let is_final = !matches!(verdict.status, Status::Interrupted | Status::Accepted);
                is_final.then(|| FinishedRun::replayed(&view, verdict))
            })),
            // Our own run is not in the audit log yet, so the interruption is stored under the other
            // one, which continues.
            Err(Ended::Stopped(Stopped { signal, .. })) => {
                let run = self.active(RunInfo {
                    run: other.to_owned(),
                    ..run.info.clone()
                });
                Err(Stopped { run, signal }.into())
            }
            Err(ended) => Err(ended),
        }
    }

    /// Starts a run of our own.
    async fn start(&self, run: &Arc<ActiveRun>) -> Result<FinishedRun, Ended> {
        let overridden = self.pass_guards(run).await?;
        let (run, wit_target) = self.with_ids(run).await?;
        let claimed = self.claim_resource(&run).await;
        if let Err(Ended::Finished(_)) = claimed {
            run.release().await;
        }
        claimed?;
        let taken_runs = if run.info.resource.is_empty() {
            Vec::new()
        } else {
            let audit_log = &self.audit.audit_log;
            audit_log
                .taken_runs(&run.info.resource, &run.info.run)
                .map_err(|error| run.finished(audit_unavailable(&error)))?
        };
        let mut request = request::refresh(
            self.target,
            wit_target,
            &run.info.run,
            request::call_context(self.target, run.clock.now(), run.left()),
            self.options,
        );
        request.overridden = overridden;
        request.taken_runs = taken_runs;
        let called = Call::of_run(self.session, self.target, &run)
            .make(async |instance| {
                let exports = instance.exports.powerbi_refresh_refresh();
                let store = &mut instance.store;
                exports.call_trigger_refresh(store, &request).await
            })
            .await;
        if let Ok(Err(RefreshError::ClaimLost(_))) = called {
            return Err(Ended::ClaimLost);
        }
        Ok(call::finish(&run, called).await?)
    }

    /// Passes the guards that need a clock or the audit log, and returns those that were overridden; or
    /// ends in `skipped`.
    async fn pass_guards(&self, run: &Arc<ActiveRun>) -> Result<Vec<String>, Ended> {
        if self.is_retry {
            return Ok(Vec::new());
        }
        let blocking = guards::blocking(&self.audit.audit_log, self.target, run.clock.now())
            .map_err(|error| run.finished(audit_unavailable(&error)))?;
        if let Some(first) = blocking.first().filter(|_| !self.options.force) {
            return Err(run.conclude(first.verdict.clone()).await.into());
        }
        for guard in &blocking {
            let message = format!("--force overrides {}: {}", guard.name, guard.reason);
            run.reporter.log(Level::Warn, &message);
        }
        Ok(blocking.iter().map(|guard| guard.name.to_owned()).collect())
    }

    /// The run and its target with ids instead of names. Names are looked up as late as this, because
    /// what the audit log answers needs no network.
    async fn with_ids(&self, run: &Arc<ActiveRun>) -> Result<(Arc<ActiveRun>, Target), Ended> {
        if !self.target.has_names() || self.options.skip_history(self.target) {
            return Ok((run.clone(), self.wit_target.clone()));
        }
        let audit_log = &self.audit.audit_log;
        match inspect::resolve_names(self.session, self.target, audit_log, run.left()).await {
            Ok(wit_target) => {
                let info = RunInfo {
                    resource: request::resource(self.target, &wit_target).unwrap_or_default(),
                    ..run.info.clone()
                };
                Ok((self.active(info), wit_target))
            }
            Err(OperationError::Failed(verdict)) => Err(run.conclude(*verdict).await.into()),
            Err(OperationError::Interrupted(signal)) => {
                let run = run.clone();
                Err(Stopped { run, signal }.into())
            }
        }
    }

    /// Claims the content from look to match, so that two runs of ours cannot match each other's run.
    async fn claim_resource(&self, run: &Arc<ActiveRun>) -> Result<(), Ended> {
        if run.info.resource.is_empty() || self.options.follow == FollowMode::NotAtAll {
            return Ok(());
        }
        let audit_log = &self.audit.audit_log;
        let claiming = async {
            let mut reported = false;
            loop {
                match audit_log.claim_resource(&run.info.resource, &run.info) {
                    Ok(ResourceClaim::Claimed) => {
                        run.progress().holds_resource = true;
                        return Ok(());
                    }
                    Ok(ResourceClaim::HeldBy { run: other, target }) => {
                        if !std::mem::replace(&mut reported, true) {
                            self.report_waiting(&format!(
                                "run {other} ({target}) is about to refresh the same content; waiting for it"
                            ));
                        }
                    }
                    Err(error) if is_final(run, &error) => return Err(error),
                    Err(_) => {}
                }
                run.clock.sleep(WATCH_PAUSE).await;
            }
        };
        let what = "another run of ours on the same content";
        self.wait(run, claiming, run.left(), what).await
    }

    fn report_waiting(&self, message: &str) {
        self.session.reporter.progress(&Update {
            target: &self.target.name,
            message,
            http_calls: 0,
            level: Level::Info,
        });
    }
}

/// Whether to give up on the audit log: at the deadline a lock is the reason, not the run that is
/// waited for.
fn is_final(run: &ActiveRun, error: &AuditLogError) -> bool {
    !error.is_busy() || run.left() <= WATCH_PAUSE * 2
}

/// The result if an earlier run may have been sent and cannot be followed.
fn unresolved(view: &RunView) -> FinishedRun {
    let run = &view.run.run;
    let verdict = Verdict {
        sent: view.sent,
        flow_run: view.flow_run.clone(),
        ..Verdict::not_sent(
            Status::Unknown,
            "earlier_run_unresolved",
            format!(
                "run {run} with the same key may have been sent at {} and cannot be followed; nothing was sent now",
                view.intent_time
            ),
            format!(
                "find out its outcome, then run `host-runner audit resolve {run} --as never_started --reason …` \
                 (or completed, failed, cancelled); --new or `if_lost: resend` triggers again"
            ),
        )
    };
    FinishedRun::replayed(view, verdict)
}
