//! What a flow's Response proves, at once or at its `Location`.
//!
//! A reply with a flow run's id is the flow's own, whatever its status; one without may come from a gateway. A
//! history decides over the flow.

use host_runner::verdict::{Evidence, Matched, Sent, Status};
use serde_json::{Value, json};
use simulator::faults::{CannedReply, Fault, FaultRule, Operation};
use simulator::world::{Item, Relay, ResponseAction, World};

use super::lab::{Lab, assert_ends, ms};
use super::subjects::{Subject, truth};

/// The services with a flow that responds like this.
fn responding(subject: Subject, respond: ResponseAction) -> World {
    let mut world = subject.world();
    world.flows[0].respond = Some(respond);
    world
}

/// A Response in the reply to the trigger, and one after two polls.
fn at_once_and_later(status: u16, body: &Value) -> [ResponseAction; 2] {
    let respond = ResponseAction::with(status, body.clone());
    [respond.clone(), respond.asynchronously(2)]
}

/// The number of triggers of the flow, whatever their status: a 401 may be the flow's own.
fn triggers(lab: &Lab) -> usize {
    let requests = lab.services.requests().into_iter();
    requests
        .filter(|request| request.on == Some(Operation::Trigger))
        .count()
}

/// The platform's reply to a trigger or a poll, which names the flow's run.
fn of_platform(on: Operation, status: u16, code: &str) -> FaultRule {
    let body = json!({"error": {"code": code, "message": "the platform's message"}});
    let reply = CannedReply::status(status).body(&body.to_string());
    let reply = reply.header("x-ms-workflow-run-id", "08584000000000000000000000000CU19");
    FaultRule::on(on, Fault::ReplaceAfterStatus(reply))
}

#[test]
fn an_error_response_of_the_flow_is_failed_after_one_trigger() {
    let error = json!({"error": {"code": "Request Throttled", "message": "too many in 24 hours"}});
    for status in [400, 401, 403, 404, 408, 409, 429, 499, 500, 503] {
        for respond in at_once_and_later(status, &error) {
            let world = responding(Subject::FlowResponse, respond);
            Subject::FlowResponse.lab(world, "", async |lab: &Lab| {
                let result = lab.refresh().await;
                let proof = (result.status, result.evidence, result.sent, triggers(lab));
                let failed = (Status::Failed, Evidence::Flow, Sent::Yes, 1);
                assert_eq!(proof, failed, "{status}: {result:?}");
                assert_eq!(result.service_error.code, "Request Throttled", "{status}");
                assert!(!result.flow_run.is_empty(), "{result:?}");
            });
        }
    }
}

#[test]
fn the_platforms_own_error_of_a_run_is_searched_for_as_lost() {
    for (status, code) in [(502, "NoResponse"), (504, "GatewayTimeout")] {
        for (subject, ends) in [
            (Subject::Flow, Status::Unknown),
            (Subject::FlowResponse, Status::Unknown),
            (Subject::FlowDataflow, Status::Completed),
            (Subject::FlowModel, Status::Completed),
        ] {
            let world = subject.world();
            let world = world.fault(of_platform(Operation::Trigger, status, code));
            subject.lab(world, "", async |lab: &Lab| {
                for _ in 0..2 {
                    let result = lab.refresh().await;
                    assert_eq!(result.status, ends, "{subject:?} {status}: {result:?}");
                    assert_ne!(result.sent, Sent::No, "{subject:?} {status}: {result:?}");
                    assert_eq!(triggers(lab), 1, "{subject:?} {status}");
                    lab.time.pass(ms(3_600_000));
                }
            });
        }
    }
}

#[test]
fn a_history_decides_over_the_flows_response() {
    let error = json!({"error": {"code": "ActionFailed", "message": "a later action failed"}});
    for status in [200, 400, 401, 403, 429, 500, 503] {
        for subject in [
            Subject::FlowDataflow,
            Subject::OauthFlow,
            Subject::FlowModel,
        ] {
            let respond = ResponseAction::with(status, error.clone());
            let world = responding(subject, respond.clone());
            subject.lab(world, "", async |lab: &Lab| {
                let run = lab.completes().await.service_run.to_lowercase();
                assert!(truth(lab).completed.contains(&run), "{subject:?} {status}");
                assert_eq!(triggers(lab), 1, "{subject:?} {status}");
            });
            let mut never = subject.with(Item::never_starting);
            never.flows[0].respond = Some(respond);
            subject.lab(never, "", async |lab: &Lab| {
                let result = lab.refresh().await;
                let said = (&*result.service_error.code, triggers(lab));
                assert_eq!(
                    said,
                    ("ActionFailed", 1),
                    "{subject:?} {status}: {result:?}"
                );
                let ends = [Status::Failed, Status::Unknown];
                assert!(ends.contains(&result.status), "{subject:?}: {result:?}");
                let last = lab.services.requests().pop().expect("a request");
                assert_eq!(last.method, "GET", "{subject:?} {status}: it did not look");
            });
        }
    }
}

