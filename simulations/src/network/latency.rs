//! How long things take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration::{self, show};
use crate::random::fraction;

/// How long a datagram takes from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Always the same.
    Constant(#[serde(with = "duration")] Duration),
    /// Evenly between two bounds.
    Uniform {
        /// The least.
        #[serde(with = "duration")]
        from: Duration,
        /// The most.
        #[serde(with = "duration")]
        to: Duration,
    },
    /// Log-normal: most near the median, a few much later.
    LogNormal {
        /// The median.
        #[serde(with = "duration")]
        median: Duration,
        /// The standard deviation of the logarithm; 0 to 3.
        sigma: f64,
    },
    /// Pareto, cut off: most near the least, and a heavy tail, in which a latency is exceeded by
    /// twice as much with 2^-`shape` of the chance.
    Pareto {
        /// The least; more than nothing.
        #[serde(with = "duration")]
        least: Duration,
        /// How light the tail is: at 2 or less the variance has no bound but `most`. 0.5 to 10.
        shape: f64,
        /// The most: what would be longer takes this long.
        #[serde(with = "duration")]
        most: Duration,
    },
}

impl Latency {
    /// What is wrong with it, and what to change.
    pub(crate) fn check(self) -> Result<(), String> {
        match self {
            Latency::Uniform { from, to } if from > to => {
                Err(format!("`from` {} is more than `to` {}", show(from), show(to)))
            }
            Latency::LogNormal { sigma, .. } if !(0.0..=3.0).contains(&sigma) => {
                Err(format!("sigma {sigma} is out of range; use 0 to 3"))
            }
            Latency::Pareto { shape, .. } if !(0.5..=10.0).contains(&shape) => {
                Err(format!("shape {shape} is out of range; use 0.5 to 10"))
            }
            Latency::Pareto { least, most, .. } if least.is_zero() || least > most => Err(format!(
                "`least` {} must be between 1us and `most` {}",
                show(least),
                show(most)
            )),
            _ => Ok(()),
        }
    }

    /// One latency from two draws.
    pub(super) fn sample(self, first: u64, second: u64) -> Duration {
        match self {
            Latency::Constant(latency) => latency,
            Latency::Uniform { from, to } => {
                let width = to.saturating_sub(from).as_micros() as u64;
                let offset = (u128::from(first) * (u128::from(width) + 1)) >> 64;
                from + Duration::from_micros(offset as u64)
            }
            Latency::LogNormal { median, sigma } => {
                let factor = exp(sigma * normal(first, second));
                Duration::from_micros((median.as_micros() as f64 * factor).round() as u64)
            }
            Latency::Pareto { least, shape, most } => {
                // Above 0, so that there is a logarithm, and up to 1.
                let unit = 1.0 - fraction(first);
                let factor = exp(-ln(unit) / shape);
                let micros = (least.as_micros() as f64 * factor).round() as u64;
                Duration::from_micros(micros).min(most)
            }
        }
    }
}

/// Standard normal, as the scaled sum of eight uniform numbers of 16 bits each.
fn normal(first: u64, second: u64) -> f64 {
    let parts = |bits: u64| (0..4).map(move |i| f64::from((bits >> (16 * i)) as u16));
    let sum: f64 = parts(first).chain(parts(second)).map(|part| (part + 0.5) / 65_536.0).sum();
    // Eight uniforms have mean 4 and variance 8/12.
    (sum - 4.0) * 1.224_744_871_391_589
}

/// The exponential function by its series, in basic operations: the same on every machine.
fn exp(x: f64) -> f64 {
    let halved = x / 1_024.0;
    let mut series = 1.0;
    for n in (1..=8).rev() {
        series = 1.0 + halved * series / f64::from(n);
    }
    (0..10).fold(series, |power, _| power * power)
}

/// The natural logarithm of a normal positive number, in basic operations like [`exp`].
fn ln(x: f64) -> f64 {
    const MANTISSA_BITS: u32 = 52;
    let bits = x.to_bits();
    let exponent = (bits >> MANTISSA_BITS) as f64 - 1_023.0;
    let one = 1.0f64.to_bits();
    let mantissa = f64::from_bits((bits & ((1 << MANTISSA_BITS) - 1)) | one);
    // ln m = 2 artanh((m - 1) / (m + 1)), whose series converges fast, as m is less than 2.
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let series = (0..20).rev().fold(0.0, |sum, n| sum * z * z + 1.0 / f64::from(2 * n + 1));
    exponent * std::f64::consts::LN_2 + 2.0 * z * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn latencies_follow_their_distribution() {
        let mut random = Random::new(1, "test");
        let mut sample = |latency: Latency| {
            let mut all: Vec<Duration> =
                (0..10_001).map(|_| latency.sample(random.bits(), random.bits())).collect();
            all.sort_unstable();
            (all[0], all[5_000], all[8_413], all[10_000])
        };
        let (least, median, _, most) = sample(Latency::Uniform { from: MS, to: 3 * MS });
        assert!(least >= MS && most <= 3 * MS);
        assert!((1_950..2_050).contains(&median.as_micros()), "{median:?}");
        let (_, median, sigma, most) = sample(Latency::LogNormal { median: 10 * MS, sigma: 0.5 });
        assert!((9_700..10_300).contains(&median.as_micros()), "{median:?}");
        // e^0.5 = 1.6487 at one standard deviation.
        assert!((15_900..17_100).contains(&sigma.as_micros()), "{sigma:?}");
        assert!(most > 30 * MS, "{most:?}");
        let pareto = Latency::Pareto { least: MS, shape: 2.0, most: 50 * MS };
        let (least, median, _, most) = sample(pareto);
        assert!(least >= MS && most == 50 * MS, "{least:?} {most:?}");
        // Half are over 2^(1/2) times the least.
        assert!((1_390..1_440).contains(&median.as_micros()), "{median:?}");
    }

    #[test]
    fn the_tail_of_pareto_is_heavy_and_ends_where_it_is_cut() {
        let pareto = Latency::Pareto { least: MS, shape: 2.0, most: 50 * MS };
        let mut random = Random::new(1, "test");
        let all: Vec<Duration> = (0..100_000).map(|_| pareto.sample(random.bits(), 0)).collect();
        let over = |bound: Duration| all.iter().filter(|latency| **latency > bound).count();
        // The chance to be over k times the least is k^-2.
        assert!((900..1_100).contains(&over(10 * MS)), "{}", over(10 * MS));
        assert!((200..300).contains(&over(20 * MS)), "{}", over(20 * MS));
        assert_eq!(over(50 * MS), 0);
    }

    #[test]
    fn the_logarithm_is_right_where_it_is_used() {
        for x in [f64::EPSILON / 2.0, 1e-9, 0.1, 0.5, 0.75, 0.999_999, 1.0] {
            assert!((ln(x) - x.ln()).abs() < 1e-12, "{x}: {}", ln(x));
        }
    }

    #[test]
    fn the_exponential_is_right_where_it_is_used() {
        for x in [-12.0, -1.0, 0.0, 0.5, 1.0, 12.0f64] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-9, "{x}");
        }
    }
}
