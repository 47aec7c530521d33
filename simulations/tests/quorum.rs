//! Random sequences of cuts, heals, joins, crashes and sick nodes, of every shape: never two sides
//! with a majority, and one wherever it should be.
//!
//! Thousands of them: `cargo test --release -p headcount-sim --test quorum -- --ignored`.

#![allow(clippy::print_stdout, reason = "what is counted and measured is printed")]

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_sim::{
    Clock, Direction, EngineSettings, Expect, Fault, FrozenTimers, Packets, Report, Scenario,
    Simulation, Slow, Start, Targets,
};
use headcount_swim::Detector;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const SEC: Duration = Duration::from_secs(1);

/// What the checkers count, over all sequences.
type Counts = BTreeMap<String, f64>;

/// Draws the parts of a sequence.
struct Dice(Xoshiro256PlusPlus);

impl Dice {
    fn up_to(&mut self, most: usize) -> usize {
        self.0.random_range(0..=most)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.up_to(all.len() - 1)]
    }

    fn time(&mut self, least: Duration, most: Duration) -> Duration {
        let ms = |time: Duration| time.as_millis() as u64;
        Duration::from_millis(self.0.random_range(ms(least)..=ms(most)))
    }

    /// So many of the nodes, by label.
    fn some(&mut self, nodes: usize, count: usize) -> Vec<String> {
        let mut all: Vec<usize> = (0..nodes).collect();
        (0..count.min(nodes))
            .map(|_| format!("n{}", all.swap_remove(self.up_to(all.len() - 1))))
            .collect()
    }

    /// All nodes in so many parts, of which the last is not named.
    fn sides(&mut self, nodes: usize, count: usize) -> Vec<Vec<String>> {
        let mut sides = vec![Vec::new(); count];
        for node in 0..nodes {
            let side = self.up_to(count - 1);
            sides[side].push(format!("n{node}"));
        }
        sides.pop();
        sides.retain(|side| !side.is_empty());
        if sides.is_empty() { vec![self.some(nodes, 1)] } else { sides }
    }
}

fn strs(labels: &[String]) -> Vec<&str> {
    labels.iter().map(String::as_str).collect()
}

fn partition(at: Duration, until: Duration, sides: Vec<Vec<String>>) -> Fault {
    let sides: Vec<Vec<&str>> = sides.iter().map(|side| strs(side)).collect();
    let sides: Vec<&[&str]> = sides.iter().map(Vec::as_slice).collect();
    Fault::partition(at, until, &sides)
}

/// What is cut from `at` to `until` among so many nodes.
fn cut(dice: &mut Dice, nodes: usize, at: Duration, until: Duration) -> Vec<Fault> {
    let one_way = |from, to| Fault::Cut { at, until: Some(until), from, to };
    let (half, most) = (nodes / 2, nodes - 1);
    match dice.up_to(9) {
        // Any number of sides, of any size.
        0 | 1 => {
            let count = 2 + dice.up_to(3.min(nodes - 2));
            vec![partition(at, until, dice.sides(nodes, count))]
        }
        // Halves, and the smallest majority there is.
        2 => vec![partition(at, until, vec![dice.some(nodes, half)])],
        3 => vec![partition(at, until, vec![dice.some(nodes, half + 1)])],
        // A node alone, both ways or one.
        4 => vec![partition(at, until, vec![dice.some(nodes, 1)])],
        5 => vec![one_way(Some(dice.some(nodes, 1)), None)],
        6 => vec![one_way(None, Some(dice.some(nodes, 1)))],
        // Some who cannot send to some others, whichever: no clean sides at all.
        7 => {
            let (from, to) = (1 + dice.up_to(most), 1 + dice.up_to(most));
            vec![one_way(Some(dice.some(nodes, from)), Some(dice.some(nodes, to)))]
        }
        // It comes and goes.
        8 => {
            let sides = vec![dice.some(nodes, half)];
            let cut = Some(dice.time(SEC / 2, 6 * SEC));
            let open = dice.time(SEC / 5, 6 * SEC);
            vec![Fault::Partition { at, until: Some(until), sides, random: 0, cut, open }]
        }
        // Another one-way cut on top of sides.
        _ => {
            let sides = dice.sides(nodes, 2);
            let from = Some(dice.some(nodes, 1));
            vec![partition(at, until, sides), one_way(from, None)]
        }
    }
}

