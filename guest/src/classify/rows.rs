//! The table itself: who was asked for what, status and service code (or why there was no answer)
//! → class, our stable code, hint, whether another attempt may end better.
//!
//! The first row that fits decides, so the more particular stands before the more general. To add
//! one: copy the nearest, write its source beside it, and give it a line in the tests of `table`.
//! Marks: [V] read in Microsoft's own documents, specifications or code, [O] seen by others in
//! practice, [R] inferred.

use super::asked::{Act, Class, Of};
use super::table::{Met, Row};
use crate::transport::TransportKind as T;

/// The service's code of the rolling limit of refreshes in 24 hours. [O]
pub(crate) const DAILY_LIMIT: &str = "DailyDataflowRefreshLimitExceeded";
/// Our word for the sentence by which a model says that a refresh is going on: its code is only
/// `InvalidRequest`.
pub(super) const BUSY: &str = "AnotherRefreshIsExecuting";

const ALL: &[Of] = &[Of::Flow, Of::Dataflow, Of::Gen2, Of::Model];
const FLOW: &[Of] = &[Of::Flow];
const DATAFLOW: &[Of] = &[Of::Dataflow];
const POWER_BI: &[Of] = &[Of::Dataflow, Of::Model];
const CONTENT: &[Of] = &[Of::Dataflow, Of::Gen2, Of::Model];
const GEN2: &[Of] = &[Of::Gen2];
const MODEL: &[Of] = &[Of::Model];

const ANY: &[Act] = &[Act::Read, Act::Trigger, Act::Cancel];
const READ: &[Act] = &[Act::Read, Act::Cancel];
const SEND: &[Act] = &[Act::Trigger];
const CANCEL: &[Act] = &[Act::Cancel];
const SEND_RUN: &[Act] = &[Act::Trigger, Act::Run];
const RUN: &[Act] = &[Act::Run];

const LATER: &str = "Start again later.";
const ROLE: &str = "Give the application a role in the workspace, and let the tenant's settings allow service principals to use the Power BI APIs; then run `host-runner check`.";
const MEMBER: &str = "Give the application at least the member role in the workspace and access to every connection, and let the tenant's settings allow service principals to use the Fabric APIs; then run `host-runner check`.";
const TOKEN: &str = "Check the tenant, the client id and the client secret (its value, not its id), and whether the secret has expired.";
const NEW_TOKEN: &str = "Get a new token and start again.";
const WAIT_NAMED: &str = "Start again after the time that the service names.";
const GATEWAY: &str =
    "Look at the run history in the service. Nothing is sent a second time by itself.";
const IDS: &str =
    "Check the workspace and the item, and that the application may see the workspace.";
const ENDPOINT: &str = "Check the endpoint, and whether a proxy stands before it.";
const NETWORK: &str = "Check the network, the proxy and the address; then start again.";
const ALLOW: &str = "Allow the host in `sandbox.allow`, if it is meant to be reached.";
const NEW_URL: &str = "Copy the trigger's URL anew, and check who can trigger the flow.";
const SPN: &str = "Microsoft does not let a service principal run a Gen2 dataflow with CI/CD. Refresh it through a Power Automate flow whose connection is a person's (kind power-automate, `verify: {kind: dataflow-gen2}`), through a Fabric pipeline with such a connection, or as a dataflow without CI/CD (kind dataflow).";

/// An answer with a status from `$from` to `$to` and this code; any code where it is empty.
macro_rules! said {
    ($of:ident $act:ident $from:literal..=$to:literal $said:expr => $class:ident $code:literal, $hint:expr, $retryable:literal) => {
        Row {
            of: $of,
            act: $act,
            met: Met::Answer {
                from: $from,
                to: $to,
                said: $said,
            },
            class: Class::$class,
            code: $code,
            hint: $hint,
            retryable: $retryable,
        }
    };
}

/// No answer.
macro_rules! none {
    ($of:ident $act:ident $kind:ident => $class:ident $code:literal, $hint:expr, $retryable:literal) => {
        Row {
            of: $of,
            act: $act,
            met: Met::NoAnswer(T::$kind),
            class: Class::$class,
            code: $code,
            hint: $hint,
            retryable: $retryable,
        }
    };
}

