//! The live status line of a terminal: what each target is doing, and for how long.
//!
//! It is drawn over the same [`Sink`] as every other line of stderr, not over indicatif's own
//! terminal: that one panics when the terminal goes away while a line is being written above it.
//! It refuses to be more than decoration: whatever matters is also said as a line.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{
    MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike,
};

use super::sink::Sink;
use super::text::duration;
use crate::clock::SharedClock;

/// How often the spinner turns. Eight times a second looks alive and costs nothing.
const TURN: Duration = Duration::from_millis(125);

/// A spinner of characters that every terminal and font has. The last stands for "ended".
const SPINNER: &str = "|/-\\ ";

/// One status line per target that is going on.
pub struct Live {
    lines: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
    clock: SharedClock,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

impl Live {
    /// Draws to `terminal`, which is as wide as `width` says, in columns, when it is asked.
    #[must_use]
    pub fn new(terminal: Sink, width: fn() -> u16, clock: SharedClock) -> Self {
        let screen = Screen {
            terminal,
            width,
            pending: Mutex::new(String::new()),
        };
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen), 20);
        Self {
            lines: MultiProgress::with_draw_target(target),
            bars: Mutex::new(BTreeMap::new()),
            clock,
        }
    }

    /// Says what a target is doing. `text` must be one clean line.
    pub fn show(&self, target: &str, text: &str) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars
            .entry(target.to_owned())
            .or_insert_with(|| self.start(target));
        bar.set_message(text.to_owned());
    }

    fn start(&self, target: &str) -> ProgressBar {
        let clock = self.clock.clone();
        let since = clock.monotonic();
        let elapsed = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            let milliseconds = clock.monotonic().saturating_sub(since).as_millis();
            // A status line that cannot be written is not worth an error.
            let _ = out.write_str(&duration(u64::try_from(milliseconds).unwrap_or(u64::MAX)));
        };
        let style = ProgressStyle::with_template("{spinner} {prefix}  {so_far}  {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .tick_chars(SPINNER)
            .with_key("so_far", elapsed);
        let bar = ProgressBar::new_spinner()
            .with_style(style)
            .with_prefix(target.to_owned());
        let bar = self.lines.add(bar);
        bar.enable_steady_tick(TURN);
        bar
    }

    /// Takes a target's line away.
    pub fn done(&self, target: &str) {
        let bar = self
            .bars
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(target);
        if let Some(bar) = bar {
            bar.finish_and_clear();
            self.lines.remove(&bar);
        }
    }

    /// Takes every line away.
    pub fn clear(&self) {
        let bars = std::mem::take(&mut *self.bars.lock().unwrap_or_else(PoisonError::into_inner));
        for bar in bars.into_values() {
            bar.finish_and_clear();
            self.lines.remove(&bar);
        }
    }

    /// Runs `write` while no status line is on the screen.
    pub fn above(&self, write: impl FnOnce()) {
        self.lines.suspend(write);
    }
}

/// A terminal made of a [`Sink`]. Gathers a whole picture and writes it at once; never fails.
struct Screen {
    terminal: Sink,
    width: fn() -> u16,
    pending: Mutex<String>,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

impl Screen {
    fn gather(&self, text: &str) {
        self.pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(text);
    }

    /// Moves the cursor, by an ECMA-48 sequence. A count of 0 would mean 1.
    fn move_cursor(&self, count: usize, direction: char) {
        if count > 0 {
            self.gather(&format!("\u{1b}[{count}{direction}"));
        }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        (self.width)()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D');
        Ok(())
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.gather(s);
        self.gather("\n");
        Ok(())
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.gather(s);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.gather("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let picture =
            std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        if !picture.is_empty() {
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
        let drawn = paper.read();
        assert!(
            drawn.contains("order_list") && drawn.contains("waiting for the run"),
            "{drawn:?}"
        );
        live.done("order_list");
        assert!(paper.read().ends_with("\r\u{1b}[2K"), "{:?}", paper.read());
    }

    #[test]
    fn a_line_above_is_written_on_a_cleared_screen() {
        let paper = Paper::default();
        let live = live(paper.sink());
        live.show("a", "x");
        live.above(|| paper.sink().text("warning: said"));
        let read = paper.read();
        assert!(read.contains("\u{1b}[2Kwarning: said\n"), "{read:?}");
        live.clear();
    }

    #[test]
    fn a_terminal_that_goes_away_ends_the_drawing_and_nothing_else() {
        let sink = broken_pipe();
        let live = live(sink.clone());
        live.show("a", "x");
        live.above(|| sink.text("said"));
        live.done("a");
        live.clear();
        assert!(sink.is_closed());
    }
}
