//! What the network does to datagrams and streams, beyond losing them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Direction;
use crate::duration;
use crate::network::Latency;
use crate::scenario::write::is_default;

/// What some nodes send or receive, datagrams and streams, takes longer.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// When.
    #[serde(with = "duration")]
    pub at: Duration,
    /// When it ends.
    #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
    pub until: Option<Duration>,
    /// What is added to the latency of the network.
    pub latency: Latency,
    /// Whose, by label; nobody named and none at random: everybody's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nodes: Vec<String>,
    /// And so many more at random.
    #[serde(default, skip_serializing_if = "is_default")]
    pub random: usize,
    /// Which way.
    #[serde(default, skip_serializing_if = "is_default")]
    pub direction: Direction,
}

/// A share of the datagrams is held back for a while, so that later ones overtake them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reorder {
    /// When.
    #[serde(with = "duration")]
    pub at: Duration,
    /// When it ends.
    #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
    pub until: Option<Duration>,
    /// Which share. 0 to 1.
    pub rate: f64,
    /// The longest that a datagram is held back; each for a time of its own up to that, evenly.
    #[serde(with = "duration")]
    pub by: Duration,
    /// Whose, by label; nobody named and none at random: everybody's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nodes: Vec<String>,
    /// And so many more at random.
    #[serde(default, skip_serializing_if = "is_default")]
    pub random: usize,
    /// Which way.
    #[serde(default, skip_serializing_if = "is_default")]
    pub direction: Direction,
}

/// Something is wrong with streams alone.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Streams {
    /// When.
    #[serde(with = "duration")]
    pub at: Duration,
    /// When it ends.
    #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
    pub until: Option<Duration>,
    /// What happens to them.
    pub how: StreamTrouble,
    /// Whose, by label; nobody named and none at random: everybody's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nodes: Vec<String>,
    /// And so many more at random.
    #[serde(default, skip_serializing_if = "is_default")]
    pub random: usize,
    /// Which way.
    #[serde(default, skip_serializing_if = "is_default")]
    pub direction: Direction,
}

/// What happens to streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamTrouble {
    /// They open, and then nothing moves on them until it ends.
    Stall,
    /// They open, and break at the first frame: both ends see a reset.
    Cut,
    /// They are refused, though the process runs and listens.
    Refuse,
}
