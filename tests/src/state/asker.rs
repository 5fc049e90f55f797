//! Who set a run off, and why a request for one was refused.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::RefreshType;

/// Who asked for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The tracking id of the request, or "scheduled", "other", "api".
    pub name: String,
    /// The number of the request in the log, where one led to the run.
    pub request: Option<u64>,
}

impl Asker {
    /// The asker of a run that began by itself.
    #[must_use]
    pub fn of(refresh_type: RefreshType) -> Self {
        let name = match refresh_type {
            RefreshType::Scheduled => "scheduled",
            _ => "other",
        };
        Self {
            name: name.to_owned(),
            request: None,
        }
    }

    /// The asker of a request to an API.
    #[must_use]
    pub fn api(tracking_id: Option<&str>, number: u64) -> Self {
        Self {
            name: tracking_id.unwrap_or("api").to_owned(),
            request: Some(number),
        }
    }
}

/// Why a refresh was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The error code.
    pub code: &'static str,
    /// What the service says; empty where it says nothing.
    pub message: String,
}

impl Refusal {
    /// A refusal with these words.
    #[must_use]
    pub fn new(status: u16, code: &'static str, message: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
        }
    }

    /// The error body as Power BI writes it.
    #[must_use]
    pub fn body(&self) -> Value {
        if self.message.is_empty() {
            json!({"error": {"code": self.code, "pbi.error": {
                "code": self.code, "parameters": {}, "details": [], "exceptionCulprit": 1}}})
        } else {
            json!({"error": {"code": self.code, "message": self.message}})
        }
    }
}

/// A request for a run that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The id that the caller is told.
    pub id: Uuid,
    /// False: no run will ever have this id.
    pub began: bool,
}

impl Accepted {
    /// The id of the run, if there is one.
    #[must_use]
    pub fn run(self) -> Option<String> {
        self.began.then(|| self.id.to_string())
    }
}
