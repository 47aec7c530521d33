//! The member table: records by id, and everything kept in step with them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::agenda::Agenda;
use crate::attributes::Attributes;
use crate::claim::{Claim, Life, Status, Version};
use crate::grounds::Grounds;
use crate::id::MemberId;
use crate::marks::marked;
use crate::own::{Own, OwnChange};
use crate::recent::Recent;
use crate::record::Record;
use crate::rows::Rows;
use crate::rules::Rules;
use crate::sketch::Sketch;
use crate::summary::Summary;
use crate::time::Time;
use crate::update::Update;
use crate::version_vector::VersionVector;

/// The bounds of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most records, live and dead together. A stranger beyond it is refused. Default 262,144.
    pub records: usize,
    /// How long a dead record is kept and told. Default 5 minutes.
    pub tombstone_ttl: Duration,
    /// The most forgotten members whose end is remembered. Default 65,536.
    pub graves: usize,
    /// How long the end of a forgotten member is remembered. Default 24 hours.
    pub grave_ttl: Duration,
    /// The most addresses of failed members kept for healing. Default 1,024.
    pub roster: usize,
    /// How long the address of a failed member is kept for healing. Default 24 hours.
    pub roster_ttl: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        let day = Duration::from_secs(24 * 60 * 60);
        Limits {
            records: 262_144,
            tombstone_ttl: Duration::from_secs(5 * 60),
            graves: 65_536,
            grave_ttl: day,
            roster: 1_024,
            roster_ttl: day,
        }
    }
}

/// How full the bounded parts of a table are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Members that are alive or suspect, the owner included.
    pub live: usize,
    /// Dead members that are still told of.
    pub tombstones: usize,
    /// Forgotten members whose end is remembered.
    pub graves: usize,
    /// Addresses of failed members kept for healing.
    pub roster: usize,
}

/// What the passing of time changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Dead members whose record was dropped.
    pub forgotten: Vec<MemberId>,
    /// What became of the owner, when its own eviction ran out.
    pub own: Option<OwnChange>,
}

/// One node's knowledge of the cluster, the node itself included.
///
/// The table is the join of everything heard: [`Table::merge`] (in `merge.rs`) is commutative,
/// associative and idempotent over claims and attributes.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) own: Own,
    rows: Rows,
    /// Dead records, by when they are forgotten.
    tombstones: Agenda<MemberId, ()>,
    /// The largest dead claim per forgotten member.
    graveyard: Agenda<MemberId, Claim>,
    /// Where failed members were last reached.
    roster: Agenda<MemberId, SocketAddr>,
    summary: Summary,
    /// Of the live records' marks; empty until somebody asks for it.
    pub(crate) sketch: Sketch,
    pub(crate) recent: Recent,
    live: usize,
    pub(crate) limits: Limits,
    pub(crate) rules: Rules,
}

impl Table {
    /// A table that holds its owner alone, alive in the life that `attributes.version` names.
    pub fn new(attributes: Attributes, limits: Limits, now: Time) -> Table {
        let claim = Claim {
            id: attributes.name.id(),
            version: Version::new(attributes.version.life, 0, Status::Alive),
            over: None,
        };
        let mut table = Table {
            own: Own::new(&attributes),
            rows: Rows::default(),
            tombstones: Agenda::default(),
            graveyard: Agenda::new(limits.graves),
            roster: Agenda::new(limits.roster),
            summary: Summary::default(),
            sketch: Sketch::default(),
            recent: Recent::default(),
            live: 0,
            limits,
            rules: Rules::default(),
        };
        table.put(now, claim, Arc::new(attributes), Grounds::plain(now));
        table.recent.clear();
        table
    }

