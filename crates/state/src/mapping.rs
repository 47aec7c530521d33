//! Which symbols a key is part of.
//!
//! ```text
//!   key ──> 0, 1, 4, 5, 13, 31, ...       gaps grow: index i with probability 1 / (1 + i/2)
//! ```
//! The density and the way to draw from it are those of Yang, Gilad and Alizadeh, "Practical
//! Rateless Set Reconciliation" (SIGCOMM 2024), section 4. Both ends of an exchange compute them,
//! so a change here is a change of the protocol.

/// A key's way through the symbols, standing at one that it is part of. Ordered by where it
/// stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mapping {
    at: usize,
    /// Of the generator of gaps, which begins with the key.
    state: u64,
}

/// 2^64 divided by the golden ratio: the step of the generator (Steele, Lea and Flood, "Fast
/// Splittable Pseudorandom Number Generators", OOPSLA 2014).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The square root of how many random numbers there are.
const TWO_16: f64 = 65_536.0;

impl Mapping {
    /// The way of `key`, standing at symbol 0, which every key is part of.
    pub(crate) fn of(key: u32) -> Mapping {
        Mapping { at: 0, state: u64::from(key) }
    }

    /// Where it stands.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes on to the next symbol.
    ///
    /// From i on, none up to j is met with probability (i+1)(i+2) / (j+1)(j+2), which is about
    /// ((i+1.5) / (j+1.5))^2. Setting that to a random number of (0, 1] and solving for j draws the
    /// next one. (Solved exactly, ten to a hundred differences take 1 to 2 % more symbols.) The
    /// machine's square root is correctly rounded, as its division is, so every machine draws the
    /// same.
    pub(crate) fn step(&mut self) {
        self.state = self.state.wrapping_add(GOLDEN);
        let random = f64::from((mix(self.state) >> 32) as u32) + 1.0;
        let farther = TWO_16 / random.sqrt();
        let next = round_up((self.at as f64 + 1.5) * farther - 1.5);
        self.at = next.max(self.at + 1);
    }

    /// The symbols from where it stands to before `end`.
    pub(crate) fn until(mut self, end: usize) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            let at = self.at;
            if at >= end {
                return None;
            }
            self.step();
            Some(at)
        })
    }
}

/// The least integer that is not less than `value`, which is not negative and far below 2^53: where
/// the machine has no instruction for it, the library's function takes a tenth of all time.
fn round_up(value: f64) -> usize {
    let whole = value as usize;
    whole + usize::from((whole as f64) < value)
}

/// The output function of the generator (as [`GOLDEN`]).
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    #[test]
    fn the_density_falls_as_published() {
        let elements = 20_000_u32;
        let mut hits = vec![0_u32; 500];
        for number in 0..u64::from(elements) {
            Mapping::of(xxh3_64(&number.to_le_bytes()) as u32)
                .until(500)
                .for_each(|at| hits[at] += 1);
        }
        for (first, last) in [(0, 1), (1, 5), (5, 20), (20, 100), (100, 500)] {
            let expected: f64 = (first..last).map(|at| 1.0 / (1.0 + f64::from(at) / 2.0)).sum();
            let met = hits[first as usize..last as usize].iter().sum::<u32>();
            let ratio = f64::from(met) / f64::from(elements) / expected;
            assert!((0.96..1.04).contains(&ratio), "{first} to {last}: {ratio}");
        }
    }

    #[test]
    fn rounding_up_is_what_the_library_does() {
        let values = (0..200_000_u32).map(|n| f64::from(n) / 64.0);
        let large = (0..1_000_u32).map(|n| 4.0e8 + f64::from(n) / 8.0);
        for value in values.chain(large).chain([0.0, 0.5, 1.0 - 1e-16, 1.0 + 1e-15]) {
            assert_eq!(round_up(value), value.ceil() as usize, "{value}");
        }
    }

    #[test]
    fn every_machine_maps_alike() {
        let way = |key| Mapping::of(key).until(2_048).collect::<Vec<_>>();
        assert_eq!(way(0), [0, 1, 3, 27, 28, 89, 157, 379, 432, 874, 896, 1424, 1633]);
        let other = [0, 1, 3, 5, 12, 22, 25, 90, 118, 120, 222, 223, 784, 895, 1079, 2008];
        assert_eq!(way(0x89ab_cdef), other);
    }
}
