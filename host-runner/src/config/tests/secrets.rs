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
        format!(
            "{:?}",
            settings.allow_list(&targets, super::super::Operation::Refresh)
        ),
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
    let inputs = inputs(&redactor, true);
    config.resolve(Selection::All, inputs).unwrap();
    config.settings(inputs).unwrap();
    let said = format!("{CLIENT_SECRET} INVENTED-sig-0123456789 INVENTED-proxy-password");
    assert_eq!(redactor.scrub(&said), "*** *** ***");
}

#[test]
fn a_secret_in_the_file_is_allowed_with_a_warning_that_names_its_place() {
    let text = file(VERIFIED)
        .replace("${env:AZURE_CLIENT_SECRET}", CLIENT_SECRET)
        .replace("${env:FLOW_URL}", FLOW_URL);
    assert_eq!(
        only(&text).warnings,
        [
            "conf/refresh.yaml:9:34: targets.a.url: the file contains the URL's `sig`, which is a secret; move the URL to ${env:NAME} or ${file:PATH}",
            "conf/refresh.yaml:7:20: credentials.default.client_secret: the file contains a secret; move it to ${env:NAME} or ${file:PATH}",
        ]
    );
    assert!(only(&file(VERIFIED)).warnings.is_empty());
}

#[test]
fn a_secret_that_is_too_short_to_be_masked_is_refused() {
    let text = file(VERIFIED).replace("${env:AZURE_CLIENT_SECRET}", "abc");
    let shown = resolve_all(&text).unwrap_err().to_string();
    assert!(
        shown.starts_with(
            "conf/refresh.yaml:7:20: credentials.default.client_secret: this is too short"
        ),
        "{shown}"
    );
    assert!(!shown.contains("abc"));
}

#[test]
fn an_error_beside_a_secret_does_not_show_it() {
    for broken in [
        "  a: [\n",
        "  A-b: {kind: x, url: \"${x}\", payload: INVENTED-1}\n",
        "  a: {kind: [INVENTED-2]}\n",
    ] {
        let text = file(broken).replace("${env:AZURE_CLIENT_SECRET}", CLIENT_SECRET);
        let error = parse(&text).and_then(|config| config.check()).unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("INVENTED"),
            "{error:?}"
        );
    }
}

/// Where a secret may be written, as files with `@` in its place.
const SECRET_PLACES: [&str; 8] = [
    "credentials: {default: {kind: client-secret, tenant: example.com, client_id: 22222222-2222-2222-2222-222222222222, client_secret: @}}\ntargets: {a: {kind: dataflow, workspace: W, dataflow: D}}\n",
    "credentials: {default: {kind: client-secret, tenant: @, client_id: @, client_secret: @}}\ntargets: {a: {kind: dataflow, workspace: W, dataflow: D}}\n",
    "credentials: {default: @}\ntargets: {a: {kind: dataflow, workspace: W, dataflow: D}}\n",
    "targets: {a: {kind: power-automate, url: @}}\n",
    "targets: {a: {kind: power-automate, url: \"https://flow.example/?api-version=1&sig=0123456789\", payload: @}}\n",
    "targets: {a: {kind: power-automate, url: \"https://flow.example/?api-version=1\", credentials: @}}\n",
    "transport: {proxy: @}\n",
    "audit: @\nendpoints: {login: @, powerbi: {url: @}}\nsandbox: {allow: [@, {url: @}]}\ncloud: @\n",
];

#[test]
fn a_secret_of_the_wrong_type_or_in_the_place_of_a_key_appears_nowhere() {
    let keys = [
        "client_secret",
        "tenant",
        "client_id",
        "url",
        "proxy",
        "ca_file",
        "audit",
        "login",
        "payload",
        "credentials",
        "default",
        "allow",
        "cloud",
    ];
    let mut errors = 0;
    let mut shown = |text: &str| {
        let text = format!("version: 1\n{text}");
        let config = match parse(&text) {
            Ok(config) => config,
            Err(error) => {
                errors += 1;
                assert!(
                    !format!("{error} {error:?}").contains("INVENTED"),
                    "{text}\n{error}"
                );
                return;
            }
        };
        for error in [
            config.check().err(),
            resolve(&config, Selection::All).err(),
            settings(&text).err(),
        ] {
            errors += usize::from(error.is_some());
            let shown = error
                .map(|error| format!("{error} {error:?}"))
                .unwrap_or_default();
            assert!(!shown.contains("INVENTED"), "{text}\n{shown}");
        }
        assert!(!format!("{config:?}").contains("INVENTED"));
    };
    for file in SECRET_PLACES {
        for value in [
            "[INVENTED-secret-1]",
            "{INVENTED-secret-1: INVENTED-secret-2}",
            "{client_secret: INVENTED-secret-1}",
            "[[INVENTED-secret-1]]",
            "INVENTED-secret-1",
            "\"INVENTED-secret-1\\n\"",
            "\"${INVENTED-secret-1}\"",
            "\"${env:INVENTED-secret-1}\"",
            "!INVENTED-secret-1 x",
            "*INVENTED-secret-1",
            "\"https://u:INVENTED-secret-1@x.example/?sig=INVENTED-secret-2#\"",
            "\"INVENTED-secret-1",
            "INVENTED-secret-1: x: y",
        ] {
            shown(&file.replace('@', value));
        }
        for key in keys {
            // The blank after the colon is forgotten: key and value are one key.
            shown(
                &file
                    .replace(&format!("{key}: @"), &format!("{key}:INVENTED-secret-1"))
                    .replace('@', "x"),
            );
            shown(
                &file
                    .replace(&format!("{key}: @"), "INVENTED-secret-1: x")
                    .replace('@', "x"),
            );
            shown(
                &file
                    .replace(&format!("{key}: "), "\"INVENTED:secret/1\": ")
                    .replace('@', "x"),
            );
        }
    }
    assert!(errors > 200, "{errors}");
}
