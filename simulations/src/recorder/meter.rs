//! How much every node sends, second by second.

use headcount_state::Time;
use serde::Serialize;

/// What the nodes sent within one second of virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Second {
    /// Bytes, on average over the nodes there were.
    pub mean_bytes: f64,
    /// Bytes of the node that sent most.
    pub max_bytes: u64,
}

/// How much the nodes sent: datagrams and stream frames, each with the bytes that a socket would
/// be given.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Second by second, from the scenario's start; the last one may be cut short.
    pub seconds: Vec<Second>,
    /// Bytes that each node sent over the whole run, by node.
    pub nodes: Vec<u64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    traffic: Traffic,
    /// What each node sent in the second that is going on.
    current: Vec<u64>,
}

impl Meter {
    pub(super) fn add_node(&mut self) {
        self.current.push(0);
        self.traffic.nodes.push(0);
    }

    pub(super) fn sent(&mut self, at: Time, node: usize, bytes: usize) {
        self.close_seconds(at);
        if let (Some(now), Some(all)) =
            (self.current.get_mut(node), self.traffic.nodes.get_mut(node))
        {
            *now += bytes as u64;
            *all += bytes as u64;
        }
    }

    /// What was sent up to `end`.
    pub(super) fn traffic(&self, end: Time) -> Traffic {
        let mut meter = self.clone();
        meter.close_seconds(end);
        if !end.as_micros().is_multiple_of(MICROS_PER_SECOND) {
            meter.close_second();
        }
        meter.traffic
    }

    fn close_seconds(&mut self, now: Time) {
        while (self.traffic.seconds.len() as u64) < now.as_micros() / MICROS_PER_SECOND {
            self.close_second();
        }
    }

    fn close_second(&mut self) {
        let nodes = self.current.len().max(1) as f64;
        let sum: u64 = self.current.iter().sum();
        let max_bytes = self.current.iter().copied().max().unwrap_or(0);
        self.traffic.seconds.push(Second { mean_bytes: sum as f64 / nodes, max_bytes });
        self.current.fill(0);
    }
}

const MICROS_PER_SECOND: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_in_the_second_in_which_they_are_sent() {
        let mut meter = Meter::default();
        (0..2).for_each(|_| meter.add_node());
        for (ms, node, bytes) in [(100, 0, 10), (999, 1, 30), (2_000, 1, 5)] {
            meter.sent(Time::from_millis(ms), node, bytes);
        }
        let traffic = meter.traffic(Time::from_millis(2_500));
        let means: Vec<f64> = traffic.seconds.iter().map(|second| second.mean_bytes).collect();
        let most: Vec<u64> = traffic.seconds.iter().map(|second| second.max_bytes).collect();
        assert_eq!((means, most), (vec![20.0, 0.0, 2.5], vec![30, 0, 5]));
        assert_eq!(traffic.nodes, [10, 35]);
        assert_eq!(meter.traffic(Time::from_millis(3_000)).seconds.len(), 3);
    }
}