/// What happens to processes meanwhile.
fn trouble(dice: &mut Dice, nodes: usize, at: Duration, until: Duration) -> Vec<Fault> {
    let count = 1 + dice.up_to(nodes / 3);
    let chosen = dice.some(nodes, count);
    let one = dice.some(nodes, 1);
    let freeze = |timers, frozen, open| Fault::Freeze {
        at,
        until,
        nodes: one.clone(),
        random: 0,
        timers,
        drain: Duration::from_micros(10),
        frozen,
        open,
    };
    let loss = |direction, rate| Fault::Loss {
        at,
        until: Some(until),
        rate,
        nodes: one.clone(),
        random: 0,
        direction,
    };
    let clock =
        |drift| Clock { at, until: Some(until), nodes: one.clone(), drift, ..Clock::default() };
    let by = dice.time(SEC, 4 * SEC);
    match dice.up_to(11) {
        0 | 1 => {
            let crash = Fault::crash(at, Targets::nodes(&strs(&chosen)));
            vec![crash, Fault::restart(until, Targets::nodes(&strs(&chosen)))]
        }
        2 => vec![Fault::restart(at, Targets::nodes(&strs(&chosen)))],
        3 => vec![Fault::restart(at, Targets::nodes(&["n0-n999"]))],
        4 => {
            let leave = Fault::leave(at, Targets::nodes(&strs(&chosen)));
            vec![leave, Fault::restart(until, Targets::nodes(&strs(&chosen)))]
        }
        5 => vec![freeze(FrozenTimers::Stopped, None, Duration::ZERO)],
        6 => vec![freeze(FrozenTimers::Stopped, Some(3 * SEC), SEC)],
        7 => vec![loss(Direction::Both, 0.5)],
        8 => vec![loss(Direction::In, 1.0)],
        9 => {
            let slow = Slow::new(at, &strs(&one), Duration::from_millis(20));
            vec![Fault::Slow(Slow { until: Some(until), ..slow })]
        }
        10 => vec![Fault::Delay { at, until: Some(until), nodes: one, random: 0, by }],
        _ => vec![Fault::Clock(clock(dice.one_of(&[-0.01, 0.01, 0.2])))],
    }
}

/// A sequence of steps, in each of which the network may be cut, and things may happen to processes;
/// between some of them it heals, and between others the cut goes over into the next.
fn sequence(seed: u64, detector: Detector, sizes: &[usize]) -> Scenario {
    let mut dice = Dice(Xoshiro256PlusPlus::seed_from_u64(seed));
    let started = dice.one_of(sizes);
    let detection_time = dice.one_of(&[5, 5, 5, 1, 2, 10]) * SEC;
    let window = detection_time + 2 * SEC;
    let mut engine = EngineSettings {
        detector: Some(detector),
        detection_time: Some(detection_time),
        ..EngineSettings::default()
    };
    let mut may_join = dice.up_to(started / 2);
    match dice.up_to(2) {
        0 => engine.voters = vec![format!("n0-n{}", started - 1)],
        1 => {
            let some = 3 + dice.up_to(started - 3);
            engine.voters = dice.some(started, some);
        }
        _ => engine.expected_size = Some(started + may_join),
    }
    let mut faults = Vec::new();
    let mut nodes = started;
    let mut at = detection_time + window + 5 * SEC;
    for _ in 0..8 {
        let until = at + window + dice.time(SEC, window);
        if dice.up_to(5) > 0 {
            faults.extend(cut(&mut dice, nodes, at, until));
        }
        if dice.up_to(3) == 0 {
            // Gone when the cut becomes another one, and back soon, on whatever side that is.
            let gone = dice.some(nodes, 1);
            let crash = until - dice.time(SEC / 100, SEC);
            faults.push(Fault::crash(crash, Targets::nodes(&strs(&gone))));
            let back = until + dice.time(SEC / 100, SEC);
            faults.push(Fault::restart(back, Targets::nodes(&strs(&gone))));
        }
        for _ in 0..dice.one_of(&[0, 0, 1, 2]) {
            let begins = at + dice.time(SEC / 10, window);
            let ends = begins + dice.time(SEC, window);
            faults.extend(trouble(&mut dice, nodes, begins, ends));
        }
        if may_join > 0 && dice.up_to(2) == 0 {
            let count = 1 + dice.up_to(may_join - 1);
            faults.push(Fault::Join { at: at + dice.time(Duration::ZERO, window), count });
            may_join -= count;
            nodes += count;
        }
        let pause = dice.time(SEC, window + detection_time);
        at = until + dice.one_of(&[SEC / 1_000, pause]);
    }
    for fault in &mut faults {
        // All of them.
        if let Fault::Restart { nodes: chosen, .. } = fault
            && chosen[0] == "n0-n999"
        {
            *chosen = vec![format!("n0-n{}", started - 1)];
        }
    }
    let known = dice.up_to(1) == 0;
    let mut scenario = Scenario::new("quorum", started, at + 2 * window)
        .engine(engine)
        .start(Start { known, seeds: started, ..Start::default() })
        .expect(Expect { no_false_failures: false, ..Expect::default() });
    scenario.faults = faults;
    scenario
}

