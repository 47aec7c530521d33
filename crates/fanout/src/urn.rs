//! Drawing without replacement from the numbers `0..n`, at a cost that does not know n.
//!
//! It is the Fisher-Yates shuffle (Durstenfeld's form) with the array left out: only the places
//! whose content moved are remembered, at most one per number taken. So k draws need exactly k
//! random numbers, nothing is drawn and thrown away, and every k-subset is equally likely.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};

pub(crate) struct Urn {
    left: usize,
    moved: BTreeMap<usize, usize>,
}

impl Urn {
    /// The numbers `0..n` but for `excluded`, which must be distinct, below `n` and descending.
    ///
    /// Descending, because then the number that fills an excluded one's place is never itself
    /// excluded, and each of them is still in its own place when its turn comes.
    pub(crate) fn new(n: usize, excluded: impl Iterator<Item = usize>) -> Urn {
        let mut urn = Urn { left: n, moved: BTreeMap::new() };
        for number in excluded {
            urn.take(number);
        }
        urn
    }

    /// One of the numbers left, each equally likely, or none when the urn is empty.
    pub(crate) fn draw<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let place = rng.random_range(0..self.left);
        Some(self.take(place))
    }

    /// Takes the number in `place` and fills the place with the last number.
    fn take(&mut self, place: usize) -> usize {
        self.left -= 1;
        let last = self.moved.remove(&self.left).unwrap_or(self.left);
        if place == self.left {
            return last;
        }
        self.moved.insert(place, last).unwrap_or(place)
    }
}
