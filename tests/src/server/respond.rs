//! From a request to what leaves on the wire, with the fault that befalls it.

use std::time::Duration;

use hyper::Response;
use jiff::Timestamp;

use super::payload::Payload;
use super::wire::Spoil;
use crate::clock::later;
use crate::core::{Core, Received};
use crate::faults::{Fault, Mishap};
use crate::message::{Answer, Reply, Request};

/// How often somebody who waits for the simulator's clock looks at it. The clock may be moved by
/// hand, so there is nothing to sleep until.
const LOOK: Duration = Duration::from_millis(5);

/// There is no answer: the connection is to be closed as it is.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
pub(super) struct Silence;

/// Answers a request to the services.
pub(super) async fn respond(
    core: &Core,
    request: &Request,
    spoil: &Spoil,
) -> Result<Response<Payload>, Silence> {
    let Received {
        number,
        at,
        service,
        fault,
        answer,
    } = core.receive(request);
    if let Some(Fault::Named(mishap)) = &fault {
        let name = Fault::Named(mishap.clone()).name();
        match mishap {
            Mishap::DropBefore | Mishap::DropAfter => {
                core.answered(number, name);
                return Err(Silence);
            }
            Mishap::Reset | Mishap::ResetAfter => {
                core.answered(number, name);
                spoil.with_reset();
                return Err(Silence);
            }
            Mishap::Hang | Mishap::HangAfter => {
                core.answered(number, name);
                return std::future::pending().await;
            }
            Mishap::Garbage => {
                core.answered(number, name);
                spoil.with_garbage();
                // hyper closes the connection after an answer that says so.
                let closing = Reply::empty(200).with_header("connection", "close");
                return Ok(dress(core, service, closing, Payload::Whole));
            }
            _ => {}
        }
    }
    let (reply, payload) = spoilt(core, at, fault, answer).await?;
    core.answered(number, reply.status.as_u16());
    Ok(dress(core, service, reply, payload))
}

/// Makes the payload of a reply from its body.
type Pack = Box<dyn FnOnce(bytes::Bytes) -> Payload + Send>;

/// The reply and its payload, to a request that arrived `at`, after a fault that leaves an answer.
async fn spoilt(
    core: &Core,
    at: Timestamp,
    fault: Option<Fault>,
    answer: Option<Answer>,
) -> Result<(Reply, Pack), Silence> {
    let whole = |reply: Reply| -> (Reply, Pack) { (reply, Box::new(Payload::Whole)) };
    let mishap = match fault {
        None => return Ok(whole(answered(core, answer).await?)),
        Some(Fault::Instead(_)) => return Ok(whole(answered(core, answer).await?)),
        Some(Fault::Named(mishap)) => mishap,
    };
    Ok(match mishap {
        Mishap::Html
        | Mishap::HtmlBefore
        | Mishap::NoContent
        | Mishap::ReplaceAfterStatus(_)
        | Mishap::Throttled { .. }
        | Mishap::Unavailable { .. }
        | Mishap::Redirect { .. } => whole(answered(core, answer).await?),
        Mishap::DelayMs(ms) => {
            let due = later(at, Duration::from_millis(ms));
            let reply = answered(core, answer).await?;
            while core.now() < due {
                tokio::time::sleep(LOOK).await;
            }
            whole(reply)
        }
        Mishap::WrongContentType => whole(
            answered(core, answer)
                .await?
                .with_content_type("text/plain"),
        ),
        Mishap::Truncated => (answered(core, answer).await?, Box::new(Payload::cut)),
        Mishap::HugeMb(megabytes) => (
            answered(core, answer).await?,
            Box::new(move |_| Payload::huge(megabytes)),
        ),
        Mishap::SlowDrip { bytes_per_s } => (
            answered(core, answer).await?,
            Box::new(move |body| Payload::drip(body, bytes_per_s)),
        ),
        Mishap::DropBefore
        | Mishap::DropAfter
        | Mishap::Reset
        | Mishap::ResetAfter
        | Mishap::Hang
        | Mishap::HangAfter
        | Mishap::Garbage => return Err(Silence),
    })
}

/// What the service answers, waited for where the caller is held open.
async fn answered(core: &Core, answer: Option<Answer>) -> Result<Reply, Silence> {
    match answer {
        None => Err(Silence),
        Some(Answer::Now(reply)) => Ok(reply),
        Some(Answer::WhenResponded(flow_run)) => loop {
            if let Some(reply) = core.held_answer(&flow_run) {
                return Ok(reply);
            }
            tokio::time::sleep(LOOK).await;
        },
    }
}

/// The reply as it leaves: with the simulator's own `Date`, and with the `RequestId` that every
/// reply of Power BI and Fabric has, also one that a fault put in the service's place.
pub(super) fn dress(
    core: &Core,
    service: &str,
    mut reply: Reply,
    pack: impl FnOnce(bytes::Bytes) -> Payload,
) -> Response<Payload> {
    core.complete_headers(service, &mut reply);
    let mut response = Response::new(pack(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = *reply.headers;
    response
}
