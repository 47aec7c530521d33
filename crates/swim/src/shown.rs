//! What an engine shows of itself and of the members, for people and programs.

use headcount_health::{Agreement, Contact};
use headcount_state::{MemberId, Record, Standing, Time};

use crate::departure::Departure;
use crate::engine::{AGREEMENT_PERIODS, Engine};
use crate::member::{Member, Seen};
use crate::stats::Stats;

impl Engine {
    /// Whether this node is a member itself.
    pub fn standing(&self) -> Standing {
        self.table.standing()
    }

    /// The member `id` as it is shown.
    pub fn member(&self, id: MemberId) -> Option<Member> {
        self.table.get(id).map(|record| self.shown(record))
    }

    /// The record of this node's own name: itself, unless another process holds the name.
    pub fn own_member(&self) -> Option<Member> {
        self.member(self.table.own_id())
    }

    /// Every member as it is shown, failed and left ones included, in id order.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        self.table.records().map(|record| self.shown(record))
    }

    /// The latest heartbeat of a member, if it was heard first-hand lately: within ten periods, or
    /// the age from which claims are checked if that is longer.
    pub fn contact(&self, id: MemberId) -> Option<Contact> {
        self.contacts.get(id)
    }

    /// The latest heartbeats of all members that were heard first-hand lately, as
    /// [`Engine::contact`] tells of one.
    pub fn contacts(&self) -> impl Iterator<Item = (MemberId, Contact)> {
        self.contacts.iter()
    }

    /// How many of the peers heard within the last ten periods hold this node's view, and how far
    /// that goes.
    pub fn agreement(&self, now: Time) -> Agreement {
        let window = (self.config.period * AGREEMENT_PERIODS).min(now.since(self.started));
        let view = self.view_id as u32;
        let (agree, heard) = self.contacts.agreeing(now - window, view, self.view_changed);
        let (live, failed) = (self.table.live_len(), self.losses.len());
        Agreement { agree, heard, live, failed, window }
    }

    /// How many peers have acknowledged that this node leaves.
    pub fn departed_acks(&self) -> usize {
        self.departure.as_ref().map_or(0, Departure::acknowledged)
    }

    /// The local health score: 0 is healthy; timeouts stretch by one more than it.
    pub fn local_health(&self) -> u8 {
        self.local_health.score()
    }

    /// Whether this node knows of others but hears nobody.
    pub fn is_isolated(&self) -> bool {
        self.isolated
    }

    /// About the bytes that what this engine knows of members takes on the heap, without their
    /// attributes, which engines may share.
    pub fn heap_bytes(&self) -> usize {
        let known = self.table.heap_bytes() + self.peers.heap_bytes() + self.contacts.heap_bytes();
        let told = self.dissemination.heap_bytes() + self.checks.heap_bytes();
        let judged = self.observers.cases.heap_bytes();
        known + told + judged + self.suspicions.heap_bytes() + self.losses.heap_bytes()
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(crate) fn shown(&self, record: Record<'_>) -> Member {
        let (id, own) = (record.id(), self.table.own_id());
        let out_for = if record.is_live() { self.reach.out_for(id).collect() } else { Vec::new() };
        let seen = Seen {
            checked: self.checks.contains(id),
            recovering_until: self.recovery.until(id),
            unreachable: id != own && self.reach.is_out(id),
            out_for,
            accusations: self.accusations.of(id).cloned(),
        };
        Member::new(record, seen)
    }
}
