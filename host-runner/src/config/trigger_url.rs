//! The trigger URL of a flow: its checks, and the removal of its signature.
//!
//! A URL with a `sig` is a credential: everyone who has it can start the flow. So the signature is
//! taken out here, before anything else sees the URL, and no error repeats more of the URL than its
//! host or the name of a parameter. A trigger that requires a sign-in has a URL without `sig`. Both
//! generations of URLs are known (Logic Apps, and the Power Platform since 2025); another one is
//! used as it is, with a warning.

use std::borrow::Cow;

use url::Url;

use super::error::Fault;
use crate::outbound::{Origin, SasUrl, is_secret_name};
use crate::secret::SHORTEST_SECRET;

/// The address of a trigger, with or without a signature.
#[derive(Debug, Clone)]
pub enum TriggerAddress {
    /// The URL and, apart from it, its signature.
    Signed(SasUrl),
    /// A URL without a signature: the trigger requires a sign-in.
    Bare(Url),
}

impl TriggerAddress {
    /// The URL without secrets: safe to show, to log and to hand to the component.
    #[must_use]
    pub fn url(&self) -> &Url {
        match self {
            Self::Signed(sas) => sas.bare(),
            Self::Bare(url) => url,
        }
    }
}

/// What a page, a shell or an e-mail has around a URL.
const AROUND: [char; 11] = ['"', '\'', '`', '<', '>', '(', ')', '[', '“', '”', '’'];
const ALLOW_LOOPBACK: &str = "for a simulator on this machine set `sandbox.allow_loopback: true`";
const COPY: &str = "copy the whole URL from the flow's trigger, and quote it in a shell";
const OLD_HOST: &str = "the URL has `logic.azure.com` in it: such URLs of Power Automate flows stopped working after \
     30 November 2025; open the flow and copy the new URL of its trigger (a Logic App keeps this form)";
const CUT_SIG: &str = "the URL has `sp` and no `sig`, as if its end were cut off; URLs of triggers that require a sign-in \
     usually have neither";
const CUT_SP: &str = "the URL has a `sig` and no `sp`, as if its middle were lost; the service refuses a signature without the `sp` that it covers";
const PERCENT: &str = "copy the whole URL from the flow's trigger; write `%%` for each `%` in a batch file or a systemd unit, \
     `\\%` in a crontab, and `printf '%s' 'https://…'` in a shell";
const GATEWAY: &str = "give the URL of the flow's own trigger, which has `api-version` and `sig`, instead of a gateway's";
const UNKNOWN_PATH: &str = "the URL's path is not that of a Power Automate trigger (…/triggers/{name}/paths/invoke); \
     it is used as it is";

/// Checks a trigger URL and takes its signature out; also returns warnings. A URL without a signature needs `credentials`;
/// the caller decides whether one with a signature may have them too. `allow_loopback` allows this
/// machine, also without encryption.
pub(super) fn parse_trigger_url(
    text: &str,
    credentials: bool,
    allow_loopback: bool,
) -> Result<(TriggerAddress, Vec<&'static str>), Fault> {
    let text = text.trim();
    refuse_bad_copies(text)?;
    let url =
        Url::parse(text).map_err(|_| unusable("it does not start with https:// and a host"))?;
    require_a_safe_place(&url, allow_loopback, unusable)?;
    let warnings = check_query(&url, credentials)?;
    let address = SasUrl::split(&url).map_or(TriggerAddress::Bare(url), TriggerAddress::Signed);
    Ok((address, warnings))
}

/// Refuses what goes wrong between the flow's page and the variable, each with its own reason.
fn refuse_bad_copies(text: &str) -> Result<(), Fault> {
    let has = |part: &str| text.contains(part);
    let reason = match text {
        _ if text.starts_with(AROUND) || text.ends_with(AROUND) => {
            "it has quotes or brackets around it"
        }
        _ if text.starts_with(['$', '%', '{']) => "it begins with a variable that was not replaced",
        _ if text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            "it contains a space or a line break"
        }
        _ if has("&amp;") || has("\\u0026") => {
            "its `&` are written as `&amp;` or `\\u0026`, so it was copied from HTML or JSON"
        }
        _ if has("\\") || has("^") => "it contains an escape character of a shell, `\\` or `^`",
        _ if has("#") => "it contains a `#`",
        _ => return Ok(()),
    };
    Err(unusable(reason))
}

