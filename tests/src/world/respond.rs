//! The Response action of a flow: when it answers, and what it tells.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// When the Response action answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RespondMode {
    /// The caller is held until the Response is reached, at most 120 s.
    #[default]
    Sync,
    /// The caller gets 202 with a `Location` to poll.
    Async,
}

/// What the Response action tells of the refresh inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RelayForm", into = "RelayForm")]
pub enum Relay {
    /// Nothing: it answers what is written in it.
    #[default]
    Nothing,
    /// `true` in JSON: 200 `{"status":"started"}`, or the refusal as it came.
    Start,
    /// `"completed"` in JSON: waits for the end of the run and tells it, or the refusal as it came.
    Completion,
}

/// The two ways in which JSON says [`Relay`].
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RelayForm {
    Flag(bool),
    Word(String),
}

impl TryFrom<RelayForm> for Relay {
    type Error = String;

    fn try_from(form: RelayForm) -> Result<Self, Self::Error> {
        match form {
            RelayForm::Flag(false) => Ok(Self::Nothing),
            RelayForm::Flag(true) => Ok(Self::Start),
            RelayForm::Word(word) if word == "completed" => Ok(Self::Completion),
            RelayForm::Word(word) => Err(format!(
                "`relay` is `{word}`; it takes true, false or \"completed\""
            )),
        }
    }
}

impl From<Relay> for RelayForm {
    fn from(relay: Relay) -> Self {
        match relay {
            Relay::Nothing => Self::Flag(false),
            Relay::Start => Self::Flag(true),
            Relay::Completion => Self::Word("completed".to_owned()),
        }
    }
}

/// A Response action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Respond {
    /// Held open, or 202 with `Location`.
    pub mode: RespondMode,
    /// The status that it answers where it does not relay one.
    pub status: u16,
    /// The body: a JSON string is sent as it is, anything else as JSON, null as nothing.
    pub body: Value,
    /// The `Content-Type`; `None`: `application/json`, or `text/plain` for a string.
    pub content_type: Option<String>,
    /// How long the flow takes until it reaches the Response, in milliseconds.
    pub delay_ms: u64,
    /// Asynchronous: how many polls are answered with 202 at least.
    pub polls: u32,
    /// The `Retry-After` of the 202 answers, in seconds.
    pub retry_after_s: Option<u64>,
    /// What it tells of the refresh inside.
    pub relay: Relay,
}

impl Default for Respond {
    fn default() -> Self {
        Self {
            mode: RespondMode::Sync,
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

impl Respond {
    /// A synchronous Response with a fixed status and body.
    #[must_use]
    pub fn with(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            ..Self::default()
        }
    }

    /// A synchronous Response that tells what the refresh inside said.
    #[must_use]
    pub fn relaying(relay: Relay) -> Self {
        Self {
            relay,
            ..Self::default()
        }
    }

    /// Answers 202 with a `Location` first, and to at least `polls` polls.
    #[must_use]
    pub fn asynchronously(mut self, polls: u32) -> Self {
        self.mode = RespondMode::Async;
        self.polls = polls;
        self
    }

    /// Takes `ms` milliseconds until it is reached.
    #[must_use]
    pub fn after_ms(mut self, ms: u64) -> Self {
        self.delay_ms = ms;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relay_takes_a_flag_or_one_word() {
        for (json, relay) in [
            ("false", Relay::Nothing),
            ("true", Relay::Start),
            ("\"completed\"", Relay::Completion),
        ] {
            assert_eq!(serde_json::from_str::<Relay>(json).unwrap(), relay);
            assert_eq!(serde_json::to_string(&relay).unwrap(), json);
        }
        let error = serde_json::from_str::<Relay>("\"done\"").unwrap_err();
        assert!(error.to_string().contains("`done`"));
    }
}
