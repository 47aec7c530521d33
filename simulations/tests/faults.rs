//! What the faults of processes, clocks, streams and operators do, seen through the engines. Each
//! fault is written as in a scenario file.

use std::time::Duration;

use headcount_sim::{
    EngineSettings, Expect, Fault, Kind, Latency, Report, Scenario, Sighting, Simulation, run_twice,
};
use headcount_state::{Serving, Time};
use headcount_swim::Detector;

const SEC: Duration = Duration::from_secs(1);

fn at(secs: u64) -> Time {
    Time::from_millis(secs * 1_000)
}

fn cluster(nodes: usize, faults: &[&str]) -> Scenario {
    let calm =
        Scenario::new("faults", nodes, 120 * SEC).network(Latency::Constant(SEC / 1_000), 0.0);
    faults.iter().map(|text| fault(text)).fold(calm, Scenario::fault)
}

fn fault(text: &str) -> Fault {
    let head = "name = \"one\"\nnodes = 100\nduration = \"1000s\"\n[[faults]]\n";
    let scenario = Scenario::from_toml(&format!("{head}{text}"));
    scenario.unwrap_or_else(|error| panic!("{error}")).faults.remove(0)
}

fn simulate(scenario: &Scenario) -> Simulation {
    Simulation::new(scenario, 1).unwrap_or_else(|error| panic!("{error}"))
}

fn live(simulation: &Simulation, node: usize) -> usize {
    simulation.engine(node).map_or(0, |engine| engine.table().live_len())
}

fn told(simulation: &Simulation, observer: usize, kind: Kind) -> Vec<Sighting> {
    let seen = |s: &&Sighting| s.observer == observer && s.kind == kind;
    simulation.events().filter(seen).copied().collect()
}

fn metric(simulation: &mut Simulation, name: &str) -> f64 {
    simulation.report().metrics.get(name).copied().unwrap_or_default()
}

fn struck(report: &Report) -> bool {
    report.check("faults_struck").is_some_and(|check| check.pass)
}

#[test]
fn a_partition_comes_and_goes_until_its_end() {
    let flapping = r#"kind = "partition"
at = "10s"
until = "30s"
sides = [["n0-n2"]]
cut = "4s"
open = "6s""#;
    let mut simulation = simulate(&cluster(6, &[flapping]));
    let mut dropped = |until| {
        simulation.run_until(at(until));
        metric(&mut simulation, "datagrams_dropped_partition")
    };
    let counts: Vec<f64> = [10, 14, 20, 24, 30, 50].into_iter().map(&mut dropped).collect();
    assert_eq!(counts[0], 0.0);
    assert!(counts[1] > 0.0 && counts[3] > counts[2], "{counts:?}");
    assert!(
        counts[1] == counts[2] && counts[3] == counts[4] && counts[4] == counts[5],
        "{counts:?}"
    );
    assert!((0..6).all(|node| live(&simulation, node) == 6));
}

#[test]
fn nodes_picked_at_random_are_a_side() {
    let partition = "kind = \"partition\"\nat = \"10s\"\nrandom = 3";
    let mut simulation = simulate(&cluster(8, &[partition]));
    simulation.run_until(at(70));
    let mut sizes: Vec<usize> = (0..8).map(|node| live(&simulation, node)).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [3, 3, 3, 5, 5, 5, 5, 5]);
}

#[test]
fn churn_keeps_its_bound_and_the_cluster_is_one_afterwards() {
    let churn = r#"kind = "churn"
at = "10s"
until = "90s"
interval = "1s"
most_down = 3
nodes = ["n1-n19"]"#;
    let scenario = cluster(20, &[churn]).expect(Expect::converge_within(30 * SEC));
    let mut simulation = simulate(&scenario);
    let mut most = 0;
    for secs in 10..=90 {
        simulation.run_until(at(secs));
        let down = (0..simulation.len()).filter(|n| simulation.engine(*n).is_none()).count();
        most = most.max(down);
    }
    assert_eq!(most, 3);
    assert!(simulation.len() > 25, "{} nodes", simulation.len());
    for kind in [Kind::Joined, Kind::Left, Kind::Failed, Kind::Restarted] {
        assert!(!told(&simulation, 0, kind).is_empty(), "{kind:?}");
    }
    let report = run_twice(&scenario, 1).unwrap();
    assert!(report.passed(), "{report}");
    assert_eq!(report.metrics["fault_0_churn_nodes"], 81.0);
}

