//! How much a line matters, and which lines are wanted.

use clap::ValueEnum;

use super::mode::Mode;

/// How much a line matters, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// For whoever looks for a fault in the program.
    Trace,
    /// For whoever wants to see each step.
    Debug,
    /// Worth a line in a log.
    Info,
    /// Something is not as it should be.
    Warn,
    /// It ended badly.
    Error,
}

impl Level {
    /// The name in a Kestra frame. Any other spelling makes Kestra drop the whole frame.
    #[must_use]
    pub fn kestra(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    /// The word before a line of plain text.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warning",
            Self::Error => "error",
        }
    }
}

/// What `-q`, `-v` and `--log-level` said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verbosity {
    /// `-q`.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    /// `--log-level`.
    pub level: Option<Level>,
}

impl Verbosity {
    /// The least level that is shown. `--log-level` wins over `-q`, and that over `-v`.
    ///
    /// Under Kestra everything from DEBUG on is sent unless told otherwise: there a task's own
    /// `logLevel` and the log view choose, and a line that was not sent cannot be asked for later.
    #[must_use]
    pub fn threshold(self, mode: Mode) -> Level {
        let usual = match mode {
            Mode::Kestra => Level::Debug,
            Mode::Text | Mode::Json => Level::Warn,
        };
        match (self.level, self.quiet, self.verbose) {
            (Some(level), _, _) => level,
            (None, true, _) => Level::Error,
            (None, false, 0) => usual,
            (None, false, 1) => usual.min(Level::Info),
            (None, false, 2) => usual.min(Level::Debug),
            (None, false, _) => Level::Trace,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(quiet: bool, verbose: u8, level: Option<Level>, mode: Mode) -> Level {
        Verbosity {
            quiet,
            verbose,
            level,
        }
        .threshold(mode)
    }

    #[test]
    fn warnings_are_usual_and_every_v_shows_more() {
        assert_eq!(threshold(false, 0, None, Mode::Text), Level::Warn);
        assert_eq!(threshold(false, 1, None, Mode::Text), Level::Info);
        assert_eq!(threshold(false, 2, None, Mode::Json), Level::Debug);
        assert_eq!(threshold(false, 9, None, Mode::Text), Level::Trace);
        assert_eq!(threshold(true, 2, None, Mode::Text), Level::Error);
    }

    #[test]
    fn kestra_gets_everything_down_to_debug_unless_told_otherwise() {
        assert_eq!(threshold(false, 0, None, Mode::Kestra), Level::Debug);
        assert_eq!(threshold(false, 1, None, Mode::Kestra), Level::Debug);
        assert_eq!(threshold(true, 0, None, Mode::Kestra), Level::Error);
    }

    #[test]
    fn a_named_level_wins_over_q_and_v() {
        assert_eq!(
            threshold(true, 3, Some(Level::Info), Mode::Text),
            Level::Info
        );
        assert_eq!(
            threshold(false, 0, Some(Level::Trace), Mode::Kestra),
            Level::Trace
        );
    }

    #[test]
    fn the_names_for_kestra_are_the_five_that_it_knows() {
        let names: Vec<_> = Level::value_variants()
            .iter()
            .map(|level| level.kestra())
            .collect();
        assert_eq!(names, ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]);
    }
}
