//! `cargo xtask demo`: the whole point in three refreshes, without an account.
//!
//! Everything that is shown is the real output of the real program, talking HTTP to the simulator.
//! The demo refuses to end well where the program does not say what the story says.

mod stage;
mod story;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cargo::{self, Profile};
use crate::interrupt::Interrupt;
use stage::Stage;
use story::{ACTS, Act};

/// Builds, shows, checks, cleans up.
///
/// # Errors
/// Where something cannot be built or started, or did not go as the story says.
pub(crate) fn run() -> Result<ExitCode> {
    eprintln!(
        "xtask: building host-runner and the simulator; the first build takes some minutes, later ones seconds"
    );
    let programs = cargo::build(Profile::Dev, &[])?;
    let interrupt = Interrupt::listen()?;
    let out = &mut std::io::stdout();
    let colors = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let stage = Stage::set(&programs, colors)?;
    let heading = |text: &str| {
        if colors {
            format!("\x1b[1m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    };
    for act in &ACTS {
        writeln!(out, "{}\n", heading(act.heading))?;
        show(&stage, act, &interrupt, out)?;
    }
    writeln!(out, "{}\n", heading(story::RECORD))?;
    show_record(&stage, out)?;
    interrupt.check()?;
    // The last words say that it is gone.
    drop(stage);
    writeln!(out, "{}", story::SHOWN)?;
    Ok(ExitCode::SUCCESS)
}

/// One refresh: the command as a user would type it, what it says, and its exit code.
fn show(stage: &Stage, act: &Act, interrupt: &Interrupt, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "$ host-runner refresh {}", act.target)?;
    let shown = stage.run(&["refresh", act.target], |_| true, out)?;
    interrupt.check()?;
    match shown.code {
        Some(code) => writeln!(out, "$ echo $?\n{code}\n")?,
        None => bail!("a signal ended the refresh of {}", act.target),
    }
    if let Some(difference) = act.difference(&shown) {
        bail!("the demo did not go as it should: {difference}");
    }
    Ok(())
}

/// The runs, and the events of the one that is worth looking into.
fn show_record(stage: &Stage, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "$ host-runner audit list")?;
    let list = stage.run(&["audit", "list"], |_| true, out)?;
    if list.code != Some(0) {
        bail!("the audit log could not be listed");
    }
    let run = story::run_of(&list.text, "order_list_swallowed")
        .context("the audit log lacks the refresh whose refusal was swallowed")?;
    writeln!(out, "\n$ host-runner audit show {run} | grep '#'")?;
    let events = stage.run(&["audit", "show", run], |line| line.contains('#'), out)?;
    if events.code != Some(0) {
        bail!("the events of run {run} could not be shown");
    }
    writeln!(out)?;
    Ok(())
}
