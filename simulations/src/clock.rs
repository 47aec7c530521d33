//! The monotonic clock of a process, which may run fast or slow.

use headcount_state::Time;

/// How the time of a process follows from the time of the simulation: a line through a point.
/// The clock never jumps; only its rate changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The point: when the rate was last changed, by the simulation's time and by its own.
    global: Time,
    local: Time,
    /// How much faster it runs, in parts per million.
    fast_ppm: i64,
}

const MILLION: u128 = 1_000_000;

impl Clock {
    /// A clock that shows `now` at `now` and runs so much fast.
    pub(crate) fn new(now: Time, fast_ppm: i64) -> Clock {
        Clock { global: now, local: now, fast_ppm }
    }

    /// What it shows when the simulation's time is `now`.
    pub(crate) fn local(&self, now: Time) -> Time {
        if self.runs_true() {
            return now.max(self.global);
        }
        let passed = u128::from((now.as_micros()).saturating_sub(self.global.as_micros()));
        at(self.local, passed * self.rate() / MILLION)
    }

    /// When it will first show `local` or more.
    pub(crate) fn global(&self, local: Time) -> Time {
        if self.runs_true() {
            return local.max(self.local);
        }
        let to_pass = u128::from((local.as_micros()).saturating_sub(self.local.as_micros()));
        at(self.global, (to_pass * MILLION).div_ceil(self.rate()))
    }

    /// It runs so much fast from `now` on.
    pub(crate) fn set_rate(&mut self, now: Time, fast_ppm: i64) {
        *self = Clock { global: now, local: self.local(now), fast_ppm };
    }

    /// Whether it has always shown the time of the simulation: what most clocks do.
    fn runs_true(&self) -> bool {
        self.fast_ppm == 0 && self.global == self.local
    }

    /// Microseconds of its own in a second of the simulation; at least one.
    fn rate(&self) -> u128 {
        (MILLION as i64).saturating_add(self.fast_ppm).max(1).unsigned_abs().into()
    }
}

fn at(start: Time, later_us: u128) -> Time {
    let later = u64::try_from(later_us).unwrap_or(u64::MAX);
    Time::from_micros(start.as_micros().saturating_add(later))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: u64 = 1_000_000;

    fn us(micros: u64) -> Time {
        Time::from_micros(micros)
    }

    #[test]
    fn a_clock_at_rest_with_the_simulation_shows_its_time() {
        for micros in [0, 1, 17 * SEC] {
            assert_eq!(Clock::default().local(us(micros)), us(micros));
            assert_eq!(Clock::default().global(us(micros)), us(micros));
        }
    }

    #[test]
    fn a_clock_drifts_and_keeps_what_it_gained_when_it_is_right_again() {
        let mut clock = Clock::default();
        clock.set_rate(us(10 * SEC), 10_000);
        assert_eq!(clock.local(us(110 * SEC)), us(111 * SEC));
        clock.set_rate(us(110 * SEC), 0);
        assert_eq!(clock.local(us(120 * SEC)), us(121 * SEC));
        clock.set_rate(us(120 * SEC), -500_000);
        assert_eq!(clock.local(us(130 * SEC)), us(126 * SEC));
    }

    #[test]
    fn a_timer_fires_no_earlier_than_the_clock_says_and_no_later_than_it_must() {
        for fast_ppm in [-499_999, -10_000, -1, 1, 3_333, 999_999] {
            let clock = Clock::new(us(5 * SEC), fast_ppm);
            for micros in (5 * SEC..6 * SEC).step_by(77_777) {
                let due = clock.global(us(micros));
                assert!(clock.local(due) >= us(micros), "{fast_ppm} {micros}");
                let before = us(due.as_micros() - 1);
                assert!(due == us(5 * SEC) || clock.local(before) < us(micros), "{fast_ppm}");
            }
        }
    }
}
