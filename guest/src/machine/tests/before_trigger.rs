//! Before the trigger: a failure is an error, and nothing is sent.

use super::*;
use crate::contract::{Content, Credentials, Target, Verification};
use crate::testing::{answer, dataflow, flow, item, request, verified};

#[test]
fn an_invalid_target_is_reported_before_any_call() {
    let url = |url: &str| match flow(Verification::None) {
        Target::PowerAutomate(mut flow) => {
            flow.url = url.into();
            Target::PowerAutomate(flow)
        }
        other => other,
    };
    let payload = match flow(Verification::None) {
        Target::PowerAutomate(mut flow) => {
            flow.body.payload = "[]".into();
            Target::PowerAutomate(flow)
        }
        other => other,
    };
    for (target, code) in [
        (url("https://flow.example/invoke"), "api_version_missing"),
        (
            url("https://flow.example/invoke?api-version"),
            "api_version_missing",
        ),
        (url("flow.example/invoke?api-version=1"), "url_invalid"),
        (payload, "payload_not_an_object"),
    ] {
        let world = World::new();
        let (kind, problem) = error(&world, &request(target));
        assert_eq!((kind, problem.code.as_str()), ("invalid", code));
        assert!(world.call_times().is_empty());
        assert_eq!(world.kinds(), ["error"]);
        assert!(problem.hint.ends_with('.'), "{code}");
    }
}

#[test]
fn an_invalid_time_or_run_id_is_reported() {
    let world = World::new();
    let mut wrong = request(verified());
    wrong.call_context.now = "yesterday".into();
    assert_eq!(error(&world, &wrong).1.code, "now_not_a_timestamp");
    let mut wrong = request(verified());
    wrong.run_id = "a b".into();
    assert_eq!(error(&world, &wrong).1.code, "run_id_invalid");
    assert_eq!(world.kinds(), ["error", "error"]);
}

#[test]
fn an_invalid_endpoint_is_reported_for_the_kinds_that_need_it() {
    for (target, power_bi, fabric, wrong) in [
        (Target::Dataflow(dataflow()), "api.powerbi.com", "", true),
        (Target::Dataflow(dataflow()), "https://p.example", "", false),
        (verified(), "https://p.example?x=1", "", true),
        (
            flow(Verification::Content(Content::DataflowGen2(item()))),
            "https://p.example",
            "f.example",
            true,
        ),
    ] {
        let world = World::new().with(our_run("Success"));
        let mut request = request(target);
        request.call_context.endpoints.power_bi = power_bi.into();
        request.call_context.endpoints.fabric = fabric.into();
        match refresh(&world, &request) {
            Ok(verdict) => assert!(!wrong, "{verdict:?}"),
            Err(error) => {
                assert!(wrong);
                assert_eq!(problem(error).1.code, "endpoint_invalid");
                assert!(world.call_times().is_empty());
            }
        }
    }
}

#[test]
fn the_services_date_counts_and_a_missing_one_is_a_warning() {
    let world = World::new().ahead_by(-7_200_000).with(our_run("Success"));
    assert_eq!(verdict(&world, &request(verified())).code, "");
    assert_eq!(
        world.intents()[0].looked_at.as_deref(),
        Some("2026-11-23T06:00:00Z")
    );

    let world = World::new().without_date().with(our_run("Success"));
    assert_eq!(verdict(&world, &request(verified())).code, "");
    assert_eq!(
        world.intents()[0].looked_at.as_deref(),
        Some("2026-11-23T08:00:00.020Z")
    );
    assert!(world.warnings()[0].contains("`Date`"));
}

#[test]
fn a_bearer_token_goes_to_its_service_and_not_to_the_audit_log() {
    const TOKEN: &str = "INVENTED-bearer-0123456789";
    let tokens = |requests: Vec<crate::ports::HttpRequest>| {
        requests
            .iter()
            .filter(|request| {
                request
                    .headers
                    .iter()
                    .any(|(_, value)| value.contains(TOKEN))
            })
            .count()
    };
    for (target, at_posts) in [
        (verified(), 0),
        (Target::Dataflow(dataflow()), 1),
        (flow(Verification::None), 1),
    ] {
        let world = World::new()
            .with(our_run("Failed"))
            .answers_post(Ok(answer(400, &format!(r#"{{"message":"{TOKEN}"}}"#))));
        let mut request = request(target);
        request.call_context.credentials = Credentials::Bearer(TOKEN.into());
        let verdict = verdict(&world, &request);
        assert_eq!(tokens(world.posts()), at_posts);
        assert_eq!(tokens(world.gets()), world.gets().len());
        assert!(!format!("{verdict:?} {:?}", world.entries()).contains(TOKEN));
    }
}

#[test]
fn a_signature_is_sent_but_not_stored() {
    const SIG: &str = "INVENTED-sig-0123456789";
    let target = match flow(Verification::None) {
        Target::PowerAutomate(mut flow) => {
            flow.url = format!("{}&sig={SIG}", flow.url);
            Target::PowerAutomate(flow)
        }
        other => other,
    };
    let world =
        World::new().answers_post(Ok(answer(400, &format!(r#"{{"message":"bad {SIG}"}}"#))));
    let mut request = request(target);
    request.call_context.credentials = Credentials::Bearer("INVENTED-bearer-0123456789".into());
    let verdict = verdict(&world, &request);
    let sent = &world.posts()[0];
    assert!(sent.url.ends_with(SIG));
    assert!(sent.headers.iter().all(|(name, _)| name != "Authorization"));
    assert!(!format!("{verdict:?} {:?}", world.entries()).contains(SIG));
}
