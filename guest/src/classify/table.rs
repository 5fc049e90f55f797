//! The table of answers: what was asked, status, service code → class, our code, hint.
//!
//! The first row that fits decides. The sources are the catalogue of errors seen in practice:
//! [V] read in Microsoft's own documents, [O] observed by others, [R] inferred.

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A read of the Power BI API.
    Read,
    /// A stop, asked of the Power BI API.
    Cancel,
    /// A refresh, asked of the Power BI API.
    DataflowTrigger,
    /// A run, asked of a flow.
    FlowTrigger,
}

/// What an answer that is not a success means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The credentials are not accepted; nothing was started.
    Unauthorized,
    /// The request or the target is wrong.
    Invalid,
    /// No usable answer now; the same call may end better later. Nothing was started.
    Later,
    /// The service refused the trigger.
    Refused,
    /// A gateway's word: the trigger may have arrived.
    Lost,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    asked: &'static [Asked],
    statuses: (u16, u16),
    /// The service's code; empty where the status decides.
    service_code: &'static str,
    /// What it means.
    pub(crate) class: Class,
    /// Our stable code.
    pub(crate) code: &'static str,
    /// What to do next.
    pub(crate) hint: &'static str,
    /// Whether another attempt may end better.
    pub(crate) retryable: bool,
}

/// The service's code of the rolling limit of 8 refreshes in 24 hours. [O]
pub(crate) const DAILY_LIMIT: &str = "DailyDataflowRefreshLimitExceeded";

const ANY: &[Asked] = &[
    Asked::Read,
    Asked::Cancel,
    Asked::DataflowTrigger,
    Asked::FlowTrigger,
];
const POWER_BI: &[Asked] = &[Asked::Read, Asked::Cancel, Asked::DataflowTrigger];
const READS: &[Asked] = &[Asked::Read, Asked::Cancel];
const TRIGGERS: &[Asked] = &[Asked::DataflowTrigger, Asked::FlowTrigger];
const DATAFLOW: &[Asked] = &[Asked::DataflowTrigger];
const FLOW: &[Asked] = &[Asked::FlowTrigger];

const ROLE_HINT: &str = "Give the application a role in the workspace, and let the tenant's settings allow service principals to use the Power BI APIs; then run `host-runner check`.";
const TOKEN_HINT: &str = "Check the tenant, the client id and the client secret (its value, not its id), and whether the secret has expired.";
const GATEWAY_HINT: &str =
    "Look at the flow's run history. Nothing is sent a second time by itself.";

const fn row_of(
    asked: &'static [Asked],
    statuses: (u16, u16),
    service_code: &'static str,
    class: Class,
    code: &'static str,
    hint: &'static str,
    retryable: bool,
) -> Row {
    Row {
        asked,
        statuses,
        service_code,
        class,
        code,
        hint,
        retryable,
    }
}

