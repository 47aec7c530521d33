//! What the network, the streams and the faults do, seen through the engines, step by step.

use std::time::Duration;

use headcount_sim::{
    Direction, EngineSettings, Expect, Fault, Kind, Latency, Scenario, Simulation, Targets,
};
use headcount_state::Time;

const SEC: Duration = Duration::from_secs(1);

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn cluster(nodes: usize) -> Scenario {
    Scenario::new("steps", nodes, 120 * SEC).network(Latency::Constant(SEC / 1_000), 0.0)
}

fn simulate(scenario: &Scenario) -> Simulation {
    Simulation::new(scenario, 1).expect("a scenario that can be run")
}

fn live(simulation: &Simulation, node: usize) -> usize {
    simulation.engine(node).map_or(0, |engine| engine.table().live_len())
}

/// When `observer` was first told something of this kind.
fn first(simulation: &Simulation, observer: usize, kind: Kind) -> Option<Time> {
    let seen = |s: &&headcount_sim::Sighting| s.observer == observer && s.kind == kind;
    simulation.events().find(seen).map(|sighting| sighting.at)
}

#[test]
fn nodes_that_join_through_a_seed_hold_each_other() {
    let mut simulation = simulate(&cluster(5));
    simulation.run_until(at(3_000));
    assert!((0..5).all(|node| live(&simulation, node) == 5));
    assert_eq!(simulation.now(), at(3_000));
    let joined = first(&simulation, 1, Kind::SeedJoined).unwrap();
    assert!(joined >= at(3), "a stream takes a round trip to open and a half to be answered");
}

#[test]
fn a_stream_to_a_dead_process_is_refused_and_to_a_dead_host_times_out() {
    for (silent, least, most) in [(false, 2, 2), (true, 10_000, 10_000)] {
        let died = Fault::Crash { at: SEC, nodes: vec!["n0".to_owned()], random: 0, silent };
        let late = Fault::Join { at: 2 * SEC, count: 1 };
        let mut simulation = simulate(&cluster(1).fault(died).fault(late));
        simulation.run_until(at(13_000));
        let failed = first(&simulation, 1, Kind::SeedFailed).unwrap().as_millis() - 2_000;
        assert!((least..=most).contains(&failed), "silent {silent}: {failed} ms");
    }
}

#[test]
fn a_stream_across_a_cut_that_heals_in_time_gets_through() {
    let mut simulation = simulate(&cluster(2));
    simulation.partition(&[&[0]]);
    simulation.run_until(at(2_000));
    assert_eq!(first(&simulation, 1, Kind::SeedJoined), None);
    simulation.heal();
    simulation.run_until(at(6_000));
    assert!(first(&simulation, 1, Kind::SeedJoined).is_some());
    assert_eq!(first(&simulation, 1, Kind::SeedFailed), None);
}

#[test]
fn lost_datagrams_delay_a_stream_and_do_not_break_it() {
    let lossy = cluster(2).network(Latency::Constant(SEC / 1_000), 0.5);
    let mut times = Vec::new();
    for seed in 0..20 {
        let mut simulation = Simulation::new(&lossy, seed).unwrap();
        simulation.run_until(at(5_000));
        times.extend(first(&simulation, 1, Kind::SeedJoined).map(Time::as_millis));
    }
    assert!(times.len() >= 18, "{times:?}");
    assert!(times.iter().any(|ms| *ms > 200), "{times:?}");
}

#[test]
fn sides_fail_each_other_and_are_one_again_when_healed() {
    let mut simulation = simulate(&cluster(6));
    simulation.run_until(at(3_000));
    simulation.partition(&[&[0, 1], &[2, 3]]);
    simulation.run_until(at(60_000));
    assert!((0..6).all(|node| live(&simulation, node) == 2));
    simulation.heal();
    simulation.run_until(at(80_000));
    assert!((0..6).all(|node| live(&simulation, node) == 6));
    assert!(simulation.report().check("no_false_failures").unwrap().pass);
}

#[test]
fn a_crashed_node_is_gone_and_returns_with_nothing_remembered() {
    let mut simulation = simulate(&cluster(4));
    simulation.run_until(at(3_000));
    let before = simulation.engine(2).unwrap().table().own_life();
    simulation.crash(2);
    assert!(simulation.engine(2).is_none());
    simulation.run_until(at(30_000));
    assert_eq!(live(&simulation, 0), 3);
    simulation.restart(2);
    assert_eq!(live(&simulation, 2), 1);
    simulation.run_until(at(35_000));
    assert!((0..4).all(|node| live(&simulation, node) == 4));
    let after = simulation.engine(2).unwrap().table().own_life();
    assert!(after.generation > before.generation && after.instance != before.instance);
    assert!(first(&simulation, 0, Kind::Restarted).is_some());
}

