//! The job instances of Gen2 dataflows, moment by moment.

use super::*;
use crate::world::{Workspace, World};

const WS: Uuid = Uuid::from_u128(1);
const DF: Uuid = Uuid::from_u128(2);

fn after_ms(ms: u64) -> Timestamp {
    let start: Timestamp = "2026-10-01T01:00:00Z".parse().unwrap();
    later(start, Duration::from_millis(ms))
}

fn dataflow() -> DataflowGen2 {
    DataflowGen2::new(WS, DF, "Orders")
}

fn state(dataflow: DataflowGen2) -> State {
    let world = World::new()
        .workspace(Workspace::new(WS, "Data Admin"))
        .dataflow_gen2(dataflow);
    State::new(world, after_ms(0))
}

fn by_app() -> JobRequest {
    JobRequest {
        by_app: true,
        ..JobRequest::plain()
    }
}

fn ask(state: &mut State, ms: u64) -> Result<Accepted, Refusal> {
    state.request_job(DF, after_ms(ms), &Asker::api(None, 1), &by_app())
}

fn status(state: &State, id: Uuid, ms: u64) -> String {
    state.job(id).unwrap().status(after_ms(ms)).to_owned()
}

#[test]
fn an_instance_waits_runs_and_completes() {
    let mut state = state(dataflow().queue_ms(100).run_ms(200));
    let id = ask(&mut state, 0).unwrap().id;
    assert_eq!(status(&state, id, 99), "NotStarted");
    assert_eq!(status(&state, id, 100), "InProgress");
    assert_eq!(status(&state, id, 300), "Completed");
    assert_eq!(state.job(id).unwrap().failure, None);
}

#[test]
fn a_second_run_is_deduped_or_one_too_many() {
    let mut deduped = state(dataflow());
    let first = ask(&mut deduped, 0).unwrap().id;
    let second = ask(&mut deduped, 10).unwrap().id;
    assert_eq!(status(&deduped, second, 10), "Deduped");
    assert_eq!(status(&deduped, first, 10), "InProgress");
    assert_eq!(status(&deduped, first, 300), "Completed");

    let mut refused = state(dataflow().second_run(SecondRun::TooMany));
    ask(&mut refused, 0).unwrap();
    let refusal = ask(&mut refused, 10).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.code),
        (429, "TooManyRequestsForJobs")
    );
    assert_eq!(refused.jobs_of(DF).len(), 1);
    assert!(ask(&mut refused, 300).is_ok());
}

#[test]
fn a_job_fails_for_what_is_known_only_when_it_runs() {
    for (settings, code) in [
        (dataflow().refusing_apps(), "SPNBasedRefreshNotAllowed"),
        (dataflow().never_published(), "DataflowNeverPublishedError"),
        (dataflow().ends("Failed"), "DataflowRefreshFailed"),
        (
            dataflow().failing(Failure::new("MashupError", "no")),
            "MashupError",
        ),
    ] {
        let mut state = state(settings);
        let id = ask(&mut state, 0).unwrap().id;
        assert_eq!(status(&state, id, 299), "InProgress");
        assert_eq!(status(&state, id, 300), "Failed");
        assert_eq!(state.job(id).unwrap().failure.as_ref().unwrap().code, code);
    }
}

#[test]
fn a_person_may_refresh_what_an_application_may_not() {
    let mut state = state(dataflow().refusing_apps());
    let id = state
        .request_job(DF, after_ms(0), &Asker::api(None, 1), &JobRequest::plain())
        .unwrap()
        .id;
    assert_eq!(status(&state, id, 300), "Completed");
}

#[test]
fn a_job_is_cancelled_once_and_may_take_its_time() {
    let mut state = state(dataflow().ends("Never").cancel_ms(50));
    let id = ask(&mut state, 0).unwrap().id;
    assert!(state.cancel_job(id, after_ms(10)));
    assert_eq!(status(&state, id, 59), "InProgress");
    assert_eq!(status(&state, id, 60), "Cancelled");
    assert!(!state.cancel_job(id, after_ms(61)));
}

#[test]
fn a_cancellation_that_comes_late_changes_nothing() {
    let mut state = state(dataflow().cancel_ms(1000));
    let id = ask(&mut state, 0).unwrap().id;
    assert!(state.cancel_job(id, after_ms(10)));
    assert_eq!(status(&state, id, 300), "Completed");
}

#[test]
fn an_accepted_run_may_never_be_found() {
    let mut state = state(dataflow().never_starting());
    let accepted = ask(&mut state, 0).unwrap();
    assert_eq!(accepted.run(), None);
    assert!(state.job(accepted.id).is_none());
}

#[test]
fn the_past_and_the_schedule_are_there_without_a_request() {
    let settings = dataflow()
        .past_run(3600, 60, RefreshType::Scheduled, "Failed")
        .scheduled_after_s(10);
    let mut state = state(settings);
    state.settle(after_ms(10_000));
    let jobs = state.jobs_of(DF);
    assert_eq!(jobs.len(), 2);
    assert_eq!(
        (jobs[0].invoke_type(), jobs[0].queued_at),
        ("Scheduled", after_ms(10_000))
    );
    assert_eq!(jobs[1].status(after_ms(0)), "Failed");
    assert!(jobs[1].failure.is_some());
}
