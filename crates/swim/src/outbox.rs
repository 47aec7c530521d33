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
use headcount_wire::{Body, DatagramBuilder, SketchPart, TablePart};

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
    /// So many symbols are to be filled into a sketch.
    symbols: usize,
    /// The recipient has just named the same table: there is no news for it.
    up_to_date: bool,
}

impl Outgoing {
    /// A datagram with nothing that must be told.
    pub(crate) fn new(to: SocketAddr, peer: Option<MemberId>, body: Body) -> Outgoing {
        Outgoing { to, peer, body, front: Vec::new(), symbols: 0, up_to_date: false }
    }

    /// A datagram of so many symbols of the table from `first` on.
    pub(crate) fn sketch(to: SocketAddr, peer: MemberId, first: usize, count: usize) -> Outgoing {
        let part = SketchPart { first: first as u32, live: 0, symbols: Vec::new() };
        Outgoing { symbols: count, ..Outgoing::new(to, Some(peer), Body::Sketch(part)) }
    }

    /// The same for a recipient that has named this hash of its table.
    pub(crate) fn unless_it_knows(self, equal: bool) -> Outgoing {
        Outgoing { up_to_date: equal, ..self }
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

/// A datagram with what must be told.
struct Begun {
    datagram: DatagramBuilder,
    /// How many of those to be told of first are in.
    told: usize,
    /// The recipient, if it is told how it is held itself.
    faced: Option<MemberId>,
}

impl Engine {
    /// The next datagram to send.
    pub fn poll_transmit(&mut self, now: Time) -> Option<Transmit> {
        loop {
            let Some(mut outgoing) = self.outbox.waiting.pop_front() else {
                // The next ones use the same memory again.
                self.outbox.clear();
                return None;
            };
            let Some(datagram) = self.pack(now, &mut outgoing) else { continue };
            let bytes = datagram.finish();
            self.stats.datagrams_sent += 1;
            self.stats.bytes_sent += bytes.len() as u64;
            return Some(Transmit { to: outgoing.to, bytes });
        }
    }

    fn pack(&mut self, now: Time, outgoing: &mut Outgoing) -> Option<DatagramBuilder> {
        match &mut outgoing.body {
            Body::Gossip { table: Some(part) } => {
                let part = *part;
                return self.pack_table(now, outgoing, part);
            }
            Body::Sketch(part) => {
                let first = part.first as usize;
                part.live = self.table.live_len() as u32;
                let symbols = self.table.sketch(first + outgoing.symbols);
                part.symbols = symbols.get(first..).unwrap_or_default().to_vec();
                return Some(self.begin_datagram(now, outgoing, &outgoing.body).datagram);
            }
            _ => {}
        }
        let Begun { mut datagram, told, faced } =
            self.begin_datagram(now, outgoing, &outgoing.body);
        // Copies are counted, so none is spent on one that is no member, that knows all, or with
        // whom an exchange is under way, which tells what it lacks.
        let exchanging = matches!(outgoing.body, Body::Wants { .. } | Body::More { .. })
            || !outgoing.front.is_empty();
        let waiting = !self.dissemination.is_empty() && !outgoing.up_to_date && !exchanging;
        let at_home =
            || outgoing.peer.and_then(|peer| self.peer_address(peer)) == Some(outgoing.to);
        if told < outgoing.front.len() && at_home() {
            self.tell_the_rest(outgoing, told);
        } else if waiting && outgoing.peer.is_some_and(|peer| self.is_peer(peer)) {
            self.pack_fresh_claims(now, &mut datagram, faced);
        }
        Some(datagram)
    }

    /// What did not fit goes in a datagram of its own, right after this one; to a member only, where
    /// the table has it, so that nobody can have many datagrams sent to another.
    fn tell_the_rest(&mut self, outgoing: &mut Outgoing, told: usize) {
        let rest = outgoing.front.split_off(told);
        let news = Outgoing::new(outgoing.to, outgoing.peer, Body::Gossip { table: None });
        self.outbox.waiting.push_front(news.telling(rest));
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

    /// A datagram with what must be told.
    fn begin_datagram(&mut self, now: Time, outgoing: &Outgoing, body: &Body) -> Begun {
        let mut heartbeat = self.heartbeat(now, matches!(body, Body::Ack { .. }));
        if let (Body::Ping { .. }, Some(peer)) = (body, outgoing.peer) {
            heartbeat.grade = self.grade(now, peer);
        }
        let budget = self.config.datagram_budget;
        let mut datagram = DatagramBuilder::new(self.config.cluster, budget, &heartbeat, body);
        let to_face = outgoing.peer.and_then(|peer| self.claim_to_face(now, peer));
        let faced = to_face.filter(|claim| datagram.push(claim)).map(|claim| claim.claim.id);
        let news = matches!(body, Body::Gossip { .. });
        for (told, id) in outgoing.front.iter().enumerate() {
            let answer = self.table.answer(*id, now).filter(|_| Some(*id) != faced);
            let Some(answer) = answer else { continue };
            if datagram.push(&answer) {
                self.stats.answers_sent += 1;
            } else if told > 0 || !news {
                return Begun { datagram, told, faced };
            }
            // Else a datagram with nothing else in it cannot carry it.
        }
        Begun { datagram, told: outgoing.front.len(), faced }
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
            _ if self.config.spreads_as_memberlist => None,
            _ => self.table.answer(peer, now),
        }
    }

    /// All but the one about `faced`, which is in already.
    fn pack_fresh_claims(
        &mut self,
        now: Time,
        datagram: &mut DatagramBuilder,
        faced: Option<MemberId>,
    ) {
        let limit = self.copies_limit();
        let (table, suspicions) = (&self.table, &self.suspicions);
        self.dissemination.fill(limit, |id| {
            let Some(record) = table.get(id) else { return Offer::Gone };
            if Some(id) == faced {
                return Offer::Taken;
            }
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

    /// How often a claim is told; as memberlist does it, SWIM's lambda * log N.
    pub(crate) fn copies_limit(&self) -> u32 {
        if !self.config.spreads_as_memberlist {
            return self.config.copies;
        }
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
        let Begun { mut datagram, .. } = self.begin_datagram(now, outgoing, &whole);
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
            self.exchange_by_stream(now, peer, outgoing.to);
            return None;
        }
        self.stats.exchanges_datagram += 1;
        let partial = Body::Gossip { table: Some(TablePart { complete: false, ..part }) };
        let Begun { mut datagram, .. } = self.begin_datagram(now, outgoing, &partial);
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
