//! Early warning: whether a member is degrading, before it fails.
//!
//! ```text
//!   observer: trend of its link (latency, loss, phi) ── grade, in each ping ──> the member
//!   member:   median of its observers' grades ─┬─> how strained it is, in each ack
//!             late timers, doubt, load ────────┘
//! ```
//! All scores go from 0, nothing is amiss, to 1. They inform; nobody is removed for them. Only changes
//! count: a link that was always slow is no news. `docs/health.md` has what they are worth.

use std::time::Duration;

use headcount_state::{MemberId, Time};

/// A member is degrading from this warning on, in percent.
pub const DEGRADING: u8 = 50;

/// From 0 at `from` to 1 at `to`.
fn ramp(value: f32, from: f32, to: f32) -> f32 {
    ((value - from) / (to - from)).clamp(0.0, 1.0)
}

/// What several independent signs say together: the more and the stronger they are, the more.
fn together(signs: impl IntoIterator<Item = f32>) -> f32 {
    1.0 - signs.into_iter().map(|sign| 1.0 - sign).product::<f32>()
}

/// The share of the mean that a new value makes up.
fn follow(mean: &mut f32, value: f32, share: f32) {
    *mean += (value - *mean) * share;
}

/// What is new counts for so much of what a link was like of late: the last two or three pings,
const RECENT: f32 = 0.4;

/// and of what it usually is, once so many pings have been answered: the last hundred.
const USUAL: f32 = 0.02;

/// Fewer pings say nothing of what is usual.
const USUAL_MIN: u16 = 6;

/// The latency is strained from this many times on by which it is usually off, and as bad as can be
/// at that many.
const LATENCY: (f32, f32) = (1.0, 4.0);

/// So many mean deviations off is usual,
const SPREADS: f32 = 4.0;

/// or so much of the latency.
const USUALLY_OFF: f32 = 0.5;

/// The loss of late, beyond the usual one.
const LOSS: (f32, f32) = (0.2, 0.65);

/// Phi.
const PHI: (f32, f32) = (3.0, 12.0);

/// How one link changes. Constant time per ping, 20 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trend {
    usual_us: f32,
    spread_us: f32,
    recent_us: f32,
    usual_loss: f32,
    recent_loss: f32,
    answers: u16,
}

impl Trend {
    /// A ping was answered after this time, in time or not.
    pub fn answered(&mut self, took: Duration) {
        let took = took.as_micros() as f32;
        if self.answers == 0 {
            (self.usual_us, self.recent_us, self.spread_us) = (took, took, took / 2.0);
        }
        self.answers = self.answers.saturating_add(1);
        let usual = USUAL.max(1.0 / f32::from(self.answers));
        follow(&mut self.recent_us, took, RECENT);
        follow(&mut self.spread_us, (took - self.usual_us).abs(), usual);
        follow(&mut self.usual_us, took, usual);
    }

    /// Whether a ping was answered in time.
    pub fn in_time(&mut self, yes: bool) {
        let lost = f32::from(u8::from(!yes));
        let usual = USUAL.max(1.0 / f32::from(self.answers.max(USUAL_MIN)));
        follow(&mut self.recent_loss, lost, RECENT);
        follow(&mut self.usual_loss, lost, usual);
    }

    /// How strained the link is, 0 to 1, when its peer's silence is as suspicious as `phi`.
    /// Latencies that are off by less than `trifle` are nothing.
    pub fn strain(&self, phi: f32, trifle: Duration) -> f32 {
        if self.answers < USUAL_MIN {
            return 0.0;
        }
        let usually = SPREADS * self.spread_us + USUALLY_OFF * self.usual_us;
        let off = (self.recent_us - self.usual_us) / (usually + trifle.as_micros() as f32);
        together([
            ramp(off, LATENCY.0, LATENCY.1),
            ramp(self.recent_loss - self.usual_loss, LOSS.0, LOSS.1),
            ramp(phi, PHI.0, PHI.1),
        ])
    }
}

/// What the observers of a node say of their links to it: at most so many of them.
const GRADES_MAX: usize = 16;

