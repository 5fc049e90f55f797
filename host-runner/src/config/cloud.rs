//! The clouds of Microsoft: where their services are, and what their tokens are for.
//!
//! One table. An address of it may be replaced by one of `endpoints`; what a token is for (its
//! scope) belongs to the cloud and stays, for a gateway in front of a service wants that service's
//! tokens.
//!
//! Sources:
//! - Power BI, its tokens and its sign-in: "Embed content in national clouds"
//!   (<https://learn.microsoft.com/power-bi/developer/embedded/embed-sample-for-customers-national-clouds>),
//!   and the configuration of Microsoft's own embedding samples. That page still names
//!   `login.windows.net` and `login.chinacloudapi.cn`, the older names of the sign-in below.
//! - Sign-in: "National clouds" of the Microsoft identity platform
//!   (<https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud>). GCC has
//!   that of the public cloud.
//! - Flows: "Add OAuth authentication for HTTP request triggers"
//!   (<https://learn.microsoft.com/power-automate/oauth-authentication>), whose audiences count to
//!   the slash at their end.
//! - Fabric: <https://learn.microsoft.com/rest/api/fabric/articles/using-fabric-apis>. No address in
//!   another cloud is documented.

/// A cloud of Microsoft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// The public one.
    Public,
    /// US Government Community Cloud.
    Gcc,
    /// US Government Community Cloud High.
    GccHigh,
    /// US Department of Defense.
    Dod,
    /// China, operated by 21Vianet.
    China,
}

/// What is where in a cloud.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    /// Where tokens come from.
    pub(crate) login: &'static str,
    /// The Power BI API.
    pub(crate) powerbi: &'static str,
    /// The scope of its tokens.
    pub(crate) powerbi_scope: &'static str,
    /// The Fabric API; none where none is documented.
    pub(crate) fabric: Option<&'static str>,
    /// The scope of a flow's tokens: the audience with its slash, and `/.default`. With one slash
    /// the token's audience has none, and the flow refuses it (`MisMatchingOAuthClaims`).
    pub(crate) flow_scope: &'static str,
}

impl Cloud {
    /// Every cloud, by its name in the configuration.
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("public", Self::Public),
        ("gcc", Self::Gcc),
        ("gcc-high", Self::GccHigh),
        ("dod", Self::Dod),
        ("china", Self::China),
    ];

    /// What is where.
    pub(crate) fn addresses(self) -> Addresses {
        match self {
            Self::Public => Addresses {
                login: "https://login.microsoftonline.com",
                powerbi: "https://api.powerbi.com",
                powerbi_scope: "https://analysis.windows.net/powerbi/api/.default",
                fabric: Some("https://api.fabric.microsoft.com"),
                flow_scope: "https://service.flow.microsoft.com//.default",
            },
            Self::Gcc => Addresses {
                login: "https://login.microsoftonline.com",
                powerbi: "https://api.powerbigov.us",
                powerbi_scope: "https://analysis.usgovcloudapi.net/powerbi/api/.default",
                fabric: None,
                flow_scope: "https://gov.service.flow.microsoft.us//.default",
            },
            Self::GccHigh => Addresses {
                login: "https://login.microsoftonline.us",
                powerbi: "https://api.high.powerbigov.us",
                powerbi_scope: "https://high.analysis.usgovcloudapi.net/powerbi/api/.default",
                fabric: None,
                flow_scope: "https://high.service.flow.microsoft.us//.default",
            },
            Self::Dod => Addresses {
                login: "https://login.microsoftonline.us",
                powerbi: "https://api.mil.powerbigov.us",
                powerbi_scope: "https://mil.analysis.usgovcloudapi.net/powerbi/api/.default",
                fabric: None,
                flow_scope: "https://service.flow.appsplatform.us//.default",
            },
            Self::China => Addresses {
                login: "https://login.partner.microsoftonline.cn",
                powerbi: "https://api.powerbi.cn",
                powerbi_scope: "https://analysis.chinacloudapi.cn/powerbi/api/.default",
                fabric: None,
                flow_scope: "https://service.powerautomate.cn//.default",
            },
        }
    }
}

/// The scope of Fabric's tokens in the public cloud. What it is elsewhere is not documented; that of
/// an address that the operator names is taken to be the address itself, as it is here.
pub(crate) const FABRIC_SCOPE: &str = "https://api.fabric.microsoft.com/.default";

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn every_address_is_encrypted_and_nothing_but_an_address() {
        for (name, cloud) in Cloud::ALL {
            let there = cloud.addresses();
            for address in [there.login, there.powerbi].into_iter().chain(there.fabric) {
                let url = Url::parse(address).unwrap();
                assert_eq!((url.scheme(), url.path()), ("https", "/"), "{name}");
                assert!(!address.ends_with('/'), "{name}: {address}");
            }
        }
    }

    #[test]
    fn a_flows_scope_has_the_slash_of_its_audience_and_that_of_its_own() {
        for (name, cloud) in Cloud::ALL {
            let there = cloud.addresses();
            assert!(there.flow_scope.ends_with("//.default"), "{name}");
            let api = there.powerbi_scope;
            assert!(api.ends_with("/powerbi/api/.default"), "{name}: {api}");
        }
    }

    #[test]
    fn no_two_clouds_share_a_token_for_power_bi_or_flows() {
        for (name, cloud) in Cloud::ALL {
            for (other, second) in Cloud::ALL.into_iter().filter(|(other, _)| *other != name) {
                let (a, b) = (cloud.addresses(), second.addresses());
                assert_ne!(a.powerbi_scope, b.powerbi_scope, "{name} {other}");
                assert_ne!(a.flow_scope, b.flow_scope, "{name} {other}");
                assert_ne!(a.powerbi, b.powerbi, "{name} {other}");
            }
        }
    }
}
