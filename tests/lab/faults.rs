//! What goes wrong in the fault table.

use simulator::faults::{CannedReply, Fault, FaultRule, Operation};

/// One way to go wrong.
pub struct Wrong {
    /// Its name in the table.
    pub name: &'static str,
    fault: fn(Operation) -> Fault,
    /// How often; nothing: always.
    times: Option<u64>,
}

/// An error in the words of whoever is asked.
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
        _ => format!(r#"{{"error":{{"code":"{code}","message":"as the service says it"}}}}"#),
    };
    CannedReply::status(status).body(&body)
}

/// Every way to go wrong.
pub const ALL: &[Wrong] = &[
    Wrong {
        name: "400",
        fault: |on| status(on, 400, "BadRequest").into(),
        times: None,
    },
    Wrong {
        name: "401",
        fault: |on| status(on, 401, "Unauthorized").into(),
        times: None,
    },
    Wrong {
        name: "403",
        fault: |on| status(on, 403, "Forbidden").into(),
        times: None,
    },
    Wrong {
        name: "404",
        fault: |on| status(on, 404, "NotFound").into(),
        times: None,
    },
    Wrong {
        name: "429-hour",
        fault: |on| {
            status(on, 429, "TooManyRequests")
                .header("Retry-After", "3600")
                .into()
        },
        times: None,
    },
    Wrong {
        name: "429-once",
        fault: |on| {
            status(on, 429, "TooManyRequests")
                .header("Retry-After", "30")
                .into()
        },
        times: Some(1),
    },
    Wrong {
        name: "503",
        fault: |on| status(on, 503, "ServiceUnavailable").into(),
        times: None,
    },
    Wrong {
        name: "503-once",
        fault: |on| status(on, 503, "ServiceUnavailable").into(),
        times: Some(1),
    },
    Wrong {
        name: "504-after",
        fault: |on| Fault::ReplaceAfterStatus(status(on, 504, "GatewayTimeout")),
        times: None,
    },
    Wrong {
        name: "302",
        fault: |_| {
            CannedReply::status(302)
                .header("Location", "https://login.example/")
                .into()
        },
        times: None,
    },
    Wrong {
        name: "drop-before",
        fault: |_| Fault::DropBefore,
        times: None,
    },
    Wrong {
        name: "drop-before-once",
        fault: |_| Fault::DropBefore,
        times: Some(1),
    },
    Wrong {
        name: "drop-after",
        fault: |_| Fault::DropAfter,
        times: None,
    },
    Wrong {
        name: "reset",
        fault: |_| Fault::Reset,
        times: None,
    },
    Wrong {
        name: "reset-after",
        fault: |_| Fault::ResetAfter,
        times: None,
    },
    Wrong {
        name: "hang-once",
        fault: |_| Fault::Hang,
        times: Some(1),
    },
    Wrong {
        name: "hang-after-once",
        fault: |_| Fault::HangAfter,
        times: Some(1),
    },
    Wrong {
        name: "truncated",
        fault: |_| Fault::Truncated,
        times: None,
    },
    Wrong {
        name: "html",
        fault: |_| Fault::Html,
        times: None,
    },
    Wrong {
        name: "html-before",
        fault: |_| Fault::HtmlBefore,
        times: None,
    },
    Wrong {
        name: "204",
        fault: |_| Fault::NoContent,
        times: None,
    },
    Wrong {
        name: "wrong-content-type",
        fault: |_| Fault::WrongContentType,
        times: None,
    },
    Wrong {
        name: "garbage",
        fault: |_| Fault::Garbage,
        times: None,
    },
    Wrong {
        name: "slow-drip-once",
        fault: |_| Fault::SlowDrip { bytes_per_s: 500 },
        times: Some(1),
    },
];

impl Wrong {
    /// The rule by which it befalls this operation, after so many of its calls.
    pub fn befalling(&self, on: Operation, after: u64) -> FaultRule {
        let rule = FaultRule::on(on, (self.fault)(on)).after(after);
        match self.times {
            Some(times) => rule.times(times),
            None => rule,
        }
    }
}
