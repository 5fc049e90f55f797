//! What a run's events come to, read in their order.
//!
//! The events are the truth; this is a view of them and is never stored. Three rules keep it from
//! saying too much or allowing a second trigger:
//! - An intent begins a new attempt. Whatever was known of an earlier one says nothing about it.
//! - That nothing was sent is believed of an [`Observed::NOT_SENT`], and of an outcome or an
//!   interruption that the very invocation wrote which wrote the intent. Somebody who follows later
//!   and cannot even reach the service does not know that. After a 2xx nobody does.
//! - What is settled stays settled: a later `unknown` or a later interruption of somebody who
//!   followed again does not undo a `completed`, `failed`, `cancelled` or `skipped`, or a person's word.

use super::actor::Actor;
use super::event::{
    Detail, Intent, Interrupted, Note, Observed, Outcome, Resolution, RunInfo, ServiceRun,
    StoredEvent, Triggered,
};
use crate::verdict::{Matched, Sent};

/// What a run's events come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunView {
    /// The run, as its first event names it.
    pub run: RunInfo,
    /// Who began it.
    pub actor: Actor,
    /// When its first event was stored: RFC 3339, UTC.
    pub first_time: String,
    /// When its last event was stored.
    pub last_time: String,
    /// The number of its last event.
    pub last_event: u64,
    /// Whether the trigger of the last attempt left.
    pub sent: Sent,
    /// The intent of the last attempt.
    pub intent: Option<Intent>,
    /// When that intent was stored.
    pub intent_time: String,
    /// How its trigger was answered.
    pub triggered: Option<Triggered>,
    /// The service's id of the run, once it was matched; else empty.
    pub service_run: String,
    /// How it was matched.
    pub matched: Matched,
    /// The flow run that the trigger began, where it said so; else empty.
    pub flow_run: String,
    /// Before this time the service does not want to be asked about the run; else empty.
    pub poll_from: String,
    /// The service's run as it was last seen.
    pub service_state: Option<ServiceRun>,
    /// The last outcome of the last attempt.
    pub outcome: Option<Outcome>,
    /// The last interruption of the last attempt.
    pub interrupted: Option<Interrupted>,
    /// The last word of a person, or of a reconciliation, and who said it.
    pub resolved: Option<(Resolution, Actor)>,
    /// Which of the three counts.
    pub(super) conclusion: Conclusion,
    /// The invocation that wrote the intent.
    sender: String,
}

/// Which of a run's concluding events counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conclusion {
    None,
    Outcome,
    Interrupted,
    Resolved,
}

impl RunView {
    /// The view of a run's events in their order; nothing for no events.
    #[must_use]
    pub fn of(events: impl IntoIterator<Item = StoredEvent>) -> Option<Self> {
        let mut events = events.into_iter();
        let first = events.next()?;
        let mut view = Self::new(&first);
        view.apply(first);
        events.for_each(|event| view.apply(event));
        Some(view)
    }

    fn new(first: &StoredEvent) -> Self {
        Self {
            run: first.run.clone(),
            actor: first.actor.clone(),
            first_time: first.time.clone(),
            last_time: String::new(),
            last_event: 0,
            sent: Sent::No,
            intent: None,
            intent_time: String::new(),
            triggered: None,
            service_run: String::new(),
            matched: Matched::None,
            flow_run: String::new(),
            poll_from: String::new(),
            service_state: None,
            outcome: None,
            interrupted: None,
            resolved: None,
            conclusion: Conclusion::None,
            sender: String::new(),
        }
    }

