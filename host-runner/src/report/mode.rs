//! Who is listening: a person, a script, or Kestra.

use std::fmt;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

/// The file that Kestra writes into a task's working directory (`executionContext: true`).
pub const CONTEXT_FILE: &str = ".kestra-execution-context.json";

/// What `--output` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputChoice {
    /// `kestra` in a task of Kestra, else `text`.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object per target and line.
    Json,
    /// Frames that Kestra reads.
    Kestra,
}

/// Who is listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// People.
    Text,
    /// A script that reads JSON lines.
    Json,
    /// A worker of Kestra that reads frames.
    Kestra,
}

impl OutputChoice {
    /// The mode that this choice means here.
    #[must_use]
    pub fn mode(self, surroundings: &Surroundings) -> Mode {
        match self {
            Self::Text => Mode::Text,
            Self::Json => Mode::Json,
            Self::Kestra => Mode::Kestra,
            Self::Auto if surroundings.in_kestra_task() => Mode::Kestra,
            Self::Auto => Mode::Text,
        }
    }
}

/// Looks up a variable of the environment.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What can be seen of the place where the process runs.
pub struct Surroundings {
    /// The environment.
    pub env: Environment,
    /// The working directory, resolved; empty where it cannot be read.
    pub cwd: PathBuf,
    /// The directory that `WORKING_DIR` names, resolved; nothing where it names none.
    pub task_dir: Option<PathBuf>,
    /// Whether [`CONTEXT_FILE`] lies in the working directory.
    pub context_file: bool,
    /// Whether stdout is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether stderr is a terminal.
    pub stderr_is_terminal: bool,
}