/// Refuses a query that is not the whole query of a trigger, and returns warnings. `sp` shows whether
/// characters were replaced on the way: it is `/triggers/{name}/run`.
fn check_query(url: &Url, credentials: bool) -> Result<Vec<&'static str>, Fault> {
    let query = url.query().unwrap_or_default();
    let pairs = url
        .query_pairs()
        .map(|(name, value)| (name.to_ascii_lowercase(), value));
    let pairs: Vec<(String, Cow<'_, str>)> = pairs.collect();
    let value = |name: &str| {
        pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    };
    let (version, sp, sig) = (value("api-version"), value("sp"), value("sig"));
    let names = pairs.iter().map(|(name, _)| name);
    let key = names
        .clone()
        .find(|name| *name != "sig" && is_secret_name(name));
    let is_trigger = is_trigger_path(url.path());
    let is_lost = |sp: &str| sp.is_empty() || sp.contains("triggers");
    let is_whole = |sp: &str| sp.starts_with("/triggers/") && sp.ends_with("/run");
    let is_escape = |hex: &str| {
        hex.get(..2)
            .is_some_and(|hex| u8::from_str_radix(hex, 16).is_ok())
    };
    // `+` is decoded to a blank.
    let is_foreign = |c: char| !(c.is_ascii_alphanumeric() || "-._~+/= ".contains(c));
    let fault = match (sp, sig) {
        (_, None) if let Some(key) = key => {
            not_a_trigger(&format!("it has `{key}`, the key of a gateway"), GATEWAY)
        }
        _ if !is_trigger && (version.is_none() || sig.is_none() && !credentials) => not_a_trigger(
            "its path does not end in /triggers/{name}/paths/invoke",
            GATEWAY,
        ),
        _ if !query.split('%').skip(1).all(is_escape) => not_a_trigger(
            "a `%` in it is not followed by two hexadecimal digits",
            PERCENT,
        ),
        _ if !query.contains('&') && query.contains("%26") => {
            unusable("its `&` are written as `%26`")
        }
        (Some(sp), _) if sp.contains("%2") => unusable("its `%` are written as `%25`"),
        (Some(sp), _) if is_lost(sp) && !is_whole(sp) => not_a_trigger(
            "its `sp` is not `%2Ftriggers%2F…%2Frun`, as if a shell or a batch file had replaced `%2`",
            PERCENT,
        ),
        (_, None) if pairs.len() == 1 && version.is_some() && !credentials => Fault::new(
            "url_truncated",
            "the trigger URL ends after its first parameter, `api-version`",
            "a shell cuts an unquoted URL at `&`: quote it, as in `export NAME='https://…&sig=…'`; a trigger \
             that requires a sign-in (OAuth) may have one parameter and needs `credentials: NAME` in the target",
        ),
        _ if version.is_none() => {
            let what = "the trigger URL has no `api-version`";
            Fault::new("url_missing_api_version", what, COPY)
        }
        (_, None) if !credentials => no_sig("has no `sig`"),
        _ if names.filter(|name| *name == "sig").count() > 1 => {
            unusable("it has `sig` more than once")
        }
        (_, Some(sig)) if sig.contains(is_foreign) => {
            unusable("its `sig` has a character that no signature has, such as a quote or a comma")
        }
        // A signature that is too short cannot be masked in messages.
        (_, Some(sig)) if sig.len() < SHORTEST_SECRET => {
            no_sig("has a `sig` of less than 8 characters; flows use 43")
        }
        _ => {
            let warnings = [
                (sig.is_none() && sp.is_some(), CUT_SIG),
                (sig.is_some() && sp.is_none() && is_trigger, CUT_SP),
                (is_logic_apps_host(url), OLD_HOST),
                (!is_trigger, UNKNOWN_PATH),
            ];
            let warnings = warnings.into_iter().filter(|(applies, _)| *applies);
            return Ok(warnings.map(|(_, warning)| warning).collect());
        }
    };
    Err(fault)
}

