//! A start among members that are known already, instead of through a seed.

use headcount_fanout::Peers;
use headcount_state::{Grace, Outcome, Time, Update};

use crate::engine::Engine;

impl Engine {
    /// Takes members as known: for an engine that has just begun, in place of a join.
    ///
    /// Nobody is told on of anybody and no news is given, so a driver can begin with a cluster
    /// that has converged, without the storm of its start. The bounds of the table hold as ever;
    /// what is said of this node itself is passed over. Seeds that are set before and are among
    /// the members count as met.
    pub fn know<'a>(&mut self, now: Time, updates: impl IntoIterator<Item = &'a Update>) {
        let own = self.table.own_id();
        let updates = updates.into_iter();
        let (at_least, _) = updates.size_hint();
        self.table.reserve(at_least.min(self.config.limits.records));
        self.peers.reserve(at_least.min(self.config.limits.records));
        for update in updates.filter(|update| update.claim.id != own) {
            let merged = self.table.merge(now, update, Grace::Closed);
            let Outcome::Changed(change) = merged.outcome else { continue };
            let Some(record) = self.table.get(change.id) else { continue };
            let (claim, address) = (record.claim, record.attributes.address);
            self.follow_live_set(now, claim);
            self.seen_at(address, change.id);
        }
        self.judge_again(now);
        self.settle(now);
    }

    /// The same with all that `other` knows, itself included, at a fraction of the cost: for an
    /// engine that has just begun, of the same configuration and driver. Seeds that `other` has
    /// met count as met.
    pub fn know_as(&mut self, now: Time, other: &Engine) {
        let own = self.table.own_id();
        self.table.know_as(now, &other.table);
        self.peers = Peers::like(&other.peers, own, &mut self.rng);
        self.judge_again(now);
        let met = other.seeds.iter().filter_map(|seed| Some((seed.address, seed.member?)));
        let itself = (other.table.own_attributes().address, other.table.own_id());
        for (address, member) in met.chain([itself]) {
            self.seen_at(address, member);
        }
        self.settle(now);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use headcount_state::{
        Attributes, AttributesVersion, Claim, Instance, Life, Name, ProtocolRange, Serving, Status,
        Tags, Version,
    };
    use headcount_wire::ClusterId;

    use super::*;
    use crate::config::Config;
    use crate::engine::Identity;

    const MEMBERS: u64 = 10_000;

    fn member(number: u64) -> Update {
        let life = Life { generation: 1, instance: Instance::from_u64(number + 1).unwrap() };
        let attributes = Attributes {
            version: AttributesVersion { life, counter: 0 },
            name: Name::new(&format!("n{number}")).unwrap(),
            address: ([10, 0, 0, 1], 7_946).into(),
            serving: Serving::Serving,
            zone: String::new(),
            tags: Tags::new(),
            protocol: ProtocolRange { min: 1, max: 1 },
            out_of_reach: Vec::new(),
        };
        let version = Version::new(life, 0, Status::Alive);
        let claim = Claim { id: attributes.name.id(), version, over: None };
        Update { attributes: Some(Arc::new(attributes)), ..Update::claim(claim) }
    }

    fn config() -> Config {
        Config::new(ClusterId::of("test"))
    }

    fn identity(number: u16) -> Identity {
        Identity {
            name: Name::new(&format!("own {number}")).unwrap(),
            address: ([10, 0, 0, 2], number + 1).into(),
            life: Life { generation: 1, instance: Instance::from_u64(1).unwrap() },
            tags: Tags::new(),
            zone: String::new(),
            serving: Serving::Serving,
        }
    }

    fn engine() -> Engine {
        Engine::new(config(), identity(0), 1, Time::ZERO).unwrap()
    }

    #[test]
    fn who_knows_as_another_holds_the_same_as_if_it_had_been_told() {
        let mut all: Vec<Update> = (0..50).map(member).collect();
        let suspect = all[7].claim.with_status(Status::Suspect);
        all[7] = Update { claim: suspect, ..all[7].clone() };
        let mut other = engine();
        other.know(Time::ZERO, &all);
        let Identity { name, address, life, .. } = identity(1_000);
        let mut told = Engine::new(config(), identity(1_000), 1, Time::ZERO).unwrap();
        let mut like = Engine::new(config(), identity(1_000), 1, Time::ZERO).unwrap();
        let own = other.table.get(other.table.own_id()).map(|record| record.update(Time::ZERO));
        like.set_seeds(vec![other.table.own_attributes().address]);
        told.know(Time::ZERO, all.iter().chain(&own));
        like.know_as(Time::ZERO, &other);
        assert_eq!(like.table.version_vector(), told.table.version_vector());
        assert_eq!(like.table.summary(), told.table.summary());
        assert!(like.peers.iter().eq(told.peers.iter()));
        assert_eq!(like.suspicions.next_deadline(), told.suspicions.next_deadline());
        assert!(like.suspicions.next_deadline().is_some());
        assert_eq!(like.seeds[0].member, Some(other.table.own_id()));
        let record = like.own_record().map(|record| (record.claim.life(), record.attributes));
        assert!(record.is_some_and(|(l, a)| l == life && a.name == name && a.address == address));
    }

    /// Ten thousand engines that know ten thousand members are to fit 12 GiB: 128 bytes a pair, of
    /// which a driver needs some.
    #[test]
    fn a_member_takes_few_bytes_in_calm_and_while_a_tenth_has_crashed() {
        let all: Vec<Update> = (0..MEMBERS).map(member).collect();
        let mut engine = engine();
        engine.know(Time::ZERO, &all);
        assert_eq!(engine.table.len() as u64, MEMBERS + 1);
        let each = |engine: &Engine| engine.heap_bytes() as f64 / MEMBERS as f64;
        assert!(each(&engine) < 68.0, "{} bytes in calm", each(&engine));

        for (number, update) in all.iter().enumerate().step_by(10) {
            let accuser = Some(all[number + 1].claim.id);
            let claim = update.claim.with_status(Status::Suspect);
            engine.absorb(Time::ZERO, &Update { accuser, ..Update::claim(claim) });
        }
        assert_eq!(engine.dissemination.len() as u64, MEMBERS / 10);
        assert!(each(&engine) < 105.0, "{} bytes with suspects", each(&engine));

        engine.dissemination.clear();
        for update in all.iter().step_by(10) {
            let failed = update.claim.with_status(Status::Failed);
            engine.absorb_own(Time::ZERO, &Update::claim(failed));
        }
        assert_eq!(engine.table.occupancy().tombstones as u64, MEMBERS / 10);
        assert!(each(&engine) < 105.0, "{} bytes with the dead", each(&engine));
    }
}
