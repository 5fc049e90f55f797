//! Why the engine does not start or reply.

use std::path::PathBuf;

use thiserror::Error;

/// Why the engine does not start or reply.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No JDK of the pinned release was found.
    #[error(
        "no JDK {release} was found in JAVA_HOME, on the PATH, or in {places}: install one for Kestra's engine, for \
         example Eclipse Temurin {release}, and set JAVA_HOME to its folder"
    )]
    NoJdk {
        /// The release.
        release: String,
        /// The other folders that were searched.
        places: String,
    },
    /// Maven was not found.
    #[error(
        "`mvn` was not found in MAVEN_HOME or on the PATH: install Apache Maven 3.6.3 or newer, which builds the test \
         engine, for example with `apt-get install maven` or `brew install maven`"
    )]
    NoMaven,
    /// Maven could not fetch what the engine is made of.
    #[error(
        "Maven could not fetch the modules of Kestra {line}; it needs the network for that, once:\n{output}"
    )]
    Fetch {
        /// The line.
        line: &'static str,
        /// The end of its output.
        output: String,
    },
    /// Maven failed.
    #[error("Maven could not build the test engine for Kestra {line}:\n{output}")]
    Build {
        /// The line.
        line: &'static str,
        /// The end of its output.
        output: String,
    },
    /// A file or process operation failed.
    #[error("{what}: {source}")]
    Io {
        /// The operation.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The engine ended.
    #[error("Kestra's engine ended; the end of its log, {log}:\n{tail}", log = log.display())]
    Ended {
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// The engine rejected a request.
    #[error("Kestra's engine rejected `{op}`: {message}")]
    Refused {
        /// The operation.
        op: String,
        /// The engine's message.
        message: String,
    },
    /// A reply that is not valid.
    #[error("unexpected reply of Kestra's engine: {0}")]
    Reply(String),
}

impl EngineError {
    /// Adds the operation to a system error.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
