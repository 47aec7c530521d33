//! A goodbye, and who has acknowledged it.
//!
//! The leaver pings a few random witnesses with its own `left` claim and asks again, and others in
//! their place, until enough have answered. What they know the cluster knows.

use std::collections::{BTreeMap, BTreeSet};

use headcount_state::{MemberId, Standing, Time};
use headcount_wire::Body;
use rand::RngExt;

use crate::dissemination::Lane;
use crate::engine::Engine;
use crate::event::Event;
use crate::outbox::Outgoing;
use crate::timers::Timer;

/// So many peers should acknowledge a goodbye; all of them in a smaller cluster. With 20 % loss
/// each way, the chance that none of eight tells it on is below one in a million.
pub(crate) const WITNESSES: usize = 8;

/// A witness that stays silent this often is replaced.
const ATTEMPTS: u32 = 3;

#[derive(Clone, Debug)]
pub(crate) struct Departure {
    wanted: usize,
    asked: BTreeMap<MemberId, Asked>,
    acknowledged: BTreeSet<MemberId>,
    told: bool,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    nonce: u32,
    attempts: u32,
}

impl Departure {
    /// A goodbye to a cluster with so many other members.
    pub(crate) fn new(peers: usize) -> Departure {
        Departure {
            wanted: peers.min(WITNESSES),
            asked: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            told: false,
        }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// How many more witnesses are to be found.
    pub(crate) fn vacancies(&self) -> usize {
        self.wanted.saturating_sub(self.acknowledged.len() + self.asked.len())
    }

    /// Those that need not be asked: they were, or they know.
    pub(crate) fn known(&self) -> Vec<MemberId> {
        self.asked.keys().chain(&self.acknowledged).copied().collect()
    }

    /// Those that were asked and have not answered, each with the nonce to use again; silent ones
    /// lose their place.
    pub(crate) fn retry(&mut self) -> Vec<(MemberId, u32)> {
        self.asked.retain(|_, asked| asked.attempts < ATTEMPTS);
        self.asked
            .iter_mut()
            .map(|(id, asked)| {
                asked.attempts += 1;
                (*id, asked.nonce)
            })
            .collect()
    }

    pub(crate) fn ask(&mut self, witness: MemberId, nonce: u32) {
        self.asked.insert(witness, Asked { nonce, attempts: 1 });
    }

    /// Takes in an ack.
    pub(crate) fn ack(&mut self, witness: MemberId, nonce: u32) {
        if self.asked.get(&witness).is_some_and(|asked| asked.nonce == nonce) {
            self.asked.remove(&witness);
            self.acknowledged.insert(witness);
        }
    }

    /// Nobody is left to be asked.
    fn settle_for_less(&mut self) {
        self.wanted = self.acknowledged.len();
    }

    /// True once: enough have acknowledged.
    pub(crate) fn take_done(&mut self) -> bool {
        let done = self.acknowledged.len() >= self.wanted && !self.told;
        self.told |= done;
        done
    }
}

impl Engine {
    /// Says goodbye. [`Event::Departed`] tells when enough peers have acknowledged it; the driver
    /// decides how long to wait.
    pub fn leave(&mut self, now: Time) {
        self.wake(now);
        if self.departure.is_some() {
            return;
        }
        let standing = self.table.standing();
        let was_member = matches!(standing, Standing::Member | Standing::Held);
        self.table.leave(now);
        self.stop_judging();
        self.departure = Some(Departure::new(if was_member { self.peers.len() } else { 0 }));
        self.tell(now, self.table.own_id(), Lane::Own);
        self.farewell_round(now);
        self.settle(now);
    }

    /// Asks for acknowledgements that have not come.
    pub(crate) fn farewell_round(&mut self, now: Time) {
        let Some(departure) = &mut self.departure else { return };
        let mut pings = departure.retry();
        let (vacancies, known) = (departure.vacancies(), departure.known());
        let mut witnesses = Vec::with_capacity(vacancies);
        self.peers.sample(&mut self.rng, vacancies, &known, &mut witnesses);
        for witness in witnesses {
            let nonce = self.rng.random();
            departure.ask(witness, nonce);
            pings.push((witness, nonce));
        }
        if pings.is_empty() {
            departure.settle_for_less();
        }
        let more = !pings.is_empty();
        for (witness, nonce) in pings {
            if let Some((target, address)) = self.aim_at(witness) {
                let body = Body::Ping { nonce, target: Some(target.process) };
                let goodbye = vec![self.table.own_id()];
                self.send(Outgoing::new(address, Some(witness), body).telling(goodbye));
            }
        }
        let interval = self.config.gossip_interval;
        self.timers.set(Timer::Leave, more.then_some(now + interval));
        self.departure_done();
    }

    /// A witness answered.
    pub(crate) fn departure_acked(&mut self, witness: MemberId, nonce: u32) {
        if let Some(departure) = &mut self.departure {
            departure.ack(witness, nonce);
            self.departure_done();
        }
    }

    fn departure_done(&mut self) {
        if let Some(departure) = &mut self.departure
            && departure.take_done()
        {
            let acknowledged = departure.acknowledged();
            self.events.push_back(Event::Departed { acknowledged });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_witnesses_are_asked_again_and_then_replaced() {
        let silent = MemberId::of("silent");
        let mut departure = Departure::new(1);
        departure.ask(silent, 7);
        for _ in 1..ATTEMPTS {
            assert_eq!(departure.retry(), [(silent, 7)]);
            assert_eq!(departure.vacancies(), 0);
        }
        assert_eq!(departure.retry(), []);
        assert_eq!(departure.vacancies(), 1);
    }

    #[test]
    fn only_the_ack_of_the_ping_that_said_goodbye_counts() {
        let witness = MemberId::of("witness");
        let mut departure = Departure::new(1);
        departure.ask(witness, 7);
        departure.ack(witness, 8);
        assert!(!departure.take_done());
        departure.ack(witness, 7);
        assert!(departure.take_done());
        assert!(!departure.take_done(), "told once");
        assert_eq!(departure.acknowledged(), 1);
    }

    #[test]
    fn nobody_has_to_acknowledge_the_goodbye_of_a_lone_node() {
        assert!(Departure::new(0).take_done());
    }
}
