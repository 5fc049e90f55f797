//! Entra's token endpoints, v1 and v2, for client credentials (facts, 4 and 5.4).
//!
//! The tokens look like JWTs, so that a client can decode their claims; the signature is invented.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::api::without_nulls;
use super::{Call, Service};
use crate::message::{Answer, Reply, form_value};
use crate::secret::Secret;
use crate::state::{Claims, State};
use crate::world::{Client, EntraError};

pub(super) const SERVICE: Service = Service {
    name: "entra",
    prefix: "/",
    routes: "\
* {tenant}/oauth2/v2.0/token token
* {tenant}/oauth2/token token
",
    handler: token,
};

/// The only type of assertion.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An error, and what replaces the names in its description.
struct Rejection(u32, Vec<(&'static str, String)>);

impl Rejection {
    fn reply(&self, now: Timestamp) -> Reply {
        let Some(error) = EntraError::find(self.0) else {
            return Reply::empty(500);
        };
        let number = error.number;
        let description = error.description.to_owned();
        let description = self.1.iter().fold(description, |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        });
        let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
        let stamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let body = json!({
            "error": error.error,
            "error_description": format!(
                "AADSTS{number}: {description} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
            ),
            "error_codes": [number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        });
        let mut reply = Reply::json(error.status, &body);
        if let Some(seconds) = error.retry_after_s {
            reply.set_header("retry-after", &seconds.to_string());
        }
        reply
    }
}

/// The v1 endpoint takes `resource` instead of `scope` and writes numbers as text.
fn token(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let v1 = !call.request.path.contains("/v2.0/");
    if call.request.method != Method::POST {
        return Err(Reply::empty(405).with_header("allow", "POST"));
    }
    let (claims, client) = grant(call, v1).map_err(|rejection| rejection.reply(call.now))?;
    let token = token_with(&claims);
    let number = |value: u64| match v1 || client.numbers_as_text {
        true => Value::from(value.to_string()),
        false => Value::from(value),
    };
    // Entra returns 3599 for a token of an hour.
    let expires_in = number(client.token_lifetime_s.saturating_sub(1));
    let body = without_nulls(json!({
        "token_type": "Bearer",
        "expires_in": expires_in,
        "ext_expires_in": expires_in,
        "access_token": token.expose(),
        "refresh_in": client.refresh_in_s.map(number),
        "expires_on": v1.then(|| claims.exp.to_string()),
        "not_before": v1.then(|| claims.nbf.to_string()),
        "resource": v1.then(|| claims.aud.clone()),
    }));
    call.state.add_token(token, claims);
    Ok(Reply::json(200, &body)
        .with_header("cache-control", "no-store, no-cache")
        .into())
}

/// Issues a token to a client without a request; `None`: there is no such client.
pub(crate) fn issue(
    state: &mut State,
    client_id: Uuid,
    audience: &str,
    now: Timestamp,
) -> Option<String> {
    let claims = state.world.tenants.iter().find_map(|(tenant, known)| {
        let mut clients = known.clients.iter();
        let client = clients.find(|client| client.client_id == client_id)?;
        Some(claims_of(client, *tenant, audience, now))
    })?;
    let token = token_with(&claims);
    let text = token.expose().to_owned();
    state.add_token(token, claims);
    Some(text)
}

/// A token with these claims. Its third part is invented and always different.
fn token_with(claims: &Claims) -> Secret {
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256","kid":"INVENTED"}"#);
    let payload = URL_SAFE_NO_PAD.encode(json!(claims).to_string());
    let signature = Uuid::new_v4().simple();
    Secret::new(format!("{header}.{payload}.INVENTED-signature-{signature}"))
}

fn claims_of(client: &Client, tenant: Uuid, audience: &str, now: Timestamp) -> Claims {
    let issued = now.as_second();
    let lifetime = i64::try_from(client.token_lifetime_s).unwrap_or(i64::MAX);
    Claims {
        aud: audience.to_owned(),
        iss: format!("https://sts.windows.net/{tenant}/"),
        tid: tenant,
        oid: client.object_id,
        appid: client.client_id,
        roles: client.roles.clone(),
        nbf: issued,
        exp: issued.saturating_add(lifetime),
        idtyp: client.principal,
    }
}

/// The claims of the requested token, and its client. The order of the checks is a guess.
fn grant(call: &Call<'_>, v1: bool) -> Result<(Claims, Client), Rejection> {
    // Entra reads parameters from a form only.
    let is_form = call.request.is_of_type("application/x-www-form-urlencoded");
    let form = is_form.then(|| String::from_utf8_lossy(&call.request.body));
    let given = |name: &str| {
        let value = form.as_deref().and_then(|form| form_value(form, name));
        value.filter(|value| !value.is_empty())
    };
    let required = |name: &str| {
        given(name).ok_or_else(|| Rejection(900_144, vec![("parameter", name.to_owned())]))
    };
    let grant_type = required("grant_type")?;
    let client_id = required("client_id")?;
    if grant_type != "client_credentials" {
        return Err(Rejection(70_003, vec![("grant", grant_type)]));
    }
    let scope = required(if v1 { "resource" } else { "scope" })?;
    let tenant = call.routed.id("tenant").to_owned();
    let reject = |number, scope: &str| {
        let names = [("client", &client_id), ("tenant", &tenant)];
        let mut names: Vec<_> = names.map(|(name, value)| (name, value.clone())).into();
        names.extend([
            ("scope", scope.to_owned()),
            ("parameter", "scope".to_owned()),
        ]);
        Rejection(number, names)
    };
    let tenants = &call.state.world.tenants;
    let (tenant_id, known) = Uuid::parse_str(&tenant)
        .ok()
        .and_then(|id| tenants.get_key_value(&id))
        .ok_or_else(|| reject(90_002, &scope))?;
    let id = Uuid::parse_str(&client_id).ok();
    let mut clients = known.clients.iter();
    let client = clients
        .find(|client| Some(client.client_id) == id)
        .ok_or_else(|| reject(700_016, &scope))?;
    if let Some(number) = client.error {
        return Err(reject(number, &scope));
    }
    let audience = match v1 {
        true => Some(scope.as_str()),
        false => scope.strip_suffix("/.default"),
    };
    let audience = audience
        .filter(|audience| audience.contains("://") && !audience.contains(' '))
        .ok_or_else(|| reject(70_011, &scope))?;
    let same = |resource: &String| resource.trim_end_matches('/') == audience.trim_end_matches('/');
    if known
        .resources
        .as_ref()
        .is_some_and(|resources| !resources.iter().any(same))
    {
        return Err(reject(500_011, audience));
    }
    match (given("client_secret"), given("client_assertion")) {
        // Entra's reply to two credentials is not known; the number is a guess.
        (Some(_), Some(_)) => return Err(reject(90_023, &scope)),
        (Some(secret), None) if secret != client.secret.expose() => {
            return Err(reject(7_000_215, &scope));
        }
        (Some(_), None) if client.secret_expired => return Err(reject(7_000_222, &scope)),
        (Some(_), None) => {}
        (None, Some(assertion)) => {
            let kind = required("client_assertion_type")?;
            let expires =
                expiry(&assertion).filter(|_| client.takes_assertions && kind == ASSERTION_TYPE);
            if expires.ok_or_else(|| reject(700_027, &scope))? <= call.now.as_second() {
                return Err(reject(700_024, &scope));
            }
        }
        (None, None) => return Err(reject(7_000_218, &scope)),
    }
    let claims = claims_of(client, *tenant_id, audience, call.now);
    Ok((claims, client.clone()))
}

/// The `exp` of an assertion. Its signature is not checked.
fn expiry(assertion: &str) -> Option<i64> {
    let payload = assertion.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("exp")?.as_i64()
}
