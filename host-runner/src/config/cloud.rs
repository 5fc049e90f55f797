//! The Microsoft clouds: the addresses of their services and the scopes of their tokens.
//!
//! `endpoints` may replace an address. The scope belongs to the cloud and stays, because a gateway
//! in front of a service takes that service's tokens.
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

use schemars::JsonSchema;
use serde::Deserialize;

/// A Microsoft cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The public cloud.
    #[default]
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

/// The addresses and scopes of a cloud.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    /// The sign-in service.
    pub(crate) login: &'static str,
    /// The Power BI API.
    pub(crate) powerbi: &'static str,
    /// The scope of its tokens.
    pub(crate) powerbi_scope: &'static str,
    /// The Fabric API; none if no address is documented.
    pub(crate) fabric: Option<&'static str>,
    /// The scope of a flow's tokens: the audience with its slash, and `/.default`. With one slash
    /// the token's audience has none, and the flow refuses it (`MisMatchingOAuthClaims`).
    pub(crate) flow_scope: &'static str,
}

impl Cloud {
    /// The addresses and scopes of this cloud.
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

/// The scope of Fabric's tokens in the public cloud. In other clouds it is not documented; there it is
/// assumed to be the configured address itself, as it is here.
pub(crate) const FABRIC_SCOPE: &str = "https://api.fabric.microsoft.com/.default";

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    const ALL: [Cloud; 5] = [
        Cloud::Public,
        Cloud::Gcc,
        Cloud::GccHigh,
        Cloud::Dod,
        Cloud::China,
    ];

    #[test]
    fn every_address_is_encrypted_and_every_scope_has_its_form() {
        for cloud in ALL {
            let there = cloud.addresses();
            for address in [there.login, there.powerbi].into_iter().chain(there.fabric) {
                let url = Url::parse(address).unwrap();
                assert_eq!((url.scheme(), url.path()), ("https", "/"), "{cloud:?}");
                assert!(!address.ends_with('/'), "{cloud:?}: {address}");
            }
            assert!(there.flow_scope.ends_with("//.default"), "{cloud:?}");
            assert!(there.powerbi_scope.ends_with("/powerbi/api/.default"));
        }
    }

    #[test]
    fn no_two_clouds_share_a_token_for_power_bi_or_flows() {
        for (first, second) in ALL.into_iter().flat_map(|a| ALL.map(|b| (a, b))) {
            let (a, b) = (first.addresses(), second.addresses());
            let shared = a.powerbi_scope == b.powerbi_scope
                || a.flow_scope == b.flow_scope
                || a.powerbi == b.powerbi;
            assert_eq!(shared, first == second, "{first:?} {second:?}");
        }
    }
}
