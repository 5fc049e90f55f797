//! The three ways to trigger the flow, each as a process.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::place::{Place, SCRIPT, TRACKING_ID, URL};
use super::tools::Tools;
use crate::cargo;

/// Everything that is measured, ready to run.
pub(crate) struct Stage {
    /// `host-runner refresh`, reporting in JSON.
    pub(crate) runner: Command,
    /// curl, posting the same bytes.
    pub(crate) curl: Command,
    /// A Python script that posts the same bytes and stores the same three events.
    pub(crate) script: Command,
    // Ends with the stage.
    _place: Place,
}

impl Stage {
    /// Starts the simulator and prepares the commands.
    ///
    /// # Errors
    /// Where something cannot be started or written.
    pub(crate) fn set(programs: &Path, tools: &Tools) -> Result<Self> {
        let place = Place::set(programs)?;

        let mut runner = place.quiet(&place.runner);
        runner
            .env(URL, &place.url)
            .args(["refresh", "order_list", "--output", "json"]);

        let mut curl = place.quiet(&tools.curl);
        curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"])
            .args(["-H", "Content-Type: application/json"])
            .args(["-H", &format!("x-ms-client-tracking-id: {TRACKING_ID}")])
            .args(["--data-binary", "@body.json", &place.url]);

        let mut script = place.quiet(&tools.python);
        script
            .arg(cargo::root().join(SCRIPT))
            .args(["body.json", TRACKING_ID, "script.db"])
            .env(URL, &place.url);
        if let Some(home) = std::env::var_os("HOME") {
            // requests may lie in the user's own packages.
            script.env("HOME", home);
        }
        Ok(Self {
            runner,
            curl,
            script,
            _place: place,
        })
    }
}
