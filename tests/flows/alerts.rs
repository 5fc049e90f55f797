//! Alerts: one message when it begins to fail, one when it is well again, none in between; in forms
//! that Teams and Slack take, whatever a service wrote.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use kestra_engine::{Execution, Line};
use serde_json::{Value, json};
use simulator::world::{ResponseAction, World};

use crate::shipped;
use crate::stage::Stage;
use crate::support::{dataflow, flow, world_of};

/// Stands in for the webhooks of Teams and Slack: keeps what is posted, and answers as it is told.
struct Channels {
    address: String,
    answer: Arc<AtomicU16>,
    posted: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Channels {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let channels = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            answer: Arc::new(AtomicU16::new(202)),
            posted: Arc::default(),
        };
        let (answer, posted) = (channels.answer.clone(), channels.posted.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &answer, &posted);
            }
        });
        channels
    }

    /// What was posted to a path and taken.
    fn messages(&self, path: &str) -> Vec<Value> {
        let posted = self.posted.lock().unwrap();
        let on_path = posted.iter().filter(|(known, _)| known == path);
        on_path.map(|(_, body)| body.clone()).collect()
    }
}

fn serve(stream: TcpStream, answer: &AtomicU16, posted: &Mutex<Vec<(String, Value)>>) {
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
    let status = answer.load(Ordering::SeqCst);
    if status < 300 {
        let body = serde_json::from_slice(&body).expect("a message is JSON");
        posted.lock().unwrap().push((path, body));
    }
    let _ = write!(
        reader.into_inner(),
        "HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

/// Stands in for a mail server: takes one message, and gives what was said to it.
fn mail_server() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("smtp://{}", listener.local_addr().unwrap());
    let taken = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let say = |words: &str| write!(&stream, "{words}\r\n").unwrap();
        let (mut said, mut in_message) = (String::new(), false);
        say("220 here");
        while let Some(Ok(line)) = lines.next() {
            said += &format!("{line}\n");
            match (in_message, line.as_str()) {
                (false, "DATA") => {
                    in_message = true;
                    say("354 go on");
                }
                (false, "QUIT") => {
                    say("221 bye");
                    break;
                }
                (true, ".") => {
                    in_message = false;
                    say("250 taken");
                }
                (true, _) => {}
                (false, _) => say("250 fine"),
            }
        }
        said
    });
    (address, taken)
}

/// A stage with the pipeline, its alerts, and both channels.
fn stage(line: Line, world: &World) -> (Stage, Channels) {
    let stage = Stage::new(line, world);
    let channels = Channels::open();
    stage.secret(
        "TEAMS_WEBHOOK_URL",
        &format!("{}/teams?sig=INVENTED", channels.address),
    );
    stage.secret(
        "SLACK_WEBHOOK_URL",
        &format!("{}/slack/INVENTED", channels.address),
    );
    let alert = shipped::flow(&format!("alert-on-failure.{}", line.suffix()));
    // Slack is off until somebody switches it on, as a user does.
    let (head, tail) = alert.split_once("- id: slack").expect("there is Slack");
    let alert = format!(
        "{head}- id: slack{}",
        tail.replacen("defaults: false", "defaults: true", 1)
    );
    stage.load_text(&alert);
    (stage, channels)
}

/// The pipeline, whose flow says itself what became of it.
fn by_response() -> String {
    let text = shipped::flow("order-list-pipeline");
    let verify = "            verify:\n              kind: dataflow\n              workspace: ${env:ORDER_LIST_WORKSPACE}\n              dataflow: ${env:ORDER_LIST_DATAFLOW}\n              start_within: 5m\n";
    assert!(text.contains(verify));
    text.replace(verify, "            verify: {kind: response}\n")
}

/// The end of the alert flow's execution about this one.
fn alert_about(stage: &Stage, count: usize) -> Execution {
    let all = stage.executions("alert_on_failure", count);
    assert_eq!(all.len(), count);
    let mut all: Vec<Execution> = all;
    all.sort_by_key(|one| one.raw()["began"].as_str().map(str::to_owned));
    all.pop().unwrap()
}

