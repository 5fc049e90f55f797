//! An item whose history is watched, whatever its kind: where each thing is asked, and how the
//! answer is read.

use super::run::Run;
use super::{dataflow, gen2, model};
use crate::classify::{Act, Asked, Of};
use crate::contract::{Content, Endpoints, TargetKind, WatchedItem};
use crate::ports::HttpAnswer;

/// A kind of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A dataflow that the Power BI API serves.
    Dataflow,
    /// A Fabric dataflow.
    Gen2,
    /// A semantic model.
    Model,
}

impl Kind {
    /// What it is called in messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Dataflow => "dataflow",
            Self::Gen2 => "Gen2 dataflow",
            Self::Model => "semantic model",
        }
    }

    /// Whose answers its questions get.
    pub(crate) fn asked(self, act: Act) -> Asked {
        let of = match self {
            Self::Dataflow => Of::Dataflow,
            Self::Gen2 => Of::Gen2,
            Self::Model => Of::Model,
        };
        Asked::new(of, act)
    }

    /// The kind of target that refreshes it.
    pub(crate) fn target_kind(self) -> TargetKind {
        match self {
            Self::Dataflow => TargetKind::Dataflow,
            Self::Gen2 => TargetKind::DataflowGen2,
            Self::Model => TargetKind::SemanticModel,
        }
    }
}

/// An item whose history is watched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watched<'t> {
    /// Its kind.
    pub(crate) kind: Kind,
    /// Which item, and how.
    pub(crate) item: &'t WatchedItem,
    /// Where the APIs are.
    pub(crate) endpoints: &'t Endpoints,
}

impl<'t> Watched<'t> {
    /// The content of a verification.
    pub(crate) fn of(content: &'t Content, endpoints: &'t Endpoints) -> Self {
        let (kind, item) = match content {
            Content::Dataflow(item) => (Kind::Dataflow, item),
            Content::DataflowGen2(item) => (Kind::Gen2, item),
            Content::SemanticModel(item) => (Kind::Model, item),
        };
        Self {
            kind,
            item,
            endpoints,
        }
    }

    /// What it is called in messages.
    pub(crate) fn noun(&self) -> &'static str {
        self.kind.noun()
    }

    /// Where its history is read.
    pub(crate) fn history_url(&self) -> String {
        match self.kind {
            Kind::Dataflow => dataflow::transactions_url(self),
            Kind::Gen2 => gen2::instances_url(self),
            Kind::Model => model::history_url(self),
        }
    }

    /// The history in an answer; nothing where the answer holds none.
    pub(crate) fn history(&self, answer: &HttpAnswer) -> Option<Vec<Run>> {
        match self.kind {
            Kind::Dataflow => dataflow::transactions(answer),
            Kind::Gen2 => gen2::instances(answer),
            Kind::Model => model::refreshes(answer),
        }
    }

    /// Where one run is read by its id; nothing where only the history tells of it.
    pub(crate) fn run_url(&self, run: &str) -> Option<String> {
        match self.kind {
            Kind::Dataflow => None,
            Kind::Gen2 => Some(gen2::instance_url(self, run)),
            Kind::Model => Some(model::refresh_url(self, run)),
        }
    }

    /// The run in the answer to a question by its id.
    pub(crate) fn run(&self, answer: &HttpAnswer, run: &str) -> Option<Run> {
        match self.kind {
            Kind::Dataflow => None,
            Kind::Gen2 => gen2::instance(answer),
            Kind::Model => model::details(answer, run),
        }
    }
}
