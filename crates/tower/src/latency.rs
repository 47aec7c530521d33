//! How long a service takes to answer of late, as one number.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// The peak-sensitive moving average of Finagle and tower: a slower answer counts at once, a faster
/// one as much as time has passed. Beyond these, a request under way counts for as long as it is
/// under way, so that a service which stands still is noticed before the first request gives up.
#[derive(Debug)]
pub(crate) struct Latency {
    decay: Duration,
    /// What the first answer, while it is awaited, and an answer that failed count as.
    penalty: Duration,
    /// The average in seconds, and as of when; `None` before the first answer.
    average: Option<(f64, Instant)>,
    /// When each request under way began.
    pending: BTreeMap<u64, Instant>,
    requests: u64,
}

impl Latency {
    pub(crate) fn new(decay: Duration, penalty: Duration) -> Latency {
        Latency { decay, penalty, average: None, pending: BTreeMap::new(), requests: 0 }
    }

    /// A request begins; answers its number.
    pub(crate) fn begin(&mut self, now: Instant) -> u64 {
        self.requests += 1;
        self.pending.insert(self.requests, now);
        self.requests
    }

    /// A request is over, well or not.
    pub(crate) fn end(&mut self, request: u64, now: Instant, failed: bool) {
        let Some(begun) = self.pending.remove(&request) else { return };
        let took = now.saturating_duration_since(begun);
        let took = if failed { took.max(self.penalty) } else { took };
        let (took, average) = (took.as_secs_f64(), self.average(now).unwrap_or_default());
        let weight = self.average.map_or(1.0, |(_, at)| 1.0 - self.decayed(at, now));
        let next = if took > average { took } else { average + (took - average) * weight };
        self.average = Some((next, now));
    }

    /// How long an answer is thought to take, in seconds.
    pub(crate) fn seconds(&self, now: Instant) -> f64 {
        let oldest = self.pending.first_key_value().map(|(_, begun)| {
            let age = now.saturating_duration_since(*begun);
            if self.average.is_none() { age.max(self.penalty) } else { age }
        });
        let oldest = oldest.unwrap_or_default().as_secs_f64();
        self.average(now).unwrap_or_default().max(oldest)
    }

    /// How many requests are under way.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The average decays while nothing is heard, so that what was slow is tried again.
    fn average(&self, now: Instant) -> Option<f64> {
        self.average.map(|(value, at)| value * self.decayed(at, now))
    }

    fn decayed(&self, since: Instant, now: Instant) -> f64 {
        let age = now.saturating_duration_since(since).as_secs_f64();
        (-age / self.decay.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECAY: Duration = Duration::from_secs(5);
    const PENALTY: Duration = Duration::from_secs(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_slower_answer_counts_at_once_and_fades() {
        let mut now = Instant::now();
        let mut latency = Latency::new(DECAY, PENALTY);
        for took in [10, 200] {
            let request = latency.begin(now);
            now += ms(took);
            latency.end(request, now, false);
        }
        assert!((latency.seconds(now) - 0.2).abs() < 1e-9);
        assert!((latency.seconds(now + DECAY) - 0.2 / std::f64::consts::E).abs() < 1e-3);
        let request = latency.begin(now);
        latency.end(request, now + ms(10), false);
        let after = latency.seconds(now + ms(10));
        assert!(after < 0.2 && after > 0.19, "{after}: one fast answer is no reason yet");
    }

    #[test]
    fn a_request_that_is_not_answered_counts_before_it_gives_up() {
        let start = Instant::now();
        let mut latency = Latency::new(DECAY, PENALTY);
        let request = latency.begin(start);
        latency.end(request, start + ms(1), false);
        latency.begin(start + ms(1));
        latency.begin(start + ms(300));
        assert!((latency.seconds(start + ms(401)) - 0.4).abs() < 1e-9);
        assert_eq!(latency.pending(), 2);
    }

    #[test]
    fn a_failure_is_not_a_fast_answer() {
        let start = Instant::now();
        let mut latency = Latency::new(DECAY, PENALTY);
        let request = latency.begin(start);
        latency.end(request, start, true);
        assert!((latency.seconds(start) - 1.0).abs() < 1e-9);
        latency.end(request, start + DECAY, true);
        assert!(latency.seconds(start + DECAY) < 1.0, "what is over is over");
    }

    #[test]
    fn a_stranger_is_tried_once_before_it_is_trusted() {
        let start = Instant::now();
        let mut latency = Latency::new(DECAY, PENALTY);
        assert!(latency.seconds(start) <= 0.0);
        let request = latency.begin(start);
        assert!((latency.seconds(start) - 1.0).abs() < 1e-9);
        latency.end(request, start + ms(2), false);
        assert!((latency.seconds(start + ms(2)) - 0.002).abs() < 1e-9);
    }
}
