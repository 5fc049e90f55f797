//! What the three kinds of content have in common.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A kind of content that can be refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A dataflow of Power BI: Gen1, or legacy Gen2.
    Dataflow,
    /// A Gen2 dataflow of Fabric.
    DataflowGen2,
    /// A semantic model.
    SemanticModel,
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dataflow => "dataflow",
            Self::DataflowGen2 => "Gen2 dataflow",
            Self::SemanticModel => "semantic model",
        })
    }
}

/// What a flow does inside: it refreshes one thing, and swallows a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inner {
    /// A dataflow of Power BI.
    Dataflow(Uuid),
    /// A Gen2 dataflow of Fabric.
    DataflowGen2(Uuid),
    /// A semantic model.
    SemanticModel(Uuid),
}

impl Inner {
    /// The kind of what it refreshes.
    #[must_use]
    pub fn kind(self) -> ItemKind {
        match self {
            Self::Dataflow(_) => ItemKind::Dataflow,
            Self::DataflowGen2(_) => ItemKind::DataflowGen2,
            Self::SemanticModel(_) => ItemKind::SemanticModel,
        }
    }

    /// The id of what it refreshes.
    #[must_use]
    pub fn id(self) -> Uuid {
        match self {
            Self::Dataflow(id) | Self::DataflowGen2(id) | Self::SemanticModel(id) => id,
        }
    }
}

/// How many calls one identity may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// So many calls of one service …
    pub calls: u32,
    /// … in any window of so many seconds.
    pub window_s: u64,
}
