//! Where in a list a member is.
//!
//! ```text
//!   cells   . 3 . . 0 2 . 1 .      places in a list that others own, or nothing
//!                   ^ home(id), then the next, until the list's id at the place is it
//! ```
//! Open addressing with linear probing (Knuth, The Art of Computer Programming 3, section 6.4,
//! algorithm L, and R for removal): no tombstones, no second copy of the ids, five to eleven bytes
//! a member. Ids are hashes, so they need no hash of their own but for a multiplication.

use crate::id::MemberId;

/// An index from member ids to their places in a list: about constant time, the same on every
/// machine, without an order of its own.
///
/// The list stays with its owner, who tells of every change, and says which id is at a place.
#[derive(Clone, Debug, Default)]
pub struct IdIndex {
    /// A power of two of cells, or none.
    cells: Vec<u32>,
    len: usize,
}

const EMPTY: u32 = u32::MAX;

/// The fewest cells that there are, if there are any.
const CELLS_MIN: usize = 8;

/// 2^64 divided by the golden ratio (Knuth, section 6.4: multiplicative hashing).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl IdIndex {
    /// The most places; a list that is indexed may not be longer.
    pub const PLACES_MAX: usize = EMPTY as usize;

    /// The place of `id`, if it is in the list.
    pub fn find(&self, id: MemberId, id_at: impl Fn(usize) -> MemberId) -> Option<usize> {
        let cell = self.cell_of(id, id_at)?;
        Some(self.cells[cell] as usize)
    }

    /// Takes note that `id`, which is not in the index yet, is at `place`, which is below
    /// [`IdIndex::PLACES_MAX`].
    pub fn insert(&mut self, id: MemberId, place: usize, id_at: impl Fn(usize) -> MemberId) {
        self.make_room(1, id_at);
        self.len += 1;
        self.settle(id, place as u32);
    }

    /// Forgets `id`, and answers where it was. The list must still have it there.
    pub fn remove(&mut self, id: MemberId, id_at: impl Fn(usize) -> MemberId) -> Option<usize> {
        let mut hole = self.cell_of(id, &id_at)?;
        let place = self.cells[hole];
        self.len -= 1;
        let mask = self.cells.len() - 1;
        let mut cell = hole;
        loop {
            cell = (cell + 1) & mask;
            let next = self.cells[cell];
            if next == EMPTY {
                break;
            }
            // Whatever cannot be found past the hole moves into it.
            let home = self.home(id_at(next as usize));
            if (cell.wrapping_sub(home) & mask) >= (cell.wrapping_sub(hole) & mask) {
                self.cells[hole] = next;
                hole = cell;
            }
        }
        self.cells[hole] = EMPTY;
        Some(place as usize)
    }

    /// Takes note that `id`, which was at `from`, is at `to` now.
    pub fn moved(&mut self, id: MemberId, from: usize, to: usize) {
        if self.cells.is_empty() {
            return;
        }
        let mask = self.cells.len() - 1;
        let mut cell = self.home(id);
        while self.cells[cell] != EMPTY {
            if self.cells[cell] == from as u32 {
                self.cells[cell] = to as u32;
                return;
            }
            cell = (cell + 1) & mask;
        }
    }

    /// Makes room for so many more at once.
    pub fn make_room(&mut self, more: usize, id_at: impl Fn(usize) -> MemberId) {
        let wanted = self.len + more;
        if wanted * 4 <= self.cells.len() * 3 {
            return;
        }
        let cells = (wanted * 4).div_ceil(3).next_power_of_two().max(CELLS_MIN);
        let before = std::mem::replace(&mut self.cells, vec![EMPTY; cells]);
        for place in before.into_iter().filter(|place| *place != EMPTY) {
            self.settle(id_at(place as usize), place);
        }
    }

    /// The bytes that it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<u32>()
    }

    fn home(&self, id: MemberId) -> usize {
        let bits = self.cells.len().trailing_zeros();
        (id.as_u64().wrapping_mul(GOLDEN) >> (u64::BITS - bits)) as usize
    }

    fn cell_of(&self, id: MemberId, id_at: impl Fn(usize) -> MemberId) -> Option<usize> {
        if self.cells.is_empty() {
            return None;
        }
        let mask = self.cells.len() - 1;
        let mut cell = self.home(id);
        loop {
            match self.cells[cell] {
                EMPTY => return None,
                place if id_at(place as usize) == id => return Some(cell),
                _ => cell = (cell + 1) & mask,
            }
        }
    }

    fn settle(&mut self, id: MemberId, place: u32) {
        let mask = self.cells.len() - 1;
        let mut cell = self.home(id);
        while self.cells[cell] != EMPTY {
            cell = (cell + 1) & mask;
        }
        self.cells[cell] = place;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Ids whose homes collide as often as not.
    fn member(number: u64) -> MemberId {
        let inverse =
            (0..6).fold(GOLDEN, |x, _| x.wrapping_mul(2_u64.wrapping_sub(GOLDEN.wrapping_mul(x))));
        let point = ((number % 5) << 62) | number;
        MemberId::from_u64((point + 1).wrapping_mul(inverse)).unwrap()
    }

    proptest! {
        #[test]
        fn it_finds_what_the_list_holds_and_nothing_else(
            steps in prop::collection::vec((any::<bool>(), 0..40u64), 0..300),
        ) {
            let (mut list, mut index) = (Vec::<MemberId>::new(), IdIndex::default());
            let mut model = BTreeMap::new();
            for (insert, number) in steps {
                let id = member(number);
                if insert && !model.contains_key(&id) {
                    list.push(id);
                    index.insert(id, list.len() - 1, |place| list[place]);
                    model.insert(id, ());
                } else if !insert {
                    let place = index.remove(id, |place| list[place]);
                    prop_assert_eq!(place.is_some(), model.remove(&id).is_some());
                    if let Some(place) = place {
                        list.swap_remove(place);
                        if let Some(moved) = list.get(place) {
                            index.moved(*moved, list.len(), place);
                        }
                    }
                }
                for number in 0..40 {
                    let found = index.find(member(number), |place| list[place]);
                    prop_assert_eq!(found.is_some(), model.contains_key(&member(number)));
                    prop_assert!(found.is_none_or(|place| list[place] == member(number)));
                }
            }
        }
    }

    #[test]
    fn room_made_at_once_is_kept() {
        let mut index = IdIndex::default();
        index.make_room(1_000, |_| member(0));
        let bytes = index.heap_bytes();
        let list: Vec<MemberId> = (1..=1_000).filter_map(MemberId::from_u64).collect();
        for (place, id) in list.iter().enumerate() {
            index.insert(*id, place, |place| list[place]);
        }
        assert_eq!(index.heap_bytes(), bytes);
        assert!((0..1_000).all(|at| index.find(list[at], |place| list[place]) == Some(at)));
    }
}
