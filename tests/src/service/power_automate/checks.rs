//! What a trigger or a poll must pass before it leads to anything (facts, 1.4 and 5.1).
//!
//! Only the SAS mode is here ("Anyone"); [`authorise`] is the one place where another mode of
//! "Who can trigger the flow" has to be added. The order of the checks is a guess.

use http::Method;
use serde_json::{Value, json};

use crate::message::{Incoming, Reply};
use crate::secret::Secret;
use crate::world::{Flow, FlowForm, FlowState};

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
    incoming: &Incoming,
) -> Result<(), Reply> {
    let flow = flow
        .filter(|flow| flow.form == form)
        .ok_or_else(|| not_found(workflow))?;
    authorise(incoming, &flow.sig, Some(TRIGGER_PERMISSION))?;
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
    incoming: &Incoming,
    sig: &Secret,
    permission: Option<&str>,
) -> Result<(), Reply> {
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

/// Whether the body is a JSON object with the required properties. A body of any other type is
/// opaque to the trigger and never fits.
fn fits_schema(required: &[String], incoming: &Incoming) -> Result<(), Reply> {
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
