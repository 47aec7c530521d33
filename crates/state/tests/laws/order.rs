//! The order of claims and of attributes, against the sentence that defines it.

use std::cmp::Ordering;

use headcount_state::{AttributesVersion, Life, Status, Version};

use crate::fixture::life;

fn lives() -> Vec<Life> {
    (1..=3).flat_map(|generation| (1..=3).map(move |instance| life(generation, instance))).collect()
}

fn versions() -> Vec<Version> {
    let mut all = Vec::new();
    for life in lives() {
        for incarnation in 0..=2 {
            all.extend(Status::ALL.map(|status| Version::new(life, incarnation, status)));
        }
    }
    all
}

/// Alive, suspect, failed; above them closed, left, evicted.
fn rank(status: Status) -> (bool, u8) {
    match status {
        Status::Alive => (false, 0),
        Status::Suspect => (false, 1),
        Status::Failed => (false, 2),
        Status::Closed => (true, 0),
        Status::Left => (true, 1),
        Status::Evicted => (true, 2),
    }
}

/// Generation decides; then instance; then whether it is terminal; then, of what is not terminal,
/// the incarnation; then the status.
fn by_the_book(a: &Version, b: &Version) -> Ordering {
    if a.life().generation != b.life().generation {
        return a.life().generation.cmp(&b.life().generation);
    }
    if a.life().instance != b.life().instance {
        return a.life().instance.as_u64().cmp(&b.life().instance.as_u64());
    }
    let ((a_terminal, a_rank), (b_terminal, b_rank)) = (rank(a.status()), rank(b.status()));
    if a_terminal != b_terminal {
        return if a_terminal { Ordering::Greater } else { Ordering::Less };
    }
    if !a_terminal && a.incarnation() != b.incarnation() {
        return a.incarnation().cmp(&b.incarnation());
    }
    a_rank.cmp(&b_rank)
}

#[test]
fn versions_compare_by_generation_instance_terminal_incarnation_status() {
    for a in versions() {
        for b in versions() {
            assert_eq!(a.cmp(&b), by_the_book(&a, &b), "{a} against {b}");
            assert_eq!(a.partial_cmp(&b), Some(a.cmp(&b)));
        }
    }
}

#[test]
fn the_order_of_versions_is_total() {
    for a in versions() {
        for b in versions() {
            assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            assert_eq!(a.cmp(&b) == Ordering::Equal, a == b, "{a} against {b}");
            for c in versions().into_iter().step_by(5) {
                assert!(!(a <= b && b <= c) || a <= c, "{a} {b} {c}");
            }
        }
    }
}

#[test]
fn terminal_versions_have_no_incarnation() {
    for status in Status::ALL {
        let version = Version::new(life(1, 1), 2, status);
        assert_eq!(version.incarnation(), if status.is_terminal() { 0 } else { 2 });
        assert_eq!(version.with_status(Status::Left).incarnation(), 0);
    }
}

#[test]
fn exactly_alive_and_suspect_are_live_and_closed_left_evicted_terminal() {
    let live = Status::ALL.into_iter().filter(|status| status.is_live()).collect::<Vec<_>>();
    let terminal = Status::ALL.into_iter().filter(|s| s.is_terminal()).collect::<Vec<_>>();
    assert_eq!(live, [Status::Alive, Status::Suspect]);
    assert_eq!(terminal, [Status::Closed, Status::Left, Status::Evicted]);
}

#[test]
fn attributes_compare_by_generation_instance_counter() {
    let all = lives()
        .into_iter()
        .flat_map(|life| (0..=2).map(move |counter| AttributesVersion { life, counter }));
    let all = all.collect::<Vec<_>>();
    for a in &all {
        for b in &all {
            let mut expected = a.life.generation.cmp(&b.life.generation);
            if expected == Ordering::Equal {
                expected = a.life.instance.as_u64().cmp(&b.life.instance.as_u64());
            }
            if expected == Ordering::Equal {
                expected = a.counter.cmp(&b.counter);
            }
            assert_eq!(a.cmp(b), expected, "{a:?} against {b:?}");
        }
    }
}
