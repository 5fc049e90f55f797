//! Watching the history until it tells what became of a run: first which run it is, then its end.
//!
//! One loop for both, because both rest on the same look: as long as other runs may begin in the
//! window, every look asks anew whether our run is the only one that can be ours.

use super::ending::{
    Subject, ambiguous, ended, not_asked_yet, not_seen_yet, not_started, started, unfinished,
    unread,
};
use super::look::{read_history, read_run};
use super::others::{follow_other, passed_over};
use super::retry::{Halt, persist};
use super::{Step, Stop};
use crate::content::matching::{Match, Wanted};
use crate::content::run::going_on;
use crate::content::{Run, State, Watched};
use crate::contract::{Evidence, Level, Matched, Phase, Sent, Status, Verdict};
use crate::facts::Facts;
use crate::session::{Limit, Pace, Session};
use crate::time::Moment;
use crate::trouble::Trouble;

/// The run that is looked for, or watched.
#[derive(Debug)]
pub(crate) struct Hunt<'t> {
    /// Where its history is.
    pub(crate) watched: Watched<'t>,
    /// What makes a run ours; nothing where the run is watched whosever it is.
    pub(crate) wanted: Option<Wanted>,
    /// The run's id, where it is known already.
    pub(crate) known: Option<String>,
    /// Whether the run has a page of its own, so that no other one is looked at.
    pub(crate) by_id: bool,
    /// Before this time the service does not want to be asked.
    pub(crate) poll_from: Option<Moment>,
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
    Run(&'h Run),
    /// The run is known, was seen before, and is not in the history.
    Vanished,
    /// No run yet that could be ours.
    Nothing,
    /// Nobody can say which run is ours.
    Ambiguous(Vec<&'h Run>),
}

/// Watches until there is a verdict.
pub(crate) fn settle(
    session: &mut Session<'_>,
    facts: &mut Facts,
    mut hunt: Hunt<'_>,
) -> Step<Verdict> {
    let mut pace = Pace::up_to(hunt.watched.item.poll_ms);
    let mut told = Told::default();
    let mut limit = match hunt.at_least_one_look {
        true => Limit::CallOnly,
        false => Limit::Deadline,
    };
    // A run that is somebody else's, or that an earlier look has shown, was seen already.
    let mut seen = hunt.known.is_some() && facts.matched != Matched::Exact;
    if let Some(pause) = hunt
        .poll_from
        .map(|from| session.service_now().until(from))
        .filter(|pause| *pause > 0)
    {
        if pause > session.remaining_ms() {
            return Ok(match seen {
                true => unfinished(facts, &hunt.subject, false),
                false => not_asked_yet(facts, &hunt.subject, session.service_now().after_ms(pause)),
            });
        }
        session.pause(pause)?;
    }
    loop {
        // Taken before the look: what began while it was on its way may not be in it yet.
        let asked_at = session.service_now();
        let read = persist(session, |session| read_once(session, &hunt, limit));
        let (history, asked) = match read {
            Ok(read) => read,
            Err(Halt::Cancelled) => return Err(Stop::Cancelled),
            Err(Halt::Trouble(trouble)) => return Ok(unread(facts, &hunt.subject, *trouble)),
        };
        limit = Limit::Deadline;
        facts.evidence = Evidence::Service;
        let mut vanished = false;
        match see(&hunt, facts, &history, seen) {
            Seen::Ambiguous(runs) => return Ok(ambiguous(facts, &hunt.subject, &runs)),
            Seen::Run(run) => {
                if seen {
                    facts.run = Some(run.to_service_run());
                } else {
                    seen = true;
                    hunt.known = Some(run.id.clone());
                    if hunt.ours {
                        matched(session, facts, run);
                    } else {
                        facts.run = Some(run.to_service_run());
                    }
                    told.status = Some(run.status.clone());
                }
                told.tell(session, run, hunt.ours);
                if run.state == State::Deduped && hunt.ours {
                    return deduped(session, facts, &hunt, &history, asked);
                }
                if let Some(verdict) = verdict_on(session, facts, &hunt, run) {
                    return Ok(verdict);
                }
            }
            Seen::Vanished => vanished = true,
            Seen::Nothing => {
                if let Some(wanted) = &hunt.wanted
                    && asked_at > wanted.until
                {
                    return Ok(not_started(facts, &hunt, wanted, &history));
                }
            }
        }
        let remaining = session.remaining_ms();
        if remaining == 0 || asked.is_some_and(|asked| asked > remaining) {
            let mut verdict = match &hunt.wanted {
                Some(wanted) if !seen => not_seen_yet(facts, &hunt.subject, wanted),
                _ => unfinished(facts, &hunt.subject, vanished),
            };
            verdict.retry_at = asked.map(|wait| session.service_now().after_ms(wait).to_string());
            return Ok(verdict);
        }
        let pause = until_window_ends(session, &hunt, seen, pace.next(session).min(remaining));
        session.pause(pause.max(asked.unwrap_or_default()))?;
    }
}

/// One look: at the run's own page where it has one, else at the history. With it comes how long
/// the service wants not to be asked again.
fn read_once(
    session: &mut Session<'_>,
    hunt: &Hunt<'_>,
    limit: Limit,
) -> Result<(Vec<Run>, Option<u64>), Trouble> {
    let page = hunt
        .known
        .as_deref()
        .filter(|_| hunt.by_id)
        .and_then(|run| Some((run, hunt.watched.run_url(run)?)));
    match page {
        Some((run, url)) => {
            let (run, asked) = read_run(session, &hunt.watched, url, run, limit)?;
            Ok((run.into_iter().collect(), asked))
        }
        None => {
            let look = read_history(session, &hunt.watched, limit)?;
            Ok((look.history, look.asked))
        }
    }
}

fn see<'h>(hunt: &Hunt<'_>, facts: &Facts, history: &'h [Run], seen: bool) -> Seen<'h> {
    let known = hunt.known.as_deref();
    let found = match &hunt.wanted {
        // The service named our run: no other one can be it.
        Some(wanted) if facts.matched != Matched::Exact => wanted.find(history, known),
        _ => history
            .iter()
            .find(|run| Some(run.id.as_str()) == known)
            .map_or(Match::None, Match::One),
    };
    match found {
        Match::One(run) => Seen::Run(run),
        Match::Ambiguous(runs) => Seen::Ambiguous(runs),
        Match::None if seen => Seen::Vanished,
        Match::None => Seen::Nothing,
    }
}

/// The service dropped our run, because another one was going on: neither success nor failure.
fn deduped(
    session: &mut Session<'_>,
    facts: &Facts,
    hunt: &Hunt<'_>,
    seen: &[Run],
    asked: Option<u64>,
) -> Step<Verdict> {
    const CODE: &str = "deduplicated";
    let told = hunt.subject.say(
        "The service dropped the run, because another one of the same content was going on."
            .to_owned(),
    );
    let alone = |facts: &Facts| {
        let facts = Facts {
            matched: Matched::None,
            ..facts.clone()
        };
        let end = facts.verdict(Status::Unknown, CODE, String::new());
        passed_over(end, CODE, &told)
    };
    if hunt.until_started {
        return Ok(alone(facts));
    }
    let watched = hunt.watched;
    let read;
    let (history, asked) = if hunt.by_id {
        // The run's own page shows no other one.
        read = match persist(session, |session| {
            read_history(session, &watched, Limit::Deadline)
        }) {
            Ok(look) => look,
            Err(Halt::Cancelled) => return Err(Stop::Cancelled),
            Err(Halt::Trouble(_)) => return Ok(alone(facts)),
        };
        (read.history.as_slice(), read.asked)
    } else {
        (seen, asked)
    };
    let Some(running) = going_on(history, session.service_now()) else {
        return Ok(alone(facts));
    };
    let name = hunt.subject.name();
    let end = follow_other(
        session,
        &watched,
        Subject::of_other(name),
        running,
        asked,
        facts.clone(),
    )?;
    Ok(passed_over(end, CODE, &told))
}

fn matched(session: &mut Session<'_>, facts: &mut Facts, run: &Run) {
    facts.run = Some(run.to_service_run());
    if facts.matched != Matched::Exact {
        facts.matched = Matched::Inferred;
    }
    // A run that only our trigger can have begun tells that the trigger arrived.
    facts.sent = Sent::Yes;
    let message = format!("The run that the trigger began: {}.", run.words());
    session.say(Phase::Matching, Level::Info, message.clone());
    session.append_observed("matched", Some(run.to_service_run()), message);
}

fn verdict_on(session: &Session<'_>, facts: &Facts, hunt: &Hunt<'_>, run: &Run) -> Option<Verdict> {
    let end = ended(facts, &hunt.subject, &hunt.watched, run, &session.redactor);
    if !hunt.until_started {
        return end;
    }
    // Seen to start is enough, but a failure that is already known is not kept back.
    match end {
        Some(verdict) if verdict.status != Status::Completed => Some(verdict),
        // What waits in a queue may still be dropped.
        None if run.is_queued() => None,
        _ => Some(started(facts, &hunt.subject, run)),
    }
}

/// A pause that ends when the window does, so that nobody waits for a decision that is due.
fn until_window_ends(session: &Session<'_>, hunt: &Hunt<'_>, seen: bool, pause: u64) -> u64 {
    match &hunt.wanted {
        Some(wanted) if !seen => {
            let left = session.service_now().until(wanted.until);
            pause.min(left.saturating_add(1))
        }
        _ => pause,
    }
}

/// What was told of a run so far.
#[derive(Default)]
struct Told {
    status: Option<String>,
    warned: Vec<String>,
}

impl Told {
    fn tell(&mut self, session: &mut Session<'_>, run: &Run, ours: bool) {
        if run.state == State::Unknown && !self.warned.contains(&run.status) {
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
