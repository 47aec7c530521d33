//! Sketch exchanges: two tables become their join for the price of their differences.
//!
//! ```text
//!   asker    Sketch(first symbols)                      Sketch(more)        what is wanted
//!   answerer              the same? Wants(nothing)  More              Wants, and what was lacking
//!                         too many? More(0): the asker opens a stream
//! ```
//! The asker pays first and remembers nothing but whom it asked: its symbols are those of the
//! moment. The answerer takes in symbols until they tell the difference (`headcount_state`), and
//! answers only members, where its table has them. It tells of each member of whom it has newer
//! word, as it seems by the marks, and asks for the others; where it errs, the asker says so, as to
//! anybody who is behind.

use std::net::SocketAddr;

use headcount_state::{Lacking, Marked, MemberId, SKETCH_SYMBOLS_MAX, Time};
use headcount_wire::{Body, Heartbeat, SketchPart, sketch_room, update_bytes, wants_room};
use rand::RngExt;

use crate::engine::Engine;
use crate::outbox::Outgoing;
use crate::sketching::{SYMBOLS_PER_DIFFERENCE_HALVES, Session};

/// A sketch that has not told the difference by then has lost a part.
const SESSION_PERIODS: u32 = 1;

/// From so many symbols on, a sketch grows by an eighth each time.
const MANY_SYMBOLS: usize = 1_500;

/// Beyond so many differences whole tables over a stream are the better way.
const DIFFERENCES_MAX: usize = 1_000;

/// Up to so many differences a sketch is the better way, whatever the size of the tables.
const FEW_DIFFERENCES: usize = 64;

/// So many sketches without an end, one after the other, and a stream is tried.
const UNANSWERED_MAX: u32 = 2;

impl Engine {
    /// Whether datagrams as large as sketches seem to vanish; asked once, a stream is then tried.
    pub(crate) fn sketches_vanish(&mut self) -> bool {
        self.reconciling.take_unanswered(UNANSWERED_MAX)
    }

    /// Begins an exchange with a peer: sends it the first symbols of this node's live records.
    pub(crate) fn send_sketch(&mut self, now: Time, peer: MemberId) {
        let Some((_, address)) = self.aim_at(peer) else { return };
        if self.reconciling.is_at_it(now, peer) {
            return;
        }
        // A newcomer says who it is: not everybody has heard of it.
        let own = self.own_record().filter(|_| self.hurries(now)).map(|own| own.update(now));
        let own_bytes = own.as_ref().map_or(0, update_bytes);
        let room = sketch_room(self.config.datagram_budget.saturating_sub(own_bytes));
        let count = self.reconciling.first_batch(room);
        self.reconciling.ask(now, peer, count, self.config.period * SESSION_PERIODS);
        self.stats.exchanges_sketch += 1;
        let own = own.into_iter().map(|own| own.claim.id).collect();
        self.send(Outgoing::sketch(address, peer, 0, count).telling(own));
    }

    /// A peer sent symbols of its table.
    pub(crate) fn receive_sketch(
        &mut self,
        now: Time,
        from: SocketAddr,
        heartbeat: &Heartbeat,
        part: SketchPart,
    ) {
        let peer = heartbeat.sender.id;
        if !self.takes_part() {
            return;
        }
        let Some(address) = self.peer_address(peer) else {
            // A stranger introduces itself over a stream.
            let over_a_stream = Body::More { first: 0, count: 0 };
            return self.send(Outgoing::new(from, Some(peer), over_a_stream));
        };
        // Of two that ask each other at once, the one with the smaller id is answered.
        if self.reconciling.was_asked(now, peer) && self.table.own_id() < peer {
            return;
        }
        let (ours, first) = (self.table.summary().sync, part.first as usize);
        let running = self.reconciling.session(now, peer);
        if heartbeat.sync == ours || self.answers.is_spent(now) {
            let nothing = Body::Wants { keys: Vec::new() };
            return self.send(Outgoing::new(address, Some(peer), nothing));
        }
        // The rest of a sketch that has told the difference already.
        if first > 0 && running.as_ref().is_some_and(|s| s.has_told(heartbeat.sync)) {
            return running.into_iter().for_each(|s| self.reconciling.keep(peer, s));
        }
        let answer = |first: usize, count: usize| {
            let body = Body::More { first: first as u32, count: count as u32 };
            Outgoing::new(address, Some(peer), body)
        };
        let (here, there) = (self.table.live_len(), part.live as usize);
        let apart = here.abs_diff(there);
        // Where most of a table is lacking, the whole of it is cheaper than symbols besides.
        let mostly = apart > FEW_DIFFERENCES && apart * 2 > here.max(there);
        if apart > DIFFERENCES_MAX || mostly {
            return self.send(answer(0, 0));
        }
        let expires = now + self.config.period * SESSION_PERIODS;
        let upto = first.saturating_add(part.symbols.len()).min(SKETCH_SYMBOLS_MAX);
        let mut session = match running {
            Some(session) if session.goes_on(heartbeat.sync, ours, first) => session,
            _ if first == 0 => Session::new(heartbeat.sync, ours, expires),
            before => {
                // A table has changed meanwhile: from the start.
                let tables = (heartbeat.sync, ours);
                let Some(session) = Session::restarted(before, tables, upto, expires) else {
                    return self.send(answer(0, 0));
                };
                self.reconciling.keep(peer, session);
                return self.send(answer(0, upto));
            }
        };
        session.awaited = session.awaited.max(upto);
        session.take_in(first, part.symbols, self.table.sketch(session.awaited));
        let taken = session.difference.len();
        if session.difference.is_complete() {
            let found = session.difference.found().to_vec();
            self.reconciling.keep(peer, session);
            self.settle_difference(now, peer, &found);
        } else if taken < session.awaited {
            self.reconciling.keep(peer, session);
        } else if taken >= SKETCH_SYMBOLS_MAX || session.difference.is_broken() {
            self.send(answer(0, 0));
        } else {
            // Whatever the live sets differ in must be found at least.
            let by_size = apart * SYMBOLS_PER_DIFFERENCE_HALVES / 2;
            // Twice as many at first; of many, not many more than are needed.
            let more = if taken < MANY_SYMBOLS { taken } else { taken / 8 };
            let awaited = (taken + more).max(by_size).min(SKETCH_SYMBOLS_MAX);
            session.awaited = awaited;
            self.reconciling.keep(peer, session);
            self.send(answer(taken, awaited - taken));
        }
    }

