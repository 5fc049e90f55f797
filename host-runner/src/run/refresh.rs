//! One refresh, from what the audit log holds of its identity to its result.
//!
//! The decision table stands in [`crate::audit_log::decide`]; here it is carried out: start, replay,
//! wait for another process, follow, or hold. The component does what needs the service; the claim
//! that keeps two runs of ours from taking each other's is held around it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::busy::retry_while_busy;
use super::convert;
use super::interrupt::interrupted;
use super::ports::{Ports, Run};
use super::request::{self, TriggerOptions};
use super::session::{AuditHandle, End, LEAST_PATIENCE, Session};
use super::signals::signal_name;
use super::{guards, names, retry};
use crate::audit_log::event::{Detail, Interrupted};
use crate::audit_log::{AuditLogError, Begin, BeginOptions, ResourceClaim, RunInfo, RunView};
use crate::config::{OnInterrupt, ResolvedTarget};
use crate::engine::bindings::powerbi::refresh::types as wit;
use crate::report::{Invocation, Level, Phase, Signal, Update};
use crate::verdict::{Sent, Status, Verdict};

/// The pause between two looks at a run that another process follows.
const WATCH: Duration = Duration::from_millis(250);

/// How often a claim that was lost before anything was sent is sought again.
const MOST_TRIES: u32 = 5;

/// What a refresh is asked for, beyond its target.
#[derive(Debug, Clone, Copy)]
pub struct RefreshOptions {
    /// Ignore earlier runs of the key.
    pub new: bool,
    /// How far the run is followed.
    pub follow: wit::FollowMode,
    /// Whether window, interval and quota hold nothing back.
    pub force: bool,
}

impl RefreshOptions {
    /// Whether nobody is asked about the content: no look, no token for one, no following.
    pub(super) fn asks_nobody(self, target: &ResolvedTarget) -> bool {
        self.follow == wit::FollowMode::NotAtAll && target.quota.is_none()
    }
}

/// A verdict and what this invocation knows beside it.
#[derive(Debug, Clone)]
pub struct FinishedRun {
    /// What became of it.
    pub verdict: Verdict,
    /// What this invocation knows.
    pub invocation: Invocation,
}

/// Refreshes one target, as often as its `retry` says: again only after a `failed` that is worth
/// another attempt, and only while the deadline and the window allow it.
pub async fn refresh(
    session: &Session,
    audit: &AuditHandle,
    target: &ResolvedTarget,
    asked: RefreshOptions,
) -> FinishedRun {
    let mut wit_target = request::target(target, &session.flow_id);
    if asked.asks_nobody(target) {
        wit_target = request::unwatched(wit_target);
    }
    let mut triggers = 0;
    loop {
        let retrying = triggers > 0;
        let mut concluded = attempt(session, audit, target, &wit_target, asked, retrying).await;
        // A trigger of an earlier process counts as that process's attempt.
        triggers += 1;
        if !concluded.invocation.replayed {
            concluded.invocation.attempt = concluded.invocation.attempt.max(triggers);
        }
        let Some(wait) = retry::next(session, target, &concluded.verdict, triggers) else {
            return concluded;
        };
        session.reporter.progress(&Update {
            target: &target.name,
            phase: Phase::WaitingToRetry,
            message: &format!(
                "attempt {triggers} of {} failed ({}); trying again in {}",
                target.retry.max_attempts,
                concluded.verdict.code,
                crate::report::text::duration(request::millis(wait))
            ),
            http_calls: concluded.verdict.http_calls,
            level: Level::Warn,
        });
        // The failure is in the audit log: whoever ends the wait loses nothing.
        match session
            .drive(
                Some(&audit.audit_log),
                session.clock.sleep(wait),
                Duration::MAX,
            )
            .await
        {
            End::Done(()) => {}
            End::Stopped(_) | End::OutOfTime => return concluded,
        }
    }
}

