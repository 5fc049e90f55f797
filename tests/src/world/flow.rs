//! Power Automate flows that begin with "When an HTTP request is received", the tokens that they
//! require, and their Response actions (facts, 1).

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::secret::Secret;

/// A signature in a URL escapes all but the unreserved characters of RFC 3986.
const SIG: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The form of a trigger URL (facts, 1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowForm {
    /// `…logic.azure.com/workflows/…`
    Old,
    /// `…environment.api.powerplatform.com/powerautomate/automations/direct/workflows/…`
    #[default]
    New,
}

/// Whether the flow's trigger is enabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowState {
    /// Turned on.
    #[default]
    Enabled,
    /// Turned off.
    Disabled,
    /// Deleted a short while ago.
    Deleted,
    /// Turned off by the service.
    Suspended,
}

/// One flow with an HTTP trigger that a SAS signature or an OAuth policy protects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Flow {
    /// The workflow id in the URL: 32 hexadecimal digits.
    pub id: String,
    /// The flow's own id, as in error messages and headers.
    pub name: Uuid,
    /// The form of its URL.
    pub form: FlowForm,
    /// The signature that its trigger accepts; unused where it takes OAuth tokens.
    pub sig: Secret,
    /// The token that its trigger requires; `None`: the signature is enough.
    pub oauth: Option<OAuthPolicy>,
    /// Whether its trigger is enabled.
    pub state: FlowState,
    /// The properties that the trigger's schema requires; `None`: no schema.
    pub schema: Option<Vec<String>>,
    /// The item that it refreshes; a refusal is swallowed.
    pub refreshes: Option<Uuid>,
    /// How long it waits before that refresh, in milliseconds.
    pub start_delay_ms: u64,
    /// Its Response action; `None`: 202 at once, with an empty body.
    pub respond: Option<ResponseAction>,
}

impl Flow {
    /// An enabled flow that refreshes nothing and has no schema and no Response action.
    #[must_use]
    pub fn new(id: &str, name: Uuid, form: FlowForm, sig: &str) -> Self {
        Self {
            id: id.to_owned(),
            name,
            form,
            sig: Secret::new(sig),
            ..Self::default()
        }
    }

    /// An enabled flow whose trigger takes tokens and no signature.
    #[must_use]
    pub fn with_oauth(id: &str, name: Uuid, form: FlowForm, policy: OAuthPolicy) -> Self {
        Self {
            oauth: Some(policy),
            ..Self::new(id, name, form, "")
        }
    }

    /// Refreshes this item.
    #[must_use]
    pub fn refreshing(mut self, item: Uuid) -> Self {
        self.refreshes = Some(item);
        self
    }

    /// Waits this long before the refresh.
    #[must_use]
    pub fn start_delay_ms(mut self, ms: u64) -> Self {
        self.start_delay_ms = ms;
        self
    }

    /// Replies with a Response action.
    #[must_use]
    pub fn responding(mut self, respond: ResponseAction) -> Self {
        self.respond = Some(respond);
        self
    }

    /// The whole URL of the trigger on a simulator at `base` (`http://127.0.0.1:PORT`, no trailing
    /// slash): with its signature, or without any where it takes tokens.
    #[must_use]
    pub fn trigger_url(&self, base: &str) -> String {
        let (prefix, version) = match self.form {
            FlowForm::Old => ("", "2016-06-01"),
            FlowForm::New => ("/powerautomate/automations/direct", "1"),
        };
        let bare = format!(
            "{base}{prefix}/workflows/{}/triggers/manual/paths/invoke?api-version={version}",
            self.id
        );
        if self.oauth.is_some() {
            return bare;
        }
        format!(
            "{bare}&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={}",
            utf8_percent_encode(self.sig.expose(), SIG)
        )
    }
}

/// The cloud of a flow, which decides the audience of its tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The public one.
    #[default]
    Public,
    /// US Government (GCC).
    Gcc,
    /// US Government (GCC High).
    GccHigh,
    /// US Department of Defense.
    Dod,
    /// China.
    China,
}

impl Cloud {
    /// The audience that a token must have exactly, trailing slash included.
    pub(crate) fn audience(self) -> &'static str {
        match self {
            Self::Public => "https://service.flow.microsoft.com/",
            Self::Gcc => "https://gov.service.flow.microsoft.us/",
            Self::GccHigh => "https://high.service.flow.microsoft.us/",
            Self::Dod => "https://service.flow.appsplatform.us/",
            Self::China => "https://service.powerautomate.cn/",
        }
    }
}

/// The token that a flow's trigger requires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OAuthPolicy {
    /// The cloud, which decides the audience.
    pub cloud: Cloud,
    /// The tenant ("any user in my tenant").
    pub tenant: Uuid,
    /// The object ids that are allowed; empty: the whole tenant.
    pub principals: Vec<Uuid>,
    /// Further claims that the token must have, compared exactly.
    pub claims: BTreeMap<String, String>,
    /// The status of `MisMatchingOAuthClaims`; 401 and 403 have both been observed.
    pub mismatch_status: u16,
}

impl Default for OAuthPolicy {
    fn default() -> Self {
        Self {
            cloud: Cloud::Public,
            tenant: Uuid::nil(),
            principals: Vec::new(),
            claims: BTreeMap::new(),
            mismatch_status: 401,
        }
    }
}

impl OAuthPolicy {
    /// Any user of this tenant, in the public cloud.
    #[must_use]
    pub fn tenant(tenant: Uuid) -> Self {
        Self {
            tenant,
            ..Self::default()
        }
    }

    /// Sets the cloud.
    #[must_use]
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = cloud;
        self
    }
}

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
