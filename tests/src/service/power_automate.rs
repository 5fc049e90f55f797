//! Power Automate: the HTTP trigger of a flow, and the polling of an asynchronous Response
//! (facts, 1 and 5.1). The order of the checks is a guess.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Call, Service};
use crate::faults::Operation as Op;
use crate::message::{Answer, Reply, Request};
use crate::secret::Secret;
use crate::state::{Claims, FlowRun, State};
use crate::world::{Flow, FlowForm, FlowState, OAuthPolicy, ResponseMode};

pub(super) const SERVICE: Service = Service {
    name: "power_automate",
    prefix: "/",
    routes: "\
* powerautomate/automations/direct/workflows/{flow}/triggers/manual/paths/invoke trigger
* powerautomate/automations/direct/cu/{unit}/workflows/{flow}/triggers/manual/paths/invoke trigger
* workflows/{flow}/triggers/manual/paths/invoke trigger
* workflows/{flow}/runs/{run}/operations/{operation} poll
",
    handler: |call| match call.routed.operation {
        Some(Op::Poll) => poll(call),
        _ => trigger(call),
    },
};

/// The scale unit of a flow whose URL names none; any number would do.
const DEFAULT_SCALE_UNIT: &str = "18";

/// The permission that the signature of a trigger covers.
const TRIGGER_PERMISSION: &str = "/triggers/manual/run";

/// An error as Power Automate writes it.
fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({"error": {"code": code, "message": message}});
    Reply::json(status, &body).with_header("x-ms-request-id", &request_id())
}

fn request_id() -> String {
    format!("uksouth:{}", Uuid::new_v4())
}

/// 404 for a workflow, run or operation that does not exist.
fn not_found(workflow: &str) -> Reply {
    let message = format!("The workflow '{workflow}' could not be found.");
    error(404, "WorkflowNotFound", &message)
}

fn trigger(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let form = match call.request.path.starts_with("/workflows/") {
        true => FlowForm::Old,
        false => FlowForm::New,
    };
    let workflow = call.routed.id("flow");
    let flow = call.state.world.find_flow(workflow);
    let flow = flow
        .filter(|flow| flow.form == form)
        .ok_or_else(|| not_found(workflow))?;
    check_trigger(flow, call)?;
    let unit = match call.routed.id("unit") {
        "" => DEFAULT_SCALE_UNIT,
        unit => unit,
    };
    let tracking_id = call.request.header("x-ms-client-tracking-id");
    let run = call
        .state
        .begin_flow_run(workflow, unit, tracking_id, call.number, call.now)
        .ok_or_else(|| not_found(workflow))?;
    let reply = match &run.respond {
        None => Reply::empty(202),
        Some(respond) if respond.mode == ResponseMode::Sync => {
            return Ok(Answer::WhenResponded(run.id));
        }
        Some(_) => not_yet(&run, &call.request.base),
    };
    Ok(with_run_headers(call.state, &run, reply).into())
}

/// Whether the trigger is accepted, in the order of facts, 5.1.
fn check_trigger(flow: &Flow, call: &Call<'_>) -> Result<(), Reply> {
    let request = call.request;
    match &flow.oauth {
        None => authorise(request, &flow.sig, Some(TRIGGER_PERMISSION))?,
        Some(policy) => {
            let token = request.bearer();
            let claims = token.and_then(|token| call.state.claims_of(token));
            authorise_token(request, policy, claims, call)?;
        }
    }
    if flow.state != FlowState::Enabled {
        return Err(error(
            400,
            "WorkflowTriggerIsNotEnabled",
            &format!(
                "Could not execute workflow '{}' trigger 'manual' with state '{:?}': trigger is not enabled.",
                flow.name, flow.state
            ),
        ));
    }
    if request.method != Method::POST {
        let refusal = error(405, "MethodNotAllowed", "The trigger takes POST only.");
        return Err(refusal.with_header("allow", "POST"));
    }
    match &flow.schema {
        Some(required) => check_schema(required, request),
        None => Ok(()),
    }
}

