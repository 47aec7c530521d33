//! The measurements of `headcount sim scale`, in small clusters: that they measure what they say.

use headcount_sim::scale::{Measurement, Row};

fn run(name: &str) -> Row {
    let row = Measurement::named(name).expect("a row").run(1).expect("it can be measured");
    let missing: Vec<&str> =
        row.measures.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
    assert_eq!(missing, [""; 0], "{name}");
    row
}

fn get(row: &Row, name: &str) -> f64 {
    row.measures.get(name).unwrap_or_else(|| panic!("{name} of {row:?}"))
}

/// Everybody but whoever changed was told once at least.
fn least_copies(nodes: f64) -> f64 {
    1.0 - 1.0 / nodes
}

#[test]
fn a_calm_node_sends_a_ping_and_an_ack_a_second_and_little_else() {
    let row = run("idle-20");
    let (bytes, datagrams) = (get(&row, "bytes_per_node_s"), get(&row, "datagrams_per_node_s"));
    assert!((1.9..4.0).contains(&datagrams), "{row:?}");
    // With the headers of each.
    assert!(bytes > 60.0 * datagrams && bytes < 300.0 * datagrams, "{row:?}");
    assert!(get(&row, "median_node_bytes_per_s") <= get(&row, "max_node_bytes_per_s"));
}

#[test]
fn all_come_to_know_of_changes_all_the_time() {
    let row = run("churn-10-20");
    assert!(get(&row, "copies_per_node") >= least_copies(20.0), "{row:?}");
    assert!(get(&row, "known_1s_share") <= get(&row, "known_2s_share"), "{row:?}");
    assert!(get(&row, "known_2s_share") > 0.9, "{row:?}");
    assert!(get(&row, "known_50_s") <= get(&row, "known_99_s"), "{row:?}");
    assert!(get(&row, "equal_views_share") > 0.9, "attributes are no part of a view: {row:?}");
    assert!(get(&row, "equal_tables_share") < 1.0, "{row:?}");
    assert!(get(&row, "bytes_per_node_s") > get(&run("idle-20"), "bytes_per_node_s"));
}

#[test]
fn nodes_that_start_at_once_come_to_know_each_other() {
    let row = run("join-20");
    assert!(get(&row, "all_know_all_s") > 0.0, "{row:?}");
    assert!(get(&row, "seed_frames") >= 2.0 * 19.0, "a word and a table for each: {row:?}");
    assert!(get(&row, "max_node_bytes") >= get(&row, "seed_bytes"), "{row:?}");
}

#[test]
fn one_that_joins_knows_all_and_is_known_by_all() {
    let row = run("join-one-20");
    assert!(get(&row, "newcomer_knows_all_s") <= get(&row, "known_by_all_s"), "{row:?}");
    assert!(get(&row, "known_by_50_s") <= get(&row, "known_by_99_s"), "{row:?}");
    assert!(get(&row, "newcomer_bytes") > 0.0, "{row:?}");
}

#[test]
fn one_change_reaches_all_with_and_without_loss() {
    for name in ["change-20", "change-20-loss-5"] {
        let row = run(name);
        let shares = ["known_50_s", "known_99_s", "known_999_s", "known_all_s"];
        let times = shares.map(|share| get(&row, share));
        assert!(times.is_sorted() && times[0] > 0.0 && times[3] < 10.0, "{row:?}");
        assert!(get(&row, "slowest_known_all_s") >= times[3], "{row:?}");
        assert!(get(&row, "copies_per_node") >= least_copies(20.0), "{row:?}");
        assert!(get(&row, "gap_99_to_all_s") >= 0.0, "{row:?}");
    }
}

#[test]
fn halves_that_were_apart_hold_one_view_again() {
    let row = run("heal-12");
    assert_eq!(get(&row, "split_views_share"), 1.0, "{row:?}");
    assert_eq!(get(&row, "false_failures"), 0.0, "{row:?}");
    assert!(get(&row, "equal_views_s") > 0.0, "{row:?}");
    assert!(get(&row, "equal_tables_s") >= get(&row, "equal_views_s"), "{row:?}");
}

#[test]
fn tables_of_which_a_few_members_differ_become_equal() {
    for name in ["pair-300-1", "pair-300-20"] {
        let row = run(name);
        assert!(get(&row, "equal_s") < 30.0, "{row:?}");
        assert!(get(&row, "first_datagrams") >= 1.0, "{row:?}");
        let bytes = get(&row, "first_bytes") + get(&row, "second_bytes");
        assert!(bytes > 100.0, "{row:?}");
    }
}

#[test]
fn a_member_takes_memory_that_is_told() {
    let row = run("member-300");
    for name in ["heap_bytes_per_member", "later_heap_bytes_per_member", "record_bytes_on_the_wire"]
    {
        assert!((20.0..2_000.0).contains(&get(&row, name)), "{row:?}");
    }
}

#[test]
fn the_same_seed_measures_the_same() {
    assert_eq!(run("change-20-loss-5"), run("change-20-loss-5"));
}
