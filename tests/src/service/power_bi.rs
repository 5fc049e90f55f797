//! Power BI's REST interface under `/v1.0/myorg`: workspaces, Gen1 dataflows and semantic models
//! (facts, 2, 5.2).
//!
//! Order of the checks: the token, the shape of the path, the workspace, the dataflow, what was
//! asked. The service's own order is not documented; that one is a guess.

mod dataflows;
mod groups;
mod models;

use http::Method;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::rfc3339_millis;
use crate::faults::Operation;
use crate::message::{Reply, Request};
use crate::service::fabric;
use crate::state::{Claims, Refusal, State};
use crate::world::{Dataflow, Principal, SemanticModel, Workspace};

/// The audience that a token for Power BI must have, to the letter. That of Fabric does as well
/// (facts, 3).
pub const AUDIENCE: &str = "https://analysis.windows.net/powerbi/api";

/// A request to Power BI. Ids are kept as the path has them, to be judged after the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `GET /groups`
    Groups,
    /// `GET /groups/{ws}/dataflows`
    Dataflows(String),
    /// `GET /groups/{ws}/dataflows/{df}`
    Dataflow(String, String),
    /// `GET /groups/{ws}/dataflows/{df}/transactions`
    Transactions(String, String),
    /// `POST /groups/{ws}/dataflows/{df}/refreshes`
    Refresh(String, String),
    /// `POST /groups/{ws}/dataflows/transactions/{id}/cancel`, the id still encoded
    Cancel(String, String),
    /// `GET /groups/{ws}/datasets`
    Models(String),
    /// `GET /groups/{ws}/datasets/{id}`
    Model(String, String),
    /// `POST /groups/{ws}/datasets/{id}/refreshes`
    ModelRefresh(String, String),
    /// `GET /groups/{ws}/datasets/{id}/refreshes`
    ModelHistory(String, String),
    /// `GET /groups/{ws}/datasets/{id}/refreshes/{refresh}`
    ModelDetails(String, String, String),
    /// `DELETE /groups/{ws}/datasets/{id}/refreshes/{refresh}`
    ModelCancel(String, String, String),
    /// Another method or path under `/v1.0/myorg`.
    Unknown,
}

impl Call {
    /// The call that this method and path stand for; `None` outside of `/v1.0/myorg`.
    #[must_use]
    pub fn of(method: &Method, segments: &[&str]) -> Option<Self> {
        let ["v1.0", "myorg", rest @ ..] = segments else {
            return None;
        };
        let text = |segment: &&str| (*segment).to_owned();
        Some(match (method.as_str(), rest) {
            ("GET", ["groups"]) => Self::Groups,
            ("GET", ["groups", ws, "dataflows"]) => Self::Dataflows(text(ws)),
            ("GET", ["groups", ws, "dataflows", df]) => Self::Dataflow(text(ws), text(df)),
            ("GET", ["groups", ws, "dataflows", df, "transactions"]) => {
                Self::Transactions(text(ws), text(df))
            }
            ("POST", ["groups", ws, "dataflows", df, "refreshes"]) => {
                Self::Refresh(text(ws), text(df))
            }
            ("POST", ["groups", ws, "dataflows", "transactions", id, "cancel"]) => {
                Self::Cancel(text(ws), text(id))
            }
            ("GET", ["groups", ws, "datasets"]) => Self::Models(text(ws)),
            ("GET", ["groups", ws, "datasets", id]) => Self::Model(text(ws), text(id)),
            ("POST", ["groups", ws, "datasets", id, "refreshes"]) => {
                Self::ModelRefresh(text(ws), text(id))
            }
            ("GET", ["groups", ws, "datasets", id, "refreshes"]) => {
                Self::ModelHistory(text(ws), text(id))
            }
            ("GET", ["groups", ws, "datasets", id, "refreshes", refresh]) => {
                Self::ModelDetails(text(ws), text(id), text(refresh))
            }
            ("DELETE", ["groups", ws, "datasets", id, "refreshes", refresh]) => {
                Self::ModelCancel(text(ws), text(id), text(refresh))
            }
            _ => Self::Unknown,
        })
    }

