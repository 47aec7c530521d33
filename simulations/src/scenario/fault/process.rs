//! What is wrong with the machine that a process runs on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;
use crate::scenario::write::is_default;

/// Processes that handle everything late: what arrives and what falls due waits in a queue of the
/// process, and takes its time.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// When.
    #[serde(with = "duration")]
    pub at: Duration,
    /// When it ends: what waits then is handled at once.
    #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
    pub until: Option<Duration>,
    /// Which, by label.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nodes: Vec<String>,
    /// And so many more at random.
    #[serde(default, skip_serializing_if = "is_default")]
    pub random: usize,
    /// The processor time that each datagram, stream segment and timer takes. Default 1 us, up to
    /// 10 s.
    #[serde(default = "one_microsecond", with = "duration")]
    pub per_message: Duration,
    /// Timers fire late by up to this much, evenly, before they queue. Default 0.
    #[serde(default, with = "duration", skip_serializing_if = "is_default")]
    pub late_by: Duration,
    /// The share of the processor that the process gets: it runs in the first part of every
    /// 100 ms and stands still in the rest, as under a quota of the Linux scheduler. 0.001 to 1,
    /// default 1.
    #[serde(default = "everything")]
    pub cpu: f64,
    /// How many datagrams may wait; more are dropped, as by a full socket buffer. Default 256.
    #[serde(default = "buffer")]
    pub buffer: usize,
}

fn one_microsecond() -> Duration {
    Duration::from_micros(1)
}

fn everything() -> f64 {
    1.0
}

fn buffer() -> usize {
    256
}

impl Slow {
    /// These nodes need `per_message` for everything, from `at` to the end.
    pub fn new(at: Duration, nodes: &[&str], per_message: Duration) -> Slow {
        Slow {
            at,
            until: None,
            nodes: super::owned(nodes),
            random: 0,
            per_message,
            late_by: Duration::ZERO,
            cpu: everything(),
            buffer: buffer(),
        }
    }
}

/// Clocks that jump, or run fast or slow.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// When.
    #[serde(with = "duration")]
    pub at: Duration,
    /// When the drift ends. A jump stays.
    #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
    pub until: Option<Duration>,
    /// Which, by label.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nodes: Vec<String>,
    /// And so many more at random.
    #[serde(default, skip_serializing_if = "is_default")]
    pub random: usize,
    /// How far the wall clock jumps, in microseconds; in files a duration, as in `"-1h"`. It is
    /// seen in the generations of later lives, as nothing else looks at it. Default 0.
    #[serde(
        default,
        rename = "jump",
        with = "duration::signed",
        skip_serializing_if = "is_default"
    )]
    pub jump_us: i64,
    /// How much faster the monotonic clock of the processes runs: 0.01 is 1 % fast, -0.01 1 %
    /// slow. -0.5 to 1, default 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drift: f64,
}
