//! What can be wrong with a configuration, one variant per kind of mistake.
//!
//! A fault says what is wrong ([`Fault`]'s `Display`) and what to do about it ([`Fault::hint`]).
//! It never repeats a value, for any value may be a secret in the wrong place: only keys, the names of
//! targets, credentials and variables, hosts, and paths of files.

use std::path::PathBuf;

use super::words::list;

/// What is wrong with one place of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The configuration that was named is not there.
    #[error("there is no configuration file `{}`", path.display())]
    ConfigNotFound {
        /// Where it should be.
        path: PathBuf,
    },
    /// The configuration, or the payload file, is there and cannot be read.
    #[error("the file cannot be read: {reason}")]
    ConfigUnreadable {
        /// What the system said.
        reason: String,
    },
    /// Not YAML.
    #[error("this is not valid YAML: {reason}")]
    ConfigYaml {
        /// What the parser said, without the text itself.
        reason: String,
    },
    /// A key that nothing knows.
    #[error("the key `{key}` is unknown here")]
    UnknownKey {
        /// The key.
        key: String,
        /// The known key that it resembles.
        nearest: Option<String>,
        /// Every key that may stand here.
        known: Vec<&'static str>,
        /// Where this key belongs instead; empty where that is not known.
        belongs: &'static str,
    },
    /// Something of the contract that a later version brings.
    #[error("{what} is not in this version")]
    NotInThisVersion {
        /// What.
        what: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A key that must be there and is not.
    #[error("`{key}` is missing")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// A line that would do.
        example: &'static str,
    },
    /// A value that makes no sense where it stands.
    #[error("{what}")]
    BadValue {
        /// What is wrong.
        what: String,
        /// What would be right.
        hint: String,
    },
    /// A `${…}` that is none of the known forms.
    #[error("a `${{…}}` in this value {what}")]
    BadPlaceholder {
        /// What is wrong with it.
        what: &'static str,
    },
    /// An environment variable that is not set.
    #[error("the environment variable {variable} is not set")]
    EnvMissing {
        /// Its name.
        variable: String,
    },
    /// An environment variable that is set to nothing.
    #[error("the environment variable {variable} is empty")]
    EnvEmpty {
        /// Its name.
        variable: String,
    },
    /// A file behind `${file:…}`, or another file that is named, is not there.
    #[error("there is no file `{}`", path.display())]
    FileMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file behind `${file:…}` that gives no value.
    #[error("the file `{}` gives no value: {reason}", path.display())]
    FileUnusable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A target name that the configuration does not have.
    #[error("there is no target `{name}`")]
    UnknownTarget {
        /// The name.
        name: String,
        /// The target that it resembles.
        nearest: Option<String>,
        /// Every target.
        known: Vec<String>,
    },
    /// A target name that Kestra's expressions cannot use.
    #[error("`{name}` cannot be a target's name: {reason}")]
    BadTargetName {
        /// The name.
        name: String,
        /// Why.
        reason: &'static str,
        /// A name that would do.
        proposal: String,
    },
    /// Nothing to refresh.
    #[error("{what}")]
    NoTarget {
        /// Why.
        what: &'static str,
        /// Every target that could be named.
        known: Vec<String>,
    },
    /// A trigger URL that is not one.
    #[error("this is not a trigger URL: {reason}")]
    UrlUnusable {
        /// Why.
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
    /// A trigger URL of which only the first parameter is left.
    #[error("the trigger URL ends after its first parameter, `{first}`")]
    UrlCut {
        /// The parameter's name.
        first: String,
    },
    /// An address that is not encrypted.
    #[error("the address of `{host}` begins with http:// and not with https://")]
    UrlNotHttps {
        /// The host.
        host: String,
        /// Whether the host is this machine.
        loopback: bool,
    },
    /// An address of this machine, without leave to go there.
    #[error("`{host}` is this machine, which a refresh may not reach")]
    ThisMachine {
        /// The host.
        host: String,
    },
    /// A payload that is not an object.
    #[error("a payload must be an object, and this is {found}")]
    PayloadNotObject {
        /// What it is.
        found: &'static str,
    },
    /// Credentials that the configuration does not have.
    #[error("there are no credentials `{name}`")]
    UnknownCredentials {
        /// The name.
        name: String,
        /// The credentials that it resembles.
        nearest: Option<String>,
        /// All of them.
        known: Vec<String>,
    },
}

