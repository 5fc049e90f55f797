//! A stream to write to that never holds up its writer.
//!
//! Kestra closes a pipe when it kills a task or rejects a line; `| head` does so too. `println!`
//! panics then. A [`Sink`] closes permanently instead and drops later lines, because nothing may
//! depend on being read.
//!
//! A pipe that is full and stays open, or a terminal after Ctrl-S, blocks a write for as long as nobody
//! reads. So a thread writes, and everybody else only queues. The end of the process does not wait for
//! that thread: the standard library flushes stdout only if its lock is free.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::{fmt, fs, thread};

use tokio::sync::watch;

use crate::secret::{TEXT_LIMIT, cut};

/// A stream to write lines to. Clones share it, and a text is written as a whole, so that lines of
/// several threads do not mix.
#[derive(Clone)]
pub struct Sink {
    stream: Arc<Stream>,
    queue: mpsc::Sender<(Arc<Stream>, String)>,
    /// How many texts are queued or being written.
    pending: watch::Sender<usize>,
}

struct Stream {
    writer: Mutex<Box<dyn Write + Send>>,
    failure: OnceLock<io::Error>,
}

impl Stream {
    fn write(&self, text: &str) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failure.get().is_some() {
            return;
        }
        let written = writer.write_all(text.as_bytes());
        if let Err(error) = written.and_then(|()| writer.flush()) {
            let _ = self.failure.set(error);
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

impl Sink {
    /// Creates a sink over this writer, which must not block: every text is written at once.
    #[must_use]
    pub fn new(writer: Box<dyn Write + Send>) -> Self {
        let (writer, failure) = (Mutex::new(writer), OnceLock::new());
        Self {
            stream: Arc::new(Stream { writer, failure }),
            // Without a receiver, `raw` writes by itself.
            queue: mpsc::channel().0,
            pending: watch::Sender::new(0),
        }
    }

    /// The same sink, whose texts a thread writes.
    #[must_use]
    pub fn queued(self) -> Self {
        let (queue, texts) = mpsc::channel::<(Arc<Stream>, String)>();
        let pending = self.pending.clone();
        // If there can be no thread, its half of the channel is gone and `raw` writes by itself.
        let _ = thread::Builder::new().spawn(move || {
            for (stream, text) in texts {
                stream.write(&text);
                pending.send_modify(|pending| *pending -= 1);
            }
        });
        Self { queue, ..self }
    }

    /// Stdout and stderr of this process. If both are the same file, for example a terminal, their
    /// texts keep their order.
    #[must_use]
    pub fn of_process() -> (Self, Self) {
        let file = |number: u8| fs::read_link(format!("/proc/self/fd/{number}")).ok();
        let stderr = Self::new(Box::new(io::stderr())).queued();
        let stdout = Self::new(Box::new(io::stdout()));
        let stream = stdout.stream.clone();
        let queued = match file(1) == file(2) {
            true => stderr.clone(),
            false => stdout.queued(),
        };
        (Self { stream, ..queued }, stderr)
    }

    /// Completes when everything is written.
    pub async fn written(&self) {
        // Only a sender that is gone is an error, and `self` is one.
        let _ = self.pending.subscribe().wait_for(|left| *left == 0).await;
    }

    /// How many texts are not written yet.
    #[must_use]
    pub fn backlog(&self) -> usize {
        *self.pending.borrow()
    }

    /// Writes plain text. No line of it can be mistaken for a Kestra frame.
    pub fn text(&self, text: &str) {
        let mut out = String::with_capacity(text.len() + 1);
        for line in text.lines() {
            out.push_str(&cut(&guarded(line), TEXT_LIMIT));
            out.push('\n');
        }
        self.raw(&out);
    }

    /// Writes one line unchanged: a frame or a line of JSON. It must not contain a line end.
    pub fn line(&self, line: &str) {
        self.raw(&format!("{line}\n"));
    }

    /// Writes text unchanged, without a line end.
    pub fn raw(&self, text: &str) {
        self.pending.send_modify(|pending| *pending += 1);
        let queued = self.queue.send((self.stream.clone(), text.to_owned()));
        if let Err(mpsc::SendError((stream, text))) = queued {
            stream.write(&text);
            self.pending.send_modify(|pending| *pending -= 1);
        }
    }

    /// Returns why a write has failed, if one has.
    #[must_use]
    pub fn failure(&self) -> Option<&io::Error> {
        self.stream.failure.get()
    }
}

/// Prefixes a space to a line that starts like a Kestra frame or log-level mark
/// (`##kestra:log:debug##`), so that Kestra treats it as plain text. Kestra's pattern is anchored, so
/// one space is enough. The end of the line is ignored, because `$` in Java also matches before a
/// line end.
fn guarded(line: &str) -> Cow<'_, str> {
    if line.starts_with("::") || line.starts_with("##kestra") {
        Cow::Owned(format!(" {line}"))
    } else {
        Cow::Borrowed(line)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

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
        assert!(sink.failure().is_none());
        sink.line("not read");
        assert!(sink.failure().is_some());
        sink.clone().text("nor this");
        // A closed sink writes no more.
        assert_eq!(writes.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_real_pipe_without_a_reader_closes_the_sink() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let sink = Sink::new(Box::new(writer));
        sink.line("unread");
        assert!(sink.failure().is_some());
    }

    #[test]
    fn no_line_of_text_can_pass_for_a_frame() {
        let (reader, writer) = io::pipe().unwrap();
        Sink::new(Box::new(writer)).text("one\n::{\"outputs\":{}}::\nthree");
        let read = io::read_to_string(reader).unwrap();
        assert_eq!(read, "one\n ::{\"outputs\":{}}::\nthree\n");
    }

    #[test]
    fn a_line_that_starts_like_a_frame_is_indented() {
        assert_eq!(guarded(r#"::{"outputs":{}}::"#), r#" ::{"outputs":{}}::"#);
        assert_eq!(guarded("::{\"a\":1}::\u{2028}"), " ::{\"a\":1}::\u{2028}");
        assert_eq!(guarded("##kestra:log:debug##"), " ##kestra:log:debug##");
        assert_eq!(guarded("plain ::{}::"), "plain ::{}::");
    }
}
