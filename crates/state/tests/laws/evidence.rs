//! Evidence goes with its claim, as the accuser does, and is no part of what tables compare.

use std::time::Duration;

use headcount_state::{
    Evidence, Grace, Limits, MemberId, Outcome, OwnChange, Reason, Record, Status, Table, Update,
    Voters,
};
use proptest::prelude::*;

use crate::fixture::{
    NOW, any_update, attributes, bare, exchange, id, life, merge, table, whole, with_attributes,
};

/// Evidence that tells whose accusation it belongs to.
fn evidence_of(accuser: MemberId) -> Evidence {
    let word_age = Duration::from_millis(accuser.as_u64() % 5_000);
    Evidence { reason: Reason::Silent, word_age, voters: Voters::of([accuser]) }
}

fn accused(update: Update, accuser: &str) -> Update {
    let accuser = id(accuser);
    Update { accuser: Some(accuser), evidence: Some(evidence_of(accuser)), ..update }
}

fn evidence(table: &Table) -> Option<Evidence> {
    table.get(id("a")).and_then(|record| record.evidence)
}

/// A table that holds the member `a` suspect at incarnation 1, as `x` accused it.
fn suspecting() -> Table {
    let mut table = table();
    merge(&mut table, &whole("a", life(2, 2), 1, Status::Alive));
    merge(&mut table, &accused(bare("a", life(2, 2), 1, Status::Suspect), "x"));
    table
}

#[test]
fn the_first_evidence_for_a_version_is_kept_and_told_on() {
    let mut table = suspecting();
    assert_eq!(evidence(&table), Some(evidence_of(id("x"))));
    let again = accused(bare("a", life(2, 2), 1, Status::Suspect), "y");
    assert_eq!(merge(&mut table, &again), Outcome::Known);
    assert_eq!(evidence(&table), Some(evidence_of(id("x"))));

    let record = table.get(id("a")).unwrap();
    assert_eq!(record.update(NOW).evidence, record.evidence);
    assert_eq!(record.bare_update(NOW).evidence, record.evidence);
    assert_eq!(table.answer(id("a"), NOW).unwrap().evidence, record.evidence);
}

#[test]
fn a_larger_claim_brings_its_own_evidence_or_none() {
    let mut table = suspecting();
    merge(&mut table, &accused(bare("a", life(2, 2), 1, Status::Failed), "y"));
    assert_eq!(evidence(&table), Some(evidence_of(id("y"))));

    let mut table = suspecting();
    merge(&mut table, &bare("a", life(2, 2), 1, Status::Failed));
    assert_eq!(evidence(&table), None);

    for (incarnation, status) in [(2, Status::Alive), (0, Status::Left)] {
        let mut table = suspecting();
        merge(&mut table, &bare("a", life(2, 2), incarnation, status));
        assert_eq!(evidence(&table), None, "{status}");
    }
}

#[test]
fn evidence_without_an_accuser_is_kept() {
    let mut table = suspecting();
    let failed = accused(bare("a", life(2, 2), 1, Status::Failed), "y");
    merge(&mut table, &Update { accuser: None, ..failed });
    let record = table.get(id("a")).unwrap();
    assert_eq!((record.accuser, record.evidence), (None, Some(evidence_of(id("y")))));
}

#[test]
fn newer_attributes_leave_the_evidence_in_place() {
    let mut table = suspecting();
    let suspect = bare("a", life(2, 2), 1, Status::Suspect);
    let news = with_attributes(suspect, attributes("a", life(2, 2), 7));
    assert!(table.merge(NOW, &news, Grace::Closed).attributes_changed);
    assert_eq!(evidence(&table), Some(evidence_of(id("x"))));
}

#[test]
fn who_takes_over_a_table_takes_over_its_evidence() {
    let other = suspecting();
    let mut table = Table::new(attributes("new", life(1, 9), 0), Limits::default(), NOW);
    table.know_as(NOW, &other);
    assert_eq!(evidence(&table), Some(evidence_of(id("x"))));
}

#[test]
fn an_evicted_owner_keeps_the_evidence() {
    let mut table = table();
    let evicted = accused(bare("me", life(10, 5), 0, Status::Evicted), "x");
    assert_eq!(merge(&mut table, &evicted), Outcome::Own(OwnChange::Evicted));
    assert_eq!(table.get(id("me")).unwrap().evidence, Some(evidence_of(id("x"))));
}

#[test]
fn an_owner_that_refutes_an_accusation_carries_none() {
    let mut table = table();
    let suspect = accused(bare("me", life(10, 5), 0, Status::Suspect), "x");
    assert_eq!(merge(&mut table, &suspect), Outcome::Own(OwnChange::Refuted));
    assert_eq!(table.get(id("me")).unwrap().evidence, None);
}

#[test]
fn a_word_older_than_the_table_can_say_saturates() {
    let mut table = suspecting();
    let failed = accused(bare("a", life(2, 2), 1, Status::Failed), "y");
    let said = Evidence { word_age: Duration::MAX, ..evidence_of(id("y")) };
    merge(&mut table, &Update { evidence: Some(said), ..failed });
    let most = Duration::from_millis(u32::MAX.into());
    assert_eq!(evidence(&table).map(|evidence| evidence.word_age), Some(most));
}

proptest! {
    #[test]
    fn whatever_is_heard_the_evidence_held_is_that_of_the_accuser_held(
        told in prop::collection::vec((any_update(), prop::option::of(1..9_u64)), 0..24),
    ) {
        let (mut judged, mut plain) = (table(), table());
        for (update, accuser) in told {
            merge(&mut plain, &update);
            let accuser = accuser.and_then(MemberId::from_u64);
            let evidence = accuser.map(evidence_of);
            merge(&mut judged, &Update { accuser, evidence, ..update });
        }
        let fits = |record: Record<'_>| record.evidence == record.accuser.map(evidence_of);
        prop_assert!(judged.records().all(fits));
        prop_assert_eq!(judged.summary(), plain.summary());
        prop_assert_eq!(judged.version_vector(), plain.version_vector());
        exchange(&mut judged, &mut plain);
        prop_assert!(judged.records().all(fits));
    }
}
