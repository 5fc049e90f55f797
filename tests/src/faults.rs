//! What goes wrong, and when: faults are chosen here, apart from the services that they befall.
//!
//! A fault says by its kind whether the request still has its effect (a run begins although the
//! caller never learns of it) or has none. How a fault looks on the wire is the server's concern.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What a request asks of the services; the word that a fault and the log use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A token of Entra.
    Token,
    /// Power BI's list of workspaces.
    Groups,
    /// Power BI's list of dataflows, or one dataflow.
    Dataflows,
    /// A dataflow's transactions.
    Transactions,
    /// A refresh of a dataflow by the API.
    Refresh,
    /// The cancelling of a transaction.
    Cancel,
    /// A flow's trigger.
    Trigger,
    /// A poll for an asynchronous Response.
    Poll,
    /// The list of semantic models, or one model.
    Models,
    /// A refresh of a semantic model.
    ModelRefresh,
    /// A semantic model's refresh history.
    ModelHistory,
    /// The details of an enhanced refresh.
    ModelDetails,
    /// The cancelling of an enhanced refresh.
    ModelCancel,
    /// Fabric's list of workspaces.
    FabricWorkspaces,
    /// Fabric's list of dataflows, or one dataflow.
    FabricDataflows,
    /// A run of a Gen2 dataflow.
    FabricRun,
    /// The list of a Gen2 dataflow's job instances.
    FabricInstances,
    /// One job instance.
    FabricInstance,
    /// The cancelling of a job instance.
    FabricCancel,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 19] = [
        Self::Token,
        Self::Groups,
        Self::Dataflows,
        Self::Transactions,
        Self::Refresh,
        Self::Cancel,
        Self::Trigger,
        Self::Poll,
        Self::Models,
        Self::ModelRefresh,
        Self::ModelHistory,
        Self::ModelDetails,
        Self::ModelCancel,
        Self::FabricWorkspaces,
        Self::FabricDataflows,
        Self::FabricRun,
        Self::FabricInstances,
        Self::FabricInstance,
        Self::FabricCancel,
    ];
}

/// A reply that is sent in place of the service's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CannedReply {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its body, as it is.
    #[serde(default)]
    pub body: String,
    /// The body's type; `None`: JSON.
    #[serde(default)]
    pub content_type: Option<String>,
}

impl CannedReply {
    /// A reply with this status and nothing in it.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: BTreeMap::new(),
            body: String::new(),
            content_type: None,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }
}

/// One way to go wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Fault {
    /// `{"status": 429, …}`: answered without effect.
    Instead(CannedReply),
    /// Everything else, by its name.
    Named(Mishap),
}

/// The faults that have a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    /// The effect happens at once; the answer leaves this many milliseconds later.
    DelayMs(u64),
    /// No effect; the connection is closed without an answer.
    DropBefore,
    /// The effect happens; the connection is closed without an answer.
    DropAfter,
    /// No effect; the connection is reset.
    Reset,
    /// The effect happens; the connection is reset.
    ResetAfter,
    /// No effect, and never an answer.
    Hang,
    /// The effect happens, and never an answer.
    HangAfter,
    /// The effect happens; the answer ends before the length that it promised.
    Truncated,
    /// The effect happens; 200 with a login page.
    Html,
    /// No effect; 200 with a login page.
    HtmlBefore,
    /// The effect happens; the body is this many megabytes (of 1,000,000 bytes).
    HugeMb(u64),
    /// The effect happens; 204.
    NoContent,
    /// The effect happens; the body comes slowly. An empty body becomes 1,024 spaces.
    SlowDrip {
        /// The pace, in bytes per second; 0 is taken as 1.
        bytes_per_s: u64,
    },
    /// The effect happens; the answer says that it is `text/plain`.
    WrongContentType,
    /// The effect happens; what comes back is not HTTP.
    Garbage,
    /// The effect happens; this is answered in place of what the service says.
    ReplaceAfterStatus(CannedReply),
    /// No effect; 429 in the service's own words.
    Throttled {
        /// The `Retry-After`, in seconds from now.
        retry_after_s: u64,
        /// True: it is written as a date.
        #[serde(default)]
        as_date: bool,
    },
    /// No effect; 503 with an HTML page.
    Unavailable {
        /// The `Retry-After`, in seconds; `None`: it has none.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// No effect; 302 to this address.
    Redirect {
        /// The `Location`.
        to: String,
    },
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let value = Value::deserialize(deserializer)?;
        if value.get("status").is_some() {
            serde_json::from_value(value)
                .map(Self::Instead)
                .map_err(D::Error::custom)
        } else {
            serde_json::from_value(value)
                .map(Self::Named)
                .map_err(D::Error::custom)
        }
    }
}

