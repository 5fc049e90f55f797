//! The form of the output: for a person, a script or Kestra; how much of it; in color or not.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

/// The file that Kestra writes into a task's working directory (`executionContext: true`).
pub const CONTEXT_FILE: &str = ".kestra-execution-context.json";

/// The value of `--output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputChoice {
    /// `kestra` in a Kestra task, otherwise `text`.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object per target, each on one line.
    Json,
    /// Frames for Kestra.
    Kestra,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For people.
    Text,
    /// JSON lines for scripts.
    Json,
    /// Frames for a Kestra worker.
    Kestra,
}

impl OutputChoice {
    /// Returns the mode of this choice in these surroundings.
    #[must_use]
    pub fn mode(self, surroundings: &Surroundings) -> Mode {
        match self {
            Self::Text => Mode::Text,
            Self::Json => Mode::Json,
            Self::Kestra => Mode::Kestra,
            Self::Auto if surroundings.in_kestra_task => Mode::Kestra,
            Self::Auto => Mode::Text,
        }
    }
}

/// The value of `--color`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorChoice {
    /// Returns whether a stream is colored. `NO_COLOR` counts if it is not empty (no-color.org); an
    /// explicit `always` overrides it.
    #[must_use]
    pub fn colors(self, surroundings: &Surroundings, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                is_terminal && !surroundings.is_set("NO_COLOR") && !surroundings.dumb_terminal()
            }
        }
    }
}

/// The importance of a log line, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// For debugging the program itself.
    Trace,
    /// Every step.
    Debug,
    /// Normal events.
    Info,
    /// Something unexpected that does not stop the refresh.
    Warn,
    /// A failure.
    Error,
}

impl Level {
    /// The name in a Kestra frame. Kestra drops a frame with any other name.
    #[must_use]
    pub fn kestra(self) -> String {
        format!("{self:?}").to_uppercase()
    }

    /// The prefix of a log line.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Warn => "warning".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }
}

/// Returns the minimum level that is logged. `--log-level` overrides `-q`, which overrides `-v`.
///
/// The default under Kestra is DEBUG, because Kestra filters logs itself (`logLevel`, the log view)
/// and cannot ask for lines that were never sent.
#[must_use]
pub fn threshold(log_level: Option<Level>, quiet: bool, verbose: u8, mode: Mode) -> Level {
    let default = match mode {
        Mode::Kestra => Level::Debug,
        Mode::Text | Mode::Json => Level::Warn,
    };
    match (log_level, quiet, verbose) {
        (Some(level), _, _) => level,
        (None, true, _) => Level::Error,
        (None, false, 0) => default,
        (None, false, 1) => default.min(Level::Info),
        (None, false, 2) => default.min(Level::Debug),
        (None, false, _) => Level::Trace,
    }
}

/// Looks up an environment variable.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The environment of the process. It has no `Debug` form, because variables may hold secrets.
pub struct Surroundings {
    /// The environment variables.
    pub env: Environment,
    /// The canonical working directory; empty if it cannot be read.
    pub cwd: PathBuf,
    /// Whether this is a Kestra task: it has a context (a variable or a file) or a task run id, or runs
    /// in the working directory that Kestra created for it.
    pub in_kestra_task: bool,
    /// Whether stdout is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether stderr is a terminal.
    pub stderr_is_terminal: bool,
}

