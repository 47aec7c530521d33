//! Coded symbols: what two tables exchange to find out where they differ.
//!
//! ```text
//!   elements   a     b     c            symbol 0   a ^ b ^ c
//!              |\    |     |\                  1   a
//!              0 1   0     0 2                 2   c
//! ```
//! Subtracting (by exclusive or) another table's symbol leaves that of the difference, whatever
//! the tables have in common. A longer sketch begins with the shorter one, so nobody has to guess
//! the size of the difference first. There is no count of elements in a symbol: whether one is
//! one's own is found by looking it up.

use crate::mapping::{Mapping, check_of};

/// The most symbols of a sketch: enough for some 2,900 differences, in 48 KiB as they are
/// sent. A changed member is two differences.
pub const SKETCH_SYMBOLS_MAX: usize = 4_096;

/// One coded symbol: what the elements that are mapped to it add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// The exclusive or of the elements.
    pub sum: u64,
    /// The exclusive or of the elements' checks.
    pub check: u32,
}

impl Symbol {
    /// Adds what another symbol, or one element with its check, adds up to; or takes it away.
    pub(crate) fn toggle(&mut self, other: Symbol) {
        self.sum ^= other.sum;
        self.check ^= other.check;
    }

    /// The symbol of one element.
    pub(crate) fn alone(element: u64) -> Symbol {
        Symbol { sum: element, check: check_of(element) }
    }

    /// Whether no element is left in it.
    pub(crate) fn is_zero(self) -> bool {
        self == Symbol::default()
    }

    /// Whether it looks like one element alone: sums of several do once in 2^32.
    pub(crate) fn looks_alone(self) -> bool {
        self == Symbol::alone(self.sum)
    }
}

/// The first coded symbols of a set of elements, kept in step with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    symbols: Vec<Symbol>,
}

impl Sketch {
    /// The symbols.
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// Adds an element that is not in the set, or takes one out that is. About 2 ln(symbols) steps.
    pub fn toggle(&mut self, element: u64) {
        self.toggle_from(0, element, Symbol::alone(element));
    }

    /// Makes it `len` symbols long, at most [`SKETCH_SYMBOLS_MAX`]; `elements` are all those in the
    /// set. Never shortens it.
    pub fn grow(&mut self, len: usize, elements: impl Iterator<Item = u64>) {
        let from = self.symbols.len();
        let len = len.min(SKETCH_SYMBOLS_MAX);
        if len <= from {
            return;
        }
        self.symbols.reserve_exact(len - from);
        self.symbols.resize(len, Symbol::default());
        for element in elements {
            self.toggle_from(from, element, Symbol::alone(element));
        }
    }

    fn toggle_from(&mut self, from: usize, element: u64, alone: Symbol) {
        for at in Mapping::of(element).until(self.symbols.len()).skip_while(|at| *at < from) {
            self.symbols[at].toggle(alone);
        }
    }

    /// The bytes that it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.symbols.capacity() * size_of::<Symbol>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(len: usize, elements: &[u64]) -> Sketch {
        let mut sketch = Sketch::default();
        sketch.grow(len, elements.iter().copied());
        sketch
    }

    proptest! {
        #[test]
        fn growing_and_toggling_come_to_the_same_as_building_it_at_once(
            elements in prop::collection::vec(any::<u64>(), 0..20),
            extra in any::<u64>(),
            lens in (0..300_usize, 0..300_usize),
        ) {
            let mut sketch = whole(lens.0, &elements);
            sketch.grow(lens.1, elements.iter().copied());
            prop_assert_eq!(&sketch, &whole(lens.0.max(lens.1), &elements));
            sketch.toggle(extra);
            let more = [elements.as_slice(), &[extra]].concat();
            prop_assert_eq!(&sketch, &whole(lens.0.max(lens.1), &more));
            sketch.toggle(extra);
            prop_assert_eq!(&sketch, &whole(lens.0.max(lens.1), &elements));
        }
    }

    #[test]
    fn it_grows_no_longer_than_the_bound() {
        assert_eq!(whole(usize::MAX, &[1]).symbols().len(), SKETCH_SYMBOLS_MAX);
        assert_eq!(whole(0, &[1]), Sketch::default());
    }
}
