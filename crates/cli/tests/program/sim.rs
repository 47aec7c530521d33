use std::fs;

use crate::support::{headcount, keys, unheard};

const CALM: &str = "name = \"calm\"\nnodes = 5\nduration = \"5s\"\n";

/// Nobody can detect a crash within a millisecond.
const UNFAIR: &str = r#"
name = "unfair"
nodes = 3
duration = "3s"
[[faults]]
kind = "crash"
at = "2s"
nodes = ["n2"]
[expect]
detect_within = "1ms"
"#;

#[test]
fn the_same_seed_gives_the_same_trace() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("calm.toml");
    fs::write(&file, CALM).expect("written");
    let run = |seed: &str| {
        let path = file.to_str().expect("text");
        let ended = headcount(&["sim", "run", path, "--seed", seed, "--json"]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        ended.json()
    };
    let (first, again, other) = (run("7"), run("7"), run("8"));
    let fields =
        ["checks", "metrics", "nodes", "scenario", "seed", "trace_hash", "virtual_s", "wall_s"];
    assert_eq!(keys(&first), fields);
    assert_eq!(keys(&first["checks"][0]), ["detail", "name", "pass"]);
    assert_eq!(first["trace_hash"], again["trace_hash"]);
    assert_ne!(first["trace_hash"], other["trace_hash"]);
    assert_eq!(first["virtual_s"], 5.0);
}

#[test]
fn a_check_that_fails_is_told_with_the_line_that_replays_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (good, bad) = (dir.path().join("calm.toml"), dir.path().join("unfair.toml"));
    fs::write(&good, CALM).expect("written");
    fs::write(&bad, UNFAIR).expect("written");
    let bad = bad.to_str().expect("text");
    let ended = headcount(&["sim", "run", bad, "--seed", "3"]);
    let replay = format!("headcount sim run {bad} --seed 3");
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("FAIL") && ended.stdout.contains(&replay), "{}", ended.stdout);
    let path = dir.path().to_str().expect("text");
    let ended = headcount(&["sim", "sweep", path, "--seeds", "3..5"]);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("calm: 2 of 2 seeds"), "{}", ended.stdout);
    assert!(ended.stdout.contains("unfair: 0 of 2 seeds"), "{}", ended.stdout);
    assert!(ended.stdout.contains(&replay), "{}", ended.stdout);
}

#[test]
fn a_reader_that_goes_away_hides_no_failed_check() {
    let dir = tempfile::tempdir().expect("a directory");
    let (good, bad) = (dir.path().join("calm.toml"), dir.path().join("unfair.toml"));
    fs::write(&good, CALM).expect("written");
    fs::write(&bad, UNFAIR).expect("written");
    let [dir, good, bad] = [dir.path(), &good, &bad].map(|path| path.to_str().expect("text"));
    for (args, code) in [
        (&["sim", "run", good][..], 0),
        (&["sim", "run", bad], 1),
        (&["sim", "run", bad, "--json"], 1),
        (&["sim", "sweep", good, "--seeds", "3..5"], 0),
        (&["sim", "sweep", dir, "--seeds", "3..5"], 1),
    ] {
        let ended = unheard(args);
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
    }
}
