//! What tells the truth: the dataflow's own history, and the credentials that may read it.

use super::convert::Import;
use super::keys::Role;
use super::payload::exact_name;
use super::read::{Found, Old};
use super::secrets;
use super::write::{Lines, scalar};
use crate::config::{Fault, values as rules};

/// What stands where nobody has said anything yet.
const TO_FILL_IN: &str = "ID_OR_EXACT_NAME";

/// How the new target is verified.
pub(super) struct Content {
    /// Whether it is, or only prepared.
    watched: bool,
    kind: &'static str,
    workspace: String,
    dataflow: String,
    /// Tenant, application and secret; nothing where only a proposal is made.
    credentials: Option<[String; 3]>,
}

/// Reads what of the content and the credentials is known.
pub(super) fn read(import: &mut Import, old: &Old<'_>, signs_in: bool) -> Content {
    let credentials = credentials(import, old, signs_in);
    let has_ids = old.get(Role::WorkspaceId).is_some() || old.get(Role::DataflowId).is_some();
    let workspace =
        id(import, old, Role::WorkspaceId).or_else(|| exact_name(import, old, Role::Workspace));
    let dataflow =
        id(import, old, Role::DataflowId).or_else(|| exact_name(import, old, Role::DataflowName));
    let watched = (has_ids || credentials.is_some()) && workspace.is_some() && dataflow.is_some();
    let credentials = match (watched, credentials) {
        (true, None) => Some(needed(import)),
        (_, credentials) => credentials,
    };
    if watched {
        import.say(
            "the dataflow's own history is asked what became of a refresh (`verify:`); `host-runner check` says whether these credentials may read it",
        );
    } else {
        import.say(
            "the old file does not tell by what the history could be read, so a refresh ends in `accepted`, and `follow` has nothing to follow; \
             a `verify:` is prepared in comments, which says what became of it",
        );
    }
    Content {
        watched,
        kind: kind(old),
        workspace: workspace.unwrap_or_else(|| TO_FILL_IN.to_owned()),
        dataflow: dataflow.unwrap_or_else(|| TO_FILL_IN.to_owned()),
        credentials,
    }
}

/// An id of the old file.
fn id(import: &mut Import, old: &Old<'_>, role: Role) -> Option<String> {
    let found = old.get(role)?;
    let (name, place) = match role {
        Role::WorkspaceId => ("workspace", "`verify.workspace`"),
        _ => ("dataflow", "`verify.dataflow`"),
    };
    let value = checked(import, found, name, rules::id_or_name)?;
    import.carried(found, &format!("is {place}"));
    Some(value)
}

/// A value that our configuration has a rule for.
fn checked(
    import: &mut Import,
    found: &Found<'_>,
    name: &str,
    rule: fn(&str) -> Result<String, Fault>,
) -> Option<String> {
    let text = import.text(found)?;
    if secrets::reference(&text).is_some() {
        return Some(import.scalar(name, &found.key, &text));
    }
    let value = import.read(found, rule(&text))?;
    Some(scalar(&value.replace("${", "$${")))
}

/// The credentials of the old file, what is missing of them from the environment.
fn credentials(import: &mut Import, old: &Old<'_>, signs_in: bool) -> Option<[String; 3]> {
    let roles = [Role::Tenant, Role::ClientId, Role::ClientSecret];
    if !signs_in && !roles.iter().any(|role| old.get(*role).is_some()) {
        return None;
    }
    let tenant = old.get(Role::Tenant).and_then(|found| {
        import.carried(found, "is `credentials.default.tenant`");
        checked(import, found, "tenant", rules::tenant)
    });
    let client = old.get(Role::ClientId).and_then(|found| {
        import.carried(found, "is `credentials.default.client_id`");
        checked(import, found, "client_id", rules::client_id)
    });
    let secret = old.get(Role::ClientSecret).and_then(|found| {
        let text = import.text(found)?;
        let name = secrets::reference(&text);
        let what = match &name {
            Some(name) => format!("is fetched from {name}, as before"),
            None => "was written in the file; it is a secret, so it is fetched from AZURE_CLIENT_SECRET from now on".to_owned(),
        };
        import.note(&found.key, found.line, &what, name.is_none());
        let name = name.unwrap_or_else(|| "AZURE_CLIENT_SECRET".to_owned());
        Some(import.variable(&name, "the application's secret, its value and not its id"))
    });
    let [tenant_by_env, client_by_env, secret_by_env] = names();
    Some([
        tenant.unwrap_or_else(|| by_env(import, tenant_by_env)),
        client.unwrap_or_else(|| by_env(import, client_by_env)),
        secret.unwrap_or_else(|| by_env(import, secret_by_env)),
    ])
}

fn needed(import: &mut Import) -> [String; 3] {
    names().map(|one| by_env(import, one))
}

fn by_env(import: &mut Import, (name, holds): (&str, &str)) -> String {
    import.variable(name, holds)
}

/// The variables that every tool for Azure uses.
fn names() -> [(&'static str, &'static str); 3] {
    [
        ("AZURE_TENANT_ID", "the tenant's id"),
        ("AZURE_CLIENT_ID", "the application's (client) id"),
        (
            "AZURE_CLIENT_SECRET",
            "the application's secret, its value and not its id",
        ),
    ]
}

/// The kind of dataflow, where `trigger_type` tells it.
fn kind(old: &Old<'_>) -> &'static str {
    let says_gen2 = old
        .get(Role::TriggerType)
        .and_then(|found| super::values::text(found.node).ok())
        .is_some_and(|text| text.to_lowercase().contains("gen2"));
    if says_gen2 {
        "dataflow-gen2"
    } else {
        "dataflow"
    }
}

impl Content {
    /// Whether the history is read, so that a quota can be counted in it.
    pub(super) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Writes the credentials.
    pub(super) fn write_credentials(&self, out: &mut Lines) {
        let [tenant, client, secret] = self
            .credentials
            .clone()
            .unwrap_or_else(|| names().map(|(name, _)| super::write::variable(name)));
        let lines = [
            (0, "credentials:".to_owned()),
            (1, "default:".to_owned()),
            (2, "kind: client-secret".to_owned()),
            (2, format!("tenant: {tenant}")),
            (2, format!("client_id: {client}")),
            (2, format!("client_secret: {secret}")),
        ];
        let proposed = self.credentials.is_none();
        if proposed {
            out.comment(
                0,
                "An application that may read the dataflow's history; for `verify:` below.",
            );
        }
        for (depth, line) in lines {
            put(out, 0, depth, &line, proposed);
        }
    }

    /// Writes how it is verified.
    pub(super) fn write_verify(&self, out: &mut Lines) {
        let lines = [
            (0, "verify:".to_owned()),
            (1, format!("kind: {}", self.kind)),
            (1, format!("workspace: {}", self.workspace)),
            (1, format!("dataflow: {}", self.dataflow)),
        ];
        out.comment(
            2,
            match self.watched {
                true => "By what it is found out what became of the refresh.",
                false => "Take away the `# ` here and before `credentials:`, and the refresh ends in what became of it.",
            },
        );
        for (depth, line) in lines {
            put(out, 2, depth, &line, !self.watched);
        }
    }
}

/// A line, or the same as a comment.
pub(super) fn put(out: &mut Lines, base: usize, depth: usize, line: &str, as_comment: bool) {
    if as_comment {
        out.comment(base, &format!("{}{line}", "  ".repeat(depth)));
    } else {
        out.line(base + depth, line);
    }
}