    fn apply(&mut self, event: StoredEvent) {
        let StoredEvent {
            number,
            time,
            actor,
            detail,
            ..
        } = event;
        match detail {
            Detail::Intent(intent) => self.begin_attempt(intent, &time, &actor),
            Detail::Triggered(triggered) => {
                if triggered
                    .http_status
                    .is_some_and(|status| (200..300).contains(&status))
                {
                    self.sent = Sent::Yes;
                }
                keep(
                    &mut self.flow_run,
                    triggered.flow_run.clone().unwrap_or_default(),
                );
                if let Some(run) = triggered.service_run.clone() {
                    self.service_run = run;
                    self.matched = Matched::Exact;
                }
                keep(
                    &mut self.poll_from,
                    triggered.poll_from.clone().unwrap_or_default(),
                );
                self.triggered = Some(triggered);
            }
            Detail::Observed(observed) => self.observe(observed),
            Detail::Outcome(outcome) => self.end(outcome, &actor),
            Detail::Interrupted(interrupted) => {
                self.believe(interrupted.sent, &actor);
                self.interrupted = Some(interrupted);
                self.conclude(Conclusion::Interrupted, false);
            }
            Detail::Reconciled(word) | Detail::Resolved(word) => {
                self.resolved = Some((word, actor));
                self.conclude(Conclusion::Resolved, true);
            }
            Detail::Note(note) if note.topic == Note::CANCEL => {
                let asked = note
                    .fields
                    .into_iter()
                    .find(|(name, _)| name == Note::POLL_FROM);
                keep(
                    &mut self.poll_from,
                    asked.map(|(_, at)| at).unwrap_or_default(),
                );
            }
            Detail::Note(_) => {}
        }
        self.last_event = number;
        self.last_time = time;
    }

    fn begin_attempt(&mut self, intent: Intent, time: &str, actor: &Actor) {
        self.sent = Sent::Maybe;
        self.intent = Some(intent);
        time.clone_into(&mut self.intent_time);
        actor.invocation.clone_into(&mut self.sender);
        self.triggered = None;
        self.service_run.clear();
        self.matched = Matched::None;
        self.flow_run.clear();
        self.poll_from.clear();
        self.service_state = None;
        self.outcome = None;
        self.interrupted = None;
        self.resolved = None;
        self.conclusion = Conclusion::None;
    }

    fn observe(&mut self, observed: Observed) {
        match (observed.what.as_str(), observed.run) {
            (Observed::NOT_SENT, _) if self.sent == Sent::Maybe => self.sent = Sent::No,
            (Observed::MATCHED, Some(run)) => {
                self.sent = Sent::Yes;
                self.service_run.clone_from(&run.id);
                if self.matched == Matched::None {
                    self.matched = Matched::Inferred;
                }
                self.service_state = Some(run);
            }
            (Observed::STATUS, Some(run)) => self.service_state = Some(run),
            _ => {}
        }
    }

    fn end(&mut self, outcome: Outcome, actor: &Actor) {
        let verdict = &outcome.verdict;
        self.believe(verdict.sent, actor);
        if verdict.own_run && !verdict.service_run.is_empty() {
            self.service_run.clone_from(&verdict.service_run);
            self.matched = verdict.matched;
        }
        keep(&mut self.flow_run, verdict.flow_run.clone());
        if self.conclude(Conclusion::Outcome, verdict.status.settles()) {
            self.outcome = Some(outcome);
        }
    }

    /// Takes a later word on whether the trigger left, as far as its speaker can know.
    fn believe(&mut self, sent: Sent, speaker: &Actor) {
        let was_there = speaker.invocation == self.sender;
        match (self.sent, sent) {
            (Sent::Maybe, Sent::No) if was_there => self.sent = Sent::No,
            (Sent::Maybe, Sent::Yes) => self.sent = Sent::Yes,
            _ => {}
        }
    }

    /// Lets `conclusion` count unless something that is settled counts already.
    fn conclude(&mut self, conclusion: Conclusion, settles: bool) -> bool {
        let counts = settles || !self.is_settled();
        if counts {
            self.conclusion = conclusion;
        }
        counts
    }

    fn is_settled(&self) -> bool {
        match self.conclusion {
            Conclusion::Resolved => true,
            Conclusion::Outcome => {
                (self.outcome.as_ref()).is_some_and(|outcome| outcome.verdict.status.settles())
            }
            Conclusion::None | Conclusion::Interrupted => false,
        }
    }
}

/// Replaces what is known by what was said, unless nothing was said.
fn keep(known: &mut String, said: String) {
    if !said.is_empty() {
        *known = said;
    }
}
