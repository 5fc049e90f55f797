//! Which keys may stand where.
//!
//! A key of the contract that this version does not have yet is its own mistake, with its own
//! words: nobody shall believe in a guard that is not there. The same goes for a known key in the
//! wrong section.

use super::fault::Fault;
use super::words::nearest;

/// The keys of one section.
pub(crate) struct Keys {
    /// What may stand here.
    pub(crate) known: &'static [&'static str],
    /// What a later version brings, and what to do until then.
    later: &'static [&'static [(&'static str, &'static str)]],
    /// What belongs elsewhere, and where.
    elsewhere: &'static [(&'static str, &'static str)],
}

const NO_GUARD: &str = "take it out: without it nothing would hold a refresh back";
const KIND_LATER: &str = "take it out, or wait for the version that has this kind";

const TARGET_LATER: &[(&str, &str)] = &[
    ("quota", NO_GUARD),
    ("window", NO_GUARD),
    ("interval", NO_GUARD),
    (
        "after",
        "name the targets in their order, one start after the other",
    ),
    (
        "retry",
        "let the orchestrator start it again; a refresh that may have been sent is then followed, never sent twice",
    ),
    ("on_interrupt", "a run that was sent goes on at the service"),
    ("model", KIND_LATER),
];
const OAUTH_LATER: &[(&str, &str)] = &[(
    "credentials",
    "a SAS URL needs none, and OAuth triggers come later; the credentials of the history belong into `verify`",
)];

/// The file itself.
pub(crate) const FILE: Keys = Keys {
    known: &[
        "version",
        "audit",
        "defaults",
        "credentials",
        "endpoints",
        "sandbox",
        "transport",
        "targets",
    ],
    later: &[&[(
        "cloud",
        "take it out; for another cloud than the public one give its addresses in `endpoints`",
    )]],
    elsewhere: &[
        ("deadline", "belongs into `defaults`"),
        ("timeout", "belongs into `defaults`"),
        ("exit_zero_on", "belongs into `defaults`"),
        ("proxy", "belongs into `transport`"),
        ("ca_file", "belongs into `transport`"),
        ("allow", "belongs into `sandbox`"),
        ("allow_loopback", "belongs into `sandbox`"),
    ],
};
/// `defaults`.
pub(crate) const DEFAULTS: Keys = Keys {
    known: &["deadline", "timeout", "exit_zero_on"],
    later: &[TARGET_LATER],
    elsewhere: &[
        ("if_lost", "belongs into the target"),
        ("if_running", "belongs into the target"),
        (
            "poll",
            "belongs into `verify`, or into a target of kind dataflow",
        ),
        (
            "start_within",
            "belongs into `verify`, or into a target of kind dataflow",
        ),
    ],
};
/// One of the `credentials`.
pub(crate) const CREDENTIAL: Keys = Keys {
    known: &["kind", "tenant", "client_id", "client_secret"],
    later: &[],
    elsewhere: &[],
};
/// `endpoints`.
pub(crate) const ENDPOINTS: Keys = Keys {
    known: &["login", "powerbi"],
    later: &[&[("fabric", "take it out: no kind of this version asks Fabric")]],
    elsewhere: &[],
};
/// One of the `endpoints` in its long form.
pub(crate) const ENDPOINT: Keys = Keys {
    known: &["url", "private"],
    later: &[],
    elsewhere: &[],
};
/// `sandbox`.
pub(crate) const SANDBOX: Keys = Keys {
    known: &["allow", "allow_loopback"],
    later: &[],
    elsewhere: &[],
};
/// One entry of `sandbox.allow` in its long form.
pub(crate) const ALLOW: Keys = Keys {
    known: &["url", "methods", "private"],
    later: &[],
    elsewhere: &[],
};
/// `transport`.
pub(crate) const TRANSPORT: Keys = Keys {
    known: &["ca_file", "proxy"],
    later: &[],
    elsewhere: &[],
};
/// A target of kind `power-automate`.
pub(crate) const POWER_AUTOMATE: Keys = Keys {
    known: &[
        "kind",
        "url",
        "payload",
        "standard_fields",
        "source",
        "verify",
        "if_lost",
        "if_running",
        "timeout",
        "deadline",
        "response_timeout",
    ],
    later: &[TARGET_LATER, OAUTH_LATER],
    elsewhere: &[
        (
            "workspace",
            "belongs into `verify: {kind: dataflow, …}`, or into the payload",
        ),
        ("dataflow", "belongs into `verify: {kind: dataflow, …}`"),
        ("start_within", "belongs into `verify: {kind: dataflow, …}`"),
        ("poll", "belongs into `verify: {kind: dataflow, …}`"),
        ("dataflow_name", "belongs into `payload`"),
        ("trigger_type", "belongs into `payload`"),
    ],
};
/// A target of kind `dataflow`.
pub(crate) const DATAFLOW: Keys = Keys {
    known: &[
        "kind",
        "workspace",
        "dataflow",
        "start_within",
        "poll",
        "credentials",
        "if_lost",
        "if_running",
        "timeout",
        "deadline",
    ],
    later: &[TARGET_LATER],
    elsewhere: &[
        ("url", "belongs to a target of kind power-automate"),
        ("payload", "belongs to a target of kind power-automate"),
        (
            "standard_fields",
            "belongs to a target of kind power-automate",
        ),
        ("source", "belongs to a target of kind power-automate"),
        (
            "response_timeout",
            "belongs to a target of kind power-automate",
        ),
        (
            "verify",
            "belongs to a target of kind power-automate: a dataflow is always verified by its own history",
        ),
    ],
};
/// `verify` with a dataflow.
pub(crate) const VERIFY_DATAFLOW: Keys = Keys {
    known: &[
        "kind",
        "workspace",
        "dataflow",
        "start_within",
        "poll",
        "credentials",
    ],
    later: &[],
    elsewhere: &[],
};
/// `verify` with the flow's own Response.
pub(crate) const VERIFY_RESPONSE: Keys = Keys {
    known: &["kind"],
    later: &[],
    elsewhere: &[("response_timeout", "belongs into the target itself")],
};

