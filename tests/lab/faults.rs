//! The faults of the fault table.

use simulator::faults::{CannedReply, Fault, FaultRule, Operation};

/// A fault.
pub struct FaultCase {
    /// Its name in the table.
    pub name: &'static str,
    fault: fn(Operation) -> Fault,
    /// How often; `None` means always.
    times: Option<u64>,
}

/// An error reply in the format of the service.
fn status(on: Operation, status: u16, code: &str) -> CannedReply {
    let body = match on {
        Operation::Token => {
            let (error, why) = match status {
                429 | 500.. => ("temporarily_unavailable", "AADSTS90055: Too many requests."),
                _ => (
                    "invalid_client",
                    "AADSTS7000215: Invalid client secret provided.",
                ),
            };
            format!(r#"{{"error":"{error}","error_description":"{why}"}}"#)
        }
        _ => format!(r#"{{"error":{{"code":"{code}","message":"the service's message"}}}}"#),
    };
    CannedReply::status(status).body(&body)
}

const fn always(name: &'static str, fault: fn(Operation) -> Fault) -> FaultCase {
    FaultCase {
        name,
        fault,
        times: None,
    }
}

const fn once(name: &'static str, fault: fn(Operation) -> Fault) -> FaultCase {
    FaultCase {
        name,
        fault,
        times: Some(1),
    }
}

fn throttled(on: Operation, retry_after: &str) -> Fault {
    let reply = status(on, 429, "TooManyRequests");
    reply.header("Retry-After", retry_after).into()
}

fn redirect(_: Operation) -> Fault {
    let to = "https://login.example/".to_owned();
    Fault::Redirect { to }
}

/// Every fault.
pub const ALL: &[FaultCase] = &[
    always("400", |on| status(on, 400, "BadRequest").into()),
    always("401", |on| status(on, 401, "Unauthorized").into()),
    always("403", |on| status(on, 403, "Forbidden").into()),
    always("404", |on| status(on, 404, "NotFound").into()),
    always("429-hour", |on| throttled(on, "3600")),
    once("429-once", |on| throttled(on, "30")),
    always("503", |on| status(on, 503, "ServiceUnavailable").into()),
    once("503-once", |on| {
        status(on, 503, "ServiceUnavailable").into()
    }),
    always("504-after", |on| {
        Fault::ReplaceAfterStatus(status(on, 504, "GatewayTimeout"))
    }),
    always("302", redirect),
    always("drop-before", |_| Fault::DropBefore),
    once("drop-before-once", |_| Fault::DropBefore),
    always("drop-after", |_| Fault::DropAfter),
    always("reset", |_| Fault::Reset),
    always("reset-after", |_| Fault::ResetAfter),
    once("hang-once", |_| Fault::Hang),
    once("hang-after-once", |_| Fault::HangAfter),
    always("truncated", |_| Fault::Truncated),
    always("html", |_| Fault::Html),
    always("html-before", |_| Fault::HtmlBefore),
    always("204", |_| Fault::NoContent),
    always("wrong-content-type", |_| Fault::WrongContentType),
    always("garbage", |_| Fault::Garbage),
    once("slow-drip-once", |_| Fault::SlowDrip { bytes_per_s: 500 }),
];

impl FaultCase {
    /// The rule that applies it to this operation after a number of calls.
    pub fn rule(&self, on: Operation, after: u64) -> FaultRule {
        let rule = FaultRule::on(on, (self.fault)(on)).after(after);
        match self.times {
            Some(times) => rule.times(times),
            None => rule,
        }
    }
}
