//! Single values and their rules: ids, names, numbers, words, addresses.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use url::Url;

use super::fault::{Fault, shown_target};
use super::trigger_url::require_a_safe_place;
use crate::verdict::Status;

/// Why a text is not a value of a type: what is wrong, and on a second line the hint. In this form
/// it passes through serde's errors.
#[derive(Debug, thiserror::Error)]
#[error("{what}\n{hint}")]
pub struct Wrong {
    what: String,
    hint: String,
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self {
            what: fault.to_string(),
            hint: fault.hint(),
        }
    }
}

/// A number or text. A variable always holds text.
#[derive(Debug, Deserialize)]
#[serde(rename = "by shape", rename_all = "lowercase")]
pub enum Scalar {
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
}

/// An integer in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Scalar")]
pub struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> TryFrom<Scalar> for Whole<MIN, MAX> {
    type Error = Wrong;

    fn try_from(scalar: Scalar) -> Result<Self, Wrong> {
        let number = match scalar {
            Scalar::Number(number) => number.as_u64(),
            Scalar::Text(text) => text.trim().parse().ok(),
        };
        number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (MIN..=MAX).contains(number))
            .map(Self)
            .ok_or_else(|| {
                let what = format!("expected an integer between {MIN} and {MAX}");
                Fault::bad(what, format!("write a number from {MIN} to {MAX}")).into()
            })
    }
}

/// Reads a field that is a plain integer.
pub(crate) fn whole<'de, const MIN: u32, const MAX: u32, D: Deserializer<'de>>(
    source: D,
) -> Result<u32, D::Error> {
    Ok(Whole::<MIN, MAX>::deserialize(source)?.0)
}

impl<const MIN: u32, const MAX: u32> JsonSchema for Whole<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Whole{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

/// Text that is not blank, kept exactly.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub(crate) struct Filled(pub(crate) String);

impl TryFrom<String> for Filled {
    type Error = Wrong;

    fn try_from(text: String) -> Result<Self, Wrong> {
        if text.trim().is_empty() {
            return Err(
                Fault::bad("this text is empty", "write a value, or remove the key").into(),
            );
        }
        Ok(Self(text))
    }
}

/// A list with at least one entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename = "filled list")]
pub struct FilledList<T>(pub Vec<T>);

impl<T: JsonSchema> JsonSchema for FilledList<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        json_schema!({"type": "array", "items": items, "minItems": 1})
    }
}

/// The id of a workspace or an item, as a GUID in lower case, or its exact name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub(crate) struct IdOrName(pub(crate) String);

impl TryFrom<String> for IdOrName {
    type Error = Wrong;

    fn try_from(text: String) -> Result<Self, Wrong> {
        Ok(Self(id_or_name(&text)?))
    }
}

/// A tenant's id or one of its domains.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub(crate) struct Tenant(pub(crate) String);

impl TryFrom<String> for Tenant {
    type Error = Wrong;

    fn try_from(text: String) -> Result<Self, Wrong> {
        Ok(Self(tenant(&text)?))
    }
}

/// An application's id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub(crate) struct ClientId(pub(crate) String);

impl TryFrom<String> for ClientId {
    type Error = Wrong;

    fn try_from(text: String) -> Result<Self, Wrong> {
        Ok(Self(client_id(&text)?))
    }
}

/// A status that may exit 0. A bug in the runner never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Status")]
#[schemars(inline)]
pub(crate) struct ExitZero(pub(crate) Status);

impl TryFrom<Status> for ExitZero {
    type Error = Wrong;

    fn try_from(status: Status) -> Result<Self, Wrong> {
        if status == Status::InternalError {
            let what = "a bug in the runner never exits 0";
            return Err(Fault::bad(what, "remove this status").into());
        }
        Ok(Self(status))
    }
}

/// Whether a text is a GUID in its usual form, in any case.
pub(crate) fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// A GUID in lower case.
fn guid(text: &str) -> Option<String> {
    let text = text.trim();
    is_guid(text).then(|| text.to_ascii_lowercase())
}

/// The id of a workspace or an item, or its exact name. A name that the service could not list is
/// refused.
pub(crate) fn id_or_name(text: &str) -> Result<String, Fault> {
    let bad = |what: &str| {
        let hint = "give the id from the address in the browser, or the exact name";
        Err(Fault::bad(what, hint))
    };
    match guid(text) {
        Some(id) => Ok(id),
        None if text.trim().is_empty() => bad("this name is empty"),
        None if text.trim() != text => bad("this name has blanks around it"),
        None if text.chars().any(char::is_control) => {
            bad("this name contains a line break or another control character")
        }
        None => Ok(text.to_owned()),
    }
}

/// A tenant's id or one of its domains. It becomes part of a path, so it contains nothing else.
pub(crate) fn tenant(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let is_domain = text.contains('.')
        && !text.contains("..")
        && !text.starts_with('.')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    match guid(text) {
        Some(id) => Ok(id),
        None if is_domain => Ok(text.to_ascii_lowercase()),
        None => Err(Fault::bad(
            "this is not a tenant",
            "give the tenant's id, a GUID, or one of its domains, as in example.onmicrosoft.com",
        )),
    }
}

