//! Where every random number of a simulation comes from: one seed, and one generator for each use
//! of it, so that what one node draws never shifts what another one draws.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The seed of use number `index` of the kind `label`.
pub(crate) fn derive(seed: u64, label: &str, index: u64) -> u64 {
    let mut text = Vec::with_capacity(label.len() + 8);
    text.extend_from_slice(label.as_bytes());
    text.extend_from_slice(&index.to_le_bytes());
    xxh3_64_with_seed(&text, seed)
}

/// The bits as a number in [0, 1).
pub(crate) fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// A generator whose helpers take a fixed number of draws and use only the four basic operations,
/// so that its values are the same on every machine and in every build.
#[derive(Clone, Debug)]
pub(crate) struct Random(Xoshiro256PlusPlus);

impl Random {
    pub(crate) fn new(seed: u64, label: &str) -> Random {
        Random(Xoshiro256PlusPlus::seed_from_u64(derive(seed, label, 0)))
    }

    /// 64 random bits; one draw.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1); one draw.
    pub(crate) fn unit(&mut self) -> f64 {
        fraction(self.bits())
    }

    /// Uniform below `bound`, 0 for a bound of 0; one draw.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// `items` in random order; one draw for each.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..=items.len()).rev() {
            items.swap(end - 1, self.below(end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_of_one_seed_differ_and_repeat() {
        let first = |seed, label| Random::new(seed, label).bits();
        assert_eq!(first(1, "network"), first(1, "network"));
        assert_ne!(first(1, "network"), first(1, "faults"));
        assert_ne!(first(1, "network"), first(2, "network"));
        assert_ne!(derive(1, "engine", 0), derive(1, "engine", 1));
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_reach_them_all() {
        let mut random = Random::new(3, "test");
        let mut hit = [0; 5];
        for _ in 0..1_000 {
            hit[random.below(5)] += 1;
            assert!((0.0..1.0).contains(&random.unit()));
        }
        assert!(hit.iter().all(|count| (140..260).contains(count)), "{hit:?}");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::new(3, "test").shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<u32>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<u32>>());
    }
}
