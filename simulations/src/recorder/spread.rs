//! How changes of attributes spread: when each node held them, and how often they were sent.

use std::collections::BTreeMap;

use headcount_state::{AttributesVersion, MemberId, Time, Update};
use headcount_swim::Engine;

/// One change of one member's attributes, on its way to everybody.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// When it was made.
    pub(crate) at: Time,
    /// In how many updates it was sent, over all datagrams and frames, whatever became of them.
    pub(crate) copies: u64,
    member: MemberId,
    version: AttributesVersion,
    /// When each node held it, or something newer of the member; by node.
    known: Vec<Option<Time>>,
}

impl Change {
    /// How many seconds after the change each node held it that did, in ascending order.
    pub(crate) fn delays_s(&self) -> Vec<f64> {
        let known = self.known.iter().flatten();
        let mut delays: Vec<f64> = known.map(|at| at.since(self.at).as_secs_f64()).collect();
        delays.sort_by(f64::total_cmp);
        delays
    }
}

/// All changes since somebody began to watch.
#[derive(Debug, Default)]
pub(super) struct Spread {
    changes: Vec<Change>,
    /// The numbers of the changes of each member, oldest first.
    of: BTreeMap<MemberId, Vec<usize>>,
    /// So many changes from the first on are held by everybody.
    settled: usize,
}

impl Spread {
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(super) fn changed(&mut self, at: Time, member: MemberId, version: AttributesVersion) {
        self.of.entry(member).or_default().push(self.changes.len());
        self.changes.push(Change { at, copies: 0, member, version, known: Vec::new() });
    }

    /// `node` holds these attributes of `member` now, and so all that came before.
    pub(super) fn holds(
        &mut self,
        at: Time,
        node: usize,
        member: MemberId,
        version: AttributesVersion,
    ) {
        for number in self.of.get(&member).into_iter().flatten().rev() {
            let Change { version: changed, known, .. } = &mut self.changes[*number];
            if *changed > version {
                continue;
            }
            if known.len() <= node {
                known.resize(node + 1, None);
            }
            if known[node].is_some() {
                return;
            }
            known[node] = Some(at);
        }
    }

    /// An update was sent.
    pub(super) fn sent(&mut self, update: &Update) {
        let Some(attributes) = &update.attributes else { return };
        for number in self.of.get(&update.claim.id).into_iter().flatten().rev() {
            let change = &mut self.changes[*number];
            if change.version == attributes.version {
                change.copies += 1;
                return;
            }
        }
    }

    /// Looks into the tables of all nodes, by node, for changes that they are not known to hold.
    pub(super) fn look(&mut self, at: Time, engines: &[Option<&Engine>]) {
        let running = engines.iter().flatten().count();
        for number in self.settled..self.changes.len() {
            let Change { member, version, known, .. } = &mut self.changes[number];
            known.resize(known.len().max(engines.len()), None);
            let lacking = known.iter_mut().zip(engines).filter(|(known, _)| known.is_none());
            for (known, engine) in lacking {
                let held = engine.and_then(|engine| engine.table().get(*member));
                let holds = held.is_some_and(|record| record.attributes.version >= *version);
                *known = holds.then_some(at);
            }
            let all = known.iter().flatten().count() >= running;
            self.settled += usize::from(all && number == self.settled);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use headcount_state::{Attributes, Claim, Name, ProtocolRange, Serving, Status, Tags, Version};

    use super::*;
    use crate::truth::fixture::{at, life};

    fn version(counter: u32) -> AttributesVersion {
        AttributesVersion { life: life(1), counter }
    }

    fn update(counter: u32) -> Update {
        let attributes = Attributes {
            version: version(counter),
            name: Name::new("n1").unwrap(),
            address: ([10, 0, 0, 1], 7_946).into(),
            serving: Serving::Serving,
            zone: String::new(),
            tags: Tags::new(),
            protocol: ProtocolRange { min: 1, max: 1 },
            out_of_reach: Vec::new(),
        };
        let version = Version::new(life(1), 0, Status::Alive);
        let claim = Claim { id: attributes.name.id(), version, over: None };
        Update { attributes: Some(Arc::new(attributes)), ..Update::claim(claim) }
    }

    #[test]
    fn who_holds_a_newer_change_holds_the_older_one_too() {
        let mut spread = Spread::default();
        let member = update(1).claim.id;
        spread.changed(at(10), member, version(1));
        spread.changed(at(20), member, version(2));
        spread.holds(at(11), 0, member, version(1));
        spread.holds(at(22), 0, member, version(2));
        spread.holds(at(23), 3, member, version(2));
        spread.holds(at(24), 3, member, version(2));
        let delays: Vec<Vec<f64>> = spread.changes().iter().map(Change::delays_s).collect();
        assert_eq!(delays, [vec![1.0, 13.0], vec![2.0, 3.0]]);
    }

    #[test]
    fn only_updates_with_the_very_version_are_copies_of_a_change() {
        let mut spread = Spread::default();
        let member = update(1).claim.id;
        spread.changed(at(10), member, version(1));
        spread.changed(at(20), member, version(2));
        let bare = Update { attributes: None, ..update(2) };
        for update in [update(0), update(1), update(2), update(2), bare] {
            spread.sent(&update);
        }
        let copies: Vec<u64> = spread.changes().iter().map(|change| change.copies).collect();
        assert_eq!(copies, [1, 2]);
    }
}
