//! Appending to the audit log.
//!
//! The intent is appended before anything is sent, and there is no going on without the store's
//! word. What happens after the trigger is a fact that must not be lost because the store is busy:
//! such an event is kept, and tried again in order before every further one and at the end. That a
//! late event is refused is told, and changes nothing: the refresh goes on at the service anyway.

use std::collections::VecDeque;

use crate::contract::{
    Entry, Event, Intent, Level, Observed, Phase, ServiceRun, StoreError, Triggered,
};
use crate::session::Session;

/// How often the end is tried to be stored.
const LAST_TRIES: u64 = 10;
/// The first wait between such tries; each is longer by half of it.
const LAST_WAIT_MS: u64 = 200;
/// All such waits together.
const LAST_WAITS_MS: u64 = 5_000;

/// Events that are kept until the store takes them.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pending: VecDeque<Event>,
    /// Whether the audit log knows of a trigger, so that the end must be in it as well.
    owes_an_end: bool,
    /// Whether nothing is to be appended at all.
    silent: bool,
}

impl Session<'_> {
    /// Appends nothing from here on: the run that is looked at is not ours.
    pub(crate) fn keep_silent(&mut self) {
        self.journal.silent = true;
    }

    /// The audit log knows of a trigger of this run.
    pub(crate) fn owe_an_end(&mut self) {
        self.journal.owes_an_end = true;
    }

    /// Whether the audit log knows of a trigger of this run.
    pub(crate) fn owes_an_end(&self) -> bool {
        self.journal.owes_an_end
    }

    /// Stores the intent, after all that is still pending.
    pub(crate) fn append_intent(&mut self, intent: Intent) -> Result<(), StoreError> {
        self.flush().map_err(StoreError::Unavailable)?;
        self.store(Event::Intent(intent))?;
        self.owe_an_end();
        Ok(())
    }

    /// Appends how the trigger was answered.
    pub(crate) fn append_triggered(&mut self, triggered: Triggered) {
        self.append_late(Event::Triggered(triggered));
    }

    /// Appends a state at the service.
    pub(crate) fn append_observed(&mut self, what: &str, run: Option<ServiceRun>, message: String) {
        self.append_late(Event::Observed(Observed {
            what: what.to_owned(),
            run,
            message,
        }));
    }

    /// Appends the end, patiently where the audit log knows of a trigger.
    ///
    /// # Errors
    /// What the store said, where the end is not in it.
    pub(crate) fn append_end(&mut self, end: Event) -> Result<(), String> {
        if self.journal.silent {
            return Ok(());
        }
        self.journal.pending.push_back(end);
        let mut waited = 0_u64;
        let mut tries = 1;
        loop {
            let Err(why) = self.flush() else {
                return Ok(());
            };
            let wait = LAST_WAIT_MS.saturating_add(LAST_WAIT_MS / 2 * (tries - 1));
            waited = waited.saturating_add(wait);
            if !self.owes_an_end() || tries >= LAST_TRIES || waited > LAST_WAITS_MS {
                return Err(why);
            }
            if self.pause(wait).is_err() {
                return Err(why);
            }
            tries += 1;
        }
    }

    /// Tries once to store what is pending.
    pub(crate) fn flush(&mut self) -> Result<(), String> {
        while let Some(event) = self.journal.pending.pop_front() {
            match self.store(event.clone()) {
                Ok(()) => {}
                Err(StoreError::Refused(why)) => self.say(
                    Phase::Following,
                    Level::Warning,
                    format!(
                        "The audit log refused an event: {}",
                        self.redactor.line(&why, 300)
                    ),
                ),
                Err(StoreError::Unavailable(why)) => {
                    self.journal.pending.push_front(event);
                    return Err(self.redactor.line(&why, 300));
                }
            }
        }
        Ok(())
    }

    fn append_late(&mut self, event: Event) {
        if self.journal.silent {
            return;
        }
        self.journal.pending.push_back(event);
        if let Err(why) = self.flush() {
            self.say(
                Phase::Following,
                Level::Warning,
                format!("The audit log cannot be written now, and is tried again: {why}"),
            );
        }
    }

    fn store(&self, event: Event) -> Result<(), StoreError> {
        let entry = Entry {
            run_id: self.run_id.clone(),
            event,
        };
        self.ports.store.append(&entry).map(|_| ())
    }
}
