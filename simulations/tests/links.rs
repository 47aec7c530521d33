//! What faults of the links do, seen through the engines: copies, flipped bits, small packets,
//! filters and bursts.

use std::time::Duration;

use headcount_sim::{
    Direction, EngineSettings, Expect, Fault, Kind, Latency, Protocol, Report, Scenario,
    Simulation, run_twice,
};
use headcount_state::Time;

const SEC: Duration = Duration::from_secs(1);

fn cluster(nodes: usize) -> Scenario {
    Scenario::new("links", nodes, 60 * SEC).network(Latency::Constant(SEC / 1_000), 0.0)
}

fn run(scenario: &Scenario) -> Report {
    Simulation::new(scenario, 1).expect("a scenario that can be run").run()
}

fn corrupt(rate: f64, until: Duration) -> Fault {
    let (nodes, direction) = (Vec::new(), Direction::Both);
    Fault::Corrupt { at: 5 * SEC, until: Some(until), rate, nodes, random: 0, direction }
}

fn duplicate(rate: f64) -> Fault {
    let (nodes, direction) = (Vec::new(), Direction::Both);
    Fault::Duplicate { at: Duration::ZERO, until: None, rate, nodes, random: 0, direction }
}

fn mtu(bytes: usize) -> Fault {
    let (nodes, direction) = (Vec::new(), Direction::Both);
    Fault::Mtu { at: Duration::ZERO, until: None, bytes, nodes, random: 0, direction }
}

/// Of node 1, from five seconds to forty.
fn block(protocol: Protocol, direction: Direction) -> Fault {
    let nodes = vec!["n1".to_owned()];
    Fault::Block { at: 5 * SEC, until: Some(40 * SEC), protocol, nodes, random: 0, direction }
}

/// How often node `observer` was told something of this kind.
fn told(simulation: &Simulation, observer: usize, kind: Kind) -> usize {
    simulation.events().filter(|s| s.observer == observer && s.kind == kind).count()
}

#[test]
fn corrupt_datagrams_are_counted_as_malformed_and_change_no_table() {
    let report = run(&cluster(8)
        .fault(corrupt(0.2, 40 * SEC))
        .expect(Expect { no_false_failures: false, ..Expect::converge_within(10 * SEC) }));
    assert!(report.passed(), "{report}");
    assert!(report.check("corruption_refused").is_some_and(|check| check.pass), "{report}");
    let metric = |name: &str| report.metrics[name];
    let corrupt = metric("corrupt_datagrams_received");
    let (malformed, foreign) = (metric("malformed_rejected"), metric("foreign_rejected"));
    assert!(corrupt > 100.0, "{corrupt}");
    assert_eq!(malformed + foreign, corrupt);
    // 64 bits of every datagram are the cluster's id.
    assert!(malformed > 0.8 * corrupt, "{malformed} of {corrupt}");
    assert_eq!(metric("faults_fired"), 1.0);
}

#[test]
fn nodes_that_receive_only_corrupt_datagrams_hear_nobody_and_are_one_again_afterwards() {
    let scenario = cluster(4).fault(corrupt(1.0, 30 * SEC));
    let mut simulation = Simulation::new(&scenario, 1).unwrap();
    simulation.run_until(Time::from_millis(30_000));
    assert!((0..4).all(|node| told(&simulation, node, Kind::Isolated) > 0));
    simulation.run_until(Time::from_millis(60_000));
    let live = |node| simulation.engine(node).map_or(0, |engine| engine.table().live_len());
    assert!((0..4).all(|node| live(node) == 4));
}

#[test]
fn every_datagram_may_arrive_twice_and_nothing_comes_of_it() {
    let expect = || Expect::converge_within(5 * SEC);
    let report = run(&cluster(8).fault(duplicate(1.0)).expect(expect()));
    assert!(report.passed(), "{report}");
    let metric = |name: &str| report.metrics[name];
    assert_eq!(metric("datagrams_duplicated"), metric("datagrams_sent"));
    let on_the_way = 2.0 * metric("datagrams_sent") - metric("datagrams_delivered");
    assert!((0.0..50.0).contains(&on_the_way), "{on_the_way}");
    assert_eq!(metric("suspected_events"), 0.0);
}

#[test]
fn datagrams_over_the_mtu_are_dropped_and_smaller_ones_are_not() {
    let dropped = |budget| {
        let engine = EngineSettings { datagram_budget: Some(budget), ..EngineSettings::default() };
        let report = run(&cluster(40).engine(engine).fault(mtu(576)));
        assert!(report.check("faults_struck").is_some_and(|check| check.pass));
        report.metrics.get("datagrams_dropped_mtu").copied().unwrap_or_default()
    };
    assert!(dropped(1_400) > 100.0);
    assert_eq!(dropped(512), 0.0);
}

#[test]
fn a_udp_filter_drops_datagrams_in_its_direction() {
    let dropped = |direction| {
        let report = run(&cluster(5).fault(block(Protocol::Udp, direction)));
        assert!(report.check("faults_struck").is_some_and(|check| check.pass));
        report.metrics["datagrams_dropped_blocked"]
    };
    let (into, out, both) =
        (dropped(Direction::In), dropped(Direction::Out), dropped(Direction::Both));
    assert!(into > 20.0 && out > 20.0 && both > 20.0, "{into} {out} {both}");
}

/// Node 1 starts anew behind the filter: what it opens itself is another matter than what comes in.
#[test]
fn a_tcp_filter_keeps_streams_from_being_opened_in_its_direction() {
    for (direction, failed) in [(Direction::In, 0), (Direction::Out, 1), (Direction::Both, 1)] {
        let scenario = cluster(3).fault(block(Protocol::Tcp, direction));
        let mut simulation = Simulation::new(&scenario, 1).unwrap();
        simulation.run_until(Time::from_millis(6_000));
        simulation.restart(1);
        simulation.run_until(Time::from_millis(17_000));
        assert_eq!(told(&simulation, 1, Kind::SeedFailed), failed, "{direction:?}");
        assert_eq!(simulation.report().metrics.get("datagrams_dropped_blocked"), None);
    }
}

#[test]
fn bursts_lose_datagrams_and_scenarios_with_every_fault_repeat_themselves() {
    let gilbert = Fault::Gilbert {
        at: 10 * SEC,
        until: Some(40 * SEC),
        enter: 0.05,
        leave: 0.2,
        loss_good: 0.0,
        loss_bad: 1.0,
        nodes: vec!["n2".to_owned()],
        random: 1,
        direction: Direction::Both,
    };
    let scenario = cluster(8)
        .fault(gilbert)
        .fault(corrupt(0.01, 40 * SEC))
        .fault(duplicate(0.01))
        .fault(mtu(576))
        .fault(block(Protocol::Udp, Direction::In));
    let report = run_twice(&scenario, 1).unwrap();
    assert!(report.check("deterministic").is_some_and(|check| check.pass), "{report}");
    assert_eq!(report.metrics["faults_fired"], 5.0);
    assert!(report.metrics["datagrams_dropped_loss"] > 20.0);
}
