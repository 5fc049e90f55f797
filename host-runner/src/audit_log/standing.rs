//! What a run comes to in words: where it stands, and the verdict on it.

use super::event::Word;
use super::fold::{Conclusion, RunView};
use crate::verdict::{Evidence, Sent, Status, Verdict};

/// Where a run stands, as far as another start of the same identity is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of it was sent.
    NotSent,
    /// It ended in `completed`, `accepted`, `failed`, `skipped` or `cancelled`.
    Ended(Status),
    /// Somebody found that its trigger began nothing.
    NeverStarted,
    /// Its trigger may have begun something, and nobody has said yet what became of it.
    Unsettled,
}

impl RunView {
    /// Where the run stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let ended = match self.conclusion {
            Conclusion::Resolved if self.word() == Some(Word::NeverStarted) => {
                return Standing::NeverStarted;
            }
            Conclusion::Resolved | Conclusion::Outcome => {
                self.verdict().map(|verdict| verdict.status)
            }
            Conclusion::None | Conclusion::Interrupted => None,
        };
        match ended {
            Some(
                status @ (Status::Completed
                | Status::Accepted
                | Status::Failed
                | Status::Skipped
                | Status::Cancelled),
            ) => Standing::Ended(status),
            _ if self.sent == Sent::No => Standing::NotSent,
            _ => Standing::Unsettled,
        }
    }

    /// A name of where the run stands, for lists: a verdict's status, `never_started`, or `open`
    /// where there is no verdict.
    #[must_use]
    pub fn standing_name(&self) -> &'static str {
        match (self.standing(), self.verdict()) {
            (Standing::NeverStarted, _) => Word::NeverStarted.name(),
            (_, Some(verdict)) => verdict.status.name(),
            (_, None) => "open",
        }
    }

    /// The verdict on the run, where there is one: the outcome's, or one that says who interrupted
    /// it or what was said of it. Nothing for `never_started`, which is no verdict of the contract.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self.conclusion {
            Conclusion::None => None,
            Conclusion::Outcome => self.outcome.as_ref().map(|outcome| outcome.verdict.clone()),
            Conclusion::Interrupted => self.interrupted.as_ref().map(|interrupted| {
                self.bare(
                    Status::Interrupted,
                    format!("{} ended it: {}", interrupted.signal, interrupted.message),
                )
            }),
            Conclusion::Resolved => self.resolved.as_ref().and_then(|(resolution, actor)| {
                let status = match resolution.word {
                    Word::NeverStarted => return None,
                    Word::Completed => Status::Completed,
                    Word::Failed => Status::Failed,
                    Word::Cancelled => Status::Cancelled,
                };
                let (word, who, reason) = (resolution.word.name(), actor.who(), &resolution.reason);
                Some(self.bare(status, format!("settled as {word} by {who}: {reason}")))
            }),
        }
    }

    fn word(&self) -> Option<Word> {
        self.resolved
            .as_ref()
            .map(|(resolution, _)| resolution.word)
    }

    /// A verdict that rests on nobody's evidence, with what is known of the run.
    fn bare(&self, status: Status, message: String) -> Verdict {
        let state = self.service_state.as_ref();
        Verdict {
            sent: self.sent,
            matched: self.matched,
            own_run: !self.service_run.is_empty(),
            service_run: self.service_run.clone(),
            flow_run: self.flow_run.clone(),
            started_at: state
                .and_then(|run| run.started_at.clone())
                .unwrap_or_default(),
            ended_at: state
                .and_then(|run| run.ended_at.clone())
                .unwrap_or_default(),
            evidence: Evidence::None,
            ..Verdict::not_sent(status, "", message, "")
        }
    }
}
