//! Single values and their rules: ids, names, addresses.

use url::Url;

use super::fault::Fault;
use super::trigger_url::require_a_safe_place;

/// Whether a text is a GUID in its usual form, in any case.
pub(crate) fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// A GUID in its usual form, in small letters.
fn guid(text: &str) -> Option<String> {
    let text = text.trim();
    is_guid(text).then(|| text.to_ascii_lowercase())
}

/// The id of a workspace or an item, in small letters, or its name, exactly as it is. The service
/// lists names; one that could not be seen in a list is a slip.
pub(crate) fn id_or_name(text: &str) -> Result<String, Fault> {
    let bad = |what: &str| Fault::BadValue {
        what: format!("this {what}"),
        hint: "give the id out of the address in the browser, or the exact name".to_owned(),
    };
    if let Some(id) = guid(text) {
        return Ok(id);
    }
    if text.trim().is_empty() {
        return Err(bad("is an empty name"));
    }
    if text.trim() != text {
        return Err(bad("is a name with blanks around it"));
    }
    if text.chars().any(char::is_control) {
        return Err(bad(
            "is a name with a line break or another control character in it",
        ));
    }
    Ok(text.to_owned())
}

/// A tenant: its GUID or one of its domains. It becomes part of a path, so nothing else may be in it.
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
        None => Err(Fault::BadValue {
            what: "this is no tenant".to_owned(),
            hint:
                "give the tenant's id, a GUID, or one of its domains, as in example.onmicrosoft.com"
                    .to_owned(),
        }),
    }
}

/// An application's id.
pub(crate) fn client_id(text: &str) -> Result<String, Fault> {
    guid(text).ok_or_else(|| Fault::BadValue {
        what: "this is not a GUID".to_owned(),
        hint: "copy \"Application (client) ID\" from the app registration in Entra".to_owned(),
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
    } else if name.chars().any(|c| c.is_ascii_uppercase()) {
        "names are written in small letters, digits and `_`, so that Kestra's expressions can use them"
    } else {
        "Kestra's expressions can use small letters, digits and `_` only"
    };
    let proposal: String = name
        .to_lowercase()
        .chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect();
    let proposal = match proposal.trim_matches('_') {
        "" => "my_target".to_owned(),
        trimmed => trimmed.to_owned(),
    };
    Err(Fault::BadTargetName {
        name: name.to_owned(),
        reason,
        proposal,
    })
}

/// The base address of a service, without a slash at its end.
pub(crate) fn endpoint(text: &str, allow_loopback: bool) -> Result<String, Fault> {
    let text = text.trim();
    let bad = |what: &str| Fault::BadValue {
        what: format!("this address {what}"),
        hint: "write it as in https://api.powerbi.com".to_owned(),
    };
    let url = Url::parse(text).map_err(|_| bad("does not begin with https:// and a host"))?;
    if !["https", "http"].contains(&url.scheme()) {
        return Err(bad("does not begin with https://"));
    }
    require_a_safe_place(&url, allow_loopback)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("has a user name in front of the host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("goes on with `?` or `#`"));
    }
    if url.host_str().is_some_and(|host| host.ends_with('.')) {
        return Err(bad("has a host that ends in a dot"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_one_in_any_case_and_anything_else_is_a_name() {
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
    }

    #[test]
    fn a_name_that_nobody_could_see_in_a_list_is_refused() {
        for (text, word) in [
            ("", "empty"),
            (" \t", "empty"),
            (" Data Admin", "blanks around"),
            ("Data Admin\n", "blanks around"),
            ("Data\nAdmin", "line break"),
        ] {
            let fault = id_or_name(text).unwrap_err();
            assert_eq!(fault.code(), "invalid_value", "{text:?}");
            assert!(fault.to_string().contains(word), "{fault}");
        }
    }

    #[test]
    fn a_tenant_is_a_guid_or_a_domain_and_cannot_leave_its_place_in_the_path() {
        assert!(tenant("11111111-1111-1111-1111-111111111111").is_ok());
        assert_eq!(
            tenant("Example.onmicrosoft.com").unwrap(),
            "example.onmicrosoft.com"
        );
        for text in ["a/../b.c", "common", "..", "a b.c", ".a"] {
            assert_eq!(tenant(text).unwrap_err().code(), "invalid_value", "{text}");
        }
    }

    #[test]
    fn a_name_that_kestra_cannot_use_is_refused_with_one_that_it_can() {
        assert!(target_name("order_list_2").is_ok());
        for (name, word, proposal) in [
            ("order-list", "subtraction", "order_list"),
            ("OrderList", "small letters", "orderlist"),
            ("order list!", "small letters, digits", "order_list"),
            ("", "empty", "my_target"),
        ] {
            let fault = target_name(name).unwrap_err();
            assert_eq!(fault.code(), "invalid_target_name");
            assert!(fault.to_string().contains(word), "{fault}");
            assert_eq!(fault.hint(), format!("call it `{proposal}`"));
        }
    }

    #[test]
    fn an_endpoint_is_encrypted_and_nothing_but_an_address() {
        assert_eq!(
            endpoint("https://API.example/", false).unwrap(),
            "https://api.example"
        );
        assert_eq!(
            endpoint("https://api.example:8443/base/", false).unwrap(),
            "https://api.example:8443/base"
        );
        for (text, code) in [
            ("http://api.example", "url_not_https"),
            ("http://127.0.0.1:1", "url_not_https"),
            ("https://localhost:1", "this_machine"),
            ("api.example", "invalid_value"),
            ("ftp://api.example", "invalid_value"),
            ("https://u:INVENTED-pw@api.example", "invalid_value"),
            ("https://api.example/?x=1", "invalid_value"),
            ("https://api.example./", "invalid_value"),
        ] {
            let fault = endpoint(text, false).unwrap_err();
            assert_eq!(fault.code(), code, "{text}");
            assert!(!fault.to_string().contains("INVENTED"));
        }
        assert_eq!(
            endpoint("http://127.0.0.1:1", true).unwrap(),
            "http://127.0.0.1:1"
        );
        assert_eq!(
            endpoint("http://api.example", true).unwrap_err().code(),
            "url_not_https"
        );
    }
}
