//! Does every message keep its size, and every node its share of the network?

use std::time::Duration;

use headcount_state::Time;
use headcount_wire::MAX_FRAME_BYTES;

use crate::checkers::{Metrics, Violations};
use crate::network::PACKET_HEADER_BYTES;
use crate::report::Check;

/// The length before a stream frame.
const PREFIX_BYTES: usize = 4;

/// Rates are counted over windows of this length.
const WINDOW: Duration = Duration::from_secs(10);

const WINDOW_MICROS: u64 = WINDOW.as_micros() as u64;

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// One datagram.
    Datagram,
    /// One frame of a stream, its length before it.
    Frame,
}

/// What one node has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// Datagrams.
    pub datagrams: u64,
    /// Their bytes, without headers of packets.
    pub datagram_bytes: u64,
    /// Frames of streams.
    pub frames: u64,
    /// Their bytes, the lengths before them included, without headers of packets.
    pub frame_bytes: u64,
}

/// What a frame of a stream has before it when it travels: the headers of IPv4 and TCP. One packet
/// is counted for each frame, whatever its length, and none for opening, closing and acknowledging.
const SEGMENT_HEADER_BYTES: u64 = 20 + 20;

impl Packets {
    /// The bytes on the network: with 28 for the headers of IPv4 and UDP before each datagram, and
    /// 40 for those of IPv4 and TCP before each frame.
    pub fn wire_bytes(&self) -> u64 {
        let headers = self.datagrams * PACKET_HEADER_BYTES as u64;
        self.datagram_bytes + headers + self.frame_bytes + self.frames * SEGMENT_HEADER_BYTES
    }

    /// What was sent since `before`.
    pub fn since(self, before: Packets) -> Packets {
        Packets {
            datagrams: self.datagrams - before.datagrams,
            datagram_bytes: self.datagram_bytes - before.datagram_bytes,
            frames: self.frames - before.frames,
            frame_bytes: self.frame_bytes - before.frame_bytes,
        }
    }

