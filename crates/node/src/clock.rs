use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headcount_state::Time;
use tokio::time::Instant;

/// The engine's time line: microseconds since the node started, on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { origin: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        self.at(Instant::now())
    }

    pub(crate) fn at(&self, instant: Instant) -> Time {
        Time::ZERO + instant.saturating_duration_since(self.origin)
    }

    /// When `time` is, but no later than a day from now.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let now = Instant::now();
        now + time.since(self.at(now)).min(DAY)
    }
}

/// Milliseconds since 1970: where generations start.
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
