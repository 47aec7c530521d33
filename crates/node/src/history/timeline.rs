use std::time::Duration;

use tokio::time::Instant;

use crate::clock::unix_millis;

/// Wall time that never goes back: it follows the clock of the host forwards, and goes on by the monotonic
/// clock where that one is set back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    origin: Instant,
    /// Unix milliseconds at the origin.
    origin_ms: u64,
}

impl Timeline {
    /// One that begins now, and not before `least_ms`.
    pub(super) fn start(least_ms: u64) -> Timeline {
        Timeline { origin: Instant::now(), origin_ms: unix_millis().max(least_ms) }
    }

    /// Now, in Unix milliseconds.
    pub(super) fn now(&mut self) -> u64 {
        self.at(self.origin.elapsed(), unix_millis())
    }

    fn at(&mut self, elapsed: Duration, wall_ms: u64) -> u64 {
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let ahead = wall_ms.saturating_sub(self.origin_ms.saturating_add(elapsed_ms));
        self.origin_ms = self.origin_ms.saturating_add(ahead);
        self.origin_ms.saturating_add(elapsed_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_clock_forwards_and_never_back() {
        let mut line = Timeline { origin: Instant::now(), origin_ms: 1_000 };
        let mut at = |elapsed_ms, wall_ms| line.at(Duration::from_millis(elapsed_ms), wall_ms);
        assert_eq!(at(10, 1_010), 1_010);
        assert_eq!(at(20, 400), 1_020, "set back: the monotonic clock goes on");
        assert_eq!(at(30, 5_000), 5_000, "set forward, or the host slept");
        assert_eq!(at(40, 5_010), 5_010);
    }
}