    /// What it asks for, in the words of faults and log.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        match self {
            Self::Groups => Some(Operation::Groups),
            Self::Dataflows(_) | Self::Dataflow(..) => Some(Operation::Dataflows),
            Self::Transactions(..) => Some(Operation::Transactions),
            Self::Refresh(..) => Some(Operation::Refresh),
            Self::Cancel(..) => Some(Operation::Cancel),
            Self::Models(_) | Self::Model(..) => Some(Operation::Models),
            Self::ModelRefresh(..) => Some(Operation::ModelRefresh),
            Self::ModelHistory(..) => Some(Operation::ModelHistory),
            Self::ModelDetails(..) => Some(Operation::ModelDetails),
            Self::ModelCancel(..) => Some(Operation::ModelCancel),
            Self::Unknown => None,
        }
    }

    /// The ids that it names and that are GUIDs: the workspace, the dataflow or model, the refresh.
    #[must_use]
    pub fn ids(&self) -> Vec<&str> {
        match self {
            Self::Groups | Self::Unknown => Vec::new(),
            Self::Dataflows(ws) | Self::Cancel(ws, _) | Self::Models(ws) => vec![ws],
            Self::Dataflow(ws, id)
            | Self::Transactions(ws, id)
            | Self::Refresh(ws, id)
            | Self::Model(ws, id)
            | Self::ModelRefresh(ws, id)
            | Self::ModelHistory(ws, id) => vec![ws, id],
            Self::ModelDetails(ws, id, refresh) | Self::ModelCancel(ws, id, refresh) => {
                vec![ws, id, refresh]
            }
        }
    }

    /// The transaction id in the path, which must be percent-encoded.
    #[must_use]
    pub fn transaction(&self) -> Option<&str> {
        match self {
            Self::Cancel(_, id) => Some(id),
            _ => None,
        }
    }

    /// What it names: its ids, and the dataflow of its transaction.
    #[must_use]
    pub fn targets(&self, state: &State) -> Vec<String> {
        let run = self
            .transaction()
            .and_then(|id| state.run(&decode(id)))
            .map(|run| run.dataflow.to_string());
        let ids = self.ids().into_iter().map(str::to_owned);
        ids.chain(run).collect()
    }
}

