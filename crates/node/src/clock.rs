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

    /// When `time` is: the same instant whenever this is asked.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.origin + Duration::from_micros(time.as_micros())
    }
}

/// Milliseconds since 1970: where generations start.
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_time_is_the_same_instant_whenever_one_asks() {
        let clock = Clock::start();
        for time in [Time::ZERO, Time::from_micros(1_500), Time::MAX] {
            let before = clock.instant(time);
            tokio::time::advance(Duration::from_millis(2)).await;
            assert_eq!(clock.instant(time), before);
            assert_eq!(clock.at(before), time);
        }
    }
}
