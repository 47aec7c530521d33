//! What came of it.

use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// How the requests of one way went in one phase.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Tally {
    /// All of them.
    pub(crate) requests: u64,
    /// Those that failed with an error: refused, reset, not 200.
    pub(crate) errors: u64,
    /// Those that were not answered within a second.
    pub(crate) timeouts: u64,
    /// Those that were answered, but after more than 250 ms.
    pub(crate) slow: u64,
}

impl Tally {
    fn failed(&self) -> u64 {
        self.errors + self.timeouts
    }

    fn cell(&self) -> String {
        let Tally { errors, timeouts, slow, .. } = self;
        format!("{} ({errors} + {timeouts}), {slow} slow", self.failed())
    }
}

/// One phase, in each of the three ways.
#[derive(Debug, Serialize)]
pub(crate) struct Phase {
    pub(crate) phase: &'static str,
    /// tower's balancer over the serving members.
    pub(crate) headcount: Tally,
    /// A static list in turn.
    pub(crate) round_robin: Tally,
    /// tower's balancer over a static list, by its own load metric.
    pub(crate) static_p2c: Tally,
}

/// The whole story.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rate: u32,
    detection_time_s: f64,
    phases: Vec<Phase>,
    /// Whether fewer failed than with static round-robin, when a replica was killed, drained, paused.
    pub(crate) fewer_failed: bool,
}

impl Report {
    pub(crate) fn new(rate: u32, detection_time: Duration, phases: Vec<Phase>) -> Report {
        let fewer = |phase: &Phase| phase.headcount.failed() < phase.round_robin.failed();
        let fewer_failed = phases.iter().filter(|phase| phase.phase != "calm").all(fewer);
        Report { rate, detection_time_s: detection_time.as_secs_f64(), phases, fewer_failed }
    }

    pub(crate) fn print(&self, json: bool) -> io::Result<()> {
        if json {
            return say(&serde_json::to_string_pretty(self)?);
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["phase", "requests", "headcount", "static round-robin", "static p2c"]);
        for Phase { phase, headcount, round_robin, static_p2c } in &self.phases {
            let requests = headcount.requests.to_string();
            let ways = [headcount, round_robin, static_p2c].map(Tally::cell);
            table.add_row([*phase, &requests, &ways[0], &ways[1], &ways[2]]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        say(&format!(
            "failed (errors + timeouts), and slow, of the requests of each way\n{}",
            table.trim_fmt()
        ))?;
        say(match self.fewer_failed {
            true => "fewer failed than with static round-robin in each phase",
            false => "NOT fewer failed than with static round-robin in each phase",
        })
    }
}

/// Writes a line to the standard output, now.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes a line to the standard error; that nobody reads it is no reason to stop.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
