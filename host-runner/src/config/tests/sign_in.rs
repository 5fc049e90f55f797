//! Triggers that require a sign-in instead of a signature.

use super::super::{FlowAuthorization, What};
use super::*;

const VERIFY: &str = "verify: {kind: dataflow, workspace: W, dataflow: D, credentials: default}";

/// A file with a second credential.
fn two_credentials(targets: &str) -> String {
    let other = "credentials:\n  flows: {kind: client-secret, tenant: example.com, client_id: 22222222-2222-2222-2222-22222222222b, client_secret: \"${env:AZURE_CLIENT_SECRET}\"}\n";
    file(targets).replacen("credentials:\n", other, 1)
}

fn authorization(target: &ResolvedTarget) -> &FlowAuthorization {
    match &target.what {
        What::PowerAutomate(flow) => &flow.authorization,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_url_without_a_signature_is_authorized_by_credentials() {
    let flow = target("kind: power-automate, url: \"${env:OAUTH_URL}\", credentials: default");
    let FlowAuthorization::OAuth { url, credential } = authorization(&flow) else {
        panic!()
    };
    assert_eq!(url.query(), Some("api-version=1"));
    assert_eq!(credential.name, "default");
    let What::PowerAutomate(inner) = &flow.what else {
        panic!()
    };
    assert_eq!(inner.trigger(), url);
    assert!(flow.credential.is_none() && flow.bearers().is_empty());
    assert_eq!(flow.credentials().len(), 1);
    assert!(flow.warnings.is_empty(), "{:?}", flow.warnings);
}

#[test]
fn the_trigger_and_the_history_may_have_different_credentials() {
    let text = two_credentials(&format!(
        "  t: {{kind: power-automate, url: \"${{env:OAUTH_URL}}\", credentials: flows, {VERIFY}}}\n"
    ));
    let flow = only(&text);
    let FlowAuthorization::OAuth { credential, .. } = authorization(&flow) else {
        panic!()
    };
    assert_eq!(credential.name, "flows");
    assert_eq!(flow.credential.as_ref().unwrap().name, "default");
    let names: Vec<&str> = flow.credentials().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["default", "flows"]);
    assert!(
        flow.bearers()
            .iter()
            .all(|need| need.credential == "default")
    );
    let shared = target(&format!(
        "kind: power-automate, url: \"${{env:OAUTH_URL}}\", credentials: default, {VERIFY}"
    ));
    assert_eq!(shared.credentials().len(), 1);
}

#[test]
fn a_sign_in_is_needed_even_if_the_outcome_is_not_verified() {
    let text = two_credentials(&format!(
        "  t: {{kind: power-automate, url: \"${{env:OAUTH_URL}}\", credentials: flows, {VERIFY}}}\n"
    ));
    let redactor = Redactor::new();
    let targets = parse(&text)
        .unwrap()
        .resolve(Selection::All, inputs(&redactor, false))
        .unwrap();
    let names: Vec<&str> = targets[0]
        .credentials()
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["flows"]);
}

#[test]
fn a_signature_and_credentials_are_refused_together() {
    let text =
        file("  t: {kind: power-automate, url: \"${env:FLOW_URL}\", credentials: default}\n");
    let error = resolve_all(&text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "conf/refresh.yaml:9:66: targets.t.credentials: the URL has a `sig`, and the service refuses a request with both a \
         signature and a token\n  hint: remove it; move the credentials that read the history under `verify:`"
    );
    assert!(!format!("{error:?}").contains("INVENTED"));
}

#[test]
fn neither_a_signature_nor_credentials_names_both_ways() {
    let text = file("  t: {kind: power-automate, url: \"${env:OAUTH_URL}\"}\n");
    let error = resolve_all(&text).unwrap_err();
    assert_eq!(error.code(), "url_truncated");
    let hint = error.hint();
    assert!(
        hint.contains("quote it") && hint.contains("`credentials: NAME`"),
        "{hint}"
    );
}

#[test]
fn nothing_that_is_printed_shows_the_secret_of_a_sign_in() {
    let flow = target("kind: power-automate, url: \"${env:OAUTH_URL}\", credentials: default");
    assert!(!format!("{flow:?}").contains("INVENTED"));
}
