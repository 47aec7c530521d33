use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ended, headcount, keys, refused, unheard};

const CALM: &str = "name = \"calm\"\nnodes = 5\nduration = \"5s\"\n";

/// Nobody can detect a crash within a millisecond.
const UNFAIR: &str = r#"
name = "unfair"
nodes = 12
duration = "6s"
[[faults]]
kind = "loss"
at = "1s"
rate = 0.5
until = "3s"
[[faults]]
kind = "crash"
at = "2s"
nodes = ["n2"]
[expect]
detect_within = "1ms"
"#;

/// It says that it cannot pass, and it does.
const MENDED: &str =
    "name = \"mended\"\nnodes = 3\nduration = \"3s\"\nexpected_to_fail = \"a bug\"\n";

/// A crash that is noticed before the end.
const DEATH: &str = r#"
name = "death"
nodes = 6
duration = "60s"
[[faults]]
kind = "crash"
at = "10s"
nodes = ["n4"]
"#;

fn written(scenarios: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for text in scenarios {
        let name = text.split('"').nth(1).expect("a name");
        fs::write(dir.path().join(format!("{name}.toml")), text).expect("written");
    }
    dir
}

fn path(dir: &TempDir, file: &str) -> String {
    dir.path().join(file).to_str().expect("text").to_owned()
}

