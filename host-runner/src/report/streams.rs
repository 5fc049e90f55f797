//! The live status line.
//!
//! It is drawn on the same sink as every other line of stderr, not on indicatif's own terminal, which
//! panics if the terminal goes away while a line is written above it. It is only decoration: whatever
//! it shows is also logged.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use super::text::duration;
use crate::clock::SharedClock;
use crate::sink::Sink;

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(125);

/// How many texts may be queued before a new picture is dropped.
const PICTURES: usize = 16;

/// ASCII characters, which every terminal and font has. The last one means "ended".
const SPINNER: &str = "|/-\\ ";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The status line of the target that is being worked on.
#[derive(Debug)]
pub struct Live {
    bar: ProgressBar,
    /// That target, and since when.
    target: Arc<Mutex<(String, Duration)>>,
    clock: SharedClock,
}

impl Live {
    /// Draws on `terminal`, which has `width()` columns.
    #[must_use]
    pub fn new(terminal: Sink, width: fn() -> u16, clock: SharedClock) -> Self {
        let screen = Screen {
            terminal,
            width,
            pending: Mutex::new(String::new()),
        };
        let target = Arc::new(Mutex::new((String::new(), Duration::ZERO)));
        let (now, started) = (clock.clone(), target.clone());
        let elapsed = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            let since = lock(&started).1;
            let _ = out.write_str(&duration(now.monotonic().saturating_sub(since)));
        };
        let style = ProgressStyle::with_template("{spinner} {prefix}  {so_far}  {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .tick_chars(SPINNER)
            .with_key("so_far", elapsed);
        let terminal = ProgressDrawTarget::term_like_with_hz(Box::new(screen), 20);
        let bar = ProgressBar::with_draw_target(None, terminal).with_style(style);
        Self { bar, target, clock }
    }

    /// Shows what a target is doing. `text` must be one clean line.
    pub fn show(&self, target: &str, text: &str) {
        let known = lock(&self.target).0 == target;
        if !known {
            *lock(&self.target) = (target.to_owned(), self.clock.monotonic());
            self.bar.reset();
            self.bar.set_prefix(target.to_owned());
            self.bar.enable_steady_tick(TURN);
        }
        self.bar.set_message(text.to_owned());
    }

    /// Removes the line.
    pub fn clear(&self) {
        lock(&self.target).0.clear();
        self.bar.finish_and_clear();
    }

    /// Runs `write` while no status line is on the screen.
    pub fn above(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }
}

/// A terminal over a [`Sink`]. Collects a whole picture and writes it at once; never fails.
#[derive(Debug)]
struct Screen {
    terminal: Sink,
    width: fn() -> u16,
    pending: Mutex<String>,
}

impl Screen {
    fn add(&self, text: &str) -> io::Result<()> {
        lock(&self.pending).push_str(text);
        Ok(())
    }

    /// Moves the cursor by an ECMA-48 sequence. A count of 0 would mean 1.
    fn move_cursor(&self, count: usize, direction: char) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        self.add(&format!("\u{1b}[{count}{direction}"))
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        (self.width)()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.add(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.add(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        let picture = std::mem::take(&mut *lock(&self.pending));
        if !picture.is_empty() && self.terminal.backlog() < PICTURES {
            self.terminal.raw(&picture);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::report::fixtures::{Paper, broken_pipe};

    fn live(sink: Sink) -> Live {
        Live::new(sink, || 60, SystemClock::shared())
    }

    #[test]
    fn a_target_has_a_line_until_it_is_done() {
        let paper = Paper::default();
        let live = live(paper.sink());
        live.show("order_list", "waiting for the run");
        for text in ["order_list", "waiting for the run"] {
            assert!(paper.read().contains(text), "{:?}", paper.read());
        }
        live.clear();
        assert!(paper.read().ends_with("\r\u{1b}[2K"), "{:?}", paper.read());
    }

    #[test]
    fn a_line_above_is_written_on_a_cleared_screen() {
        let paper = Paper::default();
        let live = live(paper.sink());
        live.show("a", "x");
        live.above(|| paper.sink().text("warning: text"));
        let read = paper.read();
        assert!(read.contains("\u{1b}[2Kwarning: text\n"), "{read:?}");
        live.clear();
    }

    #[test]
    fn a_terminal_that_goes_away_ends_only_the_drawing() {
        let sink = broken_pipe();
        let live = live(sink.clone());
        live.show("a", "x");
        live.above(|| sink.text("text"));
        live.clear();
        assert!(sink.failure().is_some());
    }
}
