//! Watching the history until it tells what became of a run: first which run it is, then its end.
//!
//! One loop for both, because both rest on the same look: as long as other runs may begin in the
//! window, every look asks anew whether our run is the only one that can be ours.

use super::ending::{
    Subject, ambiguous, ended, not_seen_yet, not_started, started, unfinished, unread,
};
use super::look::read_history;
use super::retry::{Halt, persist};
use super::{Step, Stop};
use crate::contract::{DataflowTarget, Evidence, Level, Matched, Phase, Sent, Status, Verdict};
use crate::dataflow::history::{State, Transaction};
use crate::dataflow::matching::{Match, Wanted};
use crate::facts::Facts;
use crate::session::{Limit, Pace, Session};

/// The run that is looked for, or watched.
#[derive(Debug)]
pub(crate) struct Hunt<'t> {
    /// Where its history is.
    pub(crate) target: &'t DataflowTarget,
    /// What makes a run ours; nothing where the run is watched whosever it is.
    pub(crate) wanted: Option<Wanted>,
    /// The run's id, where it is known already.
    pub(crate) known: Option<String>,
    /// What is spoken of.
    pub(crate) subject: Subject,
    /// Whether it is enough that the run has started.
    pub(crate) until_started: bool,
    /// Whether the first look is taken whatever is left of the deadline.
    pub(crate) at_least_one_look: bool,
    /// Whether what is seen belongs into the record of our run.
    pub(crate) ours: bool,
}

/// What one look tells.
enum Seen<'h> {
    /// The run, as it is now.
    Run(&'h Transaction),
    /// The run is known, and is not in the history.
    Vanished,
    /// No run yet that could be ours.
    Nothing,
    /// Nobody can say which run is ours.
    Ambiguous(Vec<&'h Transaction>),
}

/// Watches until there is a verdict.
pub(crate) fn settle(
    session: &mut Session<'_>,
    facts: &mut Facts,
    mut hunt: Hunt<'_>,
) -> Step<Verdict> {
    let mut pace = Pace::up_to(hunt.target.poll_ms);
    let mut state = Watched::default();
    let mut limit = match hunt.at_least_one_look {
        true => Limit::CallOnly,
        false => Limit::Deadline,
    };
    loop {
        // Taken before the look: what began while it was on its way may not be in it yet.
        let asked_at = session.service_now();
        let read = persist(session, |session| read_history(session, hunt.target, limit));
        let history = match read {
            Ok(history) => history,
            Err(Halt::Cancelled) => return Err(Stop::Cancelled),
            Err(Halt::Trouble(trouble)) => return Ok(unread(facts, &hunt.subject, *trouble)),
        };
        limit = Limit::Deadline;
        facts.evidence = Evidence::Service;
        let mut vanished = false;
        match see(&hunt, &history) {
            Seen::Ambiguous(runs) => return Ok(ambiguous(facts, &hunt.subject, &runs)),
            Seen::Run(run) => {
                if hunt.known.is_none() {
                    hunt.known = Some(run.id.clone());
                    matched(session, facts, run);
                    state.status = Some(run.status.clone());
                } else {
                    facts.run = Some(run.to_service_run());
                }
                state.tell(session, run, hunt.ours);
                if let Some(verdict) = verdict_on(facts, &hunt, run) {
                    return Ok(verdict);
                }
            }
            Seen::Vanished => vanished = true,
            Seen::Nothing => {
                if let Some(wanted) = &hunt.wanted
                    && asked_at > wanted.until
                {
                    let within = hunt.target.start_within_ms;
                    return Ok(not_started(facts, &hunt.subject, wanted, &history, within));
                }
            }
        }
        let remaining = session.remaining_ms();
        if remaining == 0 {
            return Ok(match (&hunt.known, &hunt.wanted) {
                (None, Some(wanted)) => not_seen_yet(facts, &hunt.subject, wanted),
                _ => unfinished(facts, &hunt.subject, vanished),
            });
        }
        let pause = pace.next(session).min(remaining);
        session.pause(until_window_ends(session, &hunt, pause))?;
    }
}

fn see<'h>(hunt: &Hunt<'_>, history: &'h [Transaction]) -> Seen<'h> {
    let known = hunt.known.as_deref();
    let found = match &hunt.wanted {
        Some(wanted) => wanted.find(history, known),
        None => history
            .iter()
            .find(|run| Some(run.id.as_str()) == known)
            .map_or(Match::None, Match::One),
    };
    match found {
        Match::One(run) => Seen::Run(run),
        Match::Ambiguous(runs) => Seen::Ambiguous(runs),
        Match::None if known.is_some() => Seen::Vanished,
        Match::None => Seen::Nothing,
    }
}

fn matched(session: &mut Session<'_>, facts: &mut Facts, run: &Transaction) {
    facts.run = Some(run.to_service_run());
    facts.matched = Matched::Inferred;
    // A run that only our trigger can have begun tells that the trigger arrived.
    facts.sent = Sent::Yes;
    let message = format!("The run that the trigger began: {}.", run.words());
    session.say(Phase::Matching, Level::Info, message.clone());
    session.append_observed("matched", Some(run.to_service_run()), message);
}

fn verdict_on(facts: &Facts, hunt: &Hunt<'_>, run: &Transaction) -> Option<Verdict> {
    let end = ended(facts, &hunt.subject, run);
    if !hunt.until_started {
        return end;
    }
    // Seen to start is enough, but a failure that is already known is not kept back.
    match end {
        Some(verdict) if verdict.status != Status::Completed => Some(verdict),
        _ => Some(started(facts, &hunt.subject, run)),
    }
}

/// A pause that ends when the window does, so that nobody waits for a decision that is due.
fn until_window_ends(session: &Session<'_>, hunt: &Hunt<'_>, pause: u64) -> u64 {
    match &hunt.wanted {
        Some(wanted) if hunt.known.is_none() => {
            let left = session.service_now().until(wanted.until);
            pause.min(left.saturating_add(1))
        }
        _ => pause,
    }
}

/// What was told of a run so far.
#[derive(Default)]
struct Watched {
    status: Option<String>,
    warned: Vec<String>,
}

impl Watched {
    fn tell(&mut self, session: &mut Session<'_>, run: &Transaction, ours: bool) {
        if run.state() == State::Unknown && !self.warned.contains(&run.status) {
            self.warned.push(run.status.clone());
            session.say(
                Phase::Following,
                Level::Warning,
                format!(
                    "The run's state `{}` is not known; it is watched on and not taken for success.",
                    session.redactor.line(&run.status, 64)
                ),
            );
        }
        if self.status.as_ref() != Some(&run.status) {
            self.status = Some(run.status.clone());
            let message = format!("The run is in state `{}`.", run.status);
            session.say(Phase::Following, Level::Info, message.clone());
            if ours {
                session.append_observed("status", Some(run.to_service_run()), message);
            }
        } else {
            session.say(
                Phase::Following,
                Level::Debug,
                format!("The run is in state `{}`.", run.status),
            );
        }
    }
}
