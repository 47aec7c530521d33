use std::time::Duration;

use super::poisson;
use super::tally::Totals;

/// How much a number of samples is worth.
///
/// The words follow the width of the exact 95 % interval of a rate: with fewer than five failures its
/// ends are more than seven times apart, with twenty they are two and a half times apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// No sample: there is no estimate.
    None,
    /// 1 to 4 samples.
    Low,
    /// 5 to 19 samples.
    Medium,
    /// 20 samples or more.
    High,
}

impl Confidence {
    /// The confidence that so many samples give.
    pub const fn of(samples: u64) -> Confidence {
        match samples {
            0 => Confidence::None,
            1..=4 => Confidence::Low,
            5..=19 => Confidence::Medium,
            _ => Confidence::High,
        }
    }

    /// In lower case, as shown. Stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Confidence::None => "none",
            Confidence::Low => "low",
            Confidence::Medium => "medium",
            Confidence::High => "high",
        }
    }
}

/// The mean time between failures: uptime that was seen, by failures that were seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mtbf {
    /// The mean. `None` without a failure: then nothing but `at_least` is known.
    pub mean: Option<Duration>,
    /// How many failures it rests on.
    pub samples: u64,
    /// With 95 % confidence the true mean is not below this, if failures come independently and at
    /// a steady rate. `None` if the member was never seen up.
    pub at_least: Option<Duration>,
    /// And not above this. `None` without a failure.
    pub at_most: Option<Duration>,
}

/// The mean time to recover: that of the outages which were seen from beginning to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mttr {
    /// The mean. `None` without such an outage.
    pub mean: Option<Duration>,
    /// How many outages it rests on.
    pub samples: u64,
    /// The longest of them.
    pub longest: Option<Duration>,
}

/// Failures by the time in which they would have been seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frequency {
    /// Failures on a day.
    pub per_day: f64,
    /// The ends of the exact 95 % interval, for failures that come independently and at a steady
    /// rate.
    pub interval: (f64, f64),
}

const DAY_MS: f64 = 24.0 * 60.0 * 60.0 * 1_000.0;

impl Mtbf {
    /// How much it is worth.
    pub fn confidence(&self) -> Confidence {
        Confidence::of(self.samples)
    }
}

impl Mttr {
    /// How much it is worth.
    pub fn confidence(&self) -> Confidence {
        Confidence::of(self.samples)
    }
}

impl Totals {
    /// The time in which failures and returns would have been seen.
    pub fn observed(&self) -> Duration {
        Duration::from_millis(self.up_ms.saturating_add(self.down_ms))
    }

    /// The mean time between failures.
    pub fn mtbf(&self) -> Mtbf {
        let (up_ms, samples) = (self.up_ms as f64, self.failures);
        let by = |failures: f64| (failures > 0.0).then(|| millis(up_ms / failures));
        let (low, high) = poisson::interval(samples);
        Mtbf {
            mean: self.up_ms.checked_div(samples).map(|_| millis(up_ms / samples as f64)),
            samples,
            at_least: by(high).filter(|_| self.up_ms > 0),
            at_most: by(low),
        }
    }

    /// The mean time to recover.
    pub fn mttr(&self) -> Mttr {
        let mean = (self.repairs > 0).then(|| millis(self.repair_ms as f64 / self.repairs as f64));
        let longest = mean.map(|_| Duration::from_millis(self.longest_ms));
        Mttr { mean, samples: self.repairs, longest }
    }

    /// The share of the observed time in which it was up, 0 to 1. `None` if nothing was observed.
    pub fn availability(&self) -> Option<f64> {
        let all = self.up_ms.saturating_add(self.down_ms);
        (all > 0).then(|| self.up_ms as f64 / all as f64)
    }

    /// How often it failed. `None` if nothing was observed.
    pub fn frequency(&self) -> Option<Frequency> {
        let days = self.observed().as_millis() as f64 / DAY_MS;
        let (low, high) = poisson::interval(self.failures);
        (days > 0.0).then(|| Frequency {
            per_day: self.failures as f64 / days,
            interval: (low / days, high / days),
        })
    }
}

/// To the nearest millisecond.
fn millis(ms: f64) -> Duration {
    Duration::from_millis(ms.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_change_at_five_and_at_twenty() {
        let words = [0, 1, 4, 5, 19, 20].map(|n| Confidence::of(n).as_str());
        assert_eq!(words, ["none", "low", "low", "medium", "medium", "high"]);
    }

    #[test]
    fn without_a_failure_only_a_bound_is_known() {
        let up_ms = 7 * 24 * 3_600_000;
        let mtbf = Totals { up_ms, ..Totals::default() }.mtbf();
        assert_eq!((mtbf.mean, mtbf.at_most, mtbf.samples), (None, None, 0));
        // Seven days by 3.6889: none at all would come in 2.5 % of all weeks.
        let days = mtbf.at_least.expect("a bound").as_secs_f64() / 86_400.0;
        assert!((days - 7.0 / 3.6889).abs() < 1e-3, "{days}");
        assert_eq!(Totals::default().mtbf().at_least, None);
    }

    #[test]
    fn two_failures_in_two_days_are_one_a_day_or_much_less_or_more() {
        let totals =
            Totals { failures: 2, up_ms: 43_200_000, down_ms: 129_600_000, ..Totals::default() };
        let frequency = totals.frequency().expect("two days");
        assert_eq!(frequency.per_day, 1.0);
        let (low, high) = frequency.interval;
        assert!((low - 0.1211).abs() < 1e-3 && (high - 3.6123).abs() < 1e-3, "{low} {high}");
        let mtbf = totals.mtbf();
        assert_eq!(mtbf.mean, Some(Duration::from_secs(6 * 3_600)));
        assert_eq!(totals.availability(), Some(0.25));
        let hours = |bound: Option<Duration>| bound.expect("a bound").as_secs_f64() / 3_600.0;
        assert!((hours(mtbf.at_least) - 12.0 / 7.2247).abs() < 1e-2, "{mtbf:?}");
        assert!((hours(mtbf.at_most) - 12.0 / 0.2422).abs() < 1e-2, "{mtbf:?}");
    }

    #[test]
    fn what_was_not_observed_has_no_share_and_no_frequency() {
        let none = Totals::default();
        assert_eq!((none.availability(), none.frequency()), (None, None));
        assert_eq!(none.mttr(), Mttr { mean: None, samples: 0, longest: None });
    }
}
