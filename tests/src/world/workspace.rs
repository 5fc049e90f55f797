//! Power BI workspaces.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One workspace ("group" in Power BI's API).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workspace {
    /// The workspace id.
    pub id: Uuid,
    /// The display name.
    pub name: String,
    /// The object ids of its members; empty: every known client.
    pub members: Vec<Uuid>,
    /// The object ids of its viewers, who may not refresh anything.
    pub viewers: Vec<Uuid>,
    /// The `isOnDedicatedCapacity` in the list of workspaces.
    pub dedicated: bool,
}

impl Workspace {
    /// A workspace that every known client may use.
    #[must_use]
    pub fn new(id: Uuid, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// True when the client with this object id may use the workspace.
    pub(crate) fn admits(&self, object_id: Uuid) -> bool {
        self.members.is_empty()
            || self.members.contains(&object_id)
            || self.viewers.contains(&object_id)
    }

    /// True when the client with this object id may refresh what is in the workspace.
    pub(crate) fn may_write(&self, object_id: Uuid) -> bool {
        self.admits(object_id) && !self.viewers.contains(&object_id)
    }
}
