//! Where in a list a member is.
//!
//! ```text
//!   cells   .  a3  .  .  b0  c2  .  d1  .      a place in a list that others own, with a tag
//!                        ^ home(id), then the next, until the tag is that of the id, and the
//!                          list's id at the place is it
//! ```
//! Open addressing with linear probing (Knuth, The Art of Computer Programming 3, section 6.4,
//! algorithm L, and R for removal): no tombstones, no second copy of the ids, five to eleven bytes
//! a member. Ids are hashes, so they need no hash of their own but for a multiplication. A place
//! takes as many bits as the number of cells has; the others of a cell are bits of the hash, so
//! that of the list nearly nothing is read but the entry that is looked for.

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

/// No place has all bits set: a quarter of the cells is free.
const EMPTY: u32 = u32::MAX;

/// The fewest cells that there are, if there are any.
const CELLS_MIN: usize = 8;

/// 2^64 divided by the golden ratio (Knuth, section 6.4: multiplicative hashing).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl IdIndex {
    /// The most places; a list that is indexed may not be longer.
    pub const PLACES_MAX: usize = (u32::MAX / 4 * 3) as usize;

    /// The place of `id`, if it is in the list.
    pub fn find(&self, id: MemberId, id_at: impl Fn(usize) -> MemberId) -> Option<usize> {
        let cell = self.cell_of(id, id_at)?;
        Some(self.place(self.cells[cell]))
    }

    /// Takes note that `id`, which is not in the index yet, is at `place`, which is below
    /// [`IdIndex::PLACES_MAX`] and not beyond the places of the others.
    pub fn insert(&mut self, id: MemberId, place: usize, id_at: impl Fn(usize) -> MemberId) {
        self.make_room(1, id_at);
        self.len += 1;
        self.settle(id, place);
    }

    /// Forgets `id`, and answers where it was. The list must still have it there.
    pub fn remove(&mut self, id: MemberId, id_at: impl Fn(usize) -> MemberId) -> Option<usize> {
        let mut hole = self.cell_of(id, &id_at)?;
        let place = self.place(self.cells[hole]);
        self.len -= 1;
        let mask = self.mask();
        let mut cell = hole;
        loop {
            cell = (cell + 1) & mask;
            let next = self.cells[cell];
            if next == EMPTY {
                break;
            }
            // Whatever cannot be found past the hole moves into it.
            let home = self.home(id_at(self.place(next)));
            if (cell.wrapping_sub(home) & mask) >= (cell.wrapping_sub(hole) & mask) {
                self.cells[hole] = next;
                hole = cell;
            }
        }
        self.cells[hole] = EMPTY;
        Some(place)
    }

    /// Takes note that `id`, which was at `from`, is at `to` now.
    pub fn moved(&mut self, id: MemberId, from: usize, to: usize) {
        if let Some(cell) = self.cell_at(id, from) {
            self.cells[cell] = self.entry(id, to);
        }
    }

    /// Takes note that `one`, which was at `place`, and `other`, which was at `another`, have
    /// changed places.
    pub fn exchanged(
        &mut self,
        (one, place): (MemberId, usize),
        (other, another): (MemberId, usize),
    ) {
        // Both are found before either moves: their tags may be equal.
        let cells = (self.cell_at(one, place), self.cell_at(other, another));
        if let (Some(cell), Some(other_cell)) = cells {
            self.cells[cell] = self.entry(one, another);
            self.cells[other_cell] = self.entry(other, place);
        }
    }

    /// Makes room for so many more at once.
    pub fn make_room(&mut self, more: usize, id_at: impl Fn(usize) -> MemberId) {
        let wanted = self.len + more;
        if wanted * 4 <= self.cells.len() * 3 {
            return;
        }
        let cells = (wanted * 4).div_ceil(3).next_power_of_two().max(CELLS_MIN);
        let mask = self.mask();
        let before = std::mem::replace(&mut self.cells, vec![EMPTY; cells]);
        for cell in before.into_iter().filter(|cell| *cell != EMPTY) {
            let place = cell as usize & mask;
            self.settle(id_at(place), place);
        }
    }

    /// The bytes that it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<u32>()
    }

    fn mask(&self) -> usize {
        self.cells.len().wrapping_sub(1)
    }

    fn place(&self, cell: u32) -> usize {
        cell as usize & self.mask()
    }

    fn home(&self, id: MemberId) -> usize {
        let bits = self.cells.len().trailing_zeros();
        (id.as_u64().wrapping_mul(GOLDEN) >> (u64::BITS - bits)) as usize
    }

    /// What the cell of `id` holds when it is at `place`: the bits of its hash that follow those
    /// of its home, as many as the place leaves.
    fn entry(&self, id: MemberId, place: usize) -> u32 {
        let bits = self.cells.len().trailing_zeros();
        let hash = id.as_u64().wrapping_mul(GOLDEN) << bits;
        ((hash >> u32::BITS) as u32 & !(self.mask() as u32)) | place as u32
    }

    fn cell_of(&self, id: MemberId, id_at: impl Fn(usize) -> MemberId) -> Option<usize> {
        if self.cells.is_empty() {
            return None;
        }
        let mask = self.mask();
        let tag = self.entry(id, 0);
        let mut cell = self.home(id);
        loop {
            let held = self.cells[cell];
            if held == EMPTY {
                return None;
            }
            if held & !(mask as u32) == tag && id_at(held as usize & mask) == id {
                return Some(cell);
            }
            cell = (cell + 1) & mask;
        }
    }

    /// The cell of `id`, which is at `place`, without a look at the list.
    fn cell_at(&self, id: MemberId, place: usize) -> Option<usize> {
        if self.cells.is_empty() {
            return None;
        }
        let mask = self.mask();
        let wanted = self.entry(id, place);
        let mut cell = self.home(id);
        while self.cells[cell] != EMPTY {
            if self.cells[cell] == wanted {
                return Some(cell);
            }
            cell = (cell + 1) & mask;
        }
        None
    }

    fn settle(&mut self, id: MemberId, place: usize) {
        let mask = self.mask();
        let mut cell = self.home(id);
        while self.cells[cell] != EMPTY {
            cell = (cell + 1) & mask;
        }
        self.cells[cell] = self.entry(id, place);
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
