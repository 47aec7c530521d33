//! How far many runs are, on the standard error: a bar on a terminal, now and then a line elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How often a bar is drawn, in a second at most.
const DRAWS_PER_SECOND: u8 = 5;

/// How far many runs are.
pub(super) struct Progress {
    all: usize,
    done: usize,
    bad: usize,
    told: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(all: usize) -> Progress {
        let bar = io::stderr().is_terminal().then(|| bar(all));
        Progress { all, done: 0, bad: 0, told: Instant::now(), bar }
    }

    /// One more run ended.
    pub(super) fn step(&mut self, good: bool) {
        self.done += 1;
        self.bad += usize::from(!good);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} failed", self.bad));
            bar.inc(1);
        } else if self.told.elapsed() > LINE_EVERY {
            self.told = Instant::now();
            output::note(&format!("{} of {} runs, {} failed", self.done, self.all, self.bad));
        }
    }

    /// All runs ended: what is left of the bar goes.
    pub(super) fn end(self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

fn bar(all: usize) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
    let bar = ProgressBar::with_draw_target(Some(all as u64), target);
    let template = "{bar:30} {pos}/{len} runs, {msg}, {elapsed} so far, {eta} to go";
    bar.set_message("0 failed");
    // A template that cannot be read leaves the bar as it is by default.
    ProgressStyle::with_template(template).map_or(bar.clone(), |style| bar.with_style(style))
}
