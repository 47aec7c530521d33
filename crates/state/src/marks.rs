//! The marks of a table: one number per live record, by which two tables find out where they differ
//! and, as a rule, who has the newer word.
//!
//! ```text
//!   key    id, upper 32 bits  ──> the member, by a range of the records in id order
//!   mark   | rank of the version, 8 bits | hash of the full version, upper 24 bits |
//!   rank   2 * incarnation + (1 if suspect) + counter of the attributes, modulo 256
//! ```
//! Ids are hashes of names, so the upper half of one is hardly ever another's: among 100,000
//! members about one pair shares it. What is said later in one life has the greater rank, around
//! the corner too (as in RFC 1982, serial number arithmetic), unless it is more than 127 words later; the
//! ranks of two lives mean nothing. Who errs is told more than it lacks, or asks in vain and is
//! answered, and no harm is done.

use crate::attributes::Attributes;
use crate::claim::{Claim, Status};
use crate::field::{PRIME, plus, reduced};
use crate::id::MemberId;
use crate::record::Record;
use crate::sketch::{Marked, SKETCH_SYMBOLS_MAX, Symbol};
use crate::summary::Summary;
use crate::table::Table;

/// A table that is asked for symbols has so many at first: 3 KiB.
const SYMBOLS_MIN: usize = 256;

/// From so many on they take memory, and are only doubled.
const SYMBOLS_MANY: usize = 1_024;

/// Who lacks word of a member of which two tables hold different versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// The peer, as it seems.
    There,
    /// This table, as it seems.
    Here,
    /// It cannot be told from here.
    Either,
}

/// The mark of a live record, whose full version has this hash.
pub(crate) fn marked(claim: Claim, attributes: &Attributes, sync_hash: u64) -> Marked {
    let bits = u32::from(rank(claim, attributes)) << 24 | (sync_hash >> 40) as u32;
    Marked { key: key(claim.id), mark: 1 + bits % (PRIME - 1) }
}

fn rank(claim: Claim, attributes: &Attributes) -> u8 {
    let suspect = u32::from(claim.status() == Status::Suspect);
    let incarnation = claim.version.incarnation().wrapping_mul(2);
    incarnation.wrapping_add(suspect).wrapping_add(attributes.version.counter) as u8
}

fn rank_of(mark: u32) -> u8 {
    ((mark - 1) >> 24) as u8
}

fn key(id: MemberId) -> u32 {
    reduced((id.as_u64() >> 32) as u32)
}

fn marked_of(record: Record<'_>) -> Option<Marked> {
    let Record { claim, attributes, .. } = record;
    record.is_live().then(|| marked(claim, attributes, Summary::sync_of(claim, attributes)))
}

impl Table {
    /// The first coded symbols of the live records' marks, at most [`SKETCH_SYMBOLS_MAX`].
    ///
    /// O(n) when more are asked for than there are: then there are four times as many, or from some on
    /// twice, so that it happens four times at most. From then on they are kept up to date, in
    /// O(log symbols) per change; a table that is never asked pays nothing.
    pub fn sketch(&mut self, symbols: usize) -> &[Symbol] {
        let symbols = symbols.min(SKETCH_SYMBOLS_MAX);
        let held = self.sketch.symbols().len();
        if symbols > held {
            // Many symbols take hardly longer than few: what counts is how often all members are visited.
            let longer = if held < SYMBOLS_MANY { held * 4 } else { 0 };
            let len = symbols.next_power_of_two().max(SYMBOLS_MIN).max(longer);
            let mut sketch = std::mem::take(&mut self.sketch);
            sketch.grow(len, self.records().filter_map(marked_of));
            self.sketch = sketch;
        }
        &self.sketch.symbols()[..symbols]
    }

    /// The key and mark of a live member.
    pub fn marked(&self, id: MemberId) -> Option<Marked> {
        self.get(id).and_then(marked_of)
    }

    /// The members with this key, live and dead: those whose id begins with it. Hardly ever more
    /// than one. O(log n).
    pub fn with_key(&self, key: u32) -> impl Iterator<Item = MemberId> {
        self.near(key).map(|record| record.id())
    }

    /// Who lacks word of the members with this key, to whose marks so much is added in the peer's
    /// table. O(log n).
    pub fn lacking(&self, found: Marked) -> Lacking {
        let mut near = self.near(found.key);
        let Some(record) = near.next() else { return Lacking::Here };
        let Some(here) = marked_of(record).filter(|_| near.next().is_none()) else {
            return Lacking::Either;
        };
        let there = plus(here.mark, found.mark);
        // What is not among the live there is dead, or not known.
        let newer = there != 0 && (rank_of(there).wrapping_sub(rank_of(here.mark)) as i8) > 0;
        if newer { Lacking::Here } else { Lacking::There }
    }

    fn near(&self, key: u32) -> impl Iterator<Item = Record<'_>> {
        // The last few numbers of 32 bits share the keys of the first few.
        let last = key.checked_add(PRIME);
        let last = last.into_iter().flat_map(|prefix| self.with_prefix(prefix));
        self.with_prefix(key).chain(last)
    }
}
