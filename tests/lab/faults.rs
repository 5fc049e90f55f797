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

/// Every fault.
pub const ALL: &[FaultCase] = &[
    FaultCase {
        name: "400",
        fault: |on| status(on, 400, "BadRequest").into(),
        times: None,
    },
    FaultCase {
        name: "401",
        fault: |on| status(on, 401, "Unauthorized").into(),
        times: None,
    },
    FaultCase {
        name: "403",
        fault: |on| status(on, 403, "Forbidden").into(),
        times: None,
    },
    FaultCase {
        name: "404",
        fault: |on| status(on, 404, "NotFound").into(),
        times: None,
    },
    FaultCase {
        name: "429-hour",
        fault: |on| {
            status(on, 429, "TooManyRequests")
                .header("Retry-After", "3600")
                .into()
        },
        times: None,
    },
    FaultCase {
        name: "429-once",
        fault: |on| {
            status(on, 429, "TooManyRequests")
                .header("Retry-After", "30")
                .into()
        },
        times: Some(1),
    },
    FaultCase {
        name: "503",
        fault: |on| status(on, 503, "ServiceUnavailable").into(),
        times: None,
    },
    FaultCase {
        name: "503-once",
        fault: |on| status(on, 503, "ServiceUnavailable").into(),
        times: Some(1),
    },
    FaultCase {
        name: "504-after",
        fault: |on| Fault::ReplaceAfterStatus(status(on, 504, "GatewayTimeout")),
        times: None,
    },
    FaultCase {
        name: "302",
        fault: |_| {
            CannedReply::status(302)
                .header("Location", "https://login.example/")
                .into()
        },
        times: None,
    },
    FaultCase {
        name: "drop-before",
        fault: |_| Fault::DropBefore,
        times: None,
    },
    FaultCase {
        name: "drop-before-once",
        fault: |_| Fault::DropBefore,
        times: Some(1),
    },
    FaultCase {
        name: "drop-after",
        fault: |_| Fault::DropAfter,
        times: None,
    },
    FaultCase {
        name: "reset",
        fault: |_| Fault::Reset,
        times: None,
    },
    FaultCase {
        name: "reset-after",
        fault: |_| Fault::ResetAfter,
        times: None,
    },
    FaultCase {
        name: "hang-once",
        fault: |_| Fault::Hang,
        times: Some(1),
    },
    FaultCase {
        name: "hang-after-once",
        fault: |_| Fault::HangAfter,
        times: Some(1),
    },
    FaultCase {
        name: "truncated",
        fault: |_| Fault::Truncated,
        times: None,
    },
    FaultCase {
        name: "html",
        fault: |_| Fault::Html,
        times: None,
    },
    FaultCase {
        name: "html-before",
        fault: |_| Fault::HtmlBefore,
        times: None,
    },
    FaultCase {
        name: "204",
        fault: |_| Fault::NoContent,
        times: None,
    },
    FaultCase {
        name: "wrong-content-type",
        fault: |_| Fault::WrongContentType,
        times: None,
    },
    FaultCase {
        name: "garbage",
        fault: |_| Fault::Garbage,
        times: None,
    },
    FaultCase {
        name: "slow-drip-once",
        fault: |_| Fault::SlowDrip { bytes_per_s: 500 },
        times: Some(1),
    },
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
