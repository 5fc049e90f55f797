//! Fabric's REST interface under `/v1`: workspaces, Gen2 dataflows and their jobs (facts, 3, 5.3).
//!
//! Order of the checks: the token, the shape of the path, the workspace, the dataflow, what was
//! asked. The service's own order is not documented; that one is a guess, and so are the codes of
//! a malformed request.

mod jobs;
mod lists;

use http::Method;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::faults::Operation;
use crate::message::{Reply, Request};
use crate::state::{Claims, State};
use crate::world::{DataflowGen2, Workspace};

/// The audience that a token for Fabric must have, to the letter.
pub const AUDIENCE: &str = "https://api.fabric.microsoft.com";

/// A request to Fabric. Ids are kept as the path has them, to be judged after the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `GET /workspaces`
    Workspaces,
    /// `GET /workspaces/{ws}/dataflows`
    Dataflows(String),
    /// `GET /workspaces/{ws}/dataflows/{df}`
    Dataflow(String, String),
    /// `POST …/jobs/execute/instances` and its two older forms
    Run {
        /// The workspace.
        workspace: String,
        /// The dataflow.
        dataflow: String,
        /// The job type; `None`: the one of the query.
        job_type: Option<String>,
    },
    /// `GET /workspaces/{ws}/items/{df}/jobs/instances`
    Instances(String, String),
    /// `GET /workspaces/{ws}/items/{df}/jobs/instances/{job}`
    Instance(String, String, String),
    /// `POST /workspaces/{ws}/items/{df}/jobs/instances/{job}/cancel`
    Cancel(String, String, String),
    /// Another method or path under `/v1`.
    Unknown,
}

impl Call {
    /// The call that this method and path stand for; `None` outside of `/v1`.
    #[must_use]
    pub fn of(method: &Method, segments: &[&str]) -> Option<Self> {
        let ["v1", rest @ ..] = segments else {
            return None;
        };
        let text = |segment: &&str| (*segment).to_owned();
        let run = |ws: &&str, df: &&str, job_type: Option<&str>| Self::Run {
            workspace: text(ws),
            dataflow: text(df),
            job_type: job_type.map(str::to_owned),
        };
        Some(match (method.as_str(), rest) {
            ("GET", ["workspaces"]) => Self::Workspaces,
            ("GET", ["workspaces", ws, "dataflows"]) => Self::Dataflows(text(ws)),
            ("GET", ["workspaces", ws, "dataflows", df]) => Self::Dataflow(text(ws), text(df)),
            ("POST", ["workspaces", ws, "dataflows", df, "jobs", kind, "instances"])
                if kind.eq_ignore_ascii_case("execute") =>
            {
                run(ws, df, Some("Execute"))
            }
            ("POST", ["workspaces", ws, "items", df, "jobs", "instances"]) => run(ws, df, None),
            ("POST", ["workspaces", ws, "items", df, "jobs", kind, "instances"]) => {
                run(ws, df, Some(kind))
            }
            ("GET", ["workspaces", ws, "items", df, "jobs", "instances"]) => {
                Self::Instances(text(ws), text(df))
            }
            ("GET", ["workspaces", ws, "items", df, "jobs", "instances", job]) => {
                Self::Instance(text(ws), text(df), text(job))
            }
            (
                "POST",
                [
                    "workspaces",
                    ws,
                    "items",
                    df,
                    "jobs",
                    "instances",
                    job,
                    "cancel",
                ],
            ) => Self::Cancel(text(ws), text(df), text(job)),
            _ => Self::Unknown,
        })
    }

    /// What it asks for, in the words of faults and log.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        match self {
            Self::Workspaces => Some(Operation::FabricWorkspaces),
            Self::Dataflows(_) | Self::Dataflow(..) => Some(Operation::FabricDataflows),
            Self::Run { .. } => Some(Operation::FabricRun),
            Self::Instances(..) => Some(Operation::FabricInstances),
            Self::Instance(..) => Some(Operation::FabricInstance),
            Self::Cancel(..) => Some(Operation::FabricCancel),
            Self::Unknown => None,
        }
    }

    /// The workspace, the dataflow and the instance that it names. All of them are GUIDs.
    #[must_use]
    pub fn ids(&self) -> Vec<&str> {
        match self {
            Self::Workspaces | Self::Unknown => Vec::new(),
            Self::Dataflows(ws) => vec![ws],
            Self::Dataflow(ws, df) | Self::Instances(ws, df) => vec![ws, df],
            Self::Run {
                workspace,
                dataflow,
                ..
            } => vec![workspace, dataflow],
            Self::Instance(ws, df, job) | Self::Cancel(ws, df, job) => vec![ws, df, job],
        }
    }
}