/// Every row, the more particular before the more general.
#[rustfmt::skip] // A table reads as a table: one row, one line.
const TABLE: &[Row] = &[
    // Entra's own words, passed on by a host that could not get a token. [V] OAuth 2.0 codes.
    row_of(ANY, (401, 401), "invalid_client", Class::Unauthorized, "token_refused", TOKEN_HINT, false),
    row_of(ANY, (401, 401), "unauthorized_client", Class::Unauthorized, "token_refused", TOKEN_HINT, false),
    row_of(ANY, (401, 401), "invalid_request", Class::Unauthorized, "token_refused", TOKEN_HINT, false),
    row_of(ANY, (401, 401), "invalid_scope", Class::Unauthorized, "token_refused", TOKEN_HINT, false),
    row_of(ANY, (401, 401), "invalid_resource", Class::Unauthorized, "token_refused", TOKEN_HINT, false),
    row_of(ANY, (401, 401), "invalid_grant", Class::Unauthorized, "token_refused", TOKEN_HINT, false),
    // Power BI: TokenExpired arrives as 403. [V]
    row_of(POWER_BI, (401, 403), "TokenExpired", Class::Unauthorized, "token_expired", "Get a new token and start again.", true),
    row_of(POWER_BI, (401, 403), "PowerBINotAuthorizedException", Class::Unauthorized, "not_authorized", ROLE_HINT, false),
    row_of(POWER_BI, (401, 401), "", Class::Unauthorized, "not_authorized", ROLE_HINT, false),
    row_of(POWER_BI, (403, 403), "", Class::Unauthorized, "not_authorized", ROLE_HINT, false),
    // Flow triggers: bad or altered sig; sig missing or an OAuth trigger; SAS switched off. [O]
    row_of(FLOW, (401, 403), "AuthorizationFailed", Class::Unauthorized, "sas_rejected", "Copy the trigger's URL anew, whole: its sig is altered, or was revoked when the access key was regenerated.", false),
    row_of(FLOW, (401, 403), "DirectApiAuthorizationRequired", Class::Unauthorized, "sas_missing", "Copy the whole trigger URL, with its sig. A URL without one belongs to a trigger that wants a sign-in.", false),
    row_of(FLOW, (401, 403), "DirectApiInvalidAuthorizationScheme", Class::Unauthorized, "authorization_scheme_refused", "The trigger's setting for who can trigger the flow does not take a SAS URL: allow anyone, or use the kind of credentials that it asks for.", false),
    // Seen as 401 and as 403. [O]
    row_of(FLOW, (401, 403), "MisMatchingOAuthClaims", Class::Unauthorized, "oauth_claims_mismatch", "The token's audience must be exactly the Flow service's, with its slash at the end, and its tenant and object id must be allowed.", false),
    row_of(FLOW, (401, 401), "", Class::Unauthorized, "not_authorized", "Copy the trigger's URL anew, and check who can trigger the flow.", false),
    row_of(FLOW, (403, 403), "", Class::Unauthorized, "not_authorized", "Copy the trigger's URL anew, and check who can trigger the flow.", false),
    // Throttled: that it exists is documented [V]; waits near an hour happen [O].
    row_of(ANY, (429, 429), "", Class::Later, "throttled", "Start again after the time that the service names.", true),
    // A run that ended without a Response. [O]
    row_of(FLOW, (502, 502), "NoResponse", Class::Lost, "flow_no_response", "The flow's run ended without its Response action: look at the run in the flow's run history.", false),
    // The request was held too long, or lost behind a gateway: the run may be going on. [V]
    row_of(TRIGGERS, (502, 504), "", Class::Lost, "trigger_gateway_error", GATEWAY_HINT, false),
    // The rolling limit, from the dataflow itself or passed on by a flow. [O]
    row_of(TRIGGERS, (0, 599), DAILY_LIMIT, Class::Refused, "dataflow_daily_limit", "Wait for the next slot; scheduled refreshes count too, so thin out the schedule where this comes back.", true),
    // Flow triggers. [O]
    row_of(FLOW, (400, 499), "MissingApiVersionParameter", Class::Refused, "api_version_missing", "The URL was cut, usually at its first `&`: quote it, and copy it whole.", false),
    row_of(FLOW, (400, 499), "TriggerInputSchemaMismatch", Class::Refused, "flow_input_schema_mismatch", "Make the payload fit the trigger's JSON schema, or loosen the schema.", false),
    row_of(FLOW, (400, 499), "WorkflowTriggerIsNotEnabled", Class::Refused, "flow_disabled", "Turn the flow on.", false),
    row_of(FLOW, (400, 499), "DirectApiRequestHasMoreThanOneAuthorization", Class::Refused, "two_authorizations", "Use a SAS URL or a bearer token, not both.", false),
    row_of(FLOW, (400, 499), "WorkflowNotFound", Class::Refused, "flow_not_found", "The flow was deleted or made anew: copy the URL of its trigger again.", false),
    row_of(FLOW, (404, 404), "", Class::Refused, "flow_not_found", "Check the URL: there is no such flow at this address.", false),
    // Over 100 MB. [R]
    row_of(FLOW, (413, 413), "", Class::Refused, "request_too_large", "Make the payload smaller.", false),
    // Power BI. [V] for the codes, [R] for a bare 404.
    row_of(READS, (404, 404), "", Class::Invalid, "entity_not_found", "Check the ids of workspace and dataflow, and that the application may see the workspace.", false),
    row_of(READS, (400, 400), "", Class::Invalid, "request_rejected", "Check the ids of workspace and dataflow.", false),
    row_of(DATAFLOW, (404, 404), "", Class::Refused, "entity_not_found", "Check the ids of workspace and dataflow, and that the application may see the workspace.", false),
    // Redirects are never followed: they would carry credentials elsewhere. [R]
    row_of(TRIGGERS, (300, 399), "", Class::Refused, "redirected", "Use the address that the service redirects to, if it is one that you trust.", false),
    row_of(READS, (300, 399), "", Class::Later, "redirected", "Check the endpoint: it redirects, and redirects are not followed.", true),
    row_of(READS, (500, 599), "", Class::Later, "service_unavailable", "Start again later.", true),
    row_of(READS, (0, 999), "", Class::Later, "unexpected_answer", "Check the endpoint, and whether a proxy stands before it.", true),
    row_of(TRIGGERS, (0, 999), "", Class::Refused, "request_rejected", "See what the service says of it.", false),
];

