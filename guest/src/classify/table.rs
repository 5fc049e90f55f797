//! Looking an answer up in the table of answers.

use super::asked::{Act, Asked, Class, Of};
use super::rows::TABLE;
use crate::transport::TransportKind;

/// What was met.
#[derive(Debug)]
pub(crate) enum Met {
    /// An answer that is not a success.
    Answer {
        /// The lowest status.
        from: u16,
        /// The highest status.
        to: u16,
        /// The service's code; empty where the status decides.
        said: &'static str,
    },
    /// No answer.
    NoAnswer(TransportKind),
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(super) of: &'static [Of],
    pub(super) act: &'static [Act],
    pub(super) met: Met,
    /// What it means.
    pub(crate) class: Class,
    /// Our stable code.
    pub(crate) code: &'static str,
    /// What to do next.
    pub(crate) hint: &'static str,
    /// Whether another attempt may end better.
    pub(crate) retryable: bool,
}

/// What stands where no row fits; the last rows of the table fit everything there is.
const NO_ROW: Row = Row {
    of: &[],
    act: &[],
    met: Met::Answer {
        from: 0,
        to: u16::MAX,
        said: "",
    },
    class: Class::Later,
    code: "unexpected_response",
    hint: "Check the endpoint, and whether a proxy stands before it.",
    retryable: true,
};

impl Row {
    /// Whether the row stands for one code of the service, not for a status at large.
    pub(crate) fn is_particular(&self) -> bool {
        matches!(self.met, Met::Answer { said, .. } if !said.is_empty())
    }

    fn concerns(&self, asked: Asked) -> bool {
        self.of.contains(&asked.of) && self.act.contains(&asked.act)
    }

    fn fits(&self, asked: Asked, status: u16, code: &str) -> bool {
        let Met::Answer { from, to, said } = self.met else {
            return false;
        };
        self.concerns(asked)
            && (from..=to).contains(&status)
            && (said.is_empty() || said.eq_ignore_ascii_case(code))
    }
}

/// The row of an answer.
pub(crate) fn row(asked: Asked, status: u16, service_code: &str) -> &'static Row {
    TABLE
        .iter()
        .find(|row| row.fits(asked, status, service_code))
        .unwrap_or(&NO_ROW)
}

/// The row of a call without an answer.
pub(crate) fn unanswered(asked: Asked, kind: TransportKind) -> &'static Row {
    TABLE
        .iter()
        .find(|row| row.concerns(asked) && matches!(row.met, Met::NoAnswer(met) if met == kind))
        .unwrap_or(&NO_ROW)
}

/// The row of a run's own word on its failure.
pub(crate) fn of_run(of: Of, service_code: &str) -> &'static Row {
    row(Asked::new(of, Act::Run), 0, service_code)
}

/// The row of a code that a flow's own Response carries, without regard to the status that the
/// flow's author chose for it and to the content inside; nothing where the table does not know it.
pub(crate) fn by_service_code(service_code: &str) -> Option<&'static Row> {
    TABLE
        .iter()
        .filter(|row| row.class == Class::Refused)
        .find(|row| {
            matches!(row.met, Met::Answer { said, .. }
                if !said.is_empty() && said.eq_ignore_ascii_case(service_code))
        })
}

#[cfg(test)]
mod tests {
    use super::super::rows::DAILY_LIMIT;
    use super::*;

    #[test]
    #[rustfmt::skip] // A table reads as a table: one row, one line.
    fn each_answer_of_the_catalogue_has_its_class_and_code() {
        use Act::{Cancel, Read, Run, Trigger};
        use Class::{Busy, Invalid, Later, Lost, Over, Refused, Unauthorized};
        use Of::{Dataflow, Flow, Gen2, Model};
        for (of, act, status, service_code, class, code) in [
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
            (Flow, Trigger, 307, "", Refused, "redirected"),
            (Flow, Trigger, 429, DAILY_LIMIT, Later, "throttled"),
            (Flow, Trigger, 400, DAILY_LIMIT, Refused, "dataflow_daily_limit"),
            (Flow, Trigger, 500, "", Refused, "request_rejected"),
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
            (Dataflow, Read, 418, "", Later, "unexpected_response"),
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
            (Model, Run, 0, "ModelRefreshFailed_CredentialsNotSpecified", Refused, "model_credentials_missing"),
            (Model, Run, 0, "Other", Refused, "refresh_failed"),
        ] {
            let row = row(Asked::new(of, act), status, service_code);
            assert_eq!((row.class, row.code), (class, code), "{of:?} {act:?} {status} {service_code}");
        }
    }

    #[test]
    fn a_402_is_no_matter_of_credentials() {
        assert_eq!(
            row(Asked::new(Of::Flow, Act::Trigger), 402, "").class,
            Class::Refused
        );
        assert_eq!(
            row(Asked::new(Of::Model, Act::Read), 402, "").class,
            Class::Later
        );
    }

    const EVERYBODY: [Of; 4] = [Of::Flow, Of::Dataflow, Of::Gen2, Of::Model];
    const EVERYTHING: [Act; 3] = [Act::Read, Act::Trigger, Act::Cancel];

    #[test]
    fn every_status_has_a_row_for_everything_that_is_asked() {
        for of in EVERYBODY {
            for act in EVERYTHING {
                for status in 0..=999 {
                    let asked = Asked::new(of, act);
                    assert!(
                        TABLE.iter().any(|row| row.fits(asked, status, "")),
                        "{asked:?} {status}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_call_without_an_answer_has_a_row_and_a_lost_trigger_is_never_sent_again() {
        for kind in TransportKind::ALL {
            for of in EVERYBODY {
                for act in EVERYTHING {
                    let row = unanswered(Asked::new(of, act), kind);
                    assert!(
                        matches!(row.met, Met::NoAnswer(_)),
                        "{of:?} {act:?} {kind:?}"
                    );
                    let may_have_left = !kind.certainly_unsent(false);
                    assert_eq!(
                        row.class == Class::Lost,
                        act == Act::Trigger && may_have_left,
                        "{of:?} {act:?} {kind:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_read_never_refuses_and_a_trigger_is_never_invalid() {
        for of in EVERYBODY {
            for status in 0..=999 {
                assert!(matches!(
                    row(Asked::new(of, Act::Read), status, "").class,
                    Class::Unauthorized | Class::Invalid | Class::Later
                ));
                assert!(!matches!(
                    row(Asked::new(of, Act::Trigger), status, "").class,
                    Class::Invalid
                ));
            }
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
