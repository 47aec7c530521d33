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
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (0.012_34, "0.0123"),
            (0.000_12, "1.2e-4"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
