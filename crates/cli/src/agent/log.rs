//! The log, written by a thread of its own: whoever reads the standard error may stall, and the
//! protocol goes on.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::failure::Failure;

/// So many lines wait to be written; more are dropped and counted.
const LINES_MAX: usize = 1_024;

/// Whoever reads the log gets so long for the last lines.
const FLUSH_DEADLINE: Duration = Duration::from_secs(1);

enum Entry {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// The way into the log. Writing to it never waits.
#[derive(Clone)]
pub(crate) struct Log {
    entries: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    /// Logs to the standard error, what `RUST_LOG` says: by default `info` and more serious.
    ///
    /// # Errors
    /// A filter that cannot be read, no thread to be had, a second log.
    pub(crate) fn start() -> Result<Log, Failure> {
        let filter = match std::env::var("RUST_LOG") {
            Ok(filter) if !filter.is_empty() => EnvFilter::try_new(&filter).map_err(|error| {
                Failure::input(
                    format!("RUST_LOG: {filter:?}"),
                    format!("{error}; use for example info"),
                )
            })?,
            _ => EnvFilter::new("info"),
        };
        let (log, entries) = Log::new(LINES_MAX);
        let dropped = log.dropped.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&entries, &dropped, io::stderr()))
            .map_err(|error| Failure::input("log", error))?;
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(log.clone())
            .with_ansi(io::stderr().is_terminal())
            .try_init()
            .map_err(|error| Failure::input("log", error))?;
        Ok(log)
    }

    fn new(lines_max: usize) -> (Log, Receiver<Entry>) {
        let (entries, receiver) = sync_channel(lines_max);
        (Log { entries, dropped: Arc::default() }, receiver)
    }

    /// Waits, though not for long, until what was logged is written; whether it is.
    pub(crate) fn flush(&self) -> bool {
        let (written, done) = sync_channel(1);
        self.entries.try_send(Entry::Flush(written)).is_ok()
            && done.recv_timeout(FLUSH_DEADLINE).is_ok()
    }
}

/// One call is one line: the formatter hands over whole lines.
impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.entries.try_send(Entry::Line(line.to_vec())) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Log;

    fn make_writer(&'a self) -> &'a Log {
        self
    }
}

/// Writes whatever comes. That nobody reads it is no reason to stop.
fn write_all(entries: &Receiver<Entry>, dropped: &AtomicU64, mut out: impl Write) {
    for entry in entries {
        match entry {
            Entry::Line(line) => drop(out.write_all(&line)),
            // Whoever waited for it may have given up.
            Entry::Flush(written) => drop(written.try_send(())),
        }
        if let lines @ 1.. = dropped.swap(0, Ordering::Relaxed) {
            let _ =
                writeln!(out, "{lines} log lines dropped: they came faster than they were read");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_bound_are_dropped_and_counted() {
        let (log, entries) = Log::new(2);
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            (&log).write_all(line.as_bytes()).expect("never waits");
        }
        let dropped = log.dropped.clone();
        drop(log);
        let mut out = Vec::new();
        write_all(&entries, &dropped, &mut out);
        let text = String::from_utf8(out).expect("text");
        assert!(text.starts_with("one\n2 log lines dropped"), "{text}");
        assert!(text.ends_with("two\n"), "{text}");
    }
}
