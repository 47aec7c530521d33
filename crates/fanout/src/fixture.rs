//! What the tests of this crate share.

use std::convert::Infallible;

use headcount_state::MemberId;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{SeedableRng, TryRng};

pub(crate) fn member(number: u64) -> MemberId {
    MemberId::from_u64(number + 1).unwrap()
}

pub(crate) fn seeded(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// Pearson's statistic: how far `counts` are from the shares `expected`, which sum to one.
pub(crate) fn chi_square(counts: &[u32], expected: &[f64]) -> f64 {
    assert_eq!(counts.len(), expected.len());
    let total = f64::from(counts.iter().sum::<u32>());
    let terms = counts.iter().zip(expected).map(|(&count, &share)| {
        let expected = share * total;
        (f64::from(count) - expected).powi(2) / expected
    });
    terms.sum()
}

/// A generator that counts the words drawn from it.
pub(crate) struct CountingRng {
    pub(crate) draws: u32,
    inner: Xoshiro256PlusPlus,
}

impl CountingRng {
    pub(crate) fn new(seed: u64) -> CountingRng {
        CountingRng { draws: 0, inner: seeded(seed) }
    }
}

impl TryRng for CountingRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.draws += 1;
        self.inner.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.draws += 1;
        self.inner.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.draws += bytes.len().div_ceil(8) as u32;
        self.inner.try_fill_bytes(bytes)
    }
}
