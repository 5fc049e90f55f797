//! Entra tenants, the applications in them, and the errors that Entra can return.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::secret::Secret;

/// One Entra tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tenant {
    /// The service principals that may request tokens.
    pub clients: Vec<Client>,
    /// The resources that tokens exist for; `None`: any. Another one is error 500011.
    pub resources: Option<Vec<String>>,
}

/// The kind of caller that a token stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// An application (service principal).
    #[default]
    App,
    /// A person. The simulator gives such a token for a client secret, too.
    User,
}

/// One service principal with its client secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Client {
    /// The application (client) id.
    pub client_id: Uuid,
    /// The client secret's value.
    pub secret: Secret,
    /// The object id of the enterprise application: the `oid` of its tokens.
    pub object_id: Uuid,
    /// How long its tokens are valid, in seconds.
    pub token_lifetime_s: u64,
    /// True: the secret has expired, error 7000222.
    pub secret_expired: bool,
    /// True: a client assertion is accepted instead of the secret. Its signature is not checked.
    pub takes_assertions: bool,
    /// The number of the error that every token request gets; `None`: tokens are issued.
    pub error: Option<u32>,
    /// What its tokens stand for.
    pub principal: Principal,
    /// The `refresh_in` of its tokens, in seconds; `None`: it is not sent.
    pub refresh_in_s: Option<u64>,
    /// True: the v2 endpoint writes numbers as text, as the v1 endpoint always does.
    pub numbers_as_text: bool,
    /// The application permissions in its tokens.
    pub roles: Vec<String>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            client_id: Uuid::nil(),
            secret: Secret::default(),
            object_id: Uuid::nil(),
            // Entra's usual reply is `expires_in: 3599` (facts, 4).
            token_lifetime_s: 3600,
            secret_expired: false,
            takes_assertions: false,
            error: None,
            principal: Principal::App,
            refresh_in_s: None,
            numbers_as_text: false,
            roles: Vec::new(),
        }
    }
}

impl Client {
    /// A client with a valid secret and tokens of one hour.
    #[must_use]
    pub fn new(client_id: Uuid, object_id: Uuid, secret: &str) -> Self {
        Self {
            client_id,
            object_id,
            secret: Secret::new(secret),
            ..Self::default()
        }
    }
}

/// Number, status, `error`, `Retry-After` (or `-`), and description of every error, one a line.
/// Where the facts have no status (transient errors, assertions), it is a guess.
const ERRORS: &str = include_str!("entra_errors.txt");

/// One error of Entra (facts, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntraError {
    /// The number after `AADSTS`.
    pub number: u32,
    /// The HTTP status.
    pub status: u16,
    /// The `error` of the body, the only part that clients may react to.
    pub error: &'static str,
    /// The `Retry-After` of a transient error, in seconds.
    pub retry_after_s: Option<u64>,
    /// The description, with `{client}`, `{tenant}` and the like for what the request contained.
    pub description: &'static str,
}

impl EntraError {
    /// The error with this number.
    #[must_use]
    pub fn find(number: u32) -> Option<Self> {
        ERRORS.lines().find_map(|line| {
            let mut columns = line.splitn(5, ' ');
            let found: u32 = columns.next()?.parse().ok()?;
            (found == number).then_some(())?;
            Some(Self {
                number,
                status: columns.next()?.parse().ok()?,
                error: columns.next()?,
                retry_after_s: columns.next()?.parse().ok(),
                description: columns.next()?,
            })
        })
    }
}