impl Surroundings {
    /// The surroundings of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let cwd = std::env::current_dir().unwrap_or_default();
        Self {
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            ..Self::at(&cwd, |name| std::env::var(name).ok())
        }
    }

    /// The surroundings of a process in `cwd` with these variables and without a terminal.
    #[must_use]
    pub fn at(cwd: &Path, env: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        // Canonical, because the temporary folder may be a symbolic link.
        let canonical = |path: &Path| path.canonicalize().ok();
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let task_dir = set("WORKING_DIR").and_then(|dir| canonical(Path::new(&dir)));
        let has_context_file = cwd.join(CONTEXT_FILE).is_file();
        let cwd = canonical(cwd).unwrap_or_default();
        Self {
            in_kestra_task: ["KESTRA_CONTEXT", "KESTRA_TASKRUN_ID"].map(set) != [None, None]
                || has_context_file
                || task_dir.as_ref() == Some(&cwd),
            cwd,
            env: Box::new(env),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
        }
    }

    /// Returns whether a variable is set and not empty.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        (self.env)(name).is_some_and(|value| !value.is_empty())
    }

    /// Returns whether the terminal supports neither colors nor cursor movement.
    #[must_use]
    pub fn dumb_terminal(&self) -> bool {
        (self.env)("TERM").as_deref() == Some("dumb")
    }

    /// Returns whether to draw a live status line: for a person at a capable terminal.
    #[must_use]
    pub fn draws_status(&self, mode: Mode) -> bool {
        mode == Mode::Text && self.stderr_is_terminal && !self.dumb_terminal()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    pub(in crate::report) fn env(
        pairs: &[(&str, &str)],
    ) -> impl Fn(&str) -> Option<String> + Send + Sync + 'static {
        let pairs = pairs.iter();
        let owned = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let owned: BTreeMap<String, String> = owned.collect();
        move |name| owned.get(name).cloned()
    }

    pub(in crate::report) fn surroundings(pairs: &[(&str, &str)]) -> Surroundings {
        Surroundings::at(Path::new("/"), env(pairs))
    }

    #[test]
    fn an_explicit_choice_wins_and_auto_means_kestra_in_a_task_only() {
        for name in ["KESTRA_TASKRUN_ID", "KESTRA_CONTEXT"] {
            for (choice, value, mode) in [
                (OutputChoice::Text, "7abc", Mode::Text),
                (OutputChoice::Json, "7abc", Mode::Json),
                (OutputChoice::Auto, "7abc", Mode::Kestra),
                (OutputChoice::Kestra, "", Mode::Kestra),
                (OutputChoice::Auto, "", Mode::Text),
            ] {
                let here = surroundings(&[(name, value)]);
                assert_eq!(choice.mode(&here), mode, "{choice:?} {name}={value}");
            }
        }
    }

    #[test]
    fn a_context_file_in_the_working_directory_means_kestra() {
        let dir = tempfile::tempdir().unwrap();
        let in_task = || Surroundings::at(dir.path(), env(&[])).in_kestra_task;
        assert!(!in_task());
        std::fs::write(dir.path().join(CONTEXT_FILE), "{}").unwrap();
        assert!(in_task());
    }

    #[test]
    fn working_dir_means_kestra_only_where_it_is_the_working_directory() {
        let task = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let task_path = task.path().to_str().unwrap();
        let gone = Path::new("/no/such/folder");
        for (cwd, dir, mode) in [
            (task.path(), task_path, Mode::Kestra),
            (other.path(), task_path, Mode::Text),
            (other.path(), "", Mode::Text),
            (other.path(), "/no/such/folder", Mode::Text),
            // A deleted working directory.
            (gone, "/no/such/folder", Mode::Text),
        ] {
            let here = Surroundings::at(cwd, env(&[("WORKING_DIR", dir)]));
            assert_eq!(OutputChoice::Auto.mode(&here), mode, "{dir}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn working_dir_is_recognized_through_a_symbolic_link() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        let link = dir.path().join("link");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let here = Surroundings::at(&real, env(&[("WORKING_DIR", link.to_str().unwrap())]));
        assert_eq!(OutputChoice::Auto.mode(&here), Mode::Kestra);
    }

    #[test]
    fn a_status_line_is_for_text_on_a_capable_terminal() {
        for (terminal, term, mode, drawn) in [
            (true, "xterm", Mode::Text, true),
            (false, "xterm", Mode::Text, false),
            (true, "xterm", Mode::Json, false),
            (true, "xterm", Mode::Kestra, false),
            (true, "dumb", Mode::Text, false),
        ] {
            let mut here = surroundings(&[("TERM", term)]);
            here.stderr_is_terminal = terminal;
            assert_eq!(here.draws_status(mode), drawn);
        }
    }

    #[test]
    fn auto_colors_a_capable_terminal_and_always_and_never_override_it() {
        for (choice, variable, terminal, colored) in [
            (ColorChoice::Auto, ("TERM", "xterm"), true, true),
            (ColorChoice::Auto, ("TERM", "xterm"), false, false),
            (ColorChoice::Auto, ("TERM", "dumb"), true, false),
            (ColorChoice::Auto, ("NO_COLOR", "1"), true, false),
            (ColorChoice::Auto, ("NO_COLOR", ""), true, true),
            (ColorChoice::Always, ("NO_COLOR", "1"), false, true),
            (ColorChoice::Never, ("TERM", "xterm"), true, false),
        ] {
            let here = surroundings(&[variable]);
            assert_eq!(choice.colors(&here, terminal), colored, "{variable:?}");
        }
    }

    #[test]
    fn log_level_overrides_q_which_overrides_v_and_kestra_gets_debug() {
        for (level, quiet, verbose, mode, expected) in [
            (None, false, 0, Mode::Text, Level::Warn),
            (None, false, 1, Mode::Text, Level::Info),
            (None, false, 2, Mode::Json, Level::Debug),
            (None, false, 9, Mode::Text, Level::Trace),
            (None, true, 2, Mode::Text, Level::Error),
            (None, false, 0, Mode::Kestra, Level::Debug),
            (None, false, 1, Mode::Kestra, Level::Debug),
            (None, true, 0, Mode::Kestra, Level::Error),
            (Some(Level::Info), true, 3, Mode::Text, Level::Info),
            (Some(Level::Trace), false, 0, Mode::Kestra, Level::Trace),
        ] {
            assert_eq!(threshold(level, quiet, verbose, mode), expected);
        }
    }

    #[test]
    fn the_level_names_are_those_of_kestra() {
        let names = Level::value_variants().iter().map(|level| level.kestra());
        assert!(names.eq(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]));
    }
}
