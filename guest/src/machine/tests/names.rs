//! Names instead of ids, and missing items.

use super::*;
use crate::contract::{
    CancelRequest, Content, Credentials, Status, Subject, Target, Verification, WatchedItem,
};
use crate::ports::Method;
use crate::testing::{
    Answer, DATAFLOW, OURS, WORKSPACE, call_context, dataflow, enhanced, error as refusal, flow,
    follow, gen2, item, ok, request, standard, trace, verified,
};

fn named_item() -> WatchedItem {
    WatchedItem {
        workspace: "Data Admin".into(),
        item: "Master Order List".into(),
        ..item()
    }
}

/// A target of every kind, with names.
fn targets() -> Vec<Target> {
    [Target::Dataflow(dataflow()), gen2(), standard(), enhanced()]
        .into_iter()
        .map(|target| match target {
            Target::Dataflow(mut one) => {
                one.item = named_item();
                Target::Dataflow(one)
            }
            Target::DataflowGen2(mut one) => {
                one.item = named_item();
                Target::DataflowGen2(one)
            }
            Target::SemanticModel(mut one) => {
                one.item = named_item();
                Target::SemanticModel(one)
            }
            other => other,
        })
        .chain([
            flow(Verification::Content(Content::Dataflow(named_item()))),
            flow(Verification::Content(Content::DataflowGen2(named_item()))),
            flow(Verification::Content(Content::SemanticModel(named_item()))),
        ])
        .collect()
}

