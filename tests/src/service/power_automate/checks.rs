//! What a trigger or a poll must pass before it leads to anything (facts, 1.4 and 5.1).
//!
//! [`authorise`] is for whatever a signature protects ("Anyone"), [`authorise_token`] for triggers
//! that take tokens. The order of the checks is a guess.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::message::{Reply, Request};
use crate::secret::Secret;
use crate::state::{Claims, State};
use crate::world::{Flow, FlowForm, FlowState, OAuthPolicy};

/// What the signature of a trigger covers besides itself: the permission to run it.
const TRIGGER_PERMISSION: &str = "/triggers/manual/run";

/// An error as Power Automate writes it.
pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"error": {"code": code, "message": message}}),
    )
}

/// What is said of a workflow, run or operation that is not there.
pub(super) fn not_found(workflow: &str) -> Reply {
    error(
        404,
        "WorkflowNotFound",
        &format!("The workflow '{workflow}' could not be found."),
    )
}

/// Whether the trigger is taken, in the order of facts, 5.1.
pub(super) fn judge_trigger(
    flow: Option<&Flow>,
    form: FlowForm,
    workflow: &str,
    incoming: &Request,
    state: &State,
    now: Timestamp,
) -> Result<(), Reply> {
    let flow = flow
        .filter(|flow| flow.form == form)
        .ok_or_else(|| not_found(workflow))?;
    match &flow.oauth {
        None => authorise(incoming, &flow.sig, Some(TRIGGER_PERMISSION))?,
        Some(policy) => {
            let claims = incoming.bearer().and_then(|token| state.claims_of(token));
            authorise_token(incoming, policy, claims, now)?;
        }
    }
    if flow.state != FlowState::Enabled {
        return Err(error(
            400,
            "WorkflowTriggerIsNotEnabled",
            &format!(
                "Could not execute workflow '{}' trigger 'manual' with state '{}': trigger is not enabled.",
                flow.name,
                flow.state.as_str()
            ),
        ));
    }
    if incoming.method != Method::POST {
        return Err(
            error(405, "MethodNotAllowed", "The trigger takes POST only.")
                .with_header("allow", "POST"),
        );
    }
    match &flow.schema {
        Some(required) => fits_schema(required, incoming),
        None => Ok(()),
    }
}

/// The checks that a signed URL passes: version, one scheme only, the signature. `permission` is
/// what the signature covers; a URL that lost or changed it has the wrong signature.
pub(super) fn authorise(
    incoming: &Request,
    sig: &Secret,
    permission: Option<&str>,
) -> Result<(), Reply> {
    let given = one_scheme(incoming)?;
    let Some(given) = given else {
        return Err(error(
            401,
            "DirectApiAuthorizationRequired",
            "The request must be authenticated only by Shared Access scheme.",
        ));
    };
    let covered = permission.is_none_or(|permission| {
        incoming.query_value("sp").as_deref() == Some(permission)
            && incoming.query_value("sv").as_deref() == Some("1.0")
    });
    if given != sig.expose() || !covered {
        return Err(Reply::json(
            401,
            &json!({"error": {
                "code": "AuthorizationFailed",
                "message": "The authentication credentials are not valid.",
                "messageTemplate": "AuthorizationFailed",
            }}),
        ));
    }
    Ok(())
}

/// The checks that come before any scheme: the version, and that there is one scheme only. Gives the
/// signature.
fn one_scheme(incoming: &Request) -> Result<Option<String>, Reply> {
    if incoming
        .query_value("api-version")
        .is_none_or(|version| version.is_empty())
    {
        return Err(error(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    }
    let given = incoming.query_value("sig").filter(|sig| !sig.is_empty());
    if given.is_some() && incoming.has_authorization() {
        return Err(error(
            400,
            "DirectApiRequestHasMoreThanOneAuthorization",
            "The request has SAS authentication scheme, 'Bearer' authorization scheme or internal token scheme. Only one scheme should be used.",
        ));
    }
    Ok(given)
}

/// The checks that a request with a token passes. `claims` is what its bearer token says, if it was
/// ever issued; a token that was not is like one that says nothing right.
fn authorise_token(
    incoming: &Request,
    policy: &OAuthPolicy,
    claims: Option<&Claims>,
    now: Timestamp,
) -> Result<(), Reply> {
    if one_scheme(incoming)?.is_some() {
        return Err(error(
            401,
            "DirectApiInvalidAuthorizationScheme",
            "The request has SAS authentication scheme while it is disabled under your access control policy.",
        ));
    }
    if !incoming.has_authorization() {
        return Err(error(
            401,
            "DirectApiAuthorizationRequired",
            "The request must be authenticated.",
        ));
    }
    if incoming.bearer().is_none() {
        return Err(error(
            401,
            "DirectApiInvalidAuthorizationScheme",
            "The request should have a valid authorization header with 'Bearer' scheme.",
        ));
    }
    // What the service says to an expired token is not known; 401 is, the code is a guess.
    if claims.is_some_and(|claims| claims.expired(now)) {
        return Err(error(
            401,
            "ExpiredAuthenticationToken",
            "The access token has expired.",
        ));
    }
    if claims.is_some_and(|claims| fits(claims, policy)) {
        Ok(())
    } else {
        Err(error(
            policy.mismatch_status,
            "MisMatchingOAuthClaims",
            "One or more claims either missing or does not match with the open authentication access control policy.",
        ))
    }
}

/// Whether a token says what the policy asks for, to the letter.
fn fits(claims: &Claims, policy: &OAuthPolicy) -> bool {
    let said = json!(claims);
    claims.aud == policy.cloud.audience()
        && claims.tid == policy.tenant
        && (policy.principals.is_empty() || policy.principals.contains(&claims.oid))
        && policy
            .claims
            .iter()
            .all(|(name, value)| said.get(name).and_then(Value::as_str) == Some(value.as_str()))
}

/// Whether the body is a JSON object with the required properties. A body of any other type is
/// opaque to the trigger and never fits.
fn fits_schema(required: &[String], incoming: &Request) -> Result<(), Reply> {
    let mismatch = |details: &str| {
        error(
            400,
            "TriggerInputSchemaMismatch",
            &format!(
                "The input body for trigger 'manual' of type 'Request' did not match its schema definition. Error details: '{details}'."
            ),
        )
    };
    if !incoming.is_of_type("application/json") {
        return Err(mismatch("Invalid type. Expected Object but got String."));
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice(&incoming.body) else {
        return Err(mismatch("Invalid type. Expected Object but got Null."));
    };
    let missing: Vec<&str> = required
        .iter()
        .map(String::as_str)
        .filter(|name| !fields.contains_key(*name))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(mismatch(&format!(
            "Required properties are missing from object: {}.",
            missing.join(", ")
        )))
    }
}
