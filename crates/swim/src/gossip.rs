//! Gossip rounds: fresh claims to random peers, and tables that differ become their join.
//!
//! ```text
//!   fresh claims     every gossip interval to `fanout` random non-failed peers, while there are any
//!   all are told     for a few more rounds the hash alone, compared with the next members on the ring
//!   nothing new      every exchange interval the hash, compared with one random peer
//!   in a hurry       a table exchange with one random peer ten times a period
//!   hashes differ    by some of the last few changes: the other is told these at once
//!                    otherwise, for a while: a table exchange
//!                      the table fits one datagram ── gossip(table) ──> <── gossip(table) ──
//!                      it does not                 ── sketches (reconcile.rs) ──
//!                      too many differences        ── whole tables over a stream, both ways ──
//!                      no stream can be opened     ── the newest part, then the next part, .. ──
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use headcount_state::{MemberId, Standing, Status, Time};
use headcount_wire::{Body, Heartbeat, TablePart};
use rand::RngExt;

use crate::config::Exchange;
use crate::engine::Engine;
use crate::outbox::Outgoing;
use crate::timers::Timer;

/// A record with a name and no tags takes at least so many bytes; a table of more than this many
/// records per budget cannot fit a datagram.
const RECORD_BYTES_MIN: usize = 48;

/// So many dead members are told at once to a peer that holds other dead ones; the datagram's budget
/// is the narrower bound for most.
const DEAD_TOLD_MAX: usize = 16;

/// A first telling waits this share of the gossip interval for others to go with.
const BATCHING_SHARE: u32 = 5;

/// Where more claims wait than one datagram holds, rounds follow each other as soon as that.
const BACKLOG: usize = 24;

/// memberlist tells the dead of news for thirty seconds (its GossipToTheDeadTime on a LAN).
const GOSSIP_TO_LOST_PERIODS: u32 = 30;

/// After the last claim was told so many rounds compare hashes with one peer each: the first, second
/// and third after this node in the order of ids. So each member is asked by three others whether
/// it has heard, and none is left out by chance: of those whom no copy reached, random peers would
/// pass over one in twenty.
const CHECK_ROUNDS: u8 = 3;

/// Of so many exchanges that are due with a member that is held as dead one is begun.
const DEAD_EXCHANGES: u32 = 8;

const NEWS: Body = Body::Gossip { table: None };

/// Checks follow each other by this share of the gossip interval.
const CHECK_SHARE: u32 = 2;

impl Engine {
    /// Lets a gossip round come soon.
    pub(crate) fn schedule_gossip(&mut self, now: Time) {
        if self.timers.get(Timer::Gossip).is_none() {
            let soon = self.next_tick(now, self.config.gossip_interval / BATCHING_SHARE);
            self.timers.set(Timer::Gossip, Some(soon));
        }
    }

    /// The next tick of the gossip clock; where there is none, `wait` from now.
    fn next_tick(&self, now: Time, wait: Duration) -> Time {
        let Some(begun) = self.gossip_clock else { return now + wait };
        let interval = self.config.gossip_interval;
        let into = now.since(begun).as_micros() % interval.as_micros().max(1);
        now + interval.saturating_sub(Duration::from_micros(into as u64))
    }

    /// Tells fresh claims to random peers.
    pub(crate) fn gossip_round(&mut self, now: Time) {
        // Alone there is nobody to tell; the first peer starts the rounds again.
        let silent = !self.takes_part() && self.departure.is_none();
        if self.peers.is_empty() || silent {
            return;
        }
        let mut targets = Vec::with_capacity(self.config.gossip_fanout);
        let (body, wait) = if !self.dissemination.is_empty() {
            let checks = if self.config.spreads_as_memberlist { 0 } else { CHECK_ROUNDS };
            self.check_rounds = checks;
            let backlog = self.dissemination.len() > BACKLOG && !self.config.spreads_as_memberlist;
            let rounds = if backlog { BATCHING_SHARE } else { 1 };
            self.peers.gossip_targets(&mut self.rng, self.config.gossip_fanout, &mut targets);
            (NEWS, self.config.gossip_interval / rounds)
        } else if self.check_rounds > 0 {
            let after = usize::from(CHECK_ROUNDS - self.check_rounds) % self.peers.len();
            self.check_rounds -= 1;
            targets.extend(self.table.live_after(self.table.own_id()).nth(after));
            (Body::Compare, self.config.gossip_interval / CHECK_SHARE)
        } else {
            return;
        };
        if self.config.spreads_as_memberlist {
            self.mix_in_the_lost(now, &mut targets);
        }
        for id in targets {
            if let Some((_, address)) = self.aim_at(id) {
                self.send(Outgoing::new(address, Some(id), body.clone()));
            }
        }
        let next = self.next_tick(now, wait);
        self.timers.set(Timer::Gossip, Some(next));
    }

