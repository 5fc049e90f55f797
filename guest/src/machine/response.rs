//! Verified by the flow's own Response, at once or polled at its `Location`.
//!
//! The `Location` carries a signature of its own that is gone with this process, so nothing can
//! be followed later: whatever is not settled here stays `unknown`.

use super::retry::{Halt, persist};
use super::{Step, Stop};
use crate::classify::{Act, Asked, Class, Judged, Of, is_html, judge};
use crate::contract::{
    Evidence, FollowMode, Level, Matched, Phase, RefreshRequest, Status, Verdict,
};
use crate::facts::Facts;
use crate::flow::response::{Failure, Word, refusal, word};
use crate::ports::{HttpAnswer, HttpRequest, Method};
use crate::session::{Pace, Session};
use crate::trouble::{Remedy, Trouble, in_words, retry_after};
use crate::url::resolve;

/// The longest pause between two polls where the flow names none.
const LONGEST_POLL_MS: u64 = 10_000;

const NO_FOLLOW_HINT: &str = "Look at the run in the flow's run history, and settle the run with `audit resolve`: a Response cannot be asked for again.";

/// Whether an answer that refuses is the flow's own Response, and not the platform's refusal: that
/// has one of the platform's codes and names no run, and a Response is never a redirect.
pub(crate) fn is_response(facts: &Facts, answer: &HttpAnswer, judged: &Judged) -> bool {
    answer.status >= 400 && (facts.flow_run.is_some() || !judged.row.is_particular())
}

/// The verdict on a Response that refuses.
pub(crate) fn refused(
    facts: &mut Facts,
    request: &RefreshRequest,
    answer: &HttpAnswer,
    judged: Judged,
) -> Verdict {
    failed(facts, request, refusal(answer, judged), answer.status)
}

/// What the Response to a trigger that was taken comes to.
pub(crate) fn settle(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    trigger_url: &str,
    answer: HttpAnswer,
) -> Step<Verdict> {
    match word(&answer, false, &session.redactor) {
        Word::Later(_) if request.follow != FollowMode::ToTheEnd => Ok(facts.verdict_hint(
            Status::Accepted,
            "response_not_awaited",
            format!(
                "The flow runs and will respond; that of {} was not waited for.",
                request.name
            ),
            "Let it be followed to its end for a verdict: the Response cannot be asked for later.",
        )),
        Word::Later(location) => match resolve(trigger_url, &location) {
            Some(url) => poll(session, facts, request, url, &answer),
            None => Ok(facts.verdict_hint(
                Status::Unknown,
                "read_failed",
                "The flow will respond at a `Location` that is no address.".to_owned(),
                NO_FOLLOW_HINT,
            )),
        },
        other => Ok(spoken(facts, request, other, &answer)),
    }
}

/// The verdict on what a Response says.
fn spoken(facts: &mut Facts, request: &RefreshRequest, word: Word, answer: &HttpAnswer) -> Verdict {
    let name = &request.name;
    match word {
        Word::Completed(message) => {
            own(facts);
            facts.verdict(
                Status::Completed,
                "",
                format!("The flow says that the refresh of {name} completed{}.", tail(&message)),
            )
        }
        Word::Started(message) => {
            own(facts);
            facts.verdict(
                Status::Accepted,
                "",
                format!("The flow says that the refresh of {name} was started{}.", tail(&message)),
            )
        }
        Word::Failed(failure) => failed(facts, request, failure, answer.status),
        Word::NoResponse => facts.verdict_hint(
            Status::Accepted,
            "flow_has_no_response",
            "The flow took the trigger (HTTP 202), but has no Response action that would tell what becomes of the refresh.".to_owned(),
            "Give the flow a Response action, or verify by the dataflow's transactions.",
        ),
        Word::Unclear | Word::Later(_) => facts.verdict_hint(
            Status::Accepted,
            "flow_response_unclear",
            format!("The flow responded (HTTP {}), but does not say what became of the refresh of {name}.", answer.status),
            "Let the Response's JSON body have a `status` of `completed`, `started` or `failed`.",
        ),
    }
}

fn failed(facts: &mut Facts, request: &RefreshRequest, failure: Failure, status: u16) -> Verdict {
    own(facts);
    let message = format!(
        "The flow says that the refresh of {} failed: HTTP {status}{}.",
        request.name,
        in_words(&failure.service_error)
    );
    facts.service_error = Some(failure.service_error);
    let mut verdict = facts.verdict_hint(Status::Failed, &failure.code, message, failure.hint);
    verdict.retryable = failure.retryable;
    verdict
}

/// A Response answers our own request.
fn own(facts: &mut Facts) {
    facts.evidence = Evidence::Flow;
    facts.matched = Matched::Exact;
}

fn tail(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {}", message.trim_end_matches('.'))
    }
}

