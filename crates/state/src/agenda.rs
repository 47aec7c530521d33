//! A map whose entries are due at some time: what to forget, to judge or to do next.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::MemberId;
use crate::memory::tree_bytes;
use crate::time::Time;

/// Entries by key, and the order in which they are due. A full one drops what is due first.
/// O(log n) per change.
#[derive(Clone, Debug)]
pub struct Agenda<K, V> {
    entries: BTreeMap<K, (V, Time)>,
    due: BTreeSet<(Time, K)>,
    capacity: usize,
}

impl<K: Ord + Copy, V> Default for Agenda<K, V> {
    /// One that is never full.
    fn default() -> Agenda<K, V> {
        Agenda::new(usize::MAX)
    }
}

impl<K: Ord + Copy, V> Agenda<K, V> {
    /// One with room for so many.
    pub fn new(capacity: usize) -> Agenda<K, V> {
        Agenda { entries: BTreeMap::new(), due: BTreeSet::new(), capacity }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether `key` has an entry.
    pub fn contains(&self, key: K) -> bool {
        self.entries.contains_key(&key)
    }

    /// The entry of `key`.
    pub fn get(&self, key: K) -> Option<&V> {
        self.entries.get(&key).map(|(value, _)| value)
    }

    /// The same, to be changed; when it is due stays as it is.
    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.entries.get_mut(&key).map(|(value, _)| value)
    }

    /// All entries, by key.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.entries.iter().map(|(key, (value, _))| (*key, value))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut V)> {
        self.entries.iter_mut().map(|(key, (value, _))| (*key, value))
    }

    /// Sets the entry of `key`, due at `due`.
    pub fn insert(&mut self, key: K, value: V, due: Time) {
        self.remove(key);
        self.entries.insert(key, (value, due));
        self.due.insert((due, key));
        if self.entries.len() > self.capacity
            && let Some((_, first)) = self.due.first().copied()
        {
            self.remove(first);
        }
    }

    /// Lets the entry of `key` be due at another time.
    pub fn reschedule(&mut self, key: K, due: Time) {
        if let Some((_, at)) = self.entries.get_mut(&key) {
            self.due.remove(&(*at, key));
            *at = due;
            self.due.insert((due, key));
        }
    }

    /// Takes out the entry of `key`.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let (value, due) = self.entries.remove(&key)?;
        self.due.remove(&(due, key));
        Some(value)
    }

    /// Takes out the first entry that is due at `now`.
    pub fn pop_due(&mut self, now: Time) -> Option<(K, V)> {
        let (due, key) = self.due.first().copied()?;
        if due > now {
            return None;
        }
        self.remove(key).map(|value| (key, value))
    }

    /// When the next entry is due.
    pub fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The keys of the entries, those that are due last first.
    pub fn latest_first(&self) -> impl Iterator<Item = K> {
        self.due.iter().rev().map(|(_, key)| *key)
    }

    /// Drops all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.due.clear();
    }

    /// About the bytes that it takes on the heap, without those of its values.
    pub fn heap_bytes(&self) -> usize {
        let entries = tree_bytes(self.entries.len(), size_of::<(K, (V, Time))>());
        entries + tree_bytes(self.due.len(), size_of::<(Time, K)>())
    }
}

impl<V> Agenda<MemberId, V> {
    /// The entry at or after the point `at` of the id space, wrapping: ids are hashes, so a
    /// random point picks a nearly uniform entry in O(log n).
    pub(crate) fn near(&self, at: u64) -> Option<(MemberId, &V)> {
        let from = MemberId::from_u64(at.max(1))?;
        let (id, (value, _)) = self.entries.range(from..).chain(self.entries.iter()).next()?;
        Some((*id, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn entries_are_due_in_their_order_and_once() {
        let mut agenda = Agenda::default();
        for (key, due) in [(1, 30), (2, 10), (3, 20)] {
            agenda.insert(key, key * 10, at(due));
        }
        assert_eq!(agenda.latest_first().collect::<Vec<_>>(), [1, 3, 2]);
        assert_eq!((agenda.pop_due(at(9)), agenda.next_due()), (None, Some(at(10))));
        agenda.reschedule(2, at(40));
        agenda.insert(3, 33, at(50));
        assert_eq!(agenda.pop_due(at(30)), Some((1, 10)));
        assert_eq!(agenda.pop_due(at(30)), None);
        assert_eq!(agenda.remove(2), Some(20));
        assert_eq!(agenda.pop_due(at(50)), Some((3, 33)));
        assert_eq!((agenda.len(), agenda.next_due()), (0, None));
    }

    #[test]
    fn a_full_one_drops_what_is_due_first() {
        let mut agenda = Agenda::new(2);
        for (key, due) in [(1, 30), (2, 10), (3, 20)] {
            agenda.insert(key, (), at(due));
        }
        assert_eq!(agenda.iter().map(|(key, ())| key).collect::<Vec<_>>(), [1, 3]);
    }
}
