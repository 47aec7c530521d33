//! The period clock: in which period the cluster is, so that each member is watched by one observer
//! at a time.
//!
//! ```text
//!   own time ──────────────────────────────────> reading, one period per T
//!   readings of the last 8 senders ── median ──> slewed towards it, at most 5 %
//!   alone, or back from isolation ────────────-> set to the first that is heard
//! ```
//! Whatever others say, the clock keeps to its own time within 5 %: one whose clock races, stands or
//! jumps neither speeds others up nor slows them down.

use std::time::Duration;

use headcount_state::{MemberId, Time};

use super::timing::OBSERVERS;

/// Readings on the wire are in this share of a period,
const STEPS: i64 = 16;

/// modulo so many steps.
const WRAP: i64 = 1 << 14;

/// The slots of all observers of a member come round in so many steps.
const SLOTS: i64 = OBSERVERS as i64 * STEPS;

/// Two turns are at least this share of a period apart: a quarter.
const TURNS_APART: i64 = 4;

/// Readings of so many senders are weighed.
const SENDERS: usize = 8;

/// The largest correction per period, as a share of it: 1/20.
const SLEW_SHARE: i64 = 20;

/// A clock that counts protocol periods.
#[derive(Clone, Debug)]
pub(crate) struct PeriodClock {
    period_us: i64,
    /// Reading and own time when it was last corrected.
    reading_us: i64,
    at: Time,
    /// How far others were ahead, in steps' microseconds, by sender; the oldest first.
    heard: Vec<(MemberId, i64)>,
    /// Whether it follows a cluster; if not, the next reading is taken over.
    set: bool,
}

impl PeriodClock {
    /// A clock that begins now and follows nobody yet.
    pub(crate) fn new(period: Duration, now: Time) -> PeriodClock {
        let period_us = period.as_micros() as i64;
        PeriodClock { period_us, reading_us: 0, at: now, heard: Vec::new(), set: false }
    }

    fn reading_us(&self, now: Time) -> i64 {
        self.reading_us + now.since(self.at).as_micros() as i64
    }

    /// The period that runs. Nodes of one cluster agree on it modulo the number of slots.
    pub(crate) fn period(&self, now: Time) -> i64 {
        self.reading_us(now).div_euclid(self.period_us)
    }

    /// What others are told: sixteenths of a period, modulo 2^14.
    pub(crate) fn reading(&self, now: Time) -> u16 {
        let steps = self.reading_us(now) * STEPS / self.period_us;
        steps.rem_euclid(WRAP) as u16
    }

    /// When this share of a period will have passed; at least a quarter of a period from now, so that
    /// no two turns fall together when the clock is moved.
    pub(crate) fn when(&self, now: Time, period: i64, share: f64) -> Time {
        let due = period * self.period_us + (self.period_us as f64 * share) as i64;
        let wait = (due - self.reading_us(now)).max(self.period_us / TURNS_APART);
        now + Duration::from_micros(wait as u64)
    }

    /// Takes in the reading of a sender.
    pub(crate) fn hear(&mut self, now: Time, sender: MemberId, reading: u16) {
        let mine = i64::from(self.reading(now));
        // Only whose slot it is matters, so the nearest such time is.
        let steps = (i64::from(reading) - mine + SLOTS / 2).rem_euclid(SLOTS) - SLOTS / 2;
        let ahead = steps * self.period_us / STEPS;
        if !self.set {
            self.shift(now, ahead);
            self.heard.clear();
            self.set = true;
            return;
        }
        self.heard.retain(|(known, _)| *known != sender);
        if self.heard.len() == SENDERS {
            self.heard.remove(0);
        }
        self.heard.push((sender, ahead));
    }

    /// Once per period: moves towards the median of the senders.
    pub(crate) fn slew(&mut self, now: Time) {
        let mut all: Vec<i64> = self.heard.iter().map(|(_, ahead)| *ahead).collect();
        if all.is_empty() {
            return;
        }
        let middle = all.len() / 2;
        let (_, median, _) = all.select_nth_unstable(middle);
        let most = self.period_us / SLEW_SHARE;
        let by = (*median / 2).clamp(-most, most);
        self.shift(now, by);
        for (_, ahead) in &mut self.heard {
            *ahead -= by;
        }
    }

    /// The next reading that is heard is taken over.
    pub(crate) fn follow_anew(&mut self) {
        self.set = false;
    }

    fn shift(&mut self, now: Time, by: i64) {
        self.reading_us = self.reading_us(now) + by;
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    fn sender(number: u64) -> MemberId {
        MemberId::of(&number.to_string())
    }

    /// A clock that follows a cluster whose reading was 0 when it began.
    fn clock() -> PeriodClock {
        let mut clock = PeriodClock::new(PERIOD, Time::ZERO);
        clock.hear(Time::ZERO, sender(0), 0);
        clock
    }

    #[test]
    fn who_has_just_begun_takes_over_what_it_hears() {
        let mut clock = PeriodClock::new(PERIOD, Time::ZERO);
        clock.hear(at(2_000), sender(1), 11 * 16 + 8);
        assert_eq!(clock.period(at(2_000)) % 8, 3);
        assert_eq!(clock.when(at(2_000), 4, 0.25), at(2_750));
        assert_eq!(clock.when(at(2_000), 3, 0.25), at(2_250), "never at once");
        clock.hear(at(2_000), sender(2), 500);
        assert_eq!(clock.period(at(2_000)) % 8, 3);
    }

    #[test]
    fn it_comes_to_the_median_by_at_most_a_twentieth_of_a_period_at_a_time() {
        let mut clock = clock();
        for second in 1..100u64 {
            let before = clock.reading_us(at(second * 1_000));
            for other in 0..8 {
                let theirs = second * 16 + 8 + u64::from(other == 7) * 5_000;
                clock.hear(at(second * 1_000), sender(other), (theirs % (1 << 14)) as u16);
            }
            clock.slew(at(second * 1_000));
            let moved = clock.reading_us(at(second * 1_000)) - before;
            assert!((0..=50_000).contains(&moved), "{moved}");
        }
        let off = clock.reading_us(at(99_000)) - 99_500_000;
        assert!(off.abs() < 63_000, "{off}");
    }

    #[test]
    fn one_clock_that_races_stands_or_jumps_changes_nothing() {
        for wrong in [|s: u64| s * 80, |_| 0, |_| (1 << 14) - 1, |s: u64| s * s * 7_919] {
            let mut clock = clock();
            for second in 1..300u64 {
                for other in 0..7 {
                    let theirs = if other == 3 { wrong(second) } else { second * 16 };
                    clock.hear(at(second * 1_000), sender(other), (theirs % (1 << 14)) as u16);
                }
                clock.slew(at(second * 1_000));
            }
            let off = clock.reading_us(at(299_000)) - 299_000_000;
            assert!(off.abs() < 63_000, "{off}");
        }
    }

    #[test]
    fn readings_wrap_without_a_jump() {
        let mut clock = clock();
        let periods = 1_024 + 5;
        for second in 1..=periods {
            clock.hear(at(second * 1_000), sender(second % 9), ((second * 16) % (1 << 14)) as u16);
            clock.slew(at(second * 1_000));
        }
        assert_eq!(clock.period(at(periods * 1_000)), periods as i64);
        assert_eq!(clock.reading(at(periods * 1_000)), 5 * 16);
    }
}
