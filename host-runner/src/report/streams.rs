//! The streams of the process: lines on stdout and stderr, and the live status line.
//!
//! Kestra closes a pipe when it kills a task or rejects a line; `| head` does so too. `println!`
//! panics then. A [`Sink`] closes permanently instead and drops later lines, because nothing may
//! depend on being read.
//!
//! The status line is drawn on the same sink as every other line of stderr, not on indicatif's own
//! terminal, which panics if the terminal goes away while a line is written above it. It is only
//! decoration: whatever it shows is also logged.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{
    MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike,
};

use super::clean;
use super::text::duration;
use crate::clock::SharedClock;

/// How often the spinner turns.
const TURN: Duration = Duration::from_millis(125);

/// ASCII characters, which every terminal and font has. The last one means "ended".
const SPINNER: &str = "|/-\\ ";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream to write lines to. Clones share it, and a line is written at once, so that lines of
/// several threads do not mix.
#[derive(Clone)]
pub struct Sink {
    writer: Arc<Mutex<io::Result<Box<dyn Write + Send>>>>,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl Sink {
    /// Creates a sink over this writer.
    #[must_use]
    pub fn new(writer: Box<dyn Write + Send>) -> Self {
        Self {
            writer: Arc::new(Mutex::new(Ok(writer))),
        }
    }

    /// Writes plain text. No line of it can be mistaken for a Kestra frame.
    pub fn text(&self, text: &str) {
        let mut out = String::with_capacity(text.len() + 1);
        for line in text.lines() {
            out.push_str(&clean::guarded(line));
            out.push('\n');
        }
        self.raw(&out);
    }

    /// Writes one line unchanged: a frame or a line of JSON. It must not contain a line end.
    pub fn line(&self, line: &str) {
        self.raw(&format!("{line}\n"));
    }

    /// Writes text unchanged, without a line end.
    fn raw(&self, text: &str) {
        let mut writer = lock(&self.writer);
        let Ok(open) = writer.as_mut() else {
            return;
        };
        let written = open.write_all(text.as_bytes()).and_then(|()| open.flush());
        if let Err(error) = written {
            *writer = Err(error);
        }
    }

    /// Returns whether a write has failed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.writer).is_err()
    }

    /// Returns why a write has failed, if one has.
    #[must_use]
    pub fn failure(&self) -> Option<io::Error> {
        let writer = lock(&self.writer);
        let error = writer.as_ref().err()?;
        Some(io::Error::new(error.kind(), error.to_string()))
    }
}

/// One status line per running target.
#[derive(Debug)]
pub struct Live {
    lines: MultiProgress,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
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
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen), 20);
        Self {
            lines: MultiProgress::with_draw_target(target),
            bars: Mutex::new(BTreeMap::new()),
            clock,
        }
    }

    /// Shows what a target is doing. `text` must be one clean line.
    pub fn show(&self, target: &str, text: &str) {
        lock(&self.bars)
            .entry(target.to_owned())
            .or_insert_with(|| self.start(target))
            .set_message(text.to_owned());
    }

    fn start(&self, target: &str) -> ProgressBar {
        let clock = self.clock.clone();
        let since = clock.monotonic();
        let elapsed = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&duration(clock.monotonic().saturating_sub(since)));
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

    /// Removes a target's line.
    pub fn done(&self, target: &str) {
        let bar = lock(&self.bars).remove(target);
        bar.iter().for_each(|bar| self.remove(bar));
    }

    /// Removes every line.
    pub fn clear(&self) {
        let bars = std::mem::take(&mut *lock(&self.bars));
        bars.values().for_each(|bar| self.remove(bar));
    }

    fn remove(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.lines.remove(bar);
    }

    /// Runs `write` while no status line is on the screen.
    pub fn above(&self, write: impl FnOnce()) {
        self.lines.suspend(write);
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
        if !picture.is_empty() {
            self.terminal.raw(&picture);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::clock::SystemClock;
    use crate::report::fixtures::{Paper, broken_pipe};

    struct Hangup {
        left: usize,
        writes: Arc<AtomicUsize>,
    }

    impl Write for Hangup {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes.fetch_add(1, Ordering::SeqCst);
            let left = self.left.checked_sub(1);
            self.left = left.ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_closes_the_sink_permanently_without_a_panic() {
        let writes = Arc::new(AtomicUsize::new(0));
        let sink = Sink::new(Box::new(Hangup {
            left: 1,
            writes: Arc::clone(&writes),
        }));
        sink.line("read");
        assert!(!sink.is_closed());
        sink.line("not read");
        assert!(sink.is_closed());
        sink.clone().text("nor this");
        // A closed sink writes no more.
        assert_eq!(writes.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_real_pipe_without_a_reader_closes_the_sink() {
        let sink = broken_pipe();
        sink.line("unread");
        assert!(sink.is_closed());
    }

    #[test]
    fn no_line_of_text_can_pass_for_a_frame() {
        let paper = Paper::default();
        paper.sink().text("one\n::{\"outputs\":{}}::\nthree");
        assert_eq!(paper.read(), "one\n ::{\"outputs\":{}}::\nthree\n");
    }

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
        live.done("order_list");
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
        live.done("a");
        live.clear();
        assert!(sink.is_closed());
    }
}
