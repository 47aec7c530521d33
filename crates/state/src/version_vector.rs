//! The version vector: the exact summary of a table.

use std::collections::BTreeMap;

use crate::attributes::AttributesVersion;
use crate::claim::Version;
use crate::id::MemberId;
use crate::record::Record;

/// Member id to version: what a table knows, without what it says.
///
/// Vectors form the same lattice as tables, component by component: merging two tables yields
/// the table whose vector is the join of theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionVector {
    entries: BTreeMap<MemberId, (Version, AttributesVersion)>,
}

/// How two version vectors relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorOrder {
    /// They are the same.
    Equal,
    /// The left one knows nothing that the right one does not.
    Before,
    /// The right one knows nothing that the left one does not.
    After,
    /// Each knows something that the other does not.
    Concurrent,
}

impl VersionVector {
    pub(crate) fn of<'a>(records: impl Iterator<Item = Record<'a>>) -> VersionVector {
        let entry = |r: Record<'_>| (r.id(), (r.claim.version, r.attributes.version));
        VersionVector { entries: records.map(entry).collect() }
    }

    /// The number of members in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it knows nobody.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The versions of claim and attributes known of `id`.
    pub fn get(&self, id: MemberId) -> Option<(Version, AttributesVersion)> {
        self.entries.get(&id).copied()
    }

    /// The members of which `self` knows something that `other` does not, in id order.
    pub fn newer_than<'a>(&'a self, other: &'a VersionVector) -> impl Iterator<Item = MemberId> {
        self.entries.iter().filter_map(|(id, (claim, attributes))| {
            let known = other.entries.get(id);
            known.is_none_or(|(c, a)| claim > c || attributes > a).then_some(*id)
        })
    }

    /// How `self` relates to `other`.
    pub fn compare(&self, other: &VersionVector) -> VectorOrder {
        let ahead = self.newer_than(other).next().is_some();
        let behind = other.newer_than(self).next().is_some();
        match (ahead, behind) {
            (false, false) => VectorOrder::Equal,
            (false, true) => VectorOrder::Before,
            (true, false) => VectorOrder::After,
            (true, true) => VectorOrder::Concurrent,
        }
    }
}
