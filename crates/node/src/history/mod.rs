//! What happened to the members, recorded by a task of its own: it reads the node's events as anybody
//! else would, and the protocol never waits for it, nor for the file behind it.

mod file;
mod line;
mod recorder;
mod timeline;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use headcount_health::history::{History, HistoryReport};
use tokio::task::spawn_blocking;

use crate::error::NodeError;
use file::HistoryFile;
use line::Observer;
use timeline::Timeline;

pub(crate) use recorder::Recorder;

/// A node's history, as its recorder and its readers share it. Neither holds it for longer than it takes
/// to add an event or to copy it.
#[derive(Clone, Debug)]
pub(crate) struct Kept(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    history: History,
    timeline: Timeline,
}

/// A history that is about to be recorded.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) kept: Kept,
    file: Option<HistoryFile>,
    /// What became of the observer since the file was written.
    since: Vec<(u64, Observer)>,
}

impl Kept {
    pub(crate) fn history(&self) -> History {
        self.with(|history, _| history.clone())
    }

    pub(crate) fn report(&self) -> HistoryReport {
        let (history, now) = self.with(|history, timeline| (history.clone(), timeline.now()));
        history.report(now)
    }

    fn with<T>(&self, with: impl FnOnce(&mut History, &mut Timeline) -> T) -> T {
        // Whoever panicked while holding it was reading, or between two whole steps.
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Inner { history, timeline } = &mut *inner;
        with(history, timeline)
    }
}

impl Opened {
    /// Reads the file, if there is to be one, and goes on where it ends. What happened since then was not
    /// observed.
    ///
    /// # Errors
    /// [`NodeError::Setting`]: the file cannot be opened, or belongs to others.
    pub(crate) async fn open(path: Option<PathBuf>, cluster: &str) -> Result<Opened, NodeError> {
        let cluster = cluster.to_owned();
        let (file, mut history) = match path {
            None => (None, History::default()),
            Some(path) => {
                let shown = path.display().to_string();
                let opened = spawn_blocking(move || HistoryFile::open(&path, &cluster)).await;
                let (file, history) = opened.map_err(|error| {
                    NodeError::setting("history_file", shown, format!("cannot be read: {error}"))
                })??;
                (Some(file), history)
            }
        };
        let last = history.latest_ms();
        let mut timeline = Timeline::start(last);
        let stopped = (last > 0).then_some((last, Observer::Stopped));
        let started = (timeline.now(), Observer::Started);
        let since: Vec<(u64, Observer)> = stopped.into_iter().chain([started]).collect();
        since.iter().for_each(|(at_ms, event)| event.apply(*at_ms, &mut history));
        let kept = Kept(Arc::new(Mutex::new(Inner { history, timeline })));
        Ok(Opened { kept, file, since })
    }
}