fn judge(report: &Report, scenario: &Scenario, counts: &mut Counts) {
    for name in ["quorum_on_one_side", "quorum_where_it_should_be"] {
        let check = report.check(name).expect("a majority is asserted");
        assert!(
            check.pass,
            "seed {}: {name}: {}\n{}",
            report.seed,
            check.detail,
            scenario.to_toml().unwrap_or_default()
        );
    }
    for (name, count) in report.metrics.iter().filter(|(name, _)| name.starts_with("quorum_")) {
        *counts.entry(name.clone()).or_default() += count;
    }
}

/// Runs so many sequences from `first` on; what was counted in them.
fn run(first: u64, many: u64, detector: Detector, sizes: &[usize]) -> Counts {
    let mut counts = Counts::new();
    for seed in first..first + many {
        let scenario = sequence(seed, detector, sizes);
        let simulation = Simulation::new(&scenario, seed).unwrap_or_else(|e| panic!("{seed}: {e}"));
        judge(&simulation.run(), &scenario, &mut counts);
    }
    println!("{} of {sizes:?}: {many} sequences, {counts:?}", detector.as_str());
    counts
}

/// Nothing was checked in vain: the cluster was in parts, somebody had a majority then, and majorities
/// were owed beside sick and cut-off nodes.
fn assert_not_in_vain(counts: &Counts, sequences: f64) {
    for (name, least) in [
        ("quorum_looks_while_parted", 100.0),
        ("quorum_majorities_seen", 2_000.0),
        ("quorum_majorities_owed", 1_000.0),
        ("quorum_majorities_owed_beside_trouble", 200.0),
    ] {
        assert!(counts[name] >= least * sequences, "{name}: {counts:?}");
    }
}

#[test]
fn answers_that_are_long_on_their_way_do_not_outlast_a_cut() {
    let engine = EngineSettings {
        voters: vec!["n0-n4".to_owned()],
        detector: Some(Detector::Swim),
        ..EngineSettings::default()
    };
    let (at, by) = (20 * SEC, 11 * SEC / 4);
    let delay = Fault::Delay { at, until: None, nodes: vec!["n4".to_owned()], random: 0, by };
    // The cut comes at many points of the rounds in which the votes are renewed.
    let cut = Fault::Partition {
        at: 40 * SEC,
        until: Some(600 * SEC),
        sides: vec![vec!["n3".to_owned(), "n4".to_owned()]],
        random: 0,
        cut: Some(10 * SEC),
        open: 83 * SEC / 10,
    };
    let scenario = Scenario::new("late", 5, 600 * SEC)
        .engine(engine)
        .start(Start { known: true, ..Start::default() })
        .fault(delay)
        .fault(cut)
        .expect(Expect { no_false_failures: false, ..Expect::default() });
    let report = Simulation::new(&scenario, 1).expect("a scenario").run();
    judge(&report, &scenario, &mut Counts::new());
}

const SMALL: [usize; 8] = [3, 3, 4, 5, 6, 7, 8, 9];
const LARGE: [usize; 5] = [11, 16, 25, 33, 50];

