//! What can be wrong with a configuration: one variant per kind of error.
//!
//! `Display` says what is wrong, [`Fault::hint`] what to do. Neither repeats a value, because any
//! value may be a secret in the wrong place. Shown are keys, the names of targets, credentials and
//! variables, hosts and file paths.

use std::fmt::Display;
use std::path::PathBuf;

/// The longest key that is shown. A forgotten blank turns `client_secret: VALUE` into one key.
const LONGEST_KEY: usize = 40;

/// What is wrong with one place of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The named configuration file does not exist.
    #[error("there is no configuration file `{}`", path.display())]
    ConfigNotFound {
        /// Its path.
        path: PathBuf,
    },
    /// The configuration or payload file exists and cannot be read.
    #[error("cannot read the file: {reason}")]
    ConfigUnreadable {
        /// The reason.
        reason: String,
    },
    /// The text is not YAML.
    #[error("invalid YAML: {reason}")]
    ConfigYaml {
        /// The parser's reason, without the text.
        reason: String,
    },
    /// An unknown key.
    #[error("unknown key{}", key.as_ref().map(|key| format!(" `{key}`")).unwrap_or_default())]
    UnknownKey {
        /// The key; none if it may be a secret in the wrong place.
        key: Option<String>,
        /// The known key that it resembles.
        nearest: Option<String>,
        /// Every key that is known here.
        known: Vec<&'static str>,
        /// A hint that says where the key belongs; empty where that is not known.
        belongs: String,
    },
    /// A part of the contract that this version does not support.
    #[error("`{what}` is not supported yet")]
    NotSupportedYet {
        /// The key or word.
        what: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// A required key is missing.
    #[error("`{key}` is missing")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// A valid line; empty where there is no example.
        example: String,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The expected type.
        expected: String,
        /// The type that was found.
        found: &'static str,
    },
    /// A word that is not one of the known ones.
    #[error("expected {}", alternatives(known))]
    UnknownWord {
        /// The nearest known word.
        nearest: Option<String>,
        /// Every known word.
        known: Vec<&'static str>,
    },
    /// A value that is not valid here.
    #[error("{what}")]
    BadValue {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// A malformed `${…}`.
    #[error("a `${{…}}` in this value {what}")]
    BadPlaceholder {
        /// What is wrong with it.
        what: &'static str,
    },
    /// An environment variable is not set.
    #[error("the environment variable {variable} is not set")]
    EnvMissing {
        /// Its name.
        variable: String,
    },
    /// An environment variable is empty.
    #[error("the environment variable {variable} is empty")]
    EnvEmpty {
        /// Its name.
        variable: String,
    },
    /// A file that a value names does not exist.
    #[error("there is no file `{}`", path.display())]
    FileMissing {
        /// Its path.
        path: PathBuf,
    },
    /// The file of a `${file:…}` cannot be used.
    #[error("cannot use the file `{}`: {reason}", path.display())]
    FileUnusable {
        /// Its path.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A target that the configuration does not have.
    #[error("there is no target `{name}`")]
    UnknownTarget {
        /// The name.
        name: String,
        /// Every target.
        known: Vec<String>,
    },
    /// A target name that Kestra's expressions cannot use.
    #[error("`{name}` is not a valid target name: {reason}")]
    BadTargetName {
        /// The name.
        name: String,
        /// The reason.
        reason: &'static str,
        /// A valid name.
        proposal: String,
    },
    /// There is no target to act on.
    #[error("{what}")]
    NoTarget {
        /// Why.
        what: &'static str,
        /// Every target that could be named.
        known: Vec<String>,
    },
    /// A text that is not a trigger URL.
    #[error("not a trigger URL: {reason}")]
    UrlUnusable {
        /// The reason.
        reason: &'static str,
    },
    /// A trigger URL without `api-version`.
    #[error("the trigger URL has no `api-version`")]
    UrlNoApiVersion,
    /// A trigger URL without a usable `sig`.
    #[error("the trigger URL {what}")]
    UrlNoSig {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A trigger URL that ends after its first parameter.
    #[error("the trigger URL ends after its first parameter, `{first}`")]
    UrlCut {
        /// The parameter's name.
        first: String,
    },
    /// An address that is not encrypted.
    #[error("the address of `{host}` starts with http:// instead of https://")]
    UrlNotHttps {
        /// The host.
        host: String,
        /// Whether the host is this machine.
        loopback: bool,
    },
    /// An address of this machine, which is not allowed.
    #[error("`{host}` is this machine, which is not allowed")]
    LoopbackNotAllowed {
        /// The host.
        host: String,
    },
    /// A payload that is not an object.
    #[error("expected a payload of keys with values, found {found}")]
    PayloadNotObject {
        /// The type that was found.
        found: &'static str,
    },
    /// Credentials that the configuration does not have.
    #[error("there are no credentials {}", if *default { "`default`" } else { "with this name" })]
    UnknownCredentials {
        /// Whether no name was given, so that it is `default`.
        default: bool,
        /// The credentials whose name resembles it.
        nearest: Option<String>,
        /// The names of all credentials.
        known: Vec<String>,
    },
}

impl Fault {
    /// A value that is not valid here.
    pub(crate) fn bad(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::BadValue {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ConfigNotFound { .. } => "config_not_found",
            Self::ConfigUnreadable { .. } => "config_unreadable",
            Self::ConfigYaml { .. } => "config_yaml",
            Self::UnknownKey { .. } => "unknown_key",
            Self::NotSupportedYet { .. } => "not_supported_yet",
            Self::MissingKey { .. } => "missing_key",
            Self::WrongType { .. } | Self::UnknownWord { .. } | Self::BadValue { .. } => {
                "invalid_value"
            }
            Self::BadPlaceholder { .. } => "invalid_placeholder",
            Self::EnvMissing { .. } => "env_not_set",
            Self::EnvEmpty { .. } => "env_empty",
            Self::FileMissing { .. } => "file_not_found",
            Self::FileUnusable { .. } => "file_unusable",
            Self::UnknownTarget { .. } => "unknown_target",
            Self::BadTargetName { .. } => "invalid_target_name",
            Self::NoTarget { .. } => "no_target",
            Self::UrlUnusable { .. } => "url_unusable",
            Self::UrlNoApiVersion => "url_missing_api_version",
            Self::UrlNoSig { .. } => "url_missing_sig",
            Self::UrlCut { .. } => "url_truncated",
            Self::UrlNotHttps { .. } => "url_not_https",
            Self::LoopbackNotAllowed { .. } => "loopback_not_allowed",
            Self::PayloadNotObject { .. } => "payload_not_object",
            Self::UnknownCredentials { .. } => "unknown_credentials",
        }
    }

    /// What to do, as an instruction.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::ConfigNotFound { .. } => {
                "check --config and HOST_RUNNER_CONFIG, or give a target by options (--kind …)"
            }
            Self::ConfigUnreadable { .. } => "use a plain text file that this user may read",
            Self::ConfigYaml { .. } => {
                "check this line and the one above it: indentation, a missing colon or quote"
            }
            Self::UnknownKey {
                nearest,
                known,
                belongs,
                ..
            } => {
                return match nearest {
                    _ if !belongs.is_empty() => belongs.clone(),
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("known keys: {}", list(known)),
                };
            }
            Self::NotSupportedYet { instead, .. } => instead,
            Self::MissingKey { key, example } if example.is_empty() => {
                return format!("add `{key}:`");
            }
            Self::MissingKey { key, example } => {
                return format!("add for example `{key}: {example}`");
            }
            Self::WrongType { expected, .. } => match expected.as_str() {
                "text" => "write text; put text that looks like something else in quotes",
                "a list" => "write `[first, second]`, or one `- item` per line",
                _ => "write `key: value` lines below it, indented",
            },
            Self::UnknownWord { nearest, .. } => {
                return match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => "use one of these words".to_owned(),
                };
            }
            Self::BadValue { hint, .. } => hint,
            Self::BadPlaceholder { .. } => {
                "write `${env:NAME}` or `${file:PATH}`; a literal `${` is written `$${`"
            }
            Self::EnvMissing { variable } => {
                return format!(
                    "set {variable} where host-runner runs (under Kestra: in the task's `env:`)"
                );
            }
            Self::EnvEmpty { variable } => {
                return format!(
                    "give {variable} a value; under Kestra an `env:` entry is empty if its secret or variable does not exist"
                );
            }
            Self::FileMissing { .. } => {
                "check the path; a relative path starts at the configuration file"
            }
            Self::FileUnusable { .. } => "put only the value in a UTF-8 text file",
            Self::UnknownTarget { name, known } => {
                return match nearest(name, known) {
                    Some(nearest) => {
                        format!("did you mean `{nearest}`? Targets: {}", list(known))
                    }
                    None if known.is_empty() => "the configuration has no targets".to_owned(),
                    None => format!("targets: {}", list(known)),
                };
            }
            Self::BadTargetName { proposal, .. } => return format!("call it `{proposal}`"),
            Self::NoTarget { known, .. } if known.is_empty() => "add one below `targets:`",
            Self::NoTarget { known, .. } => {
                return format!("name one or more of {}, or use --all", list(known));
            }
            Self::UrlUnusable { .. } | Self::UrlNoApiVersion => {
                "copy the whole URL from the flow's trigger, and quote it in a shell"
            }
            Self::UrlNoSig { .. } => {
                "copy the whole URL again if it should have a signature; a trigger that requires a sign-in \
                 (OAuth) has a URL without `sig` and `sp` and needs `credentials: NAME` in the target"
            }
            Self::UrlCut { .. } => {
                "a shell cuts an unquoted URL at `&`: quote it, as in `export NAME='https://…&sig=…'`; a trigger \
                 that requires a sign-in (OAuth) may have one parameter and needs `credentials: NAME` in the target"
            }
            Self::LoopbackNotAllowed { .. } | Self::UrlNotHttps { loopback: true, .. } => {
                "for a simulator on this machine set `sandbox.allow_loopback: true`"
            }
            Self::UrlNotHttps { .. } => "write https://",
            Self::PayloadNotObject { .. } => {
                "write keys and values, as in `{dataflow_name: Master Order List}`"
            }
            Self::UnknownCredentials { nearest, known, .. } => {
                return match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None if known.is_empty() => {
                        "add `credentials: {default: {kind: client-secret, tenant: …, client_id: …, \
                         client_secret: \"${env:AZURE_CLIENT_SECRET}\"}}`"
                            .to_owned()
                    }
                    None => format!("known credentials: {}", list(known)),
                };
            }
        }
        .to_owned()
    }
}

