//! The Response action of a flow: when it replies, and with what.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// When the Response action replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// The caller waits until the Response is reached, at most 120 s.
    #[default]
    Sync,
    /// The caller gets 202 with a `Location` to poll.
    Async,
}

/// What the Response action reports about the refresh inside the flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relay {
    /// Nothing: it sends its own status and body.
    #[default]
    Nothing,
    /// 200 `{"status":"started"}`, or the refusal as the service returned it.
    Start,
    /// Waits for the end of the run and reports it, or the refusal as the service returned it.
    Completion,
}

/// A Response action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResponseAction {
    /// Synchronous, or 202 with `Location`.
    pub mode: ResponseMode,
    /// The status, unless it relays one.
    pub status: u16,
    /// The body: a JSON string is sent as plain text, null as an empty body, the rest as JSON.
    pub body: Value,
    /// The `Content-Type`; `None`: `application/json`, or `text/plain` for a string.
    pub content_type: Option<String>,
    /// How long the flow takes to reach the Response, in milliseconds.
    pub delay_ms: u64,
    /// Asynchronous: the minimum number of polls that get 202.
    pub polls: u32,
    /// The `Retry-After` of the 202 replies, in seconds.
    pub retry_after_s: Option<u64>,
    /// What it reports about the refresh inside.
    pub relay: Relay,
}

impl Default for ResponseAction {
    fn default() -> Self {
        Self {
            mode: ResponseMode::Sync,
            status: 200,
            body: Value::Null,
            content_type: None,
            delay_ms: 0,
            polls: 0,
            retry_after_s: None,
            relay: Relay::Nothing,
        }
    }
}

impl ResponseAction {
    /// A synchronous Response with a fixed status and body.
    #[must_use]
    pub fn with(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            ..Self::default()
        }
    }

    /// A synchronous Response that reports on the refresh inside.
    #[must_use]
    pub fn relaying(relay: Relay) -> Self {
        Self {
            relay,
            ..Self::default()
        }
    }

    /// Replies 202 with a `Location` first, and 202 to at least `polls` polls.
    #[must_use]
    pub fn asynchronously(mut self, polls: u32) -> Self {
        self.mode = ResponseMode::Async;
        self.polls = polls;
        self
    }

    /// Is reached after `ms` milliseconds.
    #[must_use]
    pub fn after_ms(mut self, ms: u64) -> Self {
        self.delay_ms = ms;
        self
    }
}
