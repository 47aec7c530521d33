//! Detection: how the detectors compare. Each [`Measurement`] is one row of the tables that
//! `headcount sim detect` prints, once for each detector; `docs/detection.md` says what each means.
//!
//! ```text
//! Measurement --runs--> Run --of one detector--> Sample --many of them--> Row
//! ```
//! A row is a scenario, so that [`Run::scenario`] can be saved and run by itself. All detectors
//! meet the same scenarios with the same seeds.

mod grid;
mod kind;
mod names;
mod roles;
mod row;
mod sample;
mod scenarios;
mod split;
mod witness;

use std::time::Duration;

use headcount_state::Time;
use headcount_swim::Detector;

use crate::calibration::{Cell, Model, Tuning};
use crate::measuring::cluster::{Sending, begun};
use crate::scenario::{Scenario, ScenarioError};

pub use crate::measuring::Measures;
pub use kind::Kind;
pub use row::{Row, pool};
use sample::Kept;
pub use sample::Sample;
use scenarios::{BEGINS, SETTLES};
pub(crate) use witness::Witness;

/// One row: what happens, to a cluster of how many nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// What happens.
    pub kind: Kind,
    /// How many nodes there are.
    pub nodes: usize,
}

/// How everything is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// How nodes stand still, where they do.
    pub model: Model,
    /// Long rows last as long as they should, in place of an affordable part of it.
    pub large: bool,
    /// Only every so many-th cell of the Interval grid is run, others with each seed.
    pub every: usize,
    /// How long a member may be silent, for the observers; `None`: the default.
    pub detection_time: Option<Duration>,
}

impl Default for Conditions {
    fn default() -> Conditions {
        Conditions { model: Model::MEMBERLIST, large: false, every: 11, detection_time: None }
    }
}

/// One run of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// Of which row.
    pub measurement: Measurement,
    /// From which every random number follows.
    pub seed: u64,
    /// Which cell of a grid, for rows that are one.
    cell: Option<Cell>,
    conditions: Conditions,
}

/// Every row of the tables, in their order; the largest ones only if they are asked for.
pub fn measurements(large: bool) -> Vec<Measurement> {
    let mut all = Vec::new();
    let mut add = |kind, nodes: &[usize]| {
        all.extend(nodes.iter().map(|nodes| Measurement { kind, nodes: *nodes }));
    };
    add(Kind::Crash(1), &[128, 1_000]);
    add(Kind::Crash(100), &[1_000]);
    if large {
        add(Kind::Crash(1_000), &[10_000]);
    }
    add(Kind::Kill, &[128]);
    for percent in [0, 5] {
        add(Kind::FirstProbe(percent), &[128, 1_000]);
    }
    add(Kind::Pause(3_500), &[50]);
    add(Kind::Freeze(4), &[128]);
    add(Kind::Freeze(16), &[128]);
    add(Kind::GrayIn(2), &[100]);
    add(Kind::GrayIn(10), &[1_000]);
    add(Kind::GrayOut(2), &[100]);
    add(Kind::GrayOut(10), &[1_000]);
    add(Kind::FlipFlop(2), &[100]);
    add(Kind::Toggle(5_000), &[50]);
    add(Kind::Deaf, &[50]);
    add(Kind::Loss(25), &[100]);
    add(Kind::Loss(40), &[100]);
    add(Kind::Cut(10), &[20]);
    add(Kind::Cut(2), &[20]);
    add(Kind::FlappingCut, &[20]);
    add(Kind::OneSidedHalf, &[50]);
    add(Kind::Interval, &[crate::calibration::NODES]);
    add(Kind::Threshold, &[crate::calibration::NODES]);
    all
}

impl Measurement {
    /// What is run for one seed. Rows of which one run is cheap and says little are run ten times,
    /// with ten seeds of their own; a grid once for each of its cells.
    pub fn runs(&self, seed: u64, conditions: Conditions) -> Vec<Run> {
        let run = |seed, cell| Run { measurement: *self, seed, cell, conditions };
        if let Some(experiment) = self.kind.experiment() {
            let cells = grid::cells(experiment, seed, conditions.every);
            return cells.into_iter().map(|cell| run(seed, Some(cell))).collect();
        }
        let each = self.kind.runs_a_seed(self.nodes);
        (seed * each..(seed + 1) * each).map(|seed| run(seed, None)).collect()
    }
}

impl Run {
    /// What is played.
    pub fn scenario(&self, detector: Detector) -> Scenario {
        let Run { measurement, seed, cell, conditions } = *self;
        match (measurement.kind.experiment(), cell) {
            (Some(experiment), Some(cell)) => {
                let tuning = Tuning::of(detector, conditions.detection_time);
                crate::calibration::scenario(experiment, cell, tuning, conditions.model)
            }
            _ => {
                let mut scenario = measurement.scenario(detector, conditions, seed);
                if detector == Detector::Observers {
                    scenario.engine.detection_time = conditions.detection_time;
                }
                scenario
            }
        }
    }