    /// It is known where a peer's table and this one differ: tells what is newer here, asks for what
    /// is newer there. Where that is not clear, this side tells first; who knows better answers.
    fn settle_difference(&mut self, now: Time, peer: MemberId, found: &[Marked]) {
        let Some((_, address)) = self.aim_at(peer) else { return };
        self.reconciling.found(found.len());
        let (mut tell, mut want) = (Vec::new(), Vec::new());
        for found in found {
            let lacking = self.table.lacking(*found);
            if lacking != Lacking::Here {
                tell.extend(self.table.with_key(found.key));
            }
            if lacking != Lacking::There {
                want.push(found.key);
            }
        }
        tell.sort_unstable();
        tell.dedup();
        // Tables that differ in nothing that a sketch tells of differ all the same.
        if tell.len() > DIFFERENCES_MAX || found.is_empty() {
            let too_many = Body::More { first: 0, count: 0 };
            return self.send(Outgoing::new(address, Some(peer), too_many));
        }
        let granted = self.answers.take_records(now, tell.len());
        self.rotate_to_a_random_start(&mut tell);
        tell.truncate(granted);
        let room = wants_room(self.config.datagram_budget);
        let mut batches = want.chunks(room).map(<[u32]>::to_vec);
        let first = batches.next().unwrap_or_default();
        let body = Body::Wants { keys: first };
        self.send(Outgoing::new(address, Some(peer), body).telling(tell));
        for keys in batches {
            self.send(Outgoing::new(address, Some(peer), Body::Wants { keys }));
        }
    }

    /// Where only some of many are told, these are others each time.
    fn rotate_to_a_random_start(&mut self, members: &mut [MemberId]) {
        if !members.is_empty() {
            let start = self.rng.random_range(0..members.len());
            members.rotate_left(start);
        }
    }

    /// A peer that was sent symbols asks for more of them, or gives up.
    pub(crate) fn receive_more(&mut self, now: Time, peer: MemberId, first: u32, count: u32) {
        if !self.reconciling.was_asked(now, peer) {
            return;
        }
        let Some(address) = self.peer_address(peer).filter(|_| self.takes_part()) else { return };
        if count == 0 {
            self.reconciling.ended();
            return self.exchange_by_stream(now, peer, address);
        }
        let mut from = first as usize;
        let end = from.saturating_add(self.reconciling.grant(peer, from, count as usize));
        let room = sketch_room(self.config.datagram_budget);
        while from < end {
            let count = room.min(end - from);
            self.send(Outgoing::sketch(address, peer, from, count));
            from += count;
        }
    }

    /// A peer that was sent symbols knows the difference, and asks for these.
    pub(crate) fn receive_wants(&mut self, now: Time, peer: MemberId, keys: &[u32], equal: bool) {
        if !self.reconciling.was_asked(now, peer) {
            return;
        }
        let Some(address) = self.peer_address(peer) else { return };
        self.reconciling.ended();
        self.pace.datagrams_reach(peer);
        // Nothing at all is also what one says that hands out nothing now.
        if equal || !keys.is_empty() {
            self.reconciling.found(keys.len());
        }
        if keys.is_empty() {
            return;
        }
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(self.answers.take_records(now, keys.len()));
        let tell = keys.iter().flat_map(|key| self.table.with_key(*key)).collect();
        self.send_news(address, peer, tell);
    }
}
