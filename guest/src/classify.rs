//! What a response means: one table from service, status and error code to class, stable code and
//! hint.
//!
//! Nothing here decides what happens next: that depends on whether a trigger may have been sent,
//! which the machine knows. To add a row, copy the nearest one, name its source, and add it to the
//! test. Sources: [V] Microsoft's documents, specifications or code, [O] observed in practice by
//! others, [R] inferred.

use crate::api::content::ContentKind;
use crate::api::error::{CAPACITY, DAILY_LIMIT, ErrorDetails};
use crate::contract::ServiceError;
use crate::contract::TargetKind::{self, Dataflow, DataflowGen2, PowerAutomate, SemanticModel};
use crate::ports::{HOST_TOKEN_HEADER, HttpAnswer, TransportKind};
use crate::redact::Redactor;

/// The table's code for the first of [`SENTENCES`].
const BUSY: &str = "AnotherRefreshIsExecuting";
/// The table's code for the second.
const MODEL_LIMIT: &str = "ModelRefreshLimitExceeded";
/// What a semantic model reports only in a sentence; its codes are `InvalidRequest` and `Request
/// Throttled`. [O]
const SENTENCES: [(&str, &str); 2] = [
    ("another refresh request is already executing", BUSY),
    ("refresh requests in last 24 hours exceeded", MODEL_LIMIT),
];

/// The code of a dataflow's daily limit, among ours.
pub(crate) const DATAFLOW_LIMIT_CODE: &str = "dataflow_daily_limit";
/// The code of a semantic model's daily limit, among ours.
pub(crate) const MODEL_LIMIT_CODE: &str = "model_daily_limit";
/// The code of a paused capacity, among ours.
pub(crate) const CAPACITY_CODE: &str = "capacity_not_active";

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading: changes nothing.
    Read,
    /// Triggering a refresh.
    Trigger,
    /// Cancelling a run.
    Cancel,
    /// No call: the error is that of a failed run.
    Run,
}

/// Which service is called, and what for. Lists of workspaces count as calls for their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallKind {
    service: TargetKind,
    purpose: Purpose,
}

impl CallKind {
    /// A call to one of the services.
    pub(crate) const fn new(service: TargetKind, purpose: Purpose) -> Self {
        Self { service, purpose }
    }

    /// A call to the API that serves this kind of content.
    pub(crate) fn of(content: ContentKind, purpose: Purpose) -> Self {
        Self::new(content.target_kind(), purpose)
    }
}

/// What a response that is not a success means, or a missing response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The credentials are not accepted; nothing was started.
    Unauthorized,
    /// The request or the target is wrong.
    Invalid,
    /// No usable response; the same call may succeed later. Nothing was started.
    Later,
    /// The service rejected the trigger.
    Refused,
    /// The service rejected the trigger because a run is in progress; nothing was started.
    Busy,
    /// The trigger may have arrived.
    Lost,
    /// The run that is to be cancelled has already ended.
    Over,
    /// The host's policy denied the call.
    Denied,
    /// No usable response, and waiting does not help.
    Broken,
}

impl Class {
    /// Whether the service understood the call and rejected it.
    pub(crate) fn is_rejection(self) -> bool {
        matches!(self, Self::Refused | Self::Invalid | Self::Over)
    }
}

/// When a row applies.
#[derive(Debug)]
enum Condition {
    /// A response with a status from `from` to `to`, and this code of the service unless empty.
    Response {
        from: u16,
        to: u16,
        code: &'static str,
    },
    /// No response.
    NoResponse(TransportKind),
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    services: &'static [TargetKind],
    purposes: &'static [Purpose],
    condition: Condition,
    /// What it means.
    pub(crate) class: Class,
    /// Our stable code.
    pub(crate) code: &'static str,
    /// What to do next.
    pub(crate) hint: &'static str,
    /// Whether another attempt may succeed.
    pub(crate) retryable: bool,
}

impl Row {
    /// Whether the row stands for one code of the service, not for a status in general.
    pub(crate) fn is_specific(&self) -> bool {
        matches!(self.condition, Condition::Response { code, .. } if !code.is_empty())
    }

    fn concerns(&self, call: CallKind) -> bool {
        self.services.contains(&call.service) && self.purposes.contains(&call.purpose)
    }

    fn fits(&self, call: CallKind, status: u16, service_code: &str) -> bool {
        let Condition::Response { from, to, code } = self.condition else {
            return false;
        };
        self.concerns(call)
            && (from..=to).contains(&status)
            && (code.is_empty() || code.eq_ignore_ascii_case(service_code))
    }
}

/// The meaning of a response that is not a success.
#[derive(Debug)]
pub(crate) struct Classified {
    /// The row of the table that decided.
    pub(crate) row: &'static Row,
    /// The error that the service reported.
    pub(crate) service_error: ServiceError,
}

