//! The engines: one of each line for the whole test run.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use kestra_engine::{Engine, Line};

use crate::support::host_runner;

/// The engine of this line. The first who asks waits for it to start, or learns why it does not.
pub fn engine(line: Line) -> &'static Engine {
    static V1: OnceLock<Engine> = OnceLock::new();
    static V2: OnceLock<Engine> = OnceLock::new();
    // One at a time: Maven's cache is not made for two.
    static STARTING: Mutex<()> = Mutex::new(());
    let place = match line {
        Line::V1 => &V1,
        Line::V2 => &V2,
    };
    place.get_or_init(|| {
        let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        Engine::start(line, &target_folder(), &environment())
            .unwrap_or_else(|error| panic!("{error}"))
    })
}

/// Cargo's folder: tests lie in target/PROFILE/deps.
fn target_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test program has a path");
    test.ancestors()
        .nth(3)
        .expect("tests lie in target/PROFILE/deps")
        .to_owned()
}

/// What every task finds in its environment, before its own `env:`: what a worker of Kestra has.
/// Nothing of this process's own comes along.
fn environment() -> Vec<(OsString, OsString)> {
    let runner = host_runner();
    let folder = runner.parent().expect("a program lies in a folder");
    let mut path = vec![folder.to_owned()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let path = std::env::join_paths(path).expect("a PATH");
    vec![
        ("PATH".into(), path),
        ("LANG".into(), "C.UTF-8".into()),
        ("USER".into(), "kestra".into()),
    ]
}
