//! Datagrams that wait to be sent, and how each is packed at the moment it goes.
//!
//! ```text
//!   heartbeat, body
//!   the claim about the recipient, if it is not held as alive: it must hear of it to refute
//!   what the recipient was found to be behind on
//!   the table, newest first          (a table exchange)
//!   fresh claims, most urgent first  (everything else)
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;

use headcount_state::{MemberId, Status, Time, Update};
use headcount_wire::{Body, DatagramBuilder, TablePart};

use crate::config::Detector;
use crate::dissemination::{Lane, Offer};
use crate::engine::{Engine, OVERHEAD_BYTES_MAX};
use crate::transport::Transmit;

/// The most datagrams that wait. The driver drains them after every input, so only a burst of
/// one input can fill it.
pub(crate) const OUTBOX_MAX: usize = 8_192;

/// One datagram to be packed.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) to: SocketAddr,
    /// Who is thought to be there.
    pub(crate) peer: Option<MemberId>,
    pub(crate) body: Body,
    /// Members to tell of first.
    pub(crate) front: Vec<MemberId>,
}

impl Outgoing {
    /// A datagram with nothing that must be told.
    pub(crate) fn new(to: SocketAddr, peer: Option<MemberId>, body: Body) -> Outgoing {
        Outgoing { to, peer, body, front: Vec::new() }
    }

    /// The same, telling of these members first.
    pub(crate) fn telling(self, front: Vec<MemberId>) -> Outgoing {
        Outgoing { front, ..self }
    }
}

/// The datagrams that wait to be packed and sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Outgoing>,
}

impl Outbox {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl Engine {
    /// The next datagram to send.
    pub fn poll_transmit(&mut self, now: Time) -> Option<Transmit> {
        loop {
            let outgoing = self.outbox.waiting.pop_front()?;
            let Some(datagram) = self.pack(now, &outgoing) else { continue };
            let bytes = datagram.finish();
            self.stats.datagrams_sent += 1;
            self.stats.bytes_sent += bytes.len() as u64;
            return Some(Transmit { to: outgoing.to, bytes });
        }
    }

    fn pack(&mut self, now: Time, outgoing: &Outgoing) -> Option<DatagramBuilder> {
        if let Body::Gossip { table: Some(part) } = outgoing.body {
            return self.pack_table(now, outgoing, part);
        }
        let mut datagram = self.begin_datagram(now, outgoing, outgoing.body);
        // Copies are counted, so none is spent on one that is no member.
        if outgoing.peer.is_some_and(|peer| self.peers.contains(peer)) {
            self.pack_fresh_claims(now, &mut datagram);
        }
        Some(datagram)
    }

    pub(crate) fn send(&mut self, outgoing: Outgoing) {
        if self.outbox.waiting.len() < OUTBOX_MAX {
            self.outbox.waiting.push_back(outgoing);
        } else {
            self.stats.outbox_dropped += 1;
        }
    }

    /// Begins to tell everyone of `id`.
    pub(crate) fn tell(&mut self, now: Time, id: MemberId, lane: Lane) {
        if !self.dissemination.tell(id, lane) {
            self.stats.dissemination_dropped += 1;
        }
        self.schedule_gossip(now);
    }

    fn begin_datagram(&mut self, now: Time, outgoing: &Outgoing, body: Body) -> DatagramBuilder {
        let heartbeat = self.heartbeat(now);
        let budget = self.config.datagram_budget;
        let mut datagram = DatagramBuilder::new(self.config.cluster, budget, &heartbeat, &body);
        let to_face = outgoing.peer.and_then(|peer| self.claim_to_face(now, peer));
        let faced = to_face.filter(|claim| datagram.push(claim)).map(|claim| claim.claim.id);
        for id in outgoing.front.iter().filter(|id| Some(**id) != faced) {
            let told = self.table.answer(*id, now).is_some_and(|claim| datagram.push(&claim));
            self.stats.answers_sent += u64::from(told);
        }
        datagram
    }

    /// What `peer` must hear of itself: that it is held as dead, or, with the buddy system
    /// (Lifeguard, section IV.C), that it is suspected.
    fn claim_to_face(&self, now: Time, peer: MemberId) -> Option<Update> {
        if let Some(checked) = self.checks.get(peer) {
            return Some(checked.clone());
        }
        if peer == self.table.own_id() {
            return None;
        }
        let held = self.table.hold(peer)?;
        match held.status() {
            Status::Alive => None,
            Status::Suspect if self.config.detector == Detector::Swim => None,
            Status::Suspect => self.table.get(peer).map(|record| record.bare_update(now)),
            _ => self.table.answer(peer, now),
        }
    }

    fn pack_fresh_claims(&mut self, now: Time, datagram: &mut DatagramBuilder) {
        let limit = self.retransmit_limit();
        let (table, suspicions) = (&self.table, &self.suspicions);
        self.dissemination.fill(limit, |id| {
            let Some(record) = table.get(id) else { return Offer::Gone };
            let update = match record.claim.status() {
                Status::Alive => record.update(now),
                Status::Suspect => Update {
                    accuser: suspicions.latest_accuser(id).or(record.accuser),
                    ..record.bare_update(now)
                },
                _ => record.bare_update(now),
            };
            match datagram.push(&update) {
                true => Offer::Taken,
                // Of a member with a larger budget: no datagram of this node can carry it.
                false if datagram.len() <= OVERHEAD_BYTES_MAX => Offer::Gone,
                false => Offer::TooLarge,
            }
        });
    }

    /// How often a claim is told: SWIM's lambda * log N, with the logarithm that memberlist uses.
    pub(crate) fn retransmit_limit(&self) -> u32 {
        let live = self.table.live_len() as f64;
        self.config.retransmit * (live + 1.0).log10().ceil().max(1.0) as u32
    }

    /// Packs the table, newest first: the whole of it if it fits. If it does not, it goes over a
    /// stream; where none can be opened, the part goes that follows the part that was sent last.
    fn pack_table(
        &mut self,
        now: Time,
        outgoing: &Outgoing,
        part: TablePart,
    ) -> Option<DatagramBuilder> {
        let whole = Body::Gossip { table: Some(TablePart { complete: true, ..part }) };
        let mut datagram = self.begin_datagram(now, outgoing, whole);
        let fits = self
            .table
            .newest_before(u64::MAX)
            .all(|(_, record)| datagram.push(&record.update(now)));
        if fits {
            self.pace.advance(None);
            self.stats.exchanges_datagram += 1;
            return Some(datagram);
        }
        if let Some(peer) = outgoing.peer.filter(|peer| self.pace.may_stream(now, *peer)) {
            self.call_exchange(peer, outgoing.to);
            return None;
        }
        self.stats.exchanges_datagram += 1;
        let partial = Body::Gossip { table: Some(TablePart { complete: false, ..part }) };
        let mut datagram = self.begin_datagram(now, outgoing, partial);
        let mut reached = None;
        let mut rest = self.table.newest_before(self.pace.cursor()).peekable();
        while let Some((seq, record)) = rest.peek() {
            // One that fits no datagram, of a member with a larger budget, goes by stream alone.
            if !datagram.push(&record.update(now)) && reached.is_some() {
                break;
            }
            reached = Some(*seq);
            rest.next();
        }
        let ended = rest.peek().is_none();
        self.pace.advance(reached.filter(|_| !ended));
        Some(datagram)
    }
}
