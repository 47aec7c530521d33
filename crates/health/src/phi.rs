//! How unlikely it is that a sender which has been silent for so long is still sending.

use std::f64::consts::SQRT_2;
use std::time::Duration;

use headcount_state::Time;

/// How [`Phi`] learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhiSettings {
    /// The interval that is reckoned with before two heartbeats were seen.
    pub expected: Duration,
    /// How many intervals it remembers, 2 to 10,000: as an average that forgets, it has the mean
    /// age of a window of so many. More make fewer mistakes, fewer follow changes faster.
    pub samples: u16,
    /// The least standard deviation that is reckoned with, so that a very steady sender is not
    /// accused for a trifle.
    pub deviation_floor: Duration,
    /// How much longer than the mean a silence may be as a matter of course: the time that a pause
    /// of the sender takes, or a few lost heartbeats. None in the paper.
    pub pause: Duration,
}

impl PhiSettings {
    /// For heartbeats that are sent at this interval: 1,000 samples, a floor of a tenth of the
    /// interval, and no pause.
    pub fn every(interval: Duration) -> PhiSettings {
        PhiSettings {
            expected: interval,
            samples: 1_000,
            deviation_floor: interval / 10,
            pause: Duration::ZERO,
        }
    }
}

/// The suspicion that grows while a sender is silent: phi accrual (Hayashibara, Défago, Yared and
/// Katayama, SRDS 2004). Constant time and 32 bytes for each sender.
///
/// `phi = -log10(P(a later heartbeat than now))`, where intervals are taken to be normally
/// distributed: at phi 1 one suspicion in ten would be a mistake, at 3 one in a thousand, if they
/// were. Real intervals have a heavier tail; `docs/heartbeats.md` has measured mistakes.
///
/// Where the paper keeps a window of intervals, this keeps their exponentially weighted mean and
/// variance (West, CACM 22, 1979; Finch 2009): a window of 1,000 would take 4 to 8 kB for each
/// sender. Until it has seen enough it is their plain mean and variance. Two things differ from the
/// paper on purpose:
///
/// - An interval counts for at most the mean and eight deviations. One outage does not blind it for
///   the next thousand heartbeats; a sender that has slowed down for good is still learned.
/// - A deviation out of few intervals is not trusted: four more are imagined, each a quarter of the
///   mean away from it. Their weight goes down as intervals come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phi {
    last: Time,
    mean_us: f32,
    /// In microseconds squared.
    variance: f32,
    floor_us: f32,
    pause_us: f32,
    /// How many heartbeats were seen, up to one more than `samples`.
    heartbeats: u16,
    samples: u16,
}

/// How many intervals are imagined beside the real ones, and how far from the mean they are.
const IMAGINED: f64 = 4.0;
const IMAGINED_OFF: f64 = 0.25;

/// How many deviations above the mean an interval counts for at most.
const CLIP: f64 = 8.0;

impl Phi {
    /// The largest phi that is told: one in 10^100.
    pub const MAX: f32 = 100.0;

    /// Has seen no heartbeat yet.
    pub fn new(settings: PhiSettings) -> Phi {
        Phi {
            last: Time::ZERO,
            mean_us: micros(settings.expected).max(1.0) as f32,
            variance: 0.0,
            floor_us: micros(settings.deviation_floor).max(1.0) as f32,
            pause_us: micros(settings.pause) as f32,
            heartbeats: 0,
            samples: settings.samples.clamp(2, 10_000),
        }
    }

    /// Takes in a heartbeat that arrived at `now`. One that is not later than the latest one says
    /// nothing about intervals, and is ignored.
    pub fn record(&mut self, now: Time) {
        if self.heartbeats == 0 {
            (self.last, self.heartbeats) = (now, 1);
            return;
        }
        if now <= self.last {
            return;
        }
        let mut off = micros_between(self.last, now) - f64::from(self.mean_us);
        let most = CLIP * CLIP * self.variance_us();
        if off > 0.0 && off * off > most {
            off = most.sqrt();
        }
        let seen = f64::from(self.heartbeats);
        let weight = (1.0 / seen).max(2.0 / (f64::from(self.samples) + 1.0));
        self.variance = ((1.0 - weight) * (f64::from(self.variance) + weight * off * off)) as f32;
        self.mean_us = (f64::from(self.mean_us) + weight * off) as f32;
        self.last = now;
        self.heartbeats = (self.heartbeats + 1).min(self.samples + 1);
    }

