//! Alerts: one message when refreshes start to fail, one when they succeed again, none in between, and valid
//! for Teams and Slack with any text of a service.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use kestra_engine::{Execution, Line};
use serde_json::{Value, json};
use simulator::world::{ResponseAction, World};

use crate::fixture::Fixture;
use crate::shipped;
use crate::support::{DATAFLOW, WORKSPACE, dataflow, flow, world_of};

/// The webhooks of Teams and Slack: stores what is posted, and replies with a status that tests set.
struct Webhooks {
    address: String,
    status: Arc<AtomicU16>,
    posted: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Webhooks {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let webhooks = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            status: Arc::new(AtomicU16::new(202)),
            posted: Arc::default(),
        };
        let (status, posted) = (webhooks.status.clone(), webhooks.posted.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &status, &posted);
            }
        });
        webhooks
    }

    /// What was posted to a path and accepted.
    fn messages(&self, path: &str) -> Vec<Value> {
        let posted = self.posted.lock().unwrap();
        let on_path = posted.iter().filter(|(known, _)| known == path);
        on_path.map(|(_, body)| body.clone()).collect()
    }
}

fn serve(stream: TcpStream, status: &AtomicU16, posted: &Mutex<Vec<(String, Value)>>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if header.trim().is_empty() {
            break;
        }
        let header = header.to_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let status = status.load(Ordering::SeqCst);
    if status < 300 {
        let body = serde_json::from_slice(&body).expect("a message is JSON");
        posted.lock().unwrap().push((path, body));
    }
    let _ = write!(
        reader.into_inner(),
        "HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

/// A mail server that accepts one message, and returns what it received.
fn mail_server() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("smtp://{}", listener.local_addr().unwrap());
    let received = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let reply = |line: &str| write!(&stream, "{line}\r\n").unwrap();
        let (mut text, mut in_message) = (String::new(), false);
        reply("220 here");
        while let Some(Ok(line)) = lines.next() {
            text += &format!("{line}\n");
            match (in_message, line.as_str()) {
                (false, "DATA") => {
                    in_message = true;
                    reply("354 go on");
                }
                (false, "QUIT") => {
                    reply("221 bye");
                    break;
                }
                (true, ".") => {
                    in_message = false;
                    reply("250 taken");
                }
                (true, _) => {}
                (false, _) => reply("250 fine"),
            }
        }
        text
    });
    (address, received)
}

/// A fixture with the alert flow and both webhooks.
fn fixture(line: Line, world: &World) -> (Fixture, Webhooks) {
    let fixture = Fixture::new(line, world);
    let webhooks = Webhooks::start();
    fixture.secret(
        "TEAMS_WEBHOOK_URL",
        &format!("{}/teams?sig=INVENTED", webhooks.address),
    );
    fixture.secret(
        "SLACK_WEBHOOK_URL",
        &format!("{}/slack/INVENTED", webhooks.address),
    );
    let script = shipped::file("files/send-alert.sh");
    fixture.upload("send-alert.sh", script.as_bytes());
    let alert = shipped::flow(&format!("alert-on-failure.{}", line.suffix()));
    // Slack is off by default.
    let off = "{id: slack, type: BOOL, defaults: false}";
    assert!(alert.contains(off));
    fixture.load_text(&alert.replace(off, &off.replace("false", "true")));
    (fixture, webhooks)
}

/// The last of this many executions of the alert flow.
fn last_alert(fixture: &Fixture, count: usize) -> Execution {
    let mut all = fixture.executions("alert_on_failure", count);
    assert_eq!(all.len(), count);
    all.sort_by_key(|one| one.raw()["began"].as_str().map(str::to_owned));
    all.pop().unwrap()
}

