//! Where lines leave the process, and the memory that nobody reads them any more.
//!
//! Kestra closes its end of a pipe when it kills a task or trips over a line; `| head` does it
//! every day. `println!` panics then. A sink instead closes for good: later lines go nowhere, and
//! whoever writes is not told, because nothing may depend on being read. It refuses nothing else.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};

use super::clean;

/// A place to write lines to. Clones share it, and a line leaves in one write, so that lines of
/// several threads do not mix.
#[derive(Clone)]
pub struct Sink {
    writer: Arc<Mutex<Option<Box<dyn Write + Send>>>>,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl Sink {
    /// A sink over this writer.
    #[must_use]
    pub fn new(writer: Box<dyn Write + Send>) -> Self {
        Self {
            writer: Arc::new(Mutex::new(Some(writer))),
        }
    }

    /// Writes plain text. Each of its lines is kept from looking like a Kestra frame.
    pub fn text(&self, text: &str) {
        let mut out = String::with_capacity(text.len() + 1);
        for line in text.lines() {
            out.push_str(&clean::guarded(line));
            out.push('\n');
        }
        self.raw(&out);
    }

    /// Writes one line as it is: a frame, or a line of JSON. It must not hold a line end.
    pub fn line(&self, line: &str) {
        self.raw(&format!("{line}\n"));
    }

    /// Writes text as it is, without a line end: what draws a status line.
    pub(super) fn raw(&self, text: &str) {
        let mut writer = self
            .writer
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(open) = writer.as_mut() else {
            return;
        };
        let written = open.write_all(text.as_bytes()).and_then(|()| open.flush());
        if written.is_err() {
            *writer = None;
        }
    }

    /// Whether a write has failed. It stays so.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        writer.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Hangup {
        left: usize,
        asked: Arc<AtomicUsize>,
    }

    impl Write for Hangup {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            match self.left.checked_sub(1) {
                Some(left) => {
                    self.left = left;
                    Ok(bytes.len())
                }
                None => Err(io::ErrorKind::BrokenPipe.into()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_closes_the_sink_for_good_and_panics_nowhere() {
        let asked = Arc::new(AtomicUsize::new(0));
        let sink = Sink::new(Box::new(Hangup {
            left: 1,
            asked: Arc::clone(&asked),
        }));
        sink.line("read");
        assert!(!sink.is_closed());
        sink.line("not read");
        assert!(sink.is_closed());
        sink.clone().text("nor this");
        assert_eq!(
            asked.load(Ordering::SeqCst),
            2,
            "a closed sink asks no more"
        );
    }

    #[test]
    fn a_real_pipe_without_a_reader_closes_the_sink() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let sink = Sink::new(Box::new(writer));
        sink.line("nobody");
        assert!(sink.is_closed());
    }

    #[test]
    fn no_line_of_a_text_can_pass_for_a_frame() {
        let (mut reader, writer) = io::pipe().unwrap();
        let sink = Sink::new(Box::new(writer));
        sink.text("one\n::{\"outputs\":{}}::\nthree");
        drop(sink);
        let mut read = String::new();
        io::Read::read_to_string(&mut reader, &mut read).unwrap();
        assert_eq!(read, "one\n ::{\"outputs\":{}}::\nthree\n");
    }
}
