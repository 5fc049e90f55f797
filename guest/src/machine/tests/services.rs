//! What only this machine shows of the services' odd responses; `tests/lab` plays the others.

use super::*;
use crate::classify::{CallKind, Purpose, unanswered};
use crate::contract::{Content, Matched, Status, Target, TargetKind, Verification};
use crate::ports::TransportKind;
use crate::testing::{
    Answer, OURS, answer, broken, dataflow, enhanced, flow, gen2, item, ok, request, standard, with,
};

fn run_of(kind: &str, end: &str) -> Scripted {
    timed(OURS, kind, 1_000, 60_000, end).by_trigger()
}

/// A response that names the run in the header that every response has.
fn named_by_request_id(id: &str) -> Answer {
    Ok(with(answer(202, ""), "RequestId", id))
}

#[test]
fn a_request_id_names_the_run_if_the_service_knows_it() {
    let foreign = timed("other", "ViaEnhancedApi", 500, 1_000, "Success").by_trigger();
    for target in [standard(), enhanced()] {
        let world = World::new()
            .with(foreign.clone())
            .with(run_of("ViaEnhancedApi", "Failed"));
        world.triggers_go(&[(Some(named_by_request_id(OURS)), true)]);
        let found = verdict(&world, &request(target));
        assert_eq!(
            (found.status, found.matched, found.service_run.as_deref()),
            (Status::Failed, Matched::Exact, Some(OURS))
        );
    }
    // An id that is never seen says nothing: the window decides when it has passed.
    let unknown = "99999999-9999-9999-9999-999999999999";
    let world = World::new().with(run_of("ViaEnhancedApi", "Success"));
    world.triggers_go(&[(Some(named_by_request_id(unknown)), true)]);
    let found = verdict(&world, &request(enhanced()));
    assert_eq!(
        (found.status, found.matched),
        (Status::Completed, Matched::Inferred)
    );
    assert!(world.elapsed() >= 300_000);
}

#[test]
fn endless_pages_of_a_history_are_cut_and_the_cut_is_reported() {
    let endless = r#"{"value":[],"continuationToken":"again"}"#;
    let world = World::new().answers_every_get(Ok(ok(endless)));
    let mut request = request(gen2());
    request.call_context.deadline_ms = 30_000;
    let _ = refresh(&world, &request);
    let warnings = world.warnings();
    let cut = warnings.iter().filter(|text| text.contains("too long"));
    assert_eq!(cut.count(), 1, "{warnings:?}");
}

#[test]
fn what_the_host_did_not_send_has_the_hosts_code_in_every_phase() {
    let unsent = |code: &str| {
        let mut error = broken(TransportKind::NotSentByHost).unwrap_err();
        error.message = format!("{code}: signing in at login.example failed");
        Err(error)
    };
    for (code, variant, at_once) in [
        ("tls_certificate_untrusted", "unavailable", true),
        ("proxy_refused", "unavailable", true),
        ("address_denied", "denied", true),
        ("request_denied", "denied", true),
        ("proxy_unavailable", "unavailable", false),
        ("name_not_resolved", "unavailable", false),
        ("response_timed_out", "unavailable", false),
    ] {
        let verified = flow(Verification::Content(Content::SemanticModel(item())));
        for (target, has_history) in [
            (flow(Verification::None), false),
            (flow(Verification::Response), false),
            (verified, true),
            (Target::Dataflow(dataflow()), true),
            (gen2(), true),
            (standard(), true),
            (enhanced(), true),
        ] {
            let mut request = request(target);
            request.call_context.host_reports_unsent = true;
            let mut worlds = vec![World::new()];
            let always: Vec<(Option<Answer>, bool)> =
                (0..99).map(|_| (Some(unsent(code)), false)).collect();
            worlds[0].triggers_go(&always);
            if has_history {
                worlds.push(World::new().answers_every_get(unsent(code)));
            }
            for world in worlds {
                let (found, why) = error(&world, &request);
                assert_eq!((found, why.code.as_str()), (variant, code));
                assert!(why.message.contains("signing in at login.example failed"));
                assert_eq!(world.elapsed() < 1_000, at_once, "{code}");
            }
        }
    }
    let read = CallKind::new(TargetKind::Dataflow, Purpose::Read);
    let row = unanswered(read, TransportKind::NotSentByHost);
    assert_eq!(row.code, "not_sent_by_host");
}
