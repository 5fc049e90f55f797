//! Following a run of somebody else, and what it means for ours: nothing was refreshed by us.

use super::Step;
use super::ending::{Subject, ended_in};
use super::settle::{Hunt, settle};
use crate::content::{Run, Watched};
use crate::contract::{Status, Verdict};
use crate::facts::Facts;
use crate::session::Session;

/// What becomes of somebody else's run.
pub(crate) fn follow_other(
    session: &mut Session<'_>,
    watched: &Watched<'_>,
    subject: Subject,
    running: &Run,
    asked: Option<u64>,
    facts: Facts,
) -> Step<Verdict> {
    let mut facts = Facts {
        run: Some(running.to_service_run()),
        matched: crate::contract::Matched::None,
        ..facts
    };
    let hunt = Hunt {
        watched: *watched,
        wanted: None,
        known: Some(running.id.clone()),
        by_id: false,
        poll_from: asked.map(|wait| session.service_now().after_ms(wait)),
        subject,
        until_started: false,
        at_least_one_look: false,
        ours: false,
    };
    settle(session, &mut facts, hunt)
}

/// The verdict `skipped`, with what became of the run that was going on.
pub(crate) fn passed_over(mut end: Verdict, code: &str, told: &str) -> Verdict {
    let message = match ended_in(end.status) {
        Some(word) => format!("{told} That run {word}."),
        None if end.message.is_empty() => told.to_owned(),
        None => format!("{told} {}", end.message),
    };
    // The facts are those of a run that is not ours: nothing of it was begun by us.
    end.status = Status::Skipped;
    end.own_run = false;
    code.clone_into(&mut end.code);
    end.message = message;
    "Start again if the content of that run is not new enough.".clone_into(&mut end.hint);
    end.retryable = true;
    end.retry_at = None;
    end
}
