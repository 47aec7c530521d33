//! A set that also has places: a slice to draw from, and an index to find a member in it.
//!
//! Removal fills the hole with the last member, so that the places stay `0..len`. A draw by place
//! is O(1); whatever moves a member is O(log n).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use headcount_state::MemberId;

#[derive(Clone, Debug, Default)]
pub(crate) struct IndexedSet {
    slots: Vec<MemberId>,
    places: BTreeMap<MemberId, u32>,
}

impl IndexedSet {
    /// Puts `id` in the last place; false when it is here already, or 2^32 others are.
    pub(crate) fn push(&mut self, id: MemberId) -> bool {
        let Ok(place) = u32::try_from(self.slots.len()) else { return false };
        let Entry::Vacant(entry) = self.places.entry(id) else { return false };
        entry.insert(place);
        self.slots.push(id);
        true
    }

    /// Takes out the member in `place`, which is below `len`, and moves the last one there.
    pub(crate) fn swap_remove(&mut self, place: usize) {
        self.swap(place, self.slots.len() - 1);
        if let Some(id) = self.slots.pop() {
            self.places.remove(&id);
        }
    }

    /// Exchanges the members in places `a` and `b`, both below `len`.
    pub(crate) fn swap(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        self.slots.swap(a, b);
        for place in [a, b] {
            self.places.insert(self.slots[place], place as u32);
        }
    }

    pub(crate) fn place(&self, id: MemberId) -> Option<usize> {
        self.places.get(&id).map(|&place| place as usize)
    }

    pub(crate) fn contains(&self, id: MemberId) -> bool {
        self.places.contains_key(&id)
    }

    pub(crate) fn get(&self, place: usize) -> Option<MemberId> {
        self.slots.get(place).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Ascending by id, whatever the places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = MemberId> + '_ {
        self.places.keys().copied()
    }
}
