//! The component's imports and what it may reach.

use crate::support::{CLIENT_SECRET, DATAFLOW, Platform, Setup, flow, verified, world};

#[test]
fn the_component_imports_six_wasi_interfaces_and_two_of_the_host() {
    let outcome = Setup::bare().run("component --output json");
    outcome.exits(0);
    let mut imports: Vec<&str> = outcome.result()["imports"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|name| name.as_str())
        // An interface with only types gives no access.
        .filter(|name| !name.starts_with("powerbi:refresh/types"))
        .map(|name| name.split('@').next().unwrap_or(name))
        .collect();
    imports.sort_unstable();
    assert_eq!(
        imports,
        [
            "powerbi:refresh/audit-store",
            "powerbi:refresh/control",
            "wasi:clocks/monotonic-clock",
            "wasi:http/outgoing-handler",
            "wasi:http/types",
            "wasi:io/error",
            "wasi:io/poll",
            "wasi:io/streams",
        ]
    );
    let size = outcome.result()["size"].as_u64().unwrap();
    assert!(size <= 480_000, "the component has grown to {size} bytes");
}

#[test]
fn the_component_can_be_exported_with_its_contract_and_replaced() {
    let (_platform, setup) = verified(&world());
    let wit = setup.run("component --wit");
    wit.exits(0).says("trigger-refresh: func");
    setup.run("component --export refresh.wasm").exits(0);
    setup
        .refresh("--component refresh.wasm")
        .is("completed", "", 0);
    std::fs::write(setup.path("noise.wasm"), b"\0asm but not really").unwrap();
    for name in ["noise.wasm", "nowhere.wasm"] {
        let outcome = setup.refresh(&format!("--component {name}"));
        outcome.exits(2).says(name);
    }
}

#[test]
fn loopback_is_denied_by_default() {
    let (platform, setup) = verified(&world());
    // The flow's URL is public; the API's address is loopback, which is not allowed.
    let outcome = setup
        .replacing("sandbox: {allow_loopback: true}\n", "")
        .url(&flow().trigger_url("https://flows.example"))
        .run("refresh order_list --deadline 2s");
    assert!(outcome.code == 2 || outcome.code == 13, "{outcome:#?}");
    assert_eq!(platform.requests().len(), 0);
}

#[test]
fn a_private_or_special_address_is_denied() {
    let platform = Platform::start(&world());
    for address in [
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "100.64.0.1",
    ] {
        let url = flow().trigger_url(&format!("https://{address}"));
        let outcome = Setup::unverified(&platform)
            .url(&url)
            .refresh("--deadline 2s");
        outcome.ends("denied", "no", 13);
    }
}

#[test]
fn check_reports_problems_and_triggers_nothing() {
    let (platform, setup) = verified(&world());
    let checked = setup.run("check");
    checked.exits(0).says("order_list").says("transactions");
    setup.run("check --audit sqlite:/proc/version").exits(16);
    let broken = setup.env("AZURE_CLIENT_SECRET", "INVENTED~but-wrong-0123456789");
    let checked = broken.run("check order_list");
    checked.exits(14).says("7000215");
    let another = "44444444-4444-4444-4444-444444444449";
    let elsewhere = broken
        .env("AZURE_CLIENT_SECRET", CLIENT_SECRET)
        .replacing(&DATAFLOW.to_string(), another);
    let checked = elsewhere.run("check order_list");
    checked.exits(2).says(another);
    assert_eq!(platform.triggers(), 0);
}

#[test]
fn host_and_component_agree_on_the_marker_of_requests_that_were_not_sent() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let mut folders = vec![root.join("guest/src")];
    let mut markers = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let source = read(&path);
                let value = source.split("const NOT_SENT_PREFIX: &str = \"").nth(1);
                markers.extend(value.and_then(|rest| rest.split('"').next().map(str::to_owned)));
            }
        }
    }
    let marker = host_runner::engine::NOT_SENT;
    assert_eq!(markers, [marker]);
    assert!(read(&root.join("wit/types.wit")).contains(&format!("`{marker}`")));
}
