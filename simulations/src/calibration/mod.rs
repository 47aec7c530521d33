//! Calibration: the experiments of the Lifeguard paper (Dadgar, Phillips, Currey, arXiv
//! 1707.00788v2, section V) over the `swim` and `lifeguard` detectors.
//!
//! ```text
//!   128 nodes start, 15 s of quiet, then C nodes at random stand still in lock-step
//!   Threshold   once, for D; it ends when all are healthy again, after 120 s at the latest
//!   Interval    for D, then I of freedom, again and again, until a freeze ends after 120 s
//! ```
//! A simulator that reproduces the published figures can be believed about others.

mod measure;
mod pool;
mod published;

use std::time::Duration;

use headcount_state::{Status, Time};
use headcount_swim::Detector;

use crate::network::Latency;
use crate::scenario::{
    EngineSettings, Expect, Fault, FrozenTimers, Scenario, ScenarioError, Start,
};
use crate::simulation::Simulation;

pub use measure::Trial;
pub use pool::{Pool, Quantiles};
pub use published::{PUBLISHED, Published};

/// Nodes of the paper's cluster.
pub const NODES: usize = 128;

/// How many stand still: C of table III.
const CONCURRENT: [usize; 9] = [1, 4, 8, 12, 16, 20, 24, 28, 32];

/// For how long: D of table III.
const LASTS_MS: [u64; 6] = [128, 512, 2_048, 8_192, 16_384, 32_768];

/// And for how long they are free in between: I of table III.
const OPEN_MS: [u64; 8] = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384];

/// When the nodes stand still.
const ANOMALY_AT: Duration = Duration::from_secs(15);

/// How long an experiment lasts from there, at least or at most.
const LASTS: Duration = Duration::from_secs(120);

/// Whole tables are exchanged this often: table II.
const EXCHANGE_INTERVAL: Duration = Duration::from_secs(30);

/// An experiment of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Experiment {
    /// How long one standstill may be, and how soon it is noticed (section V.C).
    Threshold,
    /// How many are falsely accused when standstills come again and again (section V.D).
    Interval,
    /// One node dies for good: how soon it is first pinged, and declared dead.
    Crash,
}

/// One combination of an experiment's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// How many nodes stand still (or die): C.
    pub concurrent: usize,
    /// For how long: D; zero in [`Experiment::Crash`].
    pub lasts: Duration,
    /// How long they are free in between: I of [`Experiment::Interval`], else zero.
    pub open: Duration,
}

impl Experiment {
    /// Every combination: 54 of Threshold, 432 of Interval.
    pub fn cells(self) -> Vec<Cell> {
        let ms = Duration::from_millis;
        let (lasts, open): (&[u64], &[u64]) = match self {
            Experiment::Threshold => (&LASTS_MS, &[0]),
            Experiment::Interval => (&LASTS_MS, &OPEN_MS),
            Experiment::Crash => {
                let crash = Cell { concurrent: 1, lasts: Duration::ZERO, open: Duration::ZERO };
                return vec![crash];
            }
        };
        let mut cells = Vec::new();
        for concurrent in CONCURRENT {
            for d in lasts {
                let cell = |i: &u64| Cell { concurrent, lasts: ms(*d), open: ms(*i) };
                cells.extend(open.iter().map(cell));
            }
        }
        cells
    }

    /// Its name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Experiment::Threshold => "threshold",
            Experiment::Interval => "interval",
            Experiment::Crash => "crash",
        }
    }
}

/// How the members are watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// The detector.
    pub detector: Detector,
    /// A suspicion lasts at least this many times log10 N periods.
    pub alpha: f64,
    /// A lone suspicion lasts this many times the least.
    pub beta: f64,
    /// Whether claims and tables spread as in memberlist, which the paper measured.
    pub as_memberlist: bool,
    /// How long a member may be silent, for the observers; `None`: the default.
    pub detection_time: Option<Duration>,
}

impl Tuning {
    /// The paper's SWIM.
    pub const SWIM: Tuning = Tuning {
        detector: Detector::Swim,
        alpha: 5.0,
        beta: 1.0,
        as_memberlist: true,
        detection_time: None,
    };

    /// The paper's Lifeguard, with this alpha and beta 6.
    pub const fn lifeguard(alpha: f64) -> Tuning {
        Tuning {
            detector: Detector::Lifeguard,
            alpha,
            beta: 6.0,
            as_memberlist: true,
            detection_time: None,
        }
    }

    /// The observers, which have no other tuning than this.
    pub const fn observers(detection_time: Option<Duration>) -> Tuning {
        let detector = Detector::Observers;
        Tuning { detector, alpha: 5.0, beta: 6.0, as_memberlist: false, detection_time }
    }