#[test]
fn a_process_whose_host_kept_addresses_finds_the_others_without_the_seed() {
    let found = |memory: bool| {
        let died = "kind = \"crash\"\nat = \"10s\"\nnodes = [\"n0\"]";
        let back = format!(
            "kind = \"restart\"\nat = \"60s\"\nnodes = [\"n3\"]\nnew_address = true\nmemory = {memory}"
        );
        let mut simulation = simulate(&cluster(6, &[died, &back]));
        simulation.run_until(at(70));
        live(&simulation, 3)
    };
    assert_eq!((found(true), found(false)), (5, 1));
}

#[test]
fn processes_start_again_at_each_others_addresses() {
    let swap = r#"kind = "restart"
at = "20s"
nodes = ["n1", "n3", "n4"]
swap = true"#;
    let mut simulation = simulate(&cluster(6, &[swap]));
    let address = |simulation: &Simulation, node: usize| {
        simulation.engine(node).unwrap().table().own_attributes().address
    };
    simulation.run_until(at(19));
    let before: Vec<_> = (0..6).map(|node| address(&simulation, node)).collect();
    simulation.run_until(at(40));
    let after: Vec<_> = (0..6).map(|node| address(&simulation, node)).collect();
    assert_eq!(after, [0, 3, 2, 4, 1, 5].map(|node| before[node]));
    assert!((0..6).all(|node| live(&simulation, node) == 6));
}

#[test]
fn a_process_of_another_cluster_is_kept_out_and_equal_views_are_wanted_of_each_cluster() {
    let foreign = r#"kind = "restart"
at = "20s"
nodes = ["n1", "n3"]
cluster = "other""#;
    let seeds = r#"kind = "seeds"
at = "19s"
nodes = ["n1", "n3"]
seeds = ["n0", "n1"]"#;
    let apart = cluster(6, &[seeds, foreign]).expect(Expect::converge_within(20 * SEC));
    let mut simulation = simulate(&apart);
    simulation.run_until(at(60));
    let sizes: Vec<usize> = (0..6).map(|node| live(&simulation, node)).collect();
    assert_eq!(sizes, [4, 2, 4, 2, 4, 4]);
    let report = simulation.report();
    assert!(report.check("convergence").is_some_and(|check| check.pass), "{report}");
    assert!(simulation.report().metrics["foreign_rejected"] > 0.0);
    // Of one cluster that is not one, the same is wrong.
    let alone = r#"kind = "seeds"
at = "19s"
nodes = ["n3"]
seeds = ["10.9.9.9:7946"]"#;
    let split = cluster(6, &[seeds, alone, foreign]);
    let mut simulation = simulate(&split.expect(Expect::converge_within(20 * SEC)));
    simulation.run_until(at(60));
    assert!(simulation.report().check("convergence").is_some_and(|check| !check.pass));
}

#[test]
fn a_rolling_restart_takes_one_after_another() {
    let rolling = r#"kind = "restart"
at = "20s"
nodes = ["n1-n4"]
interval = "5s""#;
    let mut simulation = simulate(&cluster(6, &[rolling]));
    simulation.run_until(at(60));
    let times: Vec<u64> =
        told(&simulation, 0, Kind::Restarted).iter().map(|s| s.at.as_millis() / 1_000).collect();
    assert_eq!(times, [20, 25, 30, 35]);
    assert!((0..6).all(|node| live(&simulation, node) == 6));
}

#[test]
fn a_slow_process_handles_everything_late_and_a_crash_elsewhere_is_noticed() {
    let slow = r#"kind = "slow"
at = "10s"
nodes = ["n2"]
per_message = "40ms"
late_by = "200ms""#;
    let crash = "kind = \"crash\"\nat = \"30s\"\nnodes = [\"n5\"]";
    let expect = Expect { detect_within: Some(40 * SEC), ..Expect::converge_within(40 * SEC) };
    let mut simulation = simulate(&cluster(8, &[slow, crash]).expect(expect));
    simulation.run_until(at(120));
    let failed = |observer| told(&simulation, observer, Kind::Failed).len();
    assert_eq!((failed(0), failed(2)), (1, 1), "of n5 alone");
    let report = simulation.report();
    assert!(report.passed(), "{report}");
    assert!(report.metrics["fault_0_slow_messages"] > 200.0, "{report}");
}

