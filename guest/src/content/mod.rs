//! Content whose history tells what became of a refresh: where it is asked, how the answers are
//! read, and which run is ours.
//!
//! One file for each service's ways; what they have in common (a run, its state, the match, the
//! quota) is the same for all of them, so that a verdict means the same for every kind.

pub(crate) mod dataflow;
pub(crate) mod gen2;
pub(crate) mod matching;
pub(crate) mod model;
pub(crate) mod quota;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod watched;

pub(crate) use run::{Run, State};
pub(crate) use watched::{Kind, Watched};
