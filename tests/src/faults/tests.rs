//! Faults as they are written and chosen.

use super::*;

fn parse(json: &str) -> Fault {
    serde_json::from_str(json).unwrap()
}

#[test]
fn every_fault_reads_as_it_is_written() {
    for json in [
        r#"{"status":429,"headers":{"Retry-After":"3600"},"body":"{}","content_type":null}"#,
        r#"{"delay_ms":5}"#,
        r#""drop_before""#,
        r#""drop_after""#,
        r#""reset""#,
        r#""reset_after""#,
        r#""hang""#,
        r#""hang_after""#,
        r#""truncated""#,
        r#""html""#,
        r#""html_before""#,
        r#"{"huge_mb":100}"#,
        r#""no_content""#,
        r#"{"slow_drip":{"bytes_per_s":10}}"#,
        r#""wrong_content_type""#,
        r#""garbage""#,
        r#"{"replace_after_status":{"status":502,"headers":{},"body":"","content_type":null}}"#,
        r#"{"throttled":{"retry_after_s":3600,"as_date":true}}"#,
        r#"{"unavailable":{"retry_after_s":null}}"#,
        r#"{"redirect":{"to":"https://127.0.0.1/"}}"#,
    ] {
        let fault = parse(json);
        assert_eq!(serde_json::to_string(&fault).unwrap(), json);
        assert!(json.contains(fault.name()), "{json}");
    }
}

#[test]
fn an_unknown_fault_is_named() {
    let error = serde_json::from_str::<Fault>(r#""explode""#).unwrap_err();
    assert!(error.to_string().contains("explode"));
    let error = serde_json::from_str::<Fault>(r#"{"status":429,"haeders":{}}"#).unwrap_err();
    assert!(error.to_string().contains("haeders"));
}

#[test]
fn a_refusal_has_no_effect_and_a_lost_answer_has_one() {
    for (json, effect) in [
        (r#"{"status":429}"#, false),
        (r#""drop_before""#, false),
        (r#""reset""#, false),
        (r#""hang""#, false),
        (r#""html_before""#, false),
        (r#""drop_after""#, true),
        (r#""hang_after""#, true),
        (r#"{"replace_after_status":{"status":504}}"#, true),
    ] {
        assert_eq!(parse(json).has_effect(), effect, "{json}");
    }
}

#[test]
fn a_rule_lets_some_through_befalls_some_and_ends() {
    let rule = FaultRule::on(Operation::Token, Mishap::Reset)
        .after(1)
        .times(2);
    let mut plan = FaultPlan::new(vec![rule]);
    let hits: Vec<bool> = (0..5)
        .map(|_| plan.choose(Operation::Token, &[]).is_some())
        .collect();
    assert_eq!(hits, [false, true, true, false, false]);
}

#[test]
fn a_rule_with_a_target_leaves_others_alone() {
    let rule = FaultRule::on(Operation::Trigger, Mishap::Reset).target("ABC");
    let mut plan = FaultPlan::new(vec![rule]);
    assert!(
        plan.choose(Operation::Trigger, &["def".to_owned()])
            .is_none()
    );
    assert!(plan.choose(Operation::Poll, &["abc".to_owned()]).is_none());
    assert!(
        plan.choose(Operation::Trigger, &["abc".to_owned()])
            .is_some()
    );
}

#[test]
fn the_first_active_rule_wins() {
    let mut plan = FaultPlan::new(vec![
        FaultRule::on(Operation::Refresh, Mishap::Reset).times(1),
        FaultRule::on(Operation::Refresh, Mishap::Html),
    ]);
    assert_eq!(
        plan.choose(Operation::Refresh, &[]),
        Some(Mishap::Reset.into())
    );
    assert_eq!(
        plan.choose(Operation::Refresh, &[]),
        Some(Mishap::Html.into())
    );
}
