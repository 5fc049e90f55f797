//! What the demo tells, and what must be seen for it to be true.

use super::stage::Shown;

/// One refresh of the demo.
#[derive(Debug)]
pub(crate) struct Act {
    /// The story in one sentence.
    pub(crate) heading: &'static str,
    /// Which target is refreshed.
    pub(crate) target: &'static str,
    code: i32,
    words: &'static [&'static str],
}

/// The three refreshes, in their order.
pub(crate) const ACTS: [Act; 3] = [
    Act {
        heading: "1. The flow answers 202, the dataflow inside starts, and its refresh completes.",
        target: "order_list",
        code: 0,
        words: &["completed"],
    },
    Act {
        heading: "2. Another flow answers 202 just the same, but the dataflow inside refuses, and nobody is told.",
        target: "order_list_swallowed",
        code: 12,
        words: &[
            "HTTP 202",
            "No refresh",
            "dataflow_daily_limit",
            "daily limit",
            "the next slot opens at",
        ],
    },
    Act {
        heading: "3. The same refusal, behind a flow with a Response action that passes it on.",
        target: "order_list_refused",
        code: 10,
        words: &["failed", "dataflow_daily_limit", "next slot"],
    },
];

/// The heading of the last part.
pub(crate) const RECORD: &str =
    "4. What remains: every run in the audit log. The intent was on disk before the trigger left.";

/// The demo's last words.
pub(crate) const SHOWN: &str =
    "Shown: three triggers, two of them answered with 202, one refresh. Only that one was called a
success (exit code 0). The swallowed one is `unknown` (12), with its likely cause and the time of
the next slot; the one that the flow told of is `failed` (10). The simulator and the folder with
the audit log are gone again.";

impl Act {
    /// How what was shown differs from what should have been; nothing where it does not.
    pub(crate) fn difference(&self, shown: &Shown) -> Option<String> {
        if shown.code != Some(self.code) {
            return Some(format!(
                "refreshing {} should have ended with exit code {}",
                self.target, self.code
            ));
        }
        let missing = self
            .words
            .iter()
            .find(|word| !shown.text.contains(**word))?;
        Some(format!(
            "refreshing {} should have said {missing:?}",
            self.target
        ))
    }
}

/// The run of a target in the text of `audit list`: the first column of the row that ends with it.
pub(crate) fn run_of<'a>(list: &'a str, target: &str) -> Option<&'a str> {
    let row = list
        .lines()
        .find(|row| row.split_whitespace().last() == Some(target))?;
    row.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWALLOWED: &Act = &ACTS[1];

    fn shown(code: i32, text: &str) -> Shown {
        Shown {
            text: text.to_owned(),
            code: Some(code),
        }
    }

    #[test]
    fn an_exit_code_that_calls_a_swallowed_refusal_a_success_fails_the_demo() {
        let everything = SWALLOWED.words.join(" ");
        assert_eq!(SWALLOWED.difference(&shown(12, &everything)), None);
        let difference = SWALLOWED.difference(&shown(0, &everything)).unwrap();
        assert!(difference.contains("exit code 12"), "{difference}");
    }

    #[test]
    fn a_refusal_without_its_cause_or_its_next_slot_fails_the_demo() {
        for word in SWALLOWED.words {
            let text = SWALLOWED.words.join(" ").replace(word, "");
            assert!(SWALLOWED.difference(&shown(12, &text)).is_some(), "{word}");
        }
    }

    #[test]
    fn the_run_is_found_by_the_whole_name_of_its_target() {
        let list = "run   began  status  sent  target\n\
                    r-2   now    failed  yes   order_list_swallowed\n\
                    r-1   now    failed  yes   order_list\n";
        assert_eq!(run_of(list, "order_list"), Some("r-1"));
        assert_eq!(run_of(list, "order_list_swallowed"), Some("r-2"));
        assert_eq!(run_of(list, "order"), None);
    }
}
