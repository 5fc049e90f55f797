//! The trigger URL of a flow: its checks, and the removal of its signature.
//!
//! A URL with a `sig` is a credential: everyone who has it can start the flow. So the signature is
//! taken out here, before anything else sees the URL, and no error repeats more of the URL than its
//! host or the name of a parameter. A trigger that requires a sign-in has a URL without `sig`. Both
//! generations of URLs are known (Logic Apps, and the Power Platform since 2025); another one is
//! used as it is, with a warning.

use url::Url;

use super::error::Fault;
use crate::outbound::{Origin, SasUrl};
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

const ALLOW_LOOPBACK: &str = "for a simulator on this machine set `sandbox.allow_loopback: true`";
const COPY: &str = "copy the whole URL from the flow's trigger, and quote it in a shell";
const OLD_HOST: &str = "the URL has `logic.azure.com` in it: such URLs of Power Automate flows stopped working after \
     30 November 2025; open the flow and copy the new URL of its trigger (a Logic App keeps this form)";
const CUT_SIG: &str = "the URL has `sp` and no `sig`, as if its end were cut off; URLs of triggers that require a sign-in \
     usually have neither";
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
    let parsed =
        Url::parse(text).map_err(|_| unusable("it does not start with https:// and a host"))?;
    require_a_safe_place(&parsed, allow_loopback, unusable)?;
    let query = parsed.query().unwrap_or_default();
    let names = names_of(query);
    require_parameters(&names, credentials)?;
    let mut warnings = Vec::new();
    let address = if credentials && !has(&names, "sig") {
        if has(&names, "sp") {
            warnings.push(CUT_SIG);
        }
        TriggerAddress::Bare(parsed.clone())
    } else {
        require_one_sig(query)?;
        TriggerAddress::Signed(SasUrl::split(&parsed).ok_or_else(|| no_sig("has no `sig`"))?)
    };
    if is_logic_apps_host(&parsed) {
        warnings.push(OLD_HOST);
    }
    if !is_trigger_path(parsed.path()) {
        warnings.push(UNKNOWN_PATH);
    }
    Ok((address, warnings))
}

/// Refuses what goes wrong between the flow's page and the variable, each with its own reason.
fn refuse_bad_copies(text: &str) -> Result<(), Fault> {
    if text.starts_with(['"', '\'', '<']) {
        return Err(unusable(
            "it has quotes or brackets around it that belong to the shell or the page it was copied from",
        ));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(unusable("it contains a space or a line break"));
    }
    if text.contains("&amp;") || text.contains("\\u0026") {
        return Err(unusable(
            "its `&` are written as `&amp;` or `\\u0026`, so it was copied from HTML or JSON",
        ));
    }
    if text.contains('#') {
        return Err(unusable("it contains a `#`"));
    }
    Ok(())
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

fn names_of(query: &str) -> Vec<String> {
    query
        .split('&')
        .filter(|one| !one.is_empty())
        .map(name_of)
        .collect()
}

fn has(names: &[String], parameter: &str) -> bool {
    names.iter().any(|name| name == parameter)
}

fn require_parameters(names: &[String], credentials: bool) -> Result<(), Fault> {
    match names {
        [first] if first != "sig" && !credentials => Err(Fault::new(
            "url_truncated",
            format!("the trigger URL ends after its first parameter, `{first}`"),
            "a shell cuts an unquoted URL at `&`: quote it, as in `export NAME='https://…&sig=…'`; a trigger \
             that requires a sign-in (OAuth) may have one parameter and needs `credentials: NAME` in the target",
        )),
        _ if !has(names, "api-version") => {
            let what = "the trigger URL has no `api-version`";
            Err(Fault::new("url_missing_api_version", what, COPY))
        }
        _ if !has(names, "sig") && !credentials => Err(no_sig("has no `sig`")),
        _ => Ok(()),
    }
}

/// The decoded, lower-case name of a parameter.
fn name_of(parameter: &str) -> String {
    let name = parameter
        .split_once('=')
        .map_or(parameter, |(name, _)| name);
    percent_encoding::percent_decode_str(name)
        .decode_utf8_lossy()
        .to_ascii_lowercase()
}

/// A signature that is too short cannot be masked in messages.
fn require_one_sig(query: &str) -> Result<(), Fault> {
    let mut sigs = query
        .split('&')
        .filter(|parameter| name_of(parameter) == "sig");
    let value = sigs.next().and_then(|sig| sig.split_once('='));
    if sigs.next().is_some() {
        return Err(unusable("it has `sig` more than once"));
    }
    match value {
        Some((_, value)) if value.len() >= SHORTEST_SECRET => Ok(()),
        _ => Err(no_sig(
            "has a `sig` of less than 8 characters; flows use 43",
        )),
    }
}

fn is_trigger_path(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let trigger = match segments.as_slice() {
        ["powerautomate", "automations", "direct", "cu", _, rest @ ..]
        | ["powerautomate", "automations", "direct", rest @ ..]
        | rest => rest,
    };
    matches!(
        trigger,
        ["workflows", _, "triggers", _, "paths", "invoke", ..]
    )
}

fn unusable(reason: &str) -> Fault {
    Fault::new("url_unusable", format!("not a trigger URL: {reason}"), COPY)
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
