//! The probe: one member is pinged in each protocol period (SWIM, section 3.1).
//!
//! ```text
//!   period begins ── ping ──> ack in time ─────────────────────────> alive
//!                       │
//!                  probe timeout ── ping-req to k relays, stream ping
//!                       │               └─> ack, relayed or by stream ──> alive
//!   period ends ────────┴───────────────────────────────────────────> suspect
//! ```
//! Both times stretch with the local health score (Lifeguard, section IV.A), and follow what links are like
//! where they may ([`Config::period_max`]). Where links lose, the ping is sent twice.

use std::net::SocketAddr;
use std::time::Duration;

use headcount_health::{LinkCondition, heartbeat_interval};
use headcount_state::{Life, MemberId, Record, Standing, Status, Time, Update};
use headcount_wire::{Body, Target};
use rand::RngExt;

use crate::config::{Config, Detector};
use crate::engine::Engine;
use crate::links::Answer;
use crate::outbox::Outgoing;
use crate::timers::Timer;

/// So many suspects are kept from being relays; with more of them the fault is likely here.
const SUSPECTS_MAX: usize = 64;

/// With more loss than this a ping is sent twice, where the period adapts.
const LOSS_REPEATED: f32 = 0.02;

/// The probe of the current period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) target: Target,
    /// The life that was held when the probe began.
    life: Life,
    pub(crate) address: SocketAddr,
    pub(crate) nonce: u32,
    /// Relays that were asked, and will say so if the target stays silent.
    relays: usize,
    nacks: usize,
    sent: Time,
    /// How long the answer may take.
    timeout: Duration,
    /// The ping is to be sent again after half of that time.
    again: bool,
}

impl Engine {
    /// A protocol period is over: judges its probe, then begins the next.
    pub(crate) fn period_over(&mut self, now: Time) {
        self.late_probe = self.probe.take();
        if let Some(probe) = self.late_probe {
            self.probe_failed(now, probe);
        }
        self.begin_probe(now);
        let period = self.local_health.stretch(self.interval());
        self.timers.set(Timer::Period, Some(now + period));
    }

    fn begin_probe(&mut self, now: Time) {
        self.timers.set(Timer::ProbeTimeout, None);
        if !self.takes_part() {
            return;
        }
        let Some(id) = self.peers.next_probe(&mut self.rng) else { return };
        let Some(record) = self.table.get(id) else { return };
        let life = record.claim.life();
        let (target, address) = aim(record);
        let nonce = self.rng.random();
        let timeout = self.local_health.stretch(self.answer_wait(id));
        let again = self.config.adapts() && self.links.pooled().loss > LOSS_REPEATED;
        self.stats.probes += 1;
        self.polls.asked(id, nonce, now);
        let probe =
            Probe { target, life, address, nonce, relays: 0, nacks: 0, sent: now, timeout, again };
        self.probe = Some(probe);
        self.ping_target(probe);
        let wait = if again { timeout / 2 } else { timeout };
        self.timers.set(Timer::ProbeTimeout, Some(now + wait));
    }

    fn ping_target(&mut self, probe: Probe) {
        let Probe { target, address, nonce, .. } = probe;
        let ping = Body::Ping { nonce, target: Some(target.process) };
        self.send(Outgoing::new(address, Some(target.id), ping));
    }

    /// How long the period is now.
    fn interval(&self) -> Duration {
        let Config { period, period_max, .. } = *self.config;
        heartbeat_interval(period, period_max, &self.links.pooled())
    }

    /// How long an answer of `id` may take.
    fn answer_wait(&self, id: MemberId) -> Duration {
        let Config { probe_timeout, .. } = *self.config;
        if !self.config.adapts() {
            return probe_timeout;
        }
        let slow = [self.links.pooled(), self.links.get(id).condition()];
        let wanted = slow.iter().filter_map(LinkCondition::timeout).max();
        wanted.unwrap_or(probe_timeout).clamp(probe_timeout, self.interval() * 3 / 4)
    }

