//! The watch: whom a node pings, and what comes of it.
//!
//! ```text
//!   each period ── ping the subject whose turn it is ──> answered ──> word of it
//!        │                                               late ──> its port is tried, case opened
//!        ├─ a new subject ── a stream, once, to learn whether its port answers
//!        ├─ nobody vouches for one ── ping all subjects, and who comes after those in doubt
//!        └─ nothing heard ── ping one heard last, and one at random
//! ```
//! Each member is pinged once in each period, by one of its observers, at a point of the period that
//! its id fixes: so a crash is met after half a period on average.

use std::net::SocketAddr;
use std::time::Duration;

use headcount_fanout::{Ring, whose_turn};
use headcount_state::{Life, MemberId, Time};
use headcount_wire::{Body, Target};
use rand::RngExt;

use super::cases::Opening;
use super::pings::{Ping, Purpose};
use super::timing::{COVER_EVERY, GREETINGS, LOSS_DOUBTFUL, OBSERVERS, REACH};
use crate::engine::Engine;
use crate::links::Answer;
use crate::outbox::Outgoing;
use crate::timers::Timer;

/// Where in a period a member is pinged, from 0 to 1: ids are hashes.
fn share(id: MemberId) -> f64 {
    f64::from(id.as_u64() as u32) / (f64::from(u32::MAX) + 1.0)
}

