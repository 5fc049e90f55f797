//! The ids that identify a call at a service.
//!
//! Only an invocation that is part of a trace sends more than the tracking id that the component
//! itself sets on a trigger. They are telemetry: no service makes decisions by them, and none is a
//! secret.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::trace::Trace;

/// The header with our id of the run; Power Automate shows it in the flow's run history.
pub(crate) const TRACKING_ID: &str = "x-ms-client-tracking-id";

/// W3C Trace Context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The caller's own id of a request in Microsoft's REST API guidelines.
const API_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
/// The same for Entra; its errors return it as `Correlation ID`.
const LOGIN_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// The service that a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// The trigger of a flow, its late Response, or anything else that the configuration allows.
    Flow,
    /// Power BI or Fabric.
    Api,
    /// The token endpoint.
    Login,
}

/// Adds the ids of one call to its headers. Without a trace they stay as they are.
pub(crate) fn mark(trace: Option<&Trace>, called: Called, headers: &mut HeaderMap) {
    let Some(trace) = trace else {
        return;
    };
    let mut set = |name: HeaderName, text: String| {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    };
    set(TRACEPARENT, trace.of_a_call());
    match called {
        Called::Flow => {}
        Called::Api => set(API_REQUEST_ID, trace.guid()),
        Called::Login => set(LOGIN_REQUEST_ID, trace.guid()),
    }
    let run = headers
        .get(TRACKING_ID)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    if let Some(run) = run
        && let Ok(value) = HeaderValue::from_str(&trace.tracking_id(&run))
    {
        headers.insert(HeaderName::from_static(TRACKING_ID), value);
    }
}

/// The same for a request that is stored or shown: only the header that the boundary changes.
pub fn tracked(trace: Option<&Trace>, headers: &mut [(String, String)]) {
    let Some(trace) = trace else {
        return;
    };
    for (name, value) in headers {
        if name.eq_ignore_ascii_case(TRACKING_ID) {
            *value = trace.tracking_id(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const GUID: &str = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";

    fn trace() -> Trace {
        Trace::parse(&format!("00-{ID}-00f067aa0ba902b7-01")).unwrap()
    }

    fn marked(trace: Option<&Trace>, called: Called) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(TRACKING_ID, HeaderValue::from_static("run-1"));
        mark(trace, called, &mut headers);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        let mut all: Vec<(String, String)> = headers
            .iter()
            .filter(|(name, _)| *name != TRACEPARENT)
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        all.sort();
        assert_eq!(headers.contains_key(TRACEPARENT), trace.is_some());
        all
    }

    #[test]
    fn without_a_trace_nothing_is_added_and_nothing_changed() {
        for called in [Called::Flow, Called::Api, Called::Login] {
            assert_eq!(
                marked(None, called),
                [(TRACKING_ID.to_owned(), "run-1".to_owned())]
            );
        }
    }

    #[test]
    fn every_service_gets_the_trace_under_the_name_that_it_knows() {
        let trace = trace();
        let tracking = (TRACKING_ID.to_owned(), format!("run-1-{ID}"));
        assert_eq!(
            marked(Some(&trace), Called::Flow),
            std::slice::from_ref(&tracking)
        );
        for (called, name) in [
            (Called::Api, "x-ms-client-request-id"),
            (Called::Login, "client-request-id"),
        ] {
            let mut wanted = vec![(name.to_owned(), GUID.to_owned()), tracking.clone()];
            wanted.sort();
            assert_eq!(marked(Some(&trace), called), wanted);
        }
    }

    #[test]
    fn what_is_recorded_is_what_is_sent() {
        let mut headers = [
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("X-MS-Client-Tracking-Id".to_owned(), "run-1".to_owned()),
        ];
        tracked(None, &mut headers);
        assert_eq!(headers[1].1, "run-1");
        tracked(Some(&trace()), &mut headers);
        assert_eq!(headers[1].1, format!("run-1-{ID}"));
        assert_eq!(headers[0].1, "application/json");
    }
}
