//! `headcount sim calibrate`: the experiments of the Lifeguard paper, beside its figures.

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_sim::FrozenTimers;
use headcount_sim::calibration::{
    self, Cell, Experiment, Model, NODES, PUBLISHED, Pool, Published, Quantiles, Tuning,
};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output;
use crate::sim::batch;
use crate::sim::progress::Progress;
use crate::sim::source::{jobs, processors};

/// The flags of `headcount sim calibrate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each cell of the two grids is run; the paper ran each ten times
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    repetitions: u64,

    /// Runs only every so many-th cell of the Interval grid, other ones in each repetition; 5, 7,
    /// 11 and 13 meet every value of each parameter
    #[arg(long, default_value_t = 1, value_parser = every)]
    every: usize,

    /// Runs the other models of a standstill too: timers that stop or run on, other drain rates
    #[arg(long)]
    models: bool,

    /// How many runs at a time; as many as there are processors if not given
    #[arg(long, value_parser = jobs)]
    jobs: Option<usize>,

    /// Prints one JSON document instead of Markdown tables
    #[arg(long)]
    json: bool,
}

/// How often the crash of one node is repeated, for each repetition.
const CRASHES: u64 = 100;

/// Some runs that belong together.
struct Batch {
    experiment: Experiment,
    published: Option<&'static Published>,
    tuning: Tuning,
    model: Model,
}

/// One run of one cell.
struct Run {
    /// The number of its batch.
    batch: usize,
    cell: Cell,
    seed: u64,
}

fn every(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(every @ 1..=432) => Ok(every),
        _ => Err("is no step through 432 cells; use 1 to 432".to_owned()),
    }
}

/// Runs the experiments and prints the tables.
///
/// # Errors
/// Output that cannot be written.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let batches = batches(args.models);
    let numbered = batches.iter().enumerate();
    let work: Vec<Run> = numbered.flat_map(|(number, batch)| runs(number, batch, args)).collect();
    let pools = play(&batches, &work, args.jobs.unwrap_or_else(processors))?;
    let rows: Vec<(&Batch, &Pool)> = batches.iter().zip(&pools).collect();
    if args.json { output::json(&document(&rows)) } else { output::raw(&markdown(&rows)) }
}

fn tuning(published: &Published) -> Tuning {
    if published.name == "SWIM" { Tuning::SWIM } else { Tuning::lifeguard(published.alpha) }
}

fn batches(models: bool) -> Vec<Batch> {
    let mut batches = Vec::new();
    for experiment in [Experiment::Interval, Experiment::Threshold, Experiment::Crash] {
        for published in &PUBLISHED {
            if experiment == Experiment::Crash && published.alpha != 5.0 {
                continue;
            }
            let (tuning, model) = (tuning(published), Model::MEMBERLIST);
            batches.push(Batch { experiment, published: Some(published), tuning, model });
        }
    }
    if models {
        for model in other_models() {
            for tuning in [Tuning::SWIM, Tuning::lifeguard(5.0)] {
                let experiment = Experiment::Interval;
                batches.push(Batch { experiment, published: None, tuning, model });
            }
        }
    }
    batches
}

fn other_models() -> [Model; 4] {
    let drain = Duration::from_micros;
    [
        Model { drain: drain(0), ..Model::MEMBERLIST },
        Model { drain: drain(100), ..Model::MEMBERLIST },
        Model { timers: FrozenTimers::Running, ..Model::MEMBERLIST },
        Model { timers: FrozenTimers::Stopped, ..Model::MEMBERLIST },
    ]
}

/// The runs of a batch. The same cell and seed have the same luck under every tuning.
fn runs(number: usize, batch: &Batch, args: &Args) -> Vec<Run> {
    let (every, seeds) = match batch.experiment {
        Experiment::Interval => (args.every, args.repetitions),
        Experiment::Threshold => (1, args.repetitions),
        Experiment::Crash => (1, args.repetitions * CRASHES),
    };
    let cells = batch.experiment.cells();
    let mut runs = Vec::new();
    for (first, seed) in (0..every).cycle().zip(1..=seeds) {
        let some = cells.iter().skip(first).step_by(every);
        runs.extend(some.map(|cell| Run { batch: number, cell: *cell, seed }));
    }
    runs
}

fn play(batches: &[Batch], work: &[Run], threads: usize) -> Result<Vec<Pool>, Failure> {
    let mut progress = Progress::new(work.len());
    let mut trials = BTreeMap::new();
    let trial = |run: &Run| {
        let Batch { experiment, tuning, model, .. } = batches[run.batch];
        calibration::run(experiment, run.cell, tuning, model, run.seed)
    };
    batch::run(work, threads, trial, |number, trial| {
        progress.step(trial.is_ok());
        trials.insert(number, trial);
    });
    progress.end();
    let mut pools = vec![Pool::default(); batches.len()];
    for (number, trial) in trials {
        pools[work[number].batch].add(&trial.map_err(Failure::Unmet)?);
    }
    Ok(pools)
}

fn name(batch: &Batch) -> String {
    let Tuning { detector, alpha, beta, .. } = batch.tuning;
    format!("{} alpha {alpha} beta {beta}", detector.as_str())
}

fn model(batch: &Batch) -> String {
    let Model { timers, drain } = batch.model;
    let timers = match timers {
        FrozenTimers::Stopped => "timers stop",
        FrozenTimers::Blocked => "loops wait at their sends",
        FrozenTimers::Running => "timers run",
    };
    format!("{timers}, {} us a message", drain.as_micros())
}

