//! Coded symbols: what two tables exchange to find out where they differ.
//!
//! ```text
//!   key, mark   (a, 7)  (b, 3)  (c, 9)       symbol 0   of a, b and c
//!                |\      |       |\                 1   of a
//!                0 1     0       0 2                2   of c
//!
//!   symbol      | sum of marks m | sum of m * k | sum of m * k * k |     modulo 2^32 - 5
//! ```
//! Subtracting another table's symbol leaves that of the difference, whatever the tables have in
//! common. Of a key with another mark there it leaves the key once, with the difference of the two
//! marks: what has changed costs no more than what is new. A longer sketch begins with the shorter
//! one, so nobody has to guess the size of the difference first.

use crate::field::{inverse, minus, plus, reduced, times};
use crate::mapping::Mapping;

/// The most symbols of a sketch: enough for some 2,900 differences, in 48 KiB as they are
/// sent.
pub const SKETCH_SYMBOLS_MAX: usize = 4_096;

/// A key and its mark in a set, or what is added to its mark from one set to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Marked {
    /// Which: below 2^32 - 5.
    pub key: u32,
    /// 1 to 2^32 - 6; what is 0 is not there.
    pub mark: u32,
}

/// One coded symbol: what the keys that are mapped to it add up to with their marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    sums: [u32; 3],
}

impl Symbol {
    /// Of these sums, as [`sums`](Self::sums) gives them; larger ones begin again at 2^32 - 5.
    pub fn new(sums: [u32; 3]) -> Symbol {
        Symbol { sums: sums.map(reduced) }
    }

    /// The sums of the marks, of the marks times their keys, and times their keys' squares.
    pub fn sums(&self) -> [u32; 3] {
        self.sums
    }

    /// The symbol of one key.
    pub(crate) fn alone(Marked { key, mark }: Marked) -> Symbol {
        let first = times(mark, key);
        Symbol { sums: [mark, first, times(first, key)] }
    }

    pub(crate) fn plus(self, other: Symbol) -> Symbol {
        self.with(other, plus)
    }

    pub(crate) fn minus(self, other: Symbol) -> Symbol {
        self.with(other, minus)
    }

    fn with(self, other: Symbol, each: impl Fn(u32, u32) -> u32) -> Symbol {
        let ([a, b, c], [x, y, z]) = (self.sums, other.sums);
        Symbol { sums: [each(a, x), each(b, y), each(c, z)] }
    }

    /// Whether nothing is left in it.
    pub(crate) fn is_zero(self) -> bool {
        self == Symbol::default()
    }

    /// Whether it looks like one key alone: sums of two never do, sums of more once in 2^32.
    pub(crate) fn looks_alone(self) -> bool {
        let [marks, first, second] = self.sums;
        marks != 0 && times(marks, second) == times(first, first)
    }

    /// The key that is alone in it, if it looks like that.
    pub(crate) fn marked(self) -> Option<Marked> {
        let [mark, first, _] = self.sums;
        self.looks_alone().then(|| Marked { key: times(first, inverse(mark)), mark })
    }
}

/// The first coded symbols of a set of marked keys, kept in step with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    symbols: Vec<Symbol>,
}

impl Sketch {
    /// The symbols.
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// Adds to the mark of a key. About 2 ln(symbols) steps.
    pub fn add(&mut self, marked: Marked) {
        self.add_from(0, marked);
    }

    /// Takes from the mark of a key. About 2 ln(symbols) steps.
    pub fn take(&mut self, Marked { key, mark }: Marked) {
        self.add_from(0, Marked { key, mark: minus(0, mark) });
    }

    /// Makes it `len` symbols long, at most [`SKETCH_SYMBOLS_MAX`]; `all` is the whole set.
    /// Never shortens it.
    pub fn grow(&mut self, len: usize, all: impl Iterator<Item = Marked>) {
        let from = self.symbols.len();
        let len = len.min(SKETCH_SYMBOLS_MAX);
        if len <= from {
            return;
        }
        self.symbols.reserve_exact(len - from);
        self.symbols.resize(len, Symbol::default());
        for marked in all {
            self.add_from(from, marked);
        }
    }

    fn add_from(&mut self, from: usize, marked: Marked) {
        let alone = Symbol::alone(marked);
        for at in Mapping::of(marked.key).until(self.symbols.len()).skip_while(|at| *at < from) {
            self.symbols[at] = self.symbols[at].plus(alone);
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
    use crate::field::PRIME;

    fn marked() -> impl Strategy<Value = Marked> {
        let edges = |key| Marked { key, mark: PRIME - 1 };
        prop_oneof![
            (0..PRIME, 1..PRIME).prop_map(|(key, mark)| Marked { key, mark }),
            prop_oneof![0..3_u32, PRIME - 3..PRIME].prop_map(edges),
        ]
    }

    fn whole(len: usize, all: &[Marked]) -> Sketch {
        let mut sketch = Sketch::default();
        sketch.grow(len, all.iter().copied());
        sketch
    }

    proptest! {
        #[test]
        fn growing_and_adding_come_to_the_same_as_building_it_at_once(
            all in prop::collection::vec(marked(), 0..20),
            extra in marked(),
            lens in (0..300_usize, 0..300_usize),
        ) {
            let mut sketch = whole(lens.0, &all);
            sketch.grow(lens.1, all.iter().copied());
            prop_assert_eq!(&sketch, &whole(lens.0.max(lens.1), &all));
            sketch.add(extra);
            let more = [all.as_slice(), &[extra]].concat();
            prop_assert_eq!(&sketch, &whole(lens.0.max(lens.1), &more));
            sketch.take(extra);
            prop_assert_eq!(&sketch, &whole(lens.0.max(lens.1), &all));
        }

        #[test]
        fn a_key_alone_is_told_and_two_never_look_like_one(a in marked(), b in marked()) {
            prop_assert_eq!(Symbol::alone(a).marked(), Some(a));
            let both = Symbol::alone(a).plus(Symbol::alone(b));
            prop_assert!(both.marked().is_none() || a.key == b.key);
            prop_assert_eq!(both.minus(Symbol::alone(b)), Symbol::alone(a));
            prop_assert_eq!(Symbol::new(both.sums()), both);
        }
    }

    #[test]
    fn it_grows_no_longer_than_the_bound() {
        let one = Marked { key: 1, mark: 1 };
        assert_eq!(whole(usize::MAX, &[one]).symbols().len(), SKETCH_SYMBOLS_MAX);
        assert_eq!(whole(0, &[one]), Sketch::default());
        assert_eq!(Symbol::default().marked(), None);
    }
}
