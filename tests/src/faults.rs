//! Faults, and the rules that say which requests they affect. How a fault looks on the wire is the
//! server's concern.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::ConnectionFault;

/// The operation of a request; fault rules and the log use its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A token from Entra.
    Token,
    /// Power BI's list of workspaces.
    Groups,
    /// Power BI's list of dataflows, or one dataflow.
    Dataflows,
    /// A dataflow's transactions.
    Transactions,
    /// Refreshing a dataflow.
    Refresh,
    /// Cancelling a transaction.
    Cancel,
    /// A flow's trigger.
    Trigger,
    /// A poll for an asynchronous Response.
    Poll,
    /// The list of semantic models, or one model.
    Models,
    /// Refreshing a semantic model.
    ModelRefresh,
    /// A semantic model's refresh history.
    ModelHistory,
    /// The details of an enhanced refresh.
    ModelDetails,
    /// Cancelling an enhanced refresh.
    ModelCancel,
    /// Fabric's list of workspaces.
    FabricWorkspaces,
    /// Fabric's list of dataflows, or one dataflow.
    FabricDataflows,
    /// Running a Gen2 dataflow.
    FabricRun,
    /// The list of a Gen2 dataflow's job instances.
    FabricInstances,
    /// One job instance.
    FabricInstance,
    /// Cancelling a job instance.
    FabricCancel,
}

/// A reply that replaces the service's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CannedReply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: String,
    /// The body's type; `None`: JSON.
    #[serde(default)]
    pub content_type: Option<String>,
}

impl CannedReply {
    /// A reply with this status and an empty body.
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

/// One fault. Its name says whether the request takes effect: a run can begin although the caller
/// never learns of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// No effect; this is the reply.
    Reply(CannedReply),
    /// Takes effect at once; the reply leaves this many milliseconds later.
    DelayMs(u64),
    /// No effect; the connection is closed without a reply.
    DropBefore,
    /// Takes effect; the connection is closed without a reply.
    DropAfter,
    /// No effect; the connection is reset.
    Reset,
    /// Takes effect; the connection is reset.
    ResetAfter,
    /// No effect, and never a reply.
    Hang,
    /// Takes effect, and never a reply.
    HangAfter,
    /// Takes effect; the body ends before its announced length.
    Truncated,
    /// Takes effect; 200 with a login page.
    Html,
    /// No effect; 200 with a login page.
    HtmlBefore,
    /// Takes effect; the body has this many megabytes (of 1,000,000 bytes).
    HugeMb(u64),
    /// Takes effect; 204.
    NoContent,
    /// Takes effect; the body arrives slowly. An empty body becomes 1,024 spaces.
    SlowDrip {
        /// The rate, in bytes per second; 0 is taken as 1.
        bytes_per_s: u64,
    },
    /// Takes effect; the reply's type is `text/plain`.
    WrongContentType,
    /// Takes effect; the reply is compressed with this coding. Only `gzip` is real: with any other,
    /// the body is bytes that nobody can read.
    Encoded(String),
    /// Takes effect; what comes back is not HTTP.
    Garbage,
    /// Takes effect; this replaces the service's reply.
    ReplaceAfterStatus(CannedReply),
    /// No effect; 429 as the service writes it.
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

impl From<CannedReply> for Fault {
    fn from(reply: CannedReply) -> Self {
        Self::Reply(reply)
    }
}

impl Fault {
    /// True when the request takes effect.
    pub(crate) fn takes_effect(&self) -> bool {
        !matches!(
            self,
            Self::Reply(_)
                | Self::DropBefore
                | Self::Reset
                | Self::Hang
                | Self::HtmlBefore
                | Self::Throttled { .. }
                | Self::Unavailable { .. }
                | Self::Redirect { .. }
        )
    }

    /// True when the caller gets the service's own reply complete, though perhaps late.
    pub(crate) fn keeps_reply(&self) -> bool {
        matches!(
            self,
            Self::DelayMs(_) | Self::SlowDrip { .. } | Self::WrongContentType | Self::Encoded(_)
        )
    }

    /// What a client sees instead of any reply.
    pub(crate) fn connection_fault(&self) -> Option<ConnectionFault> {
        match self {
            Self::DropBefore | Self::DropAfter => Some(ConnectionFault::Closed),
            Self::Reset | Self::ResetAfter => Some(ConnectionFault::Reset),
            Self::Hang | Self::HangAfter => Some(ConnectionFault::Silent),
            Self::Garbage => Some(ConnectionFault::Garbage),
            _ => None,
        }
    }

    /// The name, as it is written in JSON.
    pub(crate) fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::String(name)) => name,
            Ok(Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }
}

/// The requests that a fault affects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The operation.
    pub on: Operation,
    /// The id of the flow, item, workspace or tenant; `None`: any.
    #[serde(default)]
    pub target: Option<String>,
    /// How many such requests pass first.
    #[serde(default)]
    pub after: u64,
    /// How many are affected then; `None`: all.
    #[serde(default)]
    pub times: Option<u64>,
    /// The fault.
    pub fault: Fault,
}

impl FaultRule {
    /// Affects every request of this operation.
    pub fn on(on: Operation, fault: impl Into<Fault>) -> Self {
        Self {
            on,
            target: None,
            after: 0,
            times: None,
            fault: fault.into(),
        }
    }

    /// Affects only requests with this flow, item, workspace or tenant.
    #[must_use]
    pub fn target(mut self, id: impl ToString) -> Self {
        self.target = Some(id.to_string());
        self
    }

    /// Lets the first `n` such requests pass.
    #[must_use]
    pub fn after(mut self, n: u64) -> Self {
        self.after = n;
        self
    }

    /// Affects `n` requests and no more.
    #[must_use]
    pub fn times(mut self, n: u64) -> Self {
        self.times = Some(n);
        self
    }

    fn matches(&self, on: Operation, targets: &[String]) -> bool {
        self.on == on
            && self
                .target
                .as_ref()
                .is_none_or(|wanted| targets.iter().any(|t| t.eq_ignore_ascii_case(wanted)))
    }

    /// True for a request that `seen` matching requests came before.
    fn is_active(&self, seen: u64) -> bool {
        seen >= self.after && self.times.is_none_or(|n| seen - self.after < n)
    }
}

/// The rules, and how many requests each has matched.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    rules: Vec<(FaultRule, u64)>,
}

impl FaultPlan {
    /// A plan whose rules have matched no request yet.
    pub(crate) fn new(rules: Vec<FaultRule>) -> Self {
        Self {
            rules: rules.into_iter().map(|rule| (rule, 0)).collect(),
        }
    }

    /// The fault of the first active rule that matches the request. Every rule that matches counts
    /// the request.
    pub(crate) fn choose(&mut self, on: Operation, targets: &[String]) -> Option<Fault> {
        let mut chosen = None;
        for (rule, seen) in &mut self.rules {
            if rule.matches(on, targets) {
                if chosen.is_none() && rule.is_active(*seen) {
                    chosen = Some(rule.fault.clone());
                }
                *seen += 1;
            }
        }
        chosen
    }
}
