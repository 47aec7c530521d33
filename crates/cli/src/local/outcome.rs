//! What came of the show.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use crate::view::View;

/// The document of `headcount local --json`. What belongs to a step that was not chosen, or did
/// not come to pass, is null.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Outcome {
    /// How many nodes started.
    pub(crate) nodes: usize,
    /// The protocol period, in milliseconds.
    pub(crate) period_ms: u64,
    /// How members were watched.
    pub(crate) detector: &'static str,
    /// Whether all nodes found each other, every step after that was seen by all, and at the end
    /// all views were equal.
    pub(crate) converged: bool,
    /// From the first start until all views were equal.
    pub(crate) converged_ms: Option<u64>,
    /// Who died without a word.
    pub(crate) killed: Option<String>,
    /// From its death until somebody suspected it.
    pub(crate) first_suspect_ms: Option<u64>,
    /// Until somebody saw it as failed.
    pub(crate) first_failed_ms: Option<u64>,
    /// Until all others did.
    pub(crate) all_failed_ms: Option<u64>,
    /// From its new start until all views were equal and held it.
    pub(crate) returned_ms: Option<u64>,
    /// Who said goodbye.
    pub(crate) left: Option<String>,
    /// How many peers acknowledged it.
    pub(crate) left_acknowledged: Option<usize>,
    /// From its goodbye until all others saw it as left.
    pub(crate) all_left_ms: Option<u64>,
    /// How often a node saw a member fail that had not been killed. Anything but 0 is a fault.
    pub(crate) false_failures: usize,
    /// What every running node sees at the end.
    pub(crate) views: Vec<View>,
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Outcome {
    /// The outcome in a few lines.
    pub(crate) fn summary(&self) -> String {
        let mut text = "summary\n".to_owned();
        let seconds = |ms: Option<u64>| match ms {
            Some(ms) => format!("{}.{:03} s", ms / 1_000, ms % 1_000),
            None => "never".to_owned(),
        };
        let mut tell = |what: &str, outcome: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {what:<16}{outcome}");
        };
        tell("converged", format!("{} after the start", seconds(self.converged_ms)));
        if let Some(name) = &self.killed {
            let first = seconds(self.first_suspect_ms);
            let failed = seconds(self.first_failed_ms);
            let all = seconds(self.all_failed_ms);
            tell(
                "killed",
                format!(
                    "{name}: suspect after {first}, failed after {failed}, seen by all after {all}"
                ),
            );
        }
        if let Some(ms) = self.returned_ms {
            tell("returned", format!("in all views {} after its restart", seconds(Some(ms))));
        }
        if let Some(name) = &self.left {
            let all = seconds(self.all_left_ms);
            let acks = self.left_acknowledged.unwrap_or(0);
            tell("left", format!("{name}: {acks} peers acknowledged, seen by all after {all}"));
        }
        tell("false failures", self.false_failures.to_string());
        let equal = self.views.windows(2).all(|pair| pair[0].view_id == pair[1].view_id);
        match self.views.first() {
            Some(view) if equal => {
                let View { view_id, live, .. } = view;
                tell("views", format!("all {} are {view_id}, {live} live", self.views.len()));
            }
            _ => tell("views", format!("the {} views differ", self.views.len())),
        }
        text
    }
}
