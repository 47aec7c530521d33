//! The table is a join: order, repetition and grouping of what it hears do not matter.

use headcount_state::{Outcome, Table, Update};
use proptest::prelude::*;

use crate::fixture::{
    NOW, any_update, any_updates, exchange, live_claims, live_updates, merge, table,
};

fn after(updates: &[Update]) -> Table {
    let mut table = table();
    for update in updates {
        merge(&mut table, update);
    }
    table
}

proptest! {
    #[test]
    fn the_order_of_hearing_does_not_matter(
        (updates, shuffled) in any_updates()
            .prop_flat_map(|updates| (Just(updates.clone()), Just(updates).prop_shuffle())),
    ) {
        prop_assert_eq!(live_claims(&after(&updates)), live_claims(&after(&shuffled)));
    }

    #[test]
    fn the_order_of_hearing_does_not_matter_to_attributes(
        (updates, shuffled) in live_updates()
            .prop_flat_map(|updates| (Just(updates.clone()), Just(updates).prop_shuffle())),
    ) {
        let (a, b) = (after(&updates), after(&shuffled));
        prop_assert_eq!(a.version_vector(), b.version_vector());
        prop_assert_eq!(a.summary(), b.summary());
    }

    #[test]
    fn hearing_again_changes_nothing(updates in any_updates(), again in any_update()) {
        let mut table = after(&updates);
        merge(&mut table, &again);
        let (vector, summary) = (table.version_vector(), table.summary());
        let outcome = merge(&mut table, &again);
        prop_assert!(
            !matches!(outcome, Outcome::Changed(_) | Outcome::Refused(_) | Outcome::Own(_)),
            "{:?}",
            outcome
        );
        prop_assert_eq!(table.version_vector(), vector);
        prop_assert_eq!(table.summary(), summary);
    }

    #[test]
    fn an_exchange_leaves_both_with_everything_that_either_heard(
        here in any_updates(), there in any_updates(),
    ) {
        let (mut a, mut b) = (after(&here), after(&there));
        exchange(&mut a, &mut b);
        let both = after(&[here, there].concat());
        prop_assert_eq!(live_claims(&a), live_claims(&both));
        prop_assert_eq!(live_claims(&b), live_claims(&both));
        prop_assert_eq!(a.live_version_vector(), b.live_version_vector());
        prop_assert_eq!(a.summary().sync, b.summary().sync);
        prop_assert_eq!(a.summary().view_id, b.summary().view_id);
    }

    #[test]
    fn whoever_meets_first_everybody_ends_with_the_same(
        heard in prop::collection::vec(any_updates(), 3..=3),
        meetings in Just([(0, 1), (0, 2), (1, 2)]).prop_shuffle(),
    ) {
        let all = live_claims(&after(&heard.concat()));
        let mut tables = heard.iter().map(|updates| after(updates)).collect::<Vec<_>>();
        // A grave is not retold, so who met somebody too early meets them again.
        for (a, b) in meetings.into_iter().chain(meetings) {
            let (left, right) = tables.split_at_mut(b);
            exchange(&mut left[a], &mut right[0]);
        }
        for table in &tables {
            prop_assert_eq!(live_claims(table), all.clone());
        }
    }

    #[test]
    fn what_is_held_only_grows(updates in any_updates()) {
        let mut table = table();
        for update in &updates {
            let before = table.hold(update.claim.id).map(|claim| claim.version);
            merge(&mut table, update);
            let after = table.hold(update.claim.id).map(|claim| claim.version);
            prop_assert!(before <= after);
            // Only what would not say more than is buried may stay below what was heard.
            let heard = update.claim.version;
            prop_assert!(after >= Some(heard) || after.map(|v| v.life()) == Some(heard.life()));
        }
    }

    #[test]
    fn an_answer_is_larger_than_what_it_answers(updates in any_updates()) {
        let mut table = table();
        for update in &updates {
            if merge(&mut table, update) == Outcome::Answer {
                let answer = table.answer(update.claim.id, NOW);
                prop_assert!(answer.is_some_and(|a| a.claim.version > update.claim.version));
            }
        }
    }
}
