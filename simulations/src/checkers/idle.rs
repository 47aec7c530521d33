//! Is traffic back to what it was, some time after the last change?
//!
//! Rates are bytes per second of each node that sends, over windows of five seconds. The rate
//! before is that of the last two windows before the first fault.

use std::time::Duration;

use headcount_state::Time;

use crate::checkers::Metrics;
use crate::duration::show;
use crate::report::Check;
use crate::truth::Truth;

/// Rates are taken over so many seconds.
pub(crate) const WINDOW_SECS: u64 = 5;

/// Traffic is back when it is at most this many times what it was: the odd exchange is no storm.
const TOLERANCE: f64 = 1.2;

/// What was sent in one second.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    bytes: u64,
    senders: u64,
}

/// The traffic of all nodes, second by second.
#[derive(Debug)]
pub(crate) struct Idle {
    within: Duration,
    /// The second in which the first fault strikes.
    storm: u64,
    seconds: Vec<Second>,
    /// By node: one more than the second in which it last sent.
    sent: Vec<u64>,
}

impl Idle {
    /// Traffic must be back `within` the last change; the first fault is at `storm`.
    pub(crate) fn new(within: Duration, storm: Duration) -> Idle {
        Idle { within, storm: storm.as_secs(), seconds: Vec::new(), sent: Vec::new() }
    }

    pub(crate) fn sent(&mut self, at: Time, node: usize, bytes: usize) {
        let second = at.as_millis() / 1_000;
        let index = second as usize;
        if self.seconds.len() <= index {
            self.seconds.resize(index + 1, Second::default());
        }
        if self.sent.len() <= node {
            self.sent.resize(node + 1, 0);
        }
        self.seconds[index].bytes += bytes as u64;
        if self.sent[node] != second + 1 {
            self.sent[node] = second + 1;
            self.seconds[index].senders += 1;
        }
    }

    pub(crate) fn finish(&self, truth: &Truth, end: Time, metrics: &mut Metrics) -> Check {
        let name = "idle";
        let calm = truth.last_change().as_millis().div_ceil(1_000);
        let last = (end.as_millis() / 1_000).saturating_sub(WINDOW_SECS);
        let before = self.rate(self.storm.saturating_sub(2 * WINDOW_SECS), self.storm);
        if calm > last || before == 0.0 {
            return Check::new(
                name,
                false,
                "no calm window of 5s before the faults, or none after",
            );
        }
        let bound = before * TOLERANCE;
        let rate = |from: u64| self.rate(from, from + WINDOW_SECS);
        let noisy = (calm..=last).rev().find(|from| rate(*from) > bound);
        let after = rate(last);
        metrics.insert("idle_bytes_per_node_s_before".to_owned(), before);
        metrics.insert("idle_bytes_per_node_s_after".to_owned(), after);
        let rates = format!("{after:.0} B/s and node at the end, {before:.0} before");
        if noisy == Some(last) {
            return Check::new(name, false, format!("not back: {rates}"));
        }
        // What happens in the first second of a noisy window may be all the noise of it.
        let took = Duration::from_secs(noisy.map_or(0, |from| from + 1 - calm));
        metrics.insert("idle_s".to_owned(), took.as_secs_f64());
        let found = format!("{} after the last change; {rates}", show(took));
        if took <= self.within {
            return Check::new(name, true, found);
        }
        Check::new(name, false, format!("{found}; the bound is {}", show(self.within)))
    }

    /// Bytes per second and sending node over the seconds from `from` to before `to`.
    fn rate(&self, from: u64, to: u64) -> f64 {
        let window = (from..to).filter_map(|second| self.seconds.get(second as usize));
        let (bytes, senders) =
            window.fold((0, 0), |(bytes, senders), s| (bytes + s.bytes, senders + s.senders));
        if senders == 0 { 0.0 } else { bytes as f64 / senders as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::fixture::{at, cluster};

    /// 100 B per second and node, faults from 10 s to 20 s, and more in `noise`.
    fn check(noise: std::ops::Range<u64>, end: u64) -> (bool, String) {
        let mut idle = Idle::new(Duration::from_secs(10), Duration::from_secs(10));
        for second in 0..end {
            for node in 0..3 {
                idle.sent(at(second), node, if noise.contains(&second) { 150 } else { 100 });
            }
        }
        let mut truth = cluster(3);
        truth.separated(at(20), None);
        let check = idle.finish(&truth, at(end), &mut Metrics::new());
        (check.pass, check.detail)
    }

    #[test]
    fn traffic_that_is_back_in_time_passes() {
        let (pass, detail) = check(10..28, 60);
        assert!(pass && detail.starts_with("6s"), "{detail}");
        assert!(check(0..0, 60).0);
    }

    #[test]
    fn traffic_that_is_not_back_or_too_late_is_noticed() {
        assert!(!check(10..60, 60).0);
        assert!(!check(10..40, 60).0);
        assert!(!check(40..45, 60).0, "a second storm counts as well");
    }

    #[test]
    fn nothing_to_compare_with_does_not_pass() {
        assert!(!check(0..0, 23).0);
        let idle = Idle::new(Duration::from_secs(10), Duration::from_secs(10));
        assert!(!idle.finish(&cluster(3), at(60), &mut Metrics::new()).pass);
    }

    #[test]
    fn nodes_that_are_gone_do_not_lower_the_rate() {
        let mut idle = Idle::new(Duration::from_secs(10), Duration::from_secs(10));
        for second in 0..60 {
            let nodes = if second < 20 { 3 } else { 1 };
            (0..nodes)
                .for_each(|node| idle.sent(at(second), node, if second < 20 { 100 } else { 250 }));
        }
        let mut truth = cluster(3);
        truth.separated(at(20), None);
        assert!(!idle.finish(&truth, at(60), &mut Metrics::new()).pass);
    }
}
