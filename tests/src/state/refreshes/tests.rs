//! The refreshes of semantic models, moment by moment.

use super::*;
use crate::world::{Workspace, World};

const WS: Uuid = Uuid::from_u128(1);
const MODEL: Uuid = Uuid::from_u128(2);

fn after_ms(ms: u64) -> Timestamp {
    let start: Timestamp = "2026-10-01T01:00:00Z".parse().unwrap();
    later(start, Duration::from_millis(ms))
}

fn model() -> SemanticModel {
    SemanticModel::new(WS, MODEL, "Sales")
}

fn state(model: SemanticModel) -> State {
    let world = World::new()
        .workspace(Workspace::new(WS, "Data Admin"))
        .model(model);
    State::new(world, after_ms(0))
}

fn enhanced() -> Option<Enhanced> {
    Some(Enhanced {
        refresh: "Full".to_owned(),
        commit_mode: "Transactional".to_owned(),
        objects: Vec::new(),
    })
}

fn ask(state: &mut State, ms: u64, enhanced: Option<Enhanced>) -> Result<Accepted, Refusal> {
    state.request_model_refresh(MODEL, after_ms(ms), &Asker::api(None, 1), enhanced)
}

#[test]
fn a_refresh_in_progress_is_called_unknown() {
    let mut state = state(model());
    let id = ask(&mut state, 0, None).unwrap().id;
    let refresh = state.refresh(id).unwrap();
    assert_eq!(refresh.status(after_ms(299)), "Unknown");
    assert_eq!(refresh.extended_status(after_ms(299)), "InProgress");
    assert_eq!(refresh.status(after_ms(300)), "Completed");
    assert_eq!(refresh.refresh_type, RefreshType::ViaApi);
}

#[test]
fn a_second_refresh_is_refused_while_one_runs() {
    let mut state = state(model());
    ask(&mut state, 0, None).unwrap();
    let refusal = ask(&mut state, 299, None).unwrap_err();
    assert_eq!((refusal.status, refusal.code), (400, "InvalidRequest"));
    assert!(refusal.message.contains("already executing"));
    assert!(ask(&mut state, 300, None).is_ok());
}

#[test]
fn an_enhanced_refresh_needs_premium() {
    let mut state = state(model().not_premium());
    assert_eq!(ask(&mut state, 0, enhanced()).unwrap_err().status, 400);
    assert!(ask(&mut state, 0, None).is_ok());
}

#[test]
fn attempts_share_the_time_and_the_last_one_decides() {
    let mut state = state(model().run_ms(300).failed_attempts(2));
    let id = ask(&mut state, 0, enhanced()).unwrap().id;
    let refresh = state.refresh(id).unwrap();
    let during = refresh.attempts(after_ms(150));
    assert_eq!(during.len(), 2);
    assert!(during[0].failure.is_some() && during[1].ended.is_none());
    let after = refresh.attempts(after_ms(300));
    assert_eq!(after.len(), 3);
    assert_eq!(
        (after[2].ended, &after[2].failure),
        (Some(after_ms(300)), &None)
    );
    assert_eq!(refresh.failure(after_ms(300)), None);
}

#[test]
fn a_time_out_is_a_failure_with_a_name_of_its_own() {
    let mut state = state(model().ends("TimedOut"));
    let id = ask(&mut state, 0, enhanced()).unwrap().id;
    let refresh = state.refresh(id).unwrap();
    let end = after_ms(300);
    assert_eq!(
        (refresh.status(end), refresh.extended_status(end)),
        ("Failed", "TimedOut")
    );
    assert!(refresh.failure(end).is_some());
}

#[test]
fn a_dropped_request_leaves_no_trace() {
    let mut state = state(model().dropping_requests());
    let accepted = ask(&mut state, 0, None).unwrap();
    assert!(!accepted.began);
    assert!(state.refreshes_of(MODEL).is_empty());
}

#[test]
fn a_refresh_is_cancelled_once() {
    let mut state = state(model().ends("Never"));
    let id = ask(&mut state, 0, enhanced()).unwrap().id;
    assert!(state.cancel_refresh(id, after_ms(10)));
    assert!(!state.cancel_refresh(id, after_ms(20)));
    assert_eq!(state.refresh(id).unwrap().status(after_ms(10)), "Cancelled");
}

#[test]
fn the_past_and_what_begins_by_itself_are_there() {
    let settings = model()
        .past_run(60, 30, RefreshType::Scheduled, "Completed")
        .also_starts(400, RefreshType::OnDemand)
        .scheduled_after_s(5);
    let mut state = state(settings);
    ask(&mut state, 0, None).unwrap();
    state.settle(after_ms(5_000));
    let kinds: Vec<&str> = state
        .refreshes_of(MODEL)
        .iter()
        .map(|refresh| refresh.refresh_type.as_str())
        .collect();
    assert_eq!(kinds, ["Scheduled", "OnDemand", "ViaApi", "Scheduled"]);
}
