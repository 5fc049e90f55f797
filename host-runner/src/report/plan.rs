//! What a dry run shows: the request that would be sent, and what would happen to it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::verdict::Quota;

/// The plan of one target. Every field is always present and never null.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The target's name.
    pub target: String,
    /// Always true.
    pub dry_run: bool,
    /// `send`, `wait` or `skip`.
    pub would: &'static str,
    /// The code of the guard that would hold the refresh back; otherwise empty.
    pub code: String,
    /// When that guard would let the refresh through; otherwise empty.
    pub retry_at: String,
    /// The quota, if the target has one.
    pub quota: Quota,
    /// The request, with secrets masked.
    pub request: PlannedRequest,
    /// The run that is in progress at the service.
    pub running: PlannedRun,
    /// The newest run at the service.
    pub newest: PlannedRun,
}

/// The request of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedRequest {
    /// The HTTP method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

/// A run at the service; all fields are empty if there is none.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PlannedRun {
    /// The service's id.
    pub id: String,
    /// The type, for example `OnDemand`.
    pub refresh_type: String,
    /// The state, for example `Success`.
    pub status: String,
    /// When it started.
    pub started_at: String,
    /// When it ended.
    pub ended_at: String,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const INDENT: &str = "                ";
        let Self { request, quota, .. } = self;
        writeln!(f, "dry run of {}: nothing was triggered", self.target)?;
        writeln!(f, "  request       {} {}", request.method, request.url)?;
        for (name, value) in &request.headers {
            writeln!(f, "{INDENT}{name}: {value}")?;
        }
        writeln!(f, "{INDENT}{}", request.body)?;
        let reason = match (self.code.as_str(), self.retry_at.as_str()) {
            ("", _) => String::new(),
            (code, "") => format!(" ({code})"),
            (code, at) => format!(" ({code}, until {at})"),
        };
        writeln!(f, "  would         {}{reason}", self.would)?;
        if quota.limit > 0 {
            writeln!(
                f,
                "  quota         {}",
                super::text::quota(quota, "last 24 hours")
            )?;
        }
        writeln!(f, "  running now   {}", self.running)?;
        writeln!(f, "  newest run    {}", self.newest)
    }
}

impl fmt::Display for PlannedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id.as_str() {
            "" => f.write_str("none"),
            id => write!(f, "{id} ({}, {})", self.status, self.refresh_type),
        }
    }
}
