//! What can go wrong.

mod churn;
mod intent;
mod link;
mod process;
mod targets;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;
use crate::scenario::write::is_default;

pub use churn::Churn;
pub use intent::{SetSeeds, Update};
pub use link::{Latencies, Reorder, StreamTrouble, Streams};
pub use process::{Clock, Slow};
use targets::owned;
pub use targets::{Direction, FrozenTimers, Protocol, Targets};

/// One thing that goes wrong (or right again) at a moment of the scenario, counted from its start.
/// A fault with an `until` ends then; without one it stays to the end.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Processes die without a word.
    Crash {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// Which, by label.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// The whole host is gone: a connection attempt times out instead of being refused.
        #[serde(default, skip_serializing_if = "is_default")]
        silent: bool,
    },
    /// Processes start again, with nothing remembered; those still running die first.
    Restart {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// Which, by label.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random, of all.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// At an address never used before.
        #[serde(default, skip_serializing_if = "is_default")]
        new_address: bool,
        /// Each where the next one of them was, and the last one where the first was: all die first.
        #[serde(default, skip_serializing_if = "is_default")]
        swap: bool,
        /// What starts belongs to the cluster of this name, and calls itself by that and its label:
        /// so does what starts there later.
        #[serde(default, skip_serializing_if = "is_default")]
        cluster: Option<String>,
        /// How far the host's clock is behind from now on.
        #[serde(default, with = "duration", skip_serializing_if = "is_default")]
        clock_behind: Duration,
        /// The host kept the addresses of the live members that it knew: they are seeds besides
        /// the configured ones.
        #[serde(default, skip_serializing_if = "is_default")]
        memory: bool,
        /// One after another, this long apart. Default 0: all die first, then all start.
        #[serde(default, with = "duration", skip_serializing_if = "is_default")]
        interval: Duration,
    },
    /// Processes say goodbye and stop once enough peers know.
    Leave {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// Which, by label.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// How long they wait for the acknowledgements.
        #[serde(with = "duration", default = "leave_deadline")]
        deadline: Duration,
    },
    /// More nodes start, and join through the seeds.
    Join {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// How many.
        count: usize,
    },
    /// Another process starts under the name of each of these nodes, on another host.
    Namesake {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// Whose names.
        nodes: Vec<String>,
    },
    /// The network falls apart into sides. One more side is everybody who is in none of them.
    Partition {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// When it heals.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        until: Option<Duration>,
        /// The sides, by label.
        #[serde(default, skip_serializing_if = "is_default")]
        sides: Vec<Vec<String>>,
        /// So many running nodes, picked at random, are one more side.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// It comes and goes: cut for so long each time, until `until` at the latest.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        cut: Option<Duration>,
        /// How long the network is one in between.
        #[serde(default, with = "duration", skip_serializing_if = "is_default")]
        open: Duration,
    },
    /// One direction is cut: what `from` sends to `to` is dropped. Either may be left out and then
    /// means everybody.
    Cut {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// When it heals.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        until: Option<Duration>,
        /// The senders, by label.
        #[serde(default, skip_serializing_if = "is_default")]
        from: Option<Vec<String>>,
        /// The receivers, by label.
        #[serde(default, skip_serializing_if = "is_default")]
        to: Option<Vec<String>>,
    },
    /// Datagrams are lost, on top of the network's own loss.
    Loss {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// When it ends.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        until: Option<Duration>,
        /// Which share. 0 to 1.
        rate: f64,
        /// Who suffers it, by label; nobody named and none at random: everybody.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// Which way.
        #[serde(default, skip_serializing_if = "is_default")]
        direction: Direction,
    },
    /// Datagrams are lost in bursts, by the model of Gilbert and Elliott: a node's link is good or bad
    /// and may change with every datagram that passes it.
    Gilbert {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// When it ends.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        until: Option<Duration>,
        /// How likely a good link turns bad, at each datagram. 0 to 1.
        enter: f64,
        /// How likely a bad link turns good, at each datagram. 0 to 1.
        leave: f64,
        /// The share that a good link loses. 0 to 1, default 0.
        #[serde(default, skip_serializing_if = "is_default")]
        loss_good: f64,
        /// The share that a bad link loses. 0 to 1, default 1.
        #[serde(default = "everything")]
        loss_bad: f64,
        /// Who suffers it, by label; nobody named and none at random: everybody.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// Which way.
        #[serde(default, skip_serializing_if = "is_default")]
        direction: Direction,
    },
    /// Datagrams arrive twice, the copy later.
    Duplicate {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// When it ends.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        until: Option<Duration>,
        /// Which share. 0 to 1.
        rate: f64,
        /// Who suffers it, by label; nobody named and none at random: everybody.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// Which way.
        #[serde(default, skip_serializing_if = "is_default")]
        direction: Direction,
    },
    /// Datagrams arrive with one bit flipped, at random.
    Corrupt {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// When it ends.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        until: Option<Duration>,
        /// Which share. 0 to 1.
        rate: f64,
        /// Who suffers it, by label; nobody named and none at random: everybody.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// Which way.
        #[serde(default, skip_serializing_if = "is_default")]
        direction: Direction,
    },
    /// Datagrams that make a larger packet are dropped.
    Mtu {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// When it ends.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        until: Option<Duration>,
        /// The most bytes of a packet, with the 28 of its IPv4 and UDP headers. 28 to 65,535.
        bytes: usize,
        /// Who suffers it, by label; nobody named and none at random: everybody.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// Which way.
        #[serde(default, skip_serializing_if = "is_default")]
        direction: Direction,
    },
    /// A packet filter lets one protocol through no more.
    Block {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// When it ends.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        until: Option<Duration>,
        /// Which.
        protocol: Protocol,
        /// Who suffers it, by label; nobody named and none at random: everybody.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// Which way.
        #[serde(default, skip_serializing_if = "is_default")]
        direction: Direction,
    },
    /// What some nodes send and receive takes longer.
    Delay {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// When it ends.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        until: Option<Duration>,
        /// Whose, by label.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// By how much, each way.
        #[serde(with = "duration")]
        by: Duration,
    },
    /// Processes stand still; what arrives meanwhile waits for them.
    Freeze {
        /// When.
        #[serde(with = "duration")]
        at: Duration,
        /// When they go on.
        #[serde(with = "duration")]
        until: Duration,
        /// Which, by label.
        #[serde(default, skip_serializing_if = "is_default")]
        nodes: Vec<String>,
        /// And so many more at random.
        #[serde(default, skip_serializing_if = "is_default")]
        random: usize,
        /// What their timers do meanwhile.
        #[serde(default, skip_serializing_if = "is_default")]
        timers: FrozenTimers,
        /// How long each message that waited takes when they go on. Default 10 us.
        #[serde(default = "drain", with = "duration")]
        drain: Duration,
        /// They stand still again and again, for this long each time. The last time begins before
        /// `until`.
        #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
        frozen: Option<Duration>,
        /// How long they go on in between.
        #[serde(default, with = "duration", skip_serializing_if = "is_default")]
        open: Duration,
    },
    /// What some nodes send or receive takes longer, by a distribution of its own.
    Latency(Latencies),
    /// Some datagrams are held back, so that later ones overtake them.
    Reorder(Reorder),
    /// Streams stall, break or are refused.
    Streams(Streams),
    /// Processes are slow.
    Slow(Slow),
    /// Clocks jump or run at a wrong rate.
    Clock(Clock),
    /// Nodes come and go, one after another.
    Churn(Churn),
    /// Nodes change what they say of themselves.
    Update(Update),
    /// Nodes are given other seeds.
    Seeds(SetSeeds),
}

