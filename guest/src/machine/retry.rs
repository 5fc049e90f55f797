//! Trying again what starts nothing: looks and polls, until they answer or the deadline comes.

use crate::contract::{Level, Phase};
use crate::session::{Cancelled, Session};
use crate::time::words;
use crate::trouble::{Remedy, Trouble};

/// Why there is no answer in the end.
#[derive(Debug)]
pub(crate) enum Halt {
    /// No try brought one, or none ever will.
    Trouble(Box<Trouble>),
    /// The host asked for an end.
    Cancelled,
}

impl From<Cancelled> for Halt {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Calls `op` until it answers, until its trouble is one that waiting does not mend, or until the
/// next try would come after the deadline.
pub(crate) fn persist<T>(
    session: &mut Session<'_>,
    mut op: impl FnMut(&mut Session<'_>) -> Result<T, Trouble>,
) -> Result<T, Halt> {
    let mut tries = 0_u32;
    loop {
        let trouble = match op(session) {
            Ok(answer) => return Ok(answer),
            Err(trouble) => trouble,
        };
        tries = tries.saturating_add(1);
        let wait = session.wait_before_retry(trouble.retry_after_ms, tries);
        let (Remedy::Patience, Some(wait)) = (trouble.remedy, wait) else {
            return Err(Halt::Trouble(Box::new(trouble)));
        };
        session.say(
            Phase::WaitingToRetry,
            Level::Warning,
            format!("{} Trying again in {}.", trouble.message, words(wait)),
        );
        session.pause(wait)?;
    }
}
