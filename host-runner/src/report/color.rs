//! Whether to colour, and with what. Colour is only ever decoration: every word that is coloured
//! says the same without it.

use clap::ValueEnum;

use super::mode::Surroundings;
use crate::verdict::Status;

/// What `--color` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl ColorChoice {
    /// Whether a stream is coloured, `terminal` being whether it is one. `NO_COLOR` counts when it
    /// is not empty (no-color.org), and gives way to an explicit `always`.
    #[must_use]
    pub fn colors(self, surroundings: &Surroundings, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                terminal && !surroundings.is_set("NO_COLOR") && !surroundings.dumb_terminal()
            }
        }
    }
}

/// The status's word, coloured where asked for: green went well, cyan is as far as was asked,
/// yellow wants a look, red went wrong.
#[must_use]
pub fn status_word(status: Status, colored: bool) -> String {
    let sgr = match status {
        Status::Completed => "1;32",
        Status::Accepted => "1;36",
        Status::Skipped | Status::Unknown | Status::Cancelled => "1;33",
        Status::Failed
        | Status::Denied
        | Status::Unauthorized
        | Status::Unavailable
        | Status::AuditUnavailable
        | Status::Invalid
        | Status::Interrupted
        | Status::InternalError => "1;31",
    };
    paint(status.name(), sgr, colored)
}

/// The word in the given SGR code, or plain.
pub(super) fn paint(word: &str, sgr: &str, colored: bool) -> String {
    if colored {
        format!("\u{1b}[{sgr}m{word}\u{1b}[0m")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::mode::tests::surroundings;

    #[test]
    fn auto_colours_a_terminal_only() {
        let here = surroundings(&[("TERM", "xterm")]);
        assert!(ColorChoice::Auto.colors(&here, true));
        assert!(!ColorChoice::Auto.colors(&here, false));
    }

    #[test]
    fn no_color_counts_unless_it_is_empty() {
        assert!(!ColorChoice::Auto.colors(&surroundings(&[("NO_COLOR", "1")]), true));
        assert!(ColorChoice::Auto.colors(&surroundings(&[("NO_COLOR", "")]), true));
    }

    #[test]
    fn a_dumb_terminal_is_not_coloured() {
        assert!(!ColorChoice::Auto.colors(&surroundings(&[("TERM", "dumb")]), true));
    }

    #[test]
    fn always_and_never_are_taken_at_their_word() {
        let no_color = surroundings(&[("NO_COLOR", "1")]);
        assert!(ColorChoice::Always.colors(&no_color, false));
        assert!(!ColorChoice::Never.colors(&surroundings(&[]), true));
    }

    #[test]
    fn a_word_without_colour_is_the_bare_name() {
        assert_eq!(status_word(Status::Unknown, false), "unknown");
        assert_eq!(
            status_word(Status::Unknown, true),
            "\u{1b}[1;33munknown\u{1b}[0m"
        );
    }
}
