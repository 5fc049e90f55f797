//! Entra tenants and the applications in them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::secret::Secret;

/// One Entra tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The service principals that may ask for tokens here.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// The resources for which there are tokens, to the letter; `None`: any. Another one is error
    /// 500011.
    #[serde(default)]
    pub resources: Option<Vec<String>>,
}

/// What a token stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Principal {
    /// An application (service principal).
    #[default]
    #[serde(rename = "app")]
    App,
    /// A person. Such a token is asked for with a client secret here all the same.
    #[serde(rename = "user")]
    User,
}

/// One service principal with its client secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The application (client) id.
    pub client_id: Uuid,
    /// The client secret's value.
    pub secret: Secret,
    /// The object id of the enterprise application: the `oid` of its tokens.
    pub object_id: Uuid,
    /// How long its tokens live, in seconds.
    #[serde(default = "default_lifetime")]
    pub token_lifetime_s: u64,
    /// True when the secret has run out: error 7000222.
    #[serde(default)]
    pub secret_expired: bool,
    /// True: a client assertion does instead of the secret. Its signature is not looked at.
    #[serde(default)]
    pub takes_assertions: bool,
    /// The number of the error that every request for a token ends with; `None`: tokens are given.
    #[serde(default)]
    pub error: Option<u32>,
    /// What its tokens stand for.
    #[serde(default)]
    pub principal: Principal,
    /// The `refresh_in` of its tokens, in seconds; `None`: it is not sent.
    #[serde(default)]
    pub refresh_in_s: Option<u64>,
    /// True: the v2 endpoint writes numbers as text, as the v1 endpoint always does.
    #[serde(default)]
    pub numbers_as_text: bool,
    /// The application permissions in its tokens.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Entra's usual answer is `expires_in: 3599` (facts, 4).
fn default_lifetime() -> u64 {
    3600
}

impl Client {
    /// A client with a valid secret and tokens of an hour.
    #[must_use]
    pub fn new(client_id: Uuid, object_id: Uuid, secret: &str) -> Self {
        Self {
            client_id,
            secret: Secret::new(secret),
            object_id,
            token_lifetime_s: default_lifetime(),
            secret_expired: false,
            takes_assertions: false,
            error: None,
            principal: Principal::App,
            refresh_in_s: None,
            numbers_as_text: false,
            roles: Vec::new(),
        }
    }

    /// Tokens live for `seconds`.
    #[must_use]
    pub fn token_lifetime_s(mut self, seconds: u64) -> Self {
        self.token_lifetime_s = seconds;
        self
    }

    /// The secret has run out.
    #[must_use]
    pub fn with_expired_secret(mut self) -> Self {
        self.secret_expired = true;
        self
    }

    /// A client assertion does instead of the secret.
    #[must_use]
    pub fn taking_assertions(mut self) -> Self {
        self.takes_assertions = true;
        self
    }

    /// Every request for a token ends with the error of this number.
    #[must_use]
    pub fn with_error(mut self, number: u32) -> Self {
        self.error = Some(number);
        self
    }

    /// Its tokens stand for a person.
    #[must_use]
    pub fn as_user(mut self) -> Self {
        self.principal = Principal::User;
        self
    }

    /// Its tokens ask to be renewed after `seconds`.
    #[must_use]
    pub fn refresh_in_s(mut self, seconds: u64) -> Self {
        self.refresh_in_s = Some(seconds);
        self
    }

    /// Numbers come as text.
    #[must_use]
    pub fn numbers_as_text(mut self) -> Self {
        self.numbers_as_text = true;
        self
    }

    /// Its tokens carry these application permissions.
    #[must_use]
    pub fn roles(mut self, roles: &[&str]) -> Self {
        self.roles = roles.iter().map(|&role| role.to_owned()).collect();
        self
    }
}
