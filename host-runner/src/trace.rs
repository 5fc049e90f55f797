//! The trace that an invocation is part of, as W3C Trace Context.
//!
//! It is read from `TRACEPARENT` (under Kestra `{{ trace.parent ?? '' }}`). Its trace id is sent with
//! every call to a service and stored in the audit log. Without it there is no trace, and no spans
//! are exported. A value that is malformed by the specification is refused with a reason; of a later
//! version the first four parts are read, as the specification says, and sent as version 00.

use std::fmt;

use thiserror::Error;
use uuid::Uuid;

/// The length of a value of version 00, in characters.
const LENGTH: usize = 55;
/// The flags of version 00: sampled, and (Trace Context Level 2) that the trace id is random. All
/// others must be sent as zero.
const KNOWN_FLAGS: u8 = 0b11;

/// The position of an invocation in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    trace_id: String,
    parent_id: String,
    flags: u8,
}

/// Why a `TRACEPARENT` is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TraceError {
    /// It does not have the form.
    #[error(
        "it does not have the form 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower case"
    )]
    Form,
    /// Version `ff`, which the specification forbids.
    #[error("version ff is forbidden")]
    Version,
    /// A trace id of zeros.
    #[error("its trace id is all zeros")]
    NoTrace,
    /// A parent id of zeros.
    #[error("its parent id is all zeros")]
    NoParent,
}

impl Trace {
    /// Parses a `traceparent`.
    ///
    /// # Errors
    /// [`TraceError`]; such a value must be ignored.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let text = text.trim();
        let (Some(known), more) = (text.get(..LENGTH), text.get(LENGTH..).unwrap_or_default())
        else {
            return Err(TraceError::Form);
        };
        let parts: Vec<&str> = known.split('-').collect();
        let [version, trace_id, parent_id, flags] = parts.as_slice() else {
            return Err(TraceError::Form);
        };
        let sized = [(version, 2), (trace_id, 32), (parent_id, 16), (flags, 2)];
        if !sized.iter().all(|(part, size)| is_hex(part, *size)) {
            return Err(TraceError::Form);
        }
        match (*version, more) {
            ("ff", _) => return Err(TraceError::Version),
            ("00", "") => {}
            ("00", _) => return Err(TraceError::Form),
            // A later version may continue after a hyphen.
            (_, more) if more.is_empty() || more.starts_with('-') => {}
            _ => return Err(TraceError::Form),
        }
        if trace_id.bytes().all(|digit| digit == b'0') {
            return Err(TraceError::NoTrace);
        }
        if parent_id.bytes().all(|digit| digit == b'0') {
            return Err(TraceError::NoParent);
        }
        let flags = u8::from_str_radix(flags, 16).map_err(|_| TraceError::Form)?;
        Ok(Self {
            trace_id: (*trace_id).to_owned(),
            parent_id: (*parent_id).to_owned(),
            flags: flags & KNOWN_FLAGS,
        })
    }

    /// The trace's id: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The id of the span that started us: 16 hexadecimal digits.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        &self.parent_id
    }

    /// The trace's id as a GUID, the form of Microsoft's request ids.
    #[must_use]
    pub fn guid(&self) -> String {
        Uuid::try_parse(&self.trace_id).map_or_else(|_| self.trace_id.clone(), |id| id.to_string())
    }

    /// The `traceparent` of one call: the same trace, and a span of its own.
    #[must_use]
    pub fn of_a_call(&self) -> String {
        // Its second half has 62 random bits and two that are fixed, so that it is never zero.
        let (_, span) = Uuid::new_v4().as_u64_pair();
        format!("00-{}-{span:016x}-{:02x}", self.trace_id, self.flags)
    }

    /// The tracking id of a trigger in this trace: our id of the run, as in the audit log, then that of
    /// the trace. A run's history shows it as one text.
    #[must_use]
    pub fn tracking_id(&self, run: &str) -> String {
        format!("{run}-{}", self.trace_id)
    }
}

impl fmt::Display for Trace {
    /// The `traceparent` that was given, as version 00.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{}-{}-{:02x}",
            self.trace_id, self.parent_id, self.flags
        )
    }
}

fn is_hex(text: &str, size: usize) -> bool {
    text.len() == size
        && text
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn of(text: &str) -> Result<String, TraceError> {
        Trace::parse(text).map(|trace| trace.to_string())
    }

    #[test]
    fn a_traceparent_is_read_and_its_blanks_do_not_matter() {
        let text = format!("00-{ID}-{PARENT}-01");
        assert_eq!(of(&format!(" {text}\n")), Ok(text));
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        for (text, error) in [
            (String::new(), TraceError::Form),
            ("nonsense".to_owned(), TraceError::Form),
            (format!("00-{ID}-{PARENT}"), TraceError::Form),
            (format!("00-{ID}-{PARENT}-01-more"), TraceError::Form),
            (
                format!("00-{}-{PARENT}-01", ID.to_uppercase()),
                TraceError::Form,
            ),
            (format!("00-{ID}-{PARENT}-0g"), TraceError::Form),
            (format!("0-{ID}0-{PARENT}-01"), TraceError::Form),
            (format!("00-{ID}-{PARENT}-ä"), TraceError::Form),
            (format!("ff-{ID}-{PARENT}-01"), TraceError::Version),
            (
                format!("00-{}-{PARENT}-01", "0".repeat(32)),
                TraceError::NoTrace,
            ),
            (
                format!("00-{ID}-{}-01", "0".repeat(16)),
                TraceError::NoParent,
            ),
        ] {
            assert_eq!(of(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_later_version_is_read_by_its_first_four_parts_and_handed_on_as_ours() {
        let ours = format!("00-{ID}-{PARENT}-01");
        for later in [
            format!("01-{ID}-{PARENT}-01"),
            format!("cc-{ID}-{PARENT}-01-what-the-future-will-be-like"),
        ] {
            assert_eq!(of(&later).as_ref(), Ok(&ours), "{later}");
        }
        assert_eq!(
            of(&format!("01-{ID}-{PARENT}-01.more")),
            Err(TraceError::Form)
        );
    }

    #[test]
    fn every_call_has_a_span_of_its_own_in_the_same_trace() {
        let trace = Trace::parse(&format!("00-{ID}-{PARENT}-ff")).unwrap();
        let calls = [trace.of_a_call(), trace.of_a_call()];
        assert_ne!(calls[0], calls[1]);
        for call in calls {
            let read = Trace::parse(&call).unwrap();
            assert_eq!(read.trace_id(), ID);
            assert_ne!(read.parent_id(), PARENT);
            assert!(
                call.ends_with("-03"),
                "only the flags that are known: {call}"
            );
        }
    }

    #[test]
    fn the_ids_for_services_hold_the_trace_in_the_form_that_they_want() {
        let trace = Trace::parse(&format!("00-{ID}-{PARENT}-01")).unwrap();
        assert_eq!(trace.guid(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
        assert_eq!(trace.tracking_id("run-1"), format!("run-1-{ID}"));
    }
}
