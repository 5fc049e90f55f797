//! No secret is ever printed, and every one is known to the redactor.

use super::*;

const VERIFIED: &str = "  a: {kind: power-automate, url: \"${env:FLOW_URL}\", verify: {kind: dataflow, workspace: 33333333-3333-3333-3333-333333333333, dataflow: 44444444-4444-4444-4444-444444444444}}\n";

#[test]
fn nothing_that_is_printed_shows_a_secret() {
    let text = file(VERIFIED)
        .replace("${env:AZURE_CLIENT_SECRET}", CLIENT_SECRET)
        .replace("${env:FLOW_URL}", FLOW_URL)
        + "transport: {proxy: \"http://me:INVENTED-proxy-password@proxy.example:3128\"}\n";
    let config = parse(&text).unwrap();
    let targets = resolve(&config, Selection::All).unwrap();
    let settings = settings(&text).unwrap();
    for shown in [
        format!("{config:?} {config:#?}"),
        format!("{targets:?}"),
        format!("{settings:?}"),
        targets[0].warnings.join("\n") + &settings.warnings.join("\n"),
        format!("{:?}", settings.policy_entries(&targets)),
    ] {
        assert!(!shown.contains("INVENTED"), "{shown}");
    }
}

#[test]
fn every_secret_that_is_fetched_is_known_to_the_redactor() {
    let text = file(VERIFIED)
        + "transport: {proxy: \"http://me:INVENTED-proxy-password@proxy.example:3128\"}\n";
    let config = parse(&text).unwrap();
    let redactor = Redactor::new();
    let inputs = Inputs {
        env: &usual_env,
        redactor: &redactor,
        verify: true,
    };
    config.resolve(Selection::All, inputs).unwrap();
    config.settings(inputs).unwrap();
    let said = format!("{CLIENT_SECRET} INVENTED-sig-0123456789 INVENTED-proxy-password");
    assert_eq!(redactor.scrub(&said), "*** *** ***");
}

#[test]
fn a_secret_in_the_file_is_allowed_with_a_warning_that_names_its_line() {
    let text = file(VERIFIED)
        .replace("${env:AZURE_CLIENT_SECRET}", CLIENT_SECRET)
        .replace("${env:FLOW_URL}", FLOW_URL);
    assert_eq!(
        only(&text).warnings,
        [
            "conf/refresh.yaml:9: targets.a.url: the URL's `sig` is a secret and stands in the file; move the URL to ${env:NAME} or ${file:PATH}",
            "conf/refresh.yaml:7: credentials.default.client_secret: a secret stands in the file; move it to ${env:NAME} or ${file:PATH}",
        ]
    );
    assert!(only(&file(VERIFIED)).warnings.is_empty());
}

#[test]
fn an_old_url_is_warned_about_with_its_line() {
    let old = "https://prod-12.westeurope.logic.azure.com:443/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?api-version=2016-06-01&sp=x&sv=1.0&sig=INVENTED-sig-0123456789";
    let env = |name: &str| (name == "FLOW_URL").then(|| old.to_owned());
    let redactor = Redactor::new();
    let targets =
        parse("version: 1\ntargets: {a: {kind: power-automate, url: \"${env:FLOW_URL}\"}}")
            .unwrap()
            .resolve(
                Selection::All,
                Inputs {
                    env: &env,
                    redactor: &redactor,
                    verify: true,
                },
            )
            .unwrap();
    assert_eq!(targets[0].warnings.len(), 1);
    assert!(
        targets[0].warnings[0]
            .starts_with("conf/refresh.yaml:2: targets.a.url: the URL has `logic.azure.com`")
    );
}

#[test]
fn a_secret_that_is_too_short_to_be_kept_out_of_messages_is_refused() {
    let text = file(VERIFIED).replace("${env:AZURE_CLIENT_SECRET}", "abc");
    let shown = mistakes(&text);
    assert!(
        shown[0]
            .starts_with("invalid_value conf/refresh.yaml:7: credentials.default.client_secret: "),
        "{shown:?}"
    );
    assert!(!shown[0].contains("abc"));
}

#[test]
fn a_mistake_beside_a_secret_does_not_show_it() {
    for broken in [
        "  a: [\n",
        "  A-b: {kind: x, url: \"${x}\", payload: INVENTED-1}\n",
        "  a: {kind: [INVENTED-2]}\n",
    ] {
        let text = file(broken).replace("${env:AZURE_CLIENT_SECRET}", CLIENT_SECRET);
        let error = parse(&text).unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("INVENTED"),
            "{error:?}"
        );
    }
}
