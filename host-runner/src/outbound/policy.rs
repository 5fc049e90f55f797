//! The decision whether a request may be sent at all.
//!
//! Deny by default: a request is allowed only if an entry of the allow-list matches its scheme,
//! host, port, path and method. This is decided before a name is looked up, before a credential is
//! attached and before a byte is sent. A denial shows the line of configuration that would allow
//! the request.

use http::Method;
use url::Url;

use super::address::{Loopback, Reach};
use super::denial::{Denial, DenialReason};
use super::origin::Origin;
use super::rule::{Fit, Rule};

/// The allow-list of one run.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    allow_loopback: bool,
}

/// The permission to connect to one place. Only a [`Policy`] issues it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Permit {
    origin: Origin,
    reach: Reach,
}

impl Policy {
    /// A policy of these entries. Without `allow_loopback` this machine cannot be reached, whatever
    /// they are.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Rule>, allow_loopback: bool) -> Self {
        let allowed = |rule: &Rule| allow_loopback || !rule.is_loopback();
        Self {
            rules: rules.into_iter().filter(allowed).collect(),
            allow_loopback,
        }
    }

    /// Whether a request of this method to `url` may be sent. The query is ignored.
    pub fn judge(&self, method: &Method, url: &Url) -> Result<Permit, Denial> {
        let origin = usable(method, url)?;
        let fits: Vec<(Fit, &Rule)> = self
            .rules
            .iter()
            .map(|rule| (rule.fit(method, &origin, url.path()), rule))
            .collect();
        let best = fits
            .iter()
            .map(|(fit, _)| *fit)
            .max()
            .unwrap_or(Fit::Elsewhere);
        let nearest = || {
            fits.iter()
                .filter(|(fit, _)| *fit == best)
                .map(|(_, rule)| *rule)
        };
        let reason = match best {
            Fit::Whole => {
                let private = nearest().any(Rule::is_private);
                return Ok(Permit::new(origin, private, self.allow_loopback));
            }
            Fit::Elsewhere => DenialReason::NotListed,
            Fit::SameHost => DenialReason::OtherSchemeOrPort,
            Fit::OtherPath => {
                DenialReason::OtherPath(nearest().map(|rule| rule.path().to_owned()).collect())
            }
            Fit::OtherMethod => {
                let methods = nearest().flat_map(Rule::methods);
                DenialReason::OtherMethod(methods.map(ToString::to_string).collect())
            }
        };
        Err(Denial {
            method: method.clone(),
            origin: Some(origin),
            reason,
        })
    }

    /// A permit for a place that the runner itself sends requests to, such as the token endpoint.
    /// The guest cannot get one. Denies plain HTTP to another machine, and this machine unless
    /// loopback is allowed.
    pub fn permit_for_runner(&self, url: &Url, private: bool) -> Result<Permit, Denial> {
        let origin = usable(&Method::POST, url)?;
        let deny = |reason| Denial {
            method: Method::POST,
            origin: Some(origin.clone()),
            reason,
        };
        if origin.is_loopback() && !self.allow_loopback {
            return Err(deny(DenialReason::NotListed));
        }
        if !origin.may_carry_credentials() {
            return Err(deny(DenialReason::NotEncrypted));
        }
        Ok(Permit::new(origin, private, self.allow_loopback))
    }
}

fn usable(method: &Method, url: &Url) -> Result<Origin, Denial> {
    let deny = |origin, reason| Denial {
        method: method.clone(),
        origin,
        reason,
    };
    let Some(origin) = Origin::of(url) else {
        return Err(deny(None, DenialReason::UnusableUrl));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(deny(Some(origin), DenialReason::UserInfo));
    }
    if matches!(*method, Method::CONNECT | Method::TRACE) {
        return Err(deny(Some(origin), DenialReason::Method));
    }
    Ok(origin)
}

impl Permit {
    fn new(origin: Origin, private: bool, allow_loopback: bool) -> Self {
        let loopback = match (allow_loopback, origin.is_loopback()) {
            (false, _) => Loopback::Refused,
            (true, true) => Loopback::Required,
            (true, false) => Loopback::Allowed,
        };
        Self {
            origin,
            reach: Reach { private, loopback },
        }
    }

    /// The place.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Which addresses are allowed besides public ones.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.reach
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(entries: &[&str], loopback: bool) -> Policy {
        Policy::new(
            entries.iter().map(|entry| Rule::parse(entry).unwrap()),
            loopback,
        )
    }