/// Checks that `url` is plain and encrypted, or on this machine if that is allowed. `unusable` makes
/// other faults from their reason.
pub(crate) fn require_a_safe_place(
    url: &Url,
    allow_loopback: bool,
    unusable: impl Fn(&str) -> Fault,
) -> Result<(), Fault> {
    let loopback = Origin::of(url).is_some_and(|origin| origin.is_loopback());
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" | "http" if loopback && allow_loopback => {}
        "https" if loopback => return Err(loopback_not_allowed(host)),
        "https" => {}
        "http" => {
            let what = format!("the address of `{host}` starts with http:// instead of https://");
            let hint = if loopback {
                ALLOW_LOOPBACK
            } else {
                "write https://"
            };
            return Err(Fault::new("url_not_https", what, hint));
        }
        _ => return Err(unusable("it does not start with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("it has a user name before the host"));
    }
    if host.is_empty() || host.ends_with('.') {
        return Err(unusable("its host is empty or ends with a dot"));
    }
    Ok(())
}

/// An address of this machine, which is not allowed.
pub(crate) fn loopback_not_allowed(host: &str) -> Fault {
    let what = format!("`{host}` is this machine, which is not allowed");
    Fault::new("loopback_not_allowed", what, ALLOW_LOOPBACK)
}

fn is_logic_apps_host(url: &Url) -> bool {
    url.host_str()
        .is_some_and(|host| host == "logic.azure.com" || host.ends_with(".logic.azure.com"))
}

fn is_trigger_path(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').collect();
    let mut parts = segments.windows(6);
    parts.any(|part| matches!(part, ["workflows", _, "triggers", _, "paths", "invoke"]))
}

fn unusable(reason: &str) -> Fault {
    not_a_trigger(reason, COPY)
}

fn not_a_trigger(reason: &str, hint: &str) -> Fault {
    Fault::new("url_unusable", format!("not a trigger URL: {reason}"), hint)
}

fn no_sig(what: &str) -> Fault {
    let hint = "copy the whole URL again if it should have a signature; a trigger that requires a sign-in \
         (OAuth) has a URL without `sig` and `sp` and needs `credentials: NAME` in the target";
    Fault::new("url_missing_sig", format!("the trigger URL {what}"), hint)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const SIG: &str = "INVENTED-sig-0123456789";
    const OLD: &str = "https://prod-12.westeurope.logic.azure.com:443/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke";
    const NEW: &str = "https://0123456789abcdef0123456789abcd.ef.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke";
    const QUERY: &str =
        "api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=INVENTED-sig-0123456789";

    fn signed(text: &str) -> SasUrl {
        match parse_trigger_url(text, false, false).unwrap().0 {
            TriggerAddress::Signed(sas) => sas,
            TriggerAddress::Bare(url) => panic!("{url} has a signature"),
        }
    }

    fn refused(text: &str) -> Fault {
        parse_trigger_url(text, false, false).unwrap_err()
    }

    #[test]
    fn the_signature_is_taken_out_and_the_rest_of_the_query_stays() {
        let sas = signed(&format!("{NEW}?{QUERY}"));
        let url = parse_trigger_url(&format!("{NEW}?{QUERY}"), false, false).unwrap();
        let bare = format!("{NEW}?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0");
        assert_eq!(sas.bare().as_str(), bare.replace(":443", ""));
        assert_eq!(sas.query().expose_secret(), QUERY);
        assert!(url.1.is_empty());
        assert!(!format!("{url:?}").contains("INVENTED"));
    }

    #[test]
    fn the_signature_may_be_anywhere_in_any_spelling() {
        for query in [
            "sig=INVENTED%2Bsig&api-version=1&sv=1.0",
            "api-version=1&SIG=INVENTED%2Bsig&sv=1.0",
            "api-version=1&%73ig=INVENTED%2Bsig&sv=1.0",
        ] {
            let sas = signed(&format!("{NEW}?{query}"));
            assert_eq!(sas.bare().query(), Some("api-version=1&sv=1.0"));
            assert_eq!(sas.query().expose_secret(), query);
        }
    }

    #[test]
    fn both_generations_are_known_and_the_old_host_has_a_warning() {
        let warnings = |place: &str| {
            let url = format!("{place}?{QUERY}");
            parse_trigger_url(&url, false, false).unwrap().1.join("\n")
        };
        assert!(warnings(OLD).contains("30 November 2025") && !warnings(OLD).contains("as it is"));
        let unit = NEW.replace("/direct/", "/direct/cu/07/");
        for known in [&unit, &format!("{NEW}/"), &format!("{NEW}/relative/path")] {
            assert_eq!(warnings(known), "");
        }
        assert!(warnings("https://gateway.example/hook").contains("used as it is"));
    }

    #[test]
    fn a_url_without_api_version_is_refused() {
        for text in [
            NEW.to_owned(),
            format!("{NEW}?"),
            format!("{NEW}?sv=1.0&sig={SIG}"),
            format!("{NEW}?sig={SIG}"),
        ] {
            assert_eq!(refused(&text).code(), "url_missing_api_version", "{text}");
        }
    }

    #[test]
    fn the_address_of_a_gateway_is_named_as_such_and_its_key_is_a_secret() {
        let gateway = "https://gateway.example/refresh/order-list";
        for query in [
            "",
            "?subscription-key=INVENTED-key-0123456789",
            "?api-version=1&Subscription-Key=INVENTED-key-0123456789",
            "?code=INVENTED-key-0123456789",
            "?INVENTED-key-0123456789",
        ] {
            for credentials in [false, true] {
                let url = format!("{gateway}{query}");
                let fault = parse_trigger_url(&url, credentials, false).unwrap_err();
                assert_eq!(fault.code(), "url_unusable", "{query}");
                assert!(fault.hint().contains("gateway"), "{fault:#}");
                assert!(!format!("{fault:#}").contains("INVENTED"), "{fault}");
            }
        }
        let passed = signed(&format!("{gateway}?key=INVENTED-key&{QUERY}"));
        assert!(!passed.bare().as_str().contains("INVENTED"));
        assert!(
            passed
                .query()
                .expose_secret()
                .starts_with("key=INVENTED-key&api-version")
        );
    }

    #[test]
    fn a_url_that_ends_after_its_first_parameter_was_cut_by_a_shell() {
        let fault = refused(&format!("{NEW}?api-version=2016-06-01"));
        assert_eq!(fault.code(), "url_truncated");
        assert_eq!(
            fault.to_string(),
            "the trigger URL ends after its first parameter, `api-version`"
        );
        assert!(fault.hint().contains("quote it") && fault.hint().contains("OAuth"));
    }

    #[test]
    fn a_url_without_a_usable_signature_names_both_reasons() {
        for query in [
            "api-version=1&sp=x",
            "api-version=1&sig=",
            "api-version=1&sig=short",
        ] {
            let fault = refused(&format!("{NEW}?{query}"));
            assert_eq!(fault.code(), "url_missing_sig", "{query}");
            assert!(
                fault.hint().contains("copy the whole URL again") && fault.hint().contains("OAuth")
            );
        }
    }

    #[test]
    fn a_url_without_a_signature_is_complete_with_credentials() {
        let bare = |query: &str| parse_trigger_url(&format!("{NEW}?{query}"), true, false);
        let url = bare("api-version=1").unwrap();
        let TriggerAddress::Bare(address) = &url.0 else {
            panic!("it has no signature")
        };
        assert_eq!(address.query(), Some("api-version=1"));
        assert!(url.1.is_empty(), "{:?}", url.1);
        let cut = bare("api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0").unwrap();
        assert!(matches!(cut.0, TriggerAddress::Bare(_)));
        assert!(cut.1[0].contains("cut off"));
        assert!(matches!(bare(QUERY).unwrap().0, TriggerAddress::Signed(_)));
        for query in ["x=1", ""] {
            let fault = bare(query).unwrap_err();
            assert_eq!(fault.code(), "url_missing_api_version", "{query}");
        }
        let short = bare("api-version=1&sig=short").unwrap_err();
        assert_eq!(short.code(), "url_missing_sig");
    }

    #[test]
    fn http_is_refused_except_to_this_machine_if_that_is_allowed() {
        let remote = format!("http://flow.example/workflows/a/triggers/b/paths/invoke?{QUERY}");
        assert_eq!(refused(&remote).hint(), "write https://");
        assert_eq!(
            parse_trigger_url(&remote, false, true).unwrap_err().code(),
            "url_not_https"
        );
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"] {
            let local = format!("http://{host}/workflows/a/triggers/b/paths/invoke?{QUERY}");
            let fault = refused(&local);
            assert_eq!(fault.code(), "url_not_https");
            assert!(fault.hint().contains("allow_loopback"));
            assert!(parse_trigger_url(&local, false, true).is_ok(), "{host}");
            let encrypted = local.replace("http://", "https://");
            assert_eq!(refused(&encrypted).code(), "loopback_not_allowed");
        }
    }

    #[test]
    fn a_bad_copy_is_refused_with_the_reason_and_without_the_url() {
        for (text, word) in [
            (format!("\"{NEW}?{QUERY}\""), "quotes"),
            (format!("{NEW}?{}", QUERY.replace('&', "&amp;")), "HTML"),
            (format!("{NEW}?{}", QUERY.replace('&', "\\u0026")), "JSON"),
            (format!("{NEW}?api-version=1&\nsig={SIG}"), "line break"),
            (format!("{NEW}?{QUERY}#x"), "`#`"),
            (format!("<{NEW}?{QUERY}>"), "brackets"),
            (format!("{NEW}?{QUERY}”"), "quotes"),
            (format!("{NEW}?{QUERY},"), "comma"),
            (format!("${{FLOW_URL}}?{QUERY}"), "not replaced"),
            (format!("{NEW}?{}", QUERY.replace('&', "\\&")), "shell"),
            (format!("{NEW}?{}", QUERY.replace('&', "^&")), "shell"),
            (format!("{NEW}?{}", QUERY.replace('&', "%26")), "`%26`"),
            (format!("{NEW}?{}", QUERY.replace('%', "%25")), "`%25`"),
            (format!("{NEW}?{}", QUERY.replace("%2", "")), "`%2`"),
            (format!("{NEW}?{}", QUERY.replace("%2F", "")), "`%2`"),
            (
                format!("{NEW}?{}", QUERY.replace("%2F", "0.000000")),
                "`%2`",
            ),
            (format!("{NEW}?{}", QUERY.replace("=", "=3D")), "`%2`"),
            (
                format!("{NEW}?{}", QUERY.replace("%2F", "%")),
                "hexadecimal",
            ),
            (format!("{NEW}?api-version=1&sp=&sv=1.0&sig={SIG}"), "`%2`"),
            (
                format!("{NEW}?{QUERY}&sig=INVENTED-sig-other"),
                "more than once",
            ),
            (
                format!("https://me:INVENTED-pass@flow.example/x?{QUERY}"),
                "user name",
            ),
            (format!("flow.example/x?{QUERY}"), "https://"),
            (format!("ftp://flow.example/x?{QUERY}"), "https://"),
            (
                format!("https://flow.example./x?{QUERY}"),
                "ends with a dot",
            ),
            (String::new(), "https://"),
        ] {
            let fault = refused(&text);
            assert_eq!(fault.code(), "url_unusable", "{text}");
            assert!(fault.to_string().contains(word), "{fault}");
            assert!(!fault.to_string().contains("INVENTED"), "{fault}");
        }
    }

    #[test]
    fn white_space_around_a_url_is_ignored() {
        assert!(parse_trigger_url(&format!(" {NEW}?{QUERY}\n"), false, false).is_ok());
    }
}