    /// Plays it.
    ///
    /// # Errors
    /// [`ScenarioError`] if there can be no such cluster.
    pub fn play(&self, detector: Detector) -> Result<Sample, ScenarioError> {
        let Run { measurement: Measurement { kind, nodes }, seed, cell, conditions } = *self;
        if let (Some(experiment), Some(cell)) = (kind.experiment(), cell) {
            let tuning = Tuning::of(detector, conditions.detection_time);
            return grid::sample(experiment, cell, tuning, conditions.model, seed);
        }
        let scenario = self.scenario(detector);
        let begins = scenario.faults.iter().map(|fault| fault.at()).min().unwrap_or(BEGINS);
        let (begins, ends) = (Time::ZERO + begins, Time::ZERO + scenario.duration);
        let mut simulation = begun(&scenario, seed)?;
        simulation.witness = Some(Box::new(Witness::new(begins, kind.roles(nodes), nodes)));
        simulation.run_until(Time::ZERO + SETTLES);
        let calm = Sending::begin(&simulation);
        simulation.run_until(begins);
        let calm = calm.sent(&simulation);
        let sending = Sending::begin(&simulation);
        let split = kind.splits().then(|| split::watch(&mut simulation, ends));
        simulation.run_until(ends);
        let sent = sending.sent(&simulation);
        let ill = simulation.faulted().len();
        let Some(witness) = simulation.witness.take() else { unreachable!("it was put there") };
        let mut sample = Sample::sent(&simulation, &sent);
        witness.tell(kind, ill, &mut sample);
        match split {
            Some(split) => split.tell(&mut sample),
            None if kind == Kind::Deaf => {
                let ratio = sent.bytes_per_node_s() / calm.bytes_per_node_s();
                sample.keep("traffic_by_calm", Kept::Mean, ratio);
            }
            None => {}
        }
        Ok(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, detector: Detector) -> Row {
        let measurement = Measurement::named(name).unwrap();
        let runs = measurement.runs(1, Conditions::default());
        let samples: Vec<Sample> = runs.iter().map(|run| run.play(detector).unwrap()).collect();
        pool(measurement, detector, &samples)
    }

    fn each(name: &str, check: impl Fn(&Row)) {
        Detector::ALL.into_iter().for_each(|detector| check(&row(name, detector)));
    }

    fn get(row: &Row, name: &str) -> f64 {
        row.measures.get(name).unwrap_or_else(|| panic!("{name} of {row:?}"))
    }

    #[test]
    fn a_crash_is_known_to_one_before_it_is_known_to_all_and_accuses_nobody_else() {
        for name in ["crash-1-of-10", "kill-10"] {
            each(name, |row| {
                assert_eq!(row.runs, 10, "{row:?}");
                assert_eq!(get(row, "fp_per_run"), 0.0, "{row:?}");
                assert!(get(row, "first_median_s") > 0.5, "{row:?}");
                assert!(get(row, "full_median_s") >= get(row, "first_median_s"), "{row:?}");
                assert!(get(row, "full_p99_s") >= get(row, "full_median_s"), "{row:?}");
                assert!((1.0..10.0).contains(&get(row, "messages_per_node_s")), "{row:?}");
                assert!(get(row, "bytes_per_node_s") > 60.0, "{row:?}");
            });
        }
    }

    #[test]
    fn the_dead_are_pinged_within_some_periods() {
        each("first-probe-60", |row| {
            assert_eq!(get(row, "crashes"), 20.0, "{row:?}");
            let (mean, p99) = (get(row, "first_ping_mean_t"), get(row, "first_ping_p99_t"));
            assert!(mean > 0.2 && mean < 3.0 && p99 >= mean, "{row:?}");
        });
    }

    #[test]
    fn who_is_cut_off_for_long_is_failed_and_who_pauses_for_a_moment_is_not() {
        each("toggle-40s", |row| {
            assert!(get(row, "transitions") > 1.0, "{row:?}");
        });
        each("pause-1s", |row| {
            assert_eq!((get(row, "tries"), get(row, "failed")), (40.0, 0.0), "{row:?}");
        });
    }

    #[test]
    fn a_cut_is_settled_on_both_sides_and_healed() {
        each("cut-3-5", |row| {
            assert!(get(row, "settled_s") > 1.0, "{row:?}");
            assert!(get(row, "equal_views_s") > 0.0, "{row:?}");
            assert_eq!(get(row, "fp_per_run"), 0.0, "{row:?}");
        });
    }

    #[test]
    fn a_deaf_node_makes_traffic() {
        each("deaf-1-of-8", |row| assert!(get(row, "traffic_by_calm") > 0.5, "{row:?}"));
    }

    #[test]
    fn standstills_are_measured_in_every_one_of_their_cycles() {
        each("freeze-2-of-12", |row| assert_eq!(row.runs, 4, "{row:?}"));
    }

    #[test]
    fn what_was_to_be_found_and_was_not_is_no_number() {
        each("gray-in-1-of-20", |row| {
            let (first, share) = (row.measures.get("first_median_s"), get(row, "out_30s_share"));
            assert!(first.is_some() || share == 0.0, "{row:?}");
            assert!((0.0..=1.0).contains(&get(row, "out_at_end_share")), "{row:?}");
        });
    }

    #[test]
    fn the_same_seed_measures_the_same() {
        let measure = || row("first-probe-20-loss-5", Detector::Lifeguard);
        assert_eq!(measure(), measure());
    }

    #[test]
    fn every_row_is_a_scenario_file() {
        for measurement in measurements(true) {
            let run = measurement.runs(1, Conditions::default())[0];
            for detector in Detector::ALL {
                let scenario = run.scenario(detector);
                assert_eq!(scenario.check(), Ok(()), "{}", measurement.name());
                let text = scenario.to_toml().unwrap();
                assert_eq!(Scenario::from_toml(&text), Ok(scenario), "{}", measurement.name());
            }
        }
    }
}
