//! The shipped scenarios, each with a few seeds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headcount_sim::{Class, MetricRule, Report, Scenario, Simulation, run_twice};

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let files = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        files.filter(|f| f.extension() == Some("toml".as_ref())).collect();
    files.sort();
    files
}

fn read(file: &Path) -> Scenario {
    Scenario::load(file).unwrap_or_else(|error| panic!("{error}"))
}

fn load(name: &str) -> Scenario {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.toml")))
}

fn run(scenario: &Scenario, seed: u64) -> Report {
    Simulation::new(scenario, seed).unwrap_or_else(|error| panic!("{error}")).run()
}

#[test]
fn every_file_is_a_scenario_of_its_own_name() {
    let files = shipped();
    assert!(files.len() >= 10);
    for file in files {
        let scenario = read(&file);
        assert_eq!(scenario.name, file.file_stem().unwrap().to_str().unwrap());
        assert!(!scenario.description.is_empty(), "{}", scenario.name);
    }
}

#[test]
fn every_file_is_the_same_scenario_when_it_was_written_again() {
    for file in shipped() {
        let scenario = Scenario::from_toml(&std::fs::read_to_string(&file).unwrap());
        let text = scenario.as_ref().unwrap().to_toml().unwrap();
        assert_eq!(Scenario::from_toml(&text), scenario, "{text}");
    }
}

#[test]
fn every_quick_scenario_goes_as_it_says() {
    for scenario in shipped().iter().map(|file| read(file)).filter(|s| s.class == Class::Quick) {
        let report = run(&scenario, 1);
        assert!(report.outcome().is_good(), "{report}");
        assert!(report.check("faults_struck").is_none_or(|check| check.pass), "{report}");
        let unknown = |rule: &&MetricRule| !report.metrics.contains_key(&rule.name);
        assert_eq!(scenario.expect.metrics.iter().find(unknown), None, "{report}");
    }
}

/// What fails where a feature is missing: this, and nothing else.
const MISSING: [(&str, &[&str]); 1] = [("udp-blocked-everywhere", &["detection"])];

#[test]
fn what_is_expected_to_fail_fails_as_its_reason_says() {
    let quick = shipped().into_iter().map(|file| read(&file)).filter(|s| s.class == Class::Quick);
    let failing: Vec<Scenario> = quick.filter(|s| s.expected_to_fail.is_some()).collect();
    let names: Vec<&str> = failing.iter().map(|scenario| scenario.name.as_str()).collect();
    assert_eq!(names, MISSING.map(|(name, _)| name));
    for (scenario, (_, expected)) in failing.iter().zip(MISSING) {
        let report = run(scenario, 1);
        let failed: BTreeSet<&str> =
            report.checks.iter().filter(|c| !c.pass).map(|c| c.name.as_str()).collect();
        assert_eq!(failed, expected.iter().copied().collect(), "{report}");
    }
}

/// The names in backticks of a cell.
fn names_in(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn the_list_of_failures_names_every_file_in_its_row_and_whether_it_passes() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/README.md");
    let text = std::fs::read_to_string(readme).expect("the list is there");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 26, "a row for each failure");
    let (mut listed, mut keys) = (BTreeSet::new(), Vec::new());
    for row in &rows {
        let [_, what, passing, failing, elsewhere, _] = row[..] else { panic!("{row:?}") };
        keys.extend(names_in(what).next());
        for (cell, fails) in [(passing, false), (failing, true)] {
            for name in names_in(cell) {
                assert_eq!(load(name).expected_to_fail.is_some(), fails, "{name}");
                assert!(listed.insert(name), "{name} is listed twice");
            }
        }
        let told = !passing.is_empty() || !failing.is_empty() || !elsewhere.is_empty();
        assert!(told, "{what}: neither told nor said to be missing");
    }
    let rest =
        text.lines().skip_while(|line| !line.starts_with("Besides these")).collect::<String>();
    for file in shipped() {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let of_a_row = keys.iter().any(|key| name.starts_with(key));
        let besides = !of_a_row && names_in(&rest).any(|other| other == name);
        assert!(listed.contains(name) || besides, "{name} is not in the list");
    }
}

/// Less virtual time than the scenario has: what is claimed is over after ten seconds.
#[test]
fn a_thousand_nodes_that_join_through_one_seed_know_each_other_within_ten_seconds() {
    let mut scenario = load("join-1000");
    scenario.duration = Duration::from_secs(10);
    let report = run(&scenario, 1);
    assert!(report.passed(), "{report}");
    assert!(report.metrics["converged_s"] <= 10.0);
}

/// Lifeguard (arXiv 1707.00788v2), table V: the medians of the first detection and of the full
/// dissemination of a crash among 128.
#[test]
fn a_crash_is_known_at_the_published_time() {
    for (detector, first, all) in [("swim", 12.44, 12.90), ("lifeguard", 12.45, 12.91)] {
        let scenario = load(&format!("crash-128-{detector}"));
        let reports: Vec<Report> = (1..=9).map(|seed| run(&scenario, seed)).collect();
        for (metric, published) in [("first_failed_s", first), ("all_failed_s", all)] {
            let mut times: Vec<f64> = reports.iter().map(|r| r.metrics[metric]).collect();
            times.sort_by(f64::total_cmp);
            let median = times[times.len() / 2];
            let off = (median / published - 1.0).abs();
            assert!(off < 0.08, "{detector} {metric}: {median} s, published {published} s");
        }
    }
}

#[test]
fn one_seed_does_the_same_twice_and_another_seed_does_not() {
    let scenario = load("lossy-25");
    let report = run_twice(&scenario, 1).unwrap();
    assert!(report.check("deterministic").unwrap().pass, "{report}");
    assert_ne!(report.trace_hash, run(&scenario, 2).trace_hash);
}

#[test]
fn a_failing_check_ends_with_the_line_that_replays_it() {
    let mut scenario = load("restart-same-name-new-address");
    scenario.expect.converge_within = Some(Duration::from_micros(1));
    let report = run(&scenario, 7);
    let check = report.check("convergence").unwrap();
    assert!(!check.pass);
    let last = check.detail.lines().last().unwrap();
    assert!(last.starts_with("headcount sim run "), "{last}");
    assert!(last.ends_with("restart-same-name-new-address.toml --seed 7"), "{last}");
}