fn ends(args: &[&str], code: i32) -> Ended {
    let ended = headcount(args);
    assert_eq!(ended.code, Some(code), "{args:?}: {}{}", ended.stdout, ended.stderr);
    ended
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let dir = written(&[CALM]);
    let run = |seed: &str| {
        ends(&["sim", "run", &path(&dir, "calm.toml"), "--seed", seed, "--json"], 0).json()
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
fn a_setting_takes_the_place_of_what_the_file_says() {
    let dir = written(&[CALM]);
    let calm = path(&dir, "calm.toml");
    let set = ["--set", "nodes=3", "--set", "engine.detector=swim", "--set", "duration=2s"];
    let report = ends(&[&["sim", "run", &calm, "--json"][..], &set].concat(), 0).json();
    assert_eq!((&report["nodes"], &report["virtual_s"]), (&Value::from(3), &Value::from(2.0)));
    for (setting, hints) in [
        ("nodes", &["no setting", "path=value"][..]),
        ("nodes=0", &["nodes", "1 to 1000000"]),
        ("engine.detector=phi", &["engine.detector", "`lifeguard`, `observers`"]),
        ("engine.detecter=swim", &["engine.detecter", "unknown field"]),
    ] {
        let given = format!("--set {setting}");
        refused(
            &["sim", "run", &calm, "--set", setting],
            &[&[given.as_str(), &calm], hints].concat(),
        );
        refused(&["sim", "sweep", &calm, "--set", setting], &[&given]);
    }
}

#[test]
fn a_check_that_fails_is_told_with_the_line_that_replays_it() {
    let dir = written(&[UNFAIR]);
    let unfair = path(&dir, "unfair.toml");
    let ended = ends(&["sim", "run", &unfair, "--seed", "3", "--set", "nodes=7"], 1);
    let replay = format!("headcount sim run {unfair} --seed 3 --set 'nodes=7'");
    assert!(ended.stdout.contains("FAIL") && ended.stdout.contains(&replay), "{}", ended.stdout);
}

#[test]
fn a_sweep_counts_and_lists_what_is_not_as_it_should_be() {
    let dir = written(&[CALM, UNFAIR, MENDED]);
    let all = dir.path().to_str().expect("text");
    let sweep = ["sim", "sweep", all, "--seeds", "3..5", "--jobs", "2"];
    let text = ends(&sweep, 1).stdout;
    let row = |name: &str| {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.expect(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    // Seeds 3 to 4; runs, passed, as expected, failed, unexpected passes, broken.
    assert_eq!(row("calm")[1..10], ["3", "to", "4", "2", "2", "0", "0", "0", "0"]);
    assert_eq!(row("unfair")[4..10], ["2", "0", "0", "2", "0", "0"]);
    assert_eq!(row("mended")[4..10], ["2", "0", "0", "0", "2", "0"]);
    for (file, seed, why) in [("unfair", 4, "detection"), ("mended", 3, "passed unexpectedly")] {
        let said = format!("{file} seed {seed}: {why}\n");
        let replay =
            format!("headcount sim run {} --seed {seed}\n", path(&dir, &format!("{file}.toml")));
        assert!(text.contains(&said) && text.contains(&replay), "{text}");
    }
    let json = ends(&[&sweep[..], &["--json"]].concat(), 1).json();
    let counts = ["broken", "failed", "failed_as_expected", "failures", "passed"];
    let more = ["passed_unexpectedly", "runs", "scenarios", "virtual_s", "wall_s"];
    assert_eq!(keys(&json), [counts, more].concat());
    assert_eq!((&json["runs"], &json["failed"]), (&Value::from(6), &Value::from(2)));
    let failure = &json["failures"][0];
    assert_eq!(keys(failure), ["checks", "outcome", "replay", "scenario", "seed"]);
    assert_eq!(failure["scenario"], "mended");
    let calm = &json["scenarios"][0];
    assert_eq!((&calm["class"], &calm["first_seed"]), (&"quick".into(), &Value::from(3)));
    assert_eq!((&calm["scenario"], &calm["last_seed"]), (&"calm".into(), &Value::from(4)));
}

#[test]
fn a_regression_is_swept_with_the_seeds_that_found_it() {
    let regression = |seeds: &str| {
        let found = "found = \"a bug\"\nmended = \"Mend it\"\n";
        format!("{CALM}[regression]\nseeds = {seeds}\n{found}")
    };
    let dir = written(&[&regression("[17, 4, 204]")]);
    let calm = path(&dir, "calm.toml");
    let json = ends(&["sim", "sweep", &calm, "--json"], 0).json();
    let row = &json["scenarios"][0];
    assert_eq!((&json["runs"], &row["seeds"]), (&3.into(), &vec![17, 4, 204].into()));
    assert_eq!((&row["first_seed"], &row["last_seed"]), (&4.into(), &204.into()));
    let text = ends(&["sim", "sweep", &calm], 0).stdout;
    assert!(
        text.lines().any(|line| line.contains("17, 4, 204") && line.contains("calm")),
        "{text}"
    );
    let json = ends(&["sim", "sweep", &calm, "--seeds", "1..3", "--json"], 0).json();
    assert_eq!((&json["runs"], json["scenarios"][0].get("seeds")), (&2.into(), None));
    let dir = written(&[&regression("[7]")]);
    let text = ends(&["sim", "sweep", &path(&dir, "calm.toml")], 0).stdout;
    assert!(text.lines().any(|line| line.starts_with("calm") && line.contains(" 7 ")), "{text}");
}

#[test]
fn without_seeds_the_class_says_how_many() {
    let huge = "name = \"huge\"\nnodes = 2\nduration = \"1s\"\nclass = \"huge\"\n";
    let dir = written(&[huge]);
    let json = ends(&["sim", "sweep", &path(&dir, "huge.toml"), "--json"], 0).json();
    assert_eq!(json["runs"], 2);
    let dir = dir.path().to_str().expect("text");
    refused(&["sim", "sweep", dir], &[dir, "no scenario of class quick", "--class all"]);
}

#[test]
fn a_replay_shows_one_point_of_view() {
    let dir = written(&[DEATH]);
    let death = path(&dir, "death.toml");
    let as_n1 = ends(&["sim", "replay", &death, "--node", "n1", "--to", "30s"], 0).stdout;
    for part in ["n1     -> ", "ping n", "n1     <- ", "!! joined n0", "!! failed n4", "tells n4"] {
        assert!(as_n1.contains(part), "{part:?} is not in\n{as_n1}");
    }
    let about = ["sim", "replay", &death, "--member", "n4", "--from", "5s", "--json"];
    let json = ends(&about, 0).json();
    assert_eq!(keys(&json), ["entries", "member", "scenario", "seed"]);
    let entries = json["entries"].as_array().expect("a list");
    assert!(entries.iter().all(|entry| entry["at_s"].as_f64() >= Some(5.0)));
    let claims = || entries.iter().filter_map(|e| e["message"]["claims"].as_array()).flatten();
    assert!(claims().count() > 0 && claims().all(|claim| claim["member"] == "n4"));
    assert!(entries.iter().any(|e| e["what"] == "stopped" && e["how"] == "crashed"));
    refused(&["sim", "replay", &death, "--node", "four"], &["--node", "`four`", "write n3"]);
    refused(
        &["sim", "replay", &death, "--to", "1s", "--member", "n9"],
        &["--member n9", "n0 to n5"],
    );
    refused(&["sim", "replay", &death, "--from", "90s"], &["--from 90", "after the end"]);
}

#[test]
fn a_scenario_that_fails_shrinks_to_what_it_takes() {
    let dir = written(&[UNFAIR, CALM]);
    let (unfair, small) = (path(&dir, "unfair.toml"), path(&dir, "small.toml"));
    let shrunk = ends(&["sim", "shrink", &unfair, "--seed", "3", "--out", &small, "--json"], 0);
    let json = shrunk.json();
    let fields = ["check", "faults", "nodes", "replay", "runs", "seed", "toml", "virtual_s"];
    assert_eq!(keys(&json), fields);
    assert_eq!((&json["check"], &json["faults"]), (&"detection".into(), &Value::from(1)));
    assert!(json["nodes"].as_u64() < Some(5) && json["virtual_s"].as_f64() < Some(6.0), "{json}");
    assert!(shrunk.stderr.contains("without faults[0]"), "{}", shrunk.stderr);
    let replay = json["replay"].as_str().expect("a line");
    let args: Vec<&str> = replay.split(' ').skip(1).collect();
    assert_eq!(&args[..3], ["sim", "run", &small]);
    assert!(ends(&args, 1).stdout.contains("FAIL detection"));
    let text = ends(&["sim", "shrink", &unfair, "--seed", "3"], 0).stdout;
    assert!(text.starts_with("# detection fails: headcount sim run"), "{text}");
    let calm = path(&dir, "calm.toml");
    refused(&["sim", "shrink", &calm], &["no check fails", "--seed"]);
    refused(
        &["sim", "shrink", &unfair, "--check", "calm_rate"],
        &["--check calm_rate", "detection"],
    );
}

#[test]
fn two_configurations_are_compared_on_the_same_seeds() {
    let dir = written(&[DEATH]);
    let death = path(&dir, "death.toml");
    let compare = ["sim", "compare", &death, "--b", "nodes=12", "--seeds", "1..4"];
    let json = ends(&[&compare[..], &["--json"]].concat(), 0).json();
    assert_eq!(keys(&json), ["a", "b", "broken", "first_seed", "last_seed", "metrics"]);
    assert_eq!(keys(&json["a"]), ["passed", "replay", "runs", "scenario"]);
    assert_eq!((&json["a"]["passed"], &json["b"]["runs"]), (&Value::from(3), &Value::from(3)));
    let probes = &json["metrics"]["probes"];
    assert_eq!(keys(&probes["a"]), ["mean", "median", "p99", "runs"]);
    let ratio = probes["ratio"].as_f64().expect("a number");
    assert!((1.8..3.2).contains(&ratio), "{ratio}");
    let means = ["a", "b"].map(|side| probes[side]["mean"].as_f64().expect("a number"));
    assert!((ratio - means[1] / means[0]).abs() < 1e-9);
    let text = ends(&compare, 0).stdout;
    assert!(text.contains("A: 3 of 3 passed") && text.contains("--set 'nodes=12'"), "{text}");
    assert!(text.contains("first_failed_s") && text.contains("B/A"), "{text}");
    refused(&["sim", "compare", &death], &[&death, "itself", "--b"]);
    refused(&["sim", "compare", &death, "--b", "nodes=0"], &["--b nodes=0", "1 to 1000000"]);
}

#[test]
fn a_reader_that_goes_away_hides_no_failed_check() {
    let dir = written(&[CALM, UNFAIR]);
    let (good, bad) = (path(&dir, "calm.toml"), path(&dir, "unfair.toml"));
    let all = dir.path().to_str().expect("text");
    for (args, code) in [
        (&["sim", "run", &good][..], 0),
        (&["sim", "run", &bad], 1),
        (&["sim", "run", &bad, "--json"], 1),
        (&["sim", "sweep", &good, "--seeds", "3..5"], 0),
        (&["sim", "sweep", all, "--seeds", "3..5"], 1),
        (&["sim", "replay", &bad, "--node", "n1"], 0),
    ] {
        let ended = unheard(args);
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let dir = written(&[UNFAIR]);
    let unfair = path(&dir, "unfair.toml");
    let nowhere = Path::new(&path(&dir, "missing")).join("out").display().to_string();
    let out = format!("--out {nowhere}");
    let shrink = ["sim", "shrink", &unfair, "--runs", "1", "--out", &nowhere];
    refused(&shrink, &[&out, "name another"]);
    refused(
        &["sim", "plot", &unfair, "--seeds", "1..2", "--out", &nowhere],
        &[&out, "name another"],
    );
}

#[test]
fn detectors_are_measured_side_by_side() {
    let only = ["sim", "detect", "--only", "kill-5", "--seeds", "1..2"];
    let json = ends(&[&only[..], &["--json"]].concat(), 0).json();
    let rows = json.as_array().expect("a list");
    assert!(rows.len() >= 2, "{rows:?}");
    let fields = ["detector", "kind", "measures", "name", "nodes", "runs", "virtual_s", "wall_s"];
    assert!(rows.iter().all(|row| keys(row) == fields), "{rows:?}");
    assert_eq!(rows[0]["measures"]["fp_per_run"], 0.0);
    assert!(rows[0]["measures"]["full_median_s"].as_f64() > Some(1.0), "{rows:?}");
    let table = ends(&[&only[..], &["--detector", "swim"]].concat(), 0).stdout;
    assert_eq!(table.lines().count(), 3, "{table}");

    // What is measured can be run by itself.
    let file = ends(&[&only[..], &["--detector", "swim", "--scenario"]].concat(), 0).stdout;
    let dir = written(&[&file]);
    ends(&["sim", "run", &path(&dir, "kill-5.toml"), "--seed", "10"], 0);
    refused(&["sim", "detect", "--only", "kil"], &["kil", "crash-1-of-128"]);
    refused(&["sim", "detect", "--detector", "phi"], &["phi", "lifeguard"]);
}

#[test]
fn a_history_is_compared_with_what_happened() {
    let args = ["--members", "8", "--span", "6h", "--mean-uptime", "1h", "--seed", "3"];
    let ended = headcount(&[&["sim", "week", "--json"], &args[..]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let told = ended.json();
    assert_eq!((&told["wrong"], told["compared"].as_array().map(Vec::len)), (&0.into(), Some(8)));
    assert!(told["report"]["cluster"]["failures"].as_u64() > Some(3), "{told}");
    let text = headcount(&[&["sim", "week"], &args[..]].concat()).stdout;
    assert!(text.contains("8 of 8 histories are what happened"), "{text}");
    refused(&["sim", "week", "--members", "1"], &["members", "3 to 10000"]);
}
