//! What nodes make of the cluster's health and of each other's, seen through the engines.

use std::time::Duration;

use headcount_sim::{Fault, Kind, Latency, Scenario, Simulation, Slow, Start, Targets};
use headcount_state::{MemberId, Time};
use headcount_swim::{ClusterHealth, HealthLevel, MissingCause};

const SEC: Duration = Duration::from_secs(1);

fn cluster(nodes: usize, lasts: Duration) -> Scenario {
    Scenario::new("health", nodes, lasts)
        .network(Latency::Constant(SEC / 1_000), 0.0)
        .start(Start { known: true, ..Start::default() })
}

fn simulate(scenario: &Scenario) -> Simulation {
    Simulation::new(scenario, 1).expect("a scenario that can be run")
}

fn health(simulation: &Simulation, node: usize) -> ClusterHealth {
    simulation.engine(node).expect("a running node").cluster_health()
}

/// When `observer` was told something of this kind.
fn told(simulation: &Simulation, observer: usize, kind: Kind) -> Vec<f64> {
    let seen = simulation.events().filter(|s| s.observer == observer && s.kind == kind);
    seen.map(|s| s.at.as_secs_f64()).collect()
}

fn warning(simulation: &Simulation, of: &str) -> u8 {
    let engines = (0..simulation.len()).filter_map(|node| simulation.engine(node));
    let warnings = engines.map(|engine| engine.warning(MemberId::of(of), simulation.now()));
    warnings.max().unwrap_or(0)
}

#[test]
fn the_level_falls_with_members_that_die_and_does_not_heal_by_forgetting_them() {
    let mut scenario = cluster(10, 900 * SEC);
    // So short that the dead are forgotten within the test.
    scenario.engine.tombstone_ttl = Some(30 * SEC);
    let mut simulation = simulate(&scenario);
    simulation.run_until(Time::ZERO + 10 * SEC);
    let ten = ClusterHealth { present: 10, ..ClusterHealth::default() };
    assert_eq!(health(&simulation, 0), ten);
    (6..10).for_each(|node| simulation.crash(node));
    simulation.run_for(10 * SEC);
    let found = health(&simulation, 0);
    let cause = Some(MissingCause::Failed);
    let level = HealthLevel::Critical;
    assert_eq!(found, ClusterHealth { level, present: 6, missing: 4, cause, ..ten });
    simulation.run_for(300 * SEC);
    let shown = simulation.engine(0).map(|engine| engine.members().count());
    assert_eq!(shown, Some(6), "nobody remembers the dead");
    assert_eq!(health(&simulation, 0), found);
    // One more dies, and is forgotten as well.
    simulation.crash(5);
    simulation.run_for(200 * SEC);
    assert_eq!(health(&simulation, 0).level, HealthLevel::Critical);
    assert_eq!((health(&simulation, 0).present, health(&simulation, 0).missing), (5, 5));
    let changes = told(&simulation, 0, Kind::HealthChanged);
    assert!((1..=3).contains(&changes.len()), "{changes:?}");
}

#[test]
fn who_says_goodbye_is_not_missing() {
    let mut simulation = simulate(&cluster(4, 60 * SEC));
    simulation.run_until(Time::ZERO + 10 * SEC);
    (2..4).for_each(|node| simulation.leave(node));
    simulation.run_for(20 * SEC);
    let two = ClusterHealth { present: 2, ..ClusterHealth::default() };
    assert_eq!(health(&simulation, 0), two);
    assert_eq!(told(&simulation, 0, Kind::HealthChanged), [0.0; 0]);
}

#[test]
fn the_level_rises_when_they_have_been_back_for_two_detection_times() {
    let mut simulation = simulate(&cluster(4, 120 * SEC));
    simulation.run_until(Time::ZERO + 10 * SEC);
    simulation.crash(3);
    simulation.run_for(10 * SEC);
    assert_eq!(health(&simulation, 0).level, HealthLevel::Degraded);
    simulation.restart(3);
    simulation.run_for(8 * SEC);
    let back = health(&simulation, 0);
    assert_eq!((back.level, back.missing, back.cause), (HealthLevel::Degraded, 0, None));
    simulation.run_for(6 * SEC);
    assert_eq!(health(&simulation, 0).level, HealthLevel::Healthy);
    assert_eq!(told(&simulation, 0, Kind::HealthChanged).len(), 2);
}

