//! Decoding: from two tables' coded symbols to the keys whose marks are not the same in both.
//!
//! ```text
//!   theirs - mine     a+b+c    a     c         a alone in symbol 1: recovered, taken out of all
//!                     b+c      .     c         c alone in symbol 2
//!                     b        .     .         b alone in symbol 0
//!                     .        .     .         nothing left: complete
//! ```
//! Symbols come from strangers: whatever they hold, decoding ends, and recovers no more keys
//! than there were symbols.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::mapping::Mapping;
use crate::sketch::{Marked, SKETCH_SYMBOLS_MAX, Symbol};

/// The difference of two sets, as far as their coded symbols have told it.
///
/// All symbols taken in must be of the same two sets: a table that changes between two batches
/// begins anew.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// The symbols taken in, without what was recovered.
    left: Vec<Symbol>,
    /// How many of them are not zero.
    unsolved: usize,
    found: Vec<Marked>,
    /// Each recovered key, with the first symbol not yet taken in that it is part of.
    waiting: BinaryHeap<Reverse<(Mapping, Marked)>>,
    broken: bool,
}

impl Difference {
    /// The difference before any symbol is known.
    pub fn new() -> Difference {
        Difference::default()
    }

    /// Takes in the next symbols of both sets, as many as there are of both, and recovers what
    /// they tell. Symbols beyond [`SKETCH_SYMBOLS_MAX`] in all, or after it broke, are passed over.
    pub fn extend(&mut self, theirs: &[Symbol], mine: &[Symbol]) {
        let room = SKETCH_SYMBOLS_MAX - self.left.len();
        for (theirs, mine) in theirs.iter().zip(mine).take(room) {
            if self.broken {
                return;
            }
            self.take_in(theirs.minus(*mine));
        }
    }

    /// The keys recovered so far, each with its mark there less its mark here (which is 0 where it
    /// is not), in no particular order. At most as many as symbols were taken in. Only of a complete
    /// difference are they certain, but for sums that look like one key, once in 2^32.
    pub fn found(&self) -> &[Marked] {
        &self.found
    }

    /// How many symbols were taken in.
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// Whether no symbol was taken in yet.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Whether what was found is the whole difference: nothing is left in any symbol. Every key
    /// is part of symbol 0, so none hides behind the last one.
    pub fn is_complete(&self) -> bool {
        !self.left.is_empty() && self.unsolved == 0 && !self.broken
    }

