//! When the next heartbeat is expected, by a short and a long memory.

use std::time::Duration;

use headcount_state::Time;

use crate::phi::{micros, micros_between};

/// How [`TwoWindow`] learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoWindowSettings {
    /// The interval that is reckoned with before two heartbeats were seen.
    pub expected: Duration,
    /// How many heartbeats the short memory has, 1 to 10,000. With 1 the next heartbeat is expected
    /// an interval after the last one.
    pub short: u16,
    /// How many the long one has, 2 to 10,000 and not below `short`. With both equal it is the
    /// estimator of Chen, Toueg and Aguilera.
    pub long: u16,
}

impl TwoWindowSettings {
    /// For heartbeats that are sent at this interval: 1 and 1,000, as in the paper.
    pub fn every(interval: Duration) -> TwoWindowSettings {
        TwoWindowSettings { expected: interval, short: 1, long: 1_000 }
    }
}

/// When the next heartbeat of a sender is expected: the later of what a short and a long memory
/// say. Constant time and 32 bytes for each sender.
///
/// The estimate is that of Chen, Toueg and Aguilera (IEEE Transactions on Computers 51, 2002,
/// section 5.2), with two windows as in 2W-FD (Tomsic, Sens, Garcia, Arantes and Sopena, IPDPS
/// 2015): the long one averages jitter away, the short one follows when the network gets slower.
/// The sender is suspected a constant margin after that: [`TwoWindow::deadline`].
///
/// The papers know the sending interval and number the heartbeats. Here neither is asked for: the
/// interval is learned, and a gap of about n intervals is n - 1 lost heartbeats. In place of the
/// windows there is a line through the arrivals, by least squares while they are fewer than the
/// window and forgetting beyond (Morrison, Introduction to Sequential Smoothing and Prediction,
/// 1969): three numbers, not thousands. When more than a quarter of the gaps are not one interval,
/// the sender is thought to have another interval now, and the line begins anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoWindow {
    last: Time,
    /// When the next one is expected, since `last`.
    short_us: f32,
    long_us: f32,
    interval_us: f32,
    /// How many heartbeats the line goes through, up to `long`.
    heartbeats: u16,
    short: u16,
    long: u16,
    /// How often of late the gap was not one interval.
    astray: u8,
}

/// With so many points in `astray`, the interval is another one. A gap that is not one interval
/// gives three, one that is takes one: up to a quarter may be lost for ever.
const ASTRAY: u8 = 16;

impl TwoWindow {
    /// Has seen no heartbeat yet.
    pub fn new(settings: TwoWindowSettings) -> TwoWindow {
        let short = settings.short.clamp(1, 10_000);
        TwoWindow {
            last: Time::ZERO,
            short_us: 0.0,
            long_us: 0.0,
            interval_us: micros(settings.expected).max(1.0) as f32,
            heartbeats: 0,
            short,
            long: settings.long.clamp(short.max(2), 10_000),
            astray: 0,
        }
    }

    /// Takes in a heartbeat that arrived at `now`. One that is not later than the latest one is
    /// ignored.
    pub fn record(&mut self, now: Time) {
        if self.heartbeats == 0 {
            self.begin(now, self.interval_us);
            return;
        }
        if now <= self.last {
            return;
        }
        let gap = micros_between(self.last, now);
        let (short_us, long_us) = (f64::from(self.short_us), f64::from(self.long_us));
        let mut interval = f64::from(self.interval_us);
        // How many heartbeats this one is after the last one. None: it was taken for lost. Mostly it
        // is the next one, and nothing needs to be divided to see that.
        let one = (gap - long_us).abs() < interval / 2.0;
        let least = u64::from(self.heartbeats == 1);
        let number = |late: f64| ((late / interval + 1.5) as u64).max(least) as f64;
        let steps = if one { 1.0 } else { number(gap - long_us) };
        self.astray = if one { self.astray.saturating_sub(1) } else { self.astray + 3 };
        if self.astray >= ASTRAY {
            self.begin(now, gap as f32);
            return;
        }
        let skipped = (steps - 1.0) * interval;
        let points = (self.heartbeats + 1).min(self.long);
        let mut long = long_us - gap;
        if steps >= 1.0 {
            let (place, slope) = weights(points);
            let late = gap - long_us - skipped;
            let slower = if one { slope * late } else { slope * late / steps };
            interval = (interval + slower).max(1.0);
            long = interval - (1.0 - place) * late;
            self.heartbeats = points;
        }
        let place = if self.short == 1 { 1.0 } else { weights(points.min(self.short)).0 };
        let short = interval - (1.0 - place) * (gap - short_us - skipped);
        (self.short_us, self.long_us) = (short as f32, long as f32);
        self.interval_us = interval as f32;
        self.last = now;
    }

    /// When the next heartbeat is expected; `None` before the first one.
    pub fn expected(&self) -> Option<Time> {
        let wait = Duration::from_micros(self.short_us.max(self.long_us).max(0.0) as u64);
        (self.heartbeats > 0).then(|| self.last + wait)
    }

