//! Output that nobody reads: a full pipe that stays open holds up neither a refresh, its events, its deadline
//! nor a signal.

use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::support::{Setup, dataflow, endless, flow, kill, verified, world, world_of};

/// A full pipe. It stays full until its reader reads.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    let (sender, written) = channel();
    std::thread::spawn(
        move || while filler.write(&[b'\n'; 512]).is_ok() && sender.send(()).is_ok() {},
    );
    let wait = Duration::from_millis(200);
    while written.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {}
    // The thread ends at its next write.
    (reader, writer)
}

/// A command, and whether stdout and stderr are full pipes, which stay open until it is dropped.
struct Unheard {
    child: Child,
    _pipes: [PipeReader; 2],
}

impl Unheard {
    fn start(mut command: Command, [stdout, stderr]: [bool; 2]) -> Self {
        let [(one, out), (two, err)] = [full_pipe(), full_pipe()];
        if stdout {
            command.stdout(out);
        }
        if stderr {
            command.stderr(err);
        }
        Self {
            child: command.spawn().unwrap(),
            _pipes: [one, two],
        }
    }

    /// The exit code; that of SIGTERM if the signal itself ended the process. Fails if nothing does.
    #[track_caller]
    fn exit_code(mut self) -> i32 {
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(143);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.child.kill().unwrap();
        panic!("the process did not end");
    }
}

/// Three targets, one after the other.
fn three(setup: Setup) -> Setup {
    let more = ["second", "third"].map(|name| {
        format!("  {name}:\n    kind: power-automate\n    url: ${{env:ORDER_LIST_FLOW_URL}}\n")
    });
    setup.appending(&more.concat())
}

fn count(setup: &Setup, kind: &str) -> usize {
    setup
        .event_kinds()
        .iter()
        .filter(|one| *one == kind)
        .count()
}

#[test]
fn a_refresh_whose_output_is_not_read_stores_every_event_and_ends_with_its_code() {
    std::thread::scope(|scope| {
        for (unread, output) in [
            ([true, false], "text -vvv"),
            ([false, true], "json -vvv"),
            ([true, true], "kestra"),
            ([true, true], "text --color always"),
        ] {
            scope.spawn(move || {
                let failing = world_of(dataflow().ends("Failed"), flow());
                let (platform, setup) = verified(&failing);
                let setup = three(setup);
                let line = format!("refresh --all --deadline 5s --output {output}");
                let process = Unheard::start(setup.command(&line), unread);
                assert_eq!(process.exit_code(), 10, "{unread:?} {output}");
                assert_eq!(count(&setup, "outcome"), 3, "{unread:?} {output}");
                assert_eq!(platform.triggers(), 3, "{unread:?} {output}");
            });
        }
    });
}

#[test]
fn a_signal_ends_a_command_whose_output_is_not_read() {
    std::thread::scope(|scope| {
        for (line, unread) in [
            ("refresh --all -vvv", [true, true]),
            ("refresh --all --output kestra", [true, false]),
            ("refresh --all --output json", [true, true]),
            ("list workspaces", [true, false]),
            ("check", [true, true]),
            ("audit list", [true, true]),
            ("schema", [true, false]),
        ] {
            scope.spawn(move || {
                let (platform, setup) = verified(&endless());
                let setup = three(setup);
                let process = Unheard::start(setup.command(line), unread);
                if line.starts_with("refresh") {
                    platform.wait_until("the trigger", |platform| platform.triggers() == 1);
                }
                std::thread::sleep(Duration::from_millis(1000));
                assert!(kill("TERM", process.child.id()));
                assert_eq!(process.exit_code(), 143, "{line}");
                let interrupted = usize::from(line.starts_with("refresh"));
                assert_eq!(count(&setup, "interrupted"), interrupted, "{line}");
            });
        }
    });
}

#[test]
fn results_wait_for_a_late_reader() {
    for output in ["text", "json", "kestra"] {
        let (_platform, setup) = verified(&world());
        let mut command = setup.command(&format!("refresh order_list --output {output}"));
        let (mut reader, writer) = full_pipe();
        let mut child = command.stdout(writer).spawn().unwrap();
        drop(command);
        while count(&setup, "outcome") == 0 {
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert!(read.trim().contains("completed"), "{read}");
        assert_eq!(child.wait().unwrap().code(), Some(0), "{output}");
    }
}
