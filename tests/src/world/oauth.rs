//! Who can trigger a flow whose trigger takes OAuth tokens (facts, 1.2).

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
    /// The audience that a token must have to the letter, trailing slash included.
    #[must_use]
    pub fn audience(self) -> &'static str {
        match self {
            Self::Public => "https://service.flow.microsoft.com/",
            Self::Gcc => "https://gov.service.flow.microsoft.us/",
            Self::GccHigh => "https://high.service.flow.microsoft.us/",
            Self::Dod => "https://service.flow.appsplatform.us/",
            Self::China => "https://service.powerautomate.cn/",
        }
    }

    /// The scope that gives this audience at the v2 endpoint: note the double slash.
    #[must_use]
    pub fn scope(self) -> String {
        format!("{}/.default", self.audience())
    }
}

/// What a token must say to trigger the flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuthPolicy {
    /// The cloud, which decides the audience.
    #[serde(default)]
    pub cloud: Cloud,
    /// The tenant ("any user in my tenant").
    pub tenant: Uuid,
    /// The object ids of those who may; empty: the whole tenant.
    #[serde(default)]
    pub principals: Vec<Uuid>,
    /// Further claims that the token must have to the letter.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
    /// The status of `MisMatchingOAuthClaims`; 401 and 403 have both been seen.
    #[serde(default = "default_mismatch_status")]
    pub mismatch_status: u16,
}

fn default_mismatch_status() -> u16 {
    401
}

impl OAuthPolicy {
    /// Any user of this tenant, in the public cloud.
    #[must_use]
    pub fn tenant(tenant: Uuid) -> Self {
        Self {
            cloud: Cloud::Public,
            tenant,
            principals: Vec::new(),
            claims: BTreeMap::new(),
            mismatch_status: default_mismatch_status(),
        }
    }

    /// In this cloud.
    #[must_use]
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = cloud;
        self
    }

    /// Only these object ids.
    #[must_use]
    pub fn only_for(mut self, principals: &[Uuid]) -> Self {
        self.principals = principals.to_vec();
        self
    }

    /// The token must have this claim too.
    #[must_use]
    pub fn claim(mut self, name: &str, value: &str) -> Self {
        self.claims.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Answers a mismatch with this status.
    #[must_use]
    pub fn mismatch_status(mut self, status: u16) -> Self {
        self.mismatch_status = status;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_audience_ends_with_a_slash_and_every_scope_has_two() {
        for cloud in [
            Cloud::Public,
            Cloud::Gcc,
            Cloud::GccHigh,
            Cloud::Dod,
            Cloud::China,
        ] {
            assert!(cloud.audience().ends_with('/'));
            assert!(cloud.scope().ends_with("//.default"));
        }
        assert_eq!(
            serde_json::to_string(&Cloud::GccHigh).unwrap(),
            "\"gcc-high\""
        );
    }
}
