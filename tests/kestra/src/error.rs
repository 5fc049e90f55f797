//! Why there is no engine, or no answer.

use std::path::PathBuf;

use thiserror::Error;

/// Why there is no engine, or no answer.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No JDK of the pinned release.
    #[error(
        "no JDK {release} was found (looked at JAVA_HOME, at `java` on the PATH, and in {places}): Kestra's engine \
         needs it. Install one, for example Eclipse Temurin {release}, and set JAVA_HOME to its folder"
    )]
    NoJdk {
        /// The release.
        release: String,
        /// Where else was looked.
        places: String,
    },
    /// No Maven.
    #[error(
        "`mvn` was not found (looked at MAVEN_HOME and on the PATH): Maven fetches Kestra's modules and builds the test \
         engine. Install Apache Maven 3.6.3 or newer, for example with `apt-get install maven` or `brew install maven`"
    )]
    NoMaven,
    /// Maven failed.
    #[error("Maven could not build the test engine for Kestra {line}:\n{output}")]
    Build {
        /// The line.
        line: &'static str,
        /// The end of what it printed.
        output: String,
    },
    /// A file or a process.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The engine ended.
    #[error("Kestra's engine ended; the end of its log, {log}:\n{tail}", log = log.display())]
    Ended {
        /// Its log.
        log: PathBuf,
        /// The end of it.
        tail: String,
    },
    /// The engine refused a request.
    #[error("Kestra's engine refused `{op}`: {message}")]
    Refused {
        /// What was asked.
        op: String,
        /// What it said.
        message: String,
    },
    /// An answer that is none.
    #[error("Kestra's engine answered in a way that is not understood: {0}")]
    Answer(String),
}

impl EngineError {
    /// An error of the system, with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
