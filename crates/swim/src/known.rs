//! A start among members that are known already, instead of through a seed.

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
            let (claim, accuser) = (record.claim, record.accuser);
            let address = record.attributes.address;
            self.follow_live_set(now, claim);
            self.follow_suspicion(now, claim, accuser);
            self.seen_at(address, change.id);
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
        };
        let version = Version::new(life, 0, Status::Alive);
        let claim = Claim { id: attributes.name.id(), version, over: None };
        Update { attributes: Some(Arc::new(attributes)), ..Update::claim(claim) }
    }

    fn engine() -> Engine {
        let own = Identity {
            name: Name::new("own").unwrap(),
            address: ([10, 0, 0, 2], 7_946).into(),
            life: Life { generation: 1, instance: Instance::from_u64(1).unwrap() },
            tags: Tags::new(),
            zone: String::new(),
            serving: Serving::Serving,
        };
        Engine::new(Config::new(ClusterId::of("test")), own, 1, Time::ZERO).unwrap()
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
        let dead = engine.poll_timeout().map(|_| Time::from_millis(300_000)).unwrap();
        engine.suspicions_due(dead);
        assert_eq!(engine.table.occupancy().tombstones as u64, MEMBERS / 10);
        assert!(each(&engine) < 105.0, "{} bytes with the dead", each(&engine));
    }
}
