//! How sure a count is.

use statrs::distribution::{ContinuousCDF, Gamma};

/// What each tail of the interval holds.
const TAIL: f64 = 0.025;

/// From so many on a Poisson count is normal to four digits and more, and quantiles take long.
const NORMAL_FROM: u64 = 100_000;

/// Of a normal distribution, 2.5 % lie so many standard deviations above the mean.
const NORMAL_TAIL: f64 = 1.959_964;

/// The exact 95 % interval for the mean of a Poisson count (Garwood, Biometrika 28, 1936): the means
/// for which `count` or less, or `count` or more, would come in 2.5 % of all cases.
pub(crate) fn interval(count: u64) -> (f64, f64) {
    if count >= NORMAL_FROM {
        let (mean, wide) = (count as f64, NORMAL_TAIL * (count as f64).sqrt());
        return (mean - wide, mean + wide);
    }
    let quantile =
        |shape: f64, share| Gamma::new(shape, 1.0).map_or(f64::NAN, |g| g.inverse_cdf(share));
    let count = count as f64;
    let low = if count > 0.0 { quantile(count, TAIL) } else { 0.0 };
    (low, quantile(count + 1.0, 1.0 - TAIL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_one_of_the_tables() {
        for (count, low, high) in [
            (0, 0.0, 3.6889),
            (1, 0.0253, 5.5716),
            (2, 0.2422, 7.2247),
            (5, 1.6235, 11.6683),
            (10, 4.7954, 18.3904),
            (100, 81.3639, 121.6271),
        ] {
            let found = interval(count);
            assert!((found.0 - low).abs() < 5e-4, "{count}: {found:?}");
            assert!((found.1 - high).abs() < 5e-4, "{count}: {found:?}");
        }
    }

    #[test]
    fn where_the_normal_distribution_takes_over_nothing_jumps() {
        let (exact, normal) = (interval(NORMAL_FROM - 1), interval(NORMAL_FROM));
        assert!((exact.0 - normal.0).abs() < 5.0, "{exact:?} {normal:?}");
        assert!((exact.1 - normal.1).abs() < 5.0, "{exact:?} {normal:?}");
        assert!(interval(u64::MAX).0 > 1e19);
    }
}