    /// Whether the symbols are not those of two sets; more of them do not help.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    fn take_in(&mut self, mut symbol: Symbol) {
        let at = self.left.len();
        while let Some(mut next) = self.waiting.peek_mut() {
            let Reverse((mapping, found)) = &mut *next;
            if mapping.at() > at {
                break;
            }
            symbol = symbol.minus(Symbol::alone(*found));
            mapping.step();
        }
        self.left.push(symbol);
        self.unsolved += usize::from(!symbol.is_zero());
        if symbol.looks_alone() {
            self.peel(at);
        }
    }

    /// Recovers the key that is alone in the symbol `first`, and all that this uncovers.
    fn peel(&mut self, first: usize) {
        let mut candidates = BTreeSet::from([first]);
        while let Some(at) = candidates.pop_first() {
            let Some(found) = self.alone_at(at) else { continue };
            // Each key of a true difference solves one symbol for good.
            if self.found.len() == self.left.len() {
                self.broken = true;
                return;
            }
            self.found.push(found);
            let alone = self.left[at];
            let mut mapping = Mapping::of(found.key);
            while let Some(symbol) = self.left.get_mut(mapping.at()) {
                self.unsolved -= usize::from(!symbol.is_zero());
                *symbol = symbol.minus(alone);
                self.unsolved += usize::from(!symbol.is_zero());
                if symbol.looks_alone() {
                    candidates.insert(mapping.at());
                }
                mapping.step();
            }
            self.waiting.push(Reverse((mapping, found)));
        }
    }

    /// The key that is alone in a symbol: it must also be mapped there.
    fn alone_at(&self, at: usize) -> Option<Marked> {
        let found = self.left[at].marked()?;
        Mapping::of(found.key).until(at + 1).any(|mapped| mapped == at).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::field::{PRIME, plus};
    use crate::sketch::Sketch;

    fn sketch(all: &[Marked]) -> Sketch {
        let mut sketch = Sketch::default();
        sketch.grow(SKETCH_SYMBOLS_MAX, all.iter().copied());
        sketch
    }

    /// So many keys, no two alike.
    fn random(seed: u64, len: usize) -> Vec<Marked> {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut keys = BTreeSet::new();
        while keys.len() < len {
            keys.insert(generator.random_range(0..PRIME));
        }
        keys.iter()
            .map(|key| Marked { key: *key, mark: generator.random_range(1..PRIME) })
            .collect()
    }

    fn sorted(found: &[Marked]) -> Vec<Marked> {
        let mut found = found.to_vec();
        found.sort_unstable();
        found
    }

    /// The same as the other side finds them.
    fn reversed(found: &[Marked]) -> Vec<Marked> {
        found.iter().map(|found| Marked { mark: PRIME - found.mark, ..*found }).collect()
    }

    fn alone(key: u32) -> Symbol {
        Symbol::alone(Marked { key, mark: 1 })
    }

    /// Takes in symbol after symbol until the difference is known.
    fn decode(theirs: &Sketch, mine: &Sketch) -> Difference {
        let mut difference = Difference::new();
        for (theirs, mine) in theirs.symbols().iter().zip(mine.symbols()) {
            difference.extend(&[*theirs], &[*mine]);
            if difference.is_complete() {
                break;
            }
        }
        difference
    }

    #[expect(clippy::print_stdout, reason = "`-- --nocapture` is asked for to see the figures")]
    fn print(line: &str) {
        println!("{line}");
    }

    /// The mean number of symbols per difference that it takes to find `len` of them.
    fn overhead(len: usize, runs: u64) -> f64 {
        let mut symbols = 0;
        for seed in 0..runs {
            let difference = decode(&sketch(&random(seed, len)), &sketch(&[]));
            assert!(difference.is_complete());
            symbols += difference.len();
        }
        symbols as f64 / (len as f64 * runs as f64)
    }

    #[test]
    fn the_overhead_is_the_published_one() {
        for (differences, runs, least, most) in [
            (1, 100, 1.0, 1.0),
            (2, 2_000, 1.3, 1.75),
            (3, 2_000, 1.5, 1.8),
            (4, 2_000, 1.55, 1.8),
            (5, 2_000, 1.55, 1.8),
            (10, 500, 1.5, 1.75),
            (30, 200, 1.4, 1.7),
            (100, 60, 1.35, 1.6),
            (300, 30, 1.33, 1.5),
            (1_000, 20, 1.33, 1.45),
        ] {
            let overhead = overhead(differences, runs);
            print(&format!("{differences:5} differences: {overhead:.3} symbols each"));
            assert!((least..=most).contains(&overhead), "{differences} differences: {overhead}");
        }
    }

    #[test]
    fn what_both_sets_hold_costs_nothing() {
        let all = random(7, 10_040);
        let (here, there) = (sketch(&all[..10_015]), sketch(&all[15..]));
        let large = decode(&there, &here);
        let small = decode(&sketch(&all[10_015..]), &sketch(&all[..15]));
        let different = [reversed(&all[..15]), all[10_015..].to_vec()].concat();
        assert_eq!(sorted(large.found()), sorted(&different));
        assert_eq!((large.found(), large.len()), (small.found(), small.len()));
    }

    #[test]
    fn a_key_with_another_mark_is_found_once_with_what_was_added() {
        let here = random(9, 1_000);
        let mut there = here.clone();
        there[500].mark = plus(there[500].mark, 77);
        let difference = decode(&sketch(&there), &sketch(&here));
        assert_eq!(difference.found(), [Marked { key: here[500].key, mark: 77 }]);
        assert_eq!(difference.len(), 1);
    }

    #[test]
    fn equal_sets_are_known_as_such_by_one_symbol() {
        let sketch = sketch(&random(1, 50));
        let difference = decode(&sketch, &sketch);
        assert_eq!((difference.len(), difference.found()), (1, [].as_slice()));
        assert!(difference.is_complete());
        assert!(!Difference::new().is_complete(), "nothing is known yet");
    }

    #[test]
    fn more_keys_than_symbols_break_it_for_good() {
        let mut near = (0..).filter(|key| Mapping::of(*key).until(2).eq([0, 1]));
        let (a, b) = (near.next().map(alone), near.next().map(alone));
        let (a, b) = (a.unwrap(), b.unwrap());
        let both = a.plus(b);
        // Symbol 0 without b: b, once recovered, is put into it, to be recovered again.
        let mut difference = Difference::new();
        difference.extend(&[a, both], &[Symbol::default(); 2]);
        assert!(difference.is_broken() && !difference.is_complete());
        difference.extend(&[a; 5], &[a; 5]);
        assert!(difference.is_broken() && !difference.is_complete());
        assert_eq!((difference.len(), difference.found().len()), (2, 2));
    }

    #[test]
    fn symbols_beyond_the_bound_are_passed_over() {
        let mut difference = Difference::new();
        let (theirs, mine) = (vec![Symbol::new([1, 1, 0]); 5_000], [Symbol::default(); 5_000]);
        difference.extend(&theirs, &mine);
        difference.extend(&theirs, &mine);
        assert_eq!((difference.len(), difference.is_broken()), (SKETCH_SYMBOLS_MAX, false));
        assert!(!difference.is_complete());
    }

    #[test]
    fn a_key_alone_where_it_is_not_mapped_is_not_believed() {
        let astray = (0..).find(|key| Mapping::of(*key).until(2).eq([0])).unwrap();
        let mut difference = Difference::new();
        difference.extend(&[Symbol::default(), alone(astray)], &[Symbol::default(); 2]);
        assert_eq!(difference.found(), []);
        assert!(!difference.is_complete());
    }

    #[test]
    fn a_difference_costs_the_same_among_a_hundred_thousand() {
        let all = random(3, 100_000);
        let here = sketch(&all);
        for differences in [1, 30, 1_000] {
            let mut there = here.clone();
            all[..differences].iter().for_each(|marked| there.take(*marked));
            let difference = decode(&there, &here);
            assert_eq!(sorted(difference.found()), sorted(&reversed(&all[..differences])));
            let (symbols, bytes) = (difference.len(), difference.len() * 12);
            print(&format!("{differences:5} of 100,000 differ: {symbols} symbols, {bytes} bytes"));
        }
    }

    /// Symbols of nothing, of single keys wherever they may be, and of noise.
    fn any_symbol() -> impl Strategy<Value = Symbol> {
        prop_oneof![
            Just(Symbol::default()),
            (0..12_u32).prop_map(alone),
            (0..12_u32, 0..12_u32).prop_map(|(a, b)| alone(a).plus(alone(b))),
            any::<[u32; 3]>().prop_map(Symbol::new),
        ]
    }

    proptest! {
        #[test]
        fn garbage_ends_and_stays_within_its_bounds(
            symbols in prop::collection::vec(any_symbol(), 0..200), batch in 1..50_usize,
        ) {
            let mut difference = Difference::new();
            for batch in symbols.chunks(batch) {
                difference.extend(batch, &vec![Symbol::default(); batch.len()]);
                prop_assert!(difference.found().len() <= difference.len());
                prop_assert!(!(difference.is_complete() && difference.is_broken()));
            }
            prop_assert!(difference.len() <= symbols.len());
            let unsolved = difference.left.iter().filter(|symbol| !symbol.is_zero()).count();
            prop_assert_eq!(difference.unsolved, unsolved);
        }

        #[test]
        fn how_the_symbols_are_cut_into_batches_does_not_matter(
            seed in any::<u64>(), len in 0..40_usize, batch in 1..50_usize,
        ) {
            let (theirs, mine) = (sketch(&random(seed, len)), sketch(&[]));
            let mut at_once = Difference::new();
            at_once.extend(&theirs.symbols()[..120], mine.symbols());
            let mut cut = Difference::new();
            for batch in theirs.symbols()[..120].chunks(batch) {
                cut.extend(batch, mine.symbols());
            }
            prop_assert_eq!(at_once.len(), cut.len());
            prop_assert_eq!(at_once.found(), cut.found());
            prop_assert_eq!(at_once.left, cut.left);
        }

        #[test]
        fn the_difference_of_any_two_sets_is_found(
            seed in any::<u64>(), both in 0..100_usize, here in 0..60_usize, there in 0..60_usize,
        ) {
            let all = random(seed, both + here + there);
            let mine = sketch(&all[..both + here]);
            let theirs = sketch(&[&all[..both], &all[both + here..]].concat());
            let difference = decode(&theirs, &mine);
            prop_assert!(difference.is_complete());
            let lacked = reversed(&all[both..both + here]);
            let different = [lacked, all[both + here..].to_vec()].concat();
            prop_assert_eq!(sorted(difference.found()), sorted(&different));
        }
    }
}
