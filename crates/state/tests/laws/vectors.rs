//! Version vectors are the tables' own lattice, component by component.

use std::collections::BTreeSet;

use headcount_state::{Status, Table, Update, VectorOrder, VersionVector};
use proptest::prelude::*;

use crate::fixture::{OTHERS, attributes, id, life, live_updates, merge, table, whole};

fn after(updates: &[Update]) -> Table {
    let mut table = table();
    for update in updates {
        merge(&mut table, update);
    }
    table
}

fn newer(a: &VersionVector, b: &VersionVector) -> BTreeSet<u64> {
    a.newer_than(b).map(|id| id.as_u64()).collect()
}

proptest! {
    #[test]
    fn the_vector_of_a_merge_is_the_join_of_the_vectors(
        here in live_updates(), there in live_updates(),
    ) {
        let (a, b) = (after(&here).version_vector(), after(&there).version_vector());
        let both = after(&[here, there].concat()).version_vector();
        for name in OTHERS {
            let (a, b) = (a.get(id(name)), b.get(id(name)));
            let claim = a.map(|v| v.0).max(b.map(|v| v.0));
            let attributes = a.map(|v| v.1).max(b.map(|v| v.1));
            prop_assert_eq!(both.get(id(name)), claim.zip(attributes));
        }
    }

    #[test]
    fn comparing_agrees_with_what_is_newer(here in live_updates(), there in live_updates()) {
        let (a, b) = (after(&here).version_vector(), after(&there).version_vector());
        let expected = match (newer(&a, &b).is_empty(), newer(&b, &a).is_empty()) {
            (true, true) => VectorOrder::Equal,
            (true, false) => VectorOrder::Before,
            (false, true) => VectorOrder::After,
            (false, false) => VectorOrder::Concurrent,
        };
        prop_assert_eq!(a.compare(&b), expected);
        prop_assert_eq!(a.compare(&b) == VectorOrder::Equal, a == b);
        prop_assert_eq!(a.compare(&a), VectorOrder::Equal);
    }

    #[test]
    fn a_merge_is_never_before_its_parts(here in live_updates(), there in live_updates()) {
        let part = after(&here).version_vector();
        let both = after(&[here, there].concat()).version_vector();
        prop_assert!(matches!(part.compare(&both), VectorOrder::Equal | VectorOrder::Before));
        prop_assert!(newer(&part, &both).is_empty());
    }
}

#[test]
fn newer_claims_newer_attributes_and_unknown_members_are_newer() {
    let base = whole("a", life(1, 1), 0, Status::Alive);
    let suspected = whole("a", life(1, 1), 0, Status::Suspect);
    let mut told_more = whole("a", life(1, 1), 0, Status::Alive);
    told_more.attributes = Some(attributes("a", life(1, 1), 1).into());
    let stranger = whole("b", life(1, 1), 0, Status::Alive);

    let held = after(std::slice::from_ref(&base)).version_vector();
    for (extra, of) in [(suspected, "a"), (told_more, "a"), (stranger, "b")] {
        let more = after(&[base.clone(), extra]).version_vector();
        assert_eq!(more.newer_than(&held).collect::<Vec<_>>(), [id(of)]);
        assert_eq!(more.compare(&held), VectorOrder::After);
        assert_eq!(held.compare(&more), VectorOrder::Before);
    }
}

#[test]
fn vectors_that_each_know_more_are_concurrent() {
    let a = after(&[whole("a", life(1, 1), 0, Status::Alive)]).version_vector();
    let b = after(&[whole("b", life(1, 1), 0, Status::Alive)]).version_vector();
    assert_eq!(a.compare(&b), VectorOrder::Concurrent);
    assert_eq!(a.len(), 2, "the owner and one more");
    assert!(!a.is_empty());
    assert!(VersionVector::default().is_empty());
}

#[test]
fn the_live_vector_leaves_out_the_dead() {
    let alive = whole("a", life(1, 1), 0, Status::Alive);
    let failed = whole("a", life(1, 1), 0, Status::Failed);
    let table = after(&[alive, failed]);
    assert_eq!(table.version_vector().len(), 2);
    assert_eq!(table.live_version_vector().len(), 1);
}