on_both_lines! {
    fn an_incident_is_one_message_and_its_recovery_another(line) {
        let (fixture, webhooks) = fixture(line, &world_of(dataflow(), flow()));
        fixture.load("order-list-pipeline");
        // A success without an incident does not start the alert flow: see the counts of its executions below.
        fixture.succeeds("order_list_pipeline", &json!({}));
        fixture.platform.change(DATAFLOW, json!({"ends": "Failed"}));
        let first = fixture.run("order_list_pipeline", &json!({}));
        assert_eq!(first.state(), "FAILED");
        let alert = last_alert(&fixture, 1);
        assert_eq!(alert.state(), "SUCCESS", "{:#}", alert.raw());
        assert_eq!(webhooks.messages("/teams?sig=INVENTED").len(), 1);

        // A Restart and another execution also fail: the same incident.
        assert_eq!(fixture.restart(first.id()).state(), "FAILED");
        last_alert(&fixture, 2);
        assert_eq!(fixture.run("order_list_pipeline", &json!({})).state(), "FAILED");
        last_alert(&fixture, 3);
        assert_eq!(webhooks.messages("/teams?sig=INVENTED").len(), 1);

        fixture.platform.change(DATAFLOW, json!({"ends": "Success"}));
        fixture.succeeds("order_list_pipeline", &json!({}));
        last_alert(&fixture, 4);
        assert_eq!(fixture.kv(), json!({}), "no open incident");
        fixture.succeeds("order_list_pipeline", &json!({}));
        fixture.platform.change(DATAFLOW, json!({"ends": "Failed"}));
        fixture.run("order_list_pipeline", &json!({}));
        assert_eq!(last_alert(&fixture, 5).output("news"), "failed");
        let teams = webhooks.messages("/teams?sig=INVENTED");
        let slack = webhooks.messages("/slack/INVENTED");
        assert_eq!((teams.len(), slack.len()), (3, 3), "{teams:#?}");
        assert!(teams[0].to_string().contains("order_list_pipeline: failed"), "{}", teams[0]);
        assert!(teams[1].to_string().contains("order_list_pipeline: recovered"), "{}", teams[1]);
        let card = &teams[0]["attachments"][0];
        assert_eq!(teams[0]["type"], "message");
        assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
        assert_eq!(card["content"]["type"], "AdaptiveCard");
        assert!(card["content"]["actions"][0]["url"].as_str().unwrap().contains(first.id()));
        assert_eq!(slack[0]["blocks"][0]["type"], "header");
        assert!(slack[0].to_string().contains(first.id()));
        // The webhooks' URLs are secrets.
        let text = alert.raw().to_string();
        assert!(!text.contains("INVENTED"), "{text}");
    }

    fn an_alert_that_no_channel_accepted_is_sent_at_the_next_failure(line) {
        let (fixture, webhooks) = fixture(line, &world_of(dataflow().ends("Failed"), flow()));
        fixture.load("order-list-pipeline");
        webhooks.status.store(500, Ordering::SeqCst);
        fixture.run("order_list_pipeline", &json!({}));
        assert_eq!(last_alert(&fixture, 1).state(), "FAILED");
        assert_eq!(fixture.kv(), json!({}), "no incident was opened");
        webhooks.status.store(202, Ordering::SeqCst);
        fixture.run("order_list_pipeline", &json!({}));
        fixture.executions("alert_on_failure", 2);
        assert_eq!(webhooks.messages("/teams?sig=INVENTED").len(), 1);
    }

    fn a_services_text_cannot_break_a_message_or_evaluate_an_expression(line) {
        let evil = "\"}],\n\"x\": {{ secret('AZURE_CLIENT_SECRET') }} {% raw %} *bold* <!channel> \\";
        let answer = ResponseAction::with(400, json!({"error": {"code": "No", "message": evil}}));
        let (fixture, webhooks) = fixture(line, &world_of(dataflow(), flow().responding(answer)));
        let verify = format!("verify:\n      kind: dataflow\n      workspace: {WORKSPACE}\n      dataflow: {DATAFLOW}\n      start_within: 5m");
        let quota = "quota: {limit: 8, count: [on_demand, scheduled], mode: block}";
        fixture.configure(&[(&verify, "verify: {kind: response}"), (quota, "# no quota")]);
        fixture.load("order-list-pipeline");
        fixture.run("order_list_pipeline", &json!({}));
        let alert = last_alert(&fixture, 1);
        assert_eq!(alert.state(), "SUCCESS", "{:#}", alert.raw());
        for path in ["/teams?sig=INVENTED", "/slack/INVENTED"] {
            let message = webhooks.messages(path)[0].to_string();
            assert!(message.contains("{{ secret('AZURE_CLIENT_SECRET') }}"), "{message}");
            assert!(!message.contains(crate::support::CLIENT_SECRET), "{message}");
        }
    }

    fn mail_is_a_channel(line) {
        let (fixture, webhooks) = fixture(line, &world_of(dataflow(), flow()));
        let (address, received) = mail_server();
        let inputs = json!({
            "test": true,
            "teams": false,
            "slack": false,
            "mail": true,
            "mail_server": address,
            "mail_from": "kestra@example.com",
            "mail_to": "bi-team@example.com",
        });
        fixture.succeeds("alert_on_failure", &inputs);
        let received = received.join().unwrap();
        for part in [
            "MAIL FROM:<kestra@example.com>",
            "RCPT TO:<bi-team@example.com>",
            "Subject: company.bi",
            "alert_on_failure: test",
        ] {
            assert!(received.contains(part), "{part} is not in {received}");
        }
        assert!(webhooks.messages("/teams?sig=INVENTED").is_empty());
    }

    fn the_test_message_changes_no_incident(line) {
        let (fixture, webhooks) = fixture(line, &world_of(dataflow(), flow()));
        fixture.succeeds("alert_on_failure", &json!({"test": true}));
        assert_eq!(webhooks.messages("/teams?sig=INVENTED").len(), 1);
        assert_eq!(fixture.kv(), json!({}));
    }
}
