//! The simulator as a process; everything is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use simulator::cli::{self, Options};

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulator: {error} [{}]", error.code());
            ExitCode::FAILURE
        }
    }
}
