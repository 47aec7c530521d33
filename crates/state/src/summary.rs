//! Hashes that sum up a table, kept in O(1) per change.
//!
//! Each is the wrapping sum of one 64-bit hash (XXH3) per record, so records can be taken out and
//! put in, in any order.

use std::net::{IpAddr, SocketAddr};

use xxhash_rust::xxh3::xxh3_64;

use crate::attributes::Attributes;
use crate::claim::Claim;

/// What two nodes compare to learn whether they hold the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Summary {
    /// Of the live members' (id, generation, instance, address): what people compare. A suspicion
    /// does not change it.
    pub view_id: u64,
    /// Of the live members' full versions, claim and attributes: equal sums mean equal live
    /// tables, so nothing has to be exchanged.
    pub sync: u64,
    /// Of the dead claims still held.
    pub dead: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, parts: Summary) {
        self.view_id = self.view_id.wrapping_add(parts.view_id);
        self.sync = self.sync.wrapping_add(parts.sync);
        self.dead = self.dead.wrapping_add(parts.dead);
    }

    pub(crate) fn subtract(&mut self, parts: Summary) {
        self.view_id = self.view_id.wrapping_sub(parts.view_id);
        self.sync = self.sync.wrapping_sub(parts.sync);
        self.dead = self.dead.wrapping_sub(parts.dead);
    }

    /// What one record adds.
    pub(crate) fn of(claim: Claim, attributes: &Attributes) -> Summary {
        if !claim.is_live() {
            return Summary { dead: Bytes::of_version(claim).hash(), ..Summary::default() };
        }
        let mut seen = Bytes::of_life(claim);
        seen.address(attributes.address);
        let sync = Summary::sync_of(claim, attributes);
        Summary { view_id: seen.hash(), sync, dead: 0 }
    }

    /// What a live record adds to `sync`.
    pub(crate) fn sync_of(claim: Claim, attributes: &Attributes) -> u64 {
        let mut version = Bytes::of_version(claim);
        let said = attributes.version;
        version.number(said.life.generation);
        version.number(said.life.instance.as_u64());
        version.number(u64::from(said.counter));
        version.hash()
    }
}

/// The bytes of one record that are hashed.
struct Bytes {
    bytes: [u8; 72],
    len: usize,
}

impl Bytes {
    fn of_life(claim: Claim) -> Bytes {
        let mut life = Bytes { bytes: [0; 72], len: 0 };
        life.number(claim.id.as_u64());
        life.number(claim.life().generation);
        life.number(claim.life().instance.as_u64());
        life
    }

    fn of_version(claim: Claim) -> Bytes {
        let mut version = Bytes::of_life(claim);
        version.number(u64::from(claim.version.incarnation()));
        version.number(claim.status() as u64);
        version
    }

    fn number(&mut self, value: u64) {
        self.push(&value.to_le_bytes());
    }

    fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => self.push(&ip.to_ipv6_mapped().octets()),
            IpAddr::V6(ip) => self.push(&ip.octets()),
        }
        self.push(&address.port().to_le_bytes());
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn hash(&self) -> u64 {
        xxh3_64(&self.bytes[..self.len])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::Summary;
    use crate::attributes::{Attributes, AttributesVersion, ProtocolRange, Serving, Tags};
    use crate::claim::{Claim, Life, Status, Version};
    use crate::id::{Instance, Name};
    use crate::merge::Grace;
    use crate::own::OwnAttributes;
    use crate::table::{Limits, Table};
    use crate::time::Time;
    use crate::update::Update;

    fn attributes(name: &str, life: Life, counter: u32) -> Attributes {
        Attributes {
            version: AttributesVersion { life, counter },
            name: Name::new(name).unwrap(),
            address: ([127, 0, 0, 1], 7_000 + u16::try_from(counter).unwrap()).into(),
            serving: Serving::Serving,
            zone: String::new(),
            tags: Tags::new(),
            protocol: ProtocolRange { min: 1, max: 1 },
            out_of_reach: Vec::new(),
        }
    }

    fn update(name: &str, version: Version, counter: u32) -> Update {
        let attributes = attributes(name, version.life(), counter);
        let claim = Claim { id: attributes.name.id(), version, over: None };
        Update { attributes: Some(attributes.into()), ..Update::claim(claim) }
    }

    fn table() -> Table {
        let life = Life { generation: 1, instance: Instance::from_u64(1).unwrap() };
        Table::new(attributes("me", life, 0), Limits::default(), Time::ZERO)
    }

    #[derive(Clone, Debug)]
    enum Step {
        Hear(Update, Grace),
        Pass(Duration),
        SetAddress(u16),
        Leave,
        GoStale,
    }

    fn hear() -> impl Strategy<Value = Step> {
        let life = (1..4_u64, 1..4_u64).prop_map(|(generation, instance)| Life {
            generation,
            instance: Instance::from_u64(instance).unwrap(),
        });
        let status = prop::sample::select(Status::ALL.to_vec());
        let who = prop::sample::select(vec!["me", "a", "b"]);
        let grace = prop::sample::select(vec![Grace::Open, Grace::Closed]);
        (who, life, 0..3_u32, status, 0..3_u32, grace).prop_map(
            |(who, life, inc, status, c, grace)| {
                Step::Hear(update(who, Version::new(life, inc, status), c), grace)
            },
        )
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            12 => hear(),
            3 => (0..400_u64).prop_map(|seconds| Step::Pass(Duration::from_secs(seconds))),
            1 => (1..9_u16).prop_map(Step::SetAddress),
            1 => Just(Step::Leave),
            1 => Just(Step::GoStale),
        ]
    }

    proptest! {
        #[test]
        fn sums_and_counts_follow_every_change(
            steps in prop::collection::vec(step(), 0..40),
        ) {
            let (mut table, mut now) = (table(), Time::ZERO);
            for step in steps {
                match step {
                    Step::Hear(update, grace) => {
                        table.merge(now, &update, grace);
                    }
                    Step::Pass(time) => {
                        now += time;
                        table.expire(now);
                    }
                    Step::SetAddress(port) => {
                        let address = OwnAttributes::Address(([127, 0, 0, 2], port).into());
                        table.set_own(now, &address).unwrap();
                    }
                    Step::Leave => table.leave(now),
                    Step::GoStale => {
                        table.go_stale(now);
                    }
                }
                let mut fresh = Summary::default();
                table.records().for_each(|r| fresh.add(Summary::of(r.claim, r.attributes)));
                prop_assert_eq!(table.summary(), fresh);
                prop_assert_eq!(table.live_len(), table.live().count());
                prop_assert_eq!(table.newest_before(u64::MAX).count(), table.len());
            }
        }
    }

    #[test]
    fn a_suspicion_changes_sync_and_not_the_view() {
        let mut table = table();
        let life = Life { generation: 1, instance: Instance::from_u64(2).unwrap() };
        let say = |status| update("a", Version::new(life, 0, status), 0);
        table.merge(Time::ZERO, &say(Status::Alive), Grace::Closed);
        let alive = table.summary();
        table.merge(Time::ZERO, &say(Status::Suspect), Grace::Closed);
        let suspect = table.summary();
        table.merge(Time::ZERO, &say(Status::Failed), Grace::Closed);
        let failed = table.summary();

        assert_eq!(alive.view_id, suspect.view_id);
        assert_ne!(alive.sync, suspect.sync);
        assert_eq!((alive.dead, suspect.dead), (0, 0));
        assert_ne!(failed.view_id, alive.view_id);
        assert_ne!(failed.dead, 0);
    }

    #[test]
    fn every_part_of_a_version_counts() {
        let life = |generation, instance| Life {
            generation,
            instance: Instance::from_u64(instance).unwrap(),
        };
        let of = |name: &str, life, incarnation, status, counter| {
            let mut table = table();
            let said = update(name, Version::new(life, incarnation, status), counter);
            table.merge(Time::ZERO, &said, Grace::Closed);
            table.summary()
        };
        let base = of("a", life(2, 2), 1, Status::Alive, 1);
        for other in [
            of("b", life(2, 2), 1, Status::Alive, 1),
            of("a", life(3, 2), 1, Status::Alive, 1),
            of("a", life(2, 3), 1, Status::Alive, 1),
            of("a", life(2, 2), 2, Status::Alive, 1),
            of("a", life(2, 2), 1, Status::Suspect, 1),
            of("a", life(2, 2), 1, Status::Alive, 2),
        ] {
            assert_ne!(base.sync, other.sync);
        }
        assert_eq!(base.view_id, of("a", life(2, 2), 2, Status::Suspect, 1).view_id);
    }
}