/// Classifies a response that is not a success.
pub(crate) fn classify(call: CallKind, answer: &HttpAnswer, redactor: &Redactor) -> Classified {
    let error = ErrorDetails::of(answer);
    let of_token = answer.header(HOST_TOKEN_HEADER) == Some("token");
    let code = if of_token {
        "invalid_client"
    } else {
        known_code(&error.code, &error.message)
    };
    let row = match answer.status {
        503 if of_token => &NO_TOKEN,
        status => row_of(call, status, code),
    };
    Classified {
        row,
        service_error: error.redacted(redactor),
    }
}

/// The code by which the table knows an error: the service's, unless only its sentence is known.
fn known_code<'e>(code: &'e str, message: &str) -> &'e str {
    let message = message.to_ascii_lowercase();
    let known = SENTENCES.iter().find(|(text, _)| message.contains(text));
    known.map_or(code, |(_, code)| code)
}

/// The row of a call without a response.
pub(crate) fn unanswered(call: CallKind, kind: TransportKind) -> &'static Row {
    let is_meant = |row: &&Row| matches!(row.condition, Condition::NoResponse(of) if of == kind);
    let mut rows = TABLE.iter().filter(is_meant);
    rows.find(|row| row.concerns(call)).unwrap_or(&NO_ROW)
}

/// The row of a request that the host did not send, by the code in the host's text; `None` for an
/// unknown code. It starts nothing, so it counts as a read.
pub(crate) fn unsent(host_code: &str) -> Option<&'static Row> {
    let is_meant = |row: &&Row| matches!(row.condition, Condition::NoResponse(_));
    let reads = |row: &&Row| row.purposes.contains(&Purpose::Read) && row.code == host_code;
    TABLE.iter().filter(is_meant).find(reads)
}

/// The row of the error of a failed run.
pub(crate) fn of_run(service: TargetKind, service_code: &str) -> &'static Row {
    row_of(CallKind::new(service, Purpose::Run), 0, service_code)
}

/// The row of an error in a flow's own Response, for every status and service: the flow's author
/// chose the status, and the error may be that of the content. `None` for an unknown error.
pub(crate) fn by_service_error(error: &ServiceError) -> Option<&'static Row> {
    let service_code = known_code(&error.code, &error.message);
    TABLE
        .iter()
        .filter(|row| row.class == Class::Refused)
        .find(|row| {
            matches!(row.condition, Condition::Response { code, .. }
            if !code.is_empty() && code.eq_ignore_ascii_case(service_code))
        })
}

fn row_of(call: CallKind, status: u16, service_code: &str) -> &'static Row {
    let mut rows = TABLE.iter();
    rows.find(|row| row.fits(call, status, service_code))
        .unwrap_or(&NO_ROW)
}

const ALL: &[TargetKind] = &[PowerAutomate, Dataflow, DataflowGen2, SemanticModel];
const FLOW: &[TargetKind] = &[PowerAutomate];
const DATAFLOW: &[TargetKind] = &[Dataflow];
const CONTENT: &[TargetKind] = &[Dataflow, DataflowGen2, SemanticModel];
const GEN2: &[TargetKind] = &[DataflowGen2];
const MODEL: &[TargetKind] = &[SemanticModel];

const ANY: &[Purpose] = &[Purpose::Read, Purpose::Trigger, Purpose::Cancel];
const READ: &[Purpose] = &[Purpose::Read, Purpose::Cancel];
const SEND: &[Purpose] = &[Purpose::Trigger];
const CANCEL: &[Purpose] = &[Purpose::Cancel];
const SEND_RUN: &[Purpose] = &[Purpose::Trigger, Purpose::Run];
const RUN: &[Purpose] = &[Purpose::Run];

const LATER: &str = "Start again later.";
const PERMISSIONS: &str = "Run `host-runner check` to see what these credentials may do.";
const ROLE: &str = "Give the application a role in the workspace, and allow service principals to use the Power BI APIs in the tenant settings; then run `host-runner check`.";
const MEMBER: &str = "Give the application at least the member role in the workspace and access to every connection, and allow service principals to use the Fabric APIs in the tenant settings; then run `host-runner check`.";
const TOKEN: &str = "Correct the credentials, then run `host-runner check`.";
const NEW_TOKEN: &str = "Start again. If the token is refused again, check this machine's clock.";
const AFTER_WAIT: &str = "Start again after the time that the service names.";
const GATEWAY: &str =
    "Look at the run history in the service. The trigger is not sent again automatically.";
