//! Reading a history, a run, a list: once each.

use crate::classify::{Act, Asked, judge};
use crate::content::{Run, Watched};
use crate::ports::{HttpAnswer, Method};
use crate::session::{Limit, Session};
use crate::time::Moment;
use crate::trouble::{Trouble, retry_after};

/// A look at the history.
#[derive(Debug)]
pub(crate) struct Look {
    /// The runs, newest first.
    pub(crate) history: Vec<Run>,
    /// The service's own time of the answer.
    pub(crate) at: Moment,
    /// How long the service wants not to be asked again.
    pub(crate) asked: Option<u64>,
}

impl Look {
    /// Since when the service may be asked for this history again.
    pub(crate) fn again_from(&self) -> Option<Moment> {
        self.asked.map(|wait| self.at.after_ms(wait))
    }
}

/// Reads the history, and takes the service's clock from the answer.
pub(crate) fn look(session: &mut Session<'_>, watched: &Watched<'_>) -> Result<Look, Trouble> {
    let (history, answer) = read(session, watched, Limit::Deadline)?;
    let at = session.set_service_clock(&answer);
    let asked = retry_after(&answer, at);
    Ok(Look { history, at, asked })
}

/// Reads the history; the service's clock is only taken where it was not known.
pub(crate) fn read_history(
    session: &mut Session<'_>,
    watched: &Watched<'_>,
    limit: Limit,
) -> Result<Look, Trouble> {
    let (history, answer) = read(session, watched, limit)?;
    if !session.knows_service_clock() {
        session.set_service_clock(&answer);
    }
    let at = session.service_now();
    let asked = retry_after(&answer, at);
    Ok(Look { history, at, asked })
}

/// One run as its own page shows it, and how long the service wants not to be asked again. A run
/// that the service does not know (yet) is none.
pub(crate) fn read_run(
    session: &mut Session<'_>,
    watched: &Watched<'_>,
    url: String,
    run: &str,
    limit: Limit,
) -> Result<(Option<Run>, Option<u64>), Trouble> {
    const WHAT: &str = "Reading the run";
    let asked = watched.kind.asked(Act::Read);
    let answer = session
        .api_call(Method::Get, url.clone(), limit)
        .map_err(|error| Trouble::of_transport(&error, asked, WHAT, &url, &session.redactor))?;
    let pause = retry_after(&answer, session.service_now());
    if !session.knows_service_clock() {
        session.set_service_clock(&answer);
    }
    if answer.status == 404 {
        return Ok((None, pause));
    }
    if !answer.is_success() {
        let judged = judge(asked, &answer, &session.redactor);
        return Err(Trouble::of_answer(judged, &answer, WHAT, session));
    }
    match watched.run(&answer, run) {
        Some(run) => Ok((Some(run), pause)),
        None => Err(Trouble::unreadable(&answer, WHAT, session)),
    }
}

fn read(
    session: &mut Session<'_>,
    watched: &Watched<'_>,
    limit: Limit,
) -> Result<(Vec<Run>, HttpAnswer), Trouble> {
    let asked = watched.kind.asked(Act::Read);
    list(
        session,
        asked,
        watched.history_url(),
        limit,
        "Reading the history",
        |answer| watched.history(answer),
    )
}

/// Reads a list.
pub(crate) fn list<T>(
    session: &mut Session<'_>,
    asked: Asked,
    url: String,
    limit: Limit,
    what: &str,
    parse: impl Fn(&HttpAnswer) -> Option<T>,
) -> Result<(T, HttpAnswer), Trouble> {
    let answer = session
        .api_call(Method::Get, url.clone(), limit)
        .map_err(|error| Trouble::of_transport(&error, asked, what, &url, &session.redactor))?;
    if !answer.is_success() {
        let judged = judge(asked, &answer, &session.redactor);
        return Err(Trouble::of_answer(judged, &answer, what, session));
    }
    match parse(&answer) {
        Some(list) => Ok((list, answer)),
        None => Err(Trouble::unreadable(&answer, what, session)),
    }
}
