//! Entra's token endpoints, v1 and v2, for client credentials (facts, 4 and 5.4).
//!
//! The decision is in `grant`. The tokens look like JWTs, so that
//! a client can decode what they say, and carry a signature that is nobody's.

mod grant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use self::grant::{claims_of, grant};
use crate::message::{Reply, Request};
use crate::secret::Secret;
use crate::state::{Claims, State};
use crate::world::Client;

/// A request to the token endpoint of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The tenant as the path names it.
    pub tenant: String,
    /// True at the v1 endpoint, which takes `resource` and writes numbers as text.
    pub v1: bool,
}

impl Call {
    /// `/{tenant}/oauth2/v2.0/token` or `/{tenant}/oauth2/token`
    #[must_use]
    pub fn of(segments: &[&str]) -> Option<Self> {
        let (tenant, v1) = match segments {
            [tenant, "oauth2", "v2.0", "token"] => (tenant, false),
            [tenant, "oauth2", "token"] => (tenant, true),
            _ => return None,
        };
        (!tenant.is_empty()).then(|| Self {
            tenant: (*tenant).to_owned(),
            v1,
        })
    }
}

/// A token that says `claims`. Its third part is invented and different each time.
fn token_for(claims: &Claims) -> Secret {
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256","kid":"INVENTED"}"#);
    let payload = URL_SAFE_NO_PAD.encode(json!(claims).to_string());
    Secret::new(format!(
        "{header}.{payload}.INVENTED-signature-{}",
        Uuid::new_v4().simple()
    ))
}

/// Issues a token to a client without a request; `None`: there is no such client.
pub(crate) fn issue(
    state: &mut State,
    client_id: Uuid,
    audience: &str,
    now: Timestamp,
) -> Option<String> {
    let claims = state.world.tenants.iter().find_map(|(tenant, known)| {
        let client = known
            .clients
            .iter()
            .find(|one| one.client_id == client_id)?;
        Some(claims_of(client, *tenant, audience, now))
    })?;
    let token = token_for(&claims);
    let text = token.expose().to_owned();
    state.remember_token(token, claims);
    Some(text)
}

/// What Entra answers.
pub fn answer(call: &Call, incoming: &Request, state: &mut State, now: Timestamp) -> Reply {
    if incoming.method != Method::POST {
        return Reply::empty(405).with_header("allow", "POST");
    }
    let form = incoming
        .is_of_type("application/x-www-form-urlencoded")
        .then(|| String::from_utf8_lossy(&incoming.body));
    match grant(&state.world, call, form.as_deref(), now) {
        Err(rejection) => rejection.reply(now),
        Ok((claims, client)) => {
            let token = token_for(&claims);
            let body = told(call, &claims, client, &token);
            state.remember_token(token, claims);
            Reply::json(200, &body).with_header("cache-control", "no-store, no-cache")
        }
    }
}

/// What is said of a token that is given.
fn told(call: &Call, claims: &Claims, client: &Client, token: &Secret) -> Value {
    let as_text = call.v1 || client.numbers_as_text;
    let number = |value: u64| {
        if as_text {
            Value::from(value.to_string())
        } else {
            Value::from(value)
        }
    };
    // Entra says 3599 of a token of an hour.
    let expires_in = number(client.token_lifetime_s.saturating_sub(1));
    let mut body = json!({
        "token_type": "Bearer",
        "expires_in": expires_in,
        "ext_expires_in": expires_in,
        "access_token": token.expose(),
    });
    if let Some(fields) = body.as_object_mut() {
        if let Some(seconds) = client.refresh_in_s {
            fields.insert("refresh_in".to_owned(), number(seconds));
        }
        if call.v1 {
            fields.insert("expires_on".to_owned(), claims.exp.to_string().into());
            fields.insert("not_before".to_owned(), claims.nbf.to_string().into());
            fields.insert("resource".to_owned(), claims.aud.clone().into());
        }
    }
    body
}

#[cfg(test)]
mod tests;