/// One attempt.
async fn attempt(
    session: &Session,
    audit: &AuditHandle,
    target: &ResolvedTarget,
    wit_target: &wit::Target,
    asked: RefreshOptions,
    retrying: bool,
) -> FinishedRun {
    let run_id = Uuid::now_v7().to_string();
    let info = request::run_info(target, wit_target, &run_id, &audit.key);
    let work = Work {
        session,
        audit,
        target,
        wit_target: wit_target.clone(),
        asked,
        retrying,
    };
    for _ in 0..MOST_TRIES {
        if let Some(concluded) = work.once(info.clone()).await {
            return concluded;
        }
    }
    work.audit_unavailable(
        &info,
        "claim_lost",
        "other processes took this run over again and again".to_owned(),
        "start again",
    )
}

struct Work<'a> {
    session: &'a Session,
    audit: &'a AuditHandle,
    target: &'a ResolvedTarget,
    wit_target: wit::Target,
    asked: RefreshOptions,
    /// Whether an attempt of this invocation went before: the guards of the host have spoken.
    retrying: bool,
}

impl Work<'_> {
    /// One try; nothing where the claim was lost before anything was sent.
    async fn once(&self, info: RunInfo) -> Option<FinishedRun> {
        let manner = BeginOptions {
            new: self.asked.new,
            // Without verification there is neither a look nor a token for one.
            followable: self.target.watched().is_some()
                && self.asked.follow != wit::FollowMode::NotAtAll,
            if_lost: self.target.if_lost,
        };
        let run = self.session.run(&self.audit.audit_log, info, self.target);
        loop {
            let begin = retry_while_busy(&run.clock, run.left(), || {
                self.audit.audit_log.begin(&run.info, manner)
            });
            let begin = match self
                .session
                .drive(Some(&self.audit.audit_log), begin, Duration::MAX)
                .await
            {
                End::Done(Ok(begin)) => begin,
                End::Done(Err(error)) => return Some(self.unrecorded(&run.info, &error)),
                End::Stopped(signal) => return Some(self.stopped(&run, signal).await),
                End::OutOfTime => return Some(self.waited_in_vain(&run, "the audit log")),
            };
            match begin {
                Begin::Start => return self.start(&run).await,
                Begin::Replay { verdict, view } => {
                    return Some(replayed(self.target, *verdict, &view));
                }
                Begin::Follow(view) => {
                    let run =
                        self.session
                            .run(&self.audit.audit_log, view.run.clone(), self.target);
                    return Some(
                        super::follow::follow_ours(
                            self.session,
                            self.target,
                            &run,
                            &view,
                            self.target.on_interrupt,
                        )
                        .await,
                    );
                }
                Begin::Hold(view) => return Some(held(self.target, &view)),
                Begin::Wait { run: other } => {
                    if let Some(end) = self.wait_for(&run, &other).await {
                        return Some(end);
                    }
                }
            }
        }
    }

    /// Waits until another process is done with its run, without asking the service, and gives its
    /// verdict. Nothing where it left none: then the audit log decides anew.
    async fn wait_for(&self, run: &Arc<Run>, other: &str) -> Option<FinishedRun> {
        run.reporter.progress(&Update {
            target: &self.target.name,
            phase: Phase::WaitingForOther,
            message: &format!(
                "run {other} of the same key is in another process's hands; waiting for its verdict"
            ),
            http_calls: 0,
            level: Level::Info,
        });
        let watch = async {
            loop {
                match self.audit.audit_log.watch(other) {
                    Ok(watched) if !watched.alive => return Ok(watched.view),
                    Err(error) if !error.is_busy() => return Err(error),
                    _ => run.clock.sleep(WATCH).await,
                }
            }
        };
        match self
            .session
            .drive(Some(&self.audit.audit_log), watch, run.left())
            .await
        {
            End::Done(Ok(view)) => view.and_then(|view| {
                // An interrupted process has no verdict for others: somebody has to follow.
                let verdict = view
                    .verdict()
                    .filter(|verdict| verdict.status != Status::Interrupted)?;
                Some(replayed(self.target, verdict, &view))
            }),
            End::Done(Err(error)) => Some(self.unrecorded(&run.info, &error)),
            End::OutOfTime => {
                Some(self.waited_in_vain(run, &format!("the verdict of run {other}")))
            }
            End::Stopped(signal) => {
                let detail = Detail::Interrupted(Interrupted {
                    signal: signal_name(signal).to_owned(),
                    sent: Sent::No,
                    message:
                        "a start that waited for the verdict of this run; the run itself goes on"
                            .to_owned(),
                });
                let other_run = RunInfo {
                    run: other.to_owned(),
                    ..run.info.clone()
                };
                let _ = self.audit.audit_log.append(&other_run, detail);
                Some(self.concluded(run, interrupted_while_waiting(signal), Some(signal)))
            }
        }
    }

    /// A run of our own.
    async fn start(&self, run: &Arc<Run>) -> Option<FinishedRun> {
        let overridden = match self.guarded(run).await {
            Ok(overridden) => overridden,
            Err(concluded) => return Some(*concluded),
        };
        let (run, wit_target) = match self.with_ids(run).await {
            Ok(found) => found,
            Err(concluded) => return Some(*concluded),
        };
        let run = &run;
        match self.claim_resource(run).await {
            End::Done(Ok(())) => {}
            End::Done(Err(AuditLogError::ClaimLost { .. })) => return None,
            End::Done(Err(error)) => return Some(self.unrecorded(&run.info, &error)),
            End::Stopped(signal) => return Some(self.stopped(run, signal).await),
            End::OutOfTime => {
                let end = self.waited_in_vain(run, "another run of ours on the same content");
                self.session.finish(run).await;
                return Some(end);
            }
        }
        let gateway = match self.session.boundary.gateway(self.target) {
            Ok(gateway) => gateway,
            Err(error) => {
                self.session.finish(run).await;
                let verdict = Verdict::not_sent(
                    Status::Invalid,
                    error.code(),
                    error.to_string(),
                    "check the configuration",
                );
                return Some(self.concluded(run, verdict, None));
            }
        };
        let taken = if run.info.resource.is_empty() {
            Vec::new()
        } else {
            match self
                .audit
                .audit_log
                .taken_runs(&run.info.resource, &run.info.run)
            {
                Ok(taken) => taken,
                Err(error) => return Some(self.unrecorded(&run.info, &error)),
            }
        };
        let mut instance = match self.session.instance(Ports(run.clone()), gateway).await {
            Ok(instance) => instance,
            Err(error) => {
                let verdict = self.session.broken(run, &error.to_string()).await;
                return Some(self.concluded(run, verdict, None));
            }
        };
        let request = request::refresh(
            self.target,
            wit_target,
            &run.info.run,
            request::call_context(self.target, run.clock.now(), run.left()),
            TriggerOptions {
                follow: self.asked.follow,
                force: self.asked.force,
                overridden,
                taken_runs: taken,
            },
        );
        let exports = instance.exports.powerbi_refresh_refresh();
        let call = exports.call_trigger_refresh(&mut instance.store, &request);
        let verdict = match self.session.drive_component(run, call).await {
            End::Done(Ok(Ok(verdict))) => run.enriched(convert::verdict(verdict)),
            End::Done(Ok(Err(wit::RefreshError::ClaimLost(_)))) => return None,
            End::Done(Ok(Err(error))) => run.enriched(convert::error(error)),
            End::Done(Err(trap)) => {
                self.session
                    .broken(run, &format!("the component broke off: {trap:#}"))
                    .await
            }
            End::OutOfTime => {
                self.session
                    .broken(run, "the component did not end after its deadline")
                    .await
            }
            End::Stopped(signal) => {
                // What the component was doing ends here; what it sent goes on.
                drop(instance);
                return Some(self.stopped(run, signal).await);
            }
        };
        self.session.finish(run).await;
        Some(self.concluded(run, verdict, None))
    }

    /// Passes the guards that need a clock or the audit log, and gives those that were overridden; or
    /// ends in `skipped`.
    async fn guarded(&self, run: &Arc<Run>) -> Result<Vec<String>, Box<FinishedRun>> {
        if self.retrying {
            return Ok(Vec::new());
        }
        let held = match guards::held_back(&self.audit.audit_log, self.target, run.clock.now()) {
            Ok(held) => held,
            Err(error) => return Err(Box::new(self.unrecorded(&run.info, &error))),
        };
        match held.first() {
            None => Ok(Vec::new()),
            Some(_) if self.asked.force => {
                for one in &held {
                    run.reporter.log(
                        Level::Warn,
                        &format!("forced past {}: {}", one.guard, one.message),
                    );
                }
                Ok(held.iter().map(|one| one.guard.to_owned()).collect())
            }
            Some(first) => Err(Box::new(self.ended_before(run, first.verdict()).await)),
        }
    }

    /// The run and the target with ids where the configuration has names. They are looked up only
    /// now: what the audit log answers needs no network.
    async fn with_ids(&self, run: &Arc<Run>) -> Result<(Arc<Run>, wit::Target), Box<FinishedRun>> {
        let has_names = self
            .target
            .watched()
            .is_some_and(|watched| watched.has_names());
        if !has_names || self.asked.asks_nobody(self.target) {
            return Ok((run.clone(), self.wit_target.clone()));
        }
        match names::resolved(self.session, self.target, &self.audit.audit_log, run.left()).await {
            Ok(Ok(wit_target)) => {
                let info = RunInfo {
                    resource: request::resource(self.target, &wit_target).unwrap_or_default(),
                    ..run.info.clone()
                };
                let run = self.session.run(&self.audit.audit_log, info, self.target);
                Ok((run, wit_target))
            }
            Ok(Err(verdict)) => Err(Box::new(self.ended_before(run, verdict).await)),
            Err(signal) => Err(Box::new(self.stopped(run, signal).await)),
        }
    }

    /// The end of a run that has sent nothing, stored as far as it can be.
    async fn ended_before(&self, run: &Arc<Run>, verdict: Verdict) -> FinishedRun {
        let outcome = Detail::Outcome(crate::audit_log::event::Outcome {
            verdict: verdict.clone(),
            invocation: run.invocation(),
        });
        // Nothing was sent, so nothing is lost where this is not stored.
        if let Err(error) = run.store(outcome, LEAST_PATIENCE).await {
            run.reporter.log(
                Level::Warn,
                &format!("the end could not be stored: {error}"),
            );
        }
        self.session.finish(run).await;
        self.concluded(run, verdict, None)
    }

    /// Holds the content from look to match, so that two runs of ours cannot take each other's.
    async fn claim_resource(&self, run: &Arc<Run>) -> End<Result<(), AuditLogError>> {
        if run.info.resource.is_empty() || self.asked.follow == wit::FollowMode::NotAtAll {
            return End::Done(Ok(()));
        }
        let claim = async {
            let mut told = false;
            loop {
                match self
                    .audit
                    .audit_log
                    .claim_resource(&run.info.resource, &run.info)
                {
                    Ok(ResourceClaim::Claimed) => {
                        run.known().holds_resource = true;
                        return Ok(());
                    }
                    Ok(ResourceClaim::HeldBy { run: other, target }) => {
                        if !std::mem::replace(&mut told, true) {
                            run.reporter.progress(&Update {
                                target: &self.target.name,
                                phase: Phase::WaitingForOther,
                                message: &format!("run {other} ({target}) is about to refresh the same content; waiting until it has"),
                                http_calls: 0,
                                level: Level::Info,
                            });
                        }
                    }
                    Err(error) if error.is_busy() => {}
                    Err(error) => return Err(error),
                }
                run.clock.sleep(WATCH).await;
            }
        };
        self.session
            .drive(Some(&self.audit.audit_log), claim, run.left())
            .await
    }

    async fn stopped(&self, run: &Arc<Run>, signal: Signal) -> FinishedRun {
        // Without a look at the service there is nobody who could stop a run there.
        let on_interrupt = match self.asked.follow {
            wit::FollowMode::NotAtAll => OnInterrupt::Leave,
            _ => self.target.on_interrupt,
        };
        let verdict = interrupted(self.session, self.target, run, signal, on_interrupt).await;
        self.concluded(run, verdict, Some(signal))
    }

    fn concluded(&self, run: &Run, verdict: Verdict, signal: Option<Signal>) -> FinishedRun {
        concluded(self.target, run, verdict, signal)
    }

    fn waited_in_vain(&self, run: &Run, what: &str) -> FinishedRun {
        let verdict = Verdict {
            retryable: true,
            ..Verdict::not_sent(
                Status::Skipped,
                "deadline_while_waiting",
                format!("the deadline ran out while waiting for {what}; nothing was sent"),
                "start again later, or give it a longer deadline",
            )
        };
        self.concluded(run, verdict, None)
    }

    fn unrecorded(&self, info: &RunInfo, error: &AuditLogError) -> FinishedRun {
        self.audit_unavailable(
            info,
            error.code(),
            error.to_string(),
            "nothing was sent; mend the audit log and start again",
        )
    }

    fn audit_unavailable(
        &self,
        info: &RunInfo,
        code: &str,
        message: String,
        hint: &str,
    ) -> FinishedRun {
        FinishedRun {
            verdict: Verdict {
                retryable: true,
                ..Verdict::not_sent(Status::AuditUnavailable, code, message, hint)
            },
            invocation: invocation_of(self.target, info),
        }
    }
}