/// What one poll brought.
enum Polled {
    /// Not yet: the answer says where and when to ask again.
    NotYet(HttpAnswer),
    /// The Response.
    Response(HttpAnswer),
}

/// Asks at the `Location` until the Response is there.
fn poll(
    session: &mut Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    mut url: String,
    taken: &HttpAnswer,
) -> Step<Verdict> {
    let mut pace = Pace::up_to(LONGEST_POLL_MS);
    // Half a second is for a history that costs nothing to read; a flow takes longer to answer.
    pace.next(session);
    let mut asked = retry_after(taken, session.service_now());
    loop {
        let pause = asked.unwrap_or_else(|| pace.next(session));
        let remaining = session.remaining_ms();
        if remaining == 0 || asked.is_some_and(|asked| asked > remaining) {
            return Ok(facts.verdict_hint(
                Status::Unknown,
                "still_running",
                format!(
                    "At the deadline the flow had not responded for {} yet.",
                    request.name
                ),
                NO_FOLLOW_HINT,
            ));
        }
        session.pause(pause.min(remaining))?;
        session.say(
            Phase::Following,
            Level::Debug,
            "Asking for the flow's Response.".to_owned(),
        );
        let answer = match persist(session, |session| ask(session, &url)) {
            Ok(Polled::NotYet(answer)) => answer,
            Ok(Polled::Response(answer)) => {
                return Ok(responded(session, facts, request, &answer));
            }
            Err(Halt::Cancelled) => return Err(Stop::Cancelled),
            Err(Halt::Trouble(trouble)) => return Ok(unread(facts, *trouble)),
        };
        asked = retry_after(&answer, session.service_now());
        if let Some(next) = answer.header("location").and_then(|l| resolve(&url, l)) {
            url = next;
        }
    }
}

fn ask(session: &mut Session<'_>, url: &str) -> Result<Polled, Trouble> {
    const WHAT: &str = "Asking for the flow's Response";
    let request = HttpRequest {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: String::new(),
        timeout_ms: session.bounded(session.call_timeout_ms),
    };
    let answer = session.send(&request).map_err(|error| {
        let asked = Asked::new(Of::Flow, Act::Read);
        Trouble::of_transport(&error, asked, WHAT, url, &session.redactor)
    })?;
    if answer.is_success() {
        let page = is_html(&answer) && super::reply::flow_run(&answer).is_none();
        return match answer.status {
            _ if page => Err(Trouble::unreadable(&answer, WHAT, session)),
            202 => Ok(Polled::NotYet(answer)),
            _ => Ok(Polled::Response(answer)),
        };
    }
    let judged = judge(
        Asked::new(Of::Flow, Act::Trigger),
        &answer,
        &session.redactor,
    );
    let gone = answer.status == 404 && judged.service_error.code.starts_with("Workflow");
    match judged.row.class {
        Class::Unauthorized
        | Class::Later
        | Class::Lost
        | Class::Busy
        | Class::Denied
        | Class::Broken => Err(Trouble::of_answer(judged, &answer, WHAT, session)),
        Class::Refused | Class::Invalid | Class::Over if gone => Err(Trouble {
            code: "flow_run_not_found",
            ..Trouble::of_answer(judged, &answer, WHAT, session)
        }),
        Class::Refused | Class::Invalid | Class::Over if answer.status < 400 => {
            Err(Trouble::of_answer(judged, &answer, WHAT, session))
        }
        Class::Refused | Class::Invalid | Class::Over => Ok(Polled::Response(answer)),
    }
}

fn responded(
    session: &Session<'_>,
    facts: &mut Facts,
    request: &RefreshRequest,
    answer: &HttpAnswer,
) -> Verdict {
    if answer.is_success() {
        let word = word(answer, true, &session.redactor);
        return spoken(facts, request, word, answer);
    }
    let judged = judge(
        Asked::new(Of::Flow, Act::Trigger),
        answer,
        &session.redactor,
    );
    failed(facts, request, refusal(answer, judged), answer.status)
}

/// The Response cannot be read, so nobody can say what became of the refresh.
fn unread(facts: &Facts, trouble: Trouble) -> Verdict {
    let code = match trouble.remedy {
        Remedy::Credentials => "read_forbidden",
        Remedy::Permission => "location_denied",
        Remedy::Correction if trouble.code == "flow_run_not_found" => trouble.code,
        Remedy::Correction => "read_failed",
        Remedy::Patience | Remedy::Repair => "read_unavailable",
    };
    let mut verdict = facts.verdict_hint(
        Status::Unknown,
        code,
        format!(
            "The flow runs, but its Response cannot be read. {}",
            trouble.message
        ),
        NO_FOLLOW_HINT,
    );
    verdict.retry_at = trouble.retry_at.map(|at| at.to_string());
    verdict.service_error = trouble.service_error;
    verdict
}
