//! Numbers over seeds.

use serde::Serialize;

/// A measurement over several runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Summary {
    /// How many runs measured it.
    pub(super) runs: usize,
    pub(super) mean: f64,
    pub(super) median: f64,
    pub(super) p99: f64,
}

impl Summary {
    /// `None` if there is nothing to sum up.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Summary> {
        values.sort_by(f64::total_cmp);
        Some(Summary {
            runs: values.len(),
            mean: values.iter().sum::<f64>() / values.len() as f64,
            median: quantile(&values, 0.5)?,
            p99: quantile(&values, 0.99)?,
        })
    }
}

/// The smallest of the sorted values that at least this share of them does not exceed.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// A value, and where it lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Interval {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Of how many.
    pub(super) samples: usize,
}

impl Interval {
    pub(super) fn show(&self) -> String {
        format!("{} [{}, {}]", short(self.value), short(self.low), short(self.high))
    }
}

/// The quantile of the normal distribution for 95 %.
const Z: f64 = 1.96;

/// `some` of `all`, with Wilson's score interval (Wilson, JASA 22, 1927).
pub(super) fn share_interval(some: usize, all: usize) -> Option<Interval> {
    let samples = all;
    let (some, all) = (some as f64, all as f64);
    (samples > 0).then(|| {
        let value = some / all;
        let middle = (value + Z * Z / (2.0 * all)) / (1.0 + Z * Z / all);
        let spread = (value * (1.0 - value) / all + Z * Z / (4.0 * all * all)).sqrt();
        let half = Z * spread / (1.0 + Z * Z / all);
        let (low, high) = ((middle - half).max(0.0), (middle + half).min(1.0));
        Interval { value, low, high, samples }
    })
}

/// The mean, with the interval of a normal distribution.
pub(super) fn mean_interval(values: &[f64]) -> Option<Interval> {
    let samples = values.len();
    let all = samples as f64;
    (samples > 0).then(|| {
        let value = values.iter().sum::<f64>() / all;
        let squares: f64 = values.iter().map(|one| (one - value).powi(2)).sum();
        let half = Z * (squares / (all - 1.0).max(1.0) / all).sqrt();
        Interval { value, low: value - half, high: value + half, samples }
    })
}

/// A number with as many digits as tell something.
pub(super) fn short(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.001 => 4,
        _ => return format!("{value:.1e}"),
    };
    let shown = format!("{value:.digits$}");
    match digits {
        0 => shown,
        _ => shown.trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_hold_the_value_and_get_narrower_with_more_samples() {
        // Wilson, for 8 of 10: 0.490 to 0.943.
        let few = share_interval(8, 10).unwrap();
        assert!((few.low - 0.490).abs() < 1e-3 && (few.high - 0.943).abs() < 1e-3, "{few:?}");
        assert!(share_interval(800, 1_000).unwrap().low > 0.77);
        assert_eq!(share_interval(0, 0), None);
        let mean = mean_interval(&[1.0, 2.0, 3.0]).unwrap();
        assert!((mean.value - 2.0).abs() < 1e-9 && (mean.high - 3.1316).abs() < 1e-3, "{mean:?}");
        assert_eq!(mean_interval(&[]), None);
    }

    #[test]
    fn a_summary_ranks_the_values() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let expected = Summary { runs: 200, mean: 100.5, median: 100.0, p99: 198.0 };
        assert_eq!(Summary::of(values), Some(expected));
        assert_eq!(Summary::of(vec![7.0]).map(|s| (s.median, s.p99)), Some((7.0, 7.0)));
        assert_eq!(Summary::of(Vec::new()), None);
    }

    #[test]
    fn numbers_keep_the_digits_that_tell_something() {
        for (value, text) in [
            (0.0, "0"),
            (12_345.6, "12346"),
            (17.0, "17"),
            (12.44, "12.4"),
            (1.582, "1.58"),
            (0.2, "0.2"),
            (1.999, "2"),
            (0.012_34, "0.0123"),
            (0.000_12, "1.2e-4"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
