//! The tokens that Entra has issued. A token that is not here was made up by somebody.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::State;
use crate::secret::Secret;
use crate::world::Principal;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The resource that it is for.
    pub aud: String,
    /// Who issued it.
    pub iss: String,
    /// The tenant.
    pub tid: Uuid,
    /// The object id of the caller.
    pub oid: Uuid,
    /// The client id of the caller.
    pub appid: Uuid,
    /// The application permissions.
    pub roles: Vec<String>,
    /// Not valid before, in seconds since 1970.
    pub nbf: i64,
    /// Not valid from, in seconds since 1970.
    pub exp: i64,
    /// Whether an application or a person calls.
    pub idtyp: Principal,
}

impl Claims {
    /// True when the token has run out at `now`.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        now.as_second() >= self.exp
    }
}

impl State {
    /// Remembers a token that Entra gives out.
    pub fn remember_token(&mut self, token: Secret, claims: Claims) {
        self.tokens.push((token, claims));
    }

    /// What an issued token says; `None` for one that was never issued.
    #[must_use]
    pub fn claims_of(&self, token: &str) -> Option<&Claims> {
        self.tokens
            .iter()
            .find(|(issued, _)| issued.expose() == token)
            .map(|(_, claims)| claims)
    }

    /// How many tokens were issued.
    #[must_use]
    pub fn tokens_issued(&self) -> usize {
        self.tokens.len()
    }
}
