//! What a node does about itself as time passes: whom it hears, whether it is cut off, whom it
//! tries to reach again, what it forgets.

use std::net::SocketAddr;
use std::time::Duration;

use headcount_health::Contact;
use headcount_state::{MemberId, Time};
use headcount_wire::{Body, Heartbeat, Target};
use rand::RngExt;

use crate::dissemination::Lane;
use crate::engine::{AGREEMENT_PERIODS, Engine, Seed};
use crate::event::Event;
use crate::occupancy::{PARTS, Part};
use crate::outbox::Outgoing;
use crate::timers::Timer;

/// A node that hears nobody for so many periods says that it is isolated.
const ISOLATED_PERIODS: u32 = 3;

/// So many members try the lost ones again once per reconnect interval; of more, as many do.
const RECONNECTING: u32 = 8;

/// Who knows nobody looks again after this share of a period at first, and doubles that.
const LONELY_SHARE: u32 = 5;
const LONELY_DOUBLINGS_MAX: u32 = 3;

/// Bounded parts, and whether each has been said to be nearly full.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Warnings {
    said: [bool; PARTS],
}

impl Warnings {
    /// True once when `len` reaches 70 % of `bound`, and again only after it fell below half.
    fn rises(&mut self, part: usize, len: usize, bound: usize) -> bool {
        let said = &mut self.said[part];
        let rises = !*said && len * 10 >= bound * 7;
        *said = rises || (*said && len * 2 >= bound);
        rises
    }
}

impl Engine {
    /// Before every input: a node that was alone for longer than the graveyards of others
    /// remember may hold the long dead for living. It forgets them before it says anything.
    pub(crate) fn wake(&mut self, now: Time) {
        if self.observes() {
            self.doubt_if_late(now);
        }
        let alone_for = now.since(self.last_heard);
        if alone_for >= self.config.limits.grave_ttl && !self.peers.is_empty() {
            self.go_stale(now);
        }
    }

    fn go_stale(&mut self, now: Time) {
        self.last_heard = now;
        self.outbox.clear();
        self.abandon_sessions();
        self.dissemination.clear();
        self.reconciling.clear();
        self.relays.clear();
        self.stop_judging();
        for id in self.table.go_stale(now) {
            self.drop_peer(id);
            self.forgotten(id);
        }
        self.tell(now, self.table.own_id(), Lane::Own);
        self.settle(now);
    }

    fn forgotten(&mut self, id: MemberId) {
        self.accusations.forget(id);
        self.follow_word_of_reach(id);
        self.events.push_back(Event::Forgotten(id));
    }

    /// Takes in what a sender says of itself.
    pub(crate) fn hear(&mut self, now: Time, heartbeat: &Heartbeat) {
        let sender = heartbeat.sender;
        if sender.id == self.table.own_id() {
            return;
        }
        if self.observes() {
            self.doubt_after_silence(now);
        }
        let silence = now.since(self.last_heard);
        self.last_heard = now;
        if std::mem::take(&mut self.isolated) {
            self.events.push_back(Event::Reconnected);
            self.not_alone();
            if silence > self.config.detection_time {
                self.rejoined = Some(now);
            }
            self.observers.clock.follow_anew();
        }
        let held = self.table.get(sender.id).filter(|record| record.is_live());
        let life = held.map(|record| record.claim.life());
        let known = life.is_some_and(|life| Target::of(sender.id, life) == sender);
        if let Some(reading) = heartbeat.clock.filter(|_| known || self.peers.is_empty()) {
            self.observers.clock.hear(now, sender.id, reading);
        }
        if let Some(life) = life.filter(|_| known) {
            let Heartbeat { seq, view, vitals, .. } = *heartbeat;
            let load = vitals.and_then(|vitals| vitals.load);
            let uptime = vitals.map(|vitals| vitals.uptime);
            let warning = vitals.map_or(0, |vitals| vitals.warning);
            let contact = Contact { at: now, life, seq, load, uptime, warning, view };
            self.contacts.record(sender.id, contact);
            self.links.heard(now, sender.id);
        }
    }

    /// Remembers who answers at a seed's address: while that one is a member, the seed need not
    /// be tried again.
    pub(crate) fn seen_at(&mut self, address: SocketAddr, member: MemberId) {
        if let Some(seed) = self.seeds.iter_mut().find(|seed| seed.address == address) {
            seed.member = Some(member);
        }
    }

    /// Once per period: says how this node stands with the others.
    pub(crate) fn look_around(&mut self, now: Time) {
        let quiet = self.config.period * ISOLATED_PERIODS;
        let next = now + self.config.period;
        // Once it has heard nobody for so long it says so, not up to a period later.
        let alone = self.last_heard + quiet + Duration::from_micros(1);
        let next = if alone > now { next.min(alone) } else { next };
        self.timers.set(Timer::Look, Some(next));
        let knows_others = !self.peers.is_empty() || self.table.occupancy().roster > 0;
        let cut_off = knows_others && self.takes_part() && self.last_heard + quiet < now;
        if cut_off && !self.isolated {
            self.events.push_back(Event::Isolated);
        }
        self.isolated = cut_off;
        if !cut_off {
            self.not_alone();
        }
        self.say_cuts(now, quiet);
        self.watch_rival(now);
        // Nobody asks for older word: a claim that is older than a contact is judged by its age.
        let lately = (self.config.period * AGREEMENT_PERIODS).max(self.config.check_age);
        self.contacts.forget_before(now - lately);
        self.say_agreement(now);
        self.follow_health(now);
        self.follow_reach(now);
        self.recoveries_due(now);
        self.warn();
    }