impl Engine {
    pub(crate) fn ring(&self) -> Ring<'_> {
        Ring::new(&self.table, OBSERVERS)
    }

    /// Whom this node watches, the nearest first; kept until the view changes.
    fn follow_view(&mut self) {
        let view = self.table.summary().view_id;
        if self.observers.subjects_of_view == Some(view) {
            return;
        }
        let mut subjects = std::mem::take(&mut self.observers.subjects);
        subjects.clear();
        subjects.extend(self.ring().subjects(self.table.own_id()));
        self.observers.subjects = subjects;
        self.observers.subjects_of_view = Some(view);
    }

    /// The turn of this period's subject.
    pub(crate) fn watch_turn(&mut self, now: Time) {
        self.observers.clock.slew(now);
        self.follow_view();
        let period = self.observers.turn(now);
        if self.takes_part() && !self.observers.holding.is_held() {
            if let Some(subject) = whose_turn(&self.observers.subjects, period) {
                self.ping_subject(now, subject, Purpose::Watch);
            }
            self.greet_subjects(now);
            self.watch_all_in_alarm(now);
            self.ask_for_signs(now);
        }
        let next = whose_turn(&self.observers.subjects, period + 1).map_or(0.5, share);
        let due = self.observers.clock.when(now, period + 1, next);
        self.observers.next_turn = Some(period + 1);
        self.timers.set(Timer::Period, Some(due));
    }

    /// Pings a member; silence is judged as `purpose` says.
    pub(crate) fn ping_subject(&mut self, now: Time, id: MemberId, purpose: Purpose) {
        // What is measured is the link, not how much this node doubts itself.
        let timeout = match purpose {
            Purpose::Hold => self.links.get(id).timeout(&self.observers.timing),
            _ if self.links.get(id).refuses() => self.hasty_time(id),
            _ => self.answer_time(id),
        };
        self.ping_for(now, id, purpose, timeout);
    }

    /// Pings a member whose port refuses, as it is said.
    pub(crate) fn ping_hastily(&mut self, now: Time, id: MemberId, purpose: Purpose) {
        let timeout = self.hasty_time(id);
        self.ping_for(now, id, purpose, timeout);
    }

    fn ping_for(&mut self, now: Time, id: MemberId, purpose: Purpose, timeout: Duration) {
        let Some((ping, nonce)) = self.begin_ping(now, id, purpose, timeout, false) else { return };
        let Ping { target, address, .. } = ping;
        let body = Body::Ping { nonce, target: Some(target.process) };
        self.send(Outgoing::new(address, Some(id), body));
    }

    /// Pings a member over a stream.
    pub(crate) fn ping_by_stream(&mut self, now: Time, id: MemberId, purpose: Purpose) {
        let timeout = self.answer_time(id);
        if let Some((ping, nonce)) = self.begin_ping(now, id, purpose, timeout, true)
            && !self.call_probe(nonce, ping.target, ping.address)
        {
            self.observers.pings.take(nonce);
        }
    }

    fn begin_ping(
        &mut self,
        now: Time,
        id: MemberId,
        purpose: Purpose,
        timeout: Duration,
        by_stream: bool,
    ) -> Option<(Ping, u32)> {
        let record = self.table.get(id)?;
        let life = record.claim.life();
        let (target, address) = (Target::of(id, life), record.attributes.address);
        let nonce = self.rng.random();
        let ping = Ping { target, life, address, sent: now, timeout, purpose, by_stream };
        self.polls.asked(id, nonce, now);
        let waits = self.observers.pings.insert(nonce, ping);
        self.stats.probes += u64::from(waits);
        waits.then_some((ping, nonce))
    }

    /// How long an answer of `id` may take.
    pub(crate) fn answer_time(&self, id: MemberId) -> Duration {
        let timeout = self.links.get(id).timeout(&self.observers.timing);
        self.stretched(timeout)
    }

    /// The same where its port refuses.
    pub(crate) fn hasty_time(&self, id: MemberId) -> Duration {
        let timeout = self.links.get(id).hasty_timeout(&self.observers.timing);
        self.stretched(timeout)
    }

    fn stretched(&self, timeout: Duration) -> Duration {
        let longest = self.observers.timing.period.max(timeout);
        self.local_health.stretch(timeout).min(longest)
    }

    /// Opens streams to subjects that have not answered over one yet. In a small cluster to the others
    /// too: if most processes are gone they are subjects at once, and it is too late to learn that.
    fn greet_subjects(&mut self, now: Time) {
        let table = self.table.summary().sync;
        if self.links.all_greeted(table) {
            return;
        }
        let (mut greeted, mut all) = (0, true);
        let own = self.table.own_id();
        let small = self.table.live_len() <= 2 * OBSERVERS + 1;
        let near = self.table.live_after(own).take(if small { 2 * OBSERVERS } else { OBSERVERS });
        for id in near.collect::<Vec<MemberId>>() {
            let Some(record) = self.table.get(id) else { continue };
            let (process, address) = (record.claim.life().instance, record.attributes.address);
            if self.links.get(id).answered_by_stream(process, address) {
                continue;
            }
            all = false;
            if self.links.may_greet(now, id, self.observers.timing.period) {
                self.ping_by_stream(now, id, Purpose::Greet);
                greeted += 1;
            }
            if greeted == GREETINGS {
                break;
            }
        }
        if all {
            self.links.set_all_greeted(table);
        }
    }

    fn watch_all_in_alarm(&mut self, now: Time) {
        if self.observers.alarm_until < now {
            return;
        }
        let ring = self.ring();
        let doubted = |id: MemberId| self.is_doubted(id);
        let beyond = ring.subjects_beyond(self.table.own_id(), REACH, doubted);
        self.watch_also(now, beyond);
    }

    /// Pings members besides the one whose turn it is, unless they are asked already.
    fn watch_also(&mut self, now: Time, members: Vec<MemberId>) {
        for id in members {
            let asked = self.observers.cases.contains(id) || self.observers.pings.waits_for(id);
            if !asked {
                self.ping_subject(now, id, Purpose::Watch);
            }
        }
    }

    /// Whether this node has reason to think that a live member is gone.
    pub(crate) fn is_doubted(&self, id: MemberId) -> bool {
        self.observers.cases.is_silent(id) || self.suspicions.contains(id)
    }

    fn ask_for_signs(&mut self, now: Time) {
        if now.since(self.last_heard) <= self.observers.timing.silence() {
            return;
        }
        let heard = self.contacts.latest(1);
        let random = self.peers.pick(&mut self.rng, &heard);
        for id in heard.into_iter().chain(random) {
            if !self.observers.pings.waits_for(id) {
                self.ping_subject(now, id, Purpose::Sign);
            }
        }
    }

    /// Whether a member is to be pinged now in place of comparing tables with one.
    pub(crate) fn covers(&mut self) -> bool {
        self.observers.rounds = self.observers.rounds.wrapping_add(1);
        self.observes() && self.observers.rounds.is_multiple_of(COVER_EVERY)
    }

    /// Pings a member that may be nobody's subject: where views differ, none is forgotten so. Its
    /// answer compares the tables, too.
    pub(crate) fn cover(&mut self, now: Time) {
        if let Some(id) = self.peers.next_probe(&mut self.rng) {
            self.ping_subject(now, id, Purpose::Watch);
        }
    }

    /// Pings that have had their time.
    pub(crate) fn pings_due(&mut self, now: Time) {
        let patience = self.observers.timing.patience();
        while let Some(ping) = self.observers.pings.pop_late(now, |ping| ping.sent + patience) {
            let id = ping.target.id;
            if ping.by_stream {
                continue;
            }
            self.stats.probes_failed += 1;
            self.links.unanswered(id);
            let scheduled = matches!(ping.purpose, Purpose::Watch | Purpose::Again(_));
            if ping.purpose == Purpose::Hold {
                self.observers.holding.record(now, false);
            }
            if scheduled {
                self.observers.doubt.record(id, false);
                self.subject_silent(now, ping);
            }
        }
    }

    fn subject_silent(&mut self, now: Time, ping: Ping) {
        let id = ping.target.id;
        let held = self.table.get(id).filter(|r| r.is_live() && r.claim.life() == ping.life);
        if held.is_none() || !self.takes_part() {
            return;
        }
        let doubtful = self.observers.doubt.loss_to_others(id) > LOSS_DOUBTFUL;
        let silent_since = match ping.purpose {
            Purpose::Again(first) => first,
            _ if doubtful && !self.observers.cases.contains(id) => {
                return self.ping_subject(now, id, Purpose::Again(ping.sent));
            }
            _ => ping.sent,
        };
        // Also while gated: where all others are gone, their ports tell.
        self.ping_by_stream(now, id, Purpose::Evidence);
        if !self.is_gated(now) {
            let opening = Opening { life: ping.life, silent_since };
            self.open_case(now, id, opening);
        }
    }

    /// A ping of this node was answered.
    pub(crate) fn watched_answered(&mut self, now: Time, nonce: u32, by: Target, by_stream: bool) {
        let Some(ping) = self.observers.pings.answered(nonce, by.id) else { return };
        let Ping { sent, timeout, .. } = ping;
        let took = now.since(sent);
        self.links.answered(by.id, Answer { sent, took, timeout, by_stream });
        if by_stream {
            self.links.stream_answered(by.id, ping.life.instance, ping.address);
        }
        match ping.purpose {
            Purpose::Watch | Purpose::Again(_) => {
                self.observers.doubt.record(by.id, true);
                self.local_health.improve();
            }
            Purpose::Contest => self.observers.contests.answered(by.id),
            Purpose::Hold => self.observers.holding.record(now, true),
            _ => {}
        }
        if by_stream {
            self.checks.answered_by_stream(by.id);
        }
        if took <= timeout && !by_stream && ping.purpose != Purpose::Contest {
            self.answered_after_all(now, by.id);
        }
        self.observers.cases.answered(by.id, ping.sent);
        self.vouch_for(now, by.id, ping.sent);
    }

    /// Another process answered where `nonce` was sent to: the life that was meant is over there.
    pub(crate) fn watched_is_another(&mut self, now: Time, nonce: u32, from: Option<SocketAddr>) {
        let Some(ping) = self.observers.pings.taken_by_another(nonce, from) else { return };
        self.replaced(now, ping.target.id, ping.life, ping.address);
    }

    /// The port of a member refused a stream of this node.
    pub(crate) fn watched_refused(&mut self, now: Time, nonce: u32) {
        let Some(ping) = self.observers.pings.take(nonce) else { return };
        let Ping { target: Target { id, .. }, life, address, sent, .. } = ping;
        let eligible = self.links.get(id).answered_by_stream(life.instance, address);
        self.checks.refused(id, eligible);
        if !self.links.stream_refused(id, life.instance, address) {
            return;
        }
        // A second datagram: one may have been lost.
        if !self.links.get(id).is_refused() {
            self.ping_subject(now, id, Purpose::Evidence);
        }
        let checked = self.checks.contains(id);
        if self.held_life(id) != Some(life) || checked {
            return;
        }
        if !self.observers.cases.contains(id) {
            self.open_case(now, id, Opening { life, silent_since: sent });
        }
        // Where one process is gone others may be: this is soon known.
        let alarmed = self.observers.alarm_until >= now;
        self.observers.alarm_until = now + self.observers.timing.alarm();
        if !alarmed {
            let around = self.table.live_after(self.table.own_id()).take(OBSERVERS * 2);
            let around: Vec<MemberId> = around.collect();
            self.watch_also(now, around);
        }
    }

    /// The life of `id` that is held as live.
    pub(crate) fn held_life(&self, id: MemberId) -> Option<Life> {
        let record = self.table.get(id).filter(|record| record.is_live())?;
        Some(record.claim.life())
    }
}
