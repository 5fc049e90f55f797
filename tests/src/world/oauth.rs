//! The access policy of a trigger that takes OAuth tokens (facts, 1.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The cloud of a flow, which decides the audience of its tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The public one.
    #[default]
    Public,
    /// US Government (GCC).
    Gcc,
    /// US Government (GCC High).
    GccHigh,
    /// US Department of Defense.
    Dod,
    /// China.
    China,
}

impl Cloud {
    /// The audience that a token must have exactly, trailing slash included.
    pub(crate) fn audience(self) -> &'static str {
        match self {
            Self::Public => "https://service.flow.microsoft.com/",
            Self::Gcc => "https://gov.service.flow.microsoft.us/",
            Self::GccHigh => "https://high.service.flow.microsoft.us/",
            Self::Dod => "https://service.flow.appsplatform.us/",
            Self::China => "https://service.powerautomate.cn/",
        }
    }
}

/// The token that a flow's trigger requires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OAuthPolicy {
    /// The cloud, which decides the audience.
    pub cloud: Cloud,
    /// The tenant ("any user in my tenant").
    pub tenant: Uuid,
    /// The object ids that are allowed; empty: the whole tenant.
    pub principals: Vec<Uuid>,
    /// Further claims that the token must have, compared exactly.
    pub claims: BTreeMap<String, String>,
    /// The status of `MisMatchingOAuthClaims`; 401 and 403 have both been observed.
    pub mismatch_status: u16,
}

impl Default for OAuthPolicy {
    fn default() -> Self {
        Self {
            cloud: Cloud::Public,
            tenant: Uuid::nil(),
            principals: Vec::new(),
            claims: BTreeMap::new(),
            mismatch_status: 401,
        }
    }
}

impl OAuthPolicy {
    /// Any user of this tenant, in the public cloud.
    #[must_use]
    pub fn tenant(tenant: Uuid) -> Self {
        Self {
            tenant,
            ..Self::default()
        }
    }

    /// Sets the cloud.
    #[must_use]
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = cloud;
        self
    }
}
