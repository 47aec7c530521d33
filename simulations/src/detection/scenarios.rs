//! Each row as a scenario: the same for all detectors.

use std::time::Duration;

use headcount_swim::Detector;

use super::{Conditions, Kind, Measurement};
use crate::calibration::Model;
use crate::random::Random;
use crate::scenario::{Direction, EngineSettings, Expect, Fault, Scenario, Start, Targets};

/// How long a cluster is left alone before anything is measured.
pub(super) const SETTLES: Duration = Duration::from_secs(10);

/// When the first thing goes wrong, or up to a period later.
pub(super) const BEGINS: Duration = Duration::from_secs(15);

/// The default period of engines.
const PERIOD: Duration = Duration::from_secs(1);

/// How long one crash is followed, and many.
const CRASH: Duration = Duration::from_secs(40);
const CRASHES: Duration = Duration::from_secs(60);

/// The most crashes of a row that counts first pings, how far apart they are, how long each node
/// stays down.
const MOST_CRASHES: usize = 40;
const BETWEEN_CRASHES: Duration = Duration::from_secs(3);
const DOWN: Duration = Duration::from_secs(30);

/// How often nodes pause, and how far apart the pauses begin.
const PAUSES: u32 = 40;
const BETWEEN_PAUSES: Duration = Duration::from_secs(15);

/// How long nodes stand still again and again.
const FREEZES: Duration = Duration::from_secs(120);

/// For how long each time, and how long they go on in between, in milliseconds: cells of the
/// Interval grid, each with seeds of its own.
pub(super) const CYCLES: [(u64, u64); 4] = [(8_192, 1), (8_192, 256), (16_384, 16), (16_384, 256)];

/// What the ill lose.
const GRAY: f64 = 0.8;

const MINUTE: Duration = Duration::from_secs(60);

/// How long the ill of a flip-flop are ill, and well.
const FLIP: Duration = Duration::from_secs(20);

/// How long a heal is watched.
const HEALING: Duration = Duration::from_secs(60);

impl Measurement {
    /// The scenario with which a detector is measured.
    pub(super) fn scenario(
        &self,
        detector: Detector,
        conditions: Conditions,
        seed: u64,
    ) -> Scenario {
        let Conditions { model, large, .. } = conditions;
        let mut luck = Random::new(seed, "detection phase");
        let at = BEGINS + some_of(PERIOD, &mut luck);
        let minutes = |few: u32, many: u32| MINUTE * if large { many } else { few };
        let nodes = self.nodes;
        let (faults, lasts) = match self.kind {
            Kind::Crash(random) => {
                let crash = Fault::Crash { at, nodes: Vec::new(), random, silent: true };
                (vec![crash], if random > 1 { CRASHES } else { CRASH })
            }
            Kind::Kill => (vec![Fault::crash(at, Targets::random(1))], CRASH),
            Kind::FirstProbe(percent) => return self.probes(detector, percent, luck),
            Kind::Pause(ms) => {
                let pause = |number: u32| {
                    let at = BEGINS + BETWEEN_PAUSES * number + some_of(PERIOD, &mut luck);
                    let until = at + Duration::from_millis(ms);
                    freeze((at, until), one(number as usize), 0, model, None)
                };
                ((0..PAUSES).map(pause).collect(), BETWEEN_PAUSES * PAUSES)
            }
            Kind::Freeze(random) => {
                let (frozen, open) = CYCLES[(seed % CYCLES.len() as u64) as usize];
                let cycle = [frozen, open].map(Duration::from_millis);
                let until = at + FREEZES;
                let fault = freeze((at, until), Vec::new(), random, model, Some(cycle));
                (vec![fault], FREEZES + cycle.iter().sum::<Duration>())
            }
            Kind::GrayIn(random) => {
                let lasts = minutes(5, 15);
                (vec![loss((at, at + lasts), GRAY, Vec::new(), random, Direction::In)], lasts)
            }
            Kind::GrayOut(random) => {
                let lasts = minutes(5, 15);
                (vec![loss((at, at + lasts), GRAY, Vec::new(), random, Direction::Out)], lasts)
            }
            Kind::FlipFlop(ill) => {
                let flips = (5 * MINUTE).as_secs() / (2 * FLIP).as_secs();
                let flip = |number| {
                    let at = at + 2 * FLIP * number as u32;
                    loss((at, at + FLIP), GRAY, labels(0..ill), 0, Direction::Both)
                };
                ((0..flips).map(flip).collect(), 5 * MINUTE)
            }
            Kind::Toggle(ms) => {
                let each = Duration::from_millis(ms);
                (vec![flapping(at, 10 * MINUTE, 1, each)], 10 * MINUTE)
            }
            Kind::Deaf => {
                let (from, to, until) = (None, Some(one(0)), Some(at + 10 * MINUTE));
                (vec![Fault::Cut { at, until, from, to }], 10 * MINUTE)
            }
            Kind::Loss(percent) => {
                let lasts = minutes(10, 60);
                let rate = f64::from(percent) / 100.0;
                (vec![loss((at, at + lasts), rate, Vec::new(), 0, Direction::Both)], lasts)
            }
            Kind::Cut(side) => {
                let fault = Fault::Partition {
                    at,
                    until: Some(at + MINUTE),
                    sides: vec![labels(0..side)],
                    random: 0,
                    cut: None,
                    open: Duration::ZERO,
                };
                (vec![fault], MINUTE + HEALING)
            }
            Kind::FlappingCut => (vec![flapping(at, 10 * MINUTE, nodes / 2, MINUTE)], 10 * MINUTE),
            Kind::OneSidedHalf => {
                let (from, to) = (Some(labels(1..nodes / 2 + 1)), Some(one(0)));
                (vec![Fault::Cut { at, until: Some(at + 3 * MINUTE), from, to }], 3 * MINUTE)
            }
            Kind::Interval | Kind::Threshold => (Vec::new(), Duration::ZERO),
        };
        let ends = if matches!(self.kind, Kind::Pause(_)) { BEGINS } else { at };
        self.of(detector, ends + lasts, faults)
    }

