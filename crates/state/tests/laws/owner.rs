//! What the owner of a table does when it hears of itself.

use std::time::Duration;

use headcount_state::{
    Grace, Instance, Life, Outcome, OwnChange, Standing, Status, Table, Update, Version,
};

use crate::fixture::{NOW, bare, claim, held, id, life, limited, merge, table, whole};

const ME: u64 = 5;

fn mine(table: &Table) -> Version {
    held(table, "me").unwrap()
}

fn own(generation: u64, incarnation: u32, status: Status) -> Update {
    bare("me", life(generation, ME), incarnation, status)
}

/// A live claim of another process of the name that knows of this one.
fn rival(generation: u64, instance: u64, over: u64) -> Update {
    let mut update = whole("me", life(generation, instance), 0, Status::Alive);
    update.claim.over = Instance::from_u64(over);
    update
}

fn alive(life: Life, incarnation: u32) -> Version {
    Version::new(life, incarnation, Status::Alive)
}

#[test]
fn suspect_is_refuted_by_a_higher_incarnation() {
    let mut table = table();
    let heard = merge(&mut table, &own(10, 3, Status::Suspect));
    assert_eq!(heard, Outcome::Own(OwnChange::Refuted));
    assert_eq!(mine(&table), alive(life(10, ME), 4));
    assert_eq!(merge(&mut table, &own(10, 3, Status::Suspect)), Outcome::Answer);
}

#[test]
fn failed_and_closed_are_refuted_by_a_higher_generation() {
    for status in [Status::Failed, Status::Closed] {
        let mut table = table();
        let heard = merge(&mut table, &own(10, 3, status));
        assert_eq!(heard, Outcome::Own(OwnChange::NewGeneration));
        assert_eq!(mine(&table), alive(life(11, ME), 0));
        assert_eq!(table.own_life(), life(11, ME));
        assert_eq!(table.get(id("me")).unwrap().attributes.version.life, life(11, ME));
    }
}

#[test]
fn an_incarnation_that_cannot_be_raised_takes_a_new_generation() {
    let mut table = table();
    let heard = merge(&mut table, &own(10, u32::MAX, Status::Suspect));
    assert_eq!(heard, Outcome::Own(OwnChange::NewGeneration));
    assert_eq!(mine(&table), alive(life(11, ME), 0));
}

#[test]
fn what_is_said_already_is_known_and_what_is_smaller_is_answered() {
    let mut table = table();
    assert_eq!(merge(&mut table, &own(10, 0, Status::Alive)), Outcome::Known);
    assert_eq!(merge(&mut table, &own(9, 7, Status::Left)), Outcome::Answer);
    let earlier_process = bare("me", life(10, 4), 7, Status::Evicted);
    assert_eq!(merge(&mut table, &earlier_process), Outcome::Answer);
    assert_eq!(mine(&table), alive(life(10, ME), 0));
}

#[test]
fn a_larger_life_is_climbed_over_with_proof_of_having_known_it() {
    for status in Status::ALL {
        let mut table = table();
        let heard = merge(&mut table, &bare("me", life(20, 9), 0, status));
        assert_eq!(heard, Outcome::Own(OwnChange::NewGeneration), "{status}");
        assert_eq!(mine(&table), alive(life(21, ME), 0));
        let over = table.get(id("me")).unwrap().claim.over;
        assert_eq!(over, Instance::from_u64(9));
    }
}

#[test]
fn the_same_generation_of_a_larger_instance_is_climbed_over() {
    let mut table = table();
    merge(&mut table, &whole("me", life(10, 9), 0, Status::Alive));
    assert_eq!(mine(&table), alive(life(11, ME), 0));
}

#[test]
fn the_owner_stands_aside_for_a_larger_instance_that_knows_of_it() {
    let mut table = table();
    let by = Instance::from_u64(9).unwrap();
    let heard = merge(&mut table, &rival(12, 9, ME));
    assert_eq!(heard, Outcome::Own(OwnChange::Displaced { by }));
    assert_eq!(table.standing(), Standing::Displaced { by });
    assert_eq!(mine(&table), alive(life(12, 9), 0), "the winner is the member");
}

#[test]
fn the_owner_yields_neither_to_the_smaller_nor_to_the_ignorant_nor_to_the_dead() {
    let dead =
        Update { claim: rival(12, 9, ME).claim.with_status(Status::Failed), ..rival(12, 9, ME) };
    for heard in [rival(12, 4, ME), rival(12, 9, 8), dead] {
        let mut table = table();
        assert_eq!(merge(&mut table, &heard), Outcome::Own(OwnChange::NewGeneration), "{heard:?}");
        assert_eq!(table.standing(), Standing::Member);
        assert_eq!(mine(&table), alive(life(13, ME), 0));
    }
}

#[test]
fn the_owner_stands_aside_only_when_it_knows_where_the_winner_is() {
    let mut table = table();
    let mut unknown = rival(12, 9, ME);
    unknown.attributes = None;
    assert_eq!(merge(&mut table, &unknown), Outcome::NeedsAttributes);
    unknown.attributes = Some(crate::fixture::attributes("me", life(11, 8), 0).into());
    assert_eq!(merge(&mut table, &unknown), Outcome::NeedsAttributes, "where a third one is");
    assert_eq!(table.standing(), Standing::Member);
}

