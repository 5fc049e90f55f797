//! Power Automate flows that begin with "When an HTTP request is received".

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{OAuthPolicy, ResponseAction};
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
