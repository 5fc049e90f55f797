//! What goes wrong in the fault table.

use simulator::faults::{CannedReply, Fault, FaultRule, Mishap, Operation};

/// One way to go wrong.
pub struct Wrong {
    /// Its name in the table.
    pub name: &'static str,
    fault: fn() -> Fault,
    /// How often; nothing: always.
    times: Option<u64>,
}

fn status(status: u16, code: &str) -> CannedReply {
    CannedReply::status(status).body(&format!(
        r#"{{"error":{{"code":"{code}","message":"as the service says it"}}}}"#
    ))
}

/// Every way to go wrong.
pub const ALL: &[Wrong] = &[
    Wrong {
        name: "400",
        fault: || status(400, "BadRequest").into(),
        times: None,
    },
    Wrong {
        name: "401",
        fault: || status(401, "Unauthorized").into(),
        times: None,
    },
    Wrong {
        name: "403",
        fault: || status(403, "Forbidden").into(),
        times: None,
    },
    Wrong {
        name: "404",
        fault: || status(404, "NotFound").into(),
        times: None,
    },
    Wrong {
        name: "429-hour",
        fault: || {
            status(429, "TooManyRequests")
                .header("Retry-After", "3600")
                .into()
        },
        times: None,
    },
    Wrong {
        name: "429-once",
        fault: || {
            status(429, "TooManyRequests")
                .header("Retry-After", "30")
                .into()
        },
        times: Some(1),
    },
    Wrong {
        name: "503",
        fault: || status(503, "ServiceUnavailable").into(),
        times: None,
    },
    Wrong {
        name: "503-once",
        fault: || status(503, "ServiceUnavailable").into(),
        times: Some(1),
    },
    Wrong {
        name: "504-after",
        fault: || Mishap::ReplaceAfterStatus(status(504, "GatewayTimeout")).into(),
        times: None,
    },
    Wrong {
        name: "302",
        fault: || {
            CannedReply::status(302)
                .header("Location", "https://login.example/")
                .into()
        },
        times: None,
    },
    Wrong {
        name: "drop-before",
        fault: || Mishap::DropBefore.into(),
        times: None,
    },
    Wrong {
        name: "drop-before-once",
        fault: || Mishap::DropBefore.into(),
        times: Some(1),
    },
    Wrong {
        name: "drop-after",
        fault: || Mishap::DropAfter.into(),
        times: None,
    },
    Wrong {
        name: "reset",
        fault: || Mishap::Reset.into(),
        times: None,
    },
    Wrong {
        name: "reset-after",
        fault: || Mishap::ResetAfter.into(),
        times: None,
    },
    Wrong {
        name: "hang-once",
        fault: || Mishap::Hang.into(),
        times: Some(1),
    },
    Wrong {
        name: "hang-after-once",
        fault: || Mishap::HangAfter.into(),
        times: Some(1),
    },
    Wrong {
        name: "truncated",
        fault: || Mishap::Truncated.into(),
        times: None,
    },
    Wrong {
        name: "html",
        fault: || Mishap::Html.into(),
        times: None,
    },
    Wrong {
        name: "html-before",
        fault: || Mishap::HtmlBefore.into(),
        times: None,
    },
    Wrong {
        name: "204",
        fault: || Mishap::NoContent.into(),
        times: None,
    },
    Wrong {
        name: "wrong-content-type",
        fault: || Mishap::WrongContentType.into(),
        times: None,
    },
    Wrong {
        name: "garbage",
        fault: || Mishap::Garbage.into(),
        times: None,
    },
    Wrong {
        name: "slow-drip-once",
        fault: || Mishap::SlowDrip { bytes_per_s: 1 }.into(),
        times: Some(1),
    },
];

impl Wrong {
    /// The rule by which it befalls this operation, after so many of its calls.
    pub fn befalling(&self, on: Operation, after: u64) -> FaultRule {
        let rule = FaultRule::on(on, (self.fault)()).after(after);
        match self.times {
            Some(times) => rule.times(times),
            None => rule,
        }
    }
}