    /// The direct ping has had its time.
    pub(crate) fn probe_timed_out(&mut self) {
        let Some(probe) = self.probe else { return };
        if probe.again {
            self.probe = Some(Probe { again: false, ..probe });
            self.ping_target(probe);
            self.timers.set(Timer::ProbeTimeout, Some(probe.sent + probe.timeout));
            return;
        }
        self.links.unanswered(probe.target.id);
        self.stats.probes_indirect += 1;
        let count = self.config.indirect_probes;
        let want_nack = self.config.detector == Detector::Lifeguard;
        let relays = self.ask_relays(probe.nonce, probe.target, count, want_nack);
        self.probe = Some(Probe { relays, ..probe });
        self.call_probe(probe.nonce, probe.target, probe.address);
    }

    /// Asks up to `count` random relays to ping `target`; answers how many were asked.
    pub(crate) fn ask_relays(
        &mut self,
        nonce: u32,
        target: Target,
        count: usize,
        want_nack: bool,
    ) -> usize {
        let mut relays = Vec::with_capacity(count);
        let suspects: Vec<MemberId> = self.suspicions.suspects().take(SUSPECTS_MAX).collect();
        self.peers.relays(&mut self.rng, target.id, &suspects, count, &mut relays);
        for relay in &relays {
            if let Some((_, relay_address)) = self.table.get(*relay).map(aim) {
                let body = Body::PingReq { nonce, target, want_nack };
                self.send(Outgoing::new(relay_address, Some(*relay), body));
            }
        }
        relays.len()
    }

    /// Somebody answered a ping of this node for `target`.
    pub(crate) fn probe_answered(&mut self, now: Time, nonce: u32, target: Target, not_me: bool) {
        if self.observes() {
            return match not_me {
                true => self.watched_is_another(now, nonce, None),
                false => self.watched_answered(now, nonce, target, true),
            };
        }
        let asked = |probe: &Probe| probe.nonce == nonce && probe.target.id == target.id;
        let Some(probe) = self.probe.filter(asked) else { return };
        self.probe = None;
        self.timers.set(Timer::ProbeTimeout, None);
        self.local_health.improve();
        if not_me {
            // Another process answers where it should live: that life is over.
            self.accuse(now, target.id, probe.life, Status::Failed);
        }
    }

    /// The target itself answered a ping: the one of this period, or too late that of the last one.
    pub(crate) fn ping_answered(&mut self, now: Time, nonce: u32, by: Target) {
        let asked = |probe: &Probe| probe.nonce == nonce && probe.target.id == by.id;
        let late = self.late_probe.take_if(|probe| asked(probe));
        let Some(probe) = self.probe.filter(asked).or(late) else { return };
        let Probe { target, sent, timeout, .. } = probe;
        let took = now.since(sent);
        self.links.answered(target.id, Answer { sent, took, timeout, by_stream: false });
    }

    /// A relay answered that the target stays silent: the relay at least hears this node.
    pub(crate) fn probe_nacked(&mut self, nonce: u32) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.nonce == nonce) {
            probe.nacks += 1;
        }
    }

    fn probe_failed(&mut self, now: Time, probe: Probe) {
        self.stats.probes_failed += 1;
        // Relays that are silent too make the fault likely to be here. With all of them heard,
        // the failed probe says nothing against this node (so does memberlist count).
        let missing = probe.relays.saturating_sub(probe.nacks);
        let doubts = if probe.relays == 0 { 1 } else { missing };
        for _ in 0..doubts {
            self.local_health.worsen();
        }
        self.accuse(now, probe.target.id, probe.life, Status::Suspect);
    }

    /// Says of a life of `id` that it is suspect or failed, if it is the one held and live.
    pub(crate) fn accuse(&mut self, now: Time, id: MemberId, life: Life, status: Status) {
        let Some(record) = self.table.get(id) else { return };
        if !self.takes_part() || !record.is_live() || record.claim.life() != life {
            return;
        }
        let claim = record.claim.with_status(status);
        let accuser = Some(self.table.own_id());
        self.stats.failures_declared += u64::from(status == Status::Failed);
        self.absorb_own(now, &Update { accuser, ..Update::claim(claim) });
    }

    /// Whether this node probes and gossips at all: not while another process holds its name, it
    /// was evicted, or it is leaving.
    pub(crate) fn takes_part(&self) -> bool {
        self.table.standing() == Standing::Member
    }

    /// Where and who a member is.
    pub(crate) fn aim_at(&self, id: MemberId) -> Option<(Target, SocketAddr)> {
        self.table.get(id).map(aim)
    }
}

fn aim(record: Record<'_>) -> (Target, SocketAddr) {
    (Target::of(record.id(), record.claim.life()), record.attributes.address)
}
