//! Entra, asked without a server.

use super::*;
use crate::service::testing::request;
use crate::world::Client;
use serde_json::Value;

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

fn refused(world: &World, tenant: Uuid, form: Option<&str>) -> (u16, u32, &'static str) {
    let rejection = grant(world, &tenant.to_string(), form, Timestamp::UNIX_EPOCH).unwrap_err();
    (rejection.status, rejection.number, rejection.error)
}

#[test]
fn the_audience_is_the_scope_without_its_last_segment() {
    let (claims, lifetime) = grant(
        &world(),
        &TENANT.to_string(),
        Some(&form(&[])),
        Timestamp::UNIX_EPOCH,
    )
    .unwrap();
    assert_eq!(claims.aud, "https://analysis.windows.net/powerbi/api");
    assert_eq!(
        (claims.oid, claims.tid, claims.exp, lifetime),
        (OBJECT, TENANT, 3600, 3600)
    );
    let flow = form(&[("scope", "https://service.flow.microsoft.com//.default")]);
    let (claims, _) = grant(
        &world(),
        &TENANT.to_string(),
        Some(&flow),
        Timestamp::UNIX_EPOCH,
    )
    .unwrap();
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
    let call = Call {
        tenant: TENANT.to_string(),
    };
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