fn drain() -> Duration {
    Duration::from_micros(10)
}

fn everything() -> f64 {
    1.0
}

fn leave_deadline() -> Duration {
    Duration::from_secs(10)
}

impl Fault {
    /// Processes that die at `at` without a word.
    pub fn crash(at: Duration, targets: Targets) -> Fault {
        let Targets { nodes, random } = targets;
        Fault::Crash { at, nodes, random, silent: false }
    }

    /// Processes that start again at `at`, where they were.
    pub fn restart(at: Duration, targets: Targets) -> Fault {
        let Targets { nodes, random } = targets;
        Fault::Restart {
            at,
            nodes,
            random,
            new_address: false,
            swap: false,
            cluster: None,
            clock_behind: Duration::ZERO,
            memory: false,
            interval: Duration::ZERO,
        }
    }

    /// Processes that say goodbye at `at`.
    pub fn leave(at: Duration, targets: Targets) -> Fault {
        let Targets { nodes, random } = targets;
        Fault::Leave { at, nodes, random, deadline: leave_deadline() }
    }

    /// Processes that stand still from `at` to `until`, with their timers.
    pub fn freeze(at: Duration, until: Duration, targets: Targets) -> Fault {
        let Targets { nodes, random } = targets;
        let (timers, drain) = (FrozenTimers::Stopped, drain());
        Fault::Freeze {
            at,
            until,
            nodes,
            random,
            timers,
            drain,
            frozen: None,
            open: Duration::ZERO,
        }
    }

    /// A partition from `at` to `until`.
    pub fn partition(at: Duration, until: Duration, sides: &[&[&str]]) -> Fault {
        let sides = sides.iter().map(|labels| owned(labels)).collect();
        Fault::Partition {
            at,
            until: Some(until),
            sides,
            random: 0,
            cut: None,
            open: Duration::ZERO,
        }
    }

