//! Where the services are: those of the cloud, unless single addresses are given.

use url::Url;

use super::cloud::{Cloud, FABRIC_SCOPE};
use super::keys;
use super::reader::{Item, Reader, Section};
use super::tree::Value;
use super::values;

/// The base address of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host, port and perhaps a path; no slash at the end.
    pub url: String,
    /// Whether it may lie at a private address.
    pub private: bool,
}

/// The services that are asked, and what their tokens are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Where tokens come from.
    pub login: Endpoint,
    /// The Power BI API.
    pub powerbi: Endpoint,
    /// The Fabric API; none where the cloud has no documented one and none is given.
    pub fabric: Option<Endpoint>,
    /// The scope of tokens for the Power BI API.
    pub powerbi_scope: String,
    /// The scope of tokens for the Fabric API; empty where there is none.
    pub fabric_scope: String,
    /// The scope of tokens for the triggers of flows that want a sign-in.
    pub flow_scope: String,
}

/// `cloud` and `endpoints`.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    file: &Section<'_>,
    allow_loopback: bool,
) -> Option<Endpoints> {
    let cloud = reader.choice(file, "cloud", &Cloud::ALL, Cloud::Public);
    let section = match file.get("endpoints") {
        Some(item) => Some(reader.section(&item, &keys::ENDPOINTS)?),
        None => None,
    };
    let mut given = |key: &str| {
        let item = section.as_ref().and_then(|section| section.get(key))?;
        Some(endpoint(reader, &item, allow_loopback))
    };
    let (login, powerbi, fabric) = (given("login"), given("powerbi"), given("fabric"));
    let cloud = cloud?;
    let there = cloud.addresses();
    let own = |url: &str| {
        Some(Endpoint {
            url: url.to_owned(),
            private: false,
        })
    };
    let fabric = match (fabric, there.fabric) {
        (Some(given), _) => Some(given?),
        (None, Some(url)) => own(url),
        (None, None) => None,
    };
    Some(Endpoints {
        login: login.unwrap_or_else(|| own(there.login))?,
        powerbi: powerbi.unwrap_or_else(|| own(there.powerbi))?,
        fabric_scope: fabric_scope(cloud, fabric.as_ref()),
        fabric,
        powerbi_scope: there.powerbi_scope.to_owned(),
        flow_scope: there.flow_scope.to_owned(),
    })
}

fn fabric_scope(cloud: Cloud, fabric: Option<&Endpoint>) -> String {
    match (cloud, fabric) {
        (Cloud::Public, _) => FABRIC_SCOPE.to_owned(),
        (_, Some(endpoint)) => Url::parse(&endpoint.url).map_or_else(
            |_| String::new(),
            |url| format!("{}/.default", url.origin().ascii_serialization()),
        ),
        (_, None) => String::new(),
    }
}

fn endpoint(reader: &mut Reader<'_>, item: &Item<'_>, allow_loopback: bool) -> Option<Endpoint> {
    if !matches!(item.node.value, Value::Map(_)) {
        let url = reader.parsed(item, |text| values::endpoint(text, allow_loopback))?;
        return Some(Endpoint {
            url,
            private: false,
        });
    }
    let section = reader.section(item, &keys::ENDPOINT)?;
    let private = reader.boolean(&section, "private", false);
    let url = reader.required(&section, "url", "url: https://powerbi.corp.example")?;
    let url = reader.parsed(&url, |text| values::endpoint(text, allow_loopback));
    Some(Endpoint {
        url: url?,
        private: private?,
    })
}
