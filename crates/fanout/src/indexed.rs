//! A set that also has places: a slice to draw from, and an index to find a member in it.
//!
//! Removal fills the hole with the last member, so that the places stay `0..len`. Everything is
//! about constant time.

use headcount_state::{IdIndex, MemberId};

#[derive(Clone, Debug, Default)]
pub(crate) struct IndexedSet {
    slots: Vec<MemberId>,
    places: IdIndex,
}

impl IndexedSet {
    /// Puts `id` in the last place; false when it is here already, or too many others are.
    pub(crate) fn push(&mut self, id: MemberId) -> bool {
        let place = self.slots.len();
        if place >= IdIndex::PLACES_MAX || self.contains(id) {
            return false;
        }
        if place == self.slots.capacity() {
            // An eighth more will do: with twice as many, half would lie idle.
            self.slots.reserve_exact((place / 8).max(4));
        }
        self.slots.push(id);
        self.places.insert(id, place, |place| self.slots[place]);
        true
    }

    /// Takes out the member in `place`, which is below `len`, and moves the last one there.
    pub(crate) fn swap_remove(&mut self, place: usize) {
        self.swap(place, self.slots.len() - 1);
        if let Some(id) = self.slots.last().copied() {
            self.places.remove(id, |place| self.slots[place]);
            self.slots.pop();
        }
    }

    /// Exchanges the members in places `a` and `b`, both below `len`.
    pub(crate) fn swap(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        self.places.exchanged((self.slots[a], a), (self.slots[b], b));
        self.slots.swap(a, b);
    }

    pub(crate) fn place(&self, id: MemberId) -> Option<usize> {
        self.places.find(id, |place| self.slots[place])
    }

    pub(crate) fn contains(&self, id: MemberId) -> bool {
        self.place(id).is_some()
    }

    pub(crate) fn get(&self, place: usize) -> Option<MemberId> {
        self.slots.get(place).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Ascending by id, whatever the places. O(n log n).
    pub(crate) fn iter(&self) -> impl Iterator<Item = MemberId> {
        let mut all = self.slots.clone();
        all.sort_unstable();
        all.into_iter()
    }

    /// Makes room for so many more at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.slots.reserve_exact(more);
        self.places.make_room(more, |place| self.slots[place]);
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<MemberId>() + self.places.heap_bytes()
    }
}
