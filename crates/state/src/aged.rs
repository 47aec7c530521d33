//! A bounded map from member ids whose entries leave by age.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::MemberId;
use crate::memory::tree_bytes;
use crate::time::Time;

/// Entries by id, and the order in which they are due. A full map drops what is due first.
#[derive(Clone, Debug)]
pub(crate) struct Aged<V> {
    entries: BTreeMap<MemberId, (V, Time)>,
    due: BTreeSet<(Time, MemberId)>,
    capacity: usize,
}

impl<V> Aged<V> {
    pub(crate) fn new(capacity: usize) -> Aged<V> {
        Aged { entries: BTreeMap::new(), due: BTreeSet::new(), capacity }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, id: MemberId) -> Option<&V> {
        self.entries.get(&id).map(|(value, _)| value)
    }

    /// Sets the entry of `id`, due at `due`.
    pub(crate) fn insert(&mut self, id: MemberId, value: V, due: Time) {
        self.remove(id);
        self.entries.insert(id, (value, due));
        self.due.insert((due, id));
        if self.entries.len() > self.capacity
            && let Some((_, first)) = self.due.first().copied()
        {
            self.remove(first);
        }
    }

    pub(crate) fn remove(&mut self, id: MemberId) -> Option<V> {
        let (value, due) = self.entries.remove(&id)?;
        self.due.remove(&(due, id));
        Some(value)
    }

    /// Takes out the first entry that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(MemberId, V)> {
        let (due, id) = self.due.first().copied()?;
        if due > now {
            return None;
        }
        self.remove(id).map(|value| (id, value))
    }

    /// The entries, those that are due last first.
    pub(crate) fn latest_first(&self) -> impl Iterator<Item = MemberId> {
        self.due.iter().rev().map(|(_, id)| *id)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let entries = tree_bytes(self.entries.len(), size_of::<(MemberId, (V, Time))>());
        entries + tree_bytes(self.due.len(), size_of::<(Time, MemberId)>())
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The entry at or after the point `at` of the id space, wrapping: ids are hashes, so a
    /// random point picks a nearly uniform entry in O(log n).
    pub(crate) fn near(&self, at: u64) -> Option<(MemberId, &V)> {
        let from = MemberId::from_u64(at.max(1))?;
        let (id, (value, _)) = self.entries.range(from..).chain(self.entries.iter()).next()?;
        Some((*id, value))
    }
}