impl Keys {
    /// What is wrong with a key that stands here; nothing where it is known.
    pub(crate) fn fault(&self, key: &str) -> Option<Fault> {
        if self.known.contains(&key) {
            return None;
        }
        let text_of = |(name, text): &(&str, &'static str)| (*name == key).then_some(*text);
        if let Some(instead) = self
            .later
            .iter()
            .flat_map(|table| table.iter())
            .find_map(text_of)
        {
            return Some(Fault::NotInThisVersion {
                what: format!("`{key}`"),
                instead,
            });
        }
        Some(Fault::UnknownKey {
            key: key.to_owned(),
            nearest: nearest(key, self.known),
            known: self.known.to_vec(),
            belongs: self.elsewhere.iter().find_map(text_of).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_key_has_no_fault_and_a_misspelled_one_names_the_nearest() {
        assert_eq!(POWER_AUTOMATE.fault("if_running"), None);
        let fault = POWER_AUTOMATE.fault("if_runing").unwrap();
        assert_eq!(fault.code(), "unknown_key");
        assert_eq!(fault.hint(), "did you mean `if_running`?");
    }

    #[test]
    fn a_strange_key_is_told_what_is_known() {
        let fault = ENDPOINTS.fault("colour").unwrap();
        assert_eq!(fault.to_string(), "the key `colour` is unknown here");
        assert_eq!(fault.hint(), "known here: `login` and `powerbi`");
    }

    #[test]
    fn a_key_of_another_section_is_told_where_it_belongs() {
        let fault = POWER_AUTOMATE.fault("workspace").unwrap();
        assert_eq!(fault.code(), "unknown_key");
        assert!(
            fault.hint().contains("`verify: {kind: dataflow, …}`"),
            "{}",
            fault.hint()
        );
    }

    #[test]
    fn a_guard_that_comes_later_is_not_called_unknown() {
        for key in [
            "quota",
            "window",
            "retry",
            "after",
            "interval",
            "on_interrupt",
        ] {
            for keys in [&POWER_AUTOMATE, &DATAFLOW, &DEFAULTS] {
                assert_eq!(
                    keys.fault(key).unwrap().code(),
                    "not_in_this_version",
                    "{key}"
                );
            }
        }
        assert_eq!(
            FILE.fault("cloud").unwrap().to_string(),
            "`cloud` is not in this version"
        );
        assert_eq!(
            ENDPOINTS.fault("fabric").unwrap().code(),
            "not_in_this_version"
        );
    }
}