#[test]
fn a_cut_is_told_from_failures_and_isolation_from_a_cut() {
    let mut simulation = simulate(&cluster(10, 120 * SEC));
    simulation.run_until(Time::ZERO + 10 * SEC);
    simulation.partition(&[&[0, 1, 2, 3], &[9]]);
    simulation.run_for(20 * SEC);
    let part = health(&simulation, 0);
    assert_eq!((part.level, part.present, part.missing), (HealthLevel::Failed, 4, 6));
    assert_eq!(part.cause, Some(MissingCause::CutOff));
    let rest = health(&simulation, 4);
    assert_eq!((rest.level, rest.cause), (HealthLevel::Critical, Some(MissingCause::CutOff)));
    let alone = health(&simulation, 9);
    assert_eq!((alone.level, alone.present), (HealthLevel::Failed, 1));
    assert_eq!(alone.cause, Some(MissingCause::Isolated));
    simulation.heal();
    simulation.run_for(40 * SEC);
    let ten = ClusterHealth { present: 10, ..ClusterHealth::default() };
    assert!((0..10).all(|node| health(&simulation, node) == ten));
}

#[test]
fn a_member_that_gets_slow_is_degrading_until_it_is_steady_again() {
    let slow = |at: u32, until: u32, ms: u64| {
        let slow = Slow::new(at * SEC, &["n3"], Duration::from_millis(ms));
        Fault::Slow(Slow { until: Some(until * SEC), ..slow })
    };
    let scenario = cluster(8, 300 * SEC).fault(slow(100, 140, 110));
    let mut simulation = simulate(&scenario);
    simulation.run_until(Time::ZERO + 100 * SEC);
    assert_eq!(warning(&simulation, "n3"), 0);
    simulation.run_until(Time::ZERO + 140 * SEC);
    assert!(warning(&simulation, "n3") >= 50, "{}", warning(&simulation, "n3"));
    assert_eq!(warning(&simulation, "n4"), 0);
    simulation.run_until(Time::ZERO + 300 * SEC);
    let subject = MemberId::of("n3");
    let all = |kind| {
        let of = simulation.events().filter(move |s| s.kind == kind);
        of.map(|s| (s.subject, s.at.as_secs_f64())).collect::<Vec<_>>()
    };
    let (degrading, steady) = (all(Kind::Degrading), all(Kind::Steady));
    assert!(!degrading.is_empty() && degrading.len() == steady.len(), "{degrading:?} {steady:?}");
    let right = |(of, at): &(Option<MemberId>, f64)| *of == Some(subject) && *at > 100.0;
    assert!(degrading.iter().all(right), "{degrading:?}");
    assert!(simulation.events().all(|s| s.kind != Kind::Failed), "it informs, and removes nobody");
}

#[test]
fn one_observer_with_a_bad_link_makes_nobody_degrade() {
    let (from, to) = (Some(vec!["n0".to_owned()]), Some(vec!["n3".to_owned()]));
    let cut = Fault::Cut { at: 100 * SEC, until: None, from, to };
    let mut simulation = simulate(&cluster(12, 200 * SEC).fault(cut));
    simulation.run_until(Time::ZERO + 200 * SEC);
    let seen: Vec<_> = simulation.events().filter(|s| s.kind == Kind::Degrading).collect();
    assert!(seen.is_empty(), "{seen:?}");
}

#[test]
fn a_pause_that_is_survived_is_known_to_the_member_itself() {
    let pauses = |number: u32| {
        let at = (50 + 5 * number) * SEC;
        Fault::freeze(at, at + 2 * SEC, Targets::nodes(&["n2"]))
    };
    let scenario = (0..4).map(pauses).fold(cluster(5, 80 * SEC), Scenario::fault);
    let mut simulation = simulate(&scenario);
    simulation.run_until(Time::ZERO + 68 * SEC);
    let own = simulation.engine(2).map(|e| e.warning(MemberId::of("n2"), simulation.now()));
    assert!(own.is_some_and(|own| own >= 50), "{own:?}");
    assert!(warning(&simulation, "n1") < 50);
}
