//! The runs of flows, moment by moment.

use super::*;
use crate::world::{Dataflow, DataflowGen2, Flow, FlowForm, SemanticModel, Workspace, World};

const WS: Uuid = Uuid::from_u128(1);
const DF: Uuid = Uuid::from_u128(2);
const FLOW: &str = "0123456789abcdef0123456789abcdef";

fn start() -> Timestamp {
    "2026-10-01T01:00:00Z".parse().unwrap()
}

fn after_ms(ms: u64) -> Timestamp {
    later(start(), Duration::from_millis(ms))
}

fn flow() -> Flow {
    Flow::new(
        FLOW,
        Uuid::from_u128(3),
        FlowForm::New,
        "INVENTED-sig-0123456789",
    )
    .refreshing(DF)
}

fn dataflow() -> Dataflow {
    Dataflow::new(WS, DF, "Master Order List")
}

fn state(flow: Flow, dataflow: Dataflow) -> State {
    let world = World::new()
        .workspace(Workspace::new(WS, "Data Admin"))
        .dataflow(dataflow)
        .flow(flow);
    State::new(world, start())
}

fn triggered(flow: Flow, dataflow: Dataflow) -> (State, FlowRun) {
    let mut state = state(flow, dataflow);
    let run = state
        .begin_flow_run(FLOW, 18, Some("ours-1"), 7, start())
        .unwrap();
    (state, run)
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

#[test]
fn a_run_id_has_twenty_nine_digits_and_the_scale_unit() {
    let id = invent_run_id(7);
    let (digits, unit) = id.split_once("CU").unwrap();
    assert_eq!((digits.len(), unit), (29, "07"));
    assert!(digits.chars().all(|c| c.is_ascii_digit()));
}

#[test]
fn an_accepted_trigger_refreshes_the_dataflow_inside() {
    let (state, run) = triggered(flow(), dataflow());
    let transaction = run.inner.unwrap().answer.unwrap().unwrap();
    let inside = state.run(&transaction).unwrap();
    assert_eq!(inside.asked_by.name, "ours-1");
    assert_eq!(inside.asked_by.request, Some(7));
}

#[test]
fn a_refusal_inside_is_swallowed_and_kept() {
    let (state, run) = triggered(flow(), dataflow().daily_limit(Some(0)));
    let refusal = run.inner.clone().unwrap().answer.unwrap_err();
    assert_eq!(refusal.code, "DailyDataflowRefreshLimitExceeded");
    assert!(state.response(&run, after_ms(60_000)).is_none());
}

#[test]
fn a_flow_that_waits_refreshes_later_and_not_before() {
    let (mut state, _) = triggered(flow().start_delay_ms(500), dataflow());
    state.settle(after_ms(499));
    assert!(state.runs_of(DF).is_empty());
    state.settle(after_ms(800));
    assert_eq!(state.runs_of(DF)[0].started_at, after_ms(500));
}

#[test]
fn a_relaying_response_tells_the_start_or_the_refusal() {
    let relaying = flow().responding(Respond::relaying(Relay::Start));
    let (state, run) = triggered(relaying.clone(), dataflow());
    let reply = state.held_response(&run.id, start()).unwrap();
    assert_eq!(
        (reply.status.as_u16(), body(&reply)),
        (200, json!({"status": "started"}))
    );

    let (state, run) = triggered(relaying, dataflow().daily_limit(Some(0)));
    let reply = state.held_response(&run.id, start()).unwrap();
    assert_eq!(reply.status.as_u16(), 400);
    assert_eq!(
        body(&reply)["error"]["code"],
        "DailyDataflowRefreshLimitExceeded"
    );
}

#[test]
fn a_response_that_waits_for_the_end_tells_how_it_ended() {
    let waiting = flow().responding(Respond::relaying(Relay::Completion));
    for (ends, word) in [("Success", "completed"), ("Failed", "failed")] {
        let (state, run) = triggered(waiting.clone(), dataflow().ends(ends));
        assert!(state.held_response(&run.id, after_ms(299)).is_none());
        let reply = state.held_response(&run.id, after_ms(300)).unwrap();
        assert_eq!(body(&reply)["status"], word);
    }
}

#[test]
fn a_caller_is_held_for_two_minutes_and_then_told_of_a_time_out() {
    let waiting = flow().responding(Respond::relaying(Relay::Completion));
    let (state, run) = triggered(waiting, dataflow().run_ms(121_000));
    assert!(state.held_response(&run.id, after_ms(119_999)).is_none());
    let reply = state.held_response(&run.id, after_ms(125_000)).unwrap();
    assert_eq!(reply.status.as_u16(), 504);
}

#[test]
fn an_asynchronous_response_makes_the_caller_poll() {
    let respond = Respond::with(201, json!({"a": 1}))
        .asynchronously(2)
        .after_ms(100);
    let (mut state, run) = triggered(flow().responding(respond), dataflow());
    assert!(run.operation.is_some());
    assert!(matches!(
        state.poll(&run.id, after_ms(500)),
        PollAnswer::Wait
    ));
    assert!(matches!(
        state.poll(&run.id, after_ms(500)),
        PollAnswer::Wait
    ));
    assert!(matches!(
        state.poll(&run.id, after_ms(99)),
        PollAnswer::Wait
    ));
    let PollAnswer::Done(reply) = state.poll(&run.id, after_ms(100)) else {
        panic!("the Response is reached");
    };
    assert_eq!(
        (reply.status.as_u16(), body(&reply)),
        (201, json!({"a": 1}))
    );
}

#[test]
fn a_response_of_text_is_sent_as_it_is() {
    let reply = as_written(&Respond::with(200, json!("all good")));
    assert_eq!(reply.body.as_ref(), b"all good");
    assert_eq!(reply.headers["content-type"], "text/plain; charset=utf-8");
}

#[test]
fn a_flow_refreshes_any_kind_and_waits_for_its_end() {
    let (gen2, model) = (Uuid::from_u128(4), Uuid::from_u128(5));
    for refreshing in [flow().refreshing_gen2(gen2), flow().refreshing_model(model)] {
        let world = World::new()
            .workspace(Workspace::new(WS, "Data Admin"))
            .dataflow_gen2(DataflowGen2::new(WS, gen2, "Orders").refusing_apps())
            .model(SemanticModel::new(WS, model, "Sales"))
            .flow(refreshing.responding(Respond::relaying(Relay::Completion)));
        assert_eq!(world.contradiction(), None);
        let mut state = State::new(world, start());
        let run = state
            .begin_flow_run(FLOW, 18, Some("ours-1"), 7, start())
            .unwrap();
        assert!(run.inner.unwrap().answer.unwrap().is_some());
        assert!(state.held_response(&run.id, after_ms(299)).is_none());
        let told = state.held_response(&run.id, after_ms(300)).unwrap();
        assert_eq!(body(&told)["status"], "completed");
    }
}

#[test]
fn a_refusal_of_any_kind_is_swallowed() {
    let model = Uuid::from_u128(5);
    let world = World::new()
        .workspace(Workspace::new(WS, "Data Admin"))
        .model(SemanticModel::new(WS, model, "Sales"))
        .flow(flow().refreshing_model(model));
    let mut state = State::new(world, start());
    for _ in 0..2 {
        state.begin_flow_run(FLOW, 18, None, 7, start()).unwrap();
    }
    let refusals = state.flow_runs_of(FLOW).filter(|run| {
        run.inner
            .as_ref()
            .is_some_and(|inner| inner.answer.is_err())
    });
    assert_eq!(refusals.count(), 1);
}
