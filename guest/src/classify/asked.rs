//! What was asked of whom, and what the answer can mean: the columns of the table.

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// A Power Automate flow's trigger.
    Flow,
    /// The Power BI API, for a dataflow or a list.
    Dataflow,
    /// The Fabric API.
    Gen2,
    /// The Power BI API, for a semantic model.
    Model,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// A look, a poll, a list: changes nothing.
    Read,
    /// A refresh.
    Trigger,
    /// A stop.
    Cancel,
    /// Nothing: it is what a run says of its own failure.
    Run,
}

/// What was asked of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Whom.
    pub(crate) of: Of,
    /// What.
    pub(crate) act: Act,
}

/// What an answer that is not a success means, or that there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The credentials are not accepted; nothing was started.
    Unauthorized,
    /// The request or the target is wrong.
    Invalid,
    /// No usable answer now; the same call may end better later. Nothing was started.
    Later,
    /// The service refused the trigger.
    Refused,
    /// The service refused the trigger because a run is going on; nothing was started.
    Busy,
    /// The trigger may have arrived.
    Lost,
    /// The run that is to be stopped has already ended.
    Over,
    /// The host's policy refused the call.
    Denied,
    /// No usable answer, and waiting changes nothing.
    Broken,
}

impl Asked {
    /// A question to one of the services.
    pub(crate) fn new(of: Of, act: Act) -> Self {
        Self { of, act }
    }
}