const IDS: &str = "Check the ids of the workspace and the item, and that the application has access to the workspace.";
const SERVICE_ERROR: &str = "See the service's error.";
const ENDPOINT: &str = "Check that the address is that of the service.";
const NETWORK: &str = "Check this machine's connection to the host, then start again.";
const PROXY: &str = "Ask the owner of the proxy to let this machine reach the host, or set `transport.proxy` to a proxy that does.";
const RESUME: &str = "Resume the capacity in the Fabric or Azure portal, then start again.";
const NO_HISTORY: &str = "A push, streaming or live-connection model has no refresh history. Check the model's id; if it is right, the outcome cannot be verified: remove `verify:` or use `--no-verify`.";
const ALLOW: &str = "If this host is intended, add it to `sandbox.allow`.";
const ADDRESS: &str = "If this address is intended, mark the endpoint, or the entry of `sandbox.allow`, with `private: true`; otherwise check this machine's DNS.";
const NEW_URL: &str = "Copy the trigger's URL again, and check who may trigger the flow.";
const SPN: &str = "Use another way: Microsoft does not let a service principal run a Gen2 dataflow with CI/CD. Refresh it through a Power Automate flow whose connection belongs to a person (kind power-automate, `verify: {kind: dataflow-gen2}`), through a Fabric pipeline that a person created and owns, or as a dataflow without CI/CD (kind dataflow).";

/// A response with a status in the range and this code; with any code if it is empty.
macro_rules! on {
    ($services:ident $purposes:ident $from:literal..=$to:literal $said:expr => $class:ident $code:expr, $hint:expr, $retryable:literal) => {
        Row {
            services: $services,
            purposes: $purposes,
            condition: Condition::Response {
                from: $from,
                to: $to,
                code: $said,
            },
            class: Class::$class,
            code: $code,
            hint: $hint,
            retryable: $retryable,
        }
    };
}

/// No response.
macro_rules! no_response {
    ($services:ident $purposes:ident $kind:ident => $class:ident $code:literal, $hint:expr, $retryable:literal) => {
        Row {
            services: $services,
            purposes: $purposes,
            condition: Condition::NoResponse(TransportKind::$kind),
            class: Class::$class,
            code: $code,
            hint: $hint,
            retryable: $retryable,
        }
    };
}

/// What applies if no row fits; the last rows of the table fit everything.
const NO_ROW: Row = on!(ALL ANY 0..=999 "" => Later "unexpected_response", ENDPOINT, true);

/// The identity provider is down, as the host reports.
const NO_TOKEN: Row = on!(ALL ANY 503..=503 "" => Later "token_unavailable", LATER, true);

/// A response with a success status that cannot be read.
pub(crate) const UNREADABLE: Row =
    on!(ALL ANY 200..=299 "" => Later "response_unreadable", ENDPOINT, true);

/// An HTML page in place of such a response.
pub(crate) const PAGE: Row = on!(ALL ANY 200..=299 "" => Later "response_unreadable", "Check what answers with a page in place of the service, for example a sign-in page or a proxy.", true);

