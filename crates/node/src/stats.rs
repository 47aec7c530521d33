use std::time::Duration;

use headcount_state::Standing;
use headcount_swim::Stats;

/// Running totals of one node. Refreshed every half period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStats {
    /// What the protocol counted.
    pub protocol: Stats,
    /// What the sockets counted.
    pub sockets: SocketStats,
}

/// What went wrong at the sockets. None of it ends the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketStats {
    /// Datagrams that the operating system refused to send.
    pub send_errors: u64,
    /// Datagrams dropped because the socket's send buffer was full.
    pub send_blocked: u64,
    /// Errors while receiving datagrams.
    pub receive_errors: u64,
    /// Errors while accepting streams.
    pub accept_errors: u64,
    /// Streams opened to peers, attempts that failed not counted.
    pub streams_opened: u64,
    /// Streams accepted from peers and served.
    pub streams_accepted: u64,
    /// Streams not opened or served because too many tasks had one open. Those that the protocol
    /// itself refused are in [`Stats::streams_refused`].
    pub streams_refused: u64,
    /// Streams that ended before they were done: refused, broken, junk, or too slow.
    pub streams_failed: u64,
}

/// How this node itself is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Condition {
    /// Whether the task that runs the protocol is there.
    pub running: bool,
    /// How long ago that task last did something. It wakes every half period, at least once a
    /// second.
    pub last_tick: Duration,
    /// Whether the task is there but has done nothing for two periods: its runtime is blocked or
    /// starved.
    pub stalled: bool,
    /// See [`crate::Node::is_ready`].
    pub ready: bool,
    /// Whether this node is a member of its own view.
    pub standing: Standing,
    /// How much this node doubts itself: 0 is healthy (Lifeguard's local health).
    pub local_health: u8,
    /// Whether it hears nobody though it knows of others.
    pub isolated: bool,
    /// How strained this node is, in percent: an early warning that it is degrading, from how its
    /// observers find their links to it, how late its timers are, and its load. Advisory.
    pub warning: u8,
}

impl Condition {
    /// Whether the protocol runs and is not stalled: what a liveness probe asks.
    pub fn is_healthy(&self) -> bool {
        self.running && !self.stalled
    }
}