fn decode(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// What Power BI answers. Every reply has a `RequestId` of its own.
pub fn answer(
    call: &Call,
    incoming: &Request,
    state: &mut State,
    now: Timestamp,
    number: u64,
) -> Reply {
    let reply = try_answer(call, incoming, state, now, number).unwrap_or_else(|refused| refused);
    let mut reply = reply;
    reply.set_default_header("requestid", &Uuid::new_v4().to_string());
    reply
}

fn try_answer(
    call: &Call,
    incoming: &Request,
    state: &mut State,
    now: Timestamp,
    number: u64,
) -> Result<Reply, Reply> {
    let claims = caller(incoming, state, now)?;
    let caller = claims.oid;
    match call {
        Call::Unknown => Err(error(404, "PowerBIEntityNotFound", "")),
        Call::Groups => groups::list(incoming, state, caller),
        Call::Dataflows(ws) => {
            let workspace = workspace(state, caller, ws)?;
            let all: Vec<Value> = state
                .world
                .dataflows
                .iter()
                .filter(|dataflow| dataflow.workspace == workspace.id)
                .map(|dataflow| dataflows::listed(dataflow, &incoming.base))
                .collect();
            Ok(Reply::json(200, &json!({"value": all})))
        }
        Call::Dataflow(ws, df) => {
            let dataflow = dataflow(state, caller, ws, df)?;
            Ok(Reply::json(
                200,
                &json!({
                    "name": dataflow.name, "description": "", "version": "1.0",
                    "culture": "en-US", "modifiedTime": rfc3339_millis(now), "entities": [],
                }),
            ))
        }
        Call::Transactions(ws, df) => {
            let dataflow = dataflow(state, caller, ws, df)?;
            if dataflow.readable && (dataflow.apps_may_read || claims.idtyp == Principal::User) {
                Ok(dataflows::transactions(
                    state,
                    dataflow,
                    &incoming.base,
                    now,
                ))
            } else {
                Err(error(403, "PowerBINotAuthorizedException", ""))
            }
        }
        Call::Refresh(ws, df) => {
            let id = dataflow(state, caller, ws, df)?.id;
            may_write(state, caller, ws)?;
            dataflows::refresh(incoming, state, id, now, number)
        }
        Call::Cancel(ws, id) => {
            let workspace = workspace(state, caller, ws)?.id;
            may_write(state, caller, ws)?;
            dataflows::cancel(state, workspace, id, now)
        }
        Call::Models(ws) => {
            let workspace = workspace(state, caller, ws)?;
            let all: Vec<Value> = state
                .world
                .models
                .iter()
                .filter(|model| model.workspace == workspace.id)
                .map(|model| models::listed(model, &incoming.base))
                .collect();
            Ok(Reply::json(200, &json!({"value": all})))
        }
        Call::Model(ws, id) => {
            let model = model(state, caller, ws, id)?;
            Ok(Reply::json(200, &models::listed(model, &incoming.base)))
        }
        Call::ModelRefresh(ws, id) => {
            let model = model(state, caller, ws, id)?;
            let (workspace, id) = (model.workspace, model.id);
            may_write(state, caller, ws)?;
            models::refresh(incoming, state, workspace, id, now, number)
        }
        Call::ModelHistory(ws, id) => {
            let model = readable(model(state, caller, ws, id)?)?;
            models::history(incoming, state, model, now)
        }
        Call::ModelDetails(ws, id, refresh) => {
            let model = readable(model(state, caller, ws, id)?)?;
            models::details(state, model, guid(refresh)?, now)
        }
        Call::ModelCancel(ws, id, refresh) => {
            let model = model(state, caller, ws, id)?.id;
            may_write(state, caller, ws)?;
            models::cancel(state, model, guid(refresh)?, now)
        }
    }
}

/// An error as Power BI writes it.
fn error(status: u16, code: &'static str, message: &str) -> Reply {
    let refusal = Refusal {
        status,
        code,
        message: message.to_owned(),
    };
    Reply::json(status, &refusal.body())
}

/// The caller, by the token.
fn caller(incoming: &Request, state: &State, now: Timestamp) -> Result<Claims, Reply> {
    // What the service says to a missing or foreign token is not known: an empty 401 is a guess.
    let unauthorized = || Reply::empty(401).with_header("www-authenticate", "Bearer realm=\"\"");
    let token = incoming.bearer().ok_or_else(unauthorized)?;
    let claims = state
        .claims_of(token)
        .filter(|claims| claims.aud == AUDIENCE || claims.aud == fabric::AUDIENCE)
        .ok_or_else(unauthorized)?;
    if claims.expired(now) {
        return Err(error(
            403,
            "TokenExpired",
            "Access token has expired, resubmit with a new access token",
        ));
    }
    Ok(claims.clone())
}

fn guid(segment: &str) -> Result<Uuid, Reply> {
    Uuid::parse_str(segment)
        .map_err(|_| error(400, "BadRequest", "An id in the path is not a GUID."))
}

/// 404 for a workspace that is not there, 403 for one that the caller was not added to.
fn workspace<'a>(state: &'a State, caller: Uuid, segment: &str) -> Result<&'a Workspace, Reply> {
    let id = guid(segment)?;
    let workspace = state
        .world
        .workspaces
        .iter()
        .find(|workspace| workspace.id == id)
        .ok_or_else(|| error(404, "PowerBIEntityNotFound", ""))?;
    if workspace.admits(caller) {
        Ok(workspace)
    } else {
        Err(error(403, "PowerBINotAuthorizedException", ""))
    }
}

fn dataflow<'a>(state: &'a State, caller: Uuid, ws: &str, df: &str) -> Result<&'a Dataflow, Reply> {
    let workspace = workspace(state, caller, ws)?;
    let id = guid(df)?;
    state
        .dataflow(id)
        .filter(|dataflow| dataflow.workspace == workspace.id)
        .ok_or_else(|| error(404, "PowerBIEntityNotFound", ""))
}

/// Refuses those who may look and not touch.
fn may_write(state: &State, caller: Uuid, ws: &str) -> Result<(), Reply> {
    if workspace(state, caller, ws)?.may_write(caller) {
        Ok(())
    } else {
        Err(error(403, "PowerBINotAuthorizedException", ""))
    }
}

fn model<'a>(
    state: &'a State,
    caller: Uuid,
    ws: &str,
    id: &str,
) -> Result<&'a SemanticModel, Reply> {
    let workspace = workspace(state, caller, ws)?;
    let id = guid(id)?;
    state
        .model(id)
        .filter(|model| model.workspace == workspace.id)
        .ok_or_else(|| error(404, "PowerBIEntityNotFound", ""))
}

fn readable(model: &SemanticModel) -> Result<&SemanticModel, Reply> {
    if model.readable {
        Ok(model)
    } else {
        Err(error(403, "PowerBINotAuthorizedException", ""))
    }
}

#[cfg(test)]
mod tests;