/// What stands where no row fits; the last rows of the table fit every status there is.
const NO_ROW: Row = row_of(
    ANY,
    (0, u16::MAX),
    "",
    Class::Later,
    "unexpected_answer",
    "Check the endpoint, and whether a proxy stands before it.",
    true,
);

impl Row {
    /// Whether the row stands for one code of the service, not for a status at large.
    pub(crate) fn is_particular(&self) -> bool {
        !self.service_code.is_empty()
    }

    fn fits(&self, asked: Asked, status: u16, service_code: &str) -> bool {
        self.asked.contains(&asked)
            && (self.statuses.0..=self.statuses.1).contains(&status)
            && (self.service_code.is_empty()
                || self.service_code.eq_ignore_ascii_case(service_code))
    }
}

/// The row that decides.
pub(crate) fn row(asked: Asked, status: u16, service_code: &str) -> &'static Row {
    TABLE
        .iter()
        .find(|row| row.fits(asked, status, service_code))
        .unwrap_or(&NO_ROW)
}

/// The row of a code that a flow's own Response carries, without regard to the status that the
/// flow's author chose for it; nothing where the table does not know the code.
pub(crate) fn by_service_code(service_code: &str) -> Option<&'static Row> {
    TABLE
        .iter()
        .filter(|row| row.class == Class::Refused && !row.service_code.is_empty())
        .find(|row| row.service_code.eq_ignore_ascii_case(service_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip] // A table reads as a table: one row, one line.
    fn each_answer_of_the_catalogue_has_its_class_and_code() {
        use Asked::{Cancel, DataflowTrigger, FlowTrigger, Read};
        use Class::{Invalid, Later, Lost, Refused, Unauthorized};
        for (asked, status, service_code, class, code) in [
            (FlowTrigger, 400, "MissingApiVersionParameter", Refused, "api_version_missing"),
            (FlowTrigger, 400, "TriggerInputSchemaMismatch", Refused, "flow_input_schema_mismatch"),
            (FlowTrigger, 400, "WorkflowTriggerIsNotEnabled", Refused, "flow_disabled"),
            (FlowTrigger, 400, "DirectApiRequestHasMoreThanOneAuthorization", Refused, "two_authorizations"),
            (FlowTrigger, 401, "AuthorizationFailed", Unauthorized, "sas_rejected"),
            (FlowTrigger, 401, "DirectApiAuthorizationRequired", Unauthorized, "sas_missing"),
            (FlowTrigger, 401, "DirectApiInvalidAuthorizationScheme", Unauthorized, "authorization_scheme_refused"),
            (FlowTrigger, 401, "MisMatchingOAuthClaims", Unauthorized, "oauth_claims_mismatch"),
            (FlowTrigger, 403, "MisMatchingOAuthClaims", Unauthorized, "oauth_claims_mismatch"),
            (FlowTrigger, 403, "", Unauthorized, "not_authorized"),
            (FlowTrigger, 404, "WorkflowNotFound", Refused, "flow_not_found"),
            (FlowTrigger, 404, "", Refused, "flow_not_found"),
            (FlowTrigger, 413, "", Refused, "request_too_large"),
            (FlowTrigger, 418, "", Refused, "request_rejected"),
            (FlowTrigger, 307, "", Refused, "redirected"),
            (FlowTrigger, 429, DAILY_LIMIT, Later, "throttled"),
            (FlowTrigger, 400, DAILY_LIMIT, Refused, "dataflow_daily_limit"),
            (FlowTrigger, 500, "", Refused, "request_rejected"),
            (FlowTrigger, 502, "NoResponse", Lost, "flow_no_response"),
            (FlowTrigger, 502, DAILY_LIMIT, Lost, "trigger_gateway_error"),
            (FlowTrigger, 503, "", Lost, "trigger_gateway_error"),
            (FlowTrigger, 504, "", Lost, "trigger_gateway_error"),
            (DataflowTrigger, 400, DAILY_LIMIT, Refused, "dataflow_daily_limit"),
            (DataflowTrigger, 404, "PowerBIEntityNotFound", Refused, "entity_not_found"),
            (DataflowTrigger, 403, "TokenExpired", Unauthorized, "token_expired"),
            (DataflowTrigger, 401, "invalid_client", Unauthorized, "token_refused"),
            (DataflowTrigger, 504, "", Lost, "trigger_gateway_error"),
            (Read, 401, "PowerBINotAuthorizedException", Unauthorized, "not_authorized"),
            (Read, 403, "TokenExpired", Unauthorized, "token_expired"),
            (Read, 404, "PowerBIEntityNotFound", Invalid, "entity_not_found"),
            (Read, 400, "", Invalid, "request_rejected"),
            (Read, 429, "", Later, "throttled"),
            (Read, 500, "", Later, "service_unavailable"),
            (Read, 302, "", Later, "redirected"),
            (Read, 418, "", Later, "unexpected_answer"),
            (Cancel, 404, "", Invalid, "entity_not_found"),
        ] {
            let row = row(asked, status, service_code);
            assert_eq!((row.class, row.code), (class, code), "{asked:?} {status} {service_code}");
        }
    }

    #[test]
    fn a_402_is_no_matter_of_credentials() {
        assert_eq!(row(Asked::FlowTrigger, 402, "").class, Class::Refused);
        assert_eq!(row(Asked::Read, 402, "").class, Class::Later);
    }

    #[test]
    fn every_status_has_a_row_for_everything_that_is_asked() {
        for asked in ANY {
            for status in 0..=999 {
                assert!(
                    TABLE.iter().any(|row| row.fits(*asked, status, "")),
                    "{asked:?} {status}"
                );
            }
        }
    }

    #[test]
    fn a_read_never_refuses_and_a_trigger_is_never_invalid() {
        for status in 0..=999 {
            assert!(matches!(
                row(Asked::Read, status, "").class,
                Class::Unauthorized | Class::Invalid | Class::Later
            ));
            assert!(!matches!(
                row(Asked::FlowTrigger, status, "").class,
                Class::Invalid
            ));
        }
    }

    #[test]
    fn a_code_in_a_response_is_known_whatever_status_stands_over_it() {
        assert_eq!(
            by_service_code(DAILY_LIMIT).map(|row| row.code),
            Some("dataflow_daily_limit")
        );
        assert_eq!(
            by_service_code("OrderNumberUnknown").map(|row| row.code),
            None
        );
        assert_eq!(by_service_code("").map(|row| row.code), None);
        assert_eq!(by_service_code("NoResponse").map(|row| row.code), None);
    }

    #[test]
    fn every_row_says_what_to_do() {
        for row in TABLE {
            assert!(row.hint.ends_with('.'), "{}", row.code);
        }
    }
}
