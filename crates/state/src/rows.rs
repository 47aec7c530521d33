//! The rows of a table, packed: a cluster of ten thousand has a hundred million of them when all
//! its nodes live in one simulator.
//!
//! ```text
//!   rows    id, attributes, since, incarnation, status      in no order, no holes
//!   ages    the order of last change                        at the same places
//!   index   places by id, in id order                       rest   what few rows have, by id
//! ```
//! Most rows need no life of their own: it is the one that the attributes were said in. What every
//! datagram asks for fills half a line of memory.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use crate::attributes::Attributes;
use crate::claim::{Claim, Life, Status, Version};
use crate::evidence::{Evidence, Reason, Voters};
use crate::grounds::Grounds;
use crate::id::{Instance, MemberId};
use crate::id_order::IdOrder;
use crate::memory::tree_bytes;
use crate::record::Record;
use crate::time::Time;

#[derive(Clone, Debug)]
#[repr(align(32))]
struct Row {
    id: MemberId,
    attributes: Arc<Attributes>,
    since: Time,
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
    evidence: Option<Packed>,
}

/// Evidence in half of the bytes.
#[derive(Clone, Copy, Debug)]
struct Packed {
    reason: Reason,
    /// Whole milliseconds; saturates.
    word_age: u32,
    voters: Voters,
}

/// Records by id. About constant time to find, add or drop one.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    rows: Vec<Row>,
    /// Positions in the order of last change; larger is newer.
    ages: Vec<u64>,
    index: IdOrder,
    rest: BTreeMap<MemberId, Rest>,
    next_seq: u64,
}