#[test]
fn two_namesakes_settle_on_the_larger_instance() {
    let mut small = table();
    let mut large =
        Table::new(crate::fixture::attributes("me", life(10, 9), 0), Default::default(), NOW);
    for _ in 0..4 {
        for (from, to) in [(true, false), (false, true)] {
            let teller = if from { &small } else { &large };
            let told = teller.answer(id("me"), NOW).unwrap();
            merge(if to { &mut small } else { &mut large }, &told);
        }
    }
    assert_eq!(large.standing(), Standing::Member);
    assert!(matches!(small.standing(), Standing::Displaced { .. }));
    assert_eq!(mine(&small), mine(&large));
    assert!(large.own_life().generation <= 13, "settled after a few generations");
}

#[test]
fn the_loser_returns_over_the_winners_dead_body() {
    for status in [Status::Failed, Status::Closed, Status::Left, Status::Evicted] {
        let mut table = table();
        merge(&mut table, &rival(12, 9, ME));
        let dead = bare("me", life(12, 9), 0, status);
        assert_eq!(merge(&mut table, &dead), Outcome::Own(OwnChange::Returned), "{status}");
        assert_eq!(table.standing(), Standing::Member);
        assert_eq!(mine(&table), alive(life(13, ME), 0));
        assert_eq!(table.get(id("me")).unwrap().attributes.name.as_str(), "me");
        assert_eq!(table.get(id("me")).unwrap().attributes.version.life, life(13, ME));
    }
}

#[test]
fn the_loser_stays_aside_while_the_winner_is_suspected_or_checked() {
    let mut table = table();
    merge(&mut table, &rival(12, 9, ME));
    merge(&mut table, &bare("me", life(12, 9), 0, Status::Suspect));
    let failed = bare("me", life(12, 9), 0, Status::Failed);
    assert_eq!(table.merge(NOW, &failed, Grace::Open).outcome, Outcome::Check);
    assert!(matches!(table.standing(), Standing::Displaced { .. }));
}

#[test]
fn a_goodbye_is_said_once_and_never_refuted() {
    let mut table = table();
    table.leave(NOW);
    assert_eq!(table.standing(), Standing::Left);
    assert_eq!(mine(&table).status(), Status::Left);
    assert_eq!(table.live_len(), 0);
    assert_eq!(merge(&mut table, &own(10, 3, Status::Failed)), Outcome::Answer);
    assert_eq!(merge(&mut table, &own(10, 3, Status::Alive)), Outcome::Answer);
    assert_eq!(mine(&table).status(), Status::Left);
    table.expire(NOW + Duration::from_secs(100_000));
    assert_eq!(mine(&table).status(), Status::Left, "its own goodbye is not forgotten");
}

#[test]
fn after_the_goodbye_larger_claims_are_not_argued_with() {
    let mut table = table();
    table.leave(NOW);
    for larger in [own(10, 0, Status::Evicted), bare("me", life(11, 9), 0, Status::Failed)] {
        assert_eq!(merge(&mut table, &larger), Outcome::Outdated);
        assert_eq!(mine(&table).status(), Status::Left);
    }
}

#[test]
fn an_evicted_owner_stays_out_until_the_eviction_runs_out() {
    let ttl = Duration::from_secs(100);
    let limits = headcount_state::Limits { tombstone_ttl: ttl, ..Default::default() };
    let mut table = limited(limits);
    let heard = merge(&mut table, &own(10, 0, Status::Evicted));
    assert_eq!(heard, Outcome::Own(OwnChange::Evicted));
    assert_eq!(table.standing(), Standing::Evicted);
    assert_eq!((table.live_len(), mine(&table).status()), (0, Status::Evicted));
    assert_eq!(merge(&mut table, &own(10, 1, Status::Failed)), Outcome::Answer);
    table.leave(NOW);
    assert_eq!(table.standing(), Standing::Evicted, "it is no member that could leave");

    assert_eq!(table.expire(NOW + ttl / 2).own, None);
    let expired = table.expire(NOW + ttl);
    assert_eq!((expired.own, expired.forgotten), (Some(OwnChange::Returned), vec![]));
    assert_eq!(table.standing(), Standing::Member);
    assert_eq!(mine(&table), alive(life(11, ME), 0));
}

#[test]
fn an_evicted_owner_agrees_with_everybody_on_other_lives_of_its_name() {
    let mut table = table();
    merge(&mut table, &own(10, 0, Status::Evicted));
    let failed = bare("me", life(15, 9), 0, Status::Failed);
    assert!(matches!(merge(&mut table, &failed), Outcome::Changed(_)));
    assert_eq!(mine(&table), failed.claim.version);
    assert_eq!(table.standing(), Standing::Evicted);
    assert_eq!(table.occupancy().roster, 0, "nobody looks for itself");
    let expired = table.expire(NOW + Duration::from_secs(300));
    assert_eq!(expired.own, Some(OwnChange::Returned));
    assert_eq!(mine(&table), alive(life(16, ME), 0));

    let mut table = crate::fixture::table();
    merge(&mut table, &own(10, 0, Status::Evicted));
    merge(&mut table, &whole("me", life(15, 9), 0, Status::Alive));
    assert_eq!(mine(&table), alive(life(15, 9), 0), "another process took the name");
}

#[test]
fn the_owners_claim_is_about_itself() {
    let table = table();
    assert_eq!(table.get(id("me")).unwrap().claim, claim("me", life(10, ME), 0, Status::Alive));
    assert_eq!((table.own_id(), table.own_life()), (id("me"), life(10, ME)));
    assert_eq!((table.len(), table.live_len(), table.is_empty()), (1, 1, false));
}
