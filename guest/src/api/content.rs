//! Content with a history, of any kind: where it is read, and how its responses are read.

use super::run::{Run, RunList};
use super::{dataflow, gen2, model};
use crate::contract::{
    Content, Endpoints, RefreshError, Target, TargetKind, Verification, WatchedItem, invalid,
};
use crate::ports::{HttpAnswer, Method};
use crate::url::{Parts, encode_segment, is_guid};

/// How many runs of a model's history are read; the service's own default.
const MODEL_RUNS: u32 = 60;

/// A kind of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentKind {
    /// A dataflow of the Power BI API.
    Dataflow,
    /// A Fabric dataflow.
    Gen2,
    /// A semantic model.
    Model,
}

impl ContentKind {
    /// The noun for messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Dataflow => "dataflow",
            Self::Gen2 => "Gen2 dataflow",
            Self::Model => "semantic model",
        }
    }

    /// The kind of target that refreshes it.
    pub(crate) fn target_kind(self) -> TargetKind {
        match self {
            Self::Dataflow => TargetKind::Dataflow,
            Self::Gen2 => TargetKind::DataflowGen2,
            Self::Model => TargetKind::SemanticModel,
        }
    }

    /// Whether our trigger can have started a run of this type: one of those of a refresh through the
    /// API. The other types belong to the service, to people and to other tools. [O]
    pub(crate) fn may_be_triggered(self, run: &Run) -> bool {
        let types: &[&str] = match self {
            Self::Dataflow => &["", "ondemand", "viaapi"],
            Self::Gen2 => &["", "manual", "ondemand"],
            Self::Model => &["", "viaapi", "viaenhancedapi"],
        };
        types.contains(&run.refresh_type.to_ascii_lowercase().as_str())
    }

    /// The base address of the API that serves this kind.
    fn base(self, endpoints: &Endpoints) -> &str {
        match self {
            Self::Dataflow | Self::Model => &endpoints.power_bi,
            Self::Gen2 => &endpoints.fabric,
        }
    }

    /// The address of the workspaces.
    pub(crate) fn workspaces_url(self, endpoints: &Endpoints) -> String {
        let path = match self {
            Self::Dataflow | Self::Model => "v1.0/myorg/groups",
            Self::Gen2 => "v1/workspaces",
        };
        format!("{}/{path}", self.base(endpoints).trim_end_matches('/'))
    }

    /// The address of a workspace's items of this kind.
    pub(crate) fn items_url(self, endpoints: &Endpoints, workspace: &str) -> String {
        let items = match self {
            Self::Dataflow | Self::Gen2 => "dataflows",
            Self::Model => "datasets",
        };
        format!("{}/{workspace}/{items}", self.workspaces_url(endpoints))
    }

    /// Checks the base address of the API that serves this kind.
    pub(crate) fn check_endpoint(self, endpoints: &Endpoints) -> Result<(), RefreshError> {
        let (api, hint) = match self {
            Self::Dataflow | Self::Model => ("Power BI", "Give it as `https://api.powerbi.com`."),
            Self::Gen2 => ("Fabric", "Give it as `https://api.fabric.microsoft.com`."),
        };
        match Parts::of(self.base(endpoints)) {
            Some(parts) if !parts.path_and_query.contains('?') => Ok(()),
            _ => {
                let message = format!("The endpoint of the {api} API is not an absolute URL.");
                Err(invalid("endpoint_invalid", message, hint))
            }
        }
    }
}

/// Content whose history is watched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WatchedContent<'t> {
    /// Its kind.
    pub(crate) kind: ContentKind,
    /// Which item, and how it is watched.
    pub(crate) item: &'t WatchedItem,
    /// The base addresses of the APIs.
    pub(crate) endpoints: &'t Endpoints,
}

impl<'t> WatchedContent<'t> {
    /// The content whose history shows a target's refreshes; `None` if there is none.
    pub(crate) fn of(target: &'t Target, endpoints: &'t Endpoints) -> Option<Self> {
        let (kind, item) = match target {
            Target::PowerAutomate(flow) => match &flow.verify {
                Verification::Content(Content::Dataflow(item)) => (ContentKind::Dataflow, item),
                Verification::Content(Content::DataflowGen2(item)) => (ContentKind::Gen2, item),
                Verification::Content(Content::SemanticModel(item)) => (ContentKind::Model, item),
                Verification::None | Verification::Response => return None,
            },
            Target::Dataflow(target) => (ContentKind::Dataflow, &target.item),
            Target::DataflowGen2(target) => (ContentKind::Gen2, &target.item),
            Target::SemanticModel(target) => (ContentKind::Model, &target.item),
        };
        Some(Self {
            kind,
            item,
            endpoints,
        })
    }

