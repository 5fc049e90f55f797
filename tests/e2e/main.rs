//! The product as users meet it: the real binary against the simulated services, as processes.

mod support;

mod bad_input;
mod faults;
mod flow_response;
mod identity;
mod kestra_flow;
mod kill;
mod limits;
mod sandbox;
mod secrets;
mod signals;
mod verdicts;