    /// When it strikes.
    pub fn at(&self) -> Duration {
        match self {
            Fault::Crash { at, .. }
            | Fault::Restart { at, .. }
            | Fault::Leave { at, .. }
            | Fault::Join { at, .. }
            | Fault::Namesake { at, .. }
            | Fault::Partition { at, .. }
            | Fault::Cut { at, .. }
            | Fault::Loss { at, .. }
            | Fault::Gilbert { at, .. }
            | Fault::Duplicate { at, .. }
            | Fault::Corrupt { at, .. }
            | Fault::Mtu { at, .. }
            | Fault::Block { at, .. }
            | Fault::Delay { at, .. }
            | Fault::Freeze { at, .. } => *at,
            Fault::Latency(fault) => fault.at,
            Fault::Reorder(fault) => fault.at,
            Fault::Streams(fault) => fault.at,
            Fault::Slow(fault) => fault.at,
            Fault::Clock(fault) => fault.at,
            Fault::Churn(fault) => fault.at,
            Fault::Update(fault) => fault.at,
            Fault::Seeds(fault) => fault.at,
        }
    }

    /// When it ends, if it lasts and ends.
    pub fn until(&self) -> Option<Duration> {
        match self {
            Fault::Partition { until, .. }
            | Fault::Cut { until, .. }
            | Fault::Loss { until, .. }
            | Fault::Gilbert { until, .. }
            | Fault::Duplicate { until, .. }
            | Fault::Corrupt { until, .. }
            | Fault::Mtu { until, .. }
            | Fault::Block { until, .. }
            | Fault::Delay { until, .. } => *until,
            Fault::Freeze { until, .. } => Some(*until),
            Fault::Latency(fault) => fault.until,
            Fault::Reorder(fault) => fault.until,
            Fault::Streams(fault) => fault.until,
            Fault::Slow(fault) => fault.until,
            Fault::Clock(fault) => fault.until,
            Fault::Churn(fault) => Some(fault.until),
            Fault::Update(fault) => fault.until,
            Fault::Crash { .. }
            | Fault::Restart { .. }
            | Fault::Leave { .. }
            | Fault::Join { .. }
            | Fault::Namesake { .. }
            | Fault::Seeds(_) => None,
        }
    }

    /// Whether it names nobody and picks nobody, though it strikes nodes one by one.
    pub(crate) fn strikes_nobody(&self) -> bool {
        match self {
            Fault::Crash { nodes, random, .. }
            | Fault::Restart { nodes, random, .. }
            | Fault::Leave { nodes, random, .. }
            | Fault::Delay { nodes, random, .. }
            | Fault::Freeze { nodes, random, .. }
            | Fault::Slow(Slow { nodes, random, .. })
            | Fault::Clock(Clock { nodes, random, .. })
            | Fault::Update(Update { nodes, random, .. }) => nodes.is_empty() && *random == 0,
            _ => false,
        }
    }

    /// Its kind, as scenario files write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Crash { .. } => "crash",
            Fault::Restart { .. } => "restart",
            Fault::Leave { .. } => "leave",
            Fault::Join { .. } => "join",
            Fault::Namesake { .. } => "namesake",
            Fault::Partition { .. } => "partition",
            Fault::Cut { .. } => "cut",
            Fault::Loss { .. } => "loss",
            Fault::Gilbert { .. } => "gilbert",
            Fault::Duplicate { .. } => "duplicate",
            Fault::Corrupt { .. } => "corrupt",
            Fault::Mtu { .. } => "mtu",
            Fault::Block { .. } => "block",
            Fault::Delay { .. } => "delay",
            Fault::Freeze { .. } => "freeze",
            Fault::Latency(_) => "latency",
            Fault::Reorder(_) => "reorder",
            Fault::Streams(_) => "streams",
            Fault::Slow(_) => "slow",
            Fault::Clock(_) => "clock",
            Fault::Churn(_) => "churn",
            Fault::Update(_) => "update",
            Fault::Seeds(_) => "seeds",
        }
    }

    /// Every list of labels in it, with the field it stands in.
    pub(crate) fn labels(&self) -> Vec<(&'static str, &[String])> {
        match self {
            Fault::Crash { nodes, .. }
            | Fault::Restart { nodes, .. }
            | Fault::Leave { nodes, .. }
            | Fault::Namesake { nodes, .. }
            | Fault::Loss { nodes, .. }
            | Fault::Gilbert { nodes, .. }
            | Fault::Duplicate { nodes, .. }
            | Fault::Corrupt { nodes, .. }
            | Fault::Mtu { nodes, .. }
            | Fault::Block { nodes, .. }
            | Fault::Delay { nodes, .. }
            | Fault::Freeze { nodes, .. }
            | Fault::Latency(Latencies { nodes, .. })
            | Fault::Reorder(Reorder { nodes, .. })
            | Fault::Streams(Streams { nodes, .. })
            | Fault::Slow(Slow { nodes, .. })
            | Fault::Clock(Clock { nodes, .. })
            | Fault::Churn(Churn { nodes, .. })
            | Fault::Update(Update { nodes, .. })
            | Fault::Seeds(SetSeeds { nodes, .. }) => vec![("nodes", nodes)],
            Fault::Partition { sides, .. } => {
                sides.iter().map(|side| ("sides", &side[..])).collect()
            }
            Fault::Cut { from, to, .. } => {
                vec![("from", from.as_deref().unwrap_or(&[])), ("to", to.as_deref().unwrap_or(&[]))]
            }
            Fault::Join { .. } => Vec::new(),
        }
    }
}
