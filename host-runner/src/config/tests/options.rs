//! Where a configuration comes from, a file or options, and which of its targets are selected.

use super::super::{TargetOptions, find_config};
use super::*;

const WORKSPACE: &str = "33333333-3333-3333-3333-333333333333";
const DATAFLOW: &str = "44444444-4444-4444-4444-444444444444";

fn options(kind: &str, url_env: Option<&str>, watch: Option<(&str, &str)>) -> TargetOptions {
    TargetOptions {
        kind: kind.to_owned(),
        url_env: url_env.map(str::to_owned),
        workspace: watch.map(|(workspace, _)| workspace.to_owned()),
        dataflow: watch.map(|(_, dataflow)| dataflow.to_owned()),
        model: None,
    }
}

fn given(options: &TargetOptions) -> Result<ResolvedTarget, ConfigError> {
    Ok(resolve(&Config::from_options(options)?, Selection::All)?.remove(0))
}

#[test]
fn a_url_in_a_variable_is_a_complete_target() {
    let target = given(&options("power-automate", Some("FLOW_URL"), None)).unwrap();
    assert_eq!(
        (target.name.as_str(), target.kind()),
        ("power_automate", "power-automate")
    );
    assert!(target.credential.is_none() && target.content().is_none());
    assert!(target.warnings.is_empty());
}

#[test]
fn a_flow_with_a_dataflow_is_verified_by_its_history() {
    let target = given(&options(
        "power-automate",
        Some("FLOW_URL"),
        Some((WORKSPACE, DATAFLOW)),
    ))
    .unwrap();
    assert_eq!(target.kind(), "power-automate");
    assert_eq!(watched(&target).item, DATAFLOW);
    assert_eq!(
        target.credential.unwrap().app.tenant,
        "11111111-1111-1111-1111-111111111111"
    );
}

#[test]
fn every_kind_of_content_is_a_target_by_id_or_by_name() {
    let gen2 = given(&options(
        "dataflow-gen2",
        None,
        Some(("Data Admin", DATAFLOW)),
    ))
    .unwrap();
    assert_eq!(
        (gen2.name.as_str(), gen2.kind()),
        ("dataflow_gen2", "dataflow-gen2")
    );
    assert!(gen2.has_names());
    let of_model = |kind: &str, url_env: Option<&str>| {
        given(&TargetOptions {
            workspace: Some(WORKSPACE.to_owned()),
            model: Some("${env:FLOW_URL} & Sales".to_owned()),
            ..options(kind, url_env, None)
        })
        .unwrap()
    };
    let model = of_model("semantic-model", None);
    assert_eq!(model.kind(), "semantic-model");
    // A name is never filled in from the environment.
    assert_eq!(watched(&model).item, "${env:FLOW_URL} & Sales");
    let flow = of_model("power-automate", Some("FLOW_URL"));
    assert_eq!(flow.kind(), "power-automate");
    assert!(matches!(
        flow.content(),
        Some(wit::Content::SemanticModel(_))
    ));
}

#[test]
fn an_error_names_the_option_or_the_variable() {
    for (given_options, expected) in [
        (
            options("power-automate", None, None),
            "missing_key --kind: `url` is missing",
        ),
        (
            options("power-automate", Some(FLOW_URL), None),
            "invalid_value --url-env: this is not the name of an environment variable",
        ),
        (
            options("power-automate", Some("NO_URL"), None),
            "env_not_set --url-env: the environment variable NO_URL is not set",
        ),
        (
            options("power-automate", Some("EMPTY"), None),
            "env_empty --url-env: the environment variable EMPTY is empty",
        ),
        (
            options("dataflow", Some("FLOW_URL"), Some((WORKSPACE, DATAFLOW))),
            "unknown_key --url-env: unknown key `url`",
        ),
        (
            options("dataflow", None, Some((" Data Admin", DATAFLOW))),
            "invalid_value --workspace: this name has blanks around it",
        ),
        (
            options("gen2", None, Some((WORKSPACE, DATAFLOW))),
            "invalid_value --kind: expected `power-automate`, `dataflow`, `dataflow-gen2` or `semantic-model`",
        ),
    ] {
        let error = given(&given_options).unwrap_err();
        assert_eq!(format!("{} {}", error.code(), error.message()), expected);
        assert!(!format!("{error:?} {error}").contains("INVENTED"));
    }
}

#[test]
fn an_option_over_a_file_is_named_without_the_file_and_the_file_with_its_line() {
    let text = "version: 1\ncloud: moon\n";
    let file = parse(text).unwrap();
    let error = |options: &TargetOptions| {
        let config = file.clone().with_target(options)?;
        resolve(&config, Selection::All)
    };
    let watch = Some((" Data Admin", DATAFLOW));
    let error = error(&options("dataflow", None, watch))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("\n--workspace: this name has blanks"),
        "{error}"
    );
    assert!(error.contains("refresh.yaml:2:"), "{error}");
}

