//! Entra, asked without a server.

use super::grant::ASSERTION_TYPE;
use super::*;
use crate::service::testing::request;
use crate::world::World;

const TENANT: Uuid = Uuid::from_u128(0x11);
const CLIENT: Uuid = Uuid::from_u128(0x22);
const OBJECT: Uuid = Uuid::from_u128(0x33);
const SCOPE: &str = "https://analysis.windows.net/powerbi/api/.default";

fn world() -> World {
    World::new().client(TENANT, Client::new(CLIENT, OBJECT, "INVENTED-secret-1"))
}

fn form(change: &[(&str, &str)]) -> String {
    let client = CLIENT.to_string();
    let mut fields = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client.as_str()),
        ("client_secret", "INVENTED-secret-1"),
        ("scope", SCOPE),
    ];
    for (name, value) in change {
        fields.retain(|(known, _)| known != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    let pairs: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={v}")).collect();
    pairs.join("&")
}

fn v2(tenant: Uuid) -> Call {
    Call {
        tenant: tenant.to_string(),
        v1: false,
    }
}

fn refused(world: &World, tenant: Uuid, form: Option<&str>) -> (u16, u32, &'static str) {
    let rejection = grant(world, &v2(tenant), form, Timestamp::UNIX_EPOCH).unwrap_err();
    (rejection.status, rejection.number, rejection.error)
}

#[test]
fn the_audience_is_the_scope_without_its_last_segment() {
    let world = world();
    let (claims, client) =
        grant(&world, &v2(TENANT), Some(&form(&[])), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(claims.aud, "https://analysis.windows.net/powerbi/api");
    assert_eq!(
        (claims.oid, claims.tid, claims.exp, client.token_lifetime_s),
        (OBJECT, TENANT, 3600, 3600)
    );
    let flow = form(&[("scope", "https://service.flow.microsoft.com//.default")]);
    let (claims, _) = grant(&world, &v2(TENANT), Some(&flow), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(claims.aud, "https://service.flow.microsoft.com/");
}

#[test]
fn each_mistake_gets_entras_own_number() {
    let nobody = Uuid::from_u128(0x99).to_string();
    for (change, expected) in [
        (
            ("client_secret", "INVENTED-wrong"),
            (401, 7_000_215, "invalid_client"),
        ),
        (("client_secret", ""), (401, 7_000_218, "invalid_client")),
        (
            ("client_id", nobody.as_str()),
            (400, 700_016, "unauthorized_client"),
        ),
        (
            ("scope", "https://analysis.windows.net/powerbi/api"),
            (400, 70_011, "invalid_scope"),
        ),
        (("scope", ""), (400, 900_144, "invalid_request")),
        (("grant_type", ""), (400, 900_144, "invalid_request")),
        (
            ("grant_type", "password"),
            (400, 70_003, "unsupported_grant_type"),
        ),
    ] {
        assert_eq!(
            refused(&world(), TENANT, Some(&form(&[change]))),
            expected,
            "{change:?}"
        );
    }
    assert_eq!(
        refused(&world(), Uuid::from_u128(0x12), Some(&form(&[]))),
        (400, 90_002, "invalid_request")
    );
    assert_eq!(
        refused(&world(), TENANT, None),
        (400, 900_144, "invalid_request")
    );
}

#[test]
fn an_expired_secret_is_told_apart_from_a_wrong_one() {
    let expired = Client::new(CLIENT, OBJECT, "INVENTED-secret-1").with_expired_secret();
    let world = World::new().client(TENANT, expired);
    assert_eq!(
        refused(&world, TENANT, Some(&form(&[]))),
        (401, 7_000_222, "invalid_client")
    );
}

#[test]
fn an_issued_token_is_remembered_and_can_be_decoded() {
    let mut state = State::new(world(), Timestamp::UNIX_EPOCH);
    let incoming = request(
        Method::POST,
        "/t/oauth2/v2.0/token",
        &[("content-type", "application/x-www-form-urlencoded")],
        &form(&[]),
    );
    let call = v2(TENANT);
    let reply = answer(&call, &incoming, &mut state, Timestamp::UNIX_EPOCH);
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["expires_in"], 3599);
    let token = body["access_token"].as_str().unwrap();
    assert!(state.claims_of(token).is_some());
    let payload = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["oid"], OBJECT.to_string());
}

/// What the endpoint `call` tells `client` in answer to `form`.
fn answered(call: &Call, client: Client, form: &str) -> (Reply, Value) {
    let world = World::new().client(TENANT, client);
    let mut state = State::new(world, Timestamp::UNIX_EPOCH);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let incoming = request(Method::POST, "/t/oauth2/token", &headers, form);
    let reply = answer(call, &incoming, &mut state, Timestamp::UNIX_EPOCH);
    let body = serde_json::from_slice(&reply.body).unwrap();
    (reply, body)
}

#[test]
fn both_endpoints_are_known_by_their_paths() {
    let v1 = Call::of(&["t", "oauth2", "token"]).unwrap();
    let v2 = Call::of(&["t", "oauth2", "v2.0", "token"]).unwrap();
    assert!(v1.v1 && !v2.v1);
}

#[test]
fn the_old_endpoint_takes_a_resource_and_writes_numbers_as_text() {
    let call = Call {
        v1: true,
        ..v2(TENANT)
    };
    let flow = "https://service.flow.microsoft.com/";
    let client = Client::new(CLIENT, OBJECT, "INVENTED-secret-1").refresh_in_s(1800);
    let (_, body) = answered(&call, client, &form(&[("resource", flow), ("scope", "")]));
    assert_eq!(
        (&body["expires_in"], &body["resource"]),
        (&json!("3599"), &json!(flow))
    );
    assert_eq!(body["refresh_in"], "1800");
}

#[test]
fn the_new_endpoint_can_write_numbers_as_text_too() {
    let client = Client::new(CLIENT, OBJECT, "INVENTED-secret-1").numbers_as_text();
    let (_, body) = answered(&v2(TENANT), client.token_lifetime_s(60), &form(&[]));
    assert_eq!(body["expires_in"], "59");
}

#[test]
fn one_slash_gives_an_audience_without_it() {
    let flow = form(&[("scope", "https://service.flow.microsoft.com/.default")]);
    let (claims, _) = grant(&world(), &v2(TENANT), Some(&flow), Timestamp::UNIX_EPOCH)
        .map(|(claims, client)| (claims, client.client_id))
        .unwrap();
    assert_eq!(claims.aud, "https://service.flow.microsoft.com");
}

#[test]
fn every_error_of_the_table_can_be_had() {
    for error in crate::world::ENTRA_ERRORS {
        let client = Client::new(CLIENT, OBJECT, "INVENTED-secret-1").with_error(error.number);
        let (reply, body) = answered(&v2(TENANT), client, &form(&[]));
        assert_eq!(reply.status.as_u16(), error.status);
        assert_eq!(body["error"], error.error);
        assert_eq!(body["error_codes"], json!([error.number]));
        assert!(
            body["error_description"]
                .as_str()
                .unwrap()
                .starts_with(&format!("AADSTS{}:", error.number))
        );
        assert_eq!(
            reply.headers.contains_key("retry-after"),
            error.retry_after_s.is_some()
        );
    }
}

#[test]
fn a_resource_that_the_tenant_does_not_have_is_named() {
    let mut world = world();
    world.tenants.get_mut(&TENANT).unwrap().resources =
        Some(vec!["https://api.fabric.microsoft.com".to_owned()]);
    assert_eq!(
        refused(&world, TENANT, Some(&form(&[]))),
        (400, 500_011, "invalid_resource")
    );
}

#[test]
fn two_credentials_are_one_too_many() {
    let both = form(&[("client_assertion", "h.p.s")]);
    assert_eq!(refused(&world(), TENANT, Some(&both)).0, 400);
}

#[test]
fn an_assertion_does_for_a_client_that_takes_one() {
    let assertion = |exp: i64| {
        let payload = URL_SAFE_NO_PAD.encode(json!({"exp": exp}).to_string());
        form(&[
            ("client_secret", ""),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &format!("h.{payload}.s")),
        ])
    };
    assert_eq!(refused(&world(), TENANT, Some(&assertion(60))).1, 700_027);
    let taking = Client::new(CLIENT, OBJECT, "INVENTED-secret-1").taking_assertions();
    let world = World::new().client(TENANT, taking);
    assert_eq!(refused(&world, TENANT, Some(&assertion(0))).1, 700_024);
    let given = grant(
        &world,
        &v2(TENANT),
        Some(&assertion(60)),
        Timestamp::UNIX_EPOCH,
    );
    assert!(given.is_ok());
    let typeless = form(&[("client_secret", ""), ("client_assertion", "h.p.s")]);
    assert_eq!(refused(&world, TENANT, Some(&typeless)).1, 900_144);
}
