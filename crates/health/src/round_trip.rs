//! How long a link takes there and back.

use std::time::Duration;

/// An answer may take this many mean deviations longer than the mean.
pub(crate) const TIMEOUT_DEVIATIONS: u32 = 4;

/// The smoothed round trip of one link and its mean deviation (Jacobson, SIGCOMM 1988; RFC 6298).
/// Constant time and eight bytes per link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrip {
    mean_us: u32,
    /// Zero until the first sample, and at least one from then on.
    deviation_us: u32,
}

impl RoundTrip {
    /// Takes in one round trip. Whole microseconds count, at most 71 minutes.
    pub fn record(&mut self, sample: Duration) {
        let sample = u32::try_from(sample.as_micros()).unwrap_or(u32::MAX);
        if self.deviation_us == 0 {
            *self = RoundTrip { mean_us: sample, deviation_us: (sample / 2).max(1) };
            return;
        }
        let off = u64::from(self.mean_us.abs_diff(sample));
        let deviation = (3 * u64::from(self.deviation_us) + off) / 4;
        let mean = (7 * u64::from(self.mean_us) + u64::from(sample)) / 8;
        *self = RoundTrip { mean_us: mean as u32, deviation_us: (deviation as u32).max(1) };
    }

    /// The mean of late; `None` before the first sample.
    pub fn mean(&self) -> Option<Duration> {
        let micros = |mean: u32| Duration::from_micros(mean.into());
        (self.deviation_us > 0).then_some(micros(self.mean_us))
    }

    /// The mean deviation from the mean: jitter. Zero before the first sample.
    pub fn deviation(&self) -> Duration {
        Duration::from_micros(self.deviation_us.into())
    }

    /// How long an answer may reasonably take: the mean and four deviations; `None` before the
    /// first sample.
    pub fn timeout(&self) -> Option<Duration> {
        self.mean().map(|mean| mean + self.deviation() * TIMEOUT_DEVIATIONS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_first_sample_counts_as_the_mean_and_half_of_it_as_deviation() {
        let mut link = RoundTrip::default();
        assert_eq!((link.mean(), link.timeout()), (None, None));
        link.record(ms(100));
        assert_eq!(link.mean(), Some(ms(100)));
        assert_eq!(link.timeout(), Some(ms(300)));
    }

    #[test]
    fn a_steady_link_comes_close_to_its_mean_and_a_jittery_one_keeps_its_distance() {
        let (mut steady, mut jittery) = (RoundTrip::default(), RoundTrip::default());
        for turn in 0..200 {
            steady.record(ms(150));
            jittery.record(ms(if turn % 2 == 0 { 100 } else { 200 }));
        }
        assert!(steady.timeout().unwrap() < ms(151), "{steady:?}");
        assert!(jittery.timeout().unwrap() > ms(300), "{jittery:?}");
    }

    #[test]
    fn no_sample_is_too_large() {
        let mut link = RoundTrip::default();
        for _ in 0..9 {
            link.record(Duration::MAX);
        }
        assert_eq!(link.mean(), Some(Duration::from_micros(u32::MAX.into())));
    }
}