/// 202 with the absolute address to poll.
fn not_yet(run: &FlowRun, base: &str) -> Reply {
    let mut reply = Reply::empty(202);
    if let Some(operation) = &run.operation {
        let location = format!(
            "{base}/workflows/{flow}/runs/{run}/operations/{id}?api-version=2016-06-01&sp=%2Fruns%2F{run}%2Foperations%2F{id}%2Fread&sv=1.0&sig={sig}",
            flow = run.flow,
            run = run.id,
            id = operation.id,
            sig = operation.sig.expose(),
        );
        reply.set_header("location", &location);
    }
    if let Some(seconds) = run
        .respond
        .as_ref()
        .and_then(|respond| respond.retry_after_s)
    {
        reply.set_header("retry-after", &seconds.to_string());
    }
    reply
}

fn poll(call: &mut Call<'_>) -> Result<Answer, Reply> {
    let workflow = call.routed.id("flow");
    let found = call
        .state
        .flow_run(call.routed.id("run"))
        .filter(|run| run.flow.eq_ignore_ascii_case(workflow))
        .and_then(|run| Some((run.clone(), run.operation.clone()?)))
        .filter(|(_, known)| known.id.to_string() == call.routed.id("operation"));
    let (run, operation) = found.ok_or_else(|| not_found(workflow))?;
    authorise(call.request, &operation.sig, None)?;
    if call.request.method != Method::GET {
        let refusal = error(405, "MethodNotAllowed", "An operation takes GET only.");
        return Err(refusal.with_header("allow", "GET"));
    }
    let response = call.state.poll(&run.id, call.now);
    let reply = response.unwrap_or_else(|| not_yet(&run, &call.request.base));
    Ok(with_run_headers(call.state, &run, reply).into())
}

/// The reply to a caller who waits for a synchronous Response, once it is time.
pub(crate) fn held_reply(state: &State, flow_run: &str, now: jiff::Timestamp) -> Option<Reply> {
    let run = state.flow_run(flow_run)?;
    let reply = state.held_response(flow_run, now)?;
    Some(with_run_headers(state, run, reply))
}

/// Adds the headers that Power Automate sends with every reply of a flow run (facts, 1.3).
fn with_run_headers(state: &State, run: &FlowRun, mut reply: Reply) -> Reply {
    let unit = run.id.rsplit_once("CU").map_or("18", |(_, unit)| unit);
    let flow = state.world.find_flow(&run.flow);
    let name = flow.map_or_else(String::new, |flow| flow.name.to_string());
    let correlation = Uuid::new_v4().to_string();
    for (header, value) in [
        ("x-ms-workflow-run-id", run.id.as_str()),
        ("x-ms-client-tracking-id", run.tracking_id.as_str()),
        ("x-ms-trigger-history-name", run.id.as_str()),
        ("x-ms-correlation-id", correlation.as_str()),
        ("x-ms-tracking-id", correlation.as_str()),
        ("x-ms-workflow-id", run.flow.as_str()),
        ("x-ms-workflow-name", name.as_str()),
        ("x-ms-workflow-version", "08585129706921748293"),
        ("x-ms-execution-location", "uksouth"),
        ("x-ms-request-id", request_id().as_str()),
        ("x-ms-ratelimit-burst-remaining-workflow-writes", "2999"),
        (
            "x-ms-ratelimit-time-remaining-directapirequests",
            "19999586",
        ),
    ] {
        reply.set_header(header, value);
    }
    let system = format!(
        "/locations/uksouth/scaleunits/prod-{unit}/workflows/{}",
        run.flow
    );
    reply.set_header("x-ms-workflow-system-id", &system);
    reply
}

