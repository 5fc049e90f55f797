use super::*;
use crate::scenario;
use crate::secret::Secret;

const SIG: &str = "INVENTED-sig-0123456789";

fn contradiction(change: impl FnOnce(&mut World)) -> String {
    let mut world = scenario::every_kind();
    change(&mut world);
    world.contradiction().unwrap_or_default()
}

#[test]
fn a_short_world_gets_the_defaults() {
    let id = Uuid::from_u128(1);
    let json = format!(
        r#"{{"workspaces":[{{"id":"{id}","name":"Data Admin"}}],
            "items":[{{"workspace":"{id}","id":"{id}","name":"Master Order List"}}]}}"#
    );
    let world = World::from_json(&json, "test").unwrap();
    assert_eq!(world.items[0], Item::dataflow(id, id, "Master Order List"));
}

#[test]
fn a_world_can_be_written_and_read() {
    let world = scenario::every_kind();
    let text = serde_json::to_string(&world).unwrap();
    assert_eq!(World::from_json(&text, "test").unwrap(), world);
}

#[test]
fn an_unknown_field_is_named_in_the_error() {
    let error = World::from_json(r#"{"worksapces":[]}"#, "test").unwrap_err();
    assert!(error.to_string().contains("worksapces"));
}

#[test]
fn contradictions_are_found() {
    assert_eq!(contradiction(|_| {}), "");
    let found = [
        contradiction(|world| world.workspaces.clear()),
        contradiction(|world| world.items[0].id = world.items[1].id),
        contradiction(|world| world.items.clear()),
        contradiction(|world| world.flows[0].id = "abc".to_owned()),
        contradiction(|world| world.flows[0].id = world.flows[1].id.clone()),
        contradiction(|world| world.flows[0].sig = Secret::default()),
        contradiction(|world| world.fabric_page_size = Some(0)),
        contradiction(|world| {
            world.throttle = Some(Throttle {
                calls: 0,
                window_s: 1,
            });
        }),
        contradiction(|world| {
            let tenant = world.tenants.get_mut(&scenario::TENANT).unwrap();
            tenant.clients[0].error = Some(1);
        }),
    ];
    let expected = [
        "not in `workspaces`",
        "appears twice",
        "not in `items`",
        "32 hexadecimal digits",
        "appears twice",
        "neither `sig` nor `oauth`",
        "`fabric_page_size`",
        "`throttle`",
        "client error 1",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn each_form_of_trigger_url_is_the_services_own() {
    let id = "a".repeat(32);
    let old = Flow::new(&id, Uuid::nil(), FlowForm::Old, SIG);
    assert_eq!(
        old.trigger_url("http://127.0.0.1:1"),
        format!(
            "http://127.0.0.1:1/workflows/{id}/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={SIG}"
        )
    );
    let policy = OAuthPolicy::tenant(Uuid::nil());
    let oauth = Flow::with_oauth(&id, Uuid::nil(), FlowForm::New, policy);
    assert_eq!(
        oauth.trigger_url("https://h"),
        format!(
            "https://h/powerautomate/automations/direct/workflows/{id}/triggers/manual/paths/invoke?api-version=1"
        )
    );
}

#[test]
fn every_audience_of_a_cloud_ends_with_a_slash() {
    for cloud in ["public", "gcc", "gcc-high", "dod", "china"] {
        let cloud: Cloud = serde_json::from_value(cloud.into()).unwrap();
        assert!(cloud.audience().ends_with('/'));
    }
}