    /// How suspicious the silence is at `now`: 0 to [`Phi::MAX`], never less as time goes on. 0
    /// before the first heartbeat, for nobody was there who could be silent.
    pub fn phi(&self, now: Time) -> f32 {
        if self.heartbeats == 0 {
            return 0.0;
        }
        let late = micros_between(self.last, now) - self.tolerated_us();
        phi_at(late / self.variance_us().sqrt()) as f32
    }

    /// When phi reaches `level`, if nothing is heard until then; `None` before the first heartbeat.
    /// Levels beyond 0 to [`Phi::MAX`] are taken for these.
    pub fn reaches(&self, level: f32) -> Option<Time> {
        self.reaches_at(deviations(level))
    }

    /// Whether the silence at `now` is at least so many deviations longer than the mean and the pause:
    /// at 3 of them phi is 2.9. Much cheaper than [`Phi::phi`]. False before the first heartbeat.
    pub fn is_beyond(&self, now: Time, deviations: f64) -> bool {
        let silence = self.tolerated_us() + deviations * self.variance_us().sqrt();
        self.heartbeats > 0 && self.last <= now && silence <= micros_between(self.last, now)
    }

    /// When the silence is so many deviations longer than the mean and the pause.
    pub(crate) fn reaches_at(&self, deviations: f64) -> Option<Time> {
        let silence = self.tolerated_us() + deviations * self.variance_us().sqrt();
        let silence = Duration::from_micros(silence.ceil().max(0.0) as u64);
        (self.heartbeats > 0).then(|| self.last + silence)
    }

    /// Whether that is before `at`, at less expense. Deviations are not below zero.
    pub(crate) fn reaches_before(&self, deviations: f64, at: Time) -> bool {
        let room = micros_between(self.last, at) - self.tolerated_us();
        room > 0.0 && deviations * deviations * self.variance_us() < room * room
    }

    /// How many deviations longer than the mean a silence is when phi reaches `level`: the same for
    /// all senders, and worth keeping, for it takes some microseconds to find.
    pub fn deviations(level: f32) -> f64 {
        deviations(level)
    }

    /// When the latest heartbeat arrived; `None` before the first one.
    pub fn last(&self) -> Option<Time> {
        (self.heartbeats > 0).then_some(self.last)
    }

    /// The mean interval of late; the expected one before two heartbeats were seen.
    pub fn mean(&self) -> Duration {
        Duration::from_micros(self.mean_us as u64)
    }

    /// The standard deviation of the intervals that is reckoned with.
    pub fn deviation(&self) -> Duration {
        Duration::from_micros(self.variance_us().sqrt() as u64)
    }

    /// On how many intervals its word rests, up to [`PhiSettings::samples`].
    pub fn intervals(&self) -> u16 {
        self.heartbeats.saturating_sub(1)
    }

    fn tolerated_us(&self) -> f64 {
        f64::from(self.mean_us) + f64::from(self.pause_us)
    }

    /// The variance that is reckoned with, in microseconds squared.
    fn variance_us(&self) -> f64 {
        let (seen, imagined) =
            (f64::from(self.intervals()), IMAGINED_OFF * f64::from(self.mean_us));
        let sum = seen * f64::from(self.variance) + IMAGINED * imagined * imagined;
        let floor = f64::from(self.floor_us);
        (sum / (seen + IMAGINED)).max(floor * floor)
    }
}

/// Phi of a silence that is so many deviations longer than the mean.
fn phi_at(deviations: f64) -> f64 {
    // Not the functions of the platform: these are the same on every machine.
    let later = libm::erfc(deviations / SQRT_2) / 2.0;
    let most = f64::from(Phi::MAX);
    if later <= 0.0 { most } else { (-libm::log10(later)).clamp(0.0, most) }
}

