//! The walk over a table, last changed first, that partial tables are packed from.

use std::collections::BTreeSet;

use headcount_state::{Grace, MemberId, OwnAttributes, Serving, Status};
use proptest::prelude::*;

use crate::fixture::{NOW, any_updates, id, life, merge, table, whole};

proptest! {
    #[test]
    fn a_resumed_walk_meets_each_record_exactly_once(updates in any_updates(), step in 1..4_usize) {
        let mut table = table();
        for update in &updates {
            table.merge(NOW, update, Grace::Closed);
        }
        let mut met = Vec::new();
        let mut cursor = u64::MAX;
        loop {
            let part = table.newest_before(cursor).take(step).map(|(at, r)| (at, r.id()));
            let part = part.collect::<Vec<_>>();
            let Some((last, _)) = part.last() else { break };
            prop_assert!(*last < cursor);
            cursor = *last;
            met.extend(part.into_iter().map(|(_, id)| id));
        }
        let distinct = met.iter().copied().collect::<BTreeSet<MemberId>>();
        prop_assert_eq!(met.len(), distinct.len());
        prop_assert_eq!(met.len(), table.len());
    }

    #[test]
    fn a_walk_by_id_can_be_resumed(updates in any_updates()) {
        let mut table = table();
        for update in &updates {
            table.merge(NOW, update, Grace::Closed);
        }
        let whole = table.records().map(|record| record.id()).collect::<Vec<_>>();
        let mut met = Vec::new();
        while let Some(record) = table.records_after(met.last().copied()).next() {
            met.push(record.id());
            prop_assert!(met.len() <= whole.len(), "a record was met twice");
        }
        prop_assert_eq!(met, whole);
    }
}

#[test]
fn the_last_change_comes_first() {
    let mut table = table();
    let order = |table: &headcount_state::Table| {
        table.newest_before(u64::MAX).map(|(_, record)| record.id()).collect::<Vec<_>>()
    };
    for of in ["a", "b", "c"] {
        merge(&mut table, &whole(of, life(1, 1), 0, Status::Alive));
    }
    assert_eq!(order(&table), [id("c"), id("b"), id("a"), id("me")]);
    merge(&mut table, &whole("a", life(1, 1), 0, Status::Suspect));
    assert_eq!(order(&table), [id("a"), id("c"), id("b"), id("me")]);
    table.set_own(NOW, &OwnAttributes::Serving(Serving::Draining)).unwrap();
    assert_eq!(order(&table), [id("me"), id("a"), id("c"), id("b")]);
    merge(&mut table, &whole("b", life(1, 1), 0, Status::Alive));
    assert_eq!(order(&table), [id("me"), id("a"), id("c"), id("b")], "nothing new");
}