    fn and(self, other: Packets) -> Packets {
        Packets {
            datagrams: self.datagrams + other.datagrams,
            datagram_bytes: self.datagram_bytes + other.datagram_bytes,
            frames: self.frames + other.frames,
            frame_bytes: self.frame_bytes + other.frame_bytes,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Sender {
    packets: Packets,
    window: u64,
    in_window: u64,
    peak: u64,
}

/// What every node has sent.
#[derive(Debug)]
pub(crate) struct Bounded {
    budget: usize,
    calm_from: Time,
    max_rate: Option<f64>,
    max_calm_rate: Option<f64>,
    senders: Vec<Sender>,
    calm_bytes: u64,
    largest_datagram: usize,
    oversized: Violations,
}

impl Bounded {
    pub(crate) fn new(
        budget: usize,
        end: Time,
        max_rate: Option<f64>,
        max_calm_rate: Option<f64>,
    ) -> Bounded {
        Bounded {
            budget,
            calm_from: end - WINDOW,
            max_rate,
            max_calm_rate,
            senders: Vec::new(),
            calm_bytes: 0,
            largest_datagram: 0,
            oversized: Violations::default(),
        }
    }

    pub(crate) fn sent(&mut self, at: Time, node: usize, what: Sent, bytes: usize) {
        let (one, bound) = match what {
            Sent::Datagram => {
                self.largest_datagram = self.largest_datagram.max(bytes);
                let datagram_bytes = bytes as u64;
                (Packets { datagrams: 1, datagram_bytes, ..Packets::default() }, self.budget)
            }
            Sent::Frame => {
                let frame_bytes = bytes as u64;
                let one = Packets { frames: 1, frame_bytes, ..Packets::default() };
                (one, MAX_FRAME_BYTES + PREFIX_BYTES)
            }
        };
        if bytes > bound {
            self.oversized
                .add(|| format!("{at}: node {node} sent a {what:?} of {bytes} B, over {bound} B"));
        }
        if at >= self.calm_from {
            self.calm_bytes += bytes as u64;
        }
        if self.senders.len() <= node {
            self.senders.resize(node + 1, Sender::default());
        }
        let sender = &mut self.senders[node];
        sender.packets = sender.packets.and(one);
        let window = at.as_micros() / WINDOW_MICROS;
        if sender.window != window {
            (sender.window, sender.in_window) = (window, 0);
        }
        sender.in_window += bytes as u64;
        sender.peak = sender.peak.max(sender.in_window);
    }

    /// Messages and bytes that were sent, of both kinds.
    pub(crate) fn total(&self) -> (u64, u64) {
        let all = self.all();
        (all.datagrams + all.frames, all.datagram_bytes + all.frame_bytes)
    }

    /// What each node has sent.
    pub(crate) fn packets(&self) -> Vec<Packets> {
        self.senders.iter().map(|sender| sender.packets).collect()
    }

    fn all(&self) -> Packets {
        self.senders.iter().fold(Packets::default(), |sum, sender| sum.and(sender.packets))
    }

    pub(crate) fn finish(&self, end: Time, metrics: &mut Metrics) -> Vec<Check> {
        let nodes = self.senders.len().max(1) as f64;
        let seconds = end.as_secs_f64().max(1e-6);
        let window = WINDOW.as_secs_f64();
        let busiest = self.senders.iter().enumerate().max_by_key(|(_, sender)| sender.peak);
        let (busiest, peak) = busiest.map_or((0, 0), |(node, sender)| (node, sender.peak));
        let peak_rate = peak as f64 / window;
        let calm_rate = self.calm_bytes as f64 / nodes / window;
        let all = self.all();
        let bytes = (all.datagram_bytes + all.frame_bytes) as f64;
        for (name, value) in [
            ("datagrams_sent", all.datagrams as f64),
            ("datagram_bytes_sent", all.datagram_bytes as f64),
            ("largest_datagram_bytes", self.largest_datagram as f64),
            ("stream_frames_sent", all.frames as f64),
            ("stream_bytes_sent", all.frame_bytes as f64),
            ("datagrams_per_node_s", all.datagrams as f64 / nodes / seconds),
            ("bytes_per_node_s", bytes / nodes / seconds),
            ("peak_bytes_per_node_s", peak_rate),
            ("calm_bytes_per_node_s", calm_rate),
        ] {
            metrics.insert(name.to_owned(), value);
        }
        let fine = format!("the largest datagram has {} B", self.largest_datagram);
        let mut checks = vec![self.oversized.check("message_size", &fine)];
        checks.extend(self.max_rate.map(|bound| {
            let detail =
                format!("node {busiest} sent {peak_rate:.0} B/s in its busiest {window} s, bound {bound} B/s");
            Check::new("peak_rate", peak_rate <= bound, detail)
        }));
        checks.extend(self.max_calm_rate.map(|bound| {
            let detail = format!("{calm_rate:.0} B/s and node at the end, bound {bound} B/s");
            Check::new("calm_rate", calm_rate <= bound, detail)
        }));
        checks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::fixture::at;

    fn verdicts(sent: &[(u64, usize, Sent, usize)]) -> Vec<bool> {
        let mut bounded = Bounded::new(1_400, at(60), Some(200.0), Some(100.0));
        for (secs, node, what, bytes) in sent {
            bounded.sent(at(*secs), *node, *what, *bytes);
        }
        bounded.finish(at(60), &mut Metrics::new()).iter().map(|check| check.pass).collect()
    }

    #[test]
    fn messages_within_all_bounds_pass() {
        let sent = [(1, 0, Sent::Datagram, 1_400), (55, 1, Sent::Datagram, 600)];
        assert_eq!(verdicts(&sent), [true, true, true]);
    }

    #[test]
    fn a_datagram_over_the_budget_is_noticed() {
        assert_eq!(verdicts(&[(1, 0, Sent::Datagram, 1_401)]), [false, true, true]);
    }

    #[test]
    fn a_frame_over_its_bound_is_noticed() {
        let limit = MAX_FRAME_BYTES + PREFIX_BYTES;
        assert!(!verdicts(&[(1, 0, Sent::Frame, limit + 1)])[0]);
        assert!(verdicts(&[(1, 0, Sent::Frame, limit)])[0]);
    }

    #[test]
    fn one_node_that_sends_too_much_at_a_time_is_noticed() {
        let burst = [(11, 0, Sent::Frame, 1_500), (19, 0, Sent::Datagram, 501)];
        assert_eq!(verdicts(&burst), [true, false, true]);
        let spread = [(9, 0, Sent::Frame, 1_500), (11, 0, Sent::Datagram, 501)];
        assert_eq!(verdicts(&spread), [true, true, true]);
    }

    #[test]
    fn a_cluster_that_is_noisy_when_calm_is_noticed() {
        let noisy = [(51, 0, Sent::Datagram, 1_001), (52, 0, Sent::Datagram, 1_000)];
        assert_eq!(verdicts(&noisy), [true, false, false]);
    }
}