    /// One after another dies, and starts again much later.
    fn probes(&self, detector: Detector, percent: u32, mut luck: Random) -> Scenario {
        let crashes = MOST_CRASHES.min(self.nodes / 3);
        let mut nodes: Vec<usize> = (0..self.nodes).collect();
        luck.shuffle(&mut nodes);
        let (mut at, mut faults) = (BEGINS, Vec::new());
        for node in nodes.into_iter().take(crashes) {
            let dies = at + some_of(PERIOD, &mut luck);
            faults.push(Fault::Crash { at: dies, nodes: one(node), random: 0, silent: true });
            faults.push(Fault::restart(dies + DOWN, Targets { nodes: one(node), random: 0 }));
            at += BETWEEN_CRASHES;
        }
        let scenario = self.of(detector, at + DOWN, faults);
        let latency = scenario.network.latency;
        scenario.network(latency, f64::from(percent) / 100.0)
    }

    fn of(&self, detector: Detector, ends: Duration, faults: Vec<Fault>) -> Scenario {
        let engine = EngineSettings { detector: Some(detector), ..EngineSettings::default() };
        let scenario = Scenario::new(&self.name(), self.nodes, ends)
            .engine(engine)
            .start(Start { known: true, ..Start::default() })
            .expect(Expect { no_false_failures: false, ..Expect::default() });
        faults.into_iter().fold(scenario, Scenario::fault)
    }
}

/// A part of a period.
fn some_of(period: Duration, luck: &mut Random) -> Duration {
    Duration::from_micros(luck.below(period.as_micros() as usize) as u64)
}

fn labels(nodes: std::ops::Range<usize>) -> Vec<String> {
    nodes.map(|node| format!("n{node}")).collect()
}

fn one(node: usize) -> Vec<String> {
    labels(node..node + 1)
}

fn freeze(
    (at, until): (Duration, Duration),
    nodes: Vec<String>,
    random: usize,
    model: Model,
    cycle: Option<[Duration; 2]>,
) -> Fault {
    let Model { timers, drain } = model;
    let (frozen, open) =
        cycle.map_or((None, Duration::ZERO), |[frozen, open]| (Some(frozen), open));
    Fault::Freeze { at, until, nodes, random, timers, drain, frozen, open }
}

fn loss(
    (at, until): (Duration, Duration),
    rate: f64,
    nodes: Vec<String>,
    random: usize,
    direction: Direction,
) -> Fault {
    Fault::Loss { at, until: Some(until), rate, nodes, random, direction }
}

/// The first so many nodes are cut off for `each`, and not, by turns.
fn flapping(at: Duration, lasts: Duration, side: usize, each: Duration) -> Fault {
    Fault::Partition {
        at,
        until: Some(at + lasts),
        sides: vec![labels(0..side)],
        random: 0,
        cut: Some(each),
        open: each,
    }
}