    /// Lets members lost lately take the places of live ones, each as likely as any other.
    fn mix_in_the_lost(&mut self, now: Time, targets: &mut [MemberId]) {
        let lost = self.losses.since(now - self.config.period * GOSSIP_TO_LOST_PERIODS);
        let all = self.peers.len() + lost.len();
        for target in targets {
            let point = self.rng.random_range(0..all);
            *target = lost.get(point).copied().unwrap_or(*target);
        }
    }

    /// Compares hashes with one random peer, so that differences are found in calm too.
    pub(crate) fn exchange_round(&mut self, now: Time) {
        let hurries = self.hurries(now);
        let partner = self.peers.exchange_partner(&mut self.rng);
        if let Some((id, (_, address))) = partner.and_then(|id| Some((id, self.aim_at(id)?))) {
            match self.table.standing() {
                Standing::Member if hurries => self.begin_exchange(now, id, address),
                Standing::Member if self.covers() => self.cover(now),
                Standing::Member if !self.config.spreads_as_memberlist => {
                    self.send(Outgoing::new(address, Some(id), Body::Compare));
                }
                Standing::Member => self.call_exchange(id, address),
                // It is told what it lacks, and that it is held as dead.
                Standing::Held => self.send(Outgoing::new(address, Some(id), Body::Compare)),
                // Who is no member keeps informed without a word that others could take for one.
                Standing::Displaced { .. } | Standing::Evicted => self.call_exchange(id, address),
                Standing::Left => {}
            }
        }
        let wait = if hurries {
            self.hurried_wait()
        } else {
            let jitter = 0.75 + 0.5 * self.rng.random::<f64>();
            self.config.exchange_interval.mul_f64(jitter)
        };
        self.timers.set(Timer::Exchange, Some(now + wait));
    }

    /// Compares tables with the sender of a heartbeat. Answers with the members of which it lacks
    /// the latest news, if that is all; otherwise begins an exchange if the tables have differed
    /// for a while, more seldom if the sender is held as dead.
    pub(crate) fn compare(
        &mut self,
        now: Time,
        heartbeat: &Heartbeat,
        from: SocketAddr,
    ) -> Vec<MemberId> {
        let sender = heartbeat.sender.id;
        let peer = self.is_peer(sender);
        if heartbeat.sync == self.table.summary().sync {
            if peer {
                self.pace.equal(sender);
                self.hurry.caught_up();
            }
            return self.dead_to_tell(now, heartbeat);
        }
        // Whole tables come at their own time there.
        if self.config.spreads_as_memberlist || !self.takes_part() {
            return Vec::new();
        }
        let due = match peer {
            true => self.pace.differs(now, sender),
            false => self.pace.stranger_differs(now, sender),
        };
        // Nobody can have much sent to another by taking its name.
        let at_home = self.peer_address(sender) == Some(from);
        let lacked = self.table.lacked_by(heartbeat.sync).filter(|_| at_home && !due);
        if let Some(mut lacked) = lacked {
            // Whose death is checked here is no news for who claims it.
            lacked.retain(|id| !self.checks.contains(*id));
            if !lacked.is_empty() {
                self.stats.news_told += lacked.len() as u64;
                return lacked;
            }
        }
        if peer && self.hurry.relapses(now) {
            self.exchange_soon(now);
        }
        // It is told that it is dead, and may hear nothing: then whole tables are wasted on it.
        let dead = self.table.get(sender).is_some_and(|r| r.claim.status() == Status::Failed);
        let due = due && (!dead || self.rng.random_ratio(1, DEAD_EXCHANGES));
        if due {
            match self.peer_address(sender) {
                Some(address) => self.begin_exchange(now, sender, address),
                None => self.offer_table(now, sender, from, true),
            }
        }
        Vec::new()
    }

