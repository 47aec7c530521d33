//! Counters: what went in and out, and what was dropped, by reason.

/// Running totals of one engine. All counts start at zero and only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams handed to the driver.
    pub datagrams_sent: u64,
    /// Their bytes, without IP and UDP headers.
    pub bytes_sent: u64,
    /// Datagrams received, junk included.
    pub datagrams_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Stream bytes sent, length prefixes included.
    pub stream_bytes_sent: u64,
    /// Stream bytes received.
    pub stream_bytes_received: u64,
    /// Frames of another cluster, dropped.
    pub foreign_rejected: u64,
    /// Frames that are not of this protocol or broke on the way, dropped.
    pub malformed_rejected: u64,
    /// Claims that broke a bound, dropped.
    pub claims_refused: u64,
    /// Larger claims sent back to somebody who was behind.
    pub answers_sent: u64,
    /// Probes begun.
    pub probes: u64,
    /// Probes that nobody answered.
    pub probes_failed: u64,
    /// Probes for which relays were asked.
    pub probes_indirect: u64,
    /// Suspicions about this node that it refuted.
    pub refutations: u64,
    /// Members this node itself declared dead.
    pub failures_declared: u64,
    /// Cases opened about silent members, with the detector `observers`.
    pub cases: u64,
    /// Observers asked for their opinion.
    pub queries_sent: u64,
    /// Contests held about bad links.
    pub contests: u64,
    /// Pings sent because a voter's word grew old.
    pub quorum_pings: u64,
    /// Parameters of the cluster that this node was told and could not use.
    pub parameters_refused: u64,
    /// Times that this node, having stood still or heard nobody, accused nobody for a while.
    pub quarantines: u64,
    /// Claims of a death that were checked with their subject first.
    pub checks: u64,
    /// Table exchanges begun, in datagrams.
    pub exchanges_datagram: u64,
    /// Table exchanges begun, by sketches.
    pub exchanges_sketch: u64,
    /// Table exchanges begun, over streams.
    pub exchanges_stream: u64,
    /// Records told to peers whose hash showed that they lacked only the latest changes.
    pub news_told: u64,
    /// Callers sent on to other members, because too much of the table was handed out lately.
    pub streams_redirected: u64,
    /// Outgoing datagrams dropped because the queue was full.
    pub outbox_dropped: u64,
    /// Claims dropped from the dissemination queue because it was full; exchanges repair it.
    pub dissemination_dropped: u64,
    /// Incoming streams refused because too many were open.
    pub streams_refused: u64,
    /// Relay requests dropped because too many were open.
    pub relays_dropped: u64,
}
