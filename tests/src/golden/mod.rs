//! Recorded exchanges with every service: each file beside this one is a script of requests with
//! the replies that they got. A reply that changes fails the test of its service.
//!
//! | line | meaning |
//! |---|---|
//! | `=== title` | a case: [`scenario::every_kind`] starts anew at 2026-10-01T01:00:00Z |
//! | `set POINTER JSON` | changes that world before it starts |
//! | `as AUDIENCE` | later requests have a token for `powerbi`, `fabric`, `flow` or this URL; `as nobody`: none |
//! | `wait MS` | moves the clock forward |
//! | `METHOD TARGET` | a request; its headers (`name: value`) and body (`\| text`) follow, indented |
//! | `< …` | the recorded reply: status, headers (without `date`), body |
//!
//! Random ids, tokens and signatures are written `<1>`, `<2>` … in the order of appearance.
//! `GOLDEN=write cargo test --lib golden` records the replies again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::clock::{Clock as _, StandingClock};
use crate::core::Core;
use crate::message::{ConnectionFault, Reply, Request};
use crate::scenario;
use crate::world::World;

const BASE: &str = "http://127.0.0.1:9";

#[test]
fn every_service_replies_as_recorded() {
    for name in ["entra", "power_automate", "dataflows", "models", "fabric"] {
        check(name);
    }
}

#[test]
fn faults_violations_and_the_admin_api_are_as_recorded() {
    check("faults");
    check("admin");
}

fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/golden/{name}.txt"));
    let script = std::fs::read_to_string(&path).unwrap();
    let cases = script.split("\n\n").map(|case| Case::default().play(case));
    let recorded = cases.collect::<Vec<_>>().join("\n");
    if std::env::var_os("GOLDEN").is_some() {
        std::fs::write(&path, &recorded).unwrap();
        return;
    }
    for (at, (new, old)) in recorded.lines().zip(script.lines()).enumerate() {
        assert_eq!(new, old, "{name}.txt, line {}", at + 1);
    }
    assert_eq!(recorded.lines().count(), script.lines().count(), "{name}");
}

#[derive(Default)]
struct Case {
    patches: Vec<(String, Value)>,
    core: Option<(Core, Arc<StandingClock>)>,
    audience: Option<String>,
    last: Option<Reply>,
    ids: Vec<String>,
}