impl From<Mishap> for Fault {
    fn from(mishap: Mishap) -> Self {
        Self::Named(mishap)
    }
}

impl From<CannedReply> for Fault {
    fn from(reply: CannedReply) -> Self {
        Self::Instead(reply)
    }
}

impl Fault {
    /// True when the request still does what it asks for.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        !matches!(
            self,
            Self::Instead(_)
                | Self::Named(
                    Mishap::DropBefore
                        | Mishap::Reset
                        | Mishap::Hang
                        | Mishap::HtmlBefore
                        | Mishap::Throttled { .. }
                        | Mishap::Unavailable { .. }
                        | Mishap::Redirect { .. }
                )
        )
    }

    /// True when the caller gets the service's own answer whole, late at most.
    #[must_use]
    pub fn keeps_answer(&self) -> bool {
        matches!(
            self,
            Self::Named(Mishap::DelayMs(_) | Mishap::SlowDrip { .. } | Mishap::WrongContentType)
        )
    }

    /// The name, as it is written in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Instead(_) => "status",
            Self::Named(mishap) => match mishap {
                Mishap::DelayMs(_) => "delay_ms",
                Mishap::DropBefore => "drop_before",
                Mishap::DropAfter => "drop_after",
                Mishap::Reset => "reset",
                Mishap::ResetAfter => "reset_after",
                Mishap::Hang => "hang",
                Mishap::HangAfter => "hang_after",
                Mishap::Truncated => "truncated",
                Mishap::Html => "html",
                Mishap::HtmlBefore => "html_before",
                Mishap::HugeMb(_) => "huge_mb",
                Mishap::NoContent => "no_content",
                Mishap::SlowDrip { .. } => "slow_drip",
                Mishap::WrongContentType => "wrong_content_type",
                Mishap::Garbage => "garbage",
                Mishap::ReplaceAfterStatus(_) => "replace_after_status",
                Mishap::Throttled { .. } => "throttled",
                Mishap::Unavailable { .. } => "unavailable",
                Mishap::Redirect { .. } => "redirect",
            },
        }
    }
}

/// Which requests a fault befalls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What the request asks for.
    pub on: Operation,
    /// The flow, dataflow, workspace or tenant that it names; `None`: any.
    #[serde(default)]
    pub target: Option<String>,
    /// How many such requests are let through first.
    #[serde(default)]
    pub after: u64,
    /// How many are befallen then; `None`: all.
    #[serde(default)]
    pub times: Option<u64>,
    /// What happens to them.
    pub fault: Fault,
}

impl FaultRule {
    /// Befalls every request of this kind.
    pub fn on(on: Operation, fault: impl Into<Fault>) -> Self {
        Self {
            on,
            target: None,
            after: 0,
            times: None,
            fault: fault.into(),
        }
    }

    /// Only requests that name this flow, dataflow, workspace or tenant.
    #[must_use]
    pub fn target(mut self, id: impl ToString) -> Self {
        self.target = Some(id.to_string());
        self
    }

    /// Lets the first `n` such requests through.
    #[must_use]
    pub fn after(mut self, n: u64) -> Self {
        self.after = n;
        self
    }

    /// Befalls `n` requests and no more.
    #[must_use]
    pub fn times(mut self, n: u64) -> Self {
        self.times = Some(n);
        self
    }

    fn befalls(&self, on: Operation, targets: &[String]) -> bool {
        self.on == on
            && self
                .target
                .as_ref()
                .is_none_or(|wanted| targets.iter().any(|t| t.eq_ignore_ascii_case(wanted)))
    }

    /// True for the request that `seen` requests of its kind came before.
    fn is_active(&self, seen: u64) -> bool {
        seen >= self.after && self.times.is_none_or(|n| seen - self.after < n)
    }
}

/// The rules, and how many requests each has seen.
#[derive(Debug, Default)]
pub struct FaultPlan {
    rules: Vec<(FaultRule, u64)>,
}

impl FaultPlan {
    /// A plan whose rules have seen nothing yet.
    #[must_use]
    pub fn new(rules: Vec<FaultRule>) -> Self {
        Self {
            rules: rules.into_iter().map(|rule| (rule, 0)).collect(),
        }
    }

    /// What befalls this request: the first rule that is active for it. Every rule that fits the
    /// request counts it, whether it was the first or not.
    pub fn choose(&mut self, on: Operation, targets: &[String]) -> Option<Fault> {
        let mut chosen = None;
        for (rule, seen) in &mut self.rules {
            if rule.befalls(on, targets) {
                if chosen.is_none() && rule.is_active(*seen) {
                    chosen = Some(rule.fault.clone());
                }
                *seen += 1;
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests;
