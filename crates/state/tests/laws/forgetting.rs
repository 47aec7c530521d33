//! How the dead are kept, told, forgotten and found again.

use std::time::Duration;

use headcount_state::{Grace, Limits, Outcome, Standing, Status, Table, Time};

use crate::fixture::{NOW, address, bare, held, id, life, limited, merge, table, whole};

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> Limits {
    Limits {
        tombstone_ttl: 100 * SECOND,
        grave_ttl: 1_000 * SECOND,
        roster_ttl: 2_000 * SECOND,
        ..Limits::default()
    }
}

/// A table that holds `a`, which ended like this at [`NOW`].
fn ended(status: Status) -> Table {
    let mut table = limited(limits());
    merge(&mut table, &whole("a", life(1, 1), 4, Status::Alive));
    merge(&mut table, &bare("a", life(1, 1), 4, status));
    table
}

fn expire(table: &mut Table, after: Duration) -> usize {
    table.expire(NOW + after).forgotten.len()
}

#[test]
fn a_tombstone_is_kept_for_its_time_and_then_forgotten() {
    let mut table = ended(Status::Failed);
    assert_eq!(table.next_expiry(), Some(NOW + 100 * SECOND));
    assert_eq!(expire(&mut table, 100 * SECOND - Duration::from_micros(1)), 0);
    assert_eq!(table.occupancy().tombstones, 1);
    let expired = table.expire(NOW + 100 * SECOND);
    assert_eq!(expired.forgotten, [id("a")]);
    assert_eq!(table.get(id("a")), None);
    assert_eq!((table.occupancy().tombstones, table.occupancy().graves), (0, 1));
}

#[test]
fn a_claim_that_was_long_under_way_is_still_told_for_half_of_the_time() {
    for (age, kept) in [(0, 100), (30, 70), (50, 50), (90, 50), (100_000, 50)] {
        let mut table = limited(limits());
        merge(&mut table, &whole("a", life(1, 1), 0, Status::Alive));
        let mut update = bare("a", life(1, 1), 0, Status::Failed);
        update.age = age * SECOND;
        merge(&mut table, &update);
        assert_eq!(table.next_expiry(), Some(NOW + kept * SECOND), "{age} s old");
    }
}

#[test]
fn the_age_of_a_claim_grows_while_it_is_held() {
    let table = ended(Status::Failed);
    let told = table.answer(id("a"), NOW + 7 * SECOND).unwrap();
    assert_eq!(told.age, 7 * SECOND);
}

#[test]
fn forgetting_closes_the_whole_generation() {
    let mut table = ended(Status::Failed);
    expire(&mut table, 100 * SECOND);
    let zombie = whole("a", life(1, 1), 1_000, Status::Alive);
    assert_eq!(merge(&mut table, &zombie), Outcome::Answer);
    let answer = table.answer(id("a"), NOW).unwrap();
    assert_eq!(answer.claim.status(), Status::Closed);
    let returned = whole("a", life(2, 1), 0, Status::Alive);
    assert!(matches!(merge(&mut table, &returned), Outcome::Changed(_)));
}

#[test]
fn a_grave_is_remembered_for_its_time() {
    let mut table = ended(Status::Left);
    expire(&mut table, 100 * SECOND);
    assert_eq!(table.next_expiry(), Some(NOW + 1_100 * SECOND));
    expire(&mut table, 1_099 * SECOND);
    assert!(table.hold(id("a")).is_some());
    expire(&mut table, 1_100 * SECOND);
    assert_eq!(table.hold(id("a")), None);
    assert_eq!(table.next_expiry(), None);
}

#[test]
fn a_smaller_burial_does_not_replace_a_larger_one() {
    let mut table = table();
    merge(&mut table, &bare("a", life(2, 1), 0, Status::Left));
    assert_eq!(merge(&mut table, &bare("a", life(1, 1), 0, Status::Left)), Outcome::Answer);
    assert_eq!(table.hold(id("a")).map(|claim| claim.life()), Some(life(2, 1)));
    assert_eq!(merge(&mut table, &bare("a", life(3, 1), 0, Status::Left)), Outcome::Buried);
    assert_eq!(table.hold(id("a")).map(|claim| claim.life()), Some(life(3, 1)));
}

#[test]
fn hearing_of_an_end_again_does_not_prolong_its_memory() {
    let mut table = limited(limits());
    let closed = bare("a", life(2, 1), 0, Status::Left);
    merge(&mut table, &closed);
    let due = table.next_expiry();
    let again = table.merge(NOW + 500 * SECOND, &closed, Grace::Closed).outcome;
    assert_eq!((again, table.next_expiry()), (Outcome::Buried, due));
}

