//! Which keys may stand where.
//!
//! A key of the contract that this version does not have yet is its own mistake, with its own
//! words: nobody shall believe in a guard that is not there. The same goes for a known key in the
//! wrong section.

use super::fault::Fault;
pub(crate) use super::key_tables::*;
use super::words::nearest;

/// The keys of one section.
pub(crate) struct Keys {
    /// What may stand here.
    pub(crate) known: &'static [&'static str],
    /// What a later version brings, and what to do until then.
    pub(super) later: &'static [&'static [(&'static str, &'static str)]],
    /// What belongs elsewhere, and where.
    pub(super) elsewhere: &'static [&'static [(&'static str, &'static str)]],
}

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
            belongs: self
                .elsewhere
                .iter()
                .flat_map(|table| table.iter())
                .find_map(text_of)
                .unwrap_or_default(),
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
        assert_eq!(fault.hint(), "known here: `login`, `powerbi` and `fabric`");
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
    fn what_comes_later_is_not_called_unknown() {
        for keys in [&POWER_AUTOMATE, &DATAFLOW, &GEN2, &MODEL, &DEFAULTS] {
            assert_eq!(keys.fault("after").unwrap().code(), "not_supported_yet");
        }
    }

    #[test]
    fn every_guard_may_stand_in_every_target_and_in_the_defaults() {
        for key in [
            "quota",
            "window",
            "min_interval",
            "retry",
            "if_running",
            "on_interrupt",
        ] {
            for keys in [&POWER_AUTOMATE, &DATAFLOW, &GEN2, &MODEL, &DEFAULTS] {
                assert_eq!(keys.fault(key), None, "{key}");
            }
        }
        let hint = DATAFLOW.fault("interval").unwrap().hint();
        assert_eq!(hint, "it is called `min_interval`");
    }

    #[test]
    fn no_key_is_known_and_elsewhere_at_once() {
        for keys in [
            &FILE,
            &DEFAULTS,
            &POWER_AUTOMATE,
            &DATAFLOW,
            &GEN2,
            &MODEL,
            &VERIFY_DATAFLOW,
            &VERIFY_MODEL,
            &VERIFY_RESPONSE,
            &ENHANCED,
            &QUOTA,
            &WINDOW,
            &RETRY,
        ] {
            let others = keys.later.iter().chain(keys.elsewhere);
            for (key, _) in others.flat_map(|table| table.iter()) {
                assert!(!keys.known.contains(key), "{key}");
            }
        }
    }
}
