//! The rows of a table, packed: a cluster of ten thousand has a hundred million of them when all
//! its nodes live in one simulator.
//!
//! ```text
//!   rows    id, attributes, since, seq, incarnation, status     in no order, no holes
//!   index   id -> place        order   places by id        rest   what few rows have, by id
//! ```
//! Most rows need no life of their own: it is the one that the attributes were said in.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use crate::attributes::Attributes;
use crate::claim::{Claim, Life, Status, Version};
use crate::id::{Instance, MemberId};
use crate::id_index::IdIndex;
use crate::record::Record;
use crate::time::Time;

#[derive(Clone, Debug)]
struct Row {
    id: MemberId,
    attributes: Arc<Attributes>,
    since: Time,
    /// Position in the order of last change; larger is newer.
    seq: u64,
    incarnation: u32,
    status: Status,
    /// Whether there is more of it in `rest`.
    has_rest: bool,
}

/// What a row has that most have not.
#[derive(Clone, Copy, Debug)]
struct Rest {
    life: Life,
    over: Option<Instance>,
    accuser: Option<MemberId>,
}

/// Records by id. About constant time to find one, O(n) moved words to add or drop one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    rows: Vec<Row>,
    index: IdIndex,
    order: Vec<u32>,
    rest: BTreeMap<MemberId, Rest>,
    next_seq: u64,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn get(&self, id: MemberId) -> Option<Record<'_>> {
        self.find(id).map(|place| self.view(&self.rows[place]))
    }

    /// In id order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.order.iter().map(|place| self.view(&self.rows[*place as usize]))
    }

    /// In id order, from after `cursor` on.
    pub(crate) fn after(&self, cursor: Option<MemberId>) -> impl Iterator<Item = Record<'_>> {
        let from = cursor.map_or(0, |cursor| {
            self.order.partition_point(|place| self.rows[*place as usize].id <= cursor)
        });
        self.order[from..].iter().map(|place| self.view(&self.rows[*place as usize]))
    }

    /// Last changed first, from before `cursor` on, each with its cursor. O(n), and O(log n) for
    /// each that is taken.
    pub(crate) fn newest_before(&self, cursor: u64) -> impl Iterator<Item = (u64, Record<'_>)> {
        let older = self.rows.iter().enumerate().filter(move |(_, row)| row.seq < cursor);
        let mut waiting: BinaryHeap<(u64, usize)> =
            older.map(|(place, row)| (row.seq, place)).collect();
        std::iter::from_fn(move || {
            let (seq, place) = waiting.pop()?;
            Some((seq, self.view(&self.rows[place])))
        })
    }

    /// Makes room for so many more at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.rows.reserve_exact(more);
        self.order.reserve_exact(more);
        self.index.make_room(more, |place| self.rows[place].id);
    }

    /// Writes the record of a member, as the one changed last.
    pub(crate) fn put(
        &mut self,
        claim: Claim,
        attributes: Arc<Attributes>,
        since: Time,
        accuser: Option<MemberId>,
    ) {
        let Claim { id, version, over } = claim;
        let life = version.life();
        let has_rest = life != attributes.version.life || over.is_some() || accuser.is_some();
        let row = Row {
            id,
            attributes,
            since,
            seq: self.next_seq,
            incarnation: version.incarnation(),
            status: version.status(),
            has_rest,
        };
        self.next_seq += 1;
        let before = self.find(id);
        if before.is_some_and(|place| self.rows[place].has_rest && !has_rest) {
            self.rest.remove(&id);
        }
        if has_rest {
            self.rest.insert(id, Rest { life, over, accuser });
        }
        match before {
            Some(place) => self.rows[place] = row,
            None => self.push(row),
        }
    }

    pub(crate) fn remove(&mut self, id: MemberId) {
        let Some(place) = self.index.remove(id, |place| self.rows[place].id) else { return };
        if let Ok(at) = self.position(id) {
            self.order.remove(at);
        }
        let last = self.rows.len() - 1;
        if place != last
            && let Ok(at) = self.position(self.rows[last].id)
        {
            self.order[at] = place as u32;
            self.index.moved(self.rows[last].id, last, place);
        }
        let gone = self.rows.swap_remove(place);
        if gone.has_rest {
            self.rest.remove(&id);
        }
    }

    fn push(&mut self, row: Row) {
        let place = self.rows.len();
        grow(&mut self.rows);
        grow(&mut self.order);
        let newest = self.order.last().is_none_or(|last| self.rows[*last as usize].id < row.id);
        let at = if newest { place } else { self.position(row.id).unwrap_or_else(|at| at) };
        self.order.insert(at, place as u32);
        let id = row.id;
        self.rows.push(row);
        self.index.insert(id, place, |place| self.rows[place].id);
    }

    fn find(&self, id: MemberId) -> Option<usize> {
        self.index.find(id, |place| self.rows[place].id)
    }

    fn position(&self, id: MemberId) -> Result<usize, usize> {
        self.order.binary_search_by_key(&id, |place| self.rows[*place as usize].id)
    }

    fn view<'a>(&'a self, row: &'a Row) -> Record<'a> {
        let rest = if row.has_rest { self.rest.get(&row.id).copied() } else { None };
        let plain = Rest { life: row.attributes.version.life, over: None, accuser: None };
        let Rest { life, over, accuser } = rest.unwrap_or(plain);
        let version = Version::new(life, row.incarnation, row.status);
        let claim = Claim { id: row.id, version, over };
        Record { claim, attributes: &row.attributes, since: row.since, accuser }
    }

    /// The bytes that it takes on the heap, without the attributes, which tables may share.
    pub(crate) fn heap_bytes(&self) -> usize {
        // Nodes of the tree are at least half full.
        let rest = self.rest.len() * 2 * (size_of::<MemberId>() + size_of::<Rest>());
        let rows = self.rows.capacity() * size_of::<Row>();
        rows + self.order.capacity() * size_of::<u32>() + self.index.heap_bytes() + rest
    }
}

/// Keeps a list that is full from doubling: an eighth more will do.
fn grow<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 8).max(4));
    }
}
