use serde_json::Value;

use crate::support::{VIEW_FIELDS, headcount, keys, unheard};

const FIELDS: [&str; 15] = [
    "all_failed_ms",
    "all_left_ms",
    "converged",
    "converged_ms",
    "detector",
    "false_failures",
    "first_failed_ms",
    "first_suspect_ms",
    "killed",
    "left",
    "left_acknowledged",
    "nodes",
    "period_ms",
    "returned_ms",
    "views",
];

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// Every view holds exactly `alive` alive, all with one view id, confirmed by all peers heard.
fn assert_views_agree(outcome: &Value, alive: usize) {
    let views = list(&outcome["views"]);
    assert_eq!(views.len(), alive);
    for view in views {
        assert_eq!(view["view_id"], views[0]["view_id"], "{view}");
        assert_eq!(view["agree"], view["of"], "{view}");
        let seen = list(&view["members"]).iter().filter(|m| m["status"] == "alive").count();
        assert_eq!(seen, alive, "{view}");
    }
}

#[test]
fn five_nodes_converge_lose_one_and_get_it_back() {
    let ended = headcount(&["local", "--nodes", "5", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let outcome = ended.json();
    assert_eq!(keys(&outcome), FIELDS);
    assert_eq!(outcome["nodes"], 5);
    assert_eq!(outcome["converged"], true);
    assert_eq!(outcome["false_failures"], 0);
    assert_eq!(outcome["killed"], "n5");
    assert_eq!(outcome["left"], Value::Null);
    let ms = |field: &str| outcome[field].as_u64().unwrap_or_else(|| panic!("{field}: {outcome}"));
    assert!(ms("first_suspect_ms") <= ms("first_failed_ms"), "{outcome}");
    assert!(ms("first_failed_ms") <= ms("all_failed_ms"), "{outcome}");
    assert!(ms("converged_ms") < 120_000 && ms("returned_ms") < 120_000, "{outcome}");
    assert_views_agree(&outcome, 5);
    let view = &list(&outcome["views"])[0];
    assert_eq!(keys(view), VIEW_FIELDS);
    let member = &list(&view["members"])[0];
    let fields = [
        "accusation",
        "address",
        "generation",
        "incarnation",
        "name",
        "out_of_reach_for",
        "recovering",
        "serving",
        "status",
        "tags",
        "unreachable",
        "zone",
    ];
    assert_eq!(keys(member), fields);
}

#[test]
fn steps_not_chosen_are_null() {
    let ended = headcount(&["local", "--nodes", "3", "--steps", "converge", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let outcome = ended.json();
    for field in ["killed", "first_suspect_ms", "first_failed_ms", "all_failed_ms", "returned_ms"] {
        assert_eq!(outcome[field], Value::Null, "{field}");
    }
    assert_views_agree(&outcome, 3);
}

#[test]
fn the_killed_and_the_left_are_told_apart() {
    let steps = ["--steps", "converge,kill,leave", "--detector", "swim"];
    let ended = headcount(&[&["local", "--nodes", "4", "--json"], &steps[..]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let outcome = ended.json();
    assert_views_agree(&outcome, 2);
    assert_eq!(outcome["left"], "n3");
    assert!(outcome["left_acknowledged"].as_u64().is_some_and(|acks| acks > 0), "{outcome}");
    for view in list(&outcome["views"]) {
        let members = list(&view["members"]);
        let status =
            |name: &str| &members.iter().find(|m| m["name"] == name).expect(name)["status"];
        assert_eq!((status("n3"), status("n4")), (&"left".into(), &"failed".into()));
    }
}

#[test]
fn many_nodes_converge_and_none_is_falsely_failed() {
    let ended =
        headcount(&["local", "--nodes", "50", "--period", "1s", "--steps", "converge", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let outcome = ended.json();
    assert_eq!(outcome["false_failures"], 0);
    assert_views_agree(&outcome, 50);
}

#[test]
fn too_little_time_is_no_convergence() {
    let ended = headcount(&["local", "--nodes", "3", "--timeout", "1ms", "--json"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.json()["converged"], false);
    assert!(ended.stderr.contains("--timeout"), "{}", ended.stderr);
}

#[test]
fn without_a_terminal_the_show_is_told_in_lines() {
    let ended = headcount(&["local", "--nodes", "3"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stdout.contains('\x1b'), "{}", ended.stdout);
    let at =
        |text: &str| ended.stdout.find(text).unwrap_or_else(|| panic!("{text}: {}", ended.stdout));
    let story = ["converge: 3 nodes", "kill: n3", ": n3 failed", "restart: n3", "summary"].map(at);
    assert!(story.is_sorted(), "{}", ended.stdout);
    assert!(ended.stdout.contains("period 200 ms"), "{}", ended.stdout);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let ended = unheard(&["local", "--nodes", "2", "--steps", "converge"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_reader_that_goes_away_hides_no_failure() {
    for more in [&[][..], &["--json"]] {
        let ended = unheard(&[&["local", "--nodes", "3", "--timeout", "1ms"], more].concat());
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("--timeout"), "{}", ended.stderr);
    }
}