/// An application's id.
pub(crate) fn client_id(text: &str) -> Result<String, Fault> {
    guid(text).ok_or_else(|| {
        Fault::bad(
            "this is not a GUID",
            "copy \"Application (client) ID\" from the app registration in Entra",
        )
    })
}

/// Checks the name of a target.
pub(crate) fn target_name(name: &str) -> Result<(), Fault> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(());
    }
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.contains('-') {
        "Kestra's expressions read `a-b` as a subtraction"
    } else {
        "Kestra's expressions can use lower-case letters, digits and `_` only"
    };
    let shown = shown_target(name);
    let proposal: String = shown
        .unwrap_or_default()
        .to_lowercase()
        .chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect();
    let proposal = match proposal.trim_matches('_') {
        "" => "my_target".to_owned(),
        trimmed => trimmed.to_owned(),
    };
    Err(Fault::BadTargetName {
        name: shown.unwrap_or("…").to_owned(),
        reason,
        proposal,
    })
}

/// The base address of a service, without a slash at its end.
pub(crate) fn endpoint(text: &str, allow_loopback: bool) -> Result<String, Fault> {
    let text = text.trim();
    let bad = |what: &str| Fault::bad(what, "write it as in https://api.powerbi.com");
    let url = Url::parse(text)
        .map_err(|_| bad("this address does not start with https:// and a host"))?;
    if !["https", "http"].contains(&url.scheme()) {
        return Err(bad("this address does not start with https://"));
    }
    require_a_safe_place(&url, allow_loopback)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("this address has a user name before the host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("this address has a query or a fragment"));
    }
    if url.host_str().is_some_and(|host| host.ends_with('.')) {
        return Err(bad("the host of this address ends with a dot"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_guid_in_any_case_and_anything_else_is_a_name() {
        assert_eq!(
            id_or_name(" 3333333A-3333-3333-3333-333333333333 ").unwrap(),
            "3333333a-3333-3333-3333-333333333333"
        );
        for name in [
            "Data Admin",
            "Größe & Gewicht / 100 %",
            "33333333333333333333333333333333",
            "{33333333-3333-3333-3333-333333333333}",
            "G3333333-3333-3333-3333-333333333333",
            "33333333-3333-3333-3333-3333333333333",
        ] {
            assert_eq!(id_or_name(name).unwrap(), name);
            assert!(!is_guid(name), "{name}");
        }
        for (text, word) in [
            ("", "empty"),
            (" \t", "empty"),
            (" Data Admin", "blanks around"),
            ("Data Admin\n", "blanks around"),
            ("Data\nAdmin", "line break"),
        ] {
            let fault = id_or_name(text).unwrap_err();
            assert!(fault.to_string().contains(word), "{fault}");
        }
    }

    #[test]
    fn a_tenant_is_a_guid_or_a_domain_and_cannot_leave_its_place_in_the_path() {
        for (text, expected) in [
            ("11111111-1111-1111-1111-111111111111", true),
            ("Example.onmicrosoft.com", true),
            ("a/../b.c", false),
            ("common", false),
            ("..", false),
            ("a b.c", false),
            (".a", false),
        ] {
            assert_eq!(tenant(text).is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_name_that_kestra_cannot_use_is_refused_with_one_that_it_can() {
        assert!(target_name("order_list_2").is_ok());
        for (name, word, proposal) in [
            ("order-list", "subtraction", "order_list"),
            ("OrderList", "lower-case", "orderlist"),
            ("order list!", "lower-case", "order_list"),
            ("", "empty", "my_target"),
            ("https://INVENTED/?sig=INVENTED", "`…`", "my_target"),
        ] {
            let fault = target_name(name).unwrap_err();
            let shown = format!("{fault} {fault:?} {}", fault.hint());
            assert_eq!(fault.code(), "invalid_target_name");
            assert!(shown.contains(word), "{shown}");
            assert!(!shown.contains("INVENTED"), "{shown}");
            assert_eq!(fault.hint(), format!("call it `{proposal}`"));
        }
    }

    #[test]
    fn an_endpoint_is_encrypted_and_only_an_address() {
        for (text, loopback, expected) in [
            ("https://API.example/", false, Ok("https://api.example")),
            (
                "https://api.example:8443/base/",
                false,
                Ok("https://api.example:8443/base"),
            ),
            ("http://127.0.0.1:1", true, Ok("http://127.0.0.1:1")),
            ("http://api.example", true, Err("url_not_https")),
            ("http://api.example", false, Err("url_not_https")),
            ("http://127.0.0.1:1", false, Err("url_not_https")),
            ("https://localhost:1", false, Err("loopback_not_allowed")),
            ("api.example", false, Err("invalid_value")),
            ("ftp://api.example", false, Err("invalid_value")),
            (
                "https://u:INVENTED@api.example",
                false,
                Err("invalid_value"),
            ),
            ("https://api.example/?x=1", false, Err("invalid_value")),
            ("https://api.example./", false, Err("invalid_value")),
        ] {
            let found = endpoint(text, loopback);
            assert!(!format!("{found:?}").contains("INVENTED"), "{found:?}");
            let found = found.as_deref().map_err(Fault::code);
            assert_eq!(found, expected, "{text}");
        }
    }
}
