//! The faults of the fault table.

use simulator::faults::{CannedReply, Fault, FaultRule, Operation};

/// A fault.
pub struct FaultCase {
    /// Its name in the table.
    pub name: &'static str,
    fault: fn(Operation) -> Fault,
    /// How often; `None` means always.
    times: Option<u64>,
    /// Whether only Power BI and Fabric reply like this.
    of_content: bool,
}

/// An error reply in the format of the service.
fn status(on: Operation, status: u16, code: &str) -> CannedReply {
    let body = match on {
        // A gateway in front of Entra.
        Operation::Token if [408, 425, 499].contains(&status) => String::new(),
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
        of_content: false,
    }
}

const fn once(name: &'static str, fault: fn(Operation) -> Fault) -> FaultCase {
    FaultCase {
        times: Some(1),
        ..always(name, fault)
    }
}

impl FaultCase {
    const fn of_content(self) -> Self {
        Self {
            of_content: true,
            ..self
        }
    }
}

fn throttled(on: Operation, retry_after: &str) -> Fault {
    let reply = status(on, 429, "TooManyRequests");
    reply.header("Retry-After", retry_after).into()
}

fn capacity(on: Operation, code: u16) -> Fault {
    status(on, code, "CapacityNotActive").into()
}

/// An error that is only in a header, as Power BI sends it.
fn in_header(code: u16, reason: &str) -> Fault {
    let reply = CannedReply::status(code);
    reply.header("x-powerbi-error-info", reason).into()
}

fn token_expired(_: Operation) -> Fault {
    in_header(403, "TokenExpired")
}

fn no_history(_: Operation) -> Fault {
    let why = "This API can only be called on a Model-based dataset";
    CannedReply::status(415).body(why).into()
}

fn throttled_in_text(on: Operation) -> Fault {
    let why = r#"{"message":"You have sent too many requests. Retry in 40 seconds."}"#;
    match on {
        // Entra names no time in its text.
        Operation::Token => status(on, 429, "").into(),
        _ => CannedReply::status(429).body(why).into(),
    }
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
    once("404-once", |on| status(on, 404, "NotFound").into()),
    always("408", |on| status(on, 408, "RequestTimeout").into()),
    always("425", |on| status(on, 425, "TooEarly").into()),
    always("499", |on| status(on, 499, "ClientClosedRequest").into()),
    always("429-hour", |on| throttled(on, "3600")),
    once("429-once", |on| throttled(on, "30")),
    once("429-text-once", throttled_in_text),
    always("500", |on| status(on, 500, "InternalServerError").into()),
    always("503", |on| status(on, 503, "ServiceUnavailable").into()),
    once("503-once", |on| {
        status(on, 503, "ServiceUnavailable").into()
    }),
    always("504-after", |on| {
        Fault::ReplaceAfterStatus(status(on, 504, "GatewayTimeout"))
    }),
    always("302", redirect),
    always("401-permission", |_| in_header(401, "GroupNotAccessible")).of_content(),
    always("403-token-expired", token_expired).of_content(),
    once("403-token-expired-once", token_expired).of_content(),
    always("404-capacity", |on| capacity(on, 404)).of_content(),
    always("503-capacity", |on| capacity(on, 503)).of_content(),
    always("415-no-history", no_history).of_content(),
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
    always("gzip", |_| Fault::Encoded("gzip".to_owned())),
    always("other-coding", |_| Fault::Encoded("br".to_owned())),
    always("garbage", |_| Fault::Garbage),
    once("slow-drip-once", |_| Fault::SlowDrip { bytes_per_s: 500 }),
];

impl FaultCase {
    /// Whether this operation can meet it.
    pub fn applies(&self, on: Operation) -> bool {
        let others = [Operation::Token, Operation::Trigger, Operation::Poll];
        !self.of_content || !others.contains(&on)
    }

    /// The rule that applies it to this operation after a number of calls.
    pub fn rule(&self, on: Operation, after: u64) -> FaultRule {
        let rule = FaultRule::on(on, (self.fault)(on)).after(after);
        match self.times {
            Some(times) => rule.times(times),
            None => rule,
        }
    }
}