    /// Drops or restores rules of the merge, to show that a test notices.
    #[cfg(feature = "planted-bugs")]
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// The record of `id`.
    pub fn get(&self, id: MemberId) -> Option<Record<'_>> {
        self.rows.get(id)
    }

    /// Takes over all that `other` holds, in place of all but the owner's own record: for a table
    /// that has just been made, within the same limits.
    pub fn know_as(&mut self, now: Time, other: &Table) {
        let id = self.own.id;
        let Some(own) = self.get(id) else { return };
        let (claim, grounds) = (own.claim, Grounds::held(own));
        let attributes = Arc::clone(own.attributes);
        self.rows = other.rows.clone();
        self.tombstones = other.tombstones.clone();
        self.graveyard = other.graveyard.clone();
        self.roster = other.roster.clone();
        self.summary = other.summary;
        self.sketch = Sketch::default();
        self.live = other.live;
        self.put(now, claim, attributes, grounds);
        self.recent.clear();
    }

    /// Makes room for so many more records at once, so that none is left over.
    pub fn reserve(&mut self, more: usize) {
        self.rows.reserve(more);
    }

    /// About the bytes that it takes on the heap, without the attributes, which tables may share.
    pub fn heap_bytes(&self) -> usize {
        let aged = self.tombstones.heap_bytes() + self.graveyard.heap_bytes();
        let sketch = self.sketch.heap_bytes();
        self.rows.heap_bytes() + aged + self.roster.heap_bytes() + sketch
    }

    /// Every record, live and dead, in id order, from after `cursor` on: an interrupted walk goes
    /// on where it stopped.
    pub fn records_after(&self, cursor: Option<MemberId>) -> impl Iterator<Item = Record<'_>> {
        self.rows.after(cursor)
    }

    /// The live members that follow `id` on the ring of ids, the nearest first, itself left out.
    pub fn live_after(&self, id: MemberId) -> impl Iterator<Item = MemberId> {
        self.rows.round_after(id).filter(Record::is_live).map(|record| record.id())
    }

    /// The live members that come before `id` on the ring of ids, the nearest first.
    pub fn live_before(&self, id: MemberId) -> impl Iterator<Item = MemberId> {
        self.rows.round_before(id).filter(Record::is_live).map(|record| record.id())
    }

    /// Every record, live and dead, whose id begins with these bits.
    pub(crate) fn with_prefix(&self, prefix: u32) -> impl Iterator<Item = Record<'_>> {
        self.rows.with_prefix(prefix)
    }

    /// The dead members that are still told of, those that are told of longest first.
    pub fn newest_tombstones(&self) -> impl Iterator<Item = MemberId> {
        self.tombstones.latest_first()
    }

    /// Every record, live and dead, in id order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.rows.iter()
    }

    /// Every live record, the owner's included, in id order.
    pub fn live(&self) -> impl Iterator<Item = Record<'_>> {
        self.records().filter(Record::is_live)
    }

    /// Every record, last changed first, from before `cursor` on; each with its cursor. O(n) to
    /// begin, O(log n) for each that is taken.
    pub fn newest_before(&self, cursor: u64) -> impl Iterator<Item = (u64, Record<'_>)> {
        self.rows.newest_before(cursor)
    }

    /// The number of records, live and dead.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the table holds no record; it always holds its owner's.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// The number of live members, the owner included.
    pub fn live_len(&self) -> usize {
        self.live
    }

    /// How full the bounded parts are.
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            live: self.live,
            tombstones: self.tombstones.len(),
            graves: self.graveyard.len(),
            roster: self.roster.len(),
        }
    }

    /// The hashes that sum the table up.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// The versions of everything held, live and dead.
    pub fn version_vector(&self) -> VersionVector {
        VersionVector::of(self.records())
    }

    /// The versions of the live members: what two converged nodes have in common.
    pub fn live_version_vector(&self) -> VersionVector {
        VersionVector::of(self.live())
    }

    /// The largest claim held of `id`, in the table or in the graveyard.
    pub fn hold(&self, id: MemberId) -> Option<Claim> {
        self.larger_of(id, self.get(id))
    }

    /// The larger of a member's record and grave.
    pub(crate) fn larger_of(&self, id: MemberId, recorded: Option<Record<'_>>) -> Option<Claim> {
        let recorded = recorded.map(|record| record.claim);
        let buried = self.graveyard.get(id).copied();
        recorded.into_iter().chain(buried).max_by_key(|claim| claim.version)
    }

    /// What to tell somebody whose claim about `id` is behind.
    pub fn answer(&self, id: MemberId, now: Time) -> Option<Update> {
        let held = self.hold(id)?;
        match self.get(id) {
            Some(record) if record.claim == held => Some(record.update(now)),
            _ => Some(Update { age: self.limits.tombstone_ttl, ..Update::claim(held) }),
        }
    }

    /// A random failed member that might be back, picked by a random number.
    pub fn roster_pick(&self, random: u64) -> Option<(MemberId, SocketAddr)> {
        self.roster.near(random).map(|(id, address)| (id, *address))
    }

    /// Forgets what is due: dead records, graves, roster entries.
    pub fn expire(&mut self, now: Time) -> Expired {
        let mut expired = Expired::default();
        while let Some((id, ())) = self.tombstones.pop_due(now) {
            if id == self.own.id && !self.own.is_displaced() {
                if self.own.is_held() {
                    self.forget(now, id);
                }
                expired.own = self.eviction_ran_out(now).or(expired.own);
                continue;
            }
            if self.forget(now, id) {
                expired.forgotten.push(id);
            }
        }
        while self.graveyard.pop_due(now).is_some() {}
        while self.roster.pop_due(now).is_some() {}
        expired
    }

    /// Drops a dead record and remembers that its life is over.
    fn forget(&mut self, now: Time, id: MemberId) -> bool {
        let Some((claim, _)) = self.drop_record(id) else { return false };
        self.bury(now, claim, self.rules.forgetting_closes);
        true
    }

    /// When [`Table::expire`] next has something to do.
    pub fn next_expiry(&self) -> Option<Time> {
        let due = [self.tombstones.next_due(), self.graveyard.next_due(), self.roster.next_due()];
        due.into_iter().flatten().min()
    }

    /// Forgets every other live process, keeping the members' addresses for healing, and begins a
    /// new generation: what a node does that was alone for longer than the graveyard remembers, before
    /// it says anything, since its word on others may be about the long dead.
    pub fn go_stale(&mut self, now: Time) -> Vec<MemberId> {
        let own = self.own.id;
        let others =
            self.live().map(|record| record.id()).filter(|id| *id != own).collect::<Vec<_>>();
        for id in &others {
            if let Some((_, address)) = self.drop_record(*id) {
                self.keep_address(now, *id, address);
            }
        }
        let rival = self.get(own).map(|record| record.claim);
        self.stop_standing_aside();
        self.climb(now, rival, None);
        self.recent.clear();
        others
    }

    /// Remembers a dead claim without a record. A forgotten life is `closed`: nothing within its
    /// generation counts any more. A failure heard of a stranger stays refutable.
    pub(crate) fn bury(&mut self, now: Time, claim: Claim, close: bool) {
        let claim = if close { claim.with_status(Status::Closed) } else { claim };
        if self.graveyard.get(claim.id).is_none_or(|held| held.version < claim.version) {
            self.graveyard.insert(claim.id, claim, now + self.limits.grave_ttl);
        }
    }

    pub(crate) fn buried(&self, id: MemberId) -> Option<&Claim> {
        self.graveyard.get(id)
    }

    /// The one place where a record changes: indexes and hashes follow here.
    pub(crate) fn put(
        &mut self,
        now: Time,
        claim: Claim,
        attributes: Arc<Attributes>,
        grounds: Grounds,
    ) {
        let id = claim.id;
        let before = self.summary.sync;
        self.leave_sums(id);
        let parts = Summary::of(claim, &attributes);
        self.summary.add(parts);
        self.recent.add(id, self.summary.sync.wrapping_sub(before));
        if claim.is_live() {
            self.sketch.add(marked(claim, &attributes, parts.sync));
            self.live += 1;
            self.roster.remove(id);
        } else {
            // A claim that was long under way is still kept and told for half of the time.
            let age = now.since(grounds.since).min(self.limits.tombstone_ttl / 2);
            self.tombstones.insert(id, (), now + (self.limits.tombstone_ttl - age));
            match claim.status() {
                Status::Failed | Status::Closed => {
                    self.keep_address(now, id, attributes.address);
                }
                _ => self.drop_address(id),
            }
        }
        self.rows.put(claim, attributes, grounds);
    }

    pub(crate) fn drop_address(&mut self, id: MemberId) {
        self.roster.remove(id);
    }

    fn keep_address(&mut self, now: Time, id: MemberId, address: SocketAddr) {
        if id != self.own.id {
            self.roster.insert(id, address, now + self.limits.roster_ttl);
        }
    }

    fn drop_record(&mut self, id: MemberId) -> Option<(Claim, SocketAddr)> {
        let before = self.summary.sync;
        let dropped = self.leave_sums(id)?;
        self.recent.add(id, self.summary.sync.wrapping_sub(before));
        self.rows.remove(id);
        Some(dropped)
    }

    /// Takes a record out of everything that is kept in step with the records.
    fn leave_sums(&mut self, id: MemberId) -> Option<(Claim, SocketAddr)> {
        let Record { claim, attributes, .. } = self.rows.get(id)?;
        let address = attributes.address;
        let parts = Summary::of(claim, attributes);
        self.summary.subtract(parts);
        if claim.is_live() {
            self.sketch.take(marked(claim, attributes, parts.sync));
            self.live -= 1;
        } else {
            self.tombstones.remove(id);
        }
        Some((claim, address))
    }

    /// The life that the owner lives now.
    pub fn own_life(&self) -> Life {
        self.own.life
    }

    /// The owner's id.
    pub fn own_id(&self) -> MemberId {
        self.own.id
    }
}
