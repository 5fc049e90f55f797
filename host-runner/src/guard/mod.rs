//! The guards that need a clock or a calendar, and nothing of the service.
//!
//! Plain decisions over points in time that the caller gives: may a refresh be sent now, and if not,
//! when? What needs the service's word (who is running, what is left of a quota) the component
//! judges.

mod interval;
mod window;
#[cfg(test)]
mod window_tests;

pub use interval::too_early;
pub use window::{Clock, Day, Window, is_open, next_opening};
