//! Flows with an HTTP trigger: what their Response says.

pub(crate) mod response;
