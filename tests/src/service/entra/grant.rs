//! Whether a request for a token gets one, and what the token says: plain functions over the form.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Call;
use crate::message::{Reply, form_value};
use crate::state::Claims;
use crate::world::{Client, EntraError, World, entra_error};

/// The only type of assertion that there is.
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why no token is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    pub(super) status: u16,
    pub(super) error: &'static str,
    pub(super) number: u32,
    description: String,
    retry_after_s: Option<u64>,
}

impl From<&EntraError> for Rejection {
    fn from(error: &EntraError) -> Self {
        Self {
            retry_after_s: error.retry_after_s,
            ..Self::new(
                error.status,
                error.error,
                error.number,
                error.text.to_owned(),
            )
        }
    }
}

impl Rejection {
    fn new(status: u16, error: &'static str, number: u32, description: String) -> Self {
        Self {
            status,
            error,
            number,
            description,
            retry_after_s: None,
        }
    }

    fn missing(parameter: &str) -> Self {
        Self::new(
            400,
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{parameter}'."),
        )
    }

    pub(super) fn reply(&self, now: Timestamp) -> Reply {
        let trace = Uuid::new_v4();
        let correlation = Uuid::new_v4();
        let stamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let number = self.number;
        let mut reply = Reply::json(
            self.status,
            &json!({
                "error": self.error,
                "error_description": format!(
                    "AADSTS{number}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}",
                    self.description
                ),
                "error_codes": [number],
                "timestamp": stamp,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
            }),
        );
        if let Some(seconds) = self.retry_after_s {
            reply.set_header("retry-after", &seconds.to_string());
        }
        reply
    }
}

/// An error of the table, in its own words.
fn listed(number: u32) -> Rejection {
    entra_error(number).map_or_else(
        || Rejection::new(400, "invalid_request", number, String::new()),
        Rejection::from,
    )
}

/// Whether the secret is the client's, and still good.
fn judge_secret(client: &Client, secret: &str) -> Result<(), Rejection> {
    let id = client.client_id;
    if secret != client.secret.expose() {
        return Err(Rejection::new(
            401,
            "invalid_client",
            7_000_215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{id}'."
            ),
        ));
    }
    if client.secret_expired {
        return Err(Rejection::new(
            401,
            "invalid_client",
            7_000_222,
            format!("The provided client secret keys for app '{id}' are expired."),
        ));
    }
    Ok(())
}

/// Whether the assertion is a token of the right type in its time. Nobody's signature is looked at.
fn judge_assertion(
    client: &Client,
    kind: &str,
    assertion: &str,
    now: Timestamp,
) -> Result<(), Rejection> {
    let said: Option<Value> = assertion
        .split('.')
        .nth(1)
        .and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok())
        .and_then(|payload| serde_json::from_slice(&payload).ok());
    let expires = said
        .as_ref()
        .and_then(|said| said.get("exp"))
        .and_then(Value::as_i64)
        .filter(|_| client.takes_assertions && kind == ASSERTION_TYPE)
        .ok_or_else(|| listed(700_027))?;
    if expires <= now.as_second() {
        return Err(listed(700_024));
    }
    Ok(())
}

/// What a token may say, and the client that gets it. The order of the checks is a guess.
pub(super) fn grant<'a>(
    world: &'a World,
    call: &Call,
    form: Option<&str>,
    now: Timestamp,
) -> Result<(Claims, &'a Client), Rejection> {
    let tenant = call.tenant.as_str();
    // Entra reads parameters from a form only; with any other type it finds none of them.
    let given = |name: &str| {
        form.and_then(|form| form_value(form, name))
            .filter(|v| !v.is_empty())
    };
    let required = |name: &str| given(name).ok_or_else(|| Rejection::missing(name));

    let grant_type = required("grant_type")?;
    let client_id = required("client_id")?;
    if grant_type != "client_credentials" {
        return Err(Rejection::new(
            400,
            "unsupported_grant_type",
            70_003,
            format!("The app requested an unsupported grant type '{grant_type}'."),
        ));
    }
    let scope = required(if call.v1 { "resource" } else { "scope" })?;
    let tenant_id = Uuid::parse_str(tenant).ok();
    let Some((tenant_id, known)) =
        tenant_id.and_then(|id| world.tenants.get(&id).map(|tenant| (id, tenant)))
    else {
        return Err(Rejection::new(
            400,
            "invalid_request",
            90_002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            ),
        ));
    };
    let Some(client) = Uuid::parse_str(&client_id)
        .ok()
        .and_then(|id| known.clients.iter().find(|client| client.client_id == id))
    else {
        return Err(Rejection::new(
            400,
            "unauthorized_client",
            700_016,
            format!(
                "Application with identifier '{client_id}' was not found in the directory '{tenant_id}'."
            ),
        ));
    };
    if let Some(error) = client.error.and_then(entra_error) {
        return Err(error.into());
    }
    let audience = if call.v1 {
        Some(scope.as_str())
    } else {
        scope.strip_suffix("/.default")
    };
    let Some(audience) =
        audience.filter(|audience| audience.contains("://") && !audience.contains(' '))
    else {
        return Err(Rejection::new(
            400,
            "invalid_scope",
            70_011,
            format!(
                "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
            ),
        ));
    };
    if let Some(resources) = &known.resources
        && !resources
            .iter()
            .any(|known| known.trim_end_matches('/') == audience.trim_end_matches('/'))
    {
        return Err(Rejection::new(
            400,
            "invalid_resource",
            500_011,
            format!(
                "The resource principal named {audience} was not found in the tenant named {tenant_id}."
            ),
        ));
    }
    if given("client_secret").is_some() && given("client_assertion").is_some() {
        // What the service says to two credentials is not known; the number is a guess.
        return Err(Rejection::new(
            400,
            "invalid_request",
            90_023,
            "Only one of 'client_secret' and 'client_assertion' may be given.".to_owned(),
        ));
    }
    match (given("client_secret"), given("client_assertion")) {
        (Some(secret), _) => judge_secret(client, &secret)?,
        (None, Some(assertion)) => {
            let kind = required("client_assertion_type")?;
            judge_assertion(client, &kind, &assertion, now)?;
        }
        (None, None) => return Err(listed(7_000_218)),
    }
    Ok((claims_of(client, tenant_id, audience, now), client))
}

/// What a token of `client` for `audience` says.
pub(super) fn claims_of(client: &Client, tenant: Uuid, audience: &str, now: Timestamp) -> Claims {
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
