//! The elements of a table: one number per live record, by which two tables find out where they
//! differ.
//!
//! ```text
//!   element   | id, upper 32 bits | hash of the full version, upper 32 bits |
//!                     |
//!                     └─> the member, by a range of the records in id order
//! ```
//! Ids are hashes of names, so the upper half of one is hardly ever another's: among 100,000
//! members about one pair shares it, and the lower half of the element tells the two apart.

use crate::id::MemberId;
use crate::record::Record;
use crate::sketch::{SKETCH_SYMBOLS_MAX, Symbol};
use crate::summary::Summary;
use crate::table::Table;

/// The element of a live record, whose full version has this hash.
pub(crate) fn element(id: MemberId, sync_hash: u64) -> u64 {
    (prefix(id) << 32) | (sync_hash >> 32)
}

fn prefix(id: MemberId) -> u64 {
    id.as_u64() >> 32
}

fn element_of(record: Record<'_>) -> Option<u64> {
    let Record { claim, attributes, .. } = record;
    record.is_live().then(|| element(claim.id, Summary::sync_of(claim, attributes)))
}

impl Table {
    /// The first coded symbols of the live records' elements, at most [`SKETCH_SYMBOLS_MAX`].
    ///
    /// O(n) when more are asked for than ever before. From then on they are kept up to date, in
    /// O(log symbols) per change; a table that is never asked pays nothing.
    pub fn sketch(&mut self, symbols: usize) -> &[Symbol] {
        let symbols = symbols.min(SKETCH_SYMBOLS_MAX);
        if symbols > self.sketch.symbols().len() {
            let mut sketch = std::mem::take(&mut self.sketch);
            sketch.grow(symbols.next_power_of_two(), self.records().filter_map(element_of));
            self.sketch = sketch;
        }
        &self.sketch.symbols()[..symbols]
    }

    /// The element of a live member.
    pub fn element_of(&self, id: MemberId) -> Option<u64> {
        self.get(id).and_then(element_of)
    }

    /// The live member whose element this is. O(log n).
    pub fn holds_element(&self, element: u64) -> Option<MemberId> {
        let mut near = self.near(element);
        near.find(|record| element_of(*record) == Some(element)).map(|record| record.id())
    }

    /// The members, live and dead, whom this element may be about: those whose id begins with the
    /// element's upper half. Hardly ever more than one. O(log n).
    pub fn sharing_prefix(&self, element: u64) -> impl Iterator<Item = MemberId> {
        self.near(element).map(|record| record.id())
    }

    fn near(&self, element: u64) -> impl Iterator<Item = Record<'_>> {
        self.with_prefix((element >> 32) as u32)
    }
}