/// How many deviations longer than the mean a silence is when phi reaches `level`: the inverse, by
/// bisection.
pub(crate) fn deviations(level: f32) -> f64 {
    let level = f64::from(if level.is_nan() { 0.0 } else { level });
    // At the one end phi is 0, at the other the largest.
    let (mut low, mut high) = (-9.0, 25.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if phi_at(middle) < level { low = middle } else { high = middle }
    }
    high
}

pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// From `earlier` to `later`, in microseconds; 0 if that is before.
pub(crate) fn micros_between(earlier: Time, later: Time) -> f64 {
    later.as_micros().saturating_sub(earlier.as_micros()) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fed(settings: PhiSettings, intervals_ms: impl IntoIterator<Item = u64>) -> Phi {
        let mut phi = Phi::new(settings);
        let mut now = Time::from_millis(5_000);
        phi.record(now);
        for interval in intervals_ms {
            now += Duration::from_millis(interval);
            phi.record(now);
        }
        phi
    }

    fn after(phi: &Phi, ms: u64) -> f32 {
        phi.phi(phi.last().unwrap() + Duration::from_millis(ms))
    }

    /// 900 and 1,100 ms by turns: the mean is 1 s and the deviation 0.1 s. The four imagined
    /// intervals add 4 times 0.25 squared: of 1,000, sqrt((1000 * 0.01 + 0.25) / 1004) = 0.10104.
    fn known() -> Phi {
        let settings = PhiSettings { samples: 10_000, ..PhiSettings::every(SECOND) };
        fed(settings, (0..1_000).map(|i| if i % 2 == 0 { 900 } else { 1_100 }))
    }

    #[test]
    fn phi_is_what_tables_of_the_normal_distribution_say() {
        // 1 - Φ(z) of 1, 2, 3, 4 and 5: 0.158655, 0.0227501, 0.00134990, 3.16712e-5, 2.86652e-7.
        for (z, phi) in
            [(1.0, 0.79955), (2.0, 1.64302), (3.0, 2.86970), (4.0, 4.49933), (5.0, 6.54265)]
        {
            assert!((phi_at(z) - phi).abs() < 2e-5, "{z}: {}", phi_at(z));
            assert!((deviations(phi as f32) - z).abs() < 1e-4, "{phi}");
        }
        // Half of all are later than the mean, and 1 - 0.158655 than one deviation before it.
        assert!((phi_at(0.0) - 2f64.log10()).abs() < 1e-9);
        assert!((phi_at(-1.0) - 0.07503).abs() < 2e-5);
    }

    #[test]
    fn mean_and_deviation_are_those_of_what_was_seen() {
        let phi = known();
        assert_eq!(phi.intervals(), 1_000);
        assert!(phi.mean().as_micros().abs_diff(1_000_000) < 50, "{:?}", phi.mean());
        assert!(phi.deviation().as_micros().abs_diff(101_040) < 50, "{:?}", phi.deviation());
        // One deviation above the mean, and two.
        assert!((after(&phi, 1_101) - 0.7995).abs() < 0.002, "{}", after(&phi, 1_101));
        assert!((after(&phi, 1_202) - 1.6430).abs() < 0.003, "{}", after(&phi, 1_202));
    }

    #[test]
    fn a_silence_is_beyond_from_the_microsecond_on_at_which_it_reaches() {
        for (phi, deviations) in [(known(), 3.0), (known(), 0.0), (known(), 1.7)] {
            let at = phi.reaches_at(deviations).unwrap();
            assert!(phi.is_beyond(at, deviations));
            assert!(!phi.is_beyond(at - Duration::from_micros(1), deviations));
            assert!(!phi.is_beyond(Time::ZERO, deviations));
        }
        assert!(!Phi::new(PhiSettings::every(SECOND)).is_beyond(Time::MAX, 0.0));
    }

    #[test]
    fn before_the_first_heartbeat_nobody_is_suspicious() {
        let phi = Phi::new(PhiSettings::every(SECOND));
        assert_eq!((phi.phi(Time::MAX), phi.reaches(1.0), phi.last()), (0.0, None, None));
    }

    #[test]
    fn one_heartbeat_is_judged_by_what_is_expected() {
        let phi = fed(PhiSettings::every(SECOND), []);
        assert_eq!((phi.mean(), phi.deviation()), (SECOND, SECOND / 4));
        assert!((after(&phi, 1_500) - 1.64302).abs() < 1e-4, "two deviations of a quarter");
    }

    #[test]
    fn a_pause_is_tolerated_on_top_of_the_mean() {
        let pause = Duration::from_millis(500);
        let phi = fed(PhiSettings { pause, ..PhiSettings::every(SECOND) }, []);
        assert!((after(&phi, 1_500) - 2f32.log10()).abs() < 1e-4);
        let at = phi.reaches(1.64302).unwrap().as_millis();
        assert!(at.abs_diff(5_000 + 2_000) <= 1, "{at}");
    }

    #[test]
    fn few_steady_intervals_are_trusted_less_than_many() {
        let deviation =
            |count| fed(PhiSettings::every(SECOND), std::iter::repeat_n(1_000, count)).deviation();
        assert!((deviation(12).as_secs_f64() - 0.125).abs() < 1e-5, "{:?}", deviation(12));
        assert_eq!(deviation(900), SECOND / 10, "the floor");
    }

    #[test]
    fn an_outage_does_not_blind_it_and_a_slower_sender_is_learned() {
        let steady = || std::iter::repeat_n(1_000, 500);
        let settings = PhiSettings::every(SECOND);
        let before = fed(settings, steady());
        let outage = fed(settings, steady().chain([600_000]));
        let (before, after) = (before.reaches_at(5.0), outage.reaches_at(5.0));
        let silence = |at: Option<Time>, last: Time| at.unwrap().since(last).as_secs_f64();
        let (short, long) = (
            silence(before, Time::from_millis(505_000)),
            silence(after, Time::from_millis(1_105_000)),
        );
        assert!(long < short * 1.2, "{short} {long}");
        let slower = fed(settings, steady().chain(std::iter::repeat_n(3_000, 1_000)));
        assert!(slower.mean().as_millis().abs_diff(3_000) < 450, "{:?}", slower.mean());
    }

    #[test]
    fn it_fits_in_32_bytes() {
        assert_eq!(size_of::<Phi>(), 32);
    }

    proptest! {
        #[test]
        fn phi_is_a_number_that_never_falls_and_is_reached_when_it_says(
            times in prop::collection::vec(any::<u64>(), 0..30),
            near in prop::collection::vec(0..3_000_000u64, 0..60),
            (expected, floor, samples) in (any::<u32>(), any::<u32>(), any::<u16>()),
            pause in any::<u32>(),
            later in any::<u64>(),
            level in 0.0..120.0f32,
        ) {
            let expected = Duration::from_micros(expected.into());
            let deviation_floor = Duration::from_micros(floor.into());
            let pause = Duration::from_micros(pause.into());
            let mut phi = Phi::new(PhiSettings { expected, samples, deviation_floor, pause });
            let mut now = 0u64;
            let near = near.into_iter().map(|step| { now += step; now }).collect::<Vec<u64>>();
            for time in near.into_iter().chain(times) {
                phi.record(Time::from_micros(time));
                let mut before = 0.0;
                let mut silences = [0, 1, 1_000, 1_000_000, later / 2, later];
                silences.sort_unstable();
                for silence in silences {
                    let at = phi.last().unwrap() + Duration::from_micros(silence);
                    let suspicion = phi.phi(at);
                    prop_assert!((0.0..=Phi::MAX).contains(&suspicion), "{suspicion}");
                    prop_assert!(suspicion >= before);
                    before = suspicion;
                }
                let at = phi.reaches(level).unwrap();
                let (held, reached) = (level.min(Phi::MAX), phi.phi(at));
                prop_assert!(reached >= held * 0.9999 || at == Time::MAX, "{reached} {held}");
                let z = deviations(level.max(0.5));
                let by = phi.reaches_at(z).unwrap();
                let margin = Duration::from_micros(1 + by.as_micros() / 1_000_000);
                prop_assert!(phi.reaches_before(z, by + margin) || by + margin == Time::MAX);
                prop_assert!(!phi.reaches_before(z, by - margin));
                let just_before = phi.phi(at - Duration::from_micros(2));
                prop_assert!(just_before <= held * 1.0001 || at <= phi.last().unwrap());
            }
        }
    }
}
