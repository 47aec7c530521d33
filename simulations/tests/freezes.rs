//! Processes that stand still, in the three ways in which they can.

use std::time::Duration;

use headcount_sim::{
    EngineSettings, Expect, Fault, FrozenTimers, Kind, Report, Scenario, Simulation, Targets,
};
use headcount_state::Time;
use headcount_swim::Detector;

const SEC: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// One of eight stands still from 10 s to `until`, with the settings of `change`.
fn frozen(until: Duration, timers: FrozenTimers) -> Scenario {
    let targets = Targets::nodes(&["n1"]);
    let mut freeze = Fault::freeze(10 * SEC, until, targets);
    if let Fault::Freeze { timers: field, .. } = &mut freeze {
        *field = timers;
    }
    Scenario::new("frozen", 8, 100 * SEC).fault(freeze)
}

fn simulate(scenario: &Scenario) -> Simulation {
    Simulation::new(scenario, 3).expect("a valid scenario")
}

fn run(scenario: &Scenario) -> Report {
    simulate(scenario).run()
}

/// How often `node` was told of this kind of event between the two moments.
fn told(simulation: &Simulation, node: usize, kind: Kind, from: Duration, to: Duration) -> usize {
    let during = |at: Time| (Time::ZERO + from..Time::ZERO + to).contains(&at);
    simulation.events().filter(|e| e.observer == node && e.kind == kind && during(e.at)).count()
}

#[test]
fn a_short_freeze_is_survived_and_what_waited_is_taken_in() {
    let expect = || Expect::converge_within(8 * SEC);
    for timers in [FrozenTimers::Stopped, FrozenTimers::Blocked, FrozenTimers::Running] {
        let short = frozen(11 * SEC, timers).expect(expect());
        let report = run(&short);
        assert!(report.passed(), "{timers:?}: {report}");
        assert_eq!(report.metrics["failed_events"], 0.0, "{timers:?}");
        let long = run(&frozen(60 * SEC, timers));
        assert!(long.metrics["failed_events"] >= 7.0, "{timers:?}: long ones are failed");
    }
}

#[test]
fn a_stopped_process_accuses_nobody_when_it_goes_on() {
    let mut simulation = simulate(&frozen(40 * SEC, FrozenTimers::Stopped));
    simulation.run_for(45 * SEC);
    assert_eq!(told(&simulation, 1, Kind::Suspected, 10 * SEC, 45 * SEC), 0);
}

/// SWIM: Lifeguard would probe ever more slowly, and an observer would not accuse.
fn swim() -> EngineSettings {
    EngineSettings { detector: Some(Detector::Swim), ..EngineSettings::default() }
}

#[test]
fn a_blocked_process_accuses_the_one_member_that_it_was_about_to_ping() {
    let mut simulation = simulate(&frozen(14 * SEC, FrozenTimers::Blocked).engine(swim()));
    simulation.run_for(20 * SEC);
    assert_eq!(told(&simulation, 1, Kind::Suspected, 10 * SEC, 14 * SEC), 0, "not before");
    assert_eq!(told(&simulation, 1, Kind::Suspected, 14 * SEC, 14 * SEC + MS), 1, "at its release");
}

#[test]
fn a_process_whose_timers_run_accuses_one_member_a_period_and_declares_them_dead() {
    let scenario = frozen(40 * SEC, FrozenTimers::Running);
    let mut simulation = simulate(&scenario.engine(swim()));
    simulation.run_for(39 * SEC);
    assert_eq!(told(&simulation, 1, Kind::Suspected, 10 * SEC, 39 * SEC), 7, "all others");
    assert!(told(&simulation, 1, Kind::Failed, 10 * SEC, 39 * SEC) > 0, "its deadlines pass");
}

#[test]
fn suspicions_run_out_while_sends_block() {
    // The crash is suspected before the freeze; the verdict falls during it.
    let freeze = |timers| {
        let others: Vec<String> = (0..8).filter(|n| *n != 3).map(|n| format!("n{n}")).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let mut freeze = Fault::freeze(16 * SEC, 60 * SEC, Targets::nodes(&others));
        if let Fault::Freeze { timers: field, .. } = &mut freeze {
            *field = timers;
        }
        let crash = Fault::crash(10 * SEC, Targets::nodes(&["n3"]));
        Scenario::new("crash-then-freeze", 8, 100 * SEC).engine(swim()).fault(crash).fault(freeze)
    };
    let failures = |timers| {
        let mut simulation = simulate(&freeze(timers));
        simulation.run_for(59 * SEC);
        told(&simulation, 0, Kind::Failed, 16 * SEC, 59 * SEC)
    };
    assert_eq!(failures(FrozenTimers::Blocked), 1);
    assert_eq!(failures(FrozenTimers::Stopped), 0);
}

#[test]
fn a_cycle_freezes_again_and_again_and_ends_with_a_whole_freeze() {
    let mut freeze = Fault::freeze(10 * SEC, 20 * SEC, Targets::nodes(&["n1"]));
    if let Fault::Freeze { frozen, open, .. } = &mut freeze {
        (*frozen, *open) = (Some(3 * SEC), SEC);
    }
    // Frozen from 10, 14 and 18 s on, for 3 s each.
    let mut simulation = simulate(&Scenario::new("cycle", 8, 100 * SEC).fault(freeze));
    let sent = |simulation: &Simulation| {
        simulation.engine(1).map(|engine| engine.stats().datagrams_sent).unwrap_or_default()
    };
    let mut counts = Vec::new();
    for until in [10, 13, 14, 17, 18, 21, 22] {
        simulation.run_until(Time::ZERO + until * SEC - MS);
        counts.push(sent(&simulation));
    }
    let grows: Vec<bool> = counts.windows(2).map(|pair| pair[1] > pair[0]).collect();
    assert_eq!(grows, [false, true, false, true, false, true], "{counts:?}");
}

#[test]
fn what_waited_is_read_at_the_pace_of_the_drain() {
    let read = |drain_ms: u32| {
        let mut freeze = Fault::freeze(10 * SEC, 14 * SEC, Targets::nodes(&["n1"]));
        if let Fault::Freeze { drain, .. } = &mut freeze {
            *drain = drain_ms * MS;
        }
        let mut simulation = simulate(&Scenario::new("drain", 8, 30 * SEC).fault(freeze));
        simulation.run_for(14 * SEC + 10 * MS);
        simulation.engine(1).map(|engine| engine.stats().datagrams_received).unwrap_or_default()
    };
    let (fast, slow) = (read(0), read(5));
    assert!(slow + 1 < fast, "{slow} of {fast} within 10 ms");
}
