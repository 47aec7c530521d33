//! Where in a list a member is, and which member comes next.
//!
//! ```text
//!   cells   .  a3  .  b0  c2  .  .  d1  .  | .      places in a list that others own, by id
//!   ids     0 ......................... 2^64  overflow
//! ```
//! Open addressing with linear probing in which the entries of a run stand in the order of their
//! hashes (Celis, Larson and Munro, FOCS 1985: Robin Hood hashing). Ids are hashes already, and the
//! home of an id is given by its highest bits, so that the cells from first to last hold all
//! members in id order: one table finds a member and walks through all of them. Entering and
//! leaving move the rest of a run, a few cells. Runs do not wrap; one that reaches the end of the
//! ids goes on behind it.
//!
//! A place takes as many bits as the number of cells has; the others of a cell are bits of the id
//! beyond those of its home, so that of the list nearly nothing is read but the entry that is
//! looked for.

use crate::id::MemberId;

/// An index from member ids to their places in a list, in id order: about constant time for ids
/// that are hashes. Whoever finds names whose hashes begin alike makes it slow, not wrong.
///
/// The list stays with its owner, who tells of every change, and says which id is at a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdOrder {
    /// A power of two of cells and those that the last run needs beyond them, or none.
    cells: Vec<u32>,
    /// How many bits of an id say where its home is.
    bits: u32,
    len: usize,
}

/// No place has all bits set: a quarter of the cells is free.
const EMPTY: u32 = u32::MAX;

/// The fewest bits of an id that say where its home is.
const BITS_MIN: u32 = 3;

/// By so many cells at once the last run is given more room.
const OVERFLOW: usize = 8;

impl IdOrder {
    /// The place of `id`, if it is in the list.
    pub(crate) fn find(&self, id: MemberId, id_at: impl Fn(usize) -> MemberId) -> Option<usize> {
        let cell = self.cell_of(id, id_at)?;
        Some(self.place(self.cells[cell]))
    }