impl Clone for Rows {
    /// The copy is in id order, so that walks through it read memory from front to back.
    fn clone(&self) -> Rows {
        let mut rows = Vec::with_capacity(self.rows.len());
        let mut ages = Vec::with_capacity(self.ages.len());
        rows.extend(self.index.places().map(|place| self.rows[place].clone()));
        ages.extend(self.index.places().map(|place| self.ages[place]));
        Rows {
            rows,
            ages,
            index: self.index.in_order(),
            rest: self.rest.clone(),
            next_seq: self.next_seq,
        }
    }
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn get(&self, id: MemberId) -> Option<Record<'_>> {
        self.find(id).map(|place| self.view(place))
    }

    /// In id order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.index.places().map(|place| self.view(place))
    }

    /// In id order, from after `cursor` on.
    pub(crate) fn after(&self, cursor: Option<MemberId>) -> impl Iterator<Item = Record<'_>> {
        let first = cursor.or(MemberId::from_u64(1));
        let from = first.map(|first| self.index.from(first, |place| self.rows[place].id));
        let all = from.into_iter().flatten().map(|place| self.view(place));
        all.skip_while(move |record| Some(record.id()) == cursor)
    }

    /// Round the ring of ids from `id` on, itself left out: the next larger first, and after the
    /// largest the smallest.
    pub(crate) fn round_after(&self, id: MemberId) -> impl Iterator<Item = Record<'_>> {
        let all = self.after(Some(id)).chain(self.iter());
        all.take(self.len()).take_while(move |record| record.id() != id)
    }

    /// The same the other way round.
    pub(crate) fn round_before(&self, id: MemberId) -> impl Iterator<Item = Record<'_>> {
        let id_at = |place: usize| self.rows[place].id;
        let rest = MemberId::from_u64(u64::MAX).into_iter();
        let rest = rest.flat_map(move |last| {
            let largest = self.index.find(last, id_at);
            largest.into_iter().chain(self.index.before(last, id_at))
        });
        let all = self.index.before(id, id_at).chain(rest).map(|place| self.view(place));
        all.take(self.len()).take_while(move |record| record.id() != id)
    }

    /// Those whose ids begin with these 32 bits, in id order.
    pub(crate) fn with_prefix(&self, prefix: u32) -> impl Iterator<Item = Record<'_>> {
        let first = MemberId::from_u64((u64::from(prefix) << u32::BITS).max(1));
        let from = first.map(|first| self.index.from(first, |place| self.rows[place].id));
        let places = from.into_iter().flatten();
        let begins_so =
            move |place: &usize| self.rows[*place].id.as_u64() >> u32::BITS == u64::from(prefix);
        places.take_while(begins_so).map(|place| self.view(place))
    }

    /// Last changed first, from before `cursor` on, each with its cursor. O(n), and O(log n) for
    /// each that is taken.
    pub(crate) fn newest_before(&self, cursor: u64) -> impl Iterator<Item = (u64, Record<'_>)> {
        let older = self.ages.iter().enumerate().filter(move |(_, age)| **age < cursor);
        let mut waiting: BinaryHeap<(u64, usize)> =
            older.map(|(place, age)| (*age, place)).collect();
        std::iter::from_fn(move || {
            let (seq, place) = waiting.pop()?;
            Some((seq, self.view(place)))
        })
    }

    /// Makes room for so many more at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.rows.reserve_exact(more);
        self.ages.reserve_exact(more);
        self.index.make_room(more, |place| self.rows[place].id);
    }

    /// Writes the record of a member, as the one changed last.
    pub(crate) fn put(&mut self, claim: Claim, attributes: Arc<Attributes>, grounds: Grounds) {
        let Claim { id, version, over } = claim;
        let Grounds { since, accuser, evidence } = grounds;
        let evidence = evidence.map(Packed::of);
        let life = version.life();
        let accuses = accuser.is_some() || evidence.is_some();
        let has_rest = life != attributes.version.life || over.is_some() || accuses;
        let row = Row {
            id,
            attributes,
            since,
            incarnation: version.incarnation(),
            status: version.status(),
            has_rest,
        };
        let age = self.next_seq;
        self.next_seq += 1;
        let before = self.find(id);
        if before.is_some_and(|place| self.rows[place].has_rest && !has_rest) {
            self.rest.remove(&id);
        }
        if has_rest {
            self.rest.insert(id, Rest { life, over, accuser, evidence });
        }
        match before {
            Some(place) => (self.rows[place], self.ages[place]) = (row, age),
            None => self.push(row, age),
        }
    }

    pub(crate) fn remove(&mut self, id: MemberId) {
        let Some(place) = self.index.remove(id, |place| self.rows[place].id) else { return };
        let last = self.rows.len() - 1;
        if place != last {
            self.index.moved(self.rows[last].id, last, place);
        }
        self.ages.swap_remove(place);
        let gone = self.rows.swap_remove(place);
        if gone.has_rest {
            self.rest.remove(&id);
        }
    }

    fn push(&mut self, row: Row, age: u64) {
        let (id, place) = (row.id, self.rows.len());
        grow(&mut self.rows);
        grow(&mut self.ages);
        self.rows.push(row);
        self.ages.push(age);
        self.index.insert(id, place, |place| self.rows[place].id);
    }

    #[inline]
    fn find(&self, id: MemberId) -> Option<usize> {
        self.index.find(id, |place| self.rows[place].id)
    }

    #[inline]
    fn view(&self, place: usize) -> Record<'_> {
        let row = &self.rows[place];
        let rest = if row.has_rest { self.rest.get(&row.id).copied() } else { None };
        let life = row.attributes.version.life;
        let plain = Rest { life, over: None, accuser: None, evidence: None };
        let Rest { life, over, accuser, evidence } = rest.unwrap_or(plain);
        let version = Version::new(life, row.incarnation, row.status);
        let claim = Claim { id: row.id, version, over };
        let evidence = evidence.map(Packed::whole);
        Record { claim, attributes: &row.attributes, since: row.since, accuser, evidence }
    }

    /// The bytes that it takes on the heap, without the attributes, which tables may share.
    pub(crate) fn heap_bytes(&self) -> usize {
        let rest = tree_bytes(self.rest.len(), size_of::<(MemberId, Rest)>());
        let rows = self.rows.capacity() * size_of::<Row>();
        let ages = self.ages.capacity() * size_of::<u64>();
        rows + ages + self.index.heap_bytes() + rest
    }
}

impl Packed {
    fn of(evidence: Evidence) -> Packed {
        let Evidence { reason, word_age, voters } = evidence;
        let word_age = u32::try_from(word_age.as_millis()).unwrap_or(u32::MAX);
        Packed { reason, word_age, voters }
    }

    fn whole(self) -> Evidence {
        let Packed { reason, word_age, voters } = self;
        Evidence { reason, word_age: Duration::from_millis(word_age.into()), voters }
    }
}

