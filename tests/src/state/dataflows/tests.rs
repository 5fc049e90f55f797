//! The runs of dataflows, moment by moment.

use serde_json::json;

use super::*;
use crate::world::{Workspace, World};

const WS: Uuid = Uuid::from_u128(1);
const DF: Uuid = Uuid::from_u128(2);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn start() -> Timestamp {
    at("2026-10-01T01:00:00Z")
}

fn holding(dataflow: Dataflow) -> State {
    let world = World::new()
        .workspace(Workspace::new(WS, "W"))
        .dataflow(dataflow);
    State::new(world, start())
}

fn plain() -> Dataflow {
    Dataflow::new(WS, DF, "Master Order List")
}

fn us() -> Asker {
    Asker {
        name: "ours".to_owned(),
        request: Some(1),
    }
}

fn after_ms(ms: u64) -> Timestamp {
    later(start(), Duration::from_millis(ms))
}

#[test]
fn an_accepted_refresh_runs_and_then_ends_as_it_was_told() {
    let mut state = holding(plain().ends("Failed"));
    let id = state.request_refresh(DF, start(), &us()).unwrap().unwrap();
    assert_eq!(id, format!("2026-10-01T01:00:00.0000000Z@{DF}$1"));
    let run = state.run(&id).unwrap();
    assert_eq!(run.status(after_ms(299)), "InProgress");
    assert_eq!(run.status(after_ms(300)), "Failed");
    assert_eq!(run.visible_at, after_ms(50));
}

#[test]
fn a_run_that_never_ends_stays_in_progress_for_a_day() {
    let mut state = holding(plain().ends("Never"));
    let id = state.request_refresh(DF, start(), &us()).unwrap().unwrap();
    assert_eq!(
        state.run(&id).unwrap().status(after_ms(86_400_000)),
        "InProgress"
    );
}

#[test]
fn a_second_refresh_while_one_runs_is_refused() {
    let mut state = holding(plain());
    state.request_refresh(DF, start(), &us()).unwrap();
    let refusal = state.request_refresh(DF, after_ms(10), &us()).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.code),
        (400, "DataflowRefreshInProgress")
    );
}

#[test]
fn the_daily_limit_counts_every_kind_and_speaks_the_services_words() {
    let mut dataflow = plain();
    for hour in 1..=8 {
        let kind = if hour % 2 == 0 {
            RefreshType::Scheduled
        } else {
            RefreshType::OnDemand
        };
        dataflow = dataflow.past_run(hour * 3600, 60, kind, "Success");
    }
    let mut state = holding(dataflow);
    let refusal = state.request_refresh(DF, start(), &us()).unwrap_err();
    assert_eq!(
        refusal.body(),
        json!({"error": {"code": "DailyDataflowRefreshLimitExceeded", "message":
            "Skipping dataflow refresh as number of auto refreshes in last 24 hours (8) exceeded allowed limit 8"}})
    );
}

#[test]
fn a_run_leaves_the_daily_limit_after_twenty_four_hours() {
    let mut dataflow = plain().daily_limit(Some(1));
    dataflow = dataflow.past_run(23 * 3600, 60, RefreshType::Scheduled, "Success");
    let mut state = holding(dataflow);
    assert!(state.request_refresh(DF, start(), &us()).is_err());
    let hour_later = later(start(), Duration::from_secs(3600));
    assert!(state.request_refresh(DF, hour_later, &us()).is_ok());
}

#[test]
fn a_dataflow_that_does_not_start_accepts_and_shows_nothing() {
    let mut state = holding(plain().never_starting());
    assert_eq!(state.request_refresh(DF, start(), &us()), Ok(None));
    assert!(state.runs_of(DF).is_empty());
}

#[test]
fn a_scheduled_run_begins_by_itself_at_its_own_moment() {
    let mut state = holding(plain().also_starts(400, RefreshType::Scheduled));
    state.request_refresh(DF, start(), &us()).unwrap();
    state.settle(after_ms(399));
    assert_eq!(state.runs_of(DF).len(), 1);
    state.settle(after_ms(5000));
    let newest = state.runs_of(DF)[0];
    assert_eq!(newest.refresh_type, RefreshType::Scheduled);
    assert_eq!(newest.started_at, after_ms(400));
    assert_eq!(newest.asked_by.name, "scheduled");
}

#[test]
fn a_run_can_be_cancelled_once() {
    let mut state = holding(plain().ends("Never"));
    let id = state.request_refresh(DF, start(), &us()).unwrap().unwrap();
    assert_eq!(state.cancel(&id, after_ms(10)), CancelAnswer::Marked);
    assert_eq!(state.run(&id).unwrap().status(after_ms(10)), "Cancelled");
    assert_eq!(
        state.cancel(&id, after_ms(20)),
        CancelAnswer::AlreadyConcluded
    );
    assert_eq!(
        state.cancel("nothing", after_ms(20)),
        CancelAnswer::NotFound
    );
}

#[test]
fn completing_ends_what_is_in_progress_and_nothing_else() {
    let mut state = holding(plain().ends("Never").past_run(
        60,
        1,
        RefreshType::Scheduled,
        "Failed",
    ));
    let id = state.request_refresh(DF, start(), &us()).unwrap().unwrap();
    assert_eq!(state.complete(DF, "Success", after_ms(5)), vec![id]);
    let statuses: Vec<&str> = state
        .runs_of(DF)
        .iter()
        .map(|r| r.status(after_ms(5)))
        .collect();
    assert_eq!(statuses, ["Success", "Failed"]);
}

#[test]
fn a_forbidden_refresh_is_refused_before_anything_else() {
    let refusal = judge_refresh(&plain().not_refreshable(), true, 99).unwrap_err();
    assert_eq!(refusal.status, 403);
    assert_eq!(
        refusal.body()["error"]["pbi.error"]["code"],
        "PowerBINotAuthorizedException"
    );
}

#[test]
fn a_run_of_the_own_schedule_is_counted_like_any_other() {
    let start = at("2026-10-01T01:00:00Z");
    let settings = Dataflow::new(WS, DF, "D")
        .daily_limit(Some(1))
        .scheduled_after_s(60);
    let world = World::new()
        .workspace(Workspace::new(WS, "W"))
        .dataflow(settings);
    let mut state = State::new(world, start);
    let noon = at("2026-10-01T12:00:00Z");
    state.settle(noon);
    assert_eq!(state.runs_of(DF)[0].refresh_type, RefreshType::Scheduled);
    let refusal = state.request_refresh(DF, noon, &us()).unwrap_err();
    assert_eq!(refusal.code, "DailyDataflowRefreshLimitExceeded");
}