/// A hundredth of the processor for messages of 10 ms each: one message a second.
#[test]
fn a_process_without_its_share_of_the_processor_is_suspected_and_recovers() {
    let starved = r#"kind = "slow"
at = "10s"
until = "60s"
nodes = ["n2"]
per_message = "10ms"
cpu = 0.01"#;
    let mut simulation = simulate(&cluster(8, &[starved]));
    simulation.run_until(at(10));
    assert!(told(&simulation, 0, Kind::Suspected).is_empty());
    simulation.run_until(at(60));
    assert!(!told(&simulation, 0, Kind::Suspected).is_empty());
    simulation.run_until(at(90));
    assert!((0..8).all(|node| live(&simulation, node) == 8));
}

#[test]
fn a_process_that_never_catches_up_loses_what_its_buffer_cannot_hold() {
    let stuck = r#"kind = "slow"
at = "10s"
nodes = ["n2"]
per_message = "10s"
buffer = 5"#;
    let mut simulation = simulate(&cluster(8, &[stuck]));
    simulation.run_until(at(60));
    assert!(metric(&mut simulation, "datagrams_dropped_overrun") > 20.0);
}

#[test]
fn a_clock_that_jumped_shows_in_the_generation_of_the_next_life() {
    let generation = |jump: &str| {
        let clock = format!("kind = \"clock\"\nat = \"5s\"\nnodes = [\"n2\"]\njump = \"{jump}\"");
        let back = "kind = \"restart\"\nat = \"10s\"\nnodes = [\"n2\"]";
        let scenario = cluster(5, &[&clock, back]).expect(Expect::converge_within(5 * SEC));
        let mut simulation = simulate(&scenario);
        simulation.run_until(at(9));
        let before = simulation.engine(2).unwrap().table().own_life().generation;
        simulation.run_until(at(20));
        let after = simulation.engine(2).unwrap().table().own_life().generation;
        let report = simulation.run();
        assert!(report.passed(), "{report}");
        after - before
    };
    assert_eq!(generation("1h"), 3_610_000);
    assert!((1..1_000).contains(&generation("-1h")), "it is behind and takes the next one");
}

#[test]
fn a_fast_clock_probes_more_often_until_it_is_right_again() {
    let drift = |drift: &str| {
        let clock = format!(
            "kind = \"clock\"\nat = \"10s\"\nuntil = \"60s\"\nnodes = [\"n1\"]\ndrift = {drift}"
        );
        // Observers keep in step.
        let lifeguard =
            EngineSettings { detector: Some(Detector::Lifeguard), ..EngineSettings::default() };
        let mut simulation = simulate(&cluster(6, &[&clock]).engine(lifeguard));
        let mut probes = |until: u64| {
            simulation.run_until(at(until));
            [1, 2].map(|node| simulation.engine(node).unwrap().stats().probes as i64)
        };
        let (start, end, later) = (probes(10), probes(60), probes(100));
        let gained = |a: [i64; 2], b: [i64; 2]| (b[0] - a[0]) - (b[1] - a[1]);
        (gained(start, end), gained(end, later))
    };
    let (fast, after) = drift("0.2");
    assert!((9..=11).contains(&fast), "a fifth more in 50 s: {fast}");
    assert!((-1..=1).contains(&after), "{after}");
    assert!((-26..=-24).contains(&drift("-0.5").0));
}

#[test]
fn tags_and_serving_state_change_again_and_again() {
    let tags = r#"kind = "update"
at = "10s"
until = "18s"
interval = "2s"
nodes = ["n2"]
tags = { build = "b{n}" }"#;
    let drain = "kind = \"update\"\nat = \"20s\"\nnodes = [\"n2\"]\nserving = \"draining\"";
    let mut simulation =
        simulate(&cluster(5, &[tags, drain]).expect(Expect::converge_within(5 * SEC)));
    for (secs, build, serving) in [
        (9, None, Serving::Serving),
        (11, Some("b1"), Serving::Serving),
        (15, Some("b3"), Serving::Serving),
        (30, Some("b5"), Serving::Draining),
    ] {
        simulation.run_until(at(secs));
        let mut members = simulation.engine(0).unwrap().members();
        let member = members.find(|member| member.name().as_str() == "n2").unwrap();
        assert_eq!(member.tags().get("build").map(String::as_str), build, "{secs} s");
        assert_eq!(member.serving(), serving, "{secs} s");
    }
    assert_eq!(told(&simulation, 0, Kind::Updated).len(), 6);
    let report = simulation.run();
    assert!(report.passed(), "{report}");
    assert_eq!(report.metrics["fault_0_update_nodes"], 5.0);
}

