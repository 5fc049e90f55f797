//! Reading a dataflow's history, once.

use crate::classify::{Asked, judge};
use crate::contract::DataflowTarget;
use crate::dataflow::api;
use crate::dataflow::history::Transaction;
use crate::ports::{HttpAnswer, Method};
use crate::session::{Limit, Session};
use crate::time::Moment;
use crate::trouble::Trouble;

/// A look at the history.
#[derive(Debug)]
pub(crate) struct Look {
    /// The runs, newest first.
    pub(crate) history: Vec<Transaction>,
    /// The service's own time of the answer.
    pub(crate) at: Moment,
}

/// Reads the history, and takes the service's clock from the answer.
pub(crate) fn look(session: &mut Session<'_>, target: &DataflowTarget) -> Result<Look, Trouble> {
    let (history, answer) = read(session, target, Limit::Deadline)?;
    let at = session.set_service_clock(&answer);
    Ok(Look { history, at })
}

/// Reads the history; the service's clock is only taken where it was not known.
pub(crate) fn read_history(
    session: &mut Session<'_>,
    target: &DataflowTarget,
    limit: Limit,
) -> Result<Vec<Transaction>, Trouble> {
    let (history, answer) = read(session, target, limit)?;
    if !session.knows_service_clock() {
        session.set_service_clock(&answer);
    }
    Ok(history)
}

fn read(
    session: &mut Session<'_>,
    target: &DataflowTarget,
    limit: Limit,
) -> Result<(Vec<Transaction>, HttpAnswer), Trouble> {
    let url = api::transactions_url(target);
    list(
        session,
        url,
        limit,
        "Reading the history",
        api::transactions,
    )
}

/// Reads a list of the Power BI API.
pub(crate) fn list<T>(
    session: &mut Session<'_>,
    url: String,
    limit: Limit,
    what: &str,
    parse: impl Fn(&HttpAnswer) -> Option<T>,
) -> Result<(T, HttpAnswer), Trouble> {
    let answer = session
        .power_bi(Method::Get, url.clone(), limit)
        .map_err(|error| Trouble::of_transport(&error, what, &url, &session.redactor))?;
    if !answer.is_success() {
        let judged = judge(Asked::Read, &answer, &session.redactor);
        return Err(Trouble::of_answer(judged, &answer, what, session));
    }
    match parse(&answer) {
        Some(list) => Ok((list, answer)),
        None => Err(Trouble::unreadable(&answer, what, session)),
    }
}