#[test]
fn a_full_graveyard_drops_the_oldest() {
    let mut table = limited(Limits { graves: 2, ..limits() });
    for (second, of) in ["a", "b", "c"].into_iter().enumerate() {
        let now = NOW + u32::try_from(second).unwrap() * SECOND;
        table.merge(now, &bare(of, life(1, 1), 0, Status::Left), Grace::Closed);
    }
    assert_eq!(table.occupancy().graves, 2);
    assert_eq!(table.hold(id("a")), None);
    assert!(table.hold(id("b")).is_some() && table.hold(id("c")).is_some());
}

#[test]
fn failed_and_closed_members_stay_on_the_roster_and_departed_ones_do_not() {
    for (status, kept) in [
        (Status::Failed, true),
        (Status::Closed, true),
        (Status::Left, false),
        (Status::Evicted, false),
    ] {
        let mut table = ended(status);
        let picked = table.roster_pick(0).map(|(member, _)| member);
        assert_eq!(picked, kept.then_some(id("a")), "{status}");
        expire(&mut table, 100 * SECOND);
        assert_eq!(table.roster_pick(0).is_some(), kept, "beyond the tombstone");
        expire(&mut table, 2_000 * SECOND);
        assert_eq!(table.roster_pick(0), None, "not for ever");
    }
}

#[test]
fn who_returns_or_leaves_comes_off_the_roster() {
    let mut table = ended(Status::Failed);
    merge(&mut table, &whole("a", life(2, 1), 0, Status::Alive));
    assert_eq!(table.roster_pick(0), None);

    let mut table = ended(Status::Failed);
    expire(&mut table, 100 * SECOND);
    merge(&mut table, &bare("a", life(1, 2), 0, Status::Left));
    assert_eq!(table.roster_pick(0), None, "a goodbye heard after forgetting");
}

#[test]
fn a_full_roster_drops_the_oldest_and_picks_everybody_else() {
    let mut table = limited(Limits { roster: 2, ..limits() });
    for (second, of) in ["a", "b", "c"].into_iter().enumerate() {
        let now = NOW + u32::try_from(second).unwrap() * SECOND;
        table.merge(now, &whole(of, life(1, 1), 0, Status::Alive), Grace::Closed);
        table.merge(now, &bare(of, life(1, 1), 0, Status::Failed), Grace::Closed);
    }
    assert_eq!(table.occupancy().roster, 2);
    let mut picked = [id("b"), id("c")].map(|of| table.roster_pick(of.as_u64()).unwrap().0);
    picked.sort();
    let mut expected = [id("b"), id("c")];
    expected.sort();
    assert_eq!(picked, expected);
    assert_eq!(table.roster_pick(u64::MAX).map(|(member, _)| member), Some(expected[0]), "wraps");
}

#[test]
fn who_was_alone_for_too_long_forgets_the_living_and_keeps_the_dead() {
    let mut table = limited(limits());
    merge(&mut table, &whole("a", life(1, 1), 0, Status::Alive));
    merge(&mut table, &whole("b", life(1, 2), 0, Status::Suspect));
    merge(&mut table, &whole("c", life(1, 3), 0, Status::Alive));
    merge(&mut table, &bare("c", life(1, 3), 0, Status::Left));
    let mut forgotten = table.go_stale(NOW);
    forgotten.sort();
    let mut others = vec![id("a"), id("b")];
    others.sort();
    assert_eq!(forgotten, others);
    assert_eq!((table.live_len(), table.len()), (1, 2));
    assert!(held(&table, "c").is_some());
    assert_eq!(table.own_life(), life(11, 5), "a new generation");
    assert_eq!(held(&table, "me").map(|v| v.life()), Some(life(11, 5)));
    let found = table.roster_pick(id("a").as_u64()).map(|(_, address)| address);
    assert_eq!(found, Some(address(1)), "where to look for them");
    assert_eq!(table.occupancy().roster, 2);
}

#[test]
fn the_loser_of_a_name_that_was_alone_for_too_long_does_not_speak_for_the_winner() {
    let mut table = table();
    let mut winner = whole("me", life(12, 9), 0, Status::Alive);
    winner.claim.over = Some(life(10, 5).instance);
    merge(&mut table, &winner);
    assert!(matches!(table.standing(), Standing::Displaced { .. }));
    table.go_stale(NOW);
    assert_eq!(table.standing(), Standing::Member);
    assert_eq!(held(&table, "me").map(|v| v.life()), Some(life(13, 5)));
}

#[test]
fn nothing_to_expire_means_no_deadline() {
    let mut table = table();
    merge(&mut table, &whole("a", life(1, 1), 0, Status::Alive));
    assert_eq!(table.next_expiry(), None);
    assert_eq!(table.expire(Time::MAX), headcount_state::Expired::default());
    assert_eq!(table.live_len(), 2);
}