#[test]
fn nodes_without_seeds_or_with_stale_ones_are_alone_until_they_have_right_ones() {
    for seeds in ["[]", "[\"10.9.9.9:7946\"]"] {
        let none = format!("kind = \"seeds\"\nat = \"0s\"\nnodes = [\"n3-n4\"]\nseeds = {seeds}");
        let right = "kind = \"seeds\"\nat = \"30s\"\nnodes = [\"n3-n4\"]\nseeds = [\"n0\"]";
        let mut simulation = simulate(&cluster(5, &[&none, right]));
        simulation.run_until(at(30));
        let sizes: Vec<usize> = (0..5).map(|node| live(&simulation, node)).collect();
        assert_eq!(sizes, [3, 3, 3, 1, 1], "{seeds}");
        simulation.run_until(at(60));
        assert!((0..5).all(|node| live(&simulation, node) == 5), "{seeds}");
    }
}

#[test]
fn a_stream_stalls_or_breaks_or_is_refused() {
    let joined = |fault: &str| {
        let mut simulation = simulate(&cluster(2, &[fault]));
        simulation.run_until(at(30));
        let first = |kind| told(&simulation, 1, kind).first().map(|s| s.at.as_millis());
        (first(Kind::SeedJoined), first(Kind::SeedFailed))
    };
    let streams = |how: &str, until: &str| {
        joined(&format!("kind = \"streams\"\nat = \"0s\"\nuntil = \"{until}\"\nhow = \"{how}\""))
    };
    let (joined_at, failed_at) = streams("stall", "5s");
    assert!(joined_at.is_some_and(|ms| (5_000..9_000).contains(&ms)), "{joined_at:?}");
    assert_eq!(failed_at, None, "what was sent arrives when it moves again");
    assert_eq!(streams("stall", "20s").1, Some(10_000), "the deadline of a stream");
    assert!(streams("cut", "20s").1.is_some_and(|ms| ms < 10));
    assert!(streams("refuse", "20s").1.is_some_and(|ms| ms < 10));
}

#[test]
fn datagrams_that_overtake_each_other_harm_nobody() {
    let reorder = "kind = \"reorder\"\nat = \"0s\"\nrate = 1.0\nby = \"100ms\"";
    let report = simulate(&cluster(8, &[reorder]).expect(Expect::converge_within(5 * SEC))).run();
    assert!(report.passed(), "{report}");
    assert_eq!(report.metrics["fault_0_reorder_messages"], report.metrics["datagrams_sent"]);
    assert_eq!(report.metrics["suspected_events"], 0.0);
}

#[test]
fn latency_comes_on_top_in_its_direction() {
    let joined = |fault: Option<&str>| {
        let join = "kind = \"join\"\nat = \"1s\"\ncount = 1";
        let faults: Vec<&str> = fault.into_iter().chain([join]).collect();
        let mut simulation = simulate(&cluster(1, &faults));
        simulation.run_until(at(5));
        told(&simulation, 1, Kind::SeedJoined)[0].at.as_millis() - 1_000
    };
    let slow = |direction: &str| {
        format!(
            "kind = \"latency\"\nat = \"0s\"\nlatency = {{ constant = \"20ms\" }}\nnodes = [\"n0\"]\ndirection = \"{direction}\""
        )
    };
    // A millisecond a trip, and half of the trips go out of the seed.
    let trips = joined(None);
    assert_eq!(joined(Some(&slow("out"))), trips + 20 * trips / 2);
    assert_eq!(joined(Some(&slow("both"))), trips + 20 * trips);
}

#[test]
fn a_fault_that_met_nothing_is_told() {
    let idle = "kind = \"loss\"\nat = \"10s\"\nuntil = \"20s\"\nrate = 0.0";
    let busy = "kind = \"loss\"\nat = \"10s\"\nuntil = \"20s\"\nrate = 0.5";
    let report = simulate(&cluster(3, &[busy, idle])).run();
    assert!(!struck(&report));
    let detail = &report.check("faults_struck").unwrap().detail;
    assert!(detail.starts_with("faults[1], a loss"), "{detail}");
    assert!(report.metrics["fault_0_loss_messages"] > 0.0);
    let mut simulation = simulate(&cluster(3, &[busy, idle]));
    simulation.run_until(at(15));
    assert!(struck(&simulation.report()), "it may still come");
}