impl Case {
    /// Plays one case and returns it with the replies that it got.
    fn play(mut self, case: &str) -> String {
        let mut out = String::new();
        let script: Vec<&str> = case
            .lines()
            .filter(|line| !line.starts_with("< "))
            .collect();
        let mut lines = script.iter().peekable();
        while let Some(line) = lines.next() {
            out.push_str(&format!("{line}\n"));
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "===" | "#" | "" => {}
                "set" => {
                    let (pointer, value) = rest.split_once(' ').unwrap();
                    let value = serde_json::from_str(&self.filled(value)).unwrap();
                    self.patches.push((pointer.to_owned(), value));
                }
                "as" => {
                    self.audience = match rest {
                        "nobody" => None,
                        "powerbi" => Some("https://analysis.windows.net/powerbi/api".to_owned()),
                        "fabric" => Some("https://api.fabric.microsoft.com".to_owned()),
                        "flow" => Some("https://service.flow.microsoft.com/".to_owned()),
                        other => Some(other.to_owned()),
                    };
                }
                "wait" => {
                    let by = Duration::from_millis(rest.parse().unwrap());
                    self.core().1.advance(by);
                }
                method => {
                    let target = self.filled(rest);
                    let mut request = Request::new(method, &format!("{BASE}{target}"));
                    while let Some(more) = lines.next_if(|line| line.starts_with("  ")) {
                        out.push_str(&format!("{more}\n"));
                        let more = self.filled(more.trim_start());
                        request = match more.strip_prefix("| ") {
                            Some(body) => request.with_body(body.to_owned()),
                            None => {
                                let (name, value) = more.split_once(": ").unwrap();
                                request.with_header(name, value)
                            }
                        };
                    }
                    let reply = self.send(request);
                    out.push_str(&reply);
                }
            }
        }
        out
    }

    fn core(&mut self) -> &(Core, Arc<StandingClock>) {
        let patches = &self.patches;
        self.core.get_or_insert_with(|| {
            let mut world = serde_json::to_value(scenario::every_kind()).unwrap();
            for (pointer, value) in patches {
                *world.pointer_mut(pointer).expect(pointer) = value.clone();
            }
            let world = World::from_json(&world.to_string(), "the patched world").unwrap();
            let clock = Arc::new(StandingClock::at("2026-10-01T01:00:00Z".parse().unwrap()));
            (Core::new(world, clock.clone()), clock)
        })
    }

    fn send(&mut self, mut request: Request) -> String {
        let audience = self.audience.clone();
        let (core, _) = self.core();
        if let Some(audience) = audience {
            let token = core.token(scenario::CLIENT_ID, &audience).unwrap();
            request = request.with_header("authorization", &format!("Bearer {token}"));
        }
        match core.handle(&request) {
            Ok(reply) => self.written(reply),
            Err(ConnectionFault::Truncated(reply)) => {
                format!("< the body ends in the middle\n{}", self.written(reply))
            }
            Err(fault) => format!("< {fault}\n"),
        }
    }

    fn written(&mut self, reply: Reply) -> String {
        let mut headers: Vec<String> = reply
            .headers
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| format!("< {name}: {}\n", value.to_str().unwrap()))
            .collect();
        headers.sort();
        let mut text = format!("< {}\n{}", reply.status.as_u16(), headers.concat());
        if reply.body.len() > 50_000 {
            text.push_str(&format!("< {} bytes\n", reply.body.len()));
        } else if !reply.body.is_empty() {
            text.push_str(&format!("< {}\n", String::from_utf8_lossy(&reply.body)));
        }
        self.last = Some(reply);
        self.without_random(&text)
    }

    /// `text` with the names in braces replaced by what they stand for.
    fn filled(&self, text: &str) -> String {
        let last = |header: &str| {
            let reply = self.last.as_ref();
            let value = reply.and_then(|reply| reply.header(header));
            value.unwrap_or_default().to_owned()
        };
        let location = last("location");
        let location = location.strip_prefix(BASE).unwrap_or(&location);
        let instance = location.rsplit('/').next().unwrap_or_default();
        let body = self.last.as_ref().map(|reply| reply.body.clone());
        let body: Value = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
        let run = body["value"][0]["id"].as_str().unwrap_or_default();
        let run = run
            .replace(':', "%3A")
            .replace('@', "%40")
            .replace('$', "%24");
        let flows = scenario::every_kind().flows;
        [
            ("tenant", scenario::TENANT.to_string().as_str()),
            ("client", &scenario::CLIENT_ID.to_string()),
            ("secret", scenario::CLIENT_SECRET),
            ("object", &scenario::OBJECT_ID.to_string()),
            ("ws", &scenario::DATA_ADMIN.to_string()),
            ("df", &scenario::MASTER_ORDER_LIST.to_string()),
            ("gen2", &scenario::ORDERS_GEN2.to_string()),
            ("model", &scenario::SALES_MODEL.to_string()),
            ("none", &Uuid::nil().to_string()),
            ("flow", &flows[0].id),
            ("oauth", &flows[1].id),
            ("sig", flows[0].sig.expose()),
            ("trigger", &flows[0].trigger_url("")),
            ("oauth trigger", &flows[1].trigger_url("")),
            ("form", "application/x-www-form-urlencoded"),
            ("location", location),
            ("instance", instance),
            (
                "unsigned",
                location.split("&sig=").next().unwrap_or_default(),
            ),
            ("requestid", &last("requestid")),
            ("run", &run),
        ]
        .iter()
        .fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    }

    /// `text` with a number for each random id, token and signature.
    fn without_random(&mut self, text: &str) -> String {
        let known = serde_json::to_string(&scenario::every_kind()).unwrap();
        let word_end = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (word, after) = rest.split_at(rest.find(word_end).unwrap_or(rest.len()));
            // A word may begin with what is left of `%2F` and end with a full stop.
            let start = if out.ends_with('%') && word.starts_with("2F") {
                2
            } else {
                0
            };
            out.push_str(&word[..start]);
            let word = &word[start..];
            let id = word.trim_end_matches('.');
            let random = Uuid::parse_str(id).is_ok_and(|id| !id.is_nil())
                || (id.starts_with("0858") && id.contains("CU"))
                || id.starts_with("eyJ")
                || (id.starts_with("INVENTED-") && id.len() == 41);
            if random && !known.contains(id) {
                let at = self.ids.iter().position(|known| known == id);
                let at = at.unwrap_or_else(|| {
                    self.ids.push(id.to_owned());
                    self.ids.len() - 1
                });
                out.push_str(&format!("<{}>{}", at + 1, &word[id.len()..]));
            } else {
                out.push_str(word);
            }
            let first = after.chars().next().map_or(0, char::len_utf8);
            out.push_str(&after[..first]);
            rest = &after[first..];
        }
        out
    }
}