/// A list in the forms of both APIs.
fn list(items: &[(&str, &str)]) -> Answer {
    let rows: Vec<String> = items
        .iter()
        .map(|(id, name)| {
            format!(r#"{{"id":"{id}","objectId":"{id}","name":"{name}","displayName":"{name}"}}"#)
        })
        .collect();
    Ok(ok(&format!(r#"{{"value":[{}]}}"#, rows.join(","))))
}

fn serving(workspaces: &[(&str, &str)], items: &[(&str, &str)]) -> World {
    World::new()
        .serves("/groups?$top=1000&$skip=0", list(workspaces))
        .serves("/v1/workspaces", list(workspaces))
        .serves("/dataflows", list(items))
        .serves("/datasets", list(items))
}

const TWIN: &str = "55555555-5555-5555-5555-555555555555";

/// The right names beside similar ones.
fn sound() -> World {
    serving(
        &[(TWIN, "Data Administration"), (WORKSPACE, "Data Admin")],
        &[
            (TWIN, "Master Order Lists"),
            (DATAFLOW, "Master Order List"),
        ],
    )
}

#[test]
fn a_similar_name_is_never_taken_and_the_names_are_listed() {
    for (workspaces, items, code, expected) in [
        (vec![], vec![], "name_not_found", "None is visible"),
        (
            vec![(WORKSPACE, "Data Admin")],
            vec![("x", "Other"), (TWIN, "Master Order Lists")],
            "name_not_found",
            "Available: Master Order Lists (55555555-5555-5555-5555-555555555555), Other (x).",
        ),
        (
            vec![(WORKSPACE, "Data Admin"), (TWIN, "Data Admin")],
            vec![],
            "name_ambiguous",
            TWIN,
        ),
    ] {
        for target in targets() {
            let world = serving(&workspaces, &items);
            let (kind, problem) = error(&world, &request(target));
            assert_eq!((kind, problem.code.as_str()), ("invalid", code));
            assert!(problem.message.contains(expected), "{}", problem.message);
            assert!(world.posts().is_empty());
            assert_eq!(world.kinds(), ["error"]);
        }
    }
}

#[test]
fn an_unreadable_list_is_reported_as_its_own_error() {
    for (answer, kind) in [
        (refusal(403, ""), "unauthorized"),
        (refusal(404, ""), "invalid"),
        (refusal(503, ""), "unavailable"),
    ] {
        for target in targets() {
            let world = World::new().answers_every_get(answer.clone());
            assert_eq!(error(&world, &request(target)).0, kind);
            assert!(world.posts().is_empty());
        }
    }
}

#[test]
fn names_are_resolved_for_a_follow_and_a_cancel_too() {
    for target in targets() {
        let world = sound().with(timed(OURS, "ViaApi", 2_000, 1_000, "Success"));
        let found = crate::follow_refresh(
            world.ports(),
            &follow(target.clone(), Subject::Ours(trace())),
        );
        assert_eq!(found.unwrap().status, Status::Completed);
        let newest = crate::follow_refresh(world.ports(), &follow(target.clone(), Subject::Newest));
        assert_eq!(newest.unwrap().service_run.as_deref(), Some(OURS));

        let world = sound().answers_post(Ok(ok(r#"{"status":"SuccessfullyMarked"}"#)));
        let request = CancelRequest {
            run_id: "run-1".into(),
            name: "order_list".into(),
            target,
            call_context: call_context(),
            service_run: OURS.into(),
        };
        assert!(crate::cancel_refresh(world.ports(), &request).is_ok());
        let sent = [world.posts(), world.sent(Method::Delete)].concat();
        assert_eq!(sent.len(), 1);
        assert!(sent[0].url.contains(WORKSPACE));
    }
}

#[test]
fn unresolved_names_leave_a_follow_unknown() {
    for (world, code) in [
        (serving(&[], &[]), "read_failed"),
        (
            World::new().answers_every_get(refusal(403, "")),
            "read_forbidden",
        ),
    ] {
        let followed = crate::follow_refresh(
            world.ports(),
            &follow(targets().remove(0), Subject::Ours(trace())),
        )
        .unwrap();
        assert_eq!(
            (followed.status, followed.code.as_str()),
            (Status::Unknown, code)
        );
        assert_eq!(world.kinds(), ["verdict"]);
    }
}

#[test]
fn a_missing_item_is_reported_with_the_available_names() {
    for target in [verified(), gen2(), standard()] {
        let missing = |world: World| {
            world
                .serves("/transactions", refusal(404, ""))
                .serves("/jobs/instances", refusal(404, ""))
                .serves("?$top=60", refusal(404, ""))
        };
        let near = list(&[(TWIN, "order_lists")]);
        let world = missing(World::new())
            .serves("/dataflows", near.clone())
            .serves("/datasets", near);
        let (kind, problem) = error(&world, &request(target.clone()));
        assert_eq!(
            (kind, problem.code.as_str()),
            ("invalid", "entity_not_found")
        );
        assert!(
            problem.message.contains("order_lists"),
            "{}",
            problem.message
        );

        // If its list has it, or cannot be read, the service's error is reported.
        for list in [list(&[(DATAFLOW, "order_list")]), refusal(403, "")] {
            let world = missing(World::new())
                .serves("/dataflows", list.clone())
                .serves("/datasets", list);
            let (kind, problem) = error(&world, &request(target.clone()));
            assert_eq!(
                (kind, problem.code.as_str()),
                ("invalid", "entity_not_found")
            );
            assert!(problem.message.contains("HTTP 404"), "{}", problem.message);
            assert!(world.posts().is_empty());
        }
    }
}

#[test]
fn a_bearer_token_goes_to_the_apis_only_and_into_no_text() {
    const TOKEN: &str = "INVENTED-bearer-0123456789";
    for target in targets() {
        let world = sound().with(timed(OURS, "ViaApi", 1_000, 60_000, "Failed").by_trigger());
        let mut request = request(target);
        request.call_context.credentials = Credentials::Bearer(TOKEN.into());
        let verdict = verdict(&world, &request);
        for call in [world.gets(), world.posts()].concat() {
            let carries = call.headers.iter().any(|(_, value)| value.contains(TOKEN));
            let to_api = call.url.starts_with("https://api.powerbi.example/")
                || call.url.starts_with("https://api.fabric.example/");
            assert_eq!(carries, to_api, "{}", call.url);
        }
        assert!(!format!("{verdict:?}{:?}", world.entries()).contains(TOKEN));
    }
}