/// The grades that a node was given of late.
#[derive(Clone, Debug, Default)]
pub struct Grades {
    grades: Vec<(MemberId, Time, u8)>,
    /// How many of them find something amiss; mostly none.
    strained: usize,
}

impl Grades {
    /// `observer` grades its link to this node, in percent.
    pub fn record(&mut self, now: Time, observer: MemberId, grade: u8) {
        let before = self.grades.iter().position(|(from, _, _)| *from == observer);
        let full = (self.grades.len() == GRADES_MAX).then_some(0);
        if let Some(place) = before.or(full) {
            let (_, _, gone) = self.grades.remove(place);
            self.strained -= usize::from(gone > 0);
        }
        self.grades.push((observer, now, grade));
        self.strained += usize::from(grade > 0);
    }

    /// The median of the grades given since `since`, 0 to 1; of an even number the lower one in the
    /// middle, so that one of two is not enough.
    pub fn median(&self, since: Time) -> f32 {
        if self.strained == 0 {
            return 0.0;
        }
        let lately = self.grades.iter().filter(|(_, at, _)| *at >= since);
        let mut lately: Vec<u8> = lately.map(|(_, _, grade)| *grade).collect();
        lately.sort_unstable();
        let middle = lately.len().saturating_sub(1) / 2;
        lately.get(middle).map_or(0.0, |grade| f32::from(*grade) / 100.0)
    }
}

/// Timers that are late by so much of a period.
const LATE: (f32, f32) = (0.1, 0.8);

/// The worst of them adds so much: any process stands still once in a while, so it takes two.
const LATE_ONCE: f32 = 0.3;

/// It counts half as much after so many periods.
const LATE_HALVED: f32 = 20.0;

/// The local health score, of its largest value.
const DOUBT: (f32, f32) = (0.2, 0.8);

/// Load in percent; alone it is never more than a part of a warning.
const LOAD: (f32, f32) = (80.0, 100.0);
const LOAD_MOST: f32 = 0.4;

/// How late a node is itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnStrain {
    /// How late its timers have been of late, 0 to 1.
    late: f32,
    at: Time,
}

impl OwnStrain {
    /// A timer that was due at `due` fires at `now`.
    pub fn fired(&mut self, due: Time, now: Time, period: Duration) {
        let late = ramp(now.since(due).as_secs_f32() / period.as_secs_f32(), LATE.0, LATE.1);
        if late > 0.0 {
            self.late = (self.left(now, period) + late * LATE_ONCE).min(1.0);
            self.at = now;
        }
    }

    /// How strained a node is, 0 to 1: late, in doubt of itself (0 to 1), loaded (percent), and as
    /// `observers` grade it.
    pub fn strain(
        &self,
        now: Time,
        period: Duration,
        doubt: f32,
        load: Option<u8>,
        observers: f32,
    ) -> f32 {
        let load = ramp(load.map_or(0.0, f32::from), LOAD.0, LOAD.1) * LOAD_MOST;
        together([self.left(now, period), ramp(doubt, DOUBT.0, DOUBT.1), load, observers])
    }

    fn left(&self, now: Time, period: Duration) -> f32 {
        if self.late == 0.0 {
            return 0.0;
        }
        let periods = now.since(self.at).as_secs_f32() / period.as_secs_f32();
        self.late * (-periods / LATE_HALVED).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);
    const TRIFLE: Duration = Duration::from_millis(10);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn at(s: u64) -> Time {
        Time::from_micros(s * 1_000_000)
    }

    fn steady(took: Duration) -> Trend {
        let mut trend = Trend::default();
        for _ in 0..50 {
            trend.in_time(true);
            trend.answered(took);
        }
        trend
    }

    #[test]
    fn a_link_that_was_always_slow_is_not_strained_and_one_that_gets_slow_is() {
        assert_eq!(steady(ms(400)).strain(0.0, TRIFLE), 0.0);
        let mut trend = steady(ms(1));
        for _ in 0..3 {
            trend.answered(ms(100));
        }
        assert!(trend.strain(0.0, TRIFLE) > 0.2, "{trend:?}");
        for _ in 0..200 {
            trend.answered(ms(100));
        }
        assert_eq!(trend.strain(0.0, TRIFLE), 0.0, "it is usual now");
    }