/// Keeps a list that is full from doubling: an eighth more will do.
fn grow<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 8).max(4));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::attributes::{AttributesVersion, ProtocolRange, Serving, Tags};
    use crate::id::Name;

    fn life(generation: u64) -> Life {
        Life { generation, instance: Instance::from_u64(1).unwrap() }
    }

    fn attributes(number: u64) -> Arc<Attributes> {
        Arc::new(Attributes {
            version: AttributesVersion { life: life(1), counter: 0 },
            name: Name::new(&format!("member {number}")).unwrap(),
            address: ([127, 0, 0, 1], 7_000).into(),
            serving: Serving::Serving,
            zone: String::new(),
            tags: Tags::new(),
            protocol: ProtocolRange { min: 1, max: 1 },
            out_of_reach: Vec::new(),
        })
    }

    /// What is put of one member: plain, or with a life of its own, a rival, an accuser and
    /// evidence.
    fn row(number: u64, plain: bool, since: u64) -> (Claim, Grounds) {
        let version = Version::new(life(if plain { 1 } else { 2 }), 3, Status::Suspect);
        let over = Instance::from_u64(9).filter(|_| !plain);
        let claim = Claim { id: attributes(number).name.id(), version, over };
        let accuser = Some(claim.id).filter(|_| !plain);
        let evidence = accuser.map(|voter| Evidence {
            reason: Reason::ALL[number as usize % Reason::ALL.len()],
            word_age: Duration::from_millis(since),
            voters: Voters::of([voter]),
        });
        (claim, Grounds { since: Time::from_micros(since), accuser, evidence })
    }

    proptest! {
        #[test]
        fn packed_rows_hold_what_a_plain_map_holds(
            steps in prop::collection::vec((0..4u8, 0..30u64), 0..120),
        ) {
            let mut rows = Rows::default();
            let mut model = BTreeMap::new();
            for (at, (step, number)) in (0..).zip(steps) {
                let (claim, grounds) = row(number, step == 1, at);
                if step == 0 {
                    rows.remove(claim.id);
                    model.remove(&claim.id);
                } else {
                    rows.put(claim, attributes(number), grounds);
                    model.insert(claim.id, (claim, grounds));
                }
                let told = |r: Record<'_>| (r.claim, Grounds::held(r));
                prop_assert!(rows.iter().map(told).eq(model.values().copied()));
                prop_assert_eq!(rows.get(claim.id).map(told), model.get(&claim.id).copied());
                prop_assert!(rows.iter().all(|r| r.attributes.name.id() == r.id()));
                let rest = model.range(claim.id..).filter(|(id, _)| **id > claim.id);
                prop_assert!(rows.after(Some(claim.id)).map(told).eq(rest.map(|(_, row)| *row)));
                prop_assert!(rows.after(None).map(told).eq(model.values().copied()));
                let prefix = (claim.id.as_u64() >> 32) as u32;
                let alike = model.iter().filter(|(id, _)| id.as_u64() >> 32 == u64::from(prefix));
                prop_assert!(rows.with_prefix(prefix).map(told).eq(alike.map(|(_, row)| *row)));
                prop_assert_eq!(rows.with_prefix(prefix ^ 1).count(), 0);
                let (smaller, larger): (Vec<_>, Vec<_>) = model
                    .keys()
                    .copied()
                    .filter(|id| *id != claim.id)
                    .partition(|id| *id < claim.id);
                let mut round = [larger, smaller].concat();
                prop_assert!(rows.round_after(claim.id).map(|r| r.id()).eq(round.iter().copied()));
                round.reverse();
                prop_assert!(rows.round_before(claim.id).map(|r| r.id()).eq(round));
                let mut newest: Vec<Time> = model.values().map(|(_, grounds)| grounds.since).collect();
                newest.sort_unstable_by(|a, b| b.cmp(a));
                prop_assert!(rows.newest_before(u64::MAX).map(|(_, r)| r.since).eq(newest));
                let copy = rows.clone();
                prop_assert!(copy.iter().map(told).eq(model.values().copied()));
                let newest = |rows: &Rows| -> Vec<MemberId> {
                    rows.newest_before(u64::MAX).map(|(_, r)| r.id()).collect()
                };
                prop_assert_eq!(newest(&copy), newest(&rows));
                let odd = model.values().filter(|(_, grounds)| grounds.accuser.is_some()).count();
                prop_assert_eq!(rows.rest.len(), odd);
            }
        }
    }
}