fn interrupted_while_waiting(signal: Signal) -> Verdict {
    Verdict {
        retryable: true,
        ..Verdict::not_sent(
            Status::Interrupted,
            "interrupted",
            format!(
                "stopped by {} while waiting for another process; nothing was sent",
                signal_name(signal)
            ),
            "start again when you like",
        )
    }
}

/// A verdict of this invocation, with what it knows of the run.
pub(super) fn concluded(
    target: &ResolvedTarget,
    run: &Run,
    verdict: Verdict,
    signal: Option<Signal>,
) -> FinishedRun {
    let known = run.known().clone();
    FinishedRun {
        verdict,
        invocation: Invocation {
            trigger_sent_at: known.trigger_at,
            concluded_at: Some(run.clock.now()),
            attempt: known.attempt,
            audit_event: known.last_event,
            signal,
            ..invocation_of(target, &run.info)
        },
    }
}

/// What is known of a run before anything happened to it.
fn invocation_of(target: &ResolvedTarget, info: &RunInfo) -> Invocation {
    Invocation {
        target: target.name.clone(),
        kind: target.kind().to_owned(),
        run: info.run.clone(),
        idempotency_key: info.key.clone(),
        ..Invocation::default()
    }
}

/// The result of an earlier run, as the audit log has it.
pub(super) fn replayed(target: &ResolvedTarget, verdict: Verdict, view: &RunView) -> FinishedRun {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    FinishedRun {
        verdict,
        invocation: Invocation {
            trigger_sent_at: time(&view.intent_time),
            concluded_at: time(&view.last_time),
            attempt: view.intent.as_ref().map_or(0, |intent| intent.attempt),
            audit_event: view.last_event,
            replayed: true,
            ..invocation_of(target, &view.run)
        },
    }
}

/// An earlier run that may have been sent and that nobody can follow.
fn held(target: &ResolvedTarget, view: &RunView) -> FinishedRun {
    let run = &view.run.run;
    let mut concluded = replayed(
        target,
        Verdict {
            sent: view.sent,
            flow_run: view.flow_run.clone(),
            ..Verdict::not_sent(
                Status::Unknown,
                "earlier_run_unresolved",
                format!(
                    "run {run} of the same key may have been sent at {}, and nothing can be followed; nothing was sent now",
                    view.intent_time
                ),
                format!(
                    "find out what became of it, then `host-runner audit resolve {run} --as never_started --reason …` \
                     (or completed, failed, cancelled); --new or `if_lost: resend` triggers again"
                ),
            )
        },
        view,
    );
    concluded.invocation.replayed = true;
    concluded
}