/// Every row.
#[rustfmt::skip] // A table reads as a table: one row, one line.
pub(super) const TABLE: &[Row] = &[
    // Entra's own words, passed on by a host that could not get a token.
    said!(ALL ANY 401..=401 "invalid_client" => Unauthorized "token_refused", TOKEN, false), // [V] entra-docs, OAuth 2.0 error codes
    said!(ALL ANY 401..=401 "unauthorized_client" => Unauthorized "token_refused", TOKEN, false), // [V] the same
    said!(ALL ANY 401..=401 "invalid_request" => Unauthorized "token_refused", TOKEN, false), // [V] the same
    said!(ALL ANY 401..=401 "invalid_scope" => Unauthorized "token_refused", TOKEN, false), // [V] the same
    said!(ALL ANY 401..=401 "invalid_resource" => Unauthorized "token_refused", TOKEN, false), // [V] the same
    said!(ALL ANY 401..=401 "invalid_grant" => Unauthorized "token_refused", TOKEN, false), // [V] the same

    // Flow triggers: who may trigger.
    said!(FLOW ANY 401..=403 "AuthorizationFailed" => Unauthorized "sas_rejected", "Copy the trigger's URL anew, whole: its sig is altered, or was revoked when the access key was regenerated.", false), // [O] logic apps forums
    said!(FLOW ANY 401..=403 "DirectApiAuthorizationRequired" => Unauthorized "sas_missing", "Copy the whole trigger URL, with its sig; or, where the trigger wants a sign-in, give the target `credentials`.", false), // [O]
    said!(FLOW ANY 401..=403 "DirectApiInvalidAuthorizationScheme" => Unauthorized "authorization_scheme_refused", "Who can trigger the flow is set otherwise: allow anyone and use the URL with its sig, or use the URL without one and give the target `credentials`.", false), // [O]
    said!(FLOW ANY 401..=403 "MisMatchingOAuthClaims" => Unauthorized "oauth_claims_mismatch", "The token's audience must be exactly the Flow service's, with its slash at the end (see `cloud`), its tenant the flow's, and its object id (of the enterprise application, not the client id) allowed in the trigger.", false), // [V] power-automate-docs oauth-authentication; seen as 401 and 403 [O]
    said!(FLOW ANY 401..=401 "" => Unauthorized "not_authorized", NEW_URL, false), // [O]
    said!(FLOW ANY 403..=403 "" => Unauthorized "not_authorized", NEW_URL, false), // [O]

    // Power BI and Fabric: who may ask.
    said!(CONTENT ANY 401..=403 "TokenExpired" => Unauthorized "token_expired", NEW_TOKEN, true), // [V] Power BI REST: arrives as 403
    said!(CONTENT ANY 401..=403 "PowerBINotAuthorizedException" => Unauthorized "not_authorized", ROLE, false), // [O]
    said!(GEN2 SEND 401..=403 "SPNBasedRefreshNotAllowed" => Unauthorized "spn_refresh_not_allowed", SPN, false), // [R] seen as a run's failure only
    said!(GEN2 ANY 401..=403 "InsufficientPrivileges" => Unauthorized "not_authorized", MEMBER, false), // [V] fabric-rest-api-specs
    said!(GEN2 ANY 401..=401 "" => Unauthorized "not_authorized", MEMBER, false), // [V] the same
    said!(GEN2 ANY 403..=403 "" => Unauthorized "not_authorized", MEMBER, false), // [V] the same
    said!(POWER_BI ANY 401..=401 "" => Unauthorized "not_authorized", ROLE, false), // [V] Power BI REST
    said!(POWER_BI ANY 403..=403 "" => Unauthorized "not_authorized", ROLE, false), // [V] the same

    // Throttled. Waits near an hour happen [O] pbimonitor#58.
    said!(GEN2 SEND 429..=429 "TooManyRequestsForJobs" => Later "too_many_jobs", WAIT_NAMED, true), // [V] fabric-rest-api-specs
    said!(ALL ANY 429..=429 "" => Later "throttled", WAIT_NAMED, true), // [V] it exists for flows, Power BI and Fabric

    // A gateway's word on a trigger: the run may be going on.
    said!(FLOW SEND 502..=502 "NoResponse" => Lost "flow_no_response", "The flow's run ended without its Response action: look at the run in the flow's run history.", false), // [O]
    said!(ALL SEND 502..=504 "" => Lost "trigger_gateway_error", GATEWAY, false), // [V] connectors-native-reqres: 504 after 120 s

    // Limits, from the service itself or passed on by a flow.
    said!(ALL SEND_RUN 0..=599 DAILY_LIMIT => Refused "dataflow_daily_limit", "Wait for the next slot; scheduled refreshes count too, so thin out the schedule where this comes back.", true), // [O] seen in production

    // Flow triggers: what is refused.
    said!(FLOW SEND 400..=499 "MissingApiVersionParameter" => Refused "api_version_missing", "The URL was cut, usually at its first `&`: quote it, and copy it whole.", false), // [O]
    said!(FLOW SEND 400..=499 "TriggerInputSchemaMismatch" => Refused "flow_input_schema_mismatch", "Make the payload fit the trigger's JSON schema, or loosen the schema.", false), // [O]
    said!(FLOW SEND 400..=499 "WorkflowTriggerIsNotEnabled" => Refused "flow_disabled", "Turn the flow on.", false), // [O] coe-starter-kit#8684
    said!(FLOW SEND 400..=499 "DirectApiRequestHasMoreThanOneAuthorization" => Refused "multiple_authorizations", "Use a SAS URL or a bearer token, not both.", false), // [O] logicapps#1157
    said!(FLOW SEND 400..=499 "WorkflowNotFound" => Refused "flow_not_found", "The flow was deleted or made anew: copy the URL of its trigger again.", false), // [O]
    said!(FLOW SEND 404..=404 "" => Refused "flow_not_found", "Check the URL: there is no such flow at this address.", false), // [R]
    said!(FLOW SEND 413..=413 "" => Refused "request_too_large", "Make the payload smaller.", false), // [R] over 100 MB

    // Semantic models.
    said!(MODEL SEND 400..=409 BUSY => Busy "already_running", "Start again when that run has ended.", true), // [O] 400 InvalidRequest with a sentence
    said!(MODEL SEND 409..=409 "" => Busy "already_running", "Start again when that run has ended.", true), // [V] enhanced refresh, older text
    said!(MODEL CANCEL 400..=409 "" => Invalid "cannot_be_cancelled", "Only an enhanced refresh that is going on can be stopped.", false), // [V] Power BI REST: cancel is for enhanced refreshes
    said!(MODEL RUN 0..=599 "ModelRefreshFailed_CredentialsNotSpecified" => Refused "model_credentials_missing", "Give the model's data sources their credentials in its settings.", false), // [V] Power BI REST sample
    said!(MODEL RUN 0..=599 "ModelRefreshDisabled_CredentialNotSpecified" => Refused "model_credentials_missing", "Give the model's data sources their credentials in its settings.", false), // [V] the same

    // Fabric dataflows.
    said!(GEN2 SEND_RUN 0..=599 "SPNBasedRefreshNotAllowed" => Refused "spn_refresh_not_allowed", SPN, false), // [O] fabric-cicd#971; [V] dataflow/swagger.json says service principals: no
    said!(GEN2 SEND_RUN 0..=599 "DataflowNeverPublishedError" => Refused "dataflow_never_published", "Publish the dataflow once in the Fabric portal, or set `apply_changes: if_needed`.", false), // [O] fabric-cicd#420
    said!(GEN2 SEND 400..=499 "InvalidJobType" => Refused "invalid_job_type", "Check that the item is a Gen2 dataflow with CI/CD: it takes no such job.", false), // [V] fabric-rest-api-specs
    said!(GEN2 SEND 400..=499 "FeatureNotAvailable" => Refused "feature_not_available", "The tenant or its region does not have this; ask the tenant's administrator.", false), // [V] the same
    said!(GEN2 CANCEL 400..=409 "JobAlreadyCompleted" => Over "already_concluded", "Nothing is to be done.", false), // [V] the same

    // What is not there, or wrongly asked.
    said!(CONTENT READ 404..=404 "" => Invalid "entity_not_found", IDS, false), // [V] PowerBIEntityNotFound, ItemNotFound
    said!(CONTENT READ 400..=400 "" => Invalid "request_rejected", IDS, false), // [R]
    said!(CONTENT SEND 404..=404 "" => Refused "entity_not_found", IDS, false), // [V] as above

    // Redirects are never followed: they would carry credentials elsewhere.
    said!(ALL SEND 300..=399 "" => Refused "redirected", "Use the address that the service redirects to, if it is one that you trust.", false), // [R]
    said!(ALL READ 300..=399 "" => Later "redirected", "Check the endpoint: it redirects, and redirects are not followed.", true), // [R]

    // The rest.
    said!(DATAFLOW RUN 0..=999 "" => Refused "refresh_failed", "See the dataflow's refresh history in the service for the reason.", true), // [R]
    said!(GEN2 RUN 0..=999 "" => Refused "refresh_failed", "See the dataflow's recent runs in Fabric for the reason.", true), // [R]
    said!(MODEL RUN 0..=999 "" => Refused "refresh_failed", "See the model's refresh history in the service for the reason.", true), // [R]
    said!(ALL READ 500..=599 "" => Later "service_unavailable", LATER, true), // [R]
    said!(ALL READ 0..=999 "" => Later "unexpected_response", ENDPOINT, true), // [R]
    said!(ALL SEND 0..=999 "" => Refused "request_rejected", "See what the service says of it.", false), // [R]

    // No answer to a trigger that may have left. What certainly did not is asked as a read.
    none!(ALL SEND TooLarge => Lost "trigger_response_unreadable", GATEWAY, false), // RFC 9110
    none!(ALL SEND NotHttp => Lost "trigger_response_unreadable", GATEWAY, false), // RFC 9110
    none!(ALL SEND AnswerTimeout => Lost "trigger_response_lost", GATEWAY, false), // WASI: connection-read-timeout, HTTP-response-timeout
    none!(ALL SEND ConnectionLost => Lost "trigger_response_lost", GATEWAY, false), // WASI: connection-terminated
    none!(ALL SEND Truncated => Lost "trigger_response_lost", GATEWAY, false), // WASI: HTTP-response-incomplete
    none!(ALL SEND ConnectTimeout => Lost "trigger_response_lost", GATEWAY, false), // some hosts mean a late first byte [O]
    none!(ALL SEND NotSentByHost => Lost "trigger_response_lost", GATEWAY, false), // only where the host does not vouch
    none!(ALL SEND Other => Lost "trigger_response_lost", GATEWAY, false), // WASI: internal-error

    // No answer to anything else.
    none!(ALL ANY Denied => Denied "request_denied", ALLOW, false), // WASI: HTTP-request-denied
    none!(ALL ANY AddressDenied => Denied "address_denied", ALLOW, false), // WASI: destination-IP-prohibited
    none!(ALL ANY RequestInvalid => Invalid "request_invalid", "Check the URL.", false), // WASI: HTTP-request-URI-invalid
    none!(ALL ANY CertificateUntrusted => Broken "tls_certificate_untrusted", "Give the root certificate of your network's proxy in `transport.ca_file`; if there is none, do not trust this server.", false), // WASI: TLS-certificate-error
    none!(ALL ANY NameNotResolved => Later "name_not_resolved", "Check the host's name, and this machine's DNS.", true), // WASI: DNS-error
    none!(ALL ANY ConnectionRefused => Later "connection_refused", NETWORK, true), // WASI: connection-refused
    none!(ALL ANY Unreachable => Later "destination_unreachable", NETWORK, true), // WASI: destination-unavailable
    none!(ALL ANY ConnectTimeout => Later "connect_timeout", NETWORK, true), // WASI: connection-timeout
    none!(ALL ANY TlsFailed => Later "tls_failed", NETWORK, true), // WASI: TLS-protocol-error
    none!(ALL ANY NotSentByHost => Later "not_sent_by_host", NETWORK, true), // the host's own text
    none!(ALL ANY AnswerTimeout => Later "response_timed_out", NETWORK, true), // WASI: HTTP-response-timeout
    none!(ALL ANY ConnectionLost => Later "connection_lost", NETWORK, true), // WASI: connection-terminated
    none!(ALL ANY Truncated => Later "response_truncated", NETWORK, true), // WASI: HTTP-response-incomplete
    none!(ALL ANY TooLarge => Later "response_too_large", NETWORK, true), // WASI: HTTP-response-body-size
    none!(ALL ANY NotHttp => Later "response_not_http", NETWORK, true), // WASI: HTTP-protocol-error
    none!(ALL ANY Other => Later "transport_failed", NETWORK, true), // WASI: internal-error
];
