//! What is known so far of one refresh, and the verdict that is made of it.

use crate::contract::{
    Evidence, FollowMode, Matched, QuotaState, Sent, ServiceError, ServiceRun, Status, Verdict,
};

/// What is known so far.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Whether the trigger left.
    pub(crate) sent: Sent,
    /// Whose word there is.
    pub(crate) evidence: Evidence,
    /// How the run was told to be ours.
    pub(crate) matched: Matched,
    /// The run at the service.
    pub(crate) run: Option<ServiceRun>,
    /// The flow run that the trigger began.
    pub(crate) flow_run: Option<String>,
    /// What the service said.
    pub(crate) service_error: Option<ServiceError>,
    /// What was counted of the quota.
    pub(crate) quota: Option<QuotaState>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            sent: Sent::No,
            evidence: Evidence::None,
            matched: Matched::None,
            run: None,
            flow_run: None,
            service_error: None,
            quota: None,
        }
    }
}

impl Facts {
    /// A verdict on what is known. `http_calls` is filled in at the end.
    pub(crate) fn verdict(&self, status: Status, code: &str, message: String) -> Verdict {
        Verdict {
            status,
            sent: self.sent,
            evidence: self.evidence,
            matched: self.matched,
            own_run: self.matched != Matched::None,
            code: code.to_owned(),
            likely_cause: String::new(),
            message,
            hint: String::new(),
            retryable: false,
            retry_at: None,
            service_run: self.run.as_ref().map(|run| run.id.clone()),
            flow_run: self.flow_run.clone(),
            started_at: self.run.as_ref().and_then(|run| run.started_at.clone()),
            ended_at: self.run.as_ref().and_then(|run| run.ended_at.clone()),
            http_calls: 0,
            service_error: self.service_error.clone(),
            quota: self.quota.clone(),
        }
    }

    /// A verdict with a word on what to do next.
    pub(crate) fn verdict_hint(
        &self,
        status: Status,
        code: &str,
        message: String,
        hint: &str,
    ) -> Verdict {
        let mut verdict = self.verdict(status, code, message);
        hint.clone_into(&mut verdict.hint);
        verdict
    }
}

/// Whether a run is looked for and followed at all.
pub(crate) fn looks(follow: FollowMode) -> bool {
    follow != FollowMode::NotAtAll
}
