//! The command line of the simulator: which world, which port, when to stop.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use serde_json::json;
use tokio::sync::oneshot;

use crate::error::SimulatorError;
use crate::scenario;
use crate::server::Simulator;
use crate::world::World;

/// Simulate Power Automate, Power BI, Fabric and Entra on a loopback address
///
/// Prints one line, {"listening":"http://127.0.0.1:PORT"}, and runs until it is stopped.
#[derive(Debug, Parser)]
#[command(name = "simulator")]
pub struct Options {
    /// Port to listen on; 0 for any free port
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// JSON file with a world
    #[arg(long, value_name = "FILE", conflicts_with = "scenario")]
    pub world: Option<PathBuf>,
    /// Name of a built-in world
    #[arg(long, value_name = "NAME", default_value = "demo",
          value_parser = PossibleValuesParser::new(scenario::ALL.map(|(name, _)| name)))]
    pub scenario: String,
    /// Serve https with a certificate of its own CA
    #[arg(long, requires = "ca_out")]
    pub tls: bool,
    /// Write the CA's certificate (PEM) to this file
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub ca_out: Option<PathBuf>,
    /// Stop when standard input is closed
    #[arg(long)]
    pub exit_with_stdin: bool,
}

/// Starts the simulator, prints its address, and runs until it is stopped.
///
/// # Errors
/// When the simulator cannot start or print its address.
pub async fn run(options: Options) -> Result<(), SimulatorError> {
    let world = match &options.world {
        Some(path) => World::from_file(path)?,
        None => scenario::named(&options.scenario).unwrap_or_default(),
    };
    let mut builder = Simulator::builder(world).port(options.port);
    if options.tls {
        builder = builder.tls();
    }
    let simulator = builder.start().await?;
    if let (Some(path), Some(pem)) = (options.ca_out, simulator.ca_pem()) {
        std::fs::write(&path, pem)
            .map_err(|source| SimulatorError::CaUnwritable { path, source })?;
    }
    announce(simulator.base_url()).map_err(SimulatorError::Announce)?;
    if options.exit_with_stdin {
        stdin_closed().await;
    } else {
        std::future::pending::<()>().await;
    }
    Ok(())
}

fn announce(base: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", json!({"listening": base}))?;
    stdout.flush()
}

/// Waits for the end of standard input in its own thread: a blocked read cannot be cancelled and
/// must not keep the runtime from stopping.
async fn stdin_closed() {
    let (closed, wait) = oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = [0_u8; 1024];
        while matches!(io::stdin().lock().read(&mut buffer), Ok(1..)) {}
        // The receiver is gone only when the process is ending anyway.
        let _ = closed.send(());
    });
    let _ = wait.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once("simulator").chain(arguments.iter().copied()))
    }

    #[test]
    fn without_options_the_demo_runs_on_any_port() {
        let options = parse(&[]).unwrap();
        assert_eq!((options.port, options.scenario.as_str()), (0, "demo"));
    }

    #[test]
    fn contradicting_options_are_refused() {
        assert!(parse(&["--world", "a.json", "--scenario", "demo"]).is_err());
        assert!(parse(&["--tls"]).is_err());
        assert!(parse(&["--ca-out", "ca.pem"]).is_err());
        assert!(parse(&["--scenario", "another"]).is_err());
        assert!(parse(&["--tls", "--ca-out", "ca.pem"]).is_ok());
    }

    #[tokio::test]
    async fn a_missing_world_is_an_error_with_its_path() {
        let options = parse(&["--world", "/nowhere/world.json"]).unwrap();
        let error = run(options).await.unwrap_err();
        assert_eq!(error.code(), "world_unreadable");
        assert!(error.to_string().contains("/nowhere/world.json"));
    }
}
