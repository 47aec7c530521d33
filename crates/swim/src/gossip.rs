//! Gossip rounds: fresh claims to random peers, and tables that differ become their join.
//!
//! ```text
//!   fresh claims     every gossip interval to `fanout` random non-failed peers, while there are any
//!   nothing new      every exchange interval the hash of the table to one random peer
//!   hashes differ    for a while: a table exchange
//!                      the table fits one datagram ── gossip(table) ──> <── gossip(table) ──
//!                      it does not                 ── whole tables over a stream, both ways ──
//!                      it did not help            ── the same, though it fits ──
//!                      no stream can be opened     ── the newest part, then the next part, .. ──
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use headcount_state::{MemberId, Standing, Time};
use headcount_wire::{Body, Heartbeat, TablePart};
use rand::RngExt;

use crate::engine::Engine;
use crate::outbox::Outgoing;
use crate::timers::Timer;

/// A record with a name and no tags takes at least so many bytes; a table of more than this many
/// records per budget cannot fit a datagram.
const RECORD_BYTES_MIN: usize = 48;

/// A first telling waits this share of the gossip interval for others to go with.
const BATCHING_SHARE: u32 = 5;

/// memberlist tells the dead of news for thirty seconds (its GossipToTheDeadTime on a LAN).
const GOSSIP_TO_LOST_PERIODS: u32 = 30;

const NEWS: Body = Body::Gossip { table: None };

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
        if self.dissemination.is_empty() || self.peers.is_empty() || silent {
            return;
        }
        let mut targets = Vec::with_capacity(self.config.gossip_fanout);
        self.peers.gossip_targets(&mut self.rng, self.config.gossip_fanout, &mut targets);
        if self.config.spreads_as_memberlist {
            self.mix_in_the_lost(now, &mut targets);
        }
        for id in targets {
            if let Some((_, address)) = self.aim_at(id) {
                self.send(Outgoing::new(address, Some(id), NEWS));
            }
        }
        let next = self.next_tick(now, self.config.gossip_interval);
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

    /// Tells one random peer the hash of the table, so that differences are found in calm too.
    pub(crate) fn exchange_round(&mut self, now: Time) {
        let partner = self.peers.exchange_partner(&mut self.rng);
        if let Some((id, (_, address))) = partner.and_then(|id| Some((id, self.aim_at(id)?))) {
            match self.table.standing() {
                Standing::Member if !self.config.spreads_as_memberlist => {
                    self.send(Outgoing::new(address, Some(id), NEWS));
                }
                Standing::Member => self.call_exchange(id, address),
                // Who is no member keeps informed without a word that others could take for one.
                Standing::Displaced { .. } | Standing::Evicted => self.call_exchange(id, address),
                Standing::Left => {}
            }
        }
        let jitter = 0.75 + 0.5 * self.rng.random::<f64>();
        let interval = self.config.exchange_interval.mul_f64(jitter);
        self.timers.set(Timer::Exchange, Some(now + interval));
    }

    /// Compares tables with the sender of a heartbeat, and begins an exchange if they have
    /// differed for a while.
    pub(crate) fn compare(&mut self, now: Time, heartbeat: &Heartbeat, from: SocketAddr) {
        if heartbeat.sync == self.table.summary().sync {
            self.pace.equal(heartbeat.sender.id);
        } else if self.config.spreads_as_memberlist {
            // Whole tables come at their own time.
        } else if self.takes_part() && self.pace.differs(now, heartbeat.sender.id) {
            let sender = heartbeat.sender.id;
            let address = self.peer_address(sender).unwrap_or(from);
            self.offer_table(now, sender, address, true);
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

    fn peer_address(&self, id: MemberId) -> Option<SocketAddr> {
        let (_, address) = self.aim_at(id)?;
        self.peers.contains(id).then_some(address)
    }

    /// Tells of these members, or tells the recipient how it is held.
    pub(crate) fn send_news(&mut self, to: SocketAddr, peer: MemberId, front: Vec<MemberId>) {
        self.send(Outgoing::new(to, Some(peer), NEWS).telling(front));
    }

    /// Sends the table in a datagram if it may fit, else over a stream, else in part.
    fn offer_table(&mut self, now: Time, peer: MemberId, to: SocketAddr, reply: bool) {
        let may_fit = self.table.len() * RECORD_BYTES_MIN <= self.config.datagram_budget;
        let stream = self.pace.may_stream(now, peer)
            && (!may_fit || (reply && !self.pace.may_try_datagram(now, peer)));
        if stream {
            self.call_exchange(peer, to);
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