/// Checks a signed URL: its version, one scheme only, the signature. `permission` is covered by the
/// signature; a URL without it, or with another one, has the wrong signature.
fn authorise(request: &Request, sig: &Secret, permission: Option<&str>) -> Result<(), Reply> {
    let given = one_scheme(request)?;
    let Some(given) = given else {
        return Err(error(
            401,
            "DirectApiAuthorizationRequired",
            "The request must be authenticated only by Shared Access scheme.",
        ));
    };
    let covered = permission.is_none_or(|permission| {
        request.query_value("sp").as_deref() == Some(permission)
            && request.query_value("sv").as_deref() == Some("1.0")
    });
    if given != sig.expose() || !covered {
        let body = json!({"error": {
            "code": "AuthorizationFailed",
            "message": "The authentication credentials are not valid.",
            "messageTemplate": "AuthorizationFailed",
        }});
        return Err(Reply::json(401, &body).with_header("x-ms-request-id", &request_id()));
    }
    Ok(())
}

/// Checks the version, and that there is one scheme only. Returns the signature.
fn one_scheme(request: &Request) -> Result<Option<String>, Reply> {
    if request
        .query_value("api-version")
        .is_none_or(|version| version.is_empty())
    {
        return Err(error(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    }
    let given = request.query_value("sig").filter(|sig| !sig.is_empty());
    if given.is_some() && request.has_authorization() {
        return Err(error(
            400,
            "DirectApiRequestHasMoreThanOneAuthorization",
            "The request has SAS authentication scheme, 'Bearer' authorization scheme or internal token scheme. Only one scheme should be used.",
        ));
    }
    Ok(given)
}

/// Checks a request with a token. `claims` are those of its bearer token, if it was ever issued.
fn authorise_token(
    request: &Request,
    policy: &OAuthPolicy,
    claims: Option<&Claims>,
    call: &Call<'_>,
) -> Result<(), Reply> {
    if one_scheme(request)?.is_some() {
        return Err(error(
            401,
            "DirectApiInvalidAuthorizationScheme",
            "The request has SAS authentication scheme while it is disabled under your access control policy.",
        ));
    }
    if !request.has_authorization() {
        return Err(error(
            401,
            "DirectApiAuthorizationRequired",
            "The request must be authenticated.",
        ));
    }
    if request.bearer().is_none() {
        return Err(error(
            401,
            "DirectApiInvalidAuthorizationScheme",
            "The request should have a valid authorization header with 'Bearer' scheme.",
        ));
    }
    // The status for an expired token is known; the code is a guess.
    if claims.is_some_and(|claims| claims.expired(call.now)) {
        return Err(error(
            401,
            "ExpiredAuthenticationToken",
            "The access token has expired.",
        ));
    }
    if claims.is_some_and(|claims| matches(claims, policy)) {
        Ok(())
    } else {
        Err(error(
            policy.mismatch_status,
            "MisMatchingOAuthClaims",
            "One or more claims either missing or does not match with the open authentication access control policy.",
        ))
    }
}

/// Whether a token has exactly what the policy requires.
fn matches(claims: &Claims, policy: &OAuthPolicy) -> bool {
    let all = json!(claims);
    claims.aud == policy.cloud.audience()
        && claims.tid == policy.tenant
        && (policy.principals.is_empty() || policy.principals.contains(&claims.oid))
        && policy
            .claims
            .iter()
            .all(|(name, value)| all.get(name).and_then(Value::as_str) == Some(value.as_str()))
}

/// Checks that the body is a JSON object with the required properties. A body of any other type is
/// opaque to the trigger and never matches.
fn check_schema(required: &[String], request: &Request) -> Result<(), Reply> {
    let mismatch = |details: &str| {
        error(
            400,
            "TriggerInputSchemaMismatch",
            &format!(
                "The input body for trigger 'manual' of type 'Request' did not match its schema definition. Error details: '{details}'."
            ),
        )
    };
    if !request.is_of_type("application/json") {
        return Err(mismatch("Invalid type. Expected Object but got String."));
    }
    let Ok(Value::Object(fields)) = serde_json::from_slice(&request.body) else {
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
