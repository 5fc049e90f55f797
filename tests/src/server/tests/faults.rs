//! Each fault as a client meets it on the wire, and whether the flow ran.

use super::*;

/// The completing world with one fault at its trigger, and its flow.
async fn befallen(mishap: impl Into<crate::faults::Fault>) -> (Simulator, Flow) {
    let rule = FaultRule::on(Operation::Trigger, mishap);
    let world = scenario::order_list_completes().fault(rule);
    let flow = world.flows[0].clone();
    (Simulator::start(world).await.unwrap(), flow)
}

#[tokio::test]
async fn a_reply_in_place_of_the_service_has_no_effect() {
    let canned = CannedReply::status(429)
        .header("Retry-After", "3600")
        .body("{}");
    let (simulator, flow) = befallen(canned).await;
    let reply = trigger(&simulator, &flow).await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("3600"))
    );
    assert_eq!(flow_runs(&simulator), 0);
    assert_eq!(simulator.requests()[0].status, json!(429));
}

#[tokio::test]
async fn a_replaced_answer_comes_after_the_effect() {
    let (simulator, flow) = befallen(Mishap::ReplaceAfterStatus(CannedReply::status(502))).await;
    assert_eq!(trigger(&simulator, &flow).await.status, 502);
    assert_eq!(flow_runs(&simulator), 1);
}

#[tokio::test]
async fn a_dropped_connection_ends_without_a_byte() {
    for (mishap, runs) in [(Mishap::DropBefore, 0), (Mishap::DropAfter, 1)] {
        let (simulator, flow) = befallen(mishap).await;
        let bytes = bytes_of(&simulator, &trigger_text(&flow)).await.unwrap();
        assert!(bytes.is_empty(), "{bytes:?}");
        assert_eq!(flow_runs(&simulator), runs);
    }
}

#[tokio::test]
async fn a_reset_connection_is_reset() {
    for (mishap, runs) in [(Mishap::Reset, 0), (Mishap::ResetAfter, 1)] {
        let (simulator, flow) = befallen(mishap).await;
        let error = bytes_of(&simulator, &trigger_text(&flow))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(flow_runs(&simulator), runs);
    }
}

#[tokio::test]
async fn a_hanging_service_says_nothing_and_may_have_acted() {
    for (mishap, runs, name) in [
        (Mishap::Hang, 0, "hang"),
        (Mishap::HangAfter, 1, "hang_after"),
    ] {
        let (simulator, flow) = befallen(mishap).await;
        let mut stream = connected(&simulator, &trigger_text(&flow)).await;
        until(|| {
            simulator
                .requests()
                .iter()
                .any(|request| request.status == name)
        })
        .await;
        assert_eq!(flow_runs(&simulator), runs);
        assert!(timeout(SILENCE, stream.read_u8()).await.is_err());
    }
}

#[tokio::test]
async fn a_truncated_answer_promises_more_than_it_holds() {
    let rule = FaultRule::on(Operation::Token, Mishap::Truncated);
    let world = scenario::order_list_completes().fault(rule);
    let simulator = Simulator::start(world).await.unwrap();
    let text = request_text("POST", &format!("/{TENANT}/oauth2/v2.0/token"), &[], "");
    let reply = Raw::parse(&bytes_of(&simulator, &text).await.unwrap()).unwrap();
    let promised: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!(reply.body.len(), promised / 2);
    assert!(reply.body.starts_with(b"{"));
}

#[tokio::test]
async fn an_empty_answer_can_be_truncated_too() {
    let (simulator, flow) = befallen(Mishap::Truncated).await;
    let reply = trigger(&simulator, &flow).await;
    assert_eq!(
        (reply.status, reply.header("content-length")),
        (202, Some("64"))
    );
    assert_eq!(reply.body, b"{");
}

#[tokio::test]
async fn garbage_is_not_http_and_the_run_has_begun() {
    let (simulator, flow) = befallen(Mishap::Garbage).await;
    let bytes = bytes_of(&simulator, &trigger_text(&flow)).await.unwrap();
    assert!(Raw::parse(&bytes).is_none());
    assert!(String::from_utf8_lossy(&bytes).contains("this is not HTTP"));
    assert_eq!(flow_runs(&simulator), 1);
}

#[tokio::test]
async fn a_login_page_is_html_with_and_without_effect() {
    for (mishap, runs) in [(Mishap::Html, 1), (Mishap::HtmlBefore, 0)] {
        let (simulator, flow) = befallen(mishap).await;
        let reply = trigger(&simulator, &flow).await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(flow_runs(&simulator), runs);
    }
}

#[tokio::test]
async fn a_huge_answer_has_the_size_that_was_asked_for() {
    let (simulator, flow) = befallen(Mishap::HugeMb(3)).await;
    let reply = trigger(&simulator, &flow).await;
    assert_eq!(reply.header("content-length"), Some("3000000"));
    assert_eq!(reply.body.len(), 3_000_000);
}

#[tokio::test]
async fn a_slow_answer_arrives_whole_in_many_pieces() {
    let mishap = Mishap::SlowDrip {
        bytes_per_s: 10_000,
    };
    let (simulator, flow) = befallen(mishap).await;
    let mut stream = connected(&simulator, &trigger_text(&flow)).await;
    let mut reads = 0;
    let mut bytes = Vec::new();
    while timeout(PATIENCE, stream.read_buf(&mut bytes))
        .await
        .unwrap()
        .unwrap()
        > 0
    {
        reads += 1;
    }
    assert!(reads > 1, "{reads}");
    assert_eq!(Raw::parse(&bytes).unwrap().body, [b' '; 1024]);
}

#[tokio::test]
async fn small_disguises_keep_the_effect() {
    let (simulator, flow) = befallen(Mishap::NoContent).await;
    assert_eq!(trigger(&simulator, &flow).await.status, 204);
    assert_eq!(flow_runs(&simulator), 1);
    let (simulator, flow) = befallen(Mishap::WrongContentType).await;
    let reply = trigger(&simulator, &flow).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (202, Some("text/plain"))
    );
    let (simulator, flow) = befallen(Mishap::DelayMs(30)).await;
    assert_eq!(trigger(&simulator, &flow).await.status, 202);
}

#[tokio::test]
async fn a_delayed_answer_waits_for_the_simulators_clock() {
    let clock = Arc::new(StandingClock::at("2026-10-01T01:00:00Z".parse().unwrap()));
    let rule = FaultRule::on(Operation::Trigger, Mishap::DelayMs(60_000));
    let world = scenario::order_list_completes().fault(rule);
    let text = trigger_text(&world.flows[0]);
    let simulator = Simulator::builder(world)
        .clock(clock)
        .start()
        .await
        .unwrap();
    let mut stream = connected(&simulator, &text).await;
    until(|| flow_runs(&simulator) == 1).await;
    assert!(timeout(SILENCE, stream.read_u8()).await.is_err());
    simulator.advance(Duration::from_secs(60));
    assert_eq!(
        timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap(),
        b'H'
    );
}