#[test]
fn a_node_that_leaves_is_acknowledged_and_stops() {
    let mut simulation = simulate(&cluster(4));
    simulation.run_until(at(3_000));
    simulation.leave(3);
    assert!(simulation.engine(3).is_some(), "it waits for acknowledgements");
    simulation.run_until(at(13_000));
    assert!(simulation.engine(3).is_none());
    assert!(first(&simulation, 3, Kind::Departed).is_some());
    assert!((0..3).all(|node| first(&simulation, node, Kind::Left).is_some()));
}

#[test]
fn a_node_that_receives_nothing_stays_in_trouble_until_the_loss_ends() {
    let deaf = Fault::Loss {
        at: 5 * SEC,
        until: Some(60 * SEC),
        rate: 1.0,
        nodes: vec!["n1".to_owned()],
        random: 0,
        direction: Direction::In,
    };
    let mut simulation = simulate(&cluster(6).fault(deaf));
    simulation.run_until(at(50_000));
    assert!(first(&simulation, 0, Kind::Suspected).is_some());
    simulation.run_until(at(80_000));
    let report = simulation.report();
    assert_eq!(report.metrics["faults_fired"], 1.0);
    assert!(report.metrics["datagrams_dropped_loss"] > 10.0);
    assert!((0..6).all(|node| live(&simulation, node) == 6), "{report}");
}

#[test]
fn a_one_way_cut_drops_one_direction() {
    let mute = Fault::Cut {
        at: 5 * SEC,
        until: Some(50 * SEC),
        from: Some(vec!["n1".to_owned()]),
        to: None,
    };
    let mut simulation = simulate(&cluster(6).fault(mute));
    simulation.run_until(at(45_000));
    assert!((2..6).all(|node| live(&simulation, node) == 5));
    simulation.run_until(at(70_000));
    assert!((0..6).all(|node| live(&simulation, node) == 6));
    assert!(simulation.report().metrics["datagrams_dropped_cut"] > 0.0);
}

#[test]
fn a_clock_that_is_behind_does_not_keep_a_restarted_node_out() {
    let back = Fault::Restart {
        at: 10 * SEC,
        nodes: vec!["n2".to_owned()],
        random: 0,
        new_address: false,
        swap: false,
        cluster: None,
        clock_behind: Duration::from_secs(86_400),
        memory: false,
        interval: Duration::ZERO,
    };
    let scenario = cluster(5).fault(back).expect(Expect::converge_within(5 * SEC));
    let report = simulate(&scenario).run();
    assert!(report.passed(), "{report}");
}

#[test]
fn a_slow_node_takes_longer_to_join_through() {
    let slow = Fault::Delay {
        at: Duration::ZERO,
        until: None,
        nodes: vec!["n0".to_owned()],
        random: 0,
        by: SEC / 50,
    };
    let joined = |scenario: Scenario| {
        let late = scenario.fault(Fault::Join { at: SEC, count: 1 });
        let mut simulation = simulate(&late);
        simulation.run_until(at(3_000));
        first(&simulation, 1, Kind::SeedJoined).map(|joined| joined.as_millis() - 1_000)
    };
    let (fast, slow) = (joined(cluster(1)).unwrap(), joined(cluster(1).fault(slow)).unwrap());
    assert_eq!(slow, fast * 21, "every trip of 1 ms takes 21 ms");
}

#[test]
fn a_shorter_period_detects_sooner() {
    let detected = |period| {
        let engine = EngineSettings { period: Some(period), ..EngineSettings::default() };
        let crash = Fault::crash(20 * SEC, Targets::random(1));
        let scenario = cluster(10).engine(engine).fault(crash);
        let first =
            |seed| Simulation::new(&scenario, seed).unwrap().run().metrics["first_failed_s"];
        (1..=10).map(first).sum::<f64>()
    };
    let ratio = detected(SEC) / detected(SEC / 5);
    assert!((4.0..6.0).contains(&ratio), "{ratio}");
}

#[test]
fn a_fault_that_strikes_nobody_is_told() {
    let twice = cluster(3)
        .fault(Fault::crash(5 * SEC, Targets::nodes(&["n1"])))
        .fault(Fault::crash(6 * SEC, Targets::nodes(&["n1"])));
    let report = simulate(&twice).run();
    let check = report.check("faults_struck").unwrap();
    assert!(!check.pass);
    assert!(check.detail.starts_with("faults[1], a crash"), "{}", check.detail);
}

#[test]
fn a_crash_that_nobody_could_notice_in_time_fails_its_check() {
    let impatient = Expect { detect_within: Some(SEC), ..Expect::default() };
    let crash = Fault::crash(20 * SEC, Targets::random(1));
    let report = simulate(&cluster(5).fault(crash).expect(impatient)).run();
    assert!(!report.check("detection").unwrap().pass);
    assert!(report.check("no_false_failures").unwrap().pass);
}
