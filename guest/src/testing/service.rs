//! How each service of the scripted world speaks: its addresses, its rows, its answer to a trigger.

use super::{HttpAnswer, HttpRequest, OURS, answer, taken, with};

/// What a GET asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// The history of a content.
    History(Way),
    /// One run.
    Page(Way, String),
    /// Anything else.
    List,
}

/// The way in which a history is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Dataflow,
    Gen2,
    Model,
}

/// A run as the world has it now.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) refresh_type: String,
    pub(super) state: String,
    pub(super) started: Option<String>,
    pub(super) ended: Option<String>,
}

pub(super) fn asked(url: &str) -> Asked {
    let path = url.split('?').next().unwrap();
    let last = path.rsplit('/').next().unwrap().to_owned();
    if last == "transactions" {
        Asked::History(Way::Dataflow)
    } else if path.contains("/jobs/") {
        match last.as_str() {
            "instances" => Asked::History(Way::Gen2),
            _ => Asked::Page(Way::Gen2, last),
        }
    } else if path.contains("/datasets/") {
        match last.as_str() {
            "refreshes" => Asked::History(Way::Model),
            _ => Asked::Page(Way::Model, last),
        }
    } else {
        Asked::List
    }
}

/// What a service calls a state that the script names in the way of dataflows.
fn word(way: Way, state: &str) -> &str {
    match (way, state) {
        (Way::Dataflow, state) => state,
        (_, "Success") => "Completed",
        (Way::Model, "InProgress") => "Unknown",
        (_, state) => state,
    }
}

impl Row {
    fn goes_on(&self) -> bool {
        self.ended.is_none()
    }

    pub(super) fn json(&self, way: Way) -> serde_json::Value {
        let status = word(way, &self.state);
        // Fabric writes UTC without `Z`, and seven digits.
        let digits = |at: &str| if at.contains('.') { "0000" } else { ".0000000" };
        let bare = |at: &Option<String>| at.as_ref().map(|at| at.replace('Z', digits(at)));
        match way {
            Way::Dataflow => {
                let mut row = serde_json::json!({
                    "id": self.id, "refreshType": self.refresh_type, "status": status,
                });
                for (name, at) in [("startTime", &self.started), ("endTime", &self.ended)] {
                    if let Some(at) = at {
                        row[name] = at.clone().into();
                    }
                }
                row
            }
            Way::Gen2 => serde_json::json!({
                "id": self.id, "itemId": super::DATAFLOW, "jobType": "Refresh",
                "invokeType": match self.refresh_type.as_str() {
                    "OnDemand" => "Manual",
                    other => other,
                },
                "status": status, "failureReason": null,
                "startTimeUtc": bare(&self.started), "endTimeUtc": bare(&self.ended),
            }),
            Way::Model => serde_json::json!({
                "requestId": self.id, "id": 937_845_027, "refreshType": self.refresh_type,
                "startTime": self.started, "endTime": self.ended, "status": status,
            }),
        }
    }

    /// The run's own page.
    pub(super) fn page(&self, way: Way) -> HttpAnswer {
        let status = match way {
            Way::Model if self.goes_on() => 202,
            _ => 200,
        };
        answer(status, &self.json(way).to_string())
    }
}

/// The answer to a trigger that each service gives.
pub(super) fn triggered(request: &HttpRequest) -> HttpAnswer {
    let empty = HttpAnswer {
        status: 202,
        headers: vec![],
        body: vec![],
    };
    let url = &request.url;
    if url.ends_with("/jobs/execute/instances") {
        let run = url
            .replace("/dataflows/", "/items/")
            .replace("/execute/", "/");
        let answer = with(empty, "Location", &format!("{run}/{OURS}"));
        return with(
            with(answer, "Retry-After", "60"),
            "RequestId",
            "f0f0f0f0-0000-0000-0000-000000000000",
        );
    }
    if url.contains("/datasets/") {
        return match request.body.contains("notifyOption") {
            true => with(empty, "RequestId", OURS),
            false => {
                let answer = with(empty, "Location", &format!("{url}/{OURS}"));
                with(answer, "x-ms-request-id", OURS)
            }
        };
    }
    taken()
}
