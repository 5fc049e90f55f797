//! What the REST interfaces of Power BI and Fabric share: who calls, and what the path names.
//!
//! Order of the checks: the token, the shape of the path, the workspace, the item, permissions. The
//! services' own order is not documented; this one is a guess.

use serde_json::Value;
use uuid::Uuid;

use super::{Call, fabric, power_bi};
use crate::message::Reply;
use crate::state::{Claims, Refusal, Requester, Run};
use crate::world::{Item, ItemKind, Principal, Workspace};

/// What a call does with an item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reads its settings.
    List,
    /// Reads its runs.
    Read,
    /// Begins or cancels a run.
    Write,
}

impl Call<'_> {
    /// True for Fabric, false for Power BI.
    fn is_fabric(&self) -> bool {
        self.routed.service == "fabric"
    }

    /// An error as the service writes it.
    pub(super) fn refuse(&self, status: u16, code: &'static str, message: &str) -> Reply {
        self.refused(&Refusal::new(status, code, message))
    }

    /// A refusal as the service writes it.
    pub(super) fn refused(&self, refusal: &Refusal) -> Reply {
        if self.is_fabric() {
            fabric::error(refusal.status, refusal.code, &refusal.message)
        } else {
            Reply::json(refusal.status, &refusal.body())
        }
    }

    /// 404 for an item or run that does not exist.
    pub(super) fn not_found(&self) -> Reply {
        match self.is_fabric() {
            true => self.refuse(404, "ItemNotFound", "The requested item is not found."),
            false => self.refuse(404, "PowerBIEntityNotFound", ""),
        }
    }

    /// 403 for a caller without the permission.
    pub(super) fn forbidden(&self) -> Reply {
        match self.is_fabric() {
            true => self.refuse(
                403,
                "InsufficientPrivileges",
                "The caller does not have sufficient permissions to perform this operation.",
            ),
            false => self.refuse(403, "PowerBINotAuthorizedException", ""),
        }
    }

    /// The caller, by the token.
    pub(super) fn caller(&self) -> Result<Claims, Reply> {
        let token = self.request.bearer();
        let claims = token.and_then(|token| self.state.claims_of(token));
        let accepted = |claims: &&Claims| {
            claims.aud == fabric::AUDIENCE
                || (!self.is_fabric() && claims.aud == power_bi::AUDIENCE)
        };
        let claims = claims
            .filter(accepted)
            .ok_or_else(|| match self.is_fabric() {
                true => self.refuse(
                    401,
                    "Unauthorized",
                    "The caller is not authenticated to access this resource",
                ),
                // Power BI's reply to a missing or foreign token is not known: this is a guess.
                false => Reply::empty(401).with_header("www-authenticate", "Bearer realm=\"\""),
            })?;
        if claims.expired(self.now) {
            return Err(self.refuse(
                if self.is_fabric() { 401 } else { 403 },
                "TokenExpired",
                "Access token has expired, resubmit with a new access token",
            ));
        }
        Ok(claims.clone())
    }

    /// The GUID that the path has under this name.
    fn guid(&self, name: &str) -> Result<Uuid, Reply> {
        let code = if self.is_fabric() {
            "InvalidParameter"
        } else {
            "BadRequest"
        };
        Uuid::parse_str(self.routed.id(name))
            .map_err(|_| self.refuse(400, code, "An id in the path is not a GUID."))
    }

    /// The workspace in the path: 404 if it does not exist, 403 if the caller may not use it.
    pub(super) fn workspace(&self, access: Access) -> Result<Workspace, Reply> {
        let caller = self.caller()?.oid;
        let id = self.guid("workspace")?;
        let mut workspaces = self.state.world.workspaces.iter();
        let workspace =
            workspaces
                .find(|workspace| workspace.id == id)
                .ok_or_else(|| match self.is_fabric() {
                    true => self.refuse(
                        404,
                        "WorkspaceNotFound",
                        "The workspace could not be found.",
                    ),
                    false => self.not_found(),
                })?;
        let allowed = match access {
            Access::Write => workspace.may_write(caller),
            Access::List | Access::Read => workspace.admits(caller),
        };
        match allowed {
            true => Ok(workspace.clone()),
            false => Err(self.forbidden()),
        }
    }

    /// The item in the path.
    pub(super) fn item(&self, kind: ItemKind, access: Access) -> Result<Item, Reply> {
        let workspace = self.workspace(Access::List)?.id;
        let id = self.guid("item")?;
        let item = self
            .state
            .world
            .find_item(id)
            .filter(|item| item.kind == kind && item.workspace == workspace)
            .ok_or_else(|| self.not_found())?;
        if access == Access::Write {
            self.workspace(Access::Write)?;
        }
        let caller = self.caller()?.idtyp;
        let readable = item.readable && (item.apps_may_read || caller == Principal::User);
        if access == Access::Read && !readable {
            return Err(self.forbidden());
        }
        Ok(item.clone())
    }

    /// The items of this kind in the workspace of the path, each as `shown`.
    pub(super) fn items(
        &self,
        kind: ItemKind,
        shown: impl Fn(&Item) -> Value,
    ) -> Result<Vec<Value>, Reply> {
        let workspace = self.workspace(Access::List)?.id;
        let items = self.state.world.items.iter();
        Ok(items
            .filter(|item| item.kind == kind && item.workspace == workspace)
            .map(shown)
            .collect())
    }

    /// The visible run of `item` in the path.
    pub(super) fn run_in_path(&self, item: &Item) -> Result<&Run, Reply> {
        let id = self.guid("run")?.to_string();
        self.state
            .run(&id)
            .filter(|run| run.item == item.id && run.visible_at <= self.now)
            .ok_or_else(|| self.not_found())
    }

    /// The visible runs of `item`, newest first.
    pub(super) fn visible_runs(&self, item: &Item) -> impl Iterator<Item = &Run> {
        let runs = self.state.runs_of(item.id).into_iter();
        runs.filter(|run| run.visible_at <= self.now)
    }

    /// The requester of a run that this call begins.
    pub(super) fn requester(&self) -> Requester {
        let tracking_id = self.request.header("x-ms-client-tracking-id");
        Requester::Trigger {
            tracking_id: tracking_id.map(str::to_owned),
            request: self.number,
        }
    }

    /// The number of a query parameter such as `$top`.
    pub(super) fn number_of(&self, parameter: &str) -> Option<Result<usize, ()>> {
        let text = self.request.query_value(parameter)?;
        Some(text.parse().map_err(|_| ()))
    }
}

/// A JSON object without the fields that are null.
pub(super) fn without_nulls(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    object
}
