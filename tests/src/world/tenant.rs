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
}