#[test]
fn observers_have_a_majority_on_one_side_at_most_and_wherever_they_should() {
    assert_not_in_vain(&run(1_000, 40, Detector::Observers, &SMALL), 40.0);
    assert_not_in_vain(&run(2_000, 3, Detector::Observers, &LARGE), 3.0);
}

#[test]
fn with_lifeguard_too() {
    assert_not_in_vain(&run(3_000, 40, Detector::Lifeguard, &SMALL), 40.0);
    assert_not_in_vain(&run(4_000, 3, Detector::Lifeguard, &LARGE), 3.0);
}

#[test]
fn with_swim_too() {
    assert_not_in_vain(&run(5_000, 40, Detector::Swim, &SMALL), 40.0);
    assert_not_in_vain(&run(6_000, 3, Detector::Swim, &LARGE), 3.0);
}

fn run_thousands(first: u64, detector: Detector) {
    assert_not_in_vain(&run(first, 1_000, detector, &SMALL), 1_000.0);
    assert_not_in_vain(&run(first + 500_000, 60, detector, &LARGE), 60.0);
}

#[test]
#[ignore = "takes many minutes"]
fn observers_in_thousands_of_sequences() {
    run_thousands(3_000_000, Detector::Observers);
}

#[test]
#[ignore = "takes many minutes"]
fn lifeguard_in_thousands_of_sequences() {
    run_thousands(2_000_000, Detector::Lifeguard);
}

#[test]
#[ignore = "takes many minutes"]
fn swim_in_thousands_of_sequences() {
    run_thousands(1_000_000, Detector::Swim);
}

/// Bytes that a node sends in a second in a calm cluster, with IP and UDP headers, and how many pings
/// for the quorum alone; the first so many members vote, none if there are none.
fn cost(nodes: usize, voters: usize, detector: Detector) -> (f64, f64) {
    let (settled, end) = (30 * SEC, 150 * SEC);
    let voters = if voters > 0 { vec![format!("n0-n{}", voters - 1)] } else { Vec::new() };
    let detector = Some(detector);
    let engine = EngineSettings { voters, detector, ..EngineSettings::default() };
    let start = Start { known: true, ..Start::default() };
    let scenario = Scenario::new("calm", nodes, end).engine(engine).start(start);
    let mut simulation = Simulation::new(&scenario, 1).expect("a scenario");
    let so_far = |simulation: &Simulation| {
        let bytes: u64 = simulation.packets().iter().map(Packets::wire_bytes).sum();
        let engines = (0..nodes).filter_map(|node| simulation.engine(node));
        let pings: u64 = engines.map(|engine| engine.stats().quorum_pings).sum();
        (bytes as f64, pings as f64)
    };
    simulation.run_for(settled);
    let (bytes, pings) = so_far(&simulation);
    simulation.run_for(end - settled);
    let (all_bytes, all_pings) = so_far(&simulation);
    let node_seconds = nodes as f64 * (end - settled).as_secs_f64();
    ((all_bytes - bytes) / node_seconds, (all_pings - pings) / node_seconds)
}

/// `cargo test -p headcount-sim --test quorum cost -- --nocapture` prints `docs/quorum.md`'s table.
#[test]
fn the_cost_is_in_proportion_to_the_voters_and_nothing_without_any() {
    println!("| members | voters | observers | lifeguard | swim |");
    for (nodes, voters) in [
        (3, 0),
        (3, 3),
        (5, 0),
        (5, 5),
        (9, 0),
        (9, 9),
        (50, 0),
        (50, 3),
        (50, 5),
        (50, 9),
        (50, 50),
    ] {
        let costs = [Detector::Observers, Detector::Lifeguard, Detector::Swim]
            .map(|detector| cost(nodes, voters, detector));
        let shown = costs.map(|(bytes, pings)| format!("{bytes:.0} ({pings:.2})"));
        println!("| {nodes} | {voters} | {} |", shown.join(" | "));
        for (_, pings) in costs {
            // Each voter at most once in half the detection time, and no voter pings itself.
            assert!(pings <= voters as f64 / 2.5, "{nodes} {voters}: {pings}");
            assert!(voters > 0 || pings == 0.0);
        }
    }
}