on_both_lines! {
    fn an_incident_is_one_message_and_its_end_another(line) {
        let (stage, channels) = stage(line, &world_of(dataflow().ends("Failed"), flow()));
        stage.load("order-list-pipeline");
        let first = stage.run("order_list_pipeline", &Stage::ids());
        assert_eq!(first.state(), "FAILED");
        let told = alert_about(&stage, 1);
        assert_eq!(told.state(), "SUCCESS", "{:#}", told.raw());
        assert_eq!(channels.messages("/teams?sig=INVENTED").len(), 1);

        // A Restart and another execution fail as well: the same incident.
        assert_eq!(stage.restart(first.id()).state(), "FAILED");
        alert_about(&stage, 2);
        assert_eq!(stage.run("order_list_pipeline", &Stage::ids()).state(), "FAILED");
        alert_about(&stage, 3);
        assert_eq!(channels.messages("/teams?sig=INVENTED").len(), 1);

        stage.platform.change_dataflow(json!({"ends": "Success"}));
        assert_eq!(stage.run("order_list_pipeline", &Stage::ids()).state(), "SUCCESS");
        alert_about(&stage, 4);
        assert_eq!(stage.run("order_list_pipeline", &Stage::ids()).state(), "SUCCESS");
        alert_about(&stage, 5);
        let teams = channels.messages("/teams?sig=INVENTED");
        let slack = channels.messages("/slack/INVENTED");
        assert_eq!((teams.len(), slack.len()), (2, 2), "{teams:#?}");
        assert!(teams[0].to_string().contains("order_list_pipeline: failed"), "{}", teams[0]);
        assert!(teams[1].to_string().contains("order_list_pipeline: recovered"), "{}", teams[1]);
        let card = &teams[0]["attachments"][0];
        assert_eq!(teams[0]["type"], "message");
        assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
        assert_eq!(card["content"]["type"], "AdaptiveCard");
        assert!(card["content"]["actions"][0]["url"].as_str().unwrap().contains(first.id()));
        assert_eq!(slack[0]["blocks"][0]["type"], "header");
        assert!(slack[0].to_string().contains(first.id()));
        assert_eq!(stage.kv(), json!({}), "no incident is open");
        // The webhooks' addresses are credentials.
        let text = told.raw().to_string();
        assert!(!text.contains("INVENTED"), "{text}");
    }

    fn an_incident_that_no_channel_took_is_told_at_the_next_failure(line) {
        let (stage, channels) = stage(line, &world_of(dataflow().ends("Failed"), flow()));
        stage.load("order-list-pipeline");
        channels.answer.store(500, Ordering::SeqCst);
        stage.run("order_list_pipeline", &Stage::ids());
        assert_eq!(alert_about(&stage, 1).state(), "FAILED");
        assert_eq!(stage.kv(), json!({}), "it is not marked as told");
        channels.answer.store(202, Ordering::SeqCst);
        stage.run("order_list_pipeline", &Stage::ids());
        stage.executions("alert_on_failure", 2);
        assert_eq!(channels.messages("/teams?sig=INVENTED").len(), 1);
    }

    fn a_text_of_a_service_cannot_break_a_message_or_run_an_expression_in_it(line) {
        let evil = "\"}],\n\"x\": {{ secret('AZURE_CLIENT_SECRET') }} {% raw %} *bold* <!channel> \\";
        let answer = ResponseAction::with(400, json!({"error": {"code": "No", "message": evil}}));
        let (stage, channels) = stage(line, &world_of(dataflow(), flow().responding(answer)));
        stage.load_text(&by_response());
        stage.run("order_list_pipeline", &Stage::ids());
        let told = alert_about(&stage, 1);
        assert_eq!(told.state(), "SUCCESS", "{:#}", told.raw());
        for path in ["/teams?sig=INVENTED", "/slack/INVENTED"] {
            let message = channels.messages(path)[0].to_string();
            assert!(message.contains("{{ secret('AZURE_CLIENT_SECRET') }}"), "{message}");
            assert!(!message.contains(crate::support::CLIENT_SECRET), "{message}");
        }
    }

    fn mail_is_a_channel_too(line) {
        let (stage, channels) = stage(line, &world_of(dataflow(), flow()));
        let (address, taken) = mail_server();
        let inputs = json!({
            "test": true,
            "teams": false,
            "slack": false,
            "mail": true,
            "mail_server": address,
            "mail_from": "kestra@example.com",
            "mail_to": "bi-team@example.com",
        });
        let test = stage.run("alert_on_failure", &inputs);
        assert_eq!(test.state(), "SUCCESS", "{:#}", test.raw());
        let said = taken.join().unwrap();
        for part in [
            "MAIL FROM:<kestra@example.com>",
            "RCPT TO:<bi-team@example.com>",
            "Subject: company.bi",
            "alert_on_failure: test",
        ] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        assert!(channels.messages("/teams?sig=INVENTED").is_empty());
    }

    fn the_test_message_arrives_and_touches_no_incident(line) {
        let (stage, channels) = stage(line, &world_of(dataflow(), flow()));
        let test = stage.run("alert_on_failure", &json!({"test": true}));
        assert_eq!(test.state(), "SUCCESS", "{:#}", test.raw());
        assert_eq!(channels.messages("/teams?sig=INVENTED").len(), 1);
        assert_eq!(stage.kv(), json!({}));
    }
}
