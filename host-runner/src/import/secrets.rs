//! What must not be repeated, by its key or by itself.
//!
//! It would rather take a harmless value for a secret than the other way round: a value too many in
//! the environment costs a line, a secret in a file that is passed around costs a night.

use secrecy::SecretString;

use crate::config::tree::{Node, Value};
use crate::secret::Redactor;

/// Words of a key that say that its value is a secret.
const WORDS: &[&str] = &[
    "secret",
    "secrets",
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "token",
    "sig",
    "signature",
    "sas",
    "key",
    "apikey",
    "credential",
    "credentials",
    "authorization",
    "bearer",
    "cookie",
    "dsn",
    "webhook",
    "private",
    "conn",
    "connection",
    "connectionstring",
];

/// What a value has in it that grants something.
const MARKS: &[&str] = &[
    "sig=",
    "&code=",
    "?code=",
    "token=",
    "key=",
    "password=",
    "pwd=",
    "secret=",
    "bearer ",
    "-----begin",
];

/// The shortest text of one word that is taken for a secret by its look alone, in bytes. Keys and
/// signatures of the services have 40 and more.
const SHORTEST_BY_LOOK: usize = 20;

/// Makes every secret of the tree known to the redactor.
pub(super) fn register(node: &Node, redactor: &Redactor) {
    walk("", node, redactor);
}

fn walk(key: &str, node: &Node, redactor: &Redactor) {
    let tell = |text: &str| {
        if reference(text).is_none() && (named_as_one(key) || looks_like_one(text)) {
            redactor.register(&SecretString::from(text.trim()));
            for value in inner_values(text) {
                redactor.register(&SecretString::from(value));
            }
        }
    };
    match &node.value {
        Value::Text(text) => tell(text),
        Value::Number(number) => tell(&number.to_string()),
        Value::List(nodes) => {
            for node in nodes {
                walk(key, node, redactor);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                if looks_like_one(&entry.key) {
                    redactor.register(&SecretString::from(entry.key.as_str()));
                }
                walk(&entry.key, &entry.node, redactor);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// The secrets within a URL's query or a connection string.
fn inner_values(text: &str) -> impl Iterator<Item = &str> {
    text.split(['?', '&', ';', ' '])
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| named_as_one(name))
        .map(|(_, value)| value)
}

/// Whether a key's name says that its value is a secret. The id or the name of a secret is none.
pub(super) fn named_as_one(key: &str) -> bool {
    let mut words: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for c in key.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    let of_a_secret = words.last().is_some_and(|last| {
        ["id", "type", "name", "kind", "timeout", "enabled"].contains(&last.as_str())
    });
    !of_a_secret && words.iter().any(|word| WORDS.contains(&word.as_str()))
}

/// Whether a value looks like a secret by itself.
pub(super) fn looks_like_one(text: &str) -> bool {
    let text = text.trim();
    if reference(text).is_some() {
        return false;
    }
    let lower = text.to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
        || has_user_info(text)
        || text.split_whitespace().any(is_dense)
}

/// Whether a URL has a password in front of its host.
fn has_user_info(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return false;
    };
    let place = rest.split('/').next().unwrap_or_default();
    place
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

/// A long word of letters in both cases and digits, as keys are made of. `Gen1_Dataflow_Refresh` is
/// made of words.
fn is_dense(word: &str) -> bool {
    let of_keys = |c: char| c.is_ascii_alphanumeric() || "-._~+/=%!".contains(c);
    word.len() >= SHORTEST_BY_LOOK
        && !word.contains("://")
        && word.chars().all(of_keys)
        && word.chars().any(|c| c.is_ascii_uppercase())
        && word.chars().any(|c| c.is_ascii_lowercase())
        && word.chars().any(|c| c.is_ascii_digit())
        && !word.split(['_', '-', '.', '/']).all(is_plain)
}

/// Letters of one case, the first of any, and digits only at the end; or none at all.
fn is_plain(piece: &str) -> bool {
    let letters = piece.trim_end_matches(|c: char| c.is_ascii_digit());
    let rest = letters.get(1..).unwrap_or_default();
    letters.chars().all(|c| c.is_ascii_alphabetic())
        && (rest.chars().all(|c| c.is_ascii_lowercase())
            || letters.chars().all(|c| c.is_ascii_uppercase()))
}

/// The variable that a value is fetched from, where it is nothing else: `$NAME`, `${NAME}`,
/// `${env:NAME}`, `%NAME%`, or `secret('NAME')` and `envs.name` of a Kestra expression.
pub(super) fn reference(text: &str) -> Option<String> {
    let text = text.trim();
    let within = |start: &str, end: &str| {
        text.strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
            .map(str::trim)
    };
    let name = if let Some(inner) = within("{{", "}}") {
        let secret = inner
            .strip_prefix("secret(")
            .and_then(|rest| rest.strip_suffix(')'))
            .map(|name| name.trim().trim_matches(['\'', '"']).to_owned());
        secret.or_else(|| inner.strip_prefix("envs.").map(str::to_uppercase))?
    } else if let Some(inner) = within("${", "}") {
        inner.strip_prefix("env:").unwrap_or(inner).to_owned()
    } else if let Some(inner) = within("%", "%") {
        inner.to_owned()
    } else {
        text.strip_prefix('$')?.to_owned()
    };
    // A secret may begin with a dollar: what is no usual name of a variable is none.
    let usual = name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    usual.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_by_a_word_of_its_own_that_it_holds_a_secret() {
        for key in [
            "client_secret",
            "API-KEY",
            "smtpPassword",
            "sas",
            "audit_connection_string",
            "teams_webhook",
        ] {
            assert!(named_as_one(key), "{key}");
        }
        for key in ["design", "client_id", "monkey", "tokens_per_day", "url"] {
            assert!(!named_as_one(key), "{key}");
        }
    }

    #[test]
    fn a_value_is_a_secret_by_its_marks_or_its_look() {
        for text in [
            "https://h.example/x?api-version=1&sig=INVENTED",
            "https://user:INVENTED@h.example/x",
            "Server=db;Password=INVENTED",
            "Bearer INVENTED",
            "INVENTED~client-secret_0123456789",
        ] {
            assert!(looks_like_one(text), "{text}");
        }
        for text in [
            "Master Order List",
            "33333333-3333-3333-3333-333333333333",
            "Australia/Brisbane",
            "https://h.example/x?api-version=1",
            "/var/lib/audit/refresh.db",
            "Gen1_Dataflow_Refresh",
            "ORDER_LIST_Pipeline_2026",
            "${POWER_AUTOMATE_URL_0123456789}",
        ] {
            assert!(!looks_like_one(text), "{text}");
        }
    }

    #[test]
    fn a_value_that_names_a_variable_is_no_secret_and_one_that_begins_like_it_is() {
        for text in [
            "$FLOW_URL",
            "${FLOW_URL}",
            "${env:FLOW_URL}",
            "%FLOW_URL%",
            "{{ secret('FLOW_URL') }}",
            "{{ envs.flow_url }}",
        ] {
            assert_eq!(reference(text).as_deref(), Some("FLOW_URL"), "{text}");
        }
        for text in ["FLOW_URL", "$uperInvented1", "${a b}", "x-${FLOW_URL}"] {
            assert_eq!(reference(text), None, "{text}");
        }
    }
}
