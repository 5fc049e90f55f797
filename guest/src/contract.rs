//! The types of the contract, in one place.
//!
//! They are generated from `wit/`; the logic uses them as they are, so that nothing has to be
//! translated and nothing can be lost on the way.

pub use crate::bindings::exports::powerbi::refresh::audit::AuditError;
pub use crate::bindings::exports::powerbi::refresh::refresh::{
    CancelRequest, Cancellation, CancellationStatus, Finding, FindingLevel, Inspection, Item, Plan,
    Query, Question,
};
pub use crate::bindings::powerbi::refresh::audit_store::{
    Conclusion, Entry, Event, Note, Observed, Receipt, Resolution, StoreError, Triggered,
};
pub use crate::bindings::powerbi::refresh::control::{Level, Phase, Update, Wake};
pub use crate::bindings::powerbi::refresh::types::{
    ApplyChanges, CallContext, Content, Credentials, DataflowTarget, Endpoints, EnhancedRefresh,
    Evidence, FollowMode, FollowRequest, Gen2Target, IfRunning, Intent, Matched, ModelObject,
    ModelRefresh, ModelTarget, Operation, Outgoing, Parameter, PowerAutomateTarget, Problem,
    QuotaGuard, QuotaMode, QuotaState, QuotaUnreadable, RefreshError, RefreshRequest, Sent,
    ServiceError, ServiceRun, Status, Subject, Target, TargetKind, TriggerBody, TriggerTrace,
    Unsupported, Verdict, Verification, WatchedItem, WhenUnreadable,
};