    #[test]
    fn trifles_and_one_bad_ping_are_no_strain() {
        let mut trend = steady(ms(1));
        (0..9).for_each(|_| trend.answered(ms(8)));
        assert_eq!(trend.strain(0.0, TRIFLE), 0.0);
        let mut trend = steady(ms(1));
        trend.in_time(false);
        assert!(trend.strain(0.0, TRIFLE) < 0.5, "{trend:?}");
        assert_eq!(Trend::default().strain(100.0, TRIFLE), 0.0, "nothing is known of it");
    }

    #[test]
    fn loss_counts_beyond_what_is_usual() {
        let mut trend = steady(ms(1));
        (0..3).for_each(|_| trend.in_time(false));
        assert!(trend.strain(0.0, TRIFLE) > 0.9, "{trend:?}");
        let mut lossy = Trend::default();
        for turn in 0..400 {
            lossy.in_time(turn % 2 == 0);
            lossy.answered(ms(1));
        }
        assert!(lossy.strain(0.0, TRIFLE) < 0.3, "{lossy:?}");
    }

    #[test]
    fn signs_add_up() {
        assert_eq!(together([0.0, 0.0]), 0.0);
        assert_eq!(together([0.5, 0.5]), 0.75);
        assert_eq!(together([1.0, 0.2]), 1.0);
        let quiet = steady(ms(1)).strain(7.5, TRIFLE);
        assert!((quiet - 0.5).abs() < 1e-6, "{quiet}");
    }

    #[test]
    fn one_observer_alone_or_one_of_two_grades_nobody_down() {
        let id = |number: u64| MemberId::of(&number.to_string());
        let mut grades = Grades::default();
        assert_eq!(grades.median(Time::ZERO), 0.0);
        grades.record(at(1), id(1), 90);
        grades.record(at(1), id(2), 0);
        assert_eq!(grades.median(Time::ZERO), 0.0);
        grades.record(at(2), id(3), 40);
        assert_eq!(grades.median(Time::ZERO), 0.4);
        grades.record(at(3), id(1), 0);
        assert_eq!(grades.median(Time::ZERO), 0.0, "only the latest of each counts");
        assert_eq!(grades.median(at(2)), 0.0, "0 and 40 are left");
        assert_eq!(grades.median(at(9)), 0.0);
        for number in 0..100 {
            grades.record(at(4), id(number), 100);
        }
        assert_eq!((grades.grades.len(), grades.median(at(4))), (GRADES_MAX, 1.0));
        for number in 0..100 {
            grades.record(at(5), id(number), 0);
        }
        assert_eq!((grades.strained, grades.median(at(4))), (0, 0.0));
    }

    #[test]
    fn one_pause_is_some_strain_and_several_are_more_and_it_wears_off() {
        let mut own = OwnStrain::default();
        let strain = |own: &OwnStrain, s| own.strain(at(s), PERIOD, 0.0, None, 0.0);
        own.fired(at(1), at(1) + ms(50), PERIOD);
        assert_eq!(strain(&own, 2), 0.0);
        own.fired(at(3), at(4), PERIOD);
        own.fired(at(4), at(4), PERIOD);
        let near = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-3, "{found}");
        near(strain(&own, 4), 0.3);
        near(strain(&own, 24), 0.15);
        own.fired(at(23), at(24), PERIOD);
        near(strain(&own, 24), 0.45);
        (0..9).for_each(|_| own.fired(at(23), at(24), PERIOD));
        near(strain(&own, 24), 1.0);
        near(strain(&own, 224), 0.0);
    }

    #[test]
    fn load_alone_is_no_warning_but_adds_to_one() {
        let own = OwnStrain::default();
        let strain = |load, observers| own.strain(at(1), PERIOD, 0.0, load, observers);
        assert_eq!(strain(Some(80), 0.0), 0.0);
        assert!((strain(Some(100), 0.0) - LOAD_MOST).abs() < 1e-6);
        assert_eq!(strain(None, 0.5), 0.5);
        assert!((strain(Some(100), 0.5) - 0.7).abs() < 1e-6);
        assert_eq!(own.strain(at(1), PERIOD, 1.0, None, 0.0), 1.0);
    }
}
