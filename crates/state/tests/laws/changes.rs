//! What a change of a record is called, and who must be answered.

use headcount_state::{Change, ChangeKind, Grace, Outcome, Status, Table, Update};

use crate::fixture::{NOW, bare, held, id, life, merge, table, whole};

fn changed(kind: ChangeKind) -> Outcome {
    Outcome::Changed(Change { id: id("a"), kind })
}

/// A table that holds the member `a` at this claim.
fn holding(status: Status) -> Table {
    let mut table = table();
    merge(&mut table, &whole("a", life(2, 2), 1, Status::Alive));
    merge(&mut table, &bare("a", life(2, 2), 1, status));
    table
}

#[test]
fn each_change_has_its_name() {
    let same = |incarnation, status| whole("a", life(2, 2), incarnation, status);
    let next = |instance| whole("a", life(3, instance), 0, Status::Alive);
    for (before, heard, kind) in [
        (Status::Alive, same(1, Status::Suspect), ChangeKind::Suspected),
        (Status::Alive, same(1, Status::Failed), ChangeKind::Failed),
        (Status::Alive, same(0, Status::Closed), ChangeKind::Failed),
        (Status::Alive, same(0, Status::Left), ChangeKind::Left),
        (Status::Alive, same(0, Status::Evicted), ChangeKind::Evicted),
        (Status::Alive, same(2, Status::Alive), ChangeKind::Renewed),
        (Status::Alive, next(2), ChangeKind::Renewed),
        (Status::Alive, next(3), ChangeKind::Restarted),
        (Status::Suspect, same(2, Status::Alive), ChangeKind::Refuted),
        (Status::Suspect, same(2, Status::Suspect), ChangeKind::Suspected),
        (Status::Suspect, next(3), ChangeKind::Restarted),
        (Status::Failed, next(2), ChangeKind::Recovered),
        (Status::Failed, same(2, Status::Alive), ChangeKind::Recovered),
        (Status::Failed, next(3), ChangeKind::Restarted),
        (Status::Failed, same(0, Status::Left), ChangeKind::Settled),
        (Status::Left, next(3), ChangeKind::Joined),
        (Status::Left, same(0, Status::Evicted), ChangeKind::Settled),
        (Status::Evicted, next(2), ChangeKind::Joined),
    ] {
        let mut table = holding(before);
        assert_eq!(merge(&mut table, &heard), changed(kind), "{before}, then {heard:?}");
        assert_eq!(held(&table, "a"), Some(heard.claim.version));
    }
}

#[test]
fn a_live_stranger_joins() {
    let joined = merge(&mut table(), &whole("a", life(1, 1), 0, Status::Alive));
    assert_eq!(joined, changed(ChangeKind::Joined));
}

#[test]
fn the_process_that_was_forgotten_as_failed_recovers_and_another_one_joins() {
    for (instance, kind) in [(2, ChangeKind::Recovered), (3, ChangeKind::Joined)] {
        let mut table = table();
        merge(&mut table, &bare("a", life(2, 2), 0, Status::Failed));
        let back = whole("a", life(3, instance), 0, Status::Alive);
        assert_eq!(merge(&mut table, &back), changed(kind));
    }
}

#[test]
fn the_same_claim_again_is_known() {
    for status in Status::ALL {
        let mut table = holding(status);
        assert_eq!(merge(&mut table, &whole("a", life(2, 2), 1, status)), Outcome::Known);
    }
}

#[test]
fn who_tells_less_is_answered_with_what_is_held() {
    for status in Status::ALL {
        let mut table = holding(status);
        let stale = merge(&mut table, &whole("a", life(2, 2), 0, Status::Alive));
        assert_eq!(stale, Outcome::Answer, "a live claim below {status}");
        let answer = table.answer(id("a"), NOW).unwrap();
        assert_eq!(Some(answer.claim.version), held(&table, "a"));
        assert!(answer.attributes.is_some());
    }
}

#[test]
fn a_smaller_dead_claim_is_answered_by_a_dead_one_and_passed_over_by_a_live_one() {
    let old = bare("a", life(1, 1), 0, Status::Failed);
    assert_eq!(merge(&mut holding(Status::Alive), &old), Outcome::Outdated);
    assert_eq!(merge(&mut holding(Status::Suspect), &old), Outcome::Outdated);
    assert_eq!(merge(&mut holding(Status::Failed), &old), Outcome::Answer);
    assert_eq!(merge(&mut holding(Status::Left), &old), Outcome::Answer);
}

#[test]
fn a_stranger_that_is_held_by_the_grave_is_answered_from_it() {
    let mut table = table();
    merge(&mut table, &bare("a", life(2, 2), 0, Status::Left));
    let refused = merge(&mut table, &whole("a", life(2, 2), 5, Status::Alive));
    assert_eq!(refused, Outcome::Answer);
    let answer = table.answer(id("a"), NOW).unwrap();
    assert_eq!(answer.claim.version, bare("a", life(2, 2), 0, Status::Closed).claim.version);
    assert_eq!(answer.attributes, None);
}

#[test]
fn a_dead_claim_about_a_stranger_sinks() {
    for status in [Status::Failed, Status::Closed, Status::Left, Status::Evicted] {
        let mut table = table();
        let dead = whole("a", life(2, 2), 1, status);
        assert_eq!(merge(&mut table, &dead), Outcome::Buried);
        assert_eq!(table.len(), 1, "no record, so nothing is retold");
        let grave = table.hold(id("a")).unwrap().version;
        let kept =
            if status == Status::Failed { dead } else { bare("a", life(2, 2), 0, Status::Closed) };
        assert_eq!(grave, kept.claim.version);
    }
}

#[test]
fn a_refuted_failure_of_a_stranger_is_no_obstacle() {
    let mut table = table();
    merge(&mut table, &bare("a", life(2, 2), 1, Status::Failed));
    let alive = |incarnation| whole("a", life(2, 2), incarnation, Status::Alive);
    assert_eq!(merge(&mut table, &alive(1)), Outcome::Answer);
    assert_eq!(merge(&mut table, &alive(2)), changed(ChangeKind::Recovered));
}

#[test]
fn while_grace_is_open_a_failure_is_checked_and_changes_nothing() {
    for status in [Status::Failed, Status::Closed] {
        let mut table = holding(Status::Alive);
        let before = table.summary();
        let dead = bare("a", life(2, 2), 1, status);
        assert_eq!(table.merge(NOW, &dead, Grace::Open).outcome, Outcome::Check);
        assert_eq!(table.summary(), before);
        let stands = table.merge(NOW, &dead, Grace::Closed).outcome;
        assert_eq!(stands, changed(ChangeKind::Failed));
    }
}

#[test]
fn grace_holds_up_neither_goodbyes_nor_evictions_nor_verdicts_on_the_dead() {
    let update = |status| bare("a", life(2, 2), 0, status);
    let open = |table: &mut Table, update: &Update| table.merge(NOW, update, Grace::Open).outcome;
    let left = open(&mut holding(Status::Alive), &update(Status::Left));
    assert_eq!(left, changed(ChangeKind::Left));
    let evicted = open(&mut holding(Status::Alive), &update(Status::Evicted));
    assert_eq!(evicted, changed(ChangeKind::Evicted));
    let settled = open(&mut holding(Status::Failed), &update(Status::Closed));
    assert_eq!(settled, changed(ChangeKind::Settled));
}
