//! Who lacks just the latest news is recognised by the hash alone.

use std::collections::BTreeMap;

use headcount_state::{Status, Table, Update};
use proptest::prelude::*;
use proptest::sample::select;

use crate::fixture::{NOW, OTHERS, any_updates, bare, id, life, merge, table, whole};

/// How many changes are remembered.
const CHANGES: usize = 8;

fn after(updates: &[Update]) -> Table {
    let mut table = table();
    for update in updates {
        merge(&mut table, update);
    }
    table
}

/// Tells `to` the latest word of `from` on everybody whom it seems to lack.
fn tell_lacked(from: &Table, to: &mut Table) -> Option<usize> {
    let lacked = from.lacked_by(to.summary().sync)?;
    for member in &lacked {
        merge(to, &from.get(*member)?.update(NOW));
    }
    Some(lacked.len())
}

/// Ever larger word on members picked at random: joins, suspicions, refutations, failures, returns.
fn news() -> impl Strategy<Value = Vec<Update>> {
    let picks = prop::collection::vec(select(vec!["a", "b", "c", "d", "e", "f"]), 0..24);
    picks.prop_map(|picks| {
        let mut told = BTreeMap::<&str, u32>::new();
        let tell = |of| {
            let count = told.entry(of).or_default();
            let [generation, status] = [*count / 4, *count % 4];
            *count += 1;
            let status =
                [Status::Alive, Status::Suspect, Status::Alive, Status::Failed][status as usize];
            whole(of, life(u64::from(generation) + 1, 1), *count, status)
        };
        picks.into_iter().map(tell).collect()
    })
}

proptest! {
    #[test]
    fn who_lacks_some_of_the_latest_news_is_told_just_those(
        news in news(), kept in prop::collection::vec(any::<bool>(), CHANGES),
    ) {
        let a = after(&news);
        let older = news.len().saturating_sub(CHANGES);
        let late = news[older..].iter().zip(kept).filter(|(_, kept)| *kept).map(|(update, _)| update);
        let mut b = after(&news[..older]);
        late.for_each(|update| {
            merge(&mut b, update);
        });
        // Who heard the later news of a member and not the earlier is not behind by those.
        let differ = a.summary().sync != b.summary().sync;
        let told = tell_lacked(&a, &mut b);
        prop_assert_eq!(told.is_some(), differ);
        prop_assert_eq!(a.summary().sync, b.summary().sync);
    }

    #[test]
    fn whatever_is_told_to_who_heard_less_is_all_that_it_lacked(
        updates in any_updates(), kept in prop::collection::vec(any::<bool>(), 16),
    ) {
        let a = after(&updates);
        let some = updates.iter().zip(kept).filter(|(_, kept)| *kept);
        let mut b = after(&some.map(|(update, _)| update.clone()).collect::<Vec<_>>());
        if tell_lacked(&a, &mut b).is_some() {
            prop_assert_eq!(a.summary().sync, b.summary().sync);
        }
    }

    #[test]
    fn in_calm_nobody_lacks_anything(updates in any_updates()) {
        let a = after(&updates);
        prop_assert_eq!(a.lacked_by(a.summary().sync), None);
    }
}

#[test]
fn who_lacks_more_than_the_latest_news_is_not_recognised() {
    let mut table = table();
    let mut behind = Vec::new();
    for member in 0..CHANGES + 1 {
        behind.push(table.summary().sync);
        merge(&mut table, &whole(&format!("{member}"), life(1, 1), 0, Status::Alive));
    }
    assert_eq!(table.lacked_by(behind[0]), None, "nine changes behind");
    let lacked = table.lacked_by(behind[1]).unwrap();
    assert_eq!(lacked, (1..=CHANGES).rev().map(|m| id(&format!("{m}"))).collect::<Vec<_>>());
    assert_eq!(table.lacked_by(behind[CHANGES]), Some(vec![id("8")]));
    assert_eq!(table.lacked_by(0), None);
}

#[test]
fn who_knows_more_is_not_recognised() {
    let (a, mut b) = (table(), table());
    merge(&mut b, &whole("a", life(1, 1), 0, Status::Alive));
    assert_eq!(a.lacked_by(b.summary().sync), None);
    assert_eq!(b.lacked_by(a.summary().sync), Some(vec![id("a")]));
}

#[test]
fn several_changes_of_one_member_are_told_once() {
    let mut a = table();
    let before = a.summary().sync;
    merge(&mut a, &whole("a", life(1, 1), 0, Status::Alive));
    merge(&mut a, &bare("a", life(1, 1), 0, Status::Suspect));
    merge(&mut a, &whole("a", life(1, 1), 1, Status::Alive));
    assert_eq!(a.lacked_by(before), Some(vec![id("a")]));
}

#[test]
fn a_death_is_news_too() {
    let mut a = after(&OTHERS.map(|of| whole(of, life(1, 1), 0, Status::Alive)));
    let mut b = a.clone();
    merge(&mut a, &bare("b", life(1, 1), 0, Status::Failed));
    assert_eq!(tell_lacked(&a, &mut b), Some(1));
    assert_eq!(a.summary(), b.summary());
}

#[test]
fn a_table_that_begins_anew_remembers_no_changes() {
    let full = after(&OTHERS.map(|of| whole(of, life(1, 1), 0, Status::Alive)));
    let fresh = table();
    assert_eq!(fresh.lacked_by(0), None, "its owner's record is no news");

    let mut told = table();
    told.know_as(NOW, &full);
    assert_eq!(told.summary(), full.summary());
    assert_eq!(told.lacked_by(fresh.summary().sync), None);

    let mut stale = full.clone();
    stale.go_stale(NOW);
    assert_eq!(stale.lacked_by(full.summary().sync), None);
    assert_eq!(stale.lacked_by(0), None);
}