    /// From when on the sender is to be suspected, with this margin, if nothing is heard until
    /// then: the freshness point. `None` before the first heartbeat.
    pub fn deadline(&self, margin: Duration) -> Option<Time> {
        self.expected().map(|expected| expected + margin)
    }

    /// Whether that is before `at`, at less expense.
    pub(crate) fn deadline_before(&self, margin_us: u64, at: Time) -> bool {
        let wait = self.short_us.max(self.long_us).max(0.0) as u64;
        self.last.as_micros().saturating_add(wait).saturating_add(margin_us) < at.as_micros()
    }

    /// How much of the margin is used up at `now`: 0 up to when the heartbeat is expected, 1 at the
    /// deadline, and more from then on, up to 1,000. 0 before the first heartbeat.
    pub fn level(&self, now: Time, margin: Duration) -> f32 {
        let Some(expected) = self.expected() else { return 0.0 };
        let (late, margin) = (micros_between(expected, now), micros(margin).max(1.0));
        (late / margin).min(1_000.0) as f32
    }

    /// When the latest heartbeat arrived; `None` before the first one.
    pub fn last(&self) -> Option<Time> {
        (self.heartbeats > 0).then_some(self.last)
    }

    /// The interval at which the sender is thought to send.
    pub fn interval(&self) -> Duration {
        Duration::from_micros(self.interval_us as u64)
    }

    fn begin(&mut self, now: Time, interval_us: f32) {
        (self.last, self.heartbeats, self.astray) = (now, 1, 0);
        (self.interval_us, self.short_us, self.long_us) = (interval_us, interval_us, interval_us);
    }
}

