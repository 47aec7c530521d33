use headcount_health::history::History;
use tokio::task::{JoinHandle, spawn_blocking};

use super::Kept;
use super::file::HistoryFile;

/// So many bytes of lines wait at most while the disk is busy. Beyond that they are dropped, and the file
/// is written anew from what is in memory, which is more than they say.
const WAITING_MAX: usize = 1 << 20;

/// Hands lines to the disk, one batch at a time, on threads that may block.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` while a batch is being written, or when a write has panicked.
    idle: Option<HistoryFile>,
    writing: Option<JoinHandle<(HistoryFile, std::io::Result<()>)>>,
    waiting: String,
    sync: bool,
    /// The file lacks something: it is to be written anew.
    anew: bool,
    /// The last write failed; the next attempt waits to be asked for.
    failed: bool,
}

impl Writer {
    pub(super) fn new(file: HistoryFile) -> Writer {
        Writer {
            idle: Some(file),
            writing: None,
            waiting: String::new(),
            sync: false,
            anew: false,
            failed: false,
        }
    }

    /// Appends a line soon.
    pub(super) fn line(&mut self, line: &str) {
        if self.waiting.len() + line.len() > WAITING_MAX {
            self.waiting.clear();
            self.anew = true;
        }
        // What is written anew holds this line too.
        if !self.anew {
            self.waiting.push_str(line);
        }
    }

    /// What was written so far is to survive a power cut; and what could not be written is tried again.
    pub(super) fn sync(&mut self) {
        self.sync = true;
        self.failed = false;
    }

    /// Begins to write what waits, unless a batch is being written.
    pub(super) fn begin(&mut self, kept: &Kept) {
        let nothing = self.waiting.is_empty() && !self.anew && !self.sync;
        if self.failed || nothing {
            return;
        }
        let Some(mut file) = self.idle.take() else { return };
        let lines = std::mem::take(&mut self.waiting);
        let sync = std::mem::take(&mut self.sync);
        let anew = std::mem::take(&mut self.anew) || file.is_large();
        let history: Option<History> = anew.then(|| kept.history());
        self.writing = Some(spawn_blocking(move || {
            let written = match history {
                Some(history) => file.rewrite(&history),
                None => file.append(&lines, sync),
            };
            (file, written)
        }));
    }

    /// Waits until a batch is written, if one is being written; for ever otherwise. Cancel safe.
    pub(super) async fn written(&mut self) {
        let Some(writing) = self.writing.as_mut() else { return std::future::pending().await };
        let ended = writing.await;
        self.writing = None;
        match ended {
            Ok((file, Ok(()))) => self.idle = Some(file),
            Ok((file, Err(error))) => {
                tracing::warn!(
                    %error,
                    "history file cannot be written; the history goes on in memory, and is written once that works"
                );
                self.idle = Some(file);
                (self.anew, self.failed) = (true, true);
            }
            // The runtime ends, or the write panicked: the file is gone from here.
            Err(error) => tracing::warn!(%error, "history file is not written any more"),
        }
    }

    /// Writes all that is left, to the disk.
    pub(super) async fn finish(mut self, kept: &Kept) {
        self.sync();
        while self.writing.is_some() {
            self.written().await;
        }
        self.sync();
        self.begin(kept);
        if self.writing.is_some() {
            self.written().await;
        }
    }
}
