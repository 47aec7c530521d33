//! The experiments of [`crate::calibration`], sampled.

use super::Sample;
use super::sample::Kept;
use crate::calibration::{self, Cell, Experiment, Model, Trial, Tuning};
use crate::measuring::cluster::Sending;
use crate::scenario::ScenarioError;

/// The cells that are run with a seed: every so many-th of Interval, all of Threshold.
pub(super) fn cells(experiment: Experiment, seed: u64, every: usize) -> Vec<Cell> {
    let every = if experiment == Experiment::Interval { every.max(1) } else { 1 };
    let first = (seed.max(1) - 1) as usize % every;
    experiment.cells().into_iter().skip(first).step_by(every).collect()
}

/// Runs one cell. What is sent counts from the start on.
pub(super) fn sample(
    experiment: Experiment,
    cell: Cell,
    tuning: Tuning,
    model: Model,
    seed: u64,
) -> Result<Sample, ScenarioError> {
    let (simulation, at) = calibration::play(experiment, cell, tuning, model, seed)?;
    let trial = Trial::of(&simulation, at);
    let mut sample = Sample::sent(&simulation, &Sending::default().sent(&simulation));
    sample.false_positives = trial.false_positives;
    sample.false_positives_at_healthy = trial.false_positives_at_healthy;
    sample.healthy_failed = trial.healthy_failed;
    // Most standstills are too short to be noticed: as in the paper, those that were not are no
    // part of the quantiles.
    sample.victims = trial.first_detection_s.len();
    sample.keep("noticed", Kept::Sum, trial.first_detection_s.len() as f64);
    sample.first_s = trial.first_detection_s;
    sample.full_s = trial.dissemination_s;
    Ok(sample)
}
