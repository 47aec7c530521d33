//! Whom a fault strikes, and what of them.

use serde::{Deserialize, Serialize};

/// Whom a fault strikes: nodes by label, or so many running ones picked at random.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Labels: `n3`, or `n3-n7` for all five. A second process of the same name is `n3#2`.
    pub nodes: Vec<String>,
    /// How many more to pick at random.
    pub random: usize,
}

impl Targets {
    /// These nodes.
    pub fn nodes(labels: &[&str]) -> Targets {
        Targets { nodes: owned(labels), random: 0 }
    }

    /// So many running nodes, picked at random.
    pub fn random(count: usize) -> Targets {
        Targets { nodes: Vec::new(), random: count }
    }
}

pub(super) fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| (*label).to_owned()).collect()
}

/// Which way a fault of the network works, as seen from the nodes that suffer it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What they receive.
    In,
    /// What they send.
    Out,
    /// Both.
    #[default]
    Both,
}

/// What a packet filter looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Datagrams.
    Udp,
    /// Streams, as they are opened: those that are open go on.
    Tcp,
}

/// What the timers of a process that stands still do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FrozenTimers {
    /// They stand still too: the process is stopped, or gets no processor. It reads what waited
    /// before it looks at the time.
    #[default]
    Stopped,
    /// The process waits at its sockets, each of its loops at its next send, while deadlines of
    /// suspicions pass: the anomalies of the Lifeguard paper (section V.B) as memberlist, with a
    /// task for each loop, met them.
    Blocked,
    /// All timers run on, and what is sent goes out when the process is released: a process whose
    /// network stands still.
    Running,
}
