//! The shipped scenarios, each with a few seeds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use headcount_sim::{Class, Report, Scenario, Simulation, run_twice};

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
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
        for seed in 1..=3 {
            let report = run(&scenario, seed);
            assert!(report.outcome().is_good(), "{report}");
            let fired = report.metrics["faults_fired"];
            assert_eq!(fired as usize, scenario.faults.len(), "{report}");
        }
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