#[test]
fn a_payload_file_takes_the_place_of_the_payload_of_a_flow_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("payload.json");
    std::fs::write(&path, r#"{"b": 1, "a": "x"}"#).unwrap();
    let mut flow = given(&options("power-automate", Some("FLOW_URL"), None)).unwrap();
    flow.replace_payload(&path).unwrap();
    assert_eq!(super::flow(&flow).body.payload, r#"{"b":1,"a":"x"}"#);
    let mut dataflow = given(&options("dataflow", None, Some((WORKSPACE, DATAFLOW)))).unwrap();
    let error = dataflow.replace_payload(&path).unwrap_err();
    assert_eq!(
        error.message(),
        "--payload: `dataflow` is a dataflow, whose refresh takes no payload"
    );
}

#[test]
fn a_named_file_wins_over_the_working_directory_and_that_over_the_users_folder() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let env = |name: &str| match name {
        "XDG_CONFIG_HOME" => Some("xdg".to_owned()),
        "HOME" => Some(here.join("me").display().to_string()),
        _ => None,
    };
    let found = |named: Option<&str>| find_config(named.map(Path::new), &env, here);
    let of_user = here.join("me/.config/host-runner/refresh.yaml");
    let error = found(None).unwrap_err();
    assert_eq!(error.code(), "config_not_found");
    let places = format!("looked for ./refresh.yaml and {}", of_user.display());
    assert!(error.message().ends_with(&places), "{error}");
    let write = |path: &Path| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    };
    write(&of_user);
    assert_eq!(found(Some("")).unwrap(), of_user);
    write(&here.join("refresh.yaml"));
    assert_eq!(found(None).unwrap(), Path::new("refresh.yaml"));
    write(&here.join("named.yaml"));
    assert_eq!(found(Some("named.yaml")).unwrap(), Path::new("named.yaml"));
    let error = found(Some("absent.yaml")).unwrap_err();
    assert_eq!(error.code(), "config_not_found");
    let message = "there is no configuration file `absent.yaml`";
    assert_eq!(error.message(), message);
}

#[test]
fn a_file_that_is_absent_unreadable_or_no_text_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("binary"), [0xff, 0x00]).unwrap();
    std::fs::write(folder.path().join("huge"), "#".repeat(1_100_000)).unwrap();
    for (name, code, end) in [
        ("absent.yaml", "config_not_found", "absent.yaml`"),
        (".", "config_unreadable", ""),
        ("binary", "config_unreadable", "it is not UTF-8 text"),
        ("huge", "config_unreadable", "it is larger than 1024 KiB"),
    ] {
        let error = Config::load(&folder.path().join(name)).unwrap_err();
        assert_eq!(error.code(), code, "{name}");
        assert!(error.message().ends_with(end), "{error}");
    }
}

#[test]
fn an_unknown_target_is_answered_with_the_nearest_and_all() {
    let text = file("  order_list: {kind: dataflow, workspace: W, dataflow: D}\n  sales: {}\n");
    let config = parse(&text).unwrap();
    for (names, code, message) in [
        (
            vec!["order-list".to_owned()],
            "unknown_target",
            "conf/refresh.yaml: there is no target `order-list`\n  hint: did you mean `order_list`? Targets: `order_list` and `sales`",
        ),
        (
            vec!["finance".to_owned()],
            "unknown_target",
            "conf/refresh.yaml: there is no target `finance`\n  hint: targets: `order_list` and `sales`",
        ),
        (
            Vec::new(),
            "no_target",
            "conf/refresh.yaml: no target is named\n  hint: name one or more of `order_list` and `sales`, or use --all",
        ),
    ] {
        let error = resolve(&config, Selection::Names(&names)).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (code, message));
    }
}

#[test]
fn relative_paths_start_at_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("refresh.yaml");
    let key = rcgen::KeyPair::generate().unwrap();
    let root = rcgen::CertificateParams::new(vec![]).unwrap();
    let root = root.self_signed(&key).unwrap().pem();
    std::fs::write(folder.path().join("root.pem"), root).unwrap();
    std::fs::write(folder.path().join("url.txt"), format!("{FLOW_URL}\n")).unwrap();
    let text = "version: 1\naudit: sqlite:audit.db\ntransport: {ca_file: root.pem}\n\
        targets: {a: {kind: power-automate, url: \"${file:url.txt}\"}}\n";
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path).unwrap();
    let redactor = Redactor::new();
    let inputs = inputs(&redactor, true);
    let pem = folder.path().join("root.pem");
    assert_eq!(config.settings(inputs).unwrap().ca_file, Some(pem.clone()));
    assert_eq!(config.base(), folder.path());
    assert_eq!(
        config.audit(inputs).unwrap().as_deref(),
        Some("sqlite:audit.db")
    );
    assert_eq!(config.resolve(Selection::All, inputs).unwrap().len(), 1);
    std::fs::remove_file(pem).unwrap();
    let error = config.settings(inputs).unwrap_err();
    assert_eq!(error.code(), "file_not_found");
    assert!(
        error
            .message()
            .contains(":3:22: transport.ca_file: there is no file"),
        "{error}"
    );
}
