use super::*;
use crate::report::fixtures::{invocation, verdict};

fn result(verdict: &Verdict, invocation: &Invocation) -> RefreshResult {
    RefreshResult::new(verdict, invocation, &ExitRules::default())
}

/// The fields of the contract with users, "Result", in its order.
const FIELDS: [&str; 27] = [
    "target",
    "kind",
    "status",
    "sent",
    "evidence",
    "matched",
    "own_run",
    "code",
    "likely_cause",
    "message",
    "hint",
    "retryable",
    "retry_at",
    "run",
    "service_run",
    "flow_run",
    "started_at",
    "ended_at",
    "duration_ms",
    "http_calls",
    "attempt",
    "idempotency_key",
    "replayed",
    "audit_event",
    "exit_code",
    "service_error",
    "quota",
];

#[test]
fn every_field_is_present_and_never_null_even_when_nothing_is_known() {
    let nothing = Verdict::not_sent(Status::Invalid, "", "", "");
    let value = serde_json::to_value(result(&nothing, &Invocation::default())).unwrap();
    let object = value.as_object().unwrap();
    assert_eq!(object.len(), FIELDS.len());
    for field in FIELDS {
        assert!(
            object.get(field).is_some_and(|value| !value.is_null()),
            "{field}"
        );
    }
    assert_eq!(
        value["service_error"],
        serde_json::json!({"code": "", "message": "", "activity_id": ""})
    );
    assert_eq!(
        value["quota"],
        serde_json::json!({"limit": 0, "counted": 0, "left": 0, "next_slot": ""})
    );
}

#[test]
fn the_fields_are_in_the_order_of_the_contract() {
    let line =
        serde_json::to_string(&result(&verdict(Status::Completed), &invocation("a"))).unwrap();
    let places: Vec<_> = FIELDS
        .iter()
        .map(|field| line.find(&format!("\"{field}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{line}");
}

#[test]
fn the_times_of_the_service_win_over_ours_and_are_in_utc() {
    let mut reported = verdict(Status::Completed);
    reported.started_at = "2026-11-23T09:00:00.25+01:00".into();
    reported.ended_at = "2026-11-23T08:04:12.5Z".into();
    let result = result(&reported, &invocation("a"));
    assert_eq!(result.started_at, "2026-11-23T08:00:00.25Z");
    assert_eq!(result.ended_at, "2026-11-23T08:04:12.5Z");
    assert_eq!(result.duration_ms, 252_250);
}

#[test]
fn without_times_of_the_service_those_of_trigger_and_verdict_count() {
    let mut silent = verdict(Status::Failed);
    (silent.started_at, silent.ended_at) = (String::new(), String::new());
    let result = result(&silent, &invocation("a"));
    assert_eq!(result.started_at, "2026-11-23T08:00:00Z");
    assert_eq!(result.ended_at, "2026-11-23T08:00:01.5Z");
    assert_eq!(result.duration_ms, 1500);
}

#[test]
fn a_run_without_a_known_end_has_no_end_time() {
    for status in [Status::Accepted, Status::Unknown, Status::Interrupted] {
        let mut open = verdict(status);
        (open.started_at, open.ended_at) = (String::new(), String::new());
        let result = result(&open, &invocation("a"));
        assert_eq!(result.started_at, "");
        assert_eq!((result.ended_at.as_str(), result.duration_ms), ("", 0));
    }
}

#[test]
fn an_unknown_time_is_empty_and_the_duration_is_zero() {
    let unsent = Verdict::not_sent(Status::Denied, "denied", "m", "h");
    let result = result(&unsent, &Invocation::default());
    assert_eq!(
        (result.started_at.as_str(), result.ended_at.as_str()),
        ("", "")
    );
    assert_eq!(result.duration_ms, 0);
    assert!(!result.has_duration());
}

#[test]
fn clocks_that_disagree_do_not_make_a_negative_duration() {
    let mut ahead = verdict(Status::Unknown);
    ahead.started_at = "2026-11-23T09:00:00Z".into();
    ahead.ended_at = String::new();
    assert_eq!(result(&ahead, &invocation("a")).duration_ms, 0);
}

#[test]
fn an_invalid_timestamp_is_dropped() {
    let mut odd = verdict(Status::Unknown);
    odd.retry_at = "tomorrow".into();
    odd.started_at = "today".into();
    let result = result(&odd, &invocation("a"));
    assert_eq!(result.retry_at, "");
    assert_eq!(result.started_at, "");
}

#[test]
fn without_rules_every_status_has_its_own_exit_code() {
    for row in Status::TABLE {
        assert_eq!(
            ExitRules::default().exit_code(row.status, None),
            row.status.exit_code()
        );
    }
}

#[test]
fn require_completed_changes_only_accepted() {
    let rules = ExitRules {
        require_completed: true,
        zero_on: vec![Status::Accepted],
    };
    assert_eq!(rules.exit_code(Status::Accepted, None), 12);
    assert_eq!(rules.exit_code(Status::Completed, None), 0);
    assert_eq!(rules.exit_code(Status::Failed, None), 10);
}

#[test]
fn a_status_in_exit_zero_on_exits_zero() {
    let rules = ExitRules {
        require_completed: false,
        zero_on: vec![Status::Skipped],
    };
    assert_eq!(rules.exit_code(Status::Skipped, None), 0);
    assert_eq!(rules.exit_code(Status::Unknown, None), 12);
}

#[test]
fn an_interruption_has_the_exit_code_of_its_signal() {
    let rules = ExitRules::default();
    assert_eq!(
        rules.exit_code(Status::Interrupted, Some(Signal::Interrupt)),
        130
    );
    assert_eq!(
        rules.exit_code(Status::Interrupted, Some(Signal::Terminate)),
        143
    );
    assert_eq!(
        rules.exit_code(Status::Completed, Some(Signal::Terminate)),
        0
    );
}

#[test]
fn no_field_of_the_verdict_is_missing() {
    let reported = verdict(Status::Completed);
    let all = serde_json::to_value(result(&reported, &invocation("a"))).unwrap();
    let verdict = serde_json::to_value(&reported).unwrap();
    for (name, value) in verdict.as_object().unwrap() {
        assert_eq!(&all[name], value, "{name}");
    }
}