/// Every row. The first one that fits decides, so the specific rows come before the general ones.
#[rustfmt::skip] // One row, one line.
const TABLE: &[Row] = &[
    // Entra's errors, passed on by a host that could not get a token.
    on!(ALL ANY 401..=401 "invalid_client" => Unauthorized "token_refused", TOKEN, false), // [V] entra-docs, OAuth 2.0 error codes
    on!(ALL ANY 401..=401 "unauthorized_client" => Unauthorized "token_refused", TOKEN, false), // [V] the same
    on!(ALL ANY 401..=401 "invalid_request" => Unauthorized "token_refused", TOKEN, false), // [V] the same
    on!(ALL ANY 401..=401 "invalid_scope" => Unauthorized "token_refused", TOKEN, false), // [V] the same
    on!(ALL ANY 401..=401 "invalid_resource" => Unauthorized "token_refused", TOKEN, false), // [V] the same
    on!(ALL ANY 401..=401 "invalid_grant" => Unauthorized "token_refused", TOKEN, false), // [V] the same

    // Flow triggers: authorization.
    on!(FLOW ANY 401..=403 "AuthorizationFailed" => Unauthorized "sas_rejected", "Copy the whole trigger URL again: its `sig` was changed, or was revoked when the access key was regenerated.", false), // [O] logic apps forums
    on!(FLOW ANY 401..=403 "DirectApiAuthorizationRequired" => Unauthorized "sas_missing", "Copy the whole trigger URL with its `sig`; if the trigger requires OAuth, give the target `credentials`.", false), // [O]
    on!(FLOW ANY 401..=403 "DirectApiInvalidAuthorizationScheme" => Unauthorized "authorization_scheme_refused", "Match the trigger's setting `Who can trigger the flow`: for anyone, use the URL with its `sig`; otherwise use the URL without `sig` and give the target `credentials`.", false), // [O]
    on!(FLOW ANY 401..=403 "MisMatchingOAuthClaims" => Unauthorized "oauth_claims_mismatch", "Check three things: the token's audience is that of the Flow service, including the trailing slash (see `cloud`); its tenant is the flow's; the trigger allows its object id (that of the enterprise application, not the client id).", false), // [V] power-automate-docs oauth-authentication; seen as 401 and 403 [O]
    on!(FLOW ANY 401..=401 "" => Unauthorized "not_authorized", NEW_URL, false), // [O]
    on!(FLOW ANY 403..=403 "" => Unauthorized "not_authorized", NEW_URL, false), // [O]

    // A paused capacity. [O] 404 with this code; waiting helps only if the service itself is down.
    on!(CONTENT READ 500..=599 CAPACITY => Later CAPACITY_CODE, RESUME, true),
    on!(CONTENT READ 400..=499 CAPACITY => Broken CAPACITY_CODE, RESUME, true),
    on!(CONTENT SEND 401..=403 CAPACITY => Refused CAPACITY_CODE, RESUME, true),

    // Power BI and Fabric: authorization.
    on!(CONTENT ANY 401..=403 "TokenExpired" => Unauthorized "token_expired", NEW_TOKEN, true), // [V] Power BI REST: arrives as 403
    on!(CONTENT ANY 401..=403 "PowerBINotAuthorizedException" => Unauthorized "not_authorized", ROLE, false), // [O]
    on!(GEN2 SEND 401..=403 "SPNBasedRefreshNotAllowed" => Unauthorized "spn_refresh_not_allowed", SPN, false), // [R] seen only as the failure of a run
    on!(GEN2 ANY 401..=403 "PrincipalTypeNotSupported" => Unauthorized "spn_refresh_not_allowed", SPN, false), // [O] fabric-cicd, rayfin#10
    on!(GEN2 READ 400..=400 "PrincipalTypeNotSupported" => Invalid "spn_refresh_not_allowed", SPN, false), // [O] the same
    on!(GEN2 ANY 401..=403 "InsufficientPrivileges" => Unauthorized "not_authorized", MEMBER, false), // [V] fabric-rest-api-specs
    on!(CONTENT ANY 401..=403 "GroupNotAccessible" => Unauthorized "not_authorized", ROLE, false), // [O] in a header, n8n-nodes-powerbi#7
    on!(CONTENT ANY 401..=401 "" => Unauthorized "not_authorized", PERMISSIONS, false), // [V] Power BI REST, fabric-rest-api-specs
    on!(CONTENT ANY 403..=403 "" => Unauthorized "not_authorized", PERMISSIONS, false), // [V] the same

    // A status that is no positive refusal: the trigger may have started a run, whatever the body
    // reports. Below 200 and above 599 no status is defined.
    on!(FLOW SEND 502..=502 "NoResponse" => Lost "flow_no_response", "Look at the run in the flow's run history: it ended before its Response action.", false), // [O]
    on!(ALL SEND 0..=299 "" => Lost "trigger_gateway_error", GATEWAY, false), // RFC 9110
    on!(ALL SEND 300..=399 "" => Lost "redirected", "Look at the run history in the service; if nothing was started, use the address that the service redirects to, if you trust it.", false), // [R]
    on!(ALL SEND 408..=408 "" => Lost "trigger_gateway_error", GATEWAY, false), // RFC 9110: the request may have been read
    on!(ALL SEND 499..=499 "" => Lost "trigger_gateway_error", GATEWAY, false), // [O] nginx: the caller of a gateway hung up
    on!(ALL SEND 500..=999 "" => Lost "trigger_gateway_error", GATEWAY, false), // [V] connectors-native-reqres: 504 after 120 s

    on!(CONTENT SEND_RUN 0..=499 CAPACITY => Refused CAPACITY_CODE, RESUME, true),

    // Limits, reported by the service or passed on by a flow.
    on!(ALL SEND_RUN 0..=499 DAILY_LIMIT => Refused DATAFLOW_LIMIT_CODE, "Wait for the next slot. Scheduled refreshes count too: schedule fewer of them if this happens often.", true), // [O] seen in production
    on!(MODEL SEND_RUN 0..=499 MODEL_LIMIT => Refused MODEL_LIMIT_CODE, "Wait for the next slot. Scheduled refreshes count too: 8 in 24 h, 48 with Premium.", true), // [O] powerbi-powershell#14

    // Throttled. Waits near an hour happen [O] pbimonitor#58.
    on!(GEN2 SEND 429..=429 "TooManyRequestsForJobs" => Later "too_many_jobs", AFTER_WAIT, true), // [V] fabric-rest-api-specs
    on!(ALL ANY 429..=429 "" => Later "throttled", AFTER_WAIT, true), // [V] it exists for flows, Power BI and Fabric

    // Flow triggers: rejected requests.
    on!(FLOW SEND 400..=499 "MissingApiVersionParameter" => Refused "api_version_missing", "Quote the URL and copy it completely: it was cut off, usually at its first `&`.", false), // [O]
    on!(FLOW SEND 400..=499 "TriggerInputSchemaMismatch" => Refused "flow_input_schema_mismatch", "Change the payload to match the trigger's JSON schema, or relax the schema.", false), // [O]
    on!(FLOW SEND 400..=499 "WorkflowTriggerIsNotEnabled" => Refused "flow_disabled", "Turn the flow on.", false), // [O] coe-starter-kit#8684
    on!(FLOW SEND 400..=499 "DirectApiRequestHasMoreThanOneAuthorization" => Refused "multiple_authorizations", "Use a SAS URL or a bearer token, not both.", false), // [O] logicapps#1157
    on!(FLOW SEND 400..=499 "WorkflowNotFound" => Refused "flow_not_found", "Copy the URL of the trigger again: the flow was deleted or created again.", false), // [O]
    on!(FLOW SEND 404..=404 "" => Refused "flow_not_found", "Check the URL: no flow exists at this address.", false), // [R]
    on!(FLOW SEND 413..=413 "" => Refused "request_too_large", "Make the payload smaller.", false), // [R] over 100 MB

    // A refusal for now.
    on!(ALL READ 408..=408 "" => Later "service_unavailable", LATER, true), // RFC 9110
    on!(ALL READ 423..=423 "" => Later "service_unavailable", LATER, true), // [R] locked
    on!(ALL READ 425..=425 "" => Later "service_unavailable", LATER, true), // RFC 8470: too early

    // Semantic models.
    on!(MODEL SEND 400..=409 BUSY => Busy "already_running", "Start again after that run has ended.", true), // [O] 400 InvalidRequest with a sentence
    on!(MODEL SEND 409..=409 "" => Busy "already_running", "Start again after that run has ended.", true), // [V] enhanced refresh, older text
    on!(MODEL CANCEL 400..=409 "" => Invalid "cannot_be_cancelled", "Cancel only an enhanced refresh that is still running.", false), // [V] Power BI REST: cancel is for enhanced refreshes
    on!(MODEL RUN 0..=599 "ModelRefreshFailed_CredentialsNotSpecified" => Refused "model_credentials_missing", "Set the credentials of the data sources in the model's settings.", false), // [V] Power BI REST sample
    on!(MODEL RUN 0..=599 "ModelRefreshDisabled_CredentialNotSpecified" => Refused "model_credentials_missing", "Set the credentials of the data sources in the model's settings.", false), // [V] the same

    // Fabric dataflows.
    on!(GEN2 SEND_RUN 0..=499 "SPNBasedRefreshNotAllowed" => Refused "spn_refresh_not_allowed", SPN, false), // [O] fabric-cicd#971; [V] dataflow/swagger.json says service principals: no
    on!(GEN2 SEND_RUN 0..=499 "PrincipalTypeNotSupported" => Refused "spn_refresh_not_allowed", SPN, false), // [O] fabric-cicd, rayfin#10
    on!(GEN2 SEND_RUN 0..=499 "DataflowNeverPublishedError" => Refused "dataflow_never_published", "Publish the dataflow once in the Fabric portal, or set `apply_changes: if_needed`.", false), // [O] fabric-cicd#420
    on!(GEN2 SEND 400..=499 "InvalidJobType" => Refused "invalid_job_type", "Check that the item is a Gen2 dataflow with CI/CD: it does not support this job type.", false), // [V] fabric-rest-api-specs
    on!(GEN2 SEND 400..=499 "FeatureNotAvailable" => Refused "feature_not_available", "Ask the tenant's administrator: this feature is not available in the tenant or its region.", false), // [V] the same
    on!(GEN2 CANCEL 400..=409 "JobAlreadyCompleted" => Over "already_concluded", "No action is needed.", false), // [V] the same

    // Missing items and invalid requests.
    on!(CONTENT READ 404..=404 "" => Invalid "entity_not_found", IDS, false), // [V] PowerBIEntityNotFound, ItemNotFound
    on!(CONTENT SEND 404..=404 "" => Refused "entity_not_found", IDS, false), // [V] as above
    on!(MODEL READ 415..=415 "" => Invalid "no_history", NO_HISTORY, false), // [O] powerbi-powershell#17
    on!(ALL READ 400..=499 "" => Invalid "request_rejected", SERVICE_ERROR, false), // [R]

    // Redirects are never followed: they would send credentials to another host.
    on!(ALL READ 300..=399 "" => Later "redirected", "Check the address: it redirects, and redirects are not followed.", true), // [R]

    // The rest.
    on!(DATAFLOW RUN 0..=999 "" => Refused "refresh_failed", "Look up the reason in the dataflow's refresh history.", true), // [R]
    on!(GEN2 RUN 0..=999 "" => Refused "refresh_failed", "Look up the reason in the dataflow's recent runs in Fabric.", true), // [R]
    on!(MODEL RUN 0..=999 "" => Refused "refresh_failed", "Look up the reason in the model's refresh history.", true), // [R]
    on!(ALL READ 500..=599 "" => Later "service_unavailable", LATER, true), // [R]
    on!(ALL READ 0..=999 "" => Later "unexpected_response", ENDPOINT, true), // [R]
    on!(ALL SEND 400..=499 "" => Refused "request_rejected", SERVICE_ERROR, false), // [R]

    // No response to a trigger that may have been sent. One that certainly was not counts as a read.
    no_response!(ALL SEND TooLarge => Lost "trigger_response_unreadable", GATEWAY, false), // RFC 9110
    no_response!(ALL SEND Encoded => Lost "trigger_response_unreadable", GATEWAY, false), // RFC 9110, 12.5.3
    no_response!(ALL SEND NotHttp => Lost "trigger_response_unreadable", GATEWAY, false), // RFC 9110
    no_response!(ALL SEND AnswerTimeout => Lost "trigger_response_lost", GATEWAY, false), // WASI: connection-read-timeout, HTTP-response-timeout
    no_response!(ALL SEND ConnectionLost => Lost "trigger_response_lost", GATEWAY, false), // WASI: connection-terminated
    no_response!(ALL SEND Truncated => Lost "trigger_response_lost", GATEWAY, false), // WASI: HTTP-response-incomplete
    no_response!(ALL SEND ConnectTimeout => Lost "trigger_response_lost", GATEWAY, false), // some hosts report a late first byte this way [O]
    no_response!(ALL SEND NotSentByHost => Lost "trigger_response_lost", GATEWAY, false), // only if the host gives no guarantee
    no_response!(ALL SEND Other => Lost "trigger_response_lost", GATEWAY, false), // WASI: internal-error

    // No response to anything else.
    no_response!(ALL ANY Denied => Denied "request_denied", ALLOW, false), // WASI: HTTP-request-denied
    no_response!(ALL ANY AddressDenied => Denied "address_denied", ADDRESS, false), // WASI: destination-IP-prohibited
    no_response!(ALL ANY RequestInvalid => Invalid "request_invalid", "Check the URL.", false), // WASI: HTTP-request-URI-invalid
    no_response!(ALL ANY CertificateUntrusted => Broken "tls_certificate_untrusted", "Set `transport.ca_file` to the certificate of the authority that signed the server's certificate, if you trust that authority.", false), // WASI: TLS-certificate-error
    no_response!(ALL ANY ProxyRefused => Broken "proxy_refused", PROXY, false), // the host's error text
    no_response!(ALL ANY Encoded => Broken "response_encoding_unsupported", "Find out what compresses the responses between this machine and the host: the request asks for no compression.", false), // WASI: HTTP-response-content-coding
    no_response!(ALL ANY ProxyUnavailable => Later "proxy_unavailable", LATER, true), // the host's error text
    no_response!(ALL ANY NameNotResolved => Later "name_not_resolved", "Check the host name and this machine's DNS.", true), // WASI: DNS-error
    no_response!(ALL ANY ConnectionRefused => Later "connection_refused", NETWORK, true), // WASI: connection-refused
    no_response!(ALL ANY Unreachable => Later "destination_unreachable", NETWORK, true), // WASI: destination-unavailable
    no_response!(ALL ANY ConnectTimeout => Later "connect_timeout", NETWORK, true), // WASI: connection-timeout
    no_response!(ALL ANY TlsFailed => Later "tls_failed", NETWORK, true), // WASI: TLS-protocol-error
    no_response!(ALL ANY NotSentByHost => Later "not_sent_by_host", NETWORK, true), // the host's error text
    no_response!(ALL ANY AnswerTimeout => Later "response_timed_out", NETWORK, true), // WASI: HTTP-response-timeout
    no_response!(ALL ANY ConnectionLost => Later "connection_lost", NETWORK, true), // WASI: connection-terminated
    no_response!(ALL ANY Truncated => Later "response_truncated", NETWORK, true), // WASI: HTTP-response-incomplete
    no_response!(ALL ANY TooLarge => Broken "response_too_large", ENDPOINT, false), // WASI: HTTP-response-body-size
    no_response!(ALL ANY NotHttp => Later "response_not_http", NETWORK, true), // WASI: HTTP-protocol-error
    no_response!(ALL ANY Other => Later "transport_failed", NETWORK, true), // WASI: internal-error
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip] // One row, one line.
    fn each_documented_response_has_its_class_and_code() {
        use Purpose::{Cancel, Read, Run, Trigger};
        use Class::{Broken, Busy, Invalid, Later, Lost, Over, Refused, Unauthorized};
        use TargetKind::{Dataflow, DataflowGen2 as Gen2, PowerAutomate as Flow, SemanticModel as Model};
        for (service, purpose, status, service_code, class, code) in [
            (Flow, Trigger, 400, "MissingApiVersionParameter", Refused, "api_version_missing"),
            (Flow, Trigger, 400, "TriggerInputSchemaMismatch", Refused, "flow_input_schema_mismatch"),
            (Flow, Trigger, 400, "WorkflowTriggerIsNotEnabled", Refused, "flow_disabled"),
            (Flow, Trigger, 400, "DirectApiRequestHasMoreThanOneAuthorization", Refused, "multiple_authorizations"),
            (Flow, Trigger, 401, "AuthorizationFailed", Unauthorized, "sas_rejected"),
            (Flow, Trigger, 401, "DirectApiAuthorizationRequired", Unauthorized, "sas_missing"),
            (Flow, Trigger, 401, "DirectApiInvalidAuthorizationScheme", Unauthorized, "authorization_scheme_refused"),
            (Flow, Trigger, 401, "MisMatchingOAuthClaims", Unauthorized, "oauth_claims_mismatch"),
            (Flow, Trigger, 403, "MisMatchingOAuthClaims", Unauthorized, "oauth_claims_mismatch"),
            (Flow, Trigger, 403, "", Unauthorized, "not_authorized"),
            (Flow, Trigger, 404, "WorkflowNotFound", Refused, "flow_not_found"),
            (Flow, Trigger, 404, "", Refused, "flow_not_found"),
            (Flow, Trigger, 413, "", Refused, "request_too_large"),
            (Flow, Trigger, 418, "", Refused, "request_rejected"),
            (Flow, Trigger, 307, "", Lost, "redirected"),
            (Flow, Trigger, 408, "", Lost, "trigger_gateway_error"),
            (Flow, Trigger, 499, DAILY_LIMIT, Lost, "trigger_gateway_error"),
            (Flow, Trigger, 429, DAILY_LIMIT, Refused, "dataflow_daily_limit"),
            (Flow, Trigger, 400, DAILY_LIMIT, Refused, "dataflow_daily_limit"),
            (Flow, Trigger, 500, "", Lost, "trigger_gateway_error"),
            (Flow, Trigger, 502, "NoResponse", Lost, "flow_no_response"),
            (Flow, Trigger, 502, DAILY_LIMIT, Lost, "trigger_gateway_error"),
            (Flow, Trigger, 503, "", Lost, "trigger_gateway_error"),
            (Flow, Trigger, 504, "", Lost, "trigger_gateway_error"),
            (Dataflow, Trigger, 400, DAILY_LIMIT, Refused, "dataflow_daily_limit"),
            (Dataflow, Trigger, 404, "PowerBIEntityNotFound", Refused, "entity_not_found"),
            (Dataflow, Trigger, 403, "TokenExpired", Unauthorized, "token_expired"),
            (Dataflow, Trigger, 401, "invalid_client", Unauthorized, "token_refused"),
            (Dataflow, Trigger, 504, "", Lost, "trigger_gateway_error"),
            (Dataflow, Read, 401, "PowerBINotAuthorizedException", Unauthorized, "not_authorized"),
            (Dataflow, Read, 403, "TokenExpired", Unauthorized, "token_expired"),
            (Dataflow, Read, 404, "PowerBIEntityNotFound", Invalid, "entity_not_found"),
            (Dataflow, Read, 400, "", Invalid, "request_rejected"),
            (Dataflow, Read, 429, "", Later, "throttled"),
            (Dataflow, Read, 500, "", Later, "service_unavailable"),
            (Dataflow, Read, 302, "", Later, "redirected"),
            (Dataflow, Read, 418, "", Invalid, "request_rejected"),
            (Dataflow, Read, 408, "", Later, "service_unavailable"),
            (Dataflow, Read, 600, "", Later, "unexpected_response"),
            (Dataflow, Read, 401, "GroupNotAccessible", Unauthorized, "not_authorized"),
            (Dataflow, Trigger, 404, CAPACITY, Refused, "capacity_not_active"),
            (Dataflow, Trigger, 503, CAPACITY, Lost, "trigger_gateway_error"),
            (Gen2, Read, 404, CAPACITY, Broken, "capacity_not_active"),
            (Gen2, Read, 503, CAPACITY, Later, "capacity_not_active"),
            (Gen2, Run, 0, CAPACITY, Refused, "capacity_not_active"),
            (Gen2, Trigger, 400, "PrincipalTypeNotSupported", Refused, "spn_refresh_not_allowed"),
            (Model, Trigger, 429, MODEL_LIMIT, Refused, "model_daily_limit"),
            (Model, Read, 415, "", Invalid, "no_history"),
            (Dataflow, Cancel, 404, "", Invalid, "entity_not_found"),
            (Dataflow, Run, 0, "", Refused, "refresh_failed"),
            (Dataflow, Run, 0, DAILY_LIMIT, Refused, "dataflow_daily_limit"),
            (Gen2, Read, 403, "InsufficientPrivileges", Unauthorized, "not_authorized"),
            (Gen2, Read, 404, "ItemNotFound", Invalid, "entity_not_found"),
            (Gen2, Trigger, 404, "ItemNotFound", Refused, "entity_not_found"),
            (Gen2, Trigger, 429, "TooManyRequestsForJobs", Later, "too_many_jobs"),
            (Gen2, Trigger, 429, "RequestBlocked", Later, "throttled"),
            (Gen2, Trigger, 400, "InvalidJobType", Refused, "invalid_job_type"),
            (Gen2, Trigger, 400, "FeatureNotAvailable", Refused, "feature_not_available"),
            (Gen2, Trigger, 403, "SPNBasedRefreshNotAllowed", Unauthorized, "spn_refresh_not_allowed"),
            (Gen2, Trigger, 400, "SPNBasedRefreshNotAllowed", Refused, "spn_refresh_not_allowed"),
            (Gen2, Run, 0, "SPNBasedRefreshNotAllowed", Refused, "spn_refresh_not_allowed"),
            (Gen2, Run, 0, "DataflowNeverPublishedError", Refused, "dataflow_never_published"),
            (Gen2, Cancel, 400, "JobAlreadyCompleted", Over, "already_concluded"),
            (Model, Trigger, 400, "InvalidRequest", Refused, "request_rejected"),
            (Model, Trigger, 400, "AnotherRefreshIsExecuting", Busy, "already_running"),
            (Model, Trigger, 409, "", Busy, "already_running"),
            (Model, Trigger, 503, "", Lost, "trigger_gateway_error"),
            (Model, Cancel, 400, "InvalidRequest", Invalid, "cannot_be_cancelled"),
            (Model, Cancel, 408, "", Later, "service_unavailable"),
            (Model, Run, 0, "ModelRefreshFailed_CredentialsNotSpecified", Refused, "model_credentials_missing"),
            (Model, Run, 0, "Other", Refused, "refresh_failed"),
        ] {
            let row = row_of(CallKind::new(service, purpose), status, service_code);
            assert_eq!((row.class, row.code), (class, code), "{service:?} {purpose:?} {status} {service_code}");
        }
    }

    #[test]
    fn a_trigger_is_refused_only_by_a_positive_refusal_whatever_its_code() {
        let codes = TABLE.iter().filter_map(|row| match row.condition {
            Condition::Response { code, .. } => Some(code),
            Condition::NoResponse(_) => None,
        });
        let codes: Vec<&str> = codes.chain(["", "Odd"]).collect();
        for &service in ALL {
            let trigger = CallKind::new(service, Purpose::Trigger);
            for status in (100..200).chain(300..=999) {
                let refuses = (400..500).contains(&status) && ![408, 499].contains(&status);
                for code in &codes {
                    let class = row_of(trigger, status, code).class;
                    assert_eq!(
                        class == Class::Lost,
                        !refuses,
                        "{service:?} {status} {code}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_402_is_not_an_authorization_error() {
        let trigger = CallKind::new(PowerAutomate, Purpose::Trigger);
        assert_eq!(row_of(trigger, 402, "").class, Class::Refused);
        let read = CallKind::new(SemanticModel, Purpose::Read);
        assert_eq!(row_of(read, 402, "").class, Class::Invalid);
    }

    const PURPOSES: [Purpose; 3] = [Purpose::Read, Purpose::Trigger, Purpose::Cancel];

    #[test]
    fn every_status_has_a_row_for_every_call() {
        for &service in ALL {
            for purpose in PURPOSES {
                for status in 0..=999 {
                    let call = CallKind::new(service, purpose);
                    assert!(
                        TABLE.iter().any(|row| row.fits(call, status, "")),
                        "{call:?} {status}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_call_without_a_response_has_a_row_and_only_a_lost_trigger_is_lost() {
        for kind in TransportKind::ALL {
            for &service in ALL {
                for purpose in PURPOSES {
                    let row = unanswered(CallKind::new(service, purpose), kind);
                    assert!(
                        matches!(row.condition, Condition::NoResponse(_)),
                        "{service:?} {purpose:?} {kind:?}"
                    );
                    let may_be_sent = !kind.certainly_unsent(false);
                    assert_eq!(
                        row.class == Class::Lost,
                        purpose == Purpose::Trigger && may_be_sent,
                        "{service:?} {purpose:?} {kind:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_read_never_refuses_and_a_trigger_is_never_invalid() {
        for &service in ALL {
            for status in 0..=999 {
                assert!(matches!(
                    row_of(CallKind::new(service, Purpose::Read), status, "").class,
                    Class::Unauthorized | Class::Invalid | Class::Later
                ));
                assert!(!matches!(
                    row_of(CallKind::new(service, Purpose::Trigger), status, "").class,
                    Class::Invalid
                ));
            }
        }
    }

    #[test]
    fn a_code_in_a_response_counts_for_every_status() {
        let known = |code: &str| {
            let error = ErrorDetails {
                code: code.into(),
                ..ErrorDetails::default()
            };
            by_service_error(&error.redacted(&Redactor::default())).map(|row| row.code)
        };
        assert_eq!(known(DAILY_LIMIT), Some("dataflow_daily_limit"));
        for code in ["OrderNumberUnknown", "", "NoResponse"] {
            assert_eq!(known(code), None);
        }
    }

    #[test]
    fn every_row_has_a_hint() {
        for row in TABLE {
            assert!(row.hint.ends_with('.'), "{}", row.code);
        }
    }
}
