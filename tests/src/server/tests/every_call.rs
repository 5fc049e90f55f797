//! Each fault at each call: whether the service was reached, and what came back.

use super::*;
use crate::faults::Fault;
use crate::scenario::{COMPLETING_FLOW, ORDERS_GEN2, SALES_MODEL};

/// A request for every operation. The services refuse most of them, for want of a token: here it
/// matters only that a fault befalls them.
fn request_for(operation: Operation) -> (&'static str, String) {
    let group = format!("/v1.0/myorg/groups/{DATA_ADMIN}");
    let dataflow = format!("{group}/dataflows/{MASTER_ORDER_LIST}");
    let model = format!("{group}/datasets/{SALES_MODEL}");
    let workspace = format!("/v1/workspaces/{DATA_ADMIN}");
    let jobs = format!("{workspace}/items/{ORDERS_GEN2}/jobs/instances");
    let id = SALES_MODEL;
    match operation {
        Operation::Token => ("POST", format!("/{TENANT}/oauth2/v2.0/token")),
        Operation::Groups => ("GET", "/v1.0/myorg/groups".to_owned()),
        Operation::Dataflows => ("GET", format!("{group}/dataflows")),
        Operation::Transactions => ("GET", format!("{dataflow}/transactions")),
        Operation::Refresh => ("POST", format!("{dataflow}/refreshes")),
        Operation::Cancel => ("POST", format!("{group}/dataflows/transactions/x/cancel")),
        Operation::Trigger => ("POST", scenario::every_kind().flows[0].trigger_url("")),
        Operation::Poll => (
            "GET",
            format!("/workflows/{COMPLETING_FLOW}/runs/x/operations/y"),
        ),
        Operation::Models => ("GET", format!("{group}/datasets")),
        Operation::ModelRefresh => ("POST", format!("{model}/refreshes")),
        Operation::ModelHistory => ("GET", format!("{model}/refreshes")),
        Operation::ModelDetails => ("GET", format!("{model}/refreshes/{id}")),
        Operation::ModelCancel => ("DELETE", format!("{model}/refreshes/{id}")),
        Operation::FabricWorkspaces => ("GET", "/v1/workspaces".to_owned()),
        Operation::FabricDataflows => ("GET", format!("{workspace}/dataflows")),
        Operation::FabricRun => ("POST", format!("{jobs}?jobType=Refresh")),
        Operation::FabricInstances => ("GET", jobs),
        Operation::FabricInstance => ("GET", format!("{jobs}/{id}")),
        Operation::FabricCancel => ("POST", format!("{jobs}/{id}/cancel")),
    }
}

/// What comes back to every operation when `fault` befalls it; `None`: not an answer.
async fn answers(fault: impl Into<Fault>) -> Vec<(Operation, Option<Raw>)> {
    let fault = fault.into();
    let simulator = Simulator::start(scenario::every_kind()).await.unwrap();
    let rules = Operation::ALL.map(|on| FaultRule::on(on, fault.clone()));
    simulator.set_faults(rules.to_vec());
    let mut answers = Vec::new();
    for operation in Operation::ALL {
        let (method, target) = request_for(operation);
        let text = request_text(method, &target, &[], "");
        let bytes = bytes_of(&simulator, &text).await.unwrap_or_default();
        answers.push((operation, Raw::parse(&bytes)));
        let log = simulator.requests();
        let logged = log.last().unwrap();
        assert_eq!(logged.on, Some(operation));
        assert_eq!(logged.fault, Some(fault.name()), "{operation:?}");
    }
    answers
}

#[tokio::test]
async fn every_call_can_be_throttled_for_an_hour_in_seconds_and_by_date() {
    for as_date in [false, true] {
        let fault = Mishap::Throttled {
            retry_after_s: 3600,
            as_date,
        };
        for (operation, raw) in answers(fault).await {
            let raw = raw.unwrap();
            assert_eq!(raw.status, 429, "{operation:?}");
            let wait = raw.header("retry-after").unwrap();
            assert_eq!(wait.ends_with("GMT"), as_date, "{operation:?}");
            assert_eq!(wait == "3600", !as_date, "{operation:?}");
            assert!(raw.json().is_object(), "{operation:?}");
        }
    }
}

#[tokio::test]
async fn every_call_can_be_unavailable_redirected_html_or_empty() {
    let unavailable = Mishap::Unavailable {
        retry_after_s: Some(7),
    };
    for (operation, raw) in answers(unavailable).await {
        let raw = raw.unwrap();
        assert_eq!(
            (
                raw.status,
                raw.header("retry-after"),
                raw.header("content-type")
            ),
            (503, Some("7"), Some("text/html; charset=utf-8")),
            "{operation:?}"
        );
    }
    let to = "https://127.0.0.1:1/elsewhere";
    let redirect = Mishap::Redirect { to: to.to_owned() };
    for (operation, raw) in answers(redirect).await {
        let raw = raw.unwrap();
        assert_eq!(
            (raw.status, raw.header("location")),
            (302, Some(to)),
            "{operation:?}"
        );
    }
    for (operation, raw) in answers(Mishap::Html).await {
        assert!(
            raw.unwrap().body.starts_with(b"<!DOCTYPE html>"),
            "{operation:?}"
        );
    }
    for (operation, raw) in answers(Mishap::NoContent).await {
        assert_eq!(raw.unwrap().status, 204, "{operation:?}");
    }
}

#[tokio::test]
async fn every_call_can_be_cut_off_disguised_or_left_without_an_answer() {
    for fault in [
        Mishap::DropBefore,
        Mishap::DropAfter,
        Mishap::Reset,
        Mishap::ResetAfter,
        Mishap::Garbage,
    ] {
        for (operation, raw) in answers(fault.clone()).await {
            assert!(raw.is_none(), "{operation:?} {fault:?}");
        }
    }
    for (operation, raw) in answers(Mishap::Truncated).await {
        let raw = raw.unwrap();
        let promised: usize = raw.header("content-length").unwrap().parse().unwrap();
        assert!(raw.body.len() < promised, "{operation:?}");
    }
    for (operation, raw) in answers(Mishap::WrongContentType).await {
        let raw = raw.unwrap();
        assert_eq!(
            raw.header("content-type"),
            Some("text/plain"),
            "{operation:?}"
        );
    }
    let drip = Mishap::SlowDrip {
        bytes_per_s: 100_000,
    };
    for (operation, raw) in answers(drip).await {
        assert!(!raw.unwrap().body.is_empty(), "{operation:?}");
    }
    for (operation, raw) in answers(Mishap::DelayMs(1)).await {
        assert!(raw.is_some(), "{operation:?}");
    }
}

#[tokio::test]
async fn a_run_whose_answer_was_dropped_is_going_on() {
    for (mishap, runs) in [(Mishap::DropBefore, 0), (Mishap::DropAfter, 1)] {
        let world = scenario::every_kind().fault(FaultRule::on(Operation::ModelRefresh, mishap));
        let simulator = Simulator::start(world).await.unwrap();
        let token = token(&simulator).await;
        let bearer = format!("Bearer {token}");
        let (method, target) = request_for(Operation::ModelRefresh);
        let text = request_text(method, &target, &[("authorization", &bearer)], "");
        assert!(bytes_of(&simulator, &text).await.unwrap().is_empty());
        assert_eq!(simulator.item(SALES_MODEL).unwrap().runs.len(), runs);
    }
}
