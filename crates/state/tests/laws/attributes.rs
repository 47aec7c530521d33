//! Claim and attributes are two lattices: neither stands for the other.

use headcount_state::{
    Attributes, AttributesError, Change, ChangeKind, Grace, MemberId, Outcome, OwnAttributes,
    Serving, Status, Tags,
};

use crate::fixture::{
    NOW, address, attributes, bare, held, id, life, merge, table, whole, with_attributes,
};

#[test]
fn an_attribute_change_does_not_refute_a_suspicion() {
    let mut table = table();
    merge(&mut table, &whole("a", life(1, 1), 0, Status::Alive));
    merge(&mut table, &bare("a", life(1, 1), 0, Status::Suspect));
    let news = whole("a", life(1, 1), 0, Status::Alive);
    let merged =
        table.merge(NOW, &with_attributes(news, attributes("a", life(1, 1), 3)), Grace::Closed);

    assert!(merged.attributes_changed);
    assert_eq!(merged.outcome, Outcome::Answer, "the teller must hear of the suspicion");
    let record = table.get(id("a")).unwrap();
    assert_eq!(record.claim.status(), Status::Suspect);
    assert_eq!(record.attributes.version.counter, 3);
}

#[test]
fn a_suspicion_does_not_hide_an_attribute_change() {
    let mut table = table();
    merge(&mut table, &whole("a", life(1, 1), 0, Status::Alive));
    let suspicion = bare("a", life(1, 1), 0, Status::Suspect);
    let update = with_attributes(suspicion, attributes("a", life(1, 1), 1));
    let merged = table.merge(NOW, &update, Grace::Closed);

    assert!(merged.attributes_changed);
    let change = Change { id: id("a"), kind: ChangeKind::Suspected };
    assert_eq!(merged.outcome, Outcome::Changed(change));
    assert_eq!(table.get(id("a")).unwrap().attributes.version.counter, 1);
}

#[test]
fn a_refutation_with_old_attributes_keeps_the_new_ones() {
    let mut table = table();
    let newer = bare("a", life(1, 1), 0, Status::Suspect);
    merge(&mut table, &with_attributes(newer, attributes("a", life(1, 1), 2)));
    merge(&mut table, &whole("a", life(1, 1), 1, Status::Alive));
    let record = table.get(id("a")).unwrap();
    assert_eq!(record.claim.version.incarnation(), 1);
    assert_eq!(record.attributes.version.counter, 2);
}

#[test]
fn equal_and_older_attributes_change_nothing() {
    let mut table = table();
    let update = |counter| {
        let claim = bare("a", life(1, 1), 0, Status::Alive);
        with_attributes(claim, attributes("a", life(1, 1), counter))
    };
    merge(&mut table, &update(1));
    for counter in [0, 1] {
        assert!(!table.merge(NOW, &update(counter), Grace::Closed).attributes_changed);
    }
    assert!(table.merge(NOW, &update(2), Grace::Closed).attributes_changed);
}

#[test]
fn a_live_record_keeps_to_the_attributes_of_its_own_process() {
    let mut table = table();
    let earlier = attributes("a", life(6, 1), 0);
    let mut winner = bare("a", life(8, 1), 0, Status::Alive);
    winner.attributes = Some(earlier.into());
    merge(&mut table, &winner);
    // A smaller life of another process, whose attributes would compare as newer.
    let rival = whole("a", life(7, 2), 0, Status::Alive);
    assert!(!table.merge(NOW, &rival, Grace::Closed).attributes_changed);
    assert_eq!(table.get(id("a")).unwrap().attributes.version.life, life(6, 1));
}

#[test]
fn attributes_of_another_process_do_not_keep_a_live_claim_out() {
    let mut table = table();
    merge(&mut table, &whole("a", life(7, 2), 0, Status::Alive));
    let mut winner = bare("a", life(8, 1), 0, Status::Alive);
    winner.attributes = Some(attributes("a", life(6, 1), 0).into());
    let restarted = Change { id: id("a"), kind: ChangeKind::Restarted };
    assert_eq!(merge(&mut table, &winner), Outcome::Changed(restarted));
    assert_eq!(table.get(id("a")).unwrap().attributes.version.life, life(6, 1));
}

#[test]
fn attributes_of_a_life_that_is_still_being_checked_are_not_taken() {
    let mut table = table();
    merge(&mut table, &whole("a", life(6, 1), 0, Status::Alive));
    let later = whole("a", life(7, 1), 0, Status::Failed);
    let merged = table.merge(NOW, &later, Grace::Open);
    assert_eq!((merged.outcome, merged.attributes_changed), (Outcome::Check, false));
    assert_eq!(table.get(id("a")).unwrap().attributes.version.life, life(6, 1));
}

#[test]
fn a_dead_claim_brings_its_attributes_along() {
    let mut table = table();
    merge(&mut table, &whole("a", life(6, 1), 0, Status::Alive));
    let failed = whole("a", life(7, 2), 0, Status::Failed);
    merge(&mut table, &failed);
    let vector = table.version_vector();
    assert_eq!(vector.get(id("a")).unwrap().1.life, life(7, 2));
    merge(&mut table, &failed);
    assert_eq!(table.version_vector(), vector, "hearing it again changes nothing");
}

#[test]
fn the_owner_changes_what_it_says_of_itself() {
    let mut table = table();
    let before = table.summary();
    let draining = OwnAttributes::Serving(Serving::Draining);
    assert_eq!(table.set_own(NOW, &draining), Ok(true));
    assert_eq!(table.set_own(NOW, &draining), Ok(false), "nothing new");
    let tags = Tags::from([("role".to_owned(), "api".to_owned())]);
    assert_eq!(table.set_own(NOW, &OwnAttributes::Tags(tags.clone())), Ok(true));

    let own = table.get(id("me")).unwrap();
    assert_eq!(own.attributes.version.counter, 2);
    assert_eq!((own.attributes.serving, &own.attributes.tags), (Serving::Draining, &tags));
    assert_eq!(held(&table, "me").map(|v| v.incarnation()), Some(0), "no refutation");
    assert_eq!(table.summary().view_id, before.view_id, "the members are the same");
    assert_ne!(table.summary().sync, before.sync);
    table.set_own(NOW, &OwnAttributes::Address(address(99))).unwrap();
    assert_ne!(table.summary().view_id, before.view_id, "one lives elsewhere");
}

#[test]
fn attributes_beyond_a_bound_are_not_set() {
    let mut table = table();
    let large = Tags::from([("key".to_owned(), "v".repeat(300))]);
    let refused = table.set_own(NOW, &OwnAttributes::Tags(large));
    assert_eq!(refused, Err(AttributesError::TagsTooLarge(303)));
    assert_eq!(table.own_attributes().version.counter, 0);
}

#[test]
fn members_out_of_reach_are_few_and_each_is_named_once() {
    let ids: Vec<MemberId> = (1..=9).filter_map(MemberId::from_u64).collect();
    let check = |out_of_reach: &[MemberId]| {
        let out_of_reach = out_of_reach.to_vec();
        Attributes { out_of_reach, ..attributes("a", life(1, 1), 0) }.check()
    };
    assert_eq!(check(&ids[..8]), Ok(()));
    assert_eq!(check(&ids), Err(AttributesError::OutOfReach(9)));
    for wrong in [[ids[0], ids[0]], [ids[1], ids[0]]] {
        assert_eq!(check(&wrong), Err(AttributesError::OutOfReachOrder));
    }
}