    /// Checks the address of the API, and that ids are given instead of names.
    pub(crate) fn check(&self) -> Result<(), RefreshError> {
        self.kind.check_endpoint(self.endpoints)?;
        let what = match self.item {
            item if !is_guid(&item.workspace) => "workspace",
            item if !is_guid(&item.item) => self.noun(),
            _ => return Ok(()),
        };
        Err(invalid(
            "not_a_guid",
            format!("The id of the {what} is not a GUID."),
            "Give the id from the service's address bar, not the name.",
        ))
    }

    /// The noun for messages.
    pub(crate) fn noun(&self) -> &'static str {
        self.kind.noun()
    }

    /// The address of the item among those of its workspace.
    fn item_url(&self) -> String {
        let items = self.kind.items_url(self.endpoints, &self.item.workspace);
        format!("{items}/{}", self.item.item)
    }

    /// The address that refreshes it.
    pub(crate) fn refresh_url(&self) -> String {
        let path = match self.kind {
            ContentKind::Dataflow | ContentKind::Model => "refreshes",
            ContentKind::Gen2 => "jobs/execute/instances",
        };
        format!("{}/{path}", self.item_url())
    }

    /// The address of its history.
    pub(crate) fn history_url(&self) -> String {
        match self.kind {
            ContentKind::Dataflow => format!("{}/transactions", self.item_url()),
            ContentKind::Gen2 => {
                let (workspaces, item) = (self.kind.workspaces_url(self.endpoints), self.item);
                let (workspace, id) = (&item.workspace, &item.item);
                format!("{workspaces}/{workspace}/items/{id}/jobs/instances")
            }
            ContentKind::Model => format!("{}?$top={MODEL_RUNS}", self.refresh_url()),
        }
    }

    /// The address of the history's next page. The token is sent to the known address: the address
    /// that a response names is not followed.
    pub(crate) fn next_history_url(&self, token: &str) -> String {
        format!("{}?{}", self.history_url(), next_page(token))
    }

    /// Reads the history in a response, and returns the token of its next page; `None` if it holds
    /// none.
    pub(crate) fn history(
        &self,
        answer: &HttpAnswer,
        list: &mut RunList,
    ) -> Option<Option<String>> {
        let run_of = match self.kind {
            ContentKind::Dataflow => dataflow::transaction,
            ContentKind::Gen2 => gen2::refresh_job,
            ContentKind::Model => model::refresh,
        };
        // Only Fabric has pages. [V]
        let token = list.read(answer, run_of)?;
        Some(token.filter(|_| self.kind == ContentKind::Gen2))
    }

    /// The address of one run; `None` if only the history shows it.
    pub(crate) fn run_url(&self, run: &str) -> Option<String> {
        let runs = match self.kind {
            ContentKind::Dataflow => return None,
            ContentKind::Gen2 => self.history_url(),
            ContentKind::Model => self.refresh_url(),
        };
        Some(format!("{runs}/{}", encode_segment(run)))
    }

    /// The run on its own page.
    pub(crate) fn run(&self, answer: &HttpAnswer, run: &str) -> Option<Run> {
        match self.kind {
            ContentKind::Dataflow => None,
            ContentKind::Gen2 => gen2::instance(answer),
            ContentKind::Model => model::details(answer, run),
        }
    }

    /// The method and address that cancel one run. A transaction's id holds `:`, `@` and `$` and
    /// must be encoded. [V]
    pub(crate) fn cancel_call(&self, run: &str) -> (Method, String) {
        match (self.kind, self.run_url(run)) {
            (ContentKind::Model, Some(url)) => (Method::Delete, url),
            (_, Some(url)) => (Method::Post, format!("{url}/cancel")),
            (_, None) => {
                let items = self.kind.items_url(self.endpoints, &self.item.workspace);
                let run = encode_segment(run);
                (Method::Post, format!("{items}/transactions/{run}/cancel"))
            }
        }
    }
}

/// The query for a list's next page. The service returns the token encoded, and encoding it twice
/// would change it. [V] fabric/articles/pagination
pub(crate) fn next_page(token: &str) -> String {
    let encoded = encode_segment(token);
    let encoded = match token.contains('%') {
        true => encoded.replace("%25", "%"),
        false => encoded,
    };
    format!("continuationToken={encoded}")
}