impl fmt::Debug for Surroundings {
    /// Without the environment, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("cwd", &self.cwd)
            .field("task_dir", &self.task_dir)
            .field("context_file", &self.context_file)
            .field("stdout_is_terminal", &self.stdout_is_terminal)
            .field("stderr_is_terminal", &self.stderr_is_terminal)
            .finish_non_exhaustive()
    }
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let cwd = std::env::current_dir().unwrap_or_default();
        let here = Self::at(&cwd, |name| std::env::var(name).ok());
        Self {
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            ..here
        }
    }

    /// Those of a process that runs in `cwd`, with this environment and without a terminal.
    #[must_use]
    pub fn at(cwd: &Path, env: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        // Resolved, because the system's folder for temporary files may be a symbolic link.
        let resolve = |path: &Path| path.canonicalize().ok();
        Self {
            task_dir: env("WORKING_DIR")
                .filter(|dir| !dir.is_empty())
                .and_then(|dir| resolve(Path::new(&dir))),
            context_file: cwd.join(CONTEXT_FILE).is_file(),
            cwd: resolve(cwd).unwrap_or_default(),
            env: Box::new(env),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
        }
    }

    /// Whether a variable is there and not empty.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        (self.env)(name).is_some_and(|value| !value.is_empty())
    }

    /// Whether this is a task of Kestra: it has a task run id, a context file, or runs in the
    /// working directory that Kestra made for it.
    #[must_use]
    pub fn in_kestra_task(&self) -> bool {
        self.is_set("KESTRA_TASKRUN_ID")
            || self.context_file
            || self.task_dir.as_ref() == Some(&self.cwd)
    }

    /// Whether the terminal says that it can neither colour nor move its cursor.
    #[must_use]
    pub fn dumb_terminal(&self) -> bool {
        (self.env)("TERM").as_deref() == Some("dumb")
    }

    /// Whether a live status line makes sense: for a person, at a terminal that can draw one,
    /// unless `--no-progress` or `-q` said otherwise.
    #[must_use]
    pub fn shows_progress(&self, mode: Mode, no_progress: bool, quiet: bool) -> bool {
        mode == Mode::Text
            && self.stderr_is_terminal
            && !self.dumb_terminal()
            && !no_progress
            && !quiet
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    pub(in crate::report) fn env(
        pairs: &[(&str, &str)],
    ) -> impl Fn(&str) -> Option<String> + Send + Sync + 'static {
        let pairs: BTreeMap<String, String> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        move |name| pairs.get(name).cloned()
    }

    pub(in crate::report) fn surroundings(pairs: &[(&str, &str)]) -> Surroundings {
        Surroundings::at(Path::new("/"), env(pairs))
    }

    #[test]
    fn a_choice_is_taken_at_its_word_and_auto_means_text_outside_of_kestra() {
        let kestra = surroundings(&[("KESTRA_TASKRUN_ID", "7abc")]);
        assert_eq!(OutputChoice::Text.mode(&kestra), Mode::Text);
        assert_eq!(OutputChoice::Json.mode(&kestra), Mode::Json);
        assert_eq!(OutputChoice::Kestra.mode(&surroundings(&[])), Mode::Kestra);
        assert_eq!(OutputChoice::Auto.mode(&surroundings(&[])), Mode::Text);
    }

    #[test]
    fn a_task_run_id_means_kestra_unless_it_is_empty() {
        let with = |id| surroundings(&[("KESTRA_TASKRUN_ID", id)]);
        assert_eq!(OutputChoice::Auto.mode(&with("7abc")), Mode::Kestra);
        assert_eq!(OutputChoice::Auto.mode(&with("")), Mode::Text);
    }

    #[test]
    fn a_context_file_in_the_working_directory_means_kestra() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            OutputChoice::Auto.mode(&Surroundings::at(dir.path(), env(&[]))),
            Mode::Text
        );
        std::fs::write(dir.path().join(CONTEXT_FILE), "{}").unwrap();
        assert_eq!(
            OutputChoice::Auto.mode(&Surroundings::at(dir.path(), env(&[]))),
            Mode::Kestra
        );
    }

    #[test]
    fn working_dir_means_kestra_only_where_it_is_the_working_directory() {
        let task = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let task_path = task.path().to_str().unwrap();
        for (cwd, dir, mode) in [
            (task.path(), task_path, Mode::Kestra),
            (other.path(), task_path, Mode::Text),
            (other.path(), "", Mode::Text),
            (other.path(), "/no/such/folder", Mode::Text),
        ] {
            let here = Surroundings::at(cwd, env(&[("WORKING_DIR", dir)]));
            assert_eq!(OutputChoice::Auto.mode(&here), mode, "{dir}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn working_dir_is_recognised_behind_a_symbolic_link() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        let link = dir.path().join("link");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let here = Surroundings::at(&real, env(&[("WORKING_DIR", link.to_str().unwrap())]));
        assert_eq!(OutputChoice::Auto.mode(&here), Mode::Kestra);
    }

    #[test]
    fn a_working_directory_that_is_gone_is_not_mistaken_for_kestras() {
        let here = Surroundings::at(
            Path::new("/no/such/folder"),
            env(&[("WORKING_DIR", "/no/such/folder")]),
        );
        assert_eq!(OutputChoice::Auto.mode(&here), Mode::Text);
    }

    #[test]
    fn a_status_line_is_for_a_person_at_a_terminal_who_did_not_refuse_it() {
        let at = |pairs: &[(&str, &str)], terminal| Surroundings {
            stderr_is_terminal: terminal,
            ..surroundings(pairs)
        };
        assert!(at(&[], true).shows_progress(Mode::Text, false, false));
        assert!(!at(&[], false).shows_progress(Mode::Text, false, false));
        assert!(!at(&[], true).shows_progress(Mode::Text, true, false));
        assert!(!at(&[], true).shows_progress(Mode::Text, false, true));
        assert!(!at(&[], true).shows_progress(Mode::Json, false, false));
        assert!(!at(&[], true).shows_progress(Mode::Kestra, false, false));
        assert!(!at(&[("TERM", "dumb")], true).shows_progress(Mode::Text, false, false));
    }

    #[test]
    fn the_environment_is_not_part_of_the_debug_output() {
        let here = surroundings(&[("AZURE_CLIENT_SECRET", "INVENTED-secret-0123456789")]);
        assert!(!format!("{here:?}").contains("INVENTED"));
    }
}