/// How much the latest of so many points moves the end of their line of least squares, and its
/// slope. One point is all of the end.
fn weights(points: u16) -> (f64, f64) {
    let points = f64::from(points);
    let share = 1.0 / (points * (points + 1.0));
    ((2.0 * (2.0 * points - 1.0) * share).min(1.0), (6.0 * share).min(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fed(settings: TwoWindowSettings, times_ms: impl IntoIterator<Item = u64>) -> TwoWindow {
        let mut windows = TwoWindow::new(settings);
        times_ms.into_iter().for_each(|time| windows.record(Time::from_millis(time)));
        windows
    }

    fn expected_ms(windows: &TwoWindow) -> f64 {
        windows.expected().unwrap().as_micros() as f64 / 1e3
    }

    #[test]
    fn before_the_first_heartbeat_nothing_is_expected() {
        let windows = TwoWindow::new(TwoWindowSettings::every(SECOND));
        assert_eq!((windows.expected(), windows.deadline(SECOND)), (None, None));
        assert_eq!((windows.last(), windows.level(Time::MAX, SECOND)), (None, 0.0));
    }

    #[test]
    fn after_one_heartbeat_the_next_is_expected_an_interval_later() {
        let windows = fed(TwoWindowSettings::every(SECOND), [5_000]);
        assert_eq!(windows.deadline(SECOND / 2), Some(Time::from_millis(6_500)));
        let level = |ms| windows.level(Time::from_millis(ms), SECOND / 2);
        assert_eq!([5_000, 6_000, 6_250, 6_500, 7_000].map(level), [0.0, 0.0, 0.5, 1.0, 2.0]);
    }

    /// Heartbeats at 0, 1,000 and 2,090 ms. The line of least squares through them has the slope
    /// 1,045 and its middle is (1, 1,030), so that at 3 it is at 3,120.
    #[test]
    fn the_long_memory_is_the_line_of_least_squares() {
        let three = [0, 1_000, 2_090];
        let both_long = TwoWindowSettings { short: 1_000, ..TwoWindowSettings::every(SECOND) };
        let windows = fed(both_long, three);
        assert!((expected_ms(&windows) - 3_120.0).abs() < 0.5, "{}", expected_ms(&windows));
        assert!(windows.interval().as_micros().abs_diff(1_045_000) < 10);
        // The last came late by 45 against the line, and the short memory takes it as it is.
        let windows = fed(TwoWindowSettings::every(SECOND), three);
        assert!((expected_ms(&windows) - 3_135.0).abs() < 0.5, "{}", expected_ms(&windows));
    }

    #[test]
    fn a_late_heartbeat_moves_the_short_memory_and_hardly_the_long_one() {
        let steady = (0..500).map(|i| i * 1_000);
        let windows = fed(TwoWindowSettings::every(SECOND), steady.clone().chain([500_300]));
        assert!((expected_ms(&windows) - 501_300.0).abs() < 2.0, "{}", expected_ms(&windows));
        let chen = TwoWindowSettings { short: 1_000, ..TwoWindowSettings::every(SECOND) };
        let windows = fed(chen, steady.chain([500_300]));
        assert!((expected_ms(&windows) - 501_000.0).abs() < 5.0, "{}", expected_ms(&windows));
        // And an early one the other way round.
        let early = (0..500).map(|i| i * 1_000).chain([499_700]);
        let windows = fed(TwoWindowSettings::every(SECOND), early);
        assert!((expected_ms(&windows) - 501_000.0).abs() < 5.0, "{}", expected_ms(&windows));
    }

    #[test]
    fn lost_heartbeats_do_not_move_the_line() {
        // One in five is lost, and once a hundred in a row.
        let kept = (0..2_000u64).filter(|i| i % 5 != 3 && !(900..1_000).contains(i));
        let windows = fed(TwoWindowSettings::every(SECOND), kept.map(|i| i * 1_000));
        assert!((expected_ms(&windows) - 2_000_000.0).abs() < 1.0, "{}", expected_ms(&windows));
        assert!(windows.interval().as_micros().abs_diff(1_000_000) < 5);
    }

    #[test]
    fn a_heartbeat_that_was_taken_for_lost_does_not_move_the_line_either() {
        let settings = TwoWindowSettings { short: 1_000, ..TwoWindowSettings::every(SECOND) };
        let times = (0..100).map(|i| i * 1_000).chain([100_800, 101_000]);
        let windows = fed(settings, times);
        assert!((expected_ms(&windows) - 102_000.0).abs() < 10.0, "{}", expected_ms(&windows));
    }

    #[test]
    fn another_interval_is_learned_soon() {
        for (interval, within) in [(2_000, 12), (5_000, 12), (1_500, 20), (500, 20), (100, 12)] {
            let mut windows = fed(TwoWindowSettings::every(SECOND), (0..300).map(|i| i * 1_000));
            let mut now = Time::from_millis(299_000);
            for _ in 0..within {
                now += Duration::from_millis(interval);
                windows.record(now);
            }
            let learned = windows.interval().as_millis() as u64;
            assert!(learned.abs_diff(interval) <= 1, "{interval}: {learned}");
            let next = windows.expected().unwrap().since(now).as_millis() as u64;
            assert!(next.abs_diff(interval) <= 1, "{interval}: {next}");
        }
    }

    #[test]
    fn what_is_expected_at_first_need_not_be_right() {
        for interval in [10, 400, 3_000, 60_000] {
            let times = (0..20).map(|i| i * interval);
            let windows = fed(TwoWindowSettings::every(SECOND), times);
            let next = expected_ms(&windows);
            assert!((next - 20.0 * interval as f64).abs() < 1.0, "{interval}: {next}");
        }
    }

    #[test]
    fn it_fits_in_32_bytes() {
        assert_eq!(size_of::<TwoWindow>(), 32);
    }

    proptest! {
        /// Arrivals with a jitter that is never taken for a loss.
        #[test]
        fn up_to_its_window_it_is_least_squares(jitter in prop::collection::vec(0..200u64, 3..60)) {
            let arrivals: Vec<(f64, f64)> = jitter
                .iter()
                .enumerate()
                .map(|(i, late)| (i as f64, (i as u64 * 1_000 + late) as f64))
                .collect();
            let both_long = TwoWindowSettings { short: 1_000, ..TwoWindowSettings::every(SECOND) };
            let windows = fed(both_long, arrivals.iter().map(|(_, at)| *at as u64));
            let count = arrivals.len() as f64;
            let (x, y) = arrivals.iter().fold((0.0, 0.0), |(x, y), a| (x + a.0, y + a.1));
            let (x, y) = (x / count, y / count);
            let both: f64 = arrivals.iter().map(|a| (a.0 - x) * (a.1 - y)).sum();
            let square: f64 = arrivals.iter().map(|a| (a.0 - x) * (a.0 - x)).sum();
            let line = y + both / square * (count - x);
            prop_assert!((expected_ms(&windows) - line).abs() < 0.5, "{windows:?} {line}");
        }

        #[test]
        fn whatever_comes_it_expects_something_after_the_last_heartbeat(
            times in prop::collection::vec(any::<u64>(), 0..30),
            near in prop::collection::vec(0..3_000_000u64, 0..200),
            (expected, short, long) in (any::<u32>(), any::<u16>(), any::<u16>()),
            margin in any::<u32>(),
        ) {
            let expected = Duration::from_micros(expected.into());
            let margin = Duration::from_micros(margin.into());
            let mut windows = TwoWindow::new(TwoWindowSettings { expected, short, long });
            let mut now = 0u64;
            let near = near.into_iter().map(|step| { now += step; now }).collect::<Vec<u64>>();
            for time in near.into_iter().chain(times) {
                windows.record(Time::from_micros(time));
                let (last, next) = (windows.last().unwrap(), windows.expected().unwrap());
                prop_assert!(next >= last && windows.interval() > Duration::ZERO, "{windows:?}");
                let deadline = windows.deadline(margin).unwrap();
                let level = windows.level(deadline, margin);
                prop_assert!(margin.is_zero() || deadline == Time::MAX || (level - 1.0).abs() < 0.01);
                prop_assert!(windows.level(Time::MAX, margin).is_finite());
            }
        }
    }
}
