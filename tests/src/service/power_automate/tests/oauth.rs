//! Triggers that take tokens.

use super::*;
use crate::secret::Secret;
use crate::state::Claims;
use crate::world::{Cloud, OAuthPolicy, Principal};

const TENANT: Uuid = Uuid::from_u128(0x11);
const OBJECT: Uuid = Uuid::from_u128(0x33);
const TOKEN: &str = "INVENTED.token.1";

fn claims() -> Claims {
    Claims {
        aud: "https://service.flow.microsoft.com/".to_owned(),
        iss: format!("https://sts.windows.net/{TENANT}/"),
        tid: TENANT,
        oid: OBJECT,
        appid: Uuid::from_u128(0x22),
        roles: Vec::new(),
        nbf: start().as_second(),
        exp: start().as_second() + 3600,
        idtyp: Principal::App,
    }
}

fn policy() -> OAuthPolicy {
    OAuthPolicy::tenant(TENANT)
}

fn answered(policy: OAuthPolicy, claims: Claims, more: &str, header: &str) -> (u16, String) {
    let flow = Flow::with_oauth(FLOW, NAME, FlowForm::New, policy);
    let target = flow.trigger_url("") + more;
    let mut state = state(flow);
    state.remember_token(Secret::new(TOKEN), claims);
    let headers: &[(&str, &str)] = if header.is_empty() {
        &[]
    } else {
        &[("authorization", header)]
    };
    post(&mut state, &target, headers, "{}")
}

fn with_token(policy: OAuthPolicy, claims: Claims) -> (u16, String) {
    answered(policy, claims, "", "Bearer INVENTED.token.1")
}

#[test]
fn a_token_with_the_exact_audience_is_taken_in_every_cloud() {
    for cloud in [
        Cloud::Public,
        Cloud::Gcc,
        Cloud::GccHigh,
        Cloud::Dod,
        Cloud::China,
    ] {
        let aud = cloud.audience().to_owned();
        let slashless = aud.trim_end_matches('/').to_owned();
        let good = Claims { aud, ..claims() };
        assert_eq!(with_token(policy().cloud(cloud), good).0, 202);
        let bad = Claims {
            aud: slashless,
            ..claims()
        };
        assert_eq!(
            with_token(policy().cloud(cloud), bad),
            expect((401, "MisMatchingOAuthClaims"))
        );
    }
}

#[test]
fn tenant_object_id_and_claims_must_match() {
    let other = Uuid::from_u128(0x99);
    let mismatch = expect((403, "MisMatchingOAuthClaims"));
    let policy = || policy().mismatch_status(403);
    let foreign = Claims {
        tid: other,
        ..claims()
    };
    assert_eq!(with_token(policy(), foreign), mismatch);
    assert_eq!(with_token(policy().only_for(&[other]), claims()), mismatch);
    assert_eq!(
        with_token(policy().only_for(&[other, OBJECT]), claims()).0,
        202
    );
    let appid = Uuid::from_u128(0x22).to_string();
    assert_eq!(with_token(policy().claim("appid", &appid), claims()).0, 202);
    assert_eq!(
        with_token(policy().claim("appid", "another"), claims()),
        mismatch
    );
}

#[test]
fn each_wrong_scheme_gets_the_services_own_error() {
    let bearer = "Bearer INVENTED.token.1";
    for (more, header, expected) in [
        ("", "", (401, "DirectApiAuthorizationRequired")),
        (
            "",
            "Basic INVENTED",
            (401, "DirectApiInvalidAuthorizationScheme"),
        ),
        (
            "&sig=INVENTED",
            "",
            (401, "DirectApiInvalidAuthorizationScheme"),
        ),
        (
            "&sig=INVENTED",
            bearer,
            (400, "DirectApiRequestHasMoreThanOneAuthorization"),
        ),
        ("", "Bearer INVENTED.other", (401, "MisMatchingOAuthClaims")),
    ] {
        assert_eq!(
            answered(policy(), claims(), more, header),
            expect(expected),
            "{more} {header}"
        );
    }
}

#[test]
fn an_expired_token_is_turned_away() {
    let old = Claims {
        exp: start().as_second(),
        ..claims()
    };
    assert_eq!(with_token(policy(), old).0, 401);
}
