//! `host-runner`: a thin binary over the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(host_runner::cli::main())
}
