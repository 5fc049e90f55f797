//! Power Automate flows that begin with "When an HTTP request is received".

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Inner, OAuthPolicy, Respond};
use crate::secret::Secret;

/// What a signature in a URL need not escape: the characters that RFC 3986 reserves for nothing.
const SIG: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Which generation of trigger URL the flow has (facts, 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowForm {
    /// `…logic.azure.com/workflows/…`
    Old,
    /// `…environment.api.powerplatform.com/powerautomate/automations/direct/workflows/…`
    New,
}

/// Whether the flow takes triggers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowState {
    /// It does.
    #[default]
    Enabled,
    /// Turned off.
    Disabled,
    /// Deleted, and not yet forgotten.
    Deleted,
    /// Turned off by the service.
    Suspended,
}

impl FlowState {
    /// The word in the service's error message.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::Deleted => "Deleted",
            Self::Suspended => "Suspended",
        }
    }
}

/// One flow with an HTTP trigger that a SAS signature or an OAuth policy protects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The workflow id in the URL: 32 hexadecimal digits.
    pub id: String,
    /// The flow's own id, which error messages and headers name.
    pub name: Uuid,
    /// The form of its URL.
    pub form: FlowForm,
    /// The signature that its trigger accepts; of no use where it takes OAuth tokens.
    #[serde(default = "no_sig")]
    pub sig: Secret,
    /// Who can trigger it with a token; `None`: anyone with the signature.
    #[serde(default)]
    pub oauth: Option<OAuthPolicy>,
    /// Whether it takes triggers.
    #[serde(default)]
    pub state: FlowState,
    /// The names of the properties that the trigger's schema requires; `None`: no schema.
    #[serde(default)]
    pub schema: Option<Vec<String>>,
    /// What it does inside.
    #[serde(default)]
    pub inner: Option<Inner>,
    /// How long it waits before it does that, in milliseconds.
    #[serde(default)]
    pub start_delay_ms: u64,
    /// Its Response action; `None`: 202 at once, with nothing in it.
    #[serde(default)]
    pub respond: Option<Respond>,
}

fn no_sig() -> Secret {
    Secret::new("")
}

impl Flow {
    /// An enabled flow without schema, inner refresh and Response action.
    #[must_use]
    pub fn new(id: &str, name: Uuid, form: FlowForm, sig: &str) -> Self {
        Self {
            id: id.to_owned(),
            name,
            form,
            sig: Secret::new(sig),
            oauth: None,
            state: FlowState::Enabled,
            schema: None,
            inner: None,
            start_delay_ms: 0,
            respond: None,
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

    /// Refreshes this dataflow of Power BI inside.
    #[must_use]
    pub fn refreshing(mut self, dataflow: Uuid) -> Self {
        self.inner = Some(Inner::Dataflow(dataflow));
        self
    }

    /// Refreshes this Gen2 dataflow of Fabric inside.
    #[must_use]
    pub fn refreshing_gen2(mut self, dataflow: Uuid) -> Self {
        self.inner = Some(Inner::DataflowGen2(dataflow));
        self
    }

    /// Refreshes this semantic model inside.
    #[must_use]
    pub fn refreshing_model(mut self, model: Uuid) -> Self {
        self.inner = Some(Inner::SemanticModel(model));
        self
    }

    /// Waits this long before it refreshes.
    #[must_use]
    pub fn start_delay_ms(mut self, ms: u64) -> Self {
        self.start_delay_ms = ms;
        self
    }

    /// Answers with a Response action.
    #[must_use]
    pub fn responding(mut self, respond: Respond) -> Self {
        self.respond = Some(respond);
        self
    }

    /// Is in this state.
    #[must_use]
    pub fn state(mut self, state: FlowState) -> Self {
        self.state = state;
        self
    }

    /// Requires these properties in the trigger's body.
    #[must_use]
    pub fn requiring(mut self, properties: &[&str]) -> Self {
        self.schema = Some(properties.iter().map(|&p| p.to_owned()).collect());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_url_is_the_services_own() {
        let old = Flow::new(&"a".repeat(32), Uuid::nil(), FlowForm::Old, "INVENTED-sig");
        assert_eq!(
            old.trigger_url("http://127.0.0.1:1"),
            format!(
                "http://127.0.0.1:1/workflows/{}/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=INVENTED-sig",
                "a".repeat(32)
            )
        );
        let new = Flow {
            form: FlowForm::New,
            ..old.clone()
        };
        assert!(
            new.trigger_url("https://h")
                .starts_with("https://h/powerautomate/automations/direct/workflows/aaaa")
        );
    }
    #[test]
    fn an_oauth_url_carries_no_signature() {
        let policy = OAuthPolicy::tenant(Uuid::nil());
        let flow = Flow::with_oauth(&"a".repeat(32), Uuid::nil(), FlowForm::New, policy);
        assert!(flow.trigger_url("").ends_with("/invoke?api-version=1"));
    }
}
