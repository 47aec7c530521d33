//! Sketches of tables: they follow every change, and tell where two tables differ.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headcount_state::{
    Difference, Grace, Lacking, Marked, MemberId, OwnAttributes, SKETCH_SYMBOLS_MAX, Sketch,
    Status, Table, Update,
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

fn marks(table: &Table) -> BTreeSet<Marked> {
    table.live().filter_map(|record| table.marked(record.id())).collect()
}

fn from_scratch(table: &Table, symbols: usize) -> Sketch {
    let mut sketch = Sketch::default();
    sketch.grow(symbols, marks(table).into_iter());
    sketch
}

/// The keys whose marks are not the same in both.
fn different(a: &Table, b: &Table) -> BTreeSet<u32> {
    (&marks(a) ^ &marks(b)).iter().map(|marked| marked.key).collect()
}

/// What `a` finds out.
fn decode(a: &mut Table, b: &mut Table) -> Difference {
    let mut difference = Difference::new();
    let mut symbols = 0;
    while !difference.is_complete() && symbols < SKETCH_SYMBOLS_MAX {
        symbols += 8;
        let from = difference.len();
        difference.extend(&b.sketch(symbols)[from..], &a.sketch(symbols)[from..]);
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
        let found: BTreeSet<u32> = difference.found().iter().map(|found| found.key).collect();
        prop_assert_eq!(found.len(), difference.found().len(), "nothing is found twice");
        prop_assert_eq!(found, different(&a, &b));
    }

    #[test]
    fn who_lacks_word_of_one_life_is_known(
        from in prop_oneof![Just(0), 100..140_u32, any::<u16>().prop_map(u32::from)],
        (i, j) in (0..60_u32, 0..60_u32), (said, told) in (0..8_u32, 0..8_u32),
        (here, there) in (any::<bool>(), any::<bool>()), lives in any::<bool>(),
    ) {
        let of = |incarnation, counter, suspect| {
            let status = if suspect { Status::Suspect } else { Status::Alive };
            let mut update = whole("a", life(2, 2), from + incarnation, status);
            update.attributes = Some(attributes("a", life(2, 2), counter).into());
            update
        };
        let mut a = after(&[of(i, said, here)]);
        // The claim and what it says grow together: else each may lack something.
        let grown = (i <= j, said <= told) == (true, true);
        let mut b = after(&if lives { vec![of(j, told, there)] } else { vec![] });
        let difference = decode(&mut a, &mut b);
        prop_assert!(difference.is_complete());
        let lacking: Vec<Lacking> = difference.found().iter().map(|it| a.lacking(*it)).collect();
        if !lives {
            prop_assert_eq!(lacking, [Lacking::There]);
        } else if (i, said, here) == (j, told, there) {
            prop_assert_eq!(lacking, []);
        } else if grown && (i < j || here <= there) {
            prop_assert_eq!(lacking, [Lacking::Here]);
        }
    }

    #[test]
    fn whoever_has_a_key_is_found_dead_or_alive(updates in any_updates(), other in any::<u32>()) {
        let table = after(&updates);
        for record in table.records() {
            let (id, marked) = (record.id(), table.marked(record.id()));
            prop_assert_eq!(marked.is_some(), record.is_live());
            let key = (id.as_u64() >> 32) as u32;
            prop_assert!(table.with_key(key).eq([id]));
            prop_assert!(marked.is_none_or(|marked| marked.key == key));
            let lacking = table.lacking(Marked { key, mark: 1 });
            prop_assert_eq!(lacking == Lacking::Either, !record.is_live());
        }
        for stranger in [other, 0, u32::MAX] {
            prop_assert_eq!(table.with_key(stranger).count(), 0);
            let lacking = table.lacking(Marked { key: stranger, mark: 1 });
            prop_assert_eq!(lacking, Lacking::Here);
        }
    }
}

#[test]
fn large_tables_find_out_where_they_differ() {
    let mut a = large(0..3_000, |member| member % 100 == 0);
    let mut b = large(20..3_020, |_| false);
    let difference = decode(&mut a, &mut b);
    assert!(difference.is_complete());
    let found: BTreeSet<u32> = difference.found().iter().map(|found| found.key).collect();
    assert_eq!(found, different(&a, &b));
    let count = |lacking| difference.found().iter().filter(|it| a.lacking(**it) == lacking).count();
    let counts = [Lacking::There, Lacking::Here, Lacking::Either].map(count);
    assert_eq!(counts, [20 + 29, 20, 0], "one for each member, new or renewed");
}

#[test]
fn members_who_share_a_key_are_told_and_asked_for_together() {
    let mut seen = BTreeMap::new();
    let shared = (0..).find_map(|number: u32| {
        let key = id(&number.to_string()).as_u64() >> 32;
        seen.insert(key, number).map(|before| (before.to_string(), number.to_string()))
    });
    let Some((one, other)) = &shared else { panic!("there are too few names") };
    let member = |name: &str, incarnation| whole(name, life(1, 1), incarnation, Status::Alive);
    let mut a = after(&[member(one, 0), member(other, 0)]);
    let mut b = after(&[member(one, 0), member(other, 1)]);
    let difference = decode(&mut a, &mut b);
    let [found] = difference.found() else { panic!("{difference:?}") };
    assert_eq!(a.lacking(*found), Lacking::Either);
    let both: BTreeSet<MemberId> = a.with_key(found.key).collect();
    assert_eq!(both, BTreeSet::from([id(one), id(other)]));
}

#[test]
fn a_table_that_is_never_asked_for_its_sketch_pays_nothing() {
    let mut table = large(0..100, |_| false);
    let before = table.heap_bytes();
    assert_eq!(table.sketch(0), []);
    assert_eq!(table.heap_bytes(), before);
    for (asked, held) in [(100, 256), (256, 256), (257, 1_024), (3_000, 4_096)] {
        table.sketch(asked);
        assert_eq!(table.heap_bytes(), before + held * 12, "{asked} asked for");
    }
    assert_eq!(table.sketch(usize::MAX).len(), SKETCH_SYMBOLS_MAX);
    assert_eq!(table.heap_bytes(), before + SKETCH_SYMBOLS_MAX * 12);
}

#[test]
fn every_part_of_a_live_version_is_in_the_mark() {
    let of = |update: &Update| {
        let mut table = table();
        merge(&mut table, update);
        table.marked(id("a"))
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
    assert_eq!(limited(headcount_state::Limits::default()).marked(id("a")), None);
}