#[test]
fn an_address_of_a_response_that_does_not_exist_is_asked_again_for_two_minutes() {
    let subject = Subject::FlowResponse;
    let missing = || CannedReply::status(404);
    let gone = missing().body(r#"{"error":{"code":"WorkflowRunNotFound","message":"not found"}}"#);
    let nothing = missing().header("x-ms-workflow-run-id", "08584000000000000000000000000CU19");
    for reply in [missing(), gone, nothing] {
        let once = FaultRule::on(Operation::Poll, reply.clone()).times(1);
        subject.lab(subject.world().fault(once), "", async |lab: &Lab| {
            lab.completes().await;
        });
        let always = FaultRule::on(Operation::Poll, reply);
        subject.lab(subject.world().fault(always), "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Unknown, "flow_run_not_found");
            let waited = lab.time.passed();
            let expected = ms(110_000)..ms(180_000);
            assert!(expected.contains(&waited), "{waited:?}: {result:?}");
        });
    }
    let own = of_platform(Operation::Poll, 404, "ItemNotFound");
    subject.lab(subject.world().fault(own), "", async |lab: &Lab| {
        let result = lab.refresh().await;
        let proof = (result.status, result.evidence, result.matched);
        let failed = (Status::Failed, Evidence::Flow, Matched::Exact);
        assert_eq!(proof, failed, "{result:?}");
    });
}

/// What an action of the connector reports, without an `error`.
fn of_connector() -> Value {
    json!({
        "Message": "The backend request failed with error code '400'",
        "Reason": "Bad Request",
        "OperationId": "RefreshDataflow",
        "ClientRequestId": "c1c1c1c1-0000-4000-8000-000000000001",
    })
}

#[test]
fn the_connectors_own_sentence_is_in_the_message() {
    for status in [400, 429, 500] {
        let respond = ResponseAction::with(status, of_connector());
        let world = responding(Subject::FlowResponse, respond);
        Subject::FlowResponse.lab(world, "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_eq!(result.status, Status::Failed, "{result:?}");
            let sentence = "The backend request failed with error code '400'";
            assert!(result.message.contains(sentence), "{result:?}");
            let activity = &result.service_error.activity_id;
            assert!(activity.starts_with("c1c1c1c1"), "{result:?}");
        });
    }
}

#[test]
fn a_successful_response_that_reports_an_error_is_never_a_success() {
    let error = json!({"code": "Broken", "message": "the sentence"});
    for (body, status) in [
        (json!({"status": "failed", "error": error}), Status::Failed),
        (json!({"error": error}), Status::Unknown),
        (json!({"status": "error"}), Status::Failed),
        (
            json!({"status": "completed", "error": error}),
            Status::Unknown,
        ),
        (of_connector(), Status::Unknown),
    ] {
        let [at_once, later] = at_once_and_later(200, &body);
        for (subject, respond) in [
            // A flow without `verify:` is not polled.
            (Subject::Flow, at_once.clone()),
            (Subject::FlowResponse, at_once),
            (Subject::FlowResponse, later),
        ] {
            subject.lab(responding(subject, respond), "", async |lab: &Lab| {
                let result = lab.refresh().await;
                assert_eq!(result.status, status, "{subject:?} {body}: {result:?}");
                assert_eq!((result.sent, triggers(lab)), (Sent::Yes, 1), "{body}");
                let sentence = body["error"]["message"].as_str().unwrap_or_default();
                assert!(result.message.contains(sentence), "{result:?}");
            });
        }
    }
}

#[test]
fn a_refusal_that_a_flow_relays_is_failed_with_its_code() {
    for subject in [Subject::FlowResponse, Subject::FlowDataflow] {
        let mut world = subject.with(|item| item.daily_limit(Some(0)));
        world.flows[0].respond = Some(ResponseAction::relaying(Relay::Start));
        subject.lab(world, "", async |lab: &Lab| {
            let result = lab.refresh().await;
            assert_ends(&result, Status::Failed, "dataflow_daily_limit");
            assert_eq!((result.sent, triggers(lab)), (Sent::Yes, 1), "{subject:?}");
        });
    }
}
