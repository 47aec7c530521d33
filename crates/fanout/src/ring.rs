//! Who watches whom: the ring of the live members in the order of their ids.
//!
//! ```text
//!            observers of x                 subjects of x
//!   .. o3 ── o2 ── o1 ──────────── x ────────── s1 ── s2 ── s3 ..
//!                                  slot 0 of x: s1,  slot 1: s2, ..
//! ```
//! Ids are hashes of names, so neighbours on the ring are members chosen at random. Each member is
//! watched by the K before it and watches the K after it: all are distinct, everyone has the same
//! work, and in a cluster of at most K + 1 everyone watches everyone. The ring is the order that the
//! table keeps anyway, so it takes no memory and no work when members come and go; a walk visits K
//! members.

use headcount_state::{MemberId, Table};

/// The ring of the live members of a table: the same on every node that holds the same view.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'a> {
    table: &'a Table,
    observers: usize,
}

impl<'a> Ring<'a> {
    /// The ring of the live members of `table`, each with so many observers.
    pub fn new(table: &'a Table, observers: usize) -> Ring<'a> {
        Ring { table, observers }
    }

    /// Whom `member` watches, the nearest first.
    pub fn subjects(&self, member: MemberId) -> impl Iterator<Item = MemberId> + use<'a> {
        self.table.live_after(member).take(self.observers)
    }

    /// Whom `member` watches while some of its subjects are in doubt: these, and as many others
    /// as it watches otherwise, at most `most` together.
    pub fn subjects_beyond(
        &self,
        member: MemberId,
        most: usize,
        doubted: impl Fn(MemberId) -> bool,
    ) -> Vec<MemberId> {
        let mut sound = 0;
        let until = |id: &MemberId| {
            let enough = sound == self.observers;
            sound += usize::from(!doubted(*id));
            !enough
        };
        self.table.live_after(member).take(most).take_while(until).collect()
    }

    /// Who watches `member` and is not in doubt, the nearest first; at most as many as watch it
    /// otherwise, from the nearest `most`.
    pub fn observers(
        &self,
        member: MemberId,
        most: usize,
        doubted: impl Fn(MemberId) -> bool,
    ) -> Vec<MemberId> {
        let before = self.table.live_before(member).take(most);
        before.filter(|id| !doubted(*id)).take(self.observers).collect()
    }

    /// Whether `observer` is one of the nearest `most` before `member`.
    pub fn is_near(&self, member: MemberId, most: usize, observer: MemberId) -> bool {
        self.table.live_before(member).take(most).any(|id| id == observer)
    }
}

/// Whose turn it is among the subjects of a member in this period; none where there are none.
pub fn whose_turn(subjects: &[MemberId], period: i64) -> Option<MemberId> {
    let slot = period.checked_rem_euclid(subjects.len() as i64)?;
    subjects.get(slot as usize).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use headcount_state::{
        Attributes, AttributesVersion, Claim, Grace, Instance, Life, Limits, Name, ProtocolRange,
        Serving, Status, Tags, Time, Update, Version,
    };
    use proptest::prelude::*;

    use super::*;

    fn attributes(number: u64) -> Attributes {
        let life = Life { generation: 1, instance: Instance::from_u64(1).unwrap() };
        Attributes {
            version: AttributesVersion { life, counter: 0 },
            name: Name::new(&format!("n{number}")).unwrap(),
            address: ([127, 0, 0, 1], 7_000).into(),
            serving: Serving::Serving,
            zone: String::new(),
            tags: Tags::new(),
            protocol: ProtocolRange { min: 1, max: 1 },
            out_of_reach: Vec::new(),
        }
    }

    /// The table of `n0` with the members `n1..count`, of which those in `dead` have failed.
    fn table(count: u64, dead: &[u64]) -> Table {
        let mut table = Table::new(attributes(0), Limits::default(), Time::ZERO);
        for number in 1..count {
            let said = Arc::new(attributes(number));
            let version = Version::new(said.version.life, 0, Status::Alive);
            let claim = Claim { id: said.name.id(), version, over: None };
            let update = Update { attributes: Some(said), ..Update::claim(claim) };
            table.merge(Time::ZERO, &update, Grace::Closed);
            if dead.contains(&number) {
                let failed = Update::claim(claim.with_status(Status::Failed));
                table.merge(Time::ZERO, &failed, Grace::Closed);
            }
        }
        table
    }

    fn live(table: &Table) -> Vec<MemberId> {
        table.live().map(|record| record.id()).collect()
    }

    proptest! {
        #[test]
        fn everyone_is_watched_by_as_many_as_it_watches_and_never_by_itself(
            count in 1..40u64,
            dead in prop::collection::vec(1..40u64, 0..10),
            observers in 1..9usize,
        ) {
            let table = table(count, &dead);
            let ring = Ring::new(&table, observers);
            let members = live(&table);
            let width = observers.min(members.len() - 1);
            let mut watchers: BTreeMap<MemberId, Vec<MemberId>> = BTreeMap::new();
            for observer in &members {
                let subjects: Vec<MemberId> = ring.subjects(*observer).collect();
                prop_assert_eq!(subjects.len(), width);
                for subject in subjects {
                    prop_assert!(subject != *observer && members.contains(&subject));
                    watchers.entry(subject).or_default().push(*observer);
                }
            }
            for member in &members {
                let mut expected = ring.observers(*member, usize::MAX, |_| false);
                let mut found = watchers.remove(member).unwrap_or_default();
                expected.sort();
                found.sort();
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(found.len(), width);
            }
        }

        #[test]
        fn in_every_period_each_member_is_the_subject_of_exactly_one(
            count in 2..40u64,
            period: i64,
        ) {
            let table = table(count, &[]);
            let ring = Ring::new(&table, 8);
            let members = live(&table);
            let at = |member: &MemberId| {
                let subjects: Vec<MemberId> = ring.subjects(*member).collect();
                whose_turn(&subjects, period)
            };
            let mut subjects: Vec<MemberId> = members.iter().filter_map(at).collect();
            subjects.sort();
            prop_assert_eq!(subjects, members);
        }
    }

    #[test]
    fn who_is_in_doubt_is_watched_on_and_others_are_watched_besides() {
        let table = table(30, &[]);
        let ring = Ring::new(&table, 4);
        let own = table.own_id();
        let round: Vec<MemberId> = table.live_after(own).collect();
        let doubted = [round[0], round[2], round[5]];
        let watched = ring.subjects_beyond(own, 20, |id| doubted.contains(&id));
        assert_eq!(watched, round[..7]);
        assert_eq!(ring.subjects_beyond(own, 5, |_| true), round[..5]);
        let subject = round[9];
        let observers = ring.observers(subject, 20, |id| doubted.contains(&id));
        assert_eq!(observers, [round[8], round[7], round[6], round[4]]);
        assert!(ring.is_near(subject, 5, round[4]) && !ring.is_near(subject, 4, round[4]));
        assert!(!ring.is_near(subject, 29, subject));
    }

    #[test]
    fn a_lone_member_watches_nobody() {
        let table = table(1, &[]);
        let ring = Ring::new(&table, 8);
        assert_eq!(ring.subjects(table.own_id()).count(), 0);
        assert_eq!(whose_turn(&[], 3), None);
    }
}
