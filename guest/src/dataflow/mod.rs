//! Dataflows that the Power BI API serves: its requests, its history, and which run is ours.

pub(crate) mod api;
pub(crate) mod history;
pub(crate) mod matching;
pub(crate) mod quota;
