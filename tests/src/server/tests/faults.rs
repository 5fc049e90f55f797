//! Each fault as a client sees it on the wire, and whether the flow ran.

use std::io::Read as _;

use super::*;
use crate::faults::CannedReply;

/// A simulator with a fault at its trigger, and the flow.
async fn with_fault(fault: impl Into<Fault>) -> (Simulator, Flow) {
    let rule = FaultRule::on(Operation::Trigger, fault);
    started(|world| world.faults.push(rule)).await
}

#[tokio::test]
async fn a_connection_is_closed_without_a_byte_or_reset() {
    let reset = Err(io::ErrorKind::ConnectionReset);
    for (fault, end, runs) in [
        (Fault::DropBefore, Ok(0), 0),
        (Fault::DropAfter, Ok(0), 1),
        (Fault::Reset, reset, 0),
        (Fault::ResetAfter, reset, 1),
    ] {
        let (simulator, flow) = with_fault(fault).await;
        let bytes = bytes_of(&simulator, &trigger_text(&flow)).await;
        let seen = bytes.map(|bytes| bytes.len());
        assert_eq!(seen.map_err(|error| error.kind()), end);
        assert_eq!(flow_runs(&simulator), runs);
    }
}

#[tokio::test]
async fn a_hanging_service_sends_nothing() {
    for (fault, runs) in [(Fault::Hang, 0), (Fault::HangAfter, 1)] {
        let name = fault.name();
        let (simulator, flow) = with_fault(fault).await;
        let mut stream = connected(&simulator, &trigger_text(&flow)).await;
        let hangs = || simulator.requests().iter().any(|one| one.status == *name);
        until(hangs).await;
        assert_eq!(flow_runs(&simulator), runs);
        assert!(timeout(SILENCE, stream.read_u8()).await.is_err());
    }
}

#[tokio::test]
async fn a_truncated_reply_announces_more_than_it_contains() {
    let (simulator, flow) = with_fault(Fault::Truncated).await;
    let reply = trigger(&simulator, &flow).await;
    let announced = reply.header("content-length");
    assert_eq!((reply.status, announced), (202, Some("64")));
    assert_eq!(reply.body, b"{");
    let rule = FaultRule::on(Operation::Token, Fault::Truncated);
    let (simulator, _) = started(|world| world.faults.push(rule)).await;
    let target = format!("/{TENANT}/oauth2/v2.0/token");
    let reply = send(&simulator, "POST", &target, &[], "").await;
    let announced: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!(reply.body.len(), announced / 2);
}

#[tokio::test]
async fn garbage_is_not_http() {
    let (simulator, flow) = with_fault(Fault::Garbage).await;
    let bytes = bytes_of(&simulator, &trigger_text(&flow)).await.unwrap();
    assert!(RawReply::parse(&bytes).is_none());
    assert!(String::from_utf8_lossy(&bytes).contains("this is not HTTP"));
    assert_eq!(flow_runs(&simulator), 1);
}

#[tokio::test]
async fn a_huge_reply_has_the_requested_size() {
    let (simulator, flow) = with_fault(Fault::HugeMb(3)).await;
    let reply = trigger(&simulator, &flow).await;
    assert_eq!(reply.header("content-length"), Some("3000000"));
    assert_eq!(reply.body.len(), 3_000_000);
}

#[tokio::test]
async fn a_slow_reply_arrives_in_many_chunks() {
    let bytes_per_s = 10_000;
    let (simulator, flow) = with_fault(Fault::SlowDrip { bytes_per_s }).await;
    let mut stream = connected(&simulator, &trigger_text(&flow)).await;
    let mut reads = 0;
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await.unwrap() > 0 {
        reads += 1;
    }
    assert!(reads > 1, "{reads}");
    assert_eq!(RawReply::parse(&bytes).unwrap().body, [b' '; 1024]);
}

#[tokio::test]
async fn a_delayed_reply_follows_the_simulators_clock() {
    let (simulator, flow) = with_fault(Fault::DelayMs(60_000)).await;
    let mut stream = connected(&simulator, &trigger_text(&flow)).await;
    until(|| flow_runs(&simulator) == 1).await;
    assert!(timeout(SILENCE, stream.read_u8()).await.is_err());
    simulator.advance(Duration::from_secs(60));
    let first = timeout(PATIENCE, stream.read_u8()).await;
    assert_eq!(first.unwrap().unwrap(), b'H');
}

#[tokio::test]
async fn any_status_can_be_final_and_only_some_have_a_body() {
    for (status, has_body) in [
        (100, false),
        (101, false),
        (199, false),
        (204, false),
        (299, true),
        (304, false),
        (399, true),
        (499, true),
        (600, true),
        (999, true),
    ] {
        let canned = CannedReply::status(status).body("{}");
        let (simulator, flow) = with_fault(Fault::ReplaceAfterStatus(canned)).await;
        let bytes = bytes_of(&simulator, &trigger_text(&flow)).await.unwrap();
        let reply = RawReply::parse(&bytes).unwrap();
        assert_eq!(reply.status, status);
        assert_eq!(!reply.body.is_empty(), has_body, "{status}");
        assert_eq!(reply.header("content-length").is_some(), has_body);
        assert_eq!(flow_runs(&simulator), 1);
    }
}

#[tokio::test]
async fn a_body_can_be_compressed() {
    for coding in ["gzip", "br"] {
        let fault = Fault::Encoded(coding.to_owned());
        let rule = FaultRule::on(Operation::Token, fault);
        let (simulator, _) = started(|world| world.faults.push(rule)).await;
        let target = format!("/{TENANT}/oauth2/v2.0/token");
        let reply = send(&simulator, "POST", &target, &[], "").await;
        assert_eq!(reply.header("content-encoding"), Some(coding));
        let mut text = String::new();
        let read = flate2::read::GzDecoder::new(&reply.body[..]).read_to_string(&mut text);
        assert_eq!(read.is_ok(), coding == "gzip", "{text}");
        assert_eq!(text.contains("error"), coding == "gzip", "{text}");
    }
}