    fn judge(policy: &Policy, method: Method, url: &str) -> Result<Permit, Denial> {
        policy.judge(&method, &Url::parse(url).unwrap())
    }

    #[test]
    fn an_empty_list_denies_everything_and_says_what_to_add() {
        let denial = judge(
            &Policy::default(),
            Method::GET,
            "https://api.example/x?sig=INVENTED",
        )
        .unwrap_err();
        let shown = denial.to_string();
        assert!(
            shown.contains("sandbox.allow: [\"https://api.example\"]"),
            "{shown}"
        );
        assert!(!shown.contains("INVENTED"), "{shown}");
    }

    #[test]
    fn a_denial_says_how_near_the_list_came() {
        let rules = [
            Rule::parse("https://api.example/v1")
                .unwrap()
                .with_methods([Method::GET]),
            Rule::parse("https://other.example").unwrap(),
        ];
        let policy = Policy::new(rules, false);
        let reason = |method, url| judge(&policy, method, url).unwrap_err().reason;
        assert_eq!(
            reason(Method::POST, "https://api.example/v1/x"),
            DenialReason::OtherMethod(vec!["GET".to_owned()])
        );
        assert_eq!(
            reason(Method::GET, "https://api.example/v2"),
            DenialReason::OtherPath(vec!["/v1".to_owned()])
        );
        assert_eq!(
            reason(Method::GET, "http://other.example/"),
            DenialReason::OtherSchemeOrPort
        );
        assert_eq!(
            reason(Method::GET, "https://third.example/"),
            DenialReason::NotListed
        );
    }

    #[test]
    fn odd_spellings_of_a_host_are_not_a_way_around_the_list() {
        let policy = policy(&["https://api.example"], true);
        for url in [
            "https://api.example./",
            "https://api.example@evil.example/",
            "https://user@api.example/",
            "https://127.1/",
            "https://[::ffff:169.254.169.254]/",
            "https://0.0.0.0/",
            "https://аpi.example/",
        ] {
            assert!(judge(&policy, Method::GET, url).is_err(), "{url}");
        }
        assert!(judge(&policy, Method::GET, "https://API.Example/").is_ok());
    }

    #[test]
    fn a_tunnel_is_denied_even_to_a_listed_host() {
        let policy = policy(&["https://api.example"], false);
        for method in [Method::CONNECT, Method::TRACE] {
            let denial = judge(&policy, method, "https://api.example/").unwrap_err();
            assert_eq!(denial.reason, DenialReason::Method);
        }
    }

    #[test]
    fn this_machine_needs_its_own_switch() {
        for entry in ["http://127.0.0.1:8080", "http://localhost", "https://[::1]"] {
            let denial = judge(&policy(&[entry], false), Method::GET, entry).unwrap_err();
            assert_eq!(denial.reason, DenialReason::NotListed);
        }
        let policy = policy(&["http://127.0.0.1:8080"], true);
        let permit = judge(&policy, Method::GET, "http://127.0.0.1:8080/x").unwrap();
        assert_eq!(permit.reach().loopback, Loopback::Required);
        let shown = judge(&policy, Method::GET, "http://localhost:1/")
            .unwrap_err()
            .to_string();
        assert!(shown.contains("allow_loopback"), "{shown}");
    }

    #[test]
    fn a_private_entry_widens_the_reach_of_its_own_host_only() {
        let rules = [
            Rule::parse("https://corp.example").unwrap().private(),
            Rule::parse("https://api.example").unwrap(),
        ];
        let policy = Policy::new(rules, false);
        assert!(
            judge(&policy, Method::GET, "https://corp.example/")
                .unwrap()
                .reach()
                .private
        );
        assert!(
            !judge(&policy, Method::GET, "https://api.example/")
                .unwrap()
                .reach()
                .private
        );
    }

    #[test]
    fn the_runners_own_endpoint_must_be_encrypted_or_on_this_machine() {
        let url = |text| Url::parse(text).unwrap();
        let off = Policy::default();
        assert!(
            off.permit_for_runner(&url("https://login.example"), false)
                .is_ok()
        );
        let error = off
            .permit_for_runner(&url("http://login.example"), false)
            .unwrap_err();
        assert_eq!(error.reason, DenialReason::NotEncrypted);
        assert!(
            off.permit_for_runner(&url("http://127.0.0.1:9"), false)
                .is_err()
        );
        let on = Policy::new([], true);
        assert!(
            on.permit_for_runner(&url("http://127.0.0.1:9"), false)
                .is_ok()
        );
    }
}
