//! The exact requests, as in the services' references.

use super::*;
use crate::contract::{
    ApplyChanges, CancelRequest, Content, EnhancedRefresh, FollowMode, Gen2Target, ModelObject,
    ModelRefresh, ModelTarget, Parameter, Subject, Target, Verification,
};
use crate::ports::{HttpRequest, Method};
use crate::testing::{
    OURS, answer, call_context, dataflow, enhanced, flow, follow, gen2, item, nothing_special, ok,
    request, standard, verified,
};

const GROUP: &str =
    "https://api.powerbi.example/v1.0/myorg/groups/33333333-3333-3333-3333-333333333333";
const FABRIC: &str =
    "https://api.fabric.example/v1/workspaces/33333333-3333-3333-3333-333333333333";
const ITEM: &str = "44444444-4444-4444-4444-444444444444";
const RUN: &str = "77777777-7777-7777-7777-777777777777";

/// Method, URL, headers and body in one text.
fn text_of(call: &HttpRequest) -> String {
    let mut text = format!("{} {}\n", call.method.name(), call.url);
    for (name, value) in &call.headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push_str(&call.body);
    text
}

/// The trigger, which is the same in a plan, in the intent and as sent.
fn trigger(target: Target) -> String {
    let world = World::new();
    let mut request = request(target);
    request.follow = FollowMode::NotAtAll;
    verdict(&world, &request);
    let sent = &world.posts()[0];
    let intent = world.intents()[0].request.clone();
    assert_eq!(
        (&intent.method, &intent.url),
        (&"POST".to_owned(), &sent.url)
    );
    assert_eq!((&intent.headers, &intent.body), (&sent.headers, &sent.body));
    text_of(sent)
}

const JSON: &str = "Content-Type: application/json\nx-ms-client-tracking-id: run-1\n";
const NO_BODY: &str = "x-ms-client-tracking-id: run-1\n";

#[test]
fn a_flow_gets_its_url_unchanged_and_the_standard_fields() {
    let Target::PowerAutomate(mut sas) = flow(Verification::None) else {
        panic!("no flow");
    };
    sas.url = "https://x1.22.environment.api.powerplatform.com:443/powerautomate/automations/direct/cu/07/workflows/0123/triggers/manual/paths/invoke/?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=INVENTED-sig".into();
    sas.body.payload = r#"{"dataflow_name":"Master Order List","workspace":"Data Admin"}"#.into();
    let url = sas.url.clone();
    let world = World::new();
    let mut request = request(Target::PowerAutomate(sas));
    request.call_context.now = "2026-11-23T18:00:00+10:00".into();
    verdict(&world, &request);
    assert_eq!(
        text_of(&world.posts()[0]),
        format!(
            r#"POST {url}
{JSON}{{"trigger_type":"Gen1_Dataflow_Refresh","dataflow_name":"Master Order List","timestamp":"2026-11-23T08:00:00Z","source":"host-runner","workspace":"Data Admin"}}"#
        )
    );
    // The audit log holds it without its signature.
    assert_eq!(
        world.intents()[0].request.url,
        url.replace("INVENTED-sig", "***")
    );
}

#[test]
fn a_dataflow_is_refreshed_with_the_required_notify_option() {
    for (mail, option) in [(false, "NoNotification"), (true, "MailOnFailure")] {
        let mut target = dataflow();
        target.mail_on_failure = mail;
        assert_eq!(
            trigger(Target::Dataflow(target)),
            format!(
                "POST {GROUP}/dataflows/{ITEM}/refreshes\n{JSON}{{\"notifyOption\":\"{option}\"}}"
            )
        );
    }
}