/// The runs of SWIM with which those of `batch` are compared.
fn baseline<'a>(rows: &[(&'a Batch, &'a Pool)], batch: &Batch) -> Option<&'a Pool> {
    let same = |other: &Batch| {
        other.tuning == Tuning::SWIM
            && other.experiment == batch.experiment
            && other.model == batch.model
    };
    rows.iter().find(|(other, _)| same(other)).map(|(_, pool)| *pool)
}

fn percent(of: f64, base: f64) -> Option<f64> {
    (base > 0.0).then(|| 100.0 * of / base)
}

fn false_positives_percent(rows: &[(&Batch, &Pool)], batch: &Batch, pool: &Pool) -> Option<f64> {
    let swim = baseline(rows, batch)?;
    percent(pool.false_positives_per_run(), swim.false_positives_per_run())
}

fn detection_percent(rows: &[(&Batch, &Pool)], batch: &Batch, pool: &Pool) -> Option<f64> {
    percent(pool.first_detection()?.median, baseline(rows, batch)?.first_detection()?.median)
}

fn markdown(rows: &[(&Batch, &Pool)]) -> String {
    let mut text = String::new();
    let of = |experiment| rows.iter().filter(move |(batch, _)| batch.experiment == experiment);
    text.push_str(
        "| Interval | model | runs | FP a run | paper | % of SWIM's | paper | FP- a run | paper | messages/node/s | B/node/s |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (batch, pool) in of(Experiment::Interval) {
        let published = batch.published;
        text.push_str(&format!(
            "| {} | {} | {} | {:.2} | {} | {} | {} | {:.4} | {} | {:.2} | {:.0} |\n",
            name(batch),
            model(batch),
            pool.runs,
            pool.false_positives_per_run(),
            number(published.and_then(|p| p.false_positives_per_run)),
            number(false_positives_percent(rows, batch, pool)),
            number(published.map(|p| p.false_positives_percent)),
            pool.false_positives_at_healthy_per_run(),
            number(published.and_then(|p| p.false_positives_at_healthy_per_run)),
            pool.messages_per_node_s(NODES),
            pool.bytes_per_node_s(NODES),
        ));
    }
    text.push_str(
        "\n| Threshold | runs | samples | first detection: median / 99 % / 99.9 %, s | paper | % of SWIM's median | paper | full dissemination, s | paper |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for (batch, pool) in of(Experiment::Threshold) {
        let published = batch.published;
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            name(batch),
            pool.runs,
            pool.first_detection().map_or(0, |found| found.samples),
            quantiles(pool.first_detection()),
            triple(published.and_then(|p| p.first_detection_s)),
            number(detection_percent(rows, batch, pool)),
            number(published.map(|p| p.first_detection_percent)),
            quantiles(pool.dissemination()),
            triple(published.and_then(|p| p.dissemination_s)),
        ));
    }
    text.push_str(
        "\n| Crash of one | runs | first ping after, T | counted in whole periods | published | first detection, s |\n\
         |---|---|---|---|---|---|\n",
    );
    for (batch, pool) in of(Experiment::Crash) {
        // A doubtful Lifeguard node suspects later than a period after its ping.
        let probe = pool.first_probe().filter(|_| batch.tuning == Tuning::SWIM);
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            name(batch),
            pool.runs,
            number(probe.map(|(wait, _)| wait)),
            number(probe.map(|(_, whole)| whole)),
            number(probe.map(|_| FIRST_PROBE_PERIODS)),
            quantiles(pool.first_detection()),
        ));
    }
    text
}

/// SWIM (Das, Gupta, Motivala, DSN 2002, section 3.2): e / (e - 1).
const FIRST_PROBE_PERIODS: f64 = 1.582;

fn number(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value.abs() < 0.01 => format!("{value:.4}"),
        Some(value) => format!("{value:.2}"),
    }
}

fn triple(values: Option<[f64; 3]>) -> String {
    values.map_or(String::new(), |[a, b, c]| format!("{a:.2} / {b:.2} / {c:.2}"))
}

fn quantiles(found: Option<Quantiles>) -> String {
    triple(found.map(|q| [q.median, q.p99, q.p999]))
}

fn document(rows: &[(&Batch, &Pool)]) -> Value {
    let row = |(batch, pool): &(&Batch, &Pool)| {
        let times = |found: Option<Quantiles>| {
            found.map(|q| json!({"samples": q.samples, "median_s": q.median, "p99_s": q.p99, "p999_s": q.p999}))
        };
        let probe = pool.first_probe().filter(|_| batch.tuning == Tuning::SWIM);
        json!({
            "experiment": batch.experiment.as_str(),
            "detector": batch.tuning.detector.as_str(),
            "alpha": batch.tuning.alpha,
            "beta": batch.tuning.beta,
            "timers": batch.model.timers,
            "drain_us": batch.model.drain.as_micros() as u64,
            "runs": pool.runs,
            "virtual_s": pool.virtual_s,
            "false_positives_per_run": pool.false_positives_per_run(),
            "false_positives_at_healthy_per_run": pool.false_positives_at_healthy_per_run(),
            "false_positives_percent_of_swim": false_positives_percent(rows, batch, pool),
            "first_detection": times(pool.first_detection()),
            "first_detection_percent_of_swim": detection_percent(rows, batch, pool),
            "dissemination": times(pool.dissemination()),
            "first_probe_periods": probe.map(|(wait, _)| wait),
            "first_probe_whole_periods": probe.map(|(_, whole)| whole),
            "messages_per_node_s": pool.messages_per_node_s(NODES),
            "bytes_per_node_s": pool.bytes_per_node_s(NODES),
        })
    };
    json!({ "nodes": NODES, "rows": rows.iter().map(row).collect::<Vec<Value>>() })
}