impl Fault {
    /// The stable name of this fault.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ConfigNotFound { .. } => "config_not_found",
            Self::ConfigUnreadable { .. } => "config_unreadable",
            Self::ConfigYaml { .. } => "config_yaml",
            Self::UnknownKey { .. } => "unknown_key",
            Self::NotInThisVersion { .. } => "not_supported_yet",
            Self::MissingKey { .. } => "missing_key",
            Self::BadValue { .. } => "invalid_value",
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
            Self::ThisMachine { .. } => "this_machine",
            Self::PayloadNotObject { .. } => "payload_not_object",
            Self::UnknownCredentials { .. } => "unknown_credentials",
        }
    }

    /// What to do next, in a sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::ConfigNotFound { .. } => {
                "check --config and HOST_RUNNER_CONFIG, or give the target by options (--kind …)".to_owned()
            }
            Self::ConfigUnreadable { .. } => {
                "make it a plain text file that this user may read".to_owned()
            }
            Self::ConfigYaml { .. } => {
                "look at this line and the one above it: indentation, a missing colon or quote".to_owned()
            }
            Self::UnknownKey { nearest, known, belongs, .. } => match (belongs, nearest) {
                (&"", Some(nearest)) => format!("did you mean `{nearest}`?"),
                (&"", None) => format!("known here: {}", list(known)),
                (belongs, _) => format!("it {belongs}"),
            },
            Self::NotInThisVersion { instead, .. } => (*instead).to_owned(),
            Self::MissingKey { example, .. } => format!("add for example `{example}`"),
            Self::BadValue { hint, .. } => hint.clone(),
            Self::BadPlaceholder { .. } => {
                "write `${env:NAME}` or `${file:PATH}`; a literal `${` is written `$${`".to_owned()
            }
            Self::EnvMissing { variable } => {
                format!("set {variable} where host-runner runs (under Kestra: in the task's `env:`)")
            }
            Self::EnvEmpty { variable } => format!(
                "give {variable} a value; under Kestra an `env:` entry whose secret or variable does not exist is empty"
            ),
            Self::FileMissing { .. } => {
                "check the path; a relative one starts at the configuration file".to_owned()
            }
            Self::FileUnusable { .. } => "put the value alone into a UTF-8 text file".to_owned(),
            Self::UnknownTarget { nearest: Some(nearest), known, .. } => {
                format!("did you mean `{nearest}`? Targets: {}", list(known))
            }
            Self::UnknownTarget { known, .. } if known.is_empty() => {
                "the configuration has no targets".to_owned()
            }
            Self::UnknownTarget { known, .. } => format!("targets: {}", list(known)),
            Self::BadTargetName { proposal, .. } => format!("call it `{proposal}`"),
            Self::NoTarget { known, .. } if known.is_empty() => {
                "add one below `targets:`".to_owned()
            }
            Self::NoTarget { known, .. } => {
                format!("name one or more of {}, or say --all", list(known))
            }
            Self::UrlUnusable { .. } | Self::UrlNoApiVersion => {
                "copy the whole URL from the flow's trigger, and quote it where a shell reads it".to_owned()
            }
            Self::UrlNoSig { .. } => "copy the whole URL again where it should have one; a URL without `sig` and `sp` is that of a trigger that wants a \
                 sign-in (OAuth): give the target `credentials: NAME`"
                .to_owned(),
            Self::UrlCut { .. } => "a shell cuts an unquoted URL at `&`: quote it, as in `export NAME='https://…&sig=…'`. A URL that is whole with one \
                 parameter is that of a trigger that wants a sign-in (OAuth): give the target `credentials: NAME`"
                .to_owned(),
            Self::ThisMachine { .. } | Self::UrlNotHttps { loopback: true, .. } => {
                "for a simulator on this machine set `sandbox.allow_loopback: true`".to_owned()
            }
            Self::UrlNotHttps { .. } => "write https://".to_owned(),
            Self::PayloadNotObject { .. } => {
                "write keys and values, as in `{dataflow_name: Master Order List}`".to_owned()
            }
            Self::UnknownCredentials { nearest: Some(nearest), .. } => {
                format!("did you mean `{nearest}`?")
            }
            Self::UnknownCredentials { name, known, .. } if known.is_empty() => {
                format!("add `credentials: {{{name}: {{kind: client-secret, tenant: …, client_id: …, client_secret: \"${{env:AZURE_CLIENT_SECRET}}\"}}}}`")
            }
            Self::UnknownCredentials { known, .. } => format!("known: {}", list(known)),
        }
    }
}
