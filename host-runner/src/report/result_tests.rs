use clap::ValueEnum as _;
use serde_json::json;

use super::*;
use crate::report::fixtures::{invocation, verdict};

fn result(verdict: &Verdict, invocation: &Invocation) -> RefreshResult {
    RefreshResult::new(verdict, invocation, &ExitRules::default())
}

/// The names of the contract with users, "Result".
const NAMES: &str = "target kind status sent evidence matched own_run code likely_cause message hint \
    retryable retry_at run service_run flow_run started_at ended_at duration_ms http_calls attempt \
    idempotency_key replayed audit_event exit_code service_error quota";

#[test]
fn every_field_is_present_and_never_null_even_when_nothing_is_known() {
    let nothing = Verdict::not_sent(Status::Invalid, "", "", "");
    let value = json!(result(&nothing, &Invocation::default()));
    assert_eq!(value.as_object().unwrap().len(), NAMES.split(' ').count());
    for name in NAMES.split(' ') {
        assert!(!value[name].is_null(), "{name}");
    }
    let error = json!({"code": "", "message": "", "activity_id": ""});
    assert_eq!(value["service_error"], error);
    // Without a count nothing reads as an exhausted quota, and neither does an old audit log.
    let quota = json!({"limit": 0, "counted": 0, "left": -1, "next_slot": ""});
    assert_eq!(value["quota"], quota);
    let mut old = nothing.clone();
    old.quota =
        serde_json::from_value(json!({"limit": 0, "counted": 0, "left": 0, "next_slot": ""}))
            .unwrap();
    assert_eq!(json!(result(&old, &Invocation::default()))["quota"], quota);
    let counted = json!({"limit": 8, "counted": 8, "left": 0, "next_slot": ""});
    old.quota = serde_json::from_value(counted.clone()).unwrap();
    assert_eq!(
        json!(result(&old, &Invocation::default()))["quota"],
        counted
    );
}

#[test]
fn the_times_of_the_service_win_over_ours_which_count_only_after_an_end() {
    let (trigger, end) = ("2026-11-23T08:00:00Z", "2026-11-23T08:00:01.5Z");
    let (local, start) = ("2026-11-23T09:00:00.25+01:00", "2026-11-23T08:00:00.25Z");
    let late = "2026-11-23T09:00:00Z";
    for (status, reported, expected, milliseconds) in [
        (Status::Completed, (local, end), (start, end), 1250),
        (Status::Failed, ("", ""), (trigger, end), 1500),
        (Status::Cancelled, ("", ""), (trigger, end), 1500),
        (Status::Accepted, ("", ""), ("", ""), 0),
        (Status::Unknown, ("", ""), ("", ""), 0),
        (Status::Interrupted, ("", ""), ("", ""), 0),
        // Clocks that disagree do not make a negative duration.
        (Status::Failed, (late, ""), (late, end), 0),
        // An invalid time is dropped.
        (Status::Unknown, ("today", "x"), ("", ""), 0),
    ] {
        let mut verdict = verdict(status);
        (verdict.started_at, verdict.ended_at) = (reported.0.into(), reported.1.into());
        verdict.retry_at = "tomorrow".into();
        let result = result(&verdict, &invocation("a"));
        let times = (result.started_at.as_str(), result.ended_at.as_str());
        assert_eq!(times, expected, "{status:?}");
        assert_eq!(result.duration_ms, milliseconds, "{status:?}");
        assert_eq!(result.has_duration(), !times.1.is_empty());
        assert_eq!(result.retry_at, "");
    }
}

#[test]
fn the_rules_change_only_the_exit_codes_that_they_name() {
    let rules = |require_completed, zero_on: &[Status]| ExitRules {
        require_completed,
        zero_on: zero_on.to_vec(),
    };
    let none = rules(false, &[]);
    for status in Status::value_variants() {
        assert_eq!(none.exit_code(*status, None), status.exit_code());
    }
    let strict = rules(true, &[Status::Accepted]);
    let lenient = rules(false, &[Status::Skipped]);
    for (rules, status, signal, code) in [
        (&strict, Status::Accepted, None, 12),
        (&strict, Status::Completed, None, 0),
        (&strict, Status::Failed, None, 10),
        (&lenient, Status::Skipped, None, 0),
        (&lenient, Status::Unknown, None, 12),
        (&none, Status::Interrupted, Some(Signal::Interrupt), 130),
        (&none, Status::Interrupted, Some(Signal::Terminate), 143),
        (&none, Status::Completed, Some(Signal::Terminate), 0),
    ] {
        assert_eq!(rules.exit_code(status, signal), code, "{status:?}");
    }
}

#[test]
fn no_field_of_the_verdict_is_missing() {
    let reported = verdict(Status::Completed);
    let all = json!(result(&reported, &invocation("a")));
    for (name, value) in json!(reported).as_object().unwrap() {
        assert_eq!(&all[name], value, "{name}");
    }
}
