//! Pings passed on for others.
//!
//! ```text
//!   asker ── ping-req ──> relay ── ping ──> subject
//!         <───── ack ────       <── ack ───          in time
//!         <──── nack ────                            at 80 % of the probe timeout (Lifeguard)
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use headcount_state::{Agenda, MemberId, Time};
use headcount_wire::{Body, Target};
use rand::RngExt;

use crate::engine::Engine;
use crate::outbox::Outgoing;

/// The most relayed pings under way at one node.
pub(crate) const RELAYS_MAX: usize = 1_024;

/// One relayed ping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relay {
    /// Who asked, and where it is.
    pub(crate) asker: MemberId,
    pub(crate) asker_address: SocketAddr,
    /// The asker's nonce, echoed to it.
    pub(crate) asker_nonce: u32,
    /// Whom it asked about.
    pub(crate) subject: MemberId,
    /// Whether a nack is still to be sent.
    pub(crate) nack: bool,
    /// When to forget it.
    pub(crate) expires: Time,
}

/// The relayed pings under way, by this node's nonce.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relays {
    by_nonce: Agenda<u32, Relay>,
}

impl Relays {
    /// Remembers a relayed ping; false when too many are under way.
    pub(crate) fn insert(&mut self, nonce: u32, relay: Relay, due: Time) -> bool {
        if self.by_nonce.len() >= RELAYS_MAX || self.by_nonce.contains(nonce) {
            return false;
        }
        self.by_nonce.insert(nonce, relay, due);
        true
    }

    pub(crate) fn get(&self, nonce: u32) -> Option<&Relay> {
        self.by_nonce.get(nonce)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_nonce.len()
    }

    pub(crate) fn clear(&mut self) {
        self.by_nonce.clear();
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.by_nonce.next_due()
    }

    /// Takes one relay that is due: with `nack` set, the nack is to be sent now, and the relay
    /// stays until it expires; otherwise it has expired.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Relay> {
        let (nonce, relay) = self.by_nonce.pop_due(now)?;
        if relay.nack {
            self.by_nonce.insert(nonce, Relay { nack: false, ..relay }, relay.expires);
        }
        Some(relay)
    }

    /// The subject answered: no nack any more. Late acks are still passed on.
    pub(crate) fn answered(&mut self, nonce: u32) {
        if let Some(relay) = self.by_nonce.get_mut(nonce) {
            relay.nack = false;
        }
    }
}

impl Engine {
    /// A member asks this node to ping `target`: only if that is a member too, and where the table
    /// has it, so that nobody can aim this node's pings.
    pub(crate) fn relay_ping(&mut self, now: Time, asker: Asker, target: Target, nack: bool) {
        if !self.is_peer(asker.id) {
            return;
        }
        let aim = self
            .aim_at(target.id)
            .filter(|(held, _)| held.process == target.process && self.is_peer(target.id));
        let Some((_, address)) = aim else {
            // Nothing to relay to, but the asker learns that it is heard.
            if nack {
                self.send_nack(asker.address, asker.id, asker.nonce);
            }
            return;
        };
        let nonce = self.rng.random();
        let relay = Relay {
            asker: asker.id,
            asker_address: asker.address,
            asker_nonce: asker.nonce,
            subject: target.id,
            nack,
            expires: now + self.config.period,
        };
        let due = if nack { now + self.nack_delay() } else { relay.expires };
        if !self.relays.insert(nonce, relay, due) {
            self.stats.relays_dropped += 1;
            return;
        }
        let ping = Body::Ping { nonce, target: Some(target.process) };
        self.send(Outgoing::new(address, Some(target.id), ping));
    }

    /// An ack came back: passes it on if it is one that somebody asked for.
    pub(crate) fn relay_ack(&mut self, nonce: u32, responder: Target, not_me: bool) {
        let Some(relay) = self.relays.get(nonce).copied() else { return };
        if relay.subject != responder.id && !not_me {
            return;
        }
        self.relays.answered(nonce);
        let body = Body::Ack { nonce: relay.asker_nonce, responder: Some(responder), not_me };
        self.send(Outgoing::new(relay.asker_address, Some(relay.asker), body));
    }

    /// Sends the nacks that are due, and forgets what has expired.
    pub(crate) fn relays_due(&mut self, now: Time) {
        while let Some(relay) = self.relays.pop_due(now) {
            if relay.nack {
                self.send_nack(relay.asker_address, relay.asker, relay.asker_nonce);
            }
        }
    }

    fn send_nack(&mut self, to: SocketAddr, asker: MemberId, nonce: u32) {
        self.send(Outgoing::new(to, Some(asker), Body::Nack { nonce }));
    }

    /// 80 % of the probe timeout, or of what is left of the asker's period if that is less: a nack
    /// must be there before the asker judges.
    fn nack_delay(&self) -> Duration {
        let left = self.config.period.saturating_sub(self.config.probe_timeout);
        self.config.probe_timeout.min(left).mul_f64(0.8)
    }
}

/// Who asked for a relayed ping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) id: MemberId,
    pub(crate) address: SocketAddr,
    pub(crate) nonce: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(nack: bool) -> Relay {
        Relay {
            asker: MemberId::of("asker"),
            asker_address: "127.0.0.1:1".parse().expect("address"),
            asker_nonce: 7,
            subject: MemberId::of("subject"),
            nack,
            expires: Time::from_millis(10),
        }
    }

    #[test]
    fn a_silent_subject_is_nacked_once_and_forgotten_later() {
        let mut relays = Relays::default();
        relays.insert(1, relay(true), Time::from_millis(4));
        assert!(relays.pop_due(Time::from_millis(3)).is_none());
        assert!(relays.pop_due(Time::from_millis(4)).expect("due").nack);
        assert!(relays.get(1).is_some(), "a late ack is still passed on");
        assert!(!relays.pop_due(Time::from_millis(10)).expect("expired").nack);
        assert!(relays.get(1).is_none());
    }

    #[test]
    fn an_answer_takes_the_nack_back() {
        let mut relays = Relays::default();
        relays.insert(1, relay(true), Time::from_millis(4));
        relays.answered(1);
        assert!(!relays.pop_due(Time::from_millis(4)).expect("due").nack);
    }

    #[test]
    fn no_more_than_the_bound_are_under_way() {
        let mut relays = Relays::default();
        for nonce in 0..RELAYS_MAX as u32 {
            assert!(relays.insert(nonce, relay(false), Time::from_millis(1)));
        }
        assert!(!relays.insert(u32::MAX, relay(false), Time::from_millis(1)));
    }
}
