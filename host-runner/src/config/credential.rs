//! The credentials that a target needs.
//!
//! They are fetched for the targets that need them, and for no others. This version signs in with a
//! client secret; the other kinds of the contract are refused as what they are: not here yet.

use super::fault::Fault;
use super::keys;
use super::reader::{Item, Reader, Section};
use super::scalars::none_of;
use super::target::Credential;
use super::values;
use super::words::nearest;

/// The credentials that a section names, `default` where it names none.
pub(crate) fn needed(
    reader: &mut Reader<'_>,
    all: Option<&Section<'_>>,
    section: &Section<'_>,
) -> Option<Credential> {
    let (name, at, path) = match section.get("credentials") {
        Some(item) => (reader.filled(&item)?, item.node.at, item.path),
        None => ("default".to_owned(), section.at, section.path.clone()),
    };
    let found = all.and_then(|all| all.get(&name));
    let Some(item) = found else {
        let known = all.map(Section::names).unwrap_or_default();
        let nearest = nearest(&name, &known);
        return reader.wrong(
            at,
            &path,
            Fault::UnknownCredentials {
                name,
                nearest,
                known,
            },
        );
    };
    read(reader, &name, &item)
}

/// Reads one of the `credentials`.
pub(crate) fn read(reader: &mut Reader<'_>, name: &str, item: &Item<'_>) -> Option<Credential> {
    let section = reader.mapping(item)?;
    let kind = reader.required(&section, "kind", "kind: client-secret")?;
    reader.parsed(&kind, kind_is_known)?;
    reader.check_keys(&section, &keys::CREDENTIAL);
    let tenant = reader
        .required(
            &section,
            "tenant",
            "tenant: 11111111-1111-1111-1111-111111111111",
        )
        .and_then(|item| reader.parsed(&item, values::tenant));
    let client_id = reader
        .required(
            &section,
            "client_id",
            "client_id: 22222222-2222-2222-2222-222222222222",
        )
        .and_then(|item| reader.parsed(&item, values::client_id));
    let secret = reader
        .required(
            &section,
            "client_secret",
            "client_secret: ${env:AZURE_CLIENT_SECRET}",
        )
        .and_then(|item| reader.secret(&item));
    Some(Credential {
        name: name.to_owned(),
        tenant: tenant?,
        client_id: client_id?,
        secret: secret?,
    })
}

fn kind_is_known(text: &str) -> Result<(), Fault> {
    match text {
        "client-secret" => Ok(()),
        "client-certificate" | "federated-token" | "managed-identity" => {
            Err(Fault::NotInThisVersion {
                what: format!("the credentials kind `{text}`"),
                instead: "use `kind: client-secret`",
            })
        }
        other => Err(none_of(other, &["client-secret"])),
    }
}
