//! Sketches of tables: they follow every change, and tell where two tables differ.

use std::collections::BTreeSet;
use std::time::Duration;

use headcount_state::{
    Difference, Grace, OwnAttributes, SKETCH_SYMBOLS_MAX, Sketch, Status, Table, Update,
};
use proptest::prelude::*;

use crate::fixture::{
    NOW, address, any_update, any_updates, attributes, id, life, limited, merge, table, whole,
};

/// Anything that changes a table.
#[derive(Clone, Debug)]
enum Step {
    Hear(Update, Grace),
    Pass(Duration),
    Move(u16),
    Leave,
    GoStale,
    KnowAs(Vec<Update>),
    /// Asks for so many symbols.
    Sketch(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let grace = prop_oneof![Just(Grace::Open), Just(Grace::Closed)];
    let about_me = (8..14_u64, 4..7_u64, 0..3_u32, crate::fixture::any_status())
        .prop_map(|(generation, instance, i, s)| whole("me", life(generation, instance), i, s));
    prop_oneof![
        12 => (any_update(), grace).prop_map(|(update, grace)| Step::Hear(update, grace)),
        3 => about_me.prop_map(|update| Step::Hear(update, Grace::Closed)),
        3 => (0..400_u64).prop_map(|seconds| Step::Pass(Duration::from_secs(seconds))),
        1 => (1..9_u16).prop_map(Step::Move),
        1 => Just(Step::Leave),
        1 => Just(Step::GoStale),
        1 => any_updates().prop_map(Step::KnowAs),
        3 => (0..200_usize).prop_map(Step::Sketch),
    ]
}

fn after(updates: &[Update]) -> Table {
    let mut table = table();
    for update in updates {
        merge(&mut table, update);
    }
    table
}

/// A table of so many members, some of them in their second incarnation.
fn large(members: impl Iterator<Item = u32>, renewed: impl Fn(u32) -> bool) -> Table {
    let mut table = table();
    for member in members {
        let incarnation = u32::from(renewed(member));
        merge(&mut table, &whole(&format!("{member}"), life(1, 1), incarnation, Status::Alive));
    }
    table
}

fn elements(table: &Table) -> BTreeSet<u64> {
    table.live().filter_map(|record| table.element_of(record.id())).collect()
}

fn from_scratch(table: &Table, symbols: usize) -> Sketch {
    let mut sketch = Sketch::default();
    sketch.grow(symbols, elements(table).into_iter());
    sketch
}

fn decode(a: &mut Table, b: &mut Table) -> Difference {
    let mut difference = Difference::new();
    let mut symbols = 0;
    while !difference.is_complete() && symbols < SKETCH_SYMBOLS_MAX {
        symbols += 8;
        let from = difference.len();
        difference.extend(&a.sketch(symbols)[from..], &b.sketch(symbols)[from..]);
    }
    difference
}

proptest! {
    #[test]
    fn a_sketch_follows_every_change(steps in prop::collection::vec(step(), 0..40)) {
        let (mut table, mut now) = (table(), NOW);
        for step in steps {
            match step {
                Step::Hear(update, grace) => {
                    table.merge(now, &update, grace);
                }
                Step::Pass(time) => {
                    now += time;
                    table.expire(now);
                }
                Step::Move(port) => {
                    table.set_own(now, &OwnAttributes::Address(address(port))).unwrap();
                }
                Step::Leave => table.leave(now),
                Step::GoStale => {
                    table.go_stale(now);
                }
                Step::KnowAs(updates) => table.know_as(now, &after(&updates)),
                Step::Sketch(symbols) => {
                    prop_assert_eq!(table.sketch(symbols).len(), symbols);
                }
            }
            // A copy, so that the table itself is asked for no more than the steps say.
            let (mut copy, fresh) = (table.clone(), from_scratch(&table, 256));
            prop_assert_eq!(copy.sketch(256), fresh.symbols());
        }
    }

    #[test]
    fn two_tables_find_out_exactly_where_they_differ(here in any_updates(), there in any_updates()) {
        let (mut a, mut b) = (after(&here), after(&there));
        let difference = decode(&mut a, &mut b);
        prop_assert!(difference.is_complete());
        let found = difference.elements().iter().copied().collect::<BTreeSet<u64>>();
        prop_assert_eq!(found.len(), difference.elements().len(), "nothing is found twice");
        prop_assert_eq!(found, &elements(&a) ^ &elements(&b));
    }

    #[test]
    fn an_element_is_held_by_its_live_member_and_by_nobody_else(
        updates in any_updates(), other in any::<u64>(),
    ) {
        let table = after(&updates);
        for record in table.records() {
            let element = table.element_of(record.id());
            prop_assert_eq!(element.is_some(), record.is_live());
            let Some(element) = element else { continue };
            prop_assert_eq!(table.holds_element(element), Some(record.id()));
            for wrong in [element ^ 1, element ^ (1 << 31), element ^ (1 << 32)] {
                prop_assert_eq!(table.holds_element(wrong), None);
            }
        }
        for stranger in [other, 0, u64::MAX] {
            prop_assert_eq!(table.holds_element(stranger), None);
        }
    }

    #[test]
    fn whoever_an_element_may_be_about_is_found_dead_or_alive(
        updates in any_updates(), lower in any::<u32>(),
    ) {
        let table = after(&updates);
        for record in table.records() {
            let element = (record.id().as_u64() >> 32 << 32) | u64::from(lower);
            prop_assert!(table.sharing_prefix(element).eq([record.id()]));
        }
        prop_assert_eq!(table.sharing_prefix(0).count(), 0);
        prop_assert_eq!(table.sharing_prefix(u64::MAX).count(), 0);
    }
}

#[test]
fn large_tables_find_out_where_they_differ() {
    let mut a = large(0..3_000, |member| member % 100 == 0);
    let mut b = large(20..3_020, |_| false);
    let difference = decode(&mut a, &mut b);
    assert!(difference.is_complete());
    let found = difference.elements().iter().copied().collect::<BTreeSet<u64>>();
    assert_eq!(found, &elements(&a) ^ &elements(&b));
    let mine = found.iter().filter_map(|element| a.holds_element(*element)).count();
    assert_eq!((found.len(), mine), (2 * 20 + 2 * 29, 20 + 29));
    let renewed = found.iter().filter(|element| {
        b.holds_element(**element).is_none() && b.sharing_prefix(**element).next().is_some()
    });
    assert_eq!(renewed.count(), 29, "the peer's word on members held here");
}

#[test]
fn a_table_that_is_never_asked_for_its_sketch_pays_nothing() {
    let mut table = large(0..100, |_| false);
    let before = table.heap_bytes();
    assert_eq!(table.sketch(0), []);
    assert_eq!(table.heap_bytes(), before);
    table.sketch(100);
    assert_eq!(table.heap_bytes(), before + 128 * 16, "the next power of two, of 16 bytes each");
    assert_eq!(table.sketch(usize::MAX).len(), SKETCH_SYMBOLS_MAX);
    assert_eq!(table.heap_bytes(), before + SKETCH_SYMBOLS_MAX * 16);
}

#[test]
fn every_part_of_a_live_version_is_in_the_element() {
    let of = |update: &Update| {
        let mut table = table();
        merge(&mut table, update);
        table.element_of(id("a"))
    };
    let base = of(&whole("a", life(2, 2), 1, Status::Alive));
    let mut renewed = whole("a", life(2, 2), 1, Status::Alive);
    renewed.attributes = Some(attributes("a", life(2, 2), 1).into());
    for other in [
        whole("a", life(3, 2), 1, Status::Alive),
        whole("a", life(2, 3), 1, Status::Alive),
        whole("a", life(2, 2), 2, Status::Alive),
        whole("a", life(2, 2), 1, Status::Suspect),
        renewed,
    ] {
        assert!(of(&other).is_some());
        assert_ne!(of(&other), base);
    }
    assert_eq!(limited(headcount_state::Limits::default()).element_of(id("a")), None);
}