/// A key, unless it may be a secret in the wrong place.
pub(crate) fn shown_key(key: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c == '-';
    (key.len() <= LONGEST_KEY && key.chars().all(plain)).then_some(key)
}

/// The name of credentials, unless it may be a secret in the wrong place.
pub(crate) fn shown_credentials(name: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    (name.len() <= LONGEST_KEY && name.chars().all(plain)).then_some(name)
}

/// The name of a target, unless it may be a secret in the wrong place.
pub(crate) fn shown_target(name: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._-!".contains(c);
    (name.len() <= LONGEST_KEY && name.chars().all(plain)).then_some(name)
}

/// `a, b and c`, each in backticks.
pub(crate) fn list<T: Display>(words: &[T]) -> String {
    joined(words, "and")
}

/// The words that are valid, each in backticks.
pub(crate) fn alternatives<T: Display>(words: &[T]) -> String {
    joined(words, "or")
}

fn joined<T: Display>(words: &[T], conjunction: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} {conjunction} {last}", before.join(", ")),
    }
}

/// The known word that `word` is probably a misspelling of: at most a third of it differs.
pub(crate) fn nearest<T: AsRef<str>>(
    word: &str,
    known: impl IntoIterator<Item = T>,
) -> Option<String> {
    let allowed = (word.chars().count() / 3).max(1);
    let folded = word.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|known| {
            let distance = strsim::damerau_levenshtein(&folded, &known.as_ref().replace('-', "_"));
            (distance, known.as_ref().to_owned())
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_like_a_sentence() {
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(alternatives(&["a", "b"]), "`a` or `b`");
    }

    #[test]
    fn a_misspelled_word_is_recognised_and_another_word_is_not() {
        let known = ["timeout", "deadline", "if_running", "power-automate"];
        for (word, expected) in [
            ("timout", Some("timeout")),
            ("If-Running", Some("if_running")),
            ("power_automate", Some("power-automate")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known).as_deref(), expected, "{word}");
        }
    }

    #[test]
    fn a_key_that_may_be_a_secret_is_not_shown() {
        assert_eq!(shown_key("client_secret"), Some("client_secret"));
        for key in ["client_secret:INVENTED", "Q8~x", "a".repeat(41).as_str()] {
            assert_eq!(shown_key(key), None, "{key}");
        }
    }
}