    /// How a detector is measured beside others: those of the paper as it has them.
    pub const fn of(detector: Detector, detection_time: Option<Duration>) -> Tuning {
        match detector {
            Detector::Swim => Tuning::SWIM,
            Detector::Lifeguard => Tuning::lifeguard(5.0),
            Detector::Observers => Tuning::observers(detection_time),
        }
    }
}

/// How a node stands still and is released: the paper leaves it to memberlist and to its machine,
/// and the figures depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// What its timers do meanwhile.
    pub timers: FrozenTimers,
    /// How long each message of its backlog takes.
    pub drain: Duration,
}

impl Model {
    /// The one that is closest to memberlist: each of its loops waits at its next send, deadlines
    /// of suspicions pass, 10 us for a message.
    pub const MEMBERLIST: Model =
        Model { timers: FrozenTimers::Blocked, drain: Duration::from_micros(10) };
}

/// One cell as a scenario.
pub fn scenario(experiment: Experiment, cell: Cell, tuning: Tuning, model: Model) -> Scenario {
    let Cell { concurrent, lasts, open } = cell;
    let Model { timers, drain } = model;
    let (nodes, random, at) = (Vec::new(), concurrent, ANOMALY_AT);
    let freeze = |until, frozen| Fault::Freeze {
        at,
        until,
        nodes: nodes.clone(),
        random,
        timers,
        drain,
        frozen,
        open,
    };
    let (fault, longest) = match experiment {
        Experiment::Threshold => (freeze(at + lasts, None), LASTS),
        Experiment::Interval => (freeze(at + LASTS, Some(lasts)), LASTS + lasts + open),
        Experiment::Crash => (Fault::Crash { at, nodes, random, silent: true }, LASTS / 4),
    };
    let engine = EngineSettings {
        detector: Some(tuning.detector),
        detection_time: tuning.detection_time,
        suspicion_alpha: Some(tuning.alpha),
        suspicion_beta: Some(tuning.beta),
        exchange_interval: tuning.as_memberlist.then_some(EXCHANGE_INTERVAL),
        spreads_as_memberlist: tuning.as_memberlist.then_some(true),
        ..EngineSettings::default()
    };
    Scenario::new(experiment.as_str(), NODES, at + longest)
        .network(Latency::Uniform { from: MICROS * 100, to: MICROS * 500 }, 0.0)
        .engine(engine)
        .start(Start { known: true, ..Start::default() })
        .fault(fault)
        .expect(Expect { no_false_failures: false, ..Expect::default() })
}

const MICROS: Duration = Duration::from_micros(1);

/// Runs one cell with one seed.
///
/// # Errors
/// [`ScenarioError`] if the tuning is out of range.
pub fn run(
    experiment: Experiment,
    cell: Cell,
    tuning: Tuning,
    model: Model,
    seed: u64,
) -> Result<Trial, ScenarioError> {
    let (simulation, at) = play(experiment, cell, tuning, model, seed)?;
    Ok(Trial::of(&simulation, at))
}

/// Plays one cell to its end; when the nodes stood still, or died.
pub(crate) fn play(
    experiment: Experiment,
    cell: Cell,
    tuning: Tuning,
    model: Model,
    seed: u64,
) -> Result<(Simulation, Time), ScenarioError> {
    let scenario = scenario(experiment, cell, tuning, model);
    let mut simulation = Simulation::new(&scenario, seed)?;
    let end = Time::ZERO + scenario.duration;
    let released = Time::ZERO + ANOMALY_AT + cell.lasts;
    while simulation.now() < end && !is_over(experiment, &simulation, released) {
        simulation.run_for(Duration::from_secs(1).min(end.since(simulation.now())));
    }
    Ok((simulation, Time::ZERO + ANOMALY_AT))
}

fn is_over(experiment: Experiment, simulation: &Simulation, released: Time) -> bool {
    match experiment {
        Experiment::Threshold => simulation.now() >= released && all_healthy(simulation),
        Experiment::Interval => {
            simulation.now() >= Time::ZERO + ANOMALY_AT + LASTS && !simulation.is_frozen()
        }
        Experiment::Crash => false,
    }
}

/// Whether everybody holds everybody as alive, not even suspect.
fn all_healthy(simulation: &Simulation) -> bool {
    (0..simulation.len()).filter_map(|node| simulation.engine(node)).all(|engine| {
        let alive = engine.table().live().filter(|record| record.claim.status() == Status::Alive);
        alive.count() == simulation.len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grids_are_the_papers() {
        assert_eq!(Experiment::Threshold.cells().len() * 10, 540);
        assert_eq!(Experiment::Interval.cells().len() * 10, 4_320);
    }

    #[test]
    fn every_cell_is_a_scenario_that_can_run() {
        for experiment in [Experiment::Threshold, Experiment::Interval, Experiment::Crash] {
            for cell in experiment.cells() {
                let scenario = scenario(experiment, cell, Tuning::SWIM, Model::MEMBERLIST);
                assert_eq!(scenario.check(), Ok(()), "{cell:?}");
            }
        }
    }
}