    /// A peer with the same live members may hold other dead ones: now and then it is told of those
    /// of this node, as far as one datagram goes.
    fn dead_to_tell(&mut self, now: Time, heartbeat: &Heartbeat) -> Vec<MemberId> {
        let equal = heartbeat.dead == self.table.summary().dead as u32;
        if equal || self.config.spreads_as_memberlist || !self.takes_part() {
            return Vec::new();
        }
        if !self.is_peer(heartbeat.sender.id) || !self.pace.dead_due(now, self.table.own_id()) {
            return Vec::new();
        }
        let young = self.config.limits.tombstone_ttl / 2;
        let newest = self.table.newest_tombstones().take(DEAD_TOLD_MAX);
        let told = newest.take_while(|id| {
            self.table.get(*id).is_some_and(|record| now.since(record.since) < young)
        });
        told.collect()
    }

    /// Begins to make the tables of this node and a peer their join.
    fn begin_exchange(&mut self, now: Time, peer: MemberId, to: SocketAddr) {
        let may_fit = self.may_fit_a_datagram();
        let way = self.config.exchange;
        match way {
            Exchange::Auto if may_fit => self.offer_table(now, peer, to, true),
            Exchange::Auto if self.sketches_vanish() => self.exchange_by_stream(now, peer, to),
            // The last one with this peer did not come to its end.
            Exchange::Auto | Exchange::Sketch if !self.pace.may_try_datagram(now, peer) => {
                self.exchange_by_stream(now, peer, to);
            }
            Exchange::Auto | Exchange::Sketch => self.send_sketch(now, peer),
            Exchange::Full => self.offer_table(now, peer, to, true),
            Exchange::Stream => self.exchange_by_stream(now, peer, to),
        }
    }

    fn may_fit_a_datagram(&self) -> bool {
        self.table.len() * RECORD_BYTES_MIN <= self.config.datagram_budget
    }

    /// Exchanges whole tables over a stream, unless much of the table was handed out lately; a part of
    /// it goes by datagram where no stream can be opened.
    pub(crate) fn exchange_by_stream(&mut self, now: Time, peer: MemberId, to: SocketAddr) {
        if !self.pace.may_stream(now, peer) {
            self.send_table(peer, to, true);
        } else if self.may_call(peer) && self.tables.take_table(now, self.table.len()) {
            self.call_exchange(peer, to);
        }
    }

    /// Somebody sent its table, or a part of it, and wants ours. Only a member gets it, only where
    /// the table has it, and not again at once, so that nobody can aim tables at others.
    pub(crate) fn answer_table(&mut self, now: Time, part: TablePart, sender: MemberId) {
        let Some(address) = self.peer_address(sender) else { return };
        if part.reply && self.takes_part() && self.pace.may_answer(now, sender) {
            self.offer_table(now, sender, address, false);
        }
    }

    pub(crate) fn peer_address(&self, id: MemberId) -> Option<SocketAddr> {
        let (_, address) = self.aim_at(id)?;
        self.is_peer(id).then_some(address)
    }

    /// Tells of these members, or tells the recipient how it is held.
    pub(crate) fn send_news(&mut self, to: SocketAddr, peer: MemberId, front: Vec<MemberId>) {
        self.send(Outgoing::new(to, Some(peer), NEWS).telling(front));
    }

    /// Sends the table in a datagram if it may fit, else over a stream, unless much of it was handed
    /// out lately, else in part.
    fn offer_table(&mut self, now: Time, peer: MemberId, to: SocketAddr, reply: bool) {
        let may_fit = self.may_fit_a_datagram();
        let stream = self.pace.may_stream(now, peer)
            && (!may_fit || (reply && !self.pace.may_try_datagram(now, peer)));
        if stream {
            self.exchange_by_stream(now, peer, to);
        } else {
            self.send_table(peer, to, reply);
        }
    }

    /// The stream of an exchange could not be opened, or broke: a part of the table goes by
    /// datagram, now and for a while.
    pub(crate) fn stream_exchange_failed(&mut self, now: Time, peer: MemberId, to: SocketAddr) {
        self.pace.stream_failed(now, peer, self.config.reconnect_interval);
        if self.takes_part() {
            self.send_table(peer, to, true);
        }
    }

    fn send_table(&mut self, peer: MemberId, to: SocketAddr, reply: bool) {
        let table = Some(TablePart { complete: false, reply });
        self.send(Outgoing::new(to, Some(peer), Body::Gossip { table }));
    }
}
