//! Nodes that come and go.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;
use crate::scenario::write::is_default;

/// Every `interval` a node joins, leaves, crashes or starts again, by the weights given. A leave
/// or crash that would take down more nodes than may be starts one of them again instead; so does
/// a restart, which strikes a running node if none is down. Those that are down at the end stay so.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// When the first of them comes.
    #[serde(with = "duration")]
    pub at: Duration,
    /// When the last may come.
    #[serde(with = "duration")]
    pub until: Duration,
    /// How long after each other they come.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// How often a new node joins, in relation to the others. Default 1.
    #[serde(default = "one")]
    pub join: u32,
    /// How often a node leaves. Default 1.
    #[serde(default = "one")]
    pub leave: u32,
    /// How often a node crashes. Default 1.
    #[serde(default = "one")]
    pub crash: u32,
    /// How often a node starts again. Default 1.
    #[serde(default = "one")]
    pub restart: u32,
    /// How many nodes it may keep down at once. Default 1.
    #[serde(default = "one_node")]
    pub most_down: usize,
    /// Who may leave, crash and start again, by label; nobody named: everybody.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nodes: Vec<String>,
}

fn one() -> u32 {
    1
}

fn one_node() -> usize {
    1
}

impl Churn {
    /// Joins, leaves, crashes and restarts in equal shares, with one node down at a time.
    pub fn new(at: Duration, until: Duration, interval: Duration) -> Churn {
        let (join, leave, crash, restart) = (1, 1, 1, 1);
        let (most_down, nodes) = (1, Vec::new());
        Churn { at, until, interval, join, leave, crash, restart, most_down, nodes }
    }

    /// The most nodes that it may strike, one after another.
    pub(crate) fn most_steps(&self) -> usize {
        let steps =
            self.until.saturating_sub(self.at).as_micros() / self.interval.as_micros().max(1);
        usize::try_from(steps).unwrap_or(usize::MAX).saturating_add(1)
    }
}