    /// A cut is told of when it has happened and when it is over. One that was all alone lost nobody,
    /// since it judged nobody: all are back for it.
    fn say_cuts(&mut self, now: Time, quiet: Duration) {
        if let Some(lost) = self.burst.take(now, self.config.period, self.table.live_len()) {
            let of = self.table.live_len() + lost;
            self.watch.cut_off(lost);
            self.events.push_back(Event::CutOff { lost, of });
        }
        let alone = self.rejoined.take_if(|at| *at + quiet <= now).map(|_| self.peers.len());
        let healed = self.losses.take_healed(now, quiet);
        if let Some((returned, missing)) = healed.or(alone.map(|all| (all, self.losses.len()))) {
            self.rejoined = None;
            self.events.push_back(Event::Healed { returned, missing });
        }
    }

    fn say_agreement(&mut self, now: Time) {
        let agreement = self.agreement(now);
        let complete = agreement.is_complete();
        if agreement.heard == 0 || self.agreed == Some(complete) {
            return;
        }
        let first_word_is_disagreement = self.agreed.is_none() && !complete;
        self.agreed = Some(complete);
        if complete {
            self.events.push_back(Event::Agreed { heard: agreement.heard });
        } else if !first_word_is_disagreement {
            let (agree, heard) = (agreement.agree, agreement.heard);
            self.events.push_back(Event::Diverged { agree, heard });
        }
    }

    fn warn(&mut self) {
        for (number, part) in self.occupancy().into_iter().enumerate() {
            let Part { name, len, bound } = part;
            if self.warnings.rises(number, len, bound) {
                self.events.push_back(Event::NearlyFull { what: name, len, bound });
            }
        }
    }

    /// Tries a failed member's last address, and a seed, again: for ever, so that parts of a
    /// cluster that forgot each other find together after any time.
    pub(crate) fn reconnect(&mut self, now: Time) {
        if self.departure.is_none() {
            let called = self.call_lost_member();
            self.call_seed(now, called);
        }
        if !self.peers.is_empty() {
            self.lonely_tries = 0;
        }
        let base = self.reconnect_wait();
        if self.peers.is_empty() {
            self.lonely_tries = self.lonely_tries.saturating_add(1);
        }
        let jitter = 0.75 + 0.5 * self.rng.random::<f64>();
        self.timers.set(Timer::Reconnect, Some(now + base.mul_f64(jitter)));
    }

    /// Alone there is nothing else to do: soon at first, then once a period.
    fn reconnect_wait(&self) -> Duration {
        if !self.peers.is_empty() {
            // One success is enough for all, so the more there are the less each one tries.
            let others = u32::try_from(self.peers.len()).unwrap_or(u32::MAX) / RECONNECTING;
            return self.config.reconnect_interval.saturating_mul(others.max(1));
        }
        let doublings = self.lonely_tries.min(LONELY_DOUBLINGS_MAX);
        (self.config.period / LONELY_SHARE * (1 << doublings)).min(self.config.period)
    }

    /// A seed did not let this node in, and it knows nobody: looks again soon.
    pub(crate) fn look_again_soon(&mut self, now: Time) {
        let jitter = 0.5 + self.rng.random::<f64>();
        let soon = now + self.reconnect_wait().mul_f64(jitter);
        self.lonely_tries = self.lonely_tries.saturating_add(1);
        if self.timers.get(Timer::Reconnect).is_none_or(|at| at > soon) {
            self.timers.set(Timer::Reconnect, Some(soon));
        }
    }

    fn call_lost_member(&mut self) -> Option<SocketAddr> {
        let point = self.rng.random();
        let (id, address) = self.table.roster_pick(point)?;
        self.call(Some(id), address);
        Some(address)
    }

    /// Tries a seed that is no member, unless it has just been called as one that was lost.
    fn call_seed(&mut self, now: Time, called: Option<SocketAddr>) {
        let point = self.rng.random::<u64>() as usize;
        let peers = &self.peers;
        let own = self.table.own_id();
        let known = |id: MemberId| id == own || peers.contains(id);
        let missing = |seed: &Seed| !seed.member.is_some_and(known);
        let count = self.seeds.iter().filter(|seed| missing(seed)).count();
        let pick = self.seeds.iter().filter(|seed| missing(seed)).nth(point % count.max(1));
        let Some(address) = pick.map(|seed| seed.address) else { return };
        if self.peers.is_empty() {
            self.join(now, address);
        }
        // Also where streams are blocked: whoever answers is met, and tables follow in parts.
        if called != Some(address) {
            self.call(None, address);
        }
    }

    /// Pings whoever is at an address, and introduces itself.
    fn call(&mut self, peer: Option<MemberId>, address: SocketAddr) {
        let ping = Body::Ping { nonce: self.rng.random(), target: None };
        let own = self.own_record().map(|record| record.id());
        self.send(Outgoing::new(address, peer, ping).telling(own.into_iter().collect()));
    }

    /// Forgets what is due.
    pub(crate) fn expire(&mut self, now: Time) {
        let expired = self.table.expire(now);
        for id in expired.forgotten {
            self.drop_peer(id);
            self.forgotten(id);
        }
        if let Some(change) = expired.own {
            self.own_changed(now, change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_given_once_until_the_part_is_half_empty_again() {
        let mut warnings = Warnings::default();
        let rises = [69, 70, 90, 60, 75, 49, 70].map(|len| warnings.rises(0, len, 100));
        assert_eq!(rises, [false, true, false, false, false, false, true]);
    }
}
