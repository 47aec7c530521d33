//! The latest changes of a table, by which it recognises who lacks just them.
//!
//! ```text
//!   mine  = S                            latest change first:  (x, +a)  (y, +b)  (x, +c) ...
//!   peer's = S - b     lacks y's news
//!   peer's = S - a - c lacks x's news
//! ```
//! `sync` is a sum over the live records, so each change of the table adds one number to it. A
//! peer whose sum is behind by a sum of a few of these numbers lacks the changes they belong to,
//! and nothing else has to be compared.

use crate::id::MemberId;
use crate::table::Table;

/// How many changes are remembered: all their 256 sums are tried in a fraction of a microsecond.
const CHANGES: usize = 8;

/// The latest changes of a table's `sync`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recent {
    /// The latest first; nobody changes by nothing.
    changes: [(Option<MemberId>, u64); CHANGES],
}

impl Recent {
    /// Takes note that `sync` grew by so much, wrapping around, through news of `id`.
    pub(crate) fn add(&mut self, id: MemberId, delta: u64) {
        if delta != 0 {
            self.changes.rotate_right(1);
            self.changes[0] = (Some(id), delta);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Recent::default();
    }

    /// The fewest changes that sum up to `gap`, of equally many the latest; one bit each.
    fn summing_to(&self, gap: u64) -> Option<usize> {
        let known = self.changes.iter().take_while(|(id, _)| id.is_some()).count();
        // Of each choice of changes the sum: all that are without a change, then all with it.
        let mut sums = [0_u64; 1 << CHANGES];
        for (at, (_, delta)) in self.changes[..known].iter().enumerate() {
            let (without, with) = sums.split_at_mut(1 << at);
            for (with, without) in with.iter_mut().zip(without) {
                *with = without.wrapping_add(*delta);
            }
        }
        let sums = sums[..1 << known].iter().enumerate().skip(1);
        let fitting = sums.filter(|(_, sum)| **sum == gap).map(|(chosen, _)| chosen);
        fitting.min_by_key(|chosen| (chosen.count_ones(), *chosen))
    }
}

impl Table {
    /// The members of whom a peer with this `sync` lacks the latest news, and just that: if its
    /// `sync` is this table's without some of the last eight changes. Latest news first, nobody
    /// twice. None if nothing is lacking, or more, or something else.
    pub fn lacked_by(&self, sync: u64) -> Option<Vec<MemberId>> {
        let gap = self.summary().sync.wrapping_sub(sync);
        if gap == 0 {
            return None;
        }
        let chosen = self.recent.summing_to(gap)?;
        let mut lacked = Vec::with_capacity(chosen.count_ones() as usize);
        for (at, (id, _)) in self.recent.changes.iter().enumerate() {
            if let Some(id) = *id
                && chosen & (1 << at) != 0
                && !lacked.contains(&id)
            {
                lacked.push(id);
            }
        }
        Some(lacked)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u64) -> MemberId {
        MemberId::from_u64(number + 1).unwrap()
    }

    fn recent(deltas: &[u64]) -> Recent {
        let mut recent = Recent::default();
        (0..).zip(deltas).for_each(|(number, delta)| recent.add(id(number), *delta));
        recent
    }

    proptest! {
        #[test]
        fn the_smallest_choice_of_the_latest_changes_is_found(
            deltas in prop::collection::vec(-3..4_i64, 0..12), gap in -6..7_i64,
        ) {
            let deltas: Vec<u64> = deltas.into_iter().map(|delta| delta as u64).collect();
            let gap = gap as u64;
            let latest: Vec<u64> = deltas.iter().copied().filter(|delta| *delta != 0).rev().collect();
            let latest = &latest[..latest.len().min(CHANGES)];
            let sum = |chosen: usize| {
                let parts = (0..latest.len()).filter(|at| chosen & (1 << at) != 0);
                parts.fold(0_u64, |sum, at| sum.wrapping_add(latest[at]))
            };
            let fitting = (1..1_usize << latest.len()).filter(|chosen| sum(*chosen) == gap);
            let smallest = fitting.min_by_key(|chosen| (chosen.count_ones(), *chosen));
            prop_assert_eq!(recent(&deltas).summing_to(gap), smallest);
        }
    }

    #[test]
    fn what_changes_nothing_is_not_remembered() {
        let mut changes = recent(&[5]);
        (0..20).for_each(|_| changes.add(id(9), 0));
        assert_eq!(changes.summing_to(5), Some(1));
    }
}