    /// All places, in id order.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.places_from(0)
    }

    /// The places of `id` and those after it, in id order.
    pub(crate) fn from(
        &self,
        id: MemberId,
        id_at: impl Fn(usize) -> MemberId,
    ) -> impl Iterator<Item = usize> {
        let first = if self.cells.is_empty() { 0 } else { self.home(id) };
        self.places_from(first).skip_while(move |place| id_at(*place) < id)
    }

    /// The places of those before `id`, the nearest first: in falling id order.
    pub(crate) fn before(
        &self,
        id: MemberId,
        id_at: impl Fn(usize) -> MemberId,
    ) -> impl Iterator<Item = usize> {
        let mut end = if self.cells.is_empty() { 0 } else { self.home(id) };
        while let Some(held) = self.held(end)
            && id_at(self.place(held)) < id
        {
            end += 1;
        }
        let held = self.cells[..end].iter().rev().filter(|held| **held != EMPTY);
        held.map(|held| self.place(*held))
    }

    /// The same members, whose list is in id order now.
    pub(crate) fn in_order(&self) -> IdOrder {
        let (mask, mut order, mut place) = (self.mask(), self.clone(), 0);
        for held in order.cells.iter_mut().filter(|held| **held != EMPTY) {
            *held = (*held & !mask) | place;
            place += 1;
        }
        order
    }

    /// Takes note that `id`, which is not in the index yet, is at `place`, the one after those of
    /// all others.
    pub(crate) fn insert(&mut self, id: MemberId, place: usize, id_at: impl Fn(usize) -> MemberId) {
        self.make_room(1, &id_at);
        self.len += 1;
        let mut cell = self.home(id);
        while let Some(held) = self.held(cell)
            && id_at(self.place(held)) < id
        {
            cell += 1;
        }
        let mut carried = self.entry(id, place);
        while carried != EMPTY {
            self.reach(cell);
            std::mem::swap(&mut self.cells[cell], &mut carried);
            cell += 1;
        }
    }

    /// Forgets `id`, and answers where it was. The list must still have it there.
    pub(crate) fn remove(
        &mut self,
        id: MemberId,
        id_at: impl Fn(usize) -> MemberId,
    ) -> Option<usize> {
        let mut hole = self.cell_of(id, &id_at)?;
        let place = self.place(self.cells[hole]);
        self.len -= 1;
        // Those after it in its run come closer to their homes.
        while let Some(next) = self.held(hole + 1)
            && self.home(id_at(self.place(next))) <= hole
        {
            self.cells[hole] = next;
            hole += 1;
        }
        self.cells[hole] = EMPTY;
        Some(place)
    }

    /// Takes note that `id`, which was at `from`, is at `to` now.
    pub(crate) fn moved(&mut self, id: MemberId, from: usize, to: usize) {
        if self.cells.is_empty() {
            return;
        }
        let wanted = self.entry(id, from);
        let mut cell = self.home(id);
        while let Some(held) = self.held(cell) {
            if held == wanted {
                self.cells[cell] = self.entry(id, to);
                return;
            }
            cell += 1;
        }
    }

    /// Makes room for so many more at once.
    pub(crate) fn make_room(&mut self, more: usize, id_at: impl Fn(usize) -> MemberId) {
        let wanted = self.len + more;
        if !self.cells.is_empty() && wanted * 4 <= (1 << self.bits) * 3 {
            return;
        }
        let in_order: Vec<u32> = self.places().map(|place| place as u32).collect();
        self.bits = (wanted * 4).div_ceil(3).next_power_of_two().trailing_zeros().max(BITS_MIN);
        self.cells = vec![EMPTY; 1 << self.bits];
        let mut next = 0;
        for place in in_order {
            let id = id_at(place as usize);
            let cell = self.home(id).max(next);
            self.reach(cell);
            self.cells[cell] = self.entry(id, place as usize);
            next = cell + 1;
        }
    }

    /// The bytes that it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<u32>()
    }

    /// Makes the cell behind the last one, if it is that one.
    fn reach(&mut self, cell: usize) {
        if cell == self.cells.len() {
            if cell == self.cells.capacity() {
                self.cells.reserve_exact(OVERFLOW);
            }
            self.cells.push(EMPTY);
        }
    }

    fn held(&self, cell: usize) -> Option<u32> {
        self.cells.get(cell).copied().filter(|held| *held != EMPTY)
    }

    fn places_from(&self, cell: usize) -> impl Iterator<Item = usize> {
        let held = self.cells[cell..].iter().filter(|held| **held != EMPTY);
        held.map(|held| self.place(*held))
    }

    fn mask(&self) -> u32 {
        ((1_u64 << self.bits) - 1) as u32
    }

    fn place(&self, held: u32) -> usize {
        (held & self.mask()) as usize
    }

    fn home(&self, id: MemberId) -> usize {
        (id.as_u64() >> (u64::BITS - self.bits)) as usize
    }

    /// What the cell of `id` holds when it is at `place`.
    fn entry(&self, id: MemberId, place: usize) -> u32 {
        let tag = (id.as_u64() << self.bits >> u32::BITS) as u32;
        (tag & !self.mask()) | place as u32
    }

    fn cell_of(&self, id: MemberId, id_at: impl Fn(usize) -> MemberId) -> Option<usize> {
        if self.cells.is_empty() {
            return None;
        }
        let (mask, tag) = (self.mask(), self.entry(id, 0));
        let mut cell = self.home(id);
        while let Some(held) = self.held(cell) {
            if held & !mask == tag && id_at((held & mask) as usize) == id {
                return Some(cell);
            }
            cell += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Ids of which many share a home, at the end of the ids too, and some a home and a tag.
    fn member(number: u64) -> MemberId {
        let high = [0, 1 << 61, 5 << 60, u64::MAX << 59][number as usize % 4];
        MemberId::from_u64(high | (number + 1)).unwrap()
    }

    proptest! {
        #[test]
        fn it_finds_what_the_list_holds_and_walks_through_it_in_id_order(
            steps in prop::collection::vec((any::<bool>(), 0..60u64), 0..300),
            spread: bool,
        ) {
            let member = |number: u64| {
                let id = member(number).as_u64();
                let id = if spread { id.wrapping_mul(0x9e37_79b9_7f4a_7c15) } else { id };
                MemberId::from_u64(id).unwrap()
            };
            let (mut list, mut order) = (Vec::<MemberId>::new(), IdOrder::default());
            let mut model = BTreeSet::new();
            for (insert, number) in steps {
                let id = member(number);
                if insert && model.insert(id) {
                    list.push(id);
                    order.insert(id, list.len() - 1, |place| list[place]);
                } else if !insert {
                    let place = order.remove(id, |place| list[place]);
                    prop_assert_eq!(place.is_some(), model.remove(&id));
                    if let Some(place) = place {
                        list.swap_remove(place);
                        if let Some(moved) = list.get(place) {
                            order.moved(*moved, list.len(), place);
                        }
                    }
                }
                for number in 0..60 {
                    let found = order.find(member(number), |place| list[place]);
                    prop_assert_eq!(found.is_some(), model.contains(&member(number)));
                    prop_assert!(found.is_none_or(|place| list[place] == member(number)));
                }
                prop_assert!(order.places().map(|place| list[place]).eq(model.iter().copied()));
                let from = order.from(id, |place| list[place]).map(|place| list[place]);
                prop_assert!(from.eq(model.range(id..).copied()));
                let sorted: Vec<MemberId> = model.iter().copied().collect();
                let in_order = order.in_order();
                prop_assert!(in_order.places().eq(0..sorted.len()));
                let found = |id: &MemberId| in_order.find(*id, |place| sorted[place]);
                prop_assert!(sorted.iter().map(found).eq((0..sorted.len()).map(Some)));
            }
        }
    }

    #[test]
    fn room_made_at_once_is_kept() {
        let mut order = IdOrder::default();
        order.make_room(1_000, |_| member(0));
        let bytes = order.heap_bytes();
        let list: Vec<MemberId> = (0..1_000).map(|n| MemberId::of(&n.to_string())).collect();
        for (place, id) in list.iter().enumerate() {
            order.insert(*id, place, |place| list[place]);
        }
        assert!(order.heap_bytes() <= bytes + 64);
        assert!((0..1_000).all(|at| order.find(list[at], |place| list[place]) == Some(at)));
    }
}
