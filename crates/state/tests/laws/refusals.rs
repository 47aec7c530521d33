//! What is refused, at which bound exactly.

use headcount_state::{Limits, MAX_GENERATION, MAX_GENERATION_STEP, Outcome, Refusal, Status};

use crate::fixture::{
    attributes, bare, held, id, life, limited, merge, table, whole, with_attributes,
};

#[test]
fn a_generation_beyond_the_largest_is_refused() {
    let at = |generation| merge(&mut table(), &whole("a", life(generation, 1), 0, Status::Alive));
    assert!(matches!(at(MAX_GENERATION), Outcome::Changed(_)));
    assert_eq!(at(MAX_GENERATION + 1), Outcome::Refused(Refusal::Generation));
}

#[test]
fn a_generation_step_beyond_the_largest_is_refused() {
    for status in [Status::Alive, Status::Failed] {
        let mut table = table();
        merge(&mut table, &whole("a", life(7, 1), 0, status));
        let far = whole("a", life(7 + MAX_GENERATION_STEP + 1, 1), 0, Status::Alive);
        assert_eq!(merge(&mut table, &far), Outcome::Refused(Refusal::GenerationStep));
        let near = whole("a", life(7 + MAX_GENERATION_STEP, 1), 0, Status::Alive);
        assert!(matches!(merge(&mut table, &near), Outcome::Changed(_)));
    }
}

#[test]
fn the_owner_does_not_climb_after_a_forged_generation() {
    let mut table = table();
    let forged = bare("me", life(10 + MAX_GENERATION_STEP + 1, 9), 0, Status::Failed);
    assert_eq!(merge(&mut table, &forged), Outcome::Refused(Refusal::GenerationStep));
    assert_eq!(table.own_life(), life(10, 5));
}

#[test]
fn attributes_of_a_later_life_or_of_another_name_are_refused() {
    for said in [attributes("a", life(2, 1), 0), attributes("a", life(1, 2), 0)] {
        let update = with_attributes(bare("a", life(1, 1), 0, Status::Alive), said);
        assert_eq!(merge(&mut table(), &update), Outcome::Refused(Refusal::Attributes));
    }
    let other = attributes("b", life(1, 1), 0);
    let update = with_attributes(bare("a", life(1, 1), 0, Status::Alive), other);
    assert_eq!(merge(&mut table(), &update), Outcome::Refused(Refusal::Attributes));
}

#[test]
fn a_live_stranger_without_attributes_needs_them() {
    let mut table = table();
    let claim = bare("a", life(1, 1), 0, Status::Alive);
    assert_eq!(merge(&mut table, &claim), Outcome::NeedsAttributes);
    assert_eq!(table.len(), 1);
}

#[test]
fn a_new_process_of_a_known_name_needs_attributes_and_a_new_life_of_the_same_one_does_not() {
    let mut table = table();
    merge(&mut table, &whole("a", life(1, 1), 0, Status::Alive));
    let other = bare("a", life(2, 2), 0, Status::Alive);
    assert_eq!(merge(&mut table, &other), Outcome::NeedsAttributes);
    assert_eq!(held(&table, "a").map(|v| v.life()), Some(life(1, 1)));
    let same = bare("a", life(2, 1), 0, Status::Alive);
    assert!(matches!(merge(&mut table, &same), Outcome::Changed(_)));
}

#[test]
fn a_full_table_refuses_strangers_and_serves_members() {
    let mut table = limited(Limits { records: 2, ..Limits::default() });
    merge(&mut table, &whole("a", life(1, 1), 0, Status::Alive));
    let stranger = whole("b", life(1, 1), 0, Status::Alive);
    assert_eq!(merge(&mut table, &stranger), Outcome::Refused(Refusal::Full));
    assert_eq!(table.get(id("b")), None);
    let member = whole("a", life(1, 1), 1, Status::Alive);
    assert!(matches!(merge(&mut table, &member), Outcome::Changed(_)));
}

#[test]
fn a_full_table_refuses_the_forgotten_too_but_answers_what_is_behind() {
    let mut table = limited(Limits { records: 1, ..Limits::default() });
    merge(&mut table, &bare("a", life(2, 1), 0, Status::Left));
    let returned = whole("a", life(3, 1), 0, Status::Alive);
    assert_eq!(merge(&mut table, &returned), Outcome::Refused(Refusal::Full));
    assert_eq!(table.len(), 1);
    let behind = whole("a", life(2, 1), 0, Status::Alive);
    assert_eq!(merge(&mut table, &behind), Outcome::Answer);
}