/// What Fabric answers. Every reply has a `RequestId` of its own.
pub fn answer(
    call: &Call,
    incoming: &Request,
    state: &mut State,
    now: Timestamp,
    number: u64,
) -> Reply {
    let mut reply =
        try_answer(call, incoming, state, now, number).unwrap_or_else(|refused| refused);
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
    let oid = claims.oid;
    match call {
        Call::Unknown => Err(error(
            404,
            "EntityNotFound",
            "There is nothing at this path.",
        )),
        Call::Workspaces => lists::workspaces(incoming, state, oid),
        Call::Dataflows(ws) => {
            let workspace = workspace(state, oid, ws)?.id;
            lists::dataflows(incoming, state, workspace)
        }
        Call::Dataflow(ws, df) => {
            let dataflow = dataflow(state, oid, ws, df)?;
            Ok(Reply::json(200, &lists::listed(dataflow)))
        }
        Call::Run {
            workspace: ws,
            dataflow: df,
            job_type,
        } => {
            let dataflow = dataflow(state, oid, ws, df)?.id;
            may_write(state, oid, ws)?;
            jobs::run(
                incoming,
                state,
                dataflow,
                job_type.as_deref(),
                &claims,
                now,
                number,
            )
        }
        Call::Instances(ws, df) => {
            let dataflow = readable(dataflow(state, oid, ws, df)?)?;
            Ok(jobs::list(state, dataflow, now))
        }
        Call::Instance(ws, df, job) => {
            let dataflow = readable(dataflow(state, oid, ws, df)?)?;
            jobs::get(state, dataflow, guid(job)?, now)
        }
        Call::Cancel(ws, df, job) => {
            let dataflow = dataflow(state, oid, ws, df)?.clone();
            may_write(state, oid, ws)?;
            jobs::cancel(incoming, state, &dataflow, guid(job)?, now)
        }
    }
}

/// An error as Fabric writes it.
pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
    let id = Uuid::new_v4().to_string();
    Reply::json(
        status,
        &json!({"requestId": id, "errorCode": code, "message": message}),
    )
    .with_header("requestid", &id)
    .with_header("x-ms-public-api-error-code", code)
}

/// The caller, by the token.
fn caller(incoming: &Request, state: &State, now: Timestamp) -> Result<Claims, Reply> {
    let claims = incoming
        .bearer()
        .and_then(|token| state.claims_of(token))
        .filter(|claims| claims.aud == AUDIENCE)
        .ok_or_else(|| {
            error(
                401,
                "Unauthorized",
                "The caller is not authenticated to access this resource",
            )
        })?;
    if claims.expired(now) {
        return Err(error(
            401,
            "TokenExpired",
            "Access token has expired, resubmit with a new access token",
        ));
    }
    Ok(claims.clone())
}

fn guid(segment: &str) -> Result<Uuid, Reply> {
    Uuid::parse_str(segment)
        .map_err(|_| error(400, "InvalidParameter", "An id in the path is not a GUID."))
}

fn forbidden() -> Reply {
    error(
        403,
        "InsufficientPrivileges",
        "The caller does not have sufficient permissions to perform this operation.",
    )
}

/// 404 for a workspace that is not there, 403 for one that the caller was not added to.
fn workspace<'a>(state: &'a State, caller: Uuid, segment: &str) -> Result<&'a Workspace, Reply> {
    let id = guid(segment)?;
    let workspace = state
        .world
        .workspaces
        .iter()
        .find(|workspace| workspace.id == id)
        .ok_or_else(|| {
            error(
                404,
                "WorkspaceNotFound",
                "The workspace could not be found.",
            )
        })?;
    if workspace.admits(caller) {
        Ok(workspace)
    } else {
        Err(forbidden())
    }
}

/// Refuses those who may look and not touch.
fn may_write(state: &State, caller: Uuid, ws: &str) -> Result<(), Reply> {
    if workspace(state, caller, ws)?.may_write(caller) {
        Ok(())
    } else {
        Err(forbidden())
    }
}

fn dataflow<'a>(
    state: &'a State,
    caller: Uuid,
    ws: &str,
    df: &str,
) -> Result<&'a DataflowGen2, Reply> {
    let workspace = workspace(state, caller, ws)?;
    let id = guid(df)?;
    state
        .dataflow_gen2(id)
        .filter(|dataflow| dataflow.workspace == workspace.id)
        .ok_or_else(not_found)
}

fn not_found() -> Reply {
    error(404, "ItemNotFound", "The requested item is not found.")
}

fn readable(dataflow: &DataflowGen2) -> Result<&DataflowGen2, Reply> {
    if dataflow.readable {
        Ok(dataflow)
    } else {
        Err(forbidden())
    }
}

#[cfg(test)]
mod tests;