#[test]
fn a_fabric_dataflow_is_executed_with_the_given_options_only() {
    let parameter = |name: &str, value: &str| Parameter {
        name: name.into(),
        value: value.into(),
    };
    for (apply_changes, parameters, body) in [
        (None, vec![], None),
        (
            Some(ApplyChanges::Skip),
            vec![],
            Some(r#"{"executionData":{"executeOption":"SkipApplyChanges"}}"#),
        ),
        (
            Some(ApplyChanges::IfNeeded),
            vec![],
            Some(r#"{"executionData":{"executeOption":"ApplyChangesIfNeeded"}}"#),
        ),
        (
            None,
            vec![parameter("Day", r#""2026-11-23""#), parameter("n", "1.50")],
            Some(
                r#"{"executionData":{"parameters":[{"parameterName":"Day","type":"Automatic","value":"2026-11-23"},{"parameterName":"n","type":"Automatic","value":1.50}]}}"#,
            ),
        ),
        (
            Some(ApplyChanges::Skip),
            vec![parameter("all", "true")],
            Some(
                r#"{"executionData":{"executeOption":"SkipApplyChanges","parameters":[{"parameterName":"all","type":"Automatic","value":true}]}}"#,
            ),
        ),
    ] {
        let target = Target::DataflowGen2(Gen2Target {
            item: item(),
            apply_changes,
            parameters,
        });
        let headers = if body.is_some() { JSON } else { NO_BODY };
        assert_eq!(
            trigger(target),
            format!(
                "POST {FABRIC}/dataflows/{ITEM}/jobs/execute/instances\n{headers}{}",
                body.unwrap_or_default()
            )
        );
    }
    let odd = Target::DataflowGen2(Gen2Target {
        item: item(),
        apply_changes: None,
        parameters: vec![parameter("p", "no JSON")],
    });
    let world = World::new();
    assert_eq!(error(&world, &request(odd)).1.code, "parameter_not_json");
    assert!(world.call_times().is_empty());
}

#[test]
fn a_standard_refresh_of_a_model_has_a_notify_option() {
    for (mail, option) in [(false, "NoNotification"), (true, "MailOnFailure")] {
        let target = Target::SemanticModel(ModelTarget {
            item: item(),
            refresh: ModelRefresh::Standard(mail),
        });
        assert_eq!(
            trigger(target),
            format!(
                "POST {GROUP}/datasets/{ITEM}/refreshes\n{JSON}{{\"notifyOption\":\"{option}\"}}"
            )
        );
    }
}

#[test]
fn an_enhanced_refresh_has_the_given_fields_and_no_notify_option() {
    let all = EnhancedRefresh {
        type_: Some("full".into()),
        objects: vec![
            ModelObject {
                table: "Sales".into(),
                partition: Some("2026 \"Q4\"".into()),
            },
            ModelObject {
                table: "Date".into(),
                partition: None,
            },
        ],
        partial_batch: Some(true),
        max_parallelism: Some(4),
        retry_count: Some(2),
        timeout_seconds: Some(90_061),
        apply_refresh_policy: Some(false),
        effective_date: Some("2026-11-23".into()),
    };
    let transactional = EnhancedRefresh {
        partial_batch: Some(false),
        timeout_seconds: Some(5),
        ..nothing_special()
    };
    for (refresh, body) in [
        (nothing_special(), r#"{"type":"automatic"}"#),
        (
            transactional,
            r#"{"commitMode":"transactional","timeout":"00:00:05","type":"automatic"}"#,
        ),
        (
            all,
            r#"{"applyRefreshPolicy":false,"commitMode":"partialBatch","effectiveDate":"2026-11-23","maxParallelism":4,"objects":[{"partition":"2026 \"Q4\"","table":"Sales"},{"table":"Date"}],"retryCount":2,"timeout":"25:01:01","type":"full"}"#,
        ),
    ] {
        let target = Target::SemanticModel(ModelTarget {
            item: item(),
            refresh: ModelRefresh::Enhanced(refresh),
        });
        assert_eq!(
            trigger(target),
            format!("POST {GROUP}/datasets/{ITEM}/refreshes\n{JSON}{body}")
        );
    }
}

#[test]
fn a_history_and_a_run_are_read_at_their_addresses() {
    let by = |content: fn(_) -> Content| flow(Verification::Content(content(item())));
    let dataflows = format!("GET {GROUP}/dataflows/{ITEM}/transactions\n");
    let jobs = format!("GET {FABRIC}/items/{ITEM}/jobs/instances\n");
    let models = format!("GET {GROUP}/datasets/{ITEM}/refreshes?$top=60\n");
    for (target, history, run) in [
        (verified(), &dataflows, &dataflows),
        (Target::Dataflow(dataflow()), &dataflows, &dataflows),
        (
            gen2(),
            &jobs,
            &format!("GET {FABRIC}/items/{ITEM}/jobs/instances/{RUN}\n"),
        ),
        (standard(), &models, &models),
        (
            enhanced(),
            &models,
            &format!("GET {GROUP}/datasets/{ITEM}/refreshes/{RUN}\n"),
        ),
        (by(Content::DataflowGen2), &jobs, &jobs),
        (by(Content::SemanticModel), &models, &models),
    ] {
        let world =
            World::new().with(timed(OURS, "OnDemand", 1_000, 60_000, "Success").by_trigger());
        verdict(&world, &request(target.clone()));
        let gets = world.gets();
        assert_eq!(&text_of(&gets[0]), history);
        assert_eq!(&text_of(&gets[1]), run);

        let world = World::new().with(timed(OURS, "OnDemand", -2_000, 1_000, "Success"));
        let newest = follow(target, Subject::Newest);
        crate::follow_refresh(world.ports(), &newest).unwrap();
        assert_eq!(&text_of(&world.gets()[0]), history);
    }
}

#[test]
fn a_run_is_cancelled_by_its_encoded_id_for_every_kind() {
    let transaction = "2020-09-11T19:21:52.8778432Z@9cc7a48b-2ad0-4d3c-8f2b-0a0a0a0a0a0a$1374282";
    let encoded =
        "2020-09-11T19%3A21%3A52.8778432Z%409cc7a48b-2ad0-4d3c-8f2b-0a0a0a0a0a0a%241374282";
    for (target, run, expected) in [
        (
            verified(),
            transaction,
            format!("POST {GROUP}/dataflows/transactions/{encoded}/cancel\n"),
        ),
        (
            gen2(),
            RUN,
            format!("POST {FABRIC}/items/{ITEM}/jobs/instances/{RUN}/cancel\n"),
        ),
        (
            gen2(),
            "a/../b",
            format!("POST {FABRIC}/items/{ITEM}/jobs/instances/a%2F..%2Fb/cancel\n"),
        ),
        (
            enhanced(),
            RUN,
            format!("DELETE {GROUP}/datasets/{ITEM}/refreshes/{RUN}\n"),
        ),
        (
            standard(),
            "a?b",
            format!("DELETE {GROUP}/datasets/{ITEM}/refreshes/a%3Fb\n"),
        ),
    ] {
        let world = World::new().answers_post(Ok(ok(r#"{"status":"SuccessfullyMarked"}"#)));
        let request = CancelRequest {
            run_id: "run-1".into(),
            name: "order_list".into(),
            target,
            call_context: call_context(),
            service_run: run.into(),
        };
        crate::cancel_refresh(world.ports(), &request).unwrap();
        let sent = [world.sent(Method::Post), world.sent(Method::Delete)].concat();
        assert_eq!(sent.len(), 1);
        assert_eq!(text_of(&sent[0]), expected);
    }
}

#[test]
fn lists_are_read_at_their_addresses() {
    let mut named = item();
    named.workspace = "W".into();
    named.item = "I".into();
    let by = |content: fn(_) -> Content| flow(Verification::Content(content(named.clone())));
    let lists = |target: Target| {
        let found = r#"{"value":[{"id":"33333333-3333-3333-3333-333333333333","name":"W","displayName":"W"}]}"#;
        let world = World::new()
            .answers_get(Ok(ok(found)))
            .answers_get(Ok(answer(403, "{}")));
        error(&world, &request(target));
        world.gets().iter().map(text_of).collect::<Vec<_>>()
    };
    let groups = "GET https://api.powerbi.example/v1.0/myorg/groups?$top=1000&$skip=0\n".to_owned();
    assert_eq!(
        lists(by(Content::Dataflow)),
        [groups.clone(), format!("GET {GROUP}/dataflows\n")]
    );
    assert_eq!(
        lists(by(Content::SemanticModel)),
        [groups, format!("GET {GROUP}/datasets\n")]
    );
    assert_eq!(
        lists(by(Content::DataflowGen2)),
        [
            "GET https://api.fabric.example/v1/workspaces\n".to_owned(),
            format!("GET {FABRIC}/dataflows\n")
        ]
    );
}
