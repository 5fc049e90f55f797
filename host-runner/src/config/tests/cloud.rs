//! The clouds of Microsoft, and single addresses over theirs.

use super::super::Endpoints;
use super::*;

fn endpoints(top: &str) -> Endpoints {
    let text = format!(
        "version: 1\n{top}targets: {{a: {{kind: power-automate, url: \"${{env:FLOW_URL}}\"}}}}\n"
    );
    only(&text).endpoints
}

#[test]
fn a_cloud_names_every_address_and_what_its_tokens_are_for() {
    for (cloud, login, powerbi, powerbi_scope, flow_scope) in [
        (
            "public",
            "https://login.microsoftonline.com",
            "https://api.powerbi.com",
            "https://analysis.windows.net/powerbi/api/.default",
            "https://service.flow.microsoft.com//.default",
        ),
        (
            "gcc",
            "https://login.microsoftonline.com",
            "https://api.powerbigov.us",
            "https://analysis.usgovcloudapi.net/powerbi/api/.default",
            "https://gov.service.flow.microsoft.us//.default",
        ),
        (
            "gcc-high",
            "https://login.microsoftonline.us",
            "https://api.high.powerbigov.us",
            "https://high.analysis.usgovcloudapi.net/powerbi/api/.default",
            "https://high.service.flow.microsoft.us//.default",
        ),
        (
            "dod",
            "https://login.microsoftonline.us",
            "https://api.mil.powerbigov.us",
            "https://mil.analysis.usgovcloudapi.net/powerbi/api/.default",
            "https://service.flow.appsplatform.us//.default",
        ),
        (
            "china",
            "https://login.partner.microsoftonline.cn",
            "https://api.powerbi.cn",
            "https://analysis.chinacloudapi.cn/powerbi/api/.default",
            "https://service.powerautomate.cn//.default",
        ),
    ] {
        let there = endpoints(&format!("cloud: {cloud}\n"));
        assert_eq!(there.login.url, login, "{cloud}");
        assert_eq!(there.powerbi.url, powerbi, "{cloud}");
        assert_eq!(there.powerbi_scope, powerbi_scope, "{cloud}");
        assert_eq!(there.flow_scope, flow_scope, "{cloud}");
        let fabric = there.fabric.map(|fabric| fabric.url);
        let known = (cloud == "public").then(|| "https://api.fabric.microsoft.com".to_owned());
        assert_eq!(fabric, known, "{cloud}");
    }
    assert_eq!(endpoints(""), endpoints("cloud: public\n"));
}

#[test]
fn a_single_address_is_replaced_and_its_tokens_stay_those_of_the_cloud() {
    let there = endpoints(
        "cloud: gcc-high\nendpoints: {powerbi: {url: \"https://pbi.corp.example\", private: true}, fabric: \"https://fabric.corp.example:8443/base\"}\n",
    );
    assert_eq!(there.powerbi.url, "https://pbi.corp.example");
    assert!(there.powerbi.private);
    assert_eq!(
        there.powerbi_scope,
        "https://high.analysis.usgovcloudapi.net/powerbi/api/.default"
    );
    assert_eq!(there.login.url, "https://login.microsoftonline.us");
    assert_eq!(
        there.fabric.unwrap().url,
        "https://fabric.corp.example:8443/base"
    );
    assert_eq!(
        there.fabric_scope,
        "https://fabric.corp.example:8443/.default"
    );
    let public = endpoints("endpoints: {fabric: \"https://fabric.corp.example\"}\n");
    assert_eq!(
        public.fabric_scope,
        "https://api.fabric.microsoft.com/.default"
    );
}

#[test]
fn a_cloud_that_nobody_knows_is_answered_with_the_nearest() {
    assert_eq!(
        mistakes("version: 1\ncloud: gcc_high\n"),
        [
            "invalid_value conf/refresh.yaml:2: cloud: this is none of `public`, `gcc`, `gcc-high`, `dod` and `china`; did you mean `gcc-high`?"
        ]
    );
}

#[test]
fn fabric_in_a_cloud_without_its_address_is_told_what_to_set() {
    let gen2 = "  t: {kind: dataflow-gen2, workspace: W, dataflow: D}\n";
    let flow = "  t: {kind: power-automate, url: \"${env:FLOW_URL}\", verify: {kind: dataflow-gen2, workspace: W, dataflow: D}}\n";
    for (targets, key) in [(gen2, "targets.t.kind"), (flow, "targets.t.verify.kind")] {
        let text = file(targets) + "cloud: dod\n";
        assert_eq!(
            mistakes(&text),
            [format!(
                "invalid_value conf/refresh.yaml:9: {key}: Microsoft documents no address of Fabric in this cloud; \
                 set `endpoints.fabric` to the address that your administrators know"
            )]
        );
        let set = text + "endpoints: {fabric: \"https://fabric.example\"}\n";
        assert_eq!(resolve_all(&set).unwrap().len(), 1);
    }
    let dataflow = file("  t: {kind: dataflow, workspace: W, dataflow: D}\n") + "cloud: dod\n";
    assert_eq!(only(&dataflow).bearers().len(), 1);
}
