//! How long things take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

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
}

impl Latency {
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
    }

    #[test]
    fn the_exponential_is_right_where_it_is_used() {
        for x in [-12.0, -1.0, 0.0, 0.5, 1.0, 12.0f64] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-9, "{x}");
        }
    }
}
