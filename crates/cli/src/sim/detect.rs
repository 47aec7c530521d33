//! `headcount sim detect`: the detectors side by side, on the same scenarios and seeds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use headcount::Detector;
use headcount_sim::calibration::Model;
use headcount_sim::detection::{Conditions, Measurement, Row, Run, Sample, measurements, pool};
use headcount_sim::{FrozenTimers, Scenario};
use serde::Serialize;

use crate::failure::Failure;
use crate::sim::batch;
use crate::sim::progress::Progress;
use crate::sim::source::{jobs, seeds, unusable};
use crate::sim::statistics::short;
use crate::{input, output, table};

/// The flags of `headcount sim detect`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measures this row alone, or those whose names begin like this: crash-1-of-128, gray-in, ...
    /// A row may also be of another size: crash-2-of-50, loss-10-20, cut-4-8, pause-2s
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// Measures this detector; may be repeated. All of them if not given
    #[arg(long = "detector", value_name = "NAME", value_parser = detector)]
    detectors: Vec<Detector>,

    /// The seeds of every row and detector, the second one left out
    #[arg(long, value_name = "FROM..TO", default_value = "1..4", value_parser = seeds)]
    seeds: Range<u64>,

    /// Measures the largest rows too, and lets long ones last as long as they should
    #[arg(long)]
    large: bool,

    /// Runs only every so many-th cell of the Interval grid, other ones with each seed
    #[arg(long, default_value_t = Conditions::default().every, value_parser = every)]
    every: usize,

    /// How long a member may be silent, for the observers; the period is a fifth of it. Default: 5s
    #[arg(long, value_name = "DURATION", value_parser = input::duration)]
    detection_time: Option<Duration>,

    /// What the timers of nodes that stand still do: blocked as in the Lifeguard paper, stopped,
    /// running
    #[arg(long, default_value = "blocked", value_parser = timers)]
    timers: FrozenTimers,

    /// How many runs at a time
    #[arg(long, default_value_t = 2, value_parser = jobs)]
    jobs: usize,

    /// Prints the scenario file of the first run of one row and one detector, and runs nothing
    #[arg(long, conflicts_with = "json")]
    scenario: bool,

    /// Prints one JSON document instead of Markdown tables
    #[arg(long)]
    json: bool,
}

/// One run with one detector.
struct Job {
    row: usize,
    detector: usize,
    run: Run,
}

/// A row, and how long it took.
#[derive(Serialize)]
struct Timed {
    #[serde(flatten)]
    row: Row,
    /// Real time of all runs, in seconds.
    wall_s: f64,
}

fn detector(name: &str) -> Result<Detector, String> {
    let names = || Detector::ALL.map(Detector::as_str).join(", ");
    Detector::from_name(name).ok_or_else(|| format!("is no detector; use one of {}", names()))
}

fn timers(name: &str) -> Result<FrozenTimers, String> {
    match name {
        "blocked" => Ok(FrozenTimers::Blocked),
        "stopped" => Ok(FrozenTimers::Stopped),
        "running" => Ok(FrozenTimers::Running),
        _ => Err("is no model of a standstill; use blocked, stopped or running".to_owned()),
    }
}

fn every(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(every @ 1..=432) => Ok(every),
        _ => Err("is no step through 432 cells; use 1 to 432".to_owned()),
    }
}

/// Measures the rows and prints a table for each kind of them.
///
/// # Errors
/// A name that no row has, a run that broke.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let rows = wanted(args.only.as_deref(), args.large)?;
    let detectors = match args.detectors.as_slice() {
        [] => Detector::ALL.to_vec(),
        some => some.to_vec(),
    };
    let model = Model { timers: args.timers, ..Model::MEMBERLIST };
    let Args { large, every, detection_time, .. } = *args;
    let conditions = Conditions { model, large, every, detection_time };
    if args.scenario {
        return output::raw(&file(&rows, &detectors, &args.seeds, conditions)?);
    }
    let found = measure(&rows, &detectors, &args.seeds, conditions, args.jobs)?;
    if args.json { output::json(&found) } else { output::raw(&show(&found)) }
}

/// The rows that are asked for.
fn wanted(only: Option<&str>, large: bool) -> Result<Vec<Measurement>, Failure> {
    let Some(only) = only else { return Ok(measurements(large)) };
    if let Some(one) = Measurement::named(only) {
        return Ok(vec![one]);
    }
    let begins = |one: &Measurement| {
        one.name().strip_prefix(only).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let found: Vec<Measurement> = measurements(large).into_iter().filter(begins).collect();
    if found.is_empty() {
        let names: Vec<String> = measurements(true).iter().map(Measurement::name).collect();
        return Err(Failure::input(only, format!("is no row; use one of {}", names.join(", "))));
    }
    Ok(found)
}

/// The scenario of the first run.
fn file(
    rows: &[Measurement],
    detectors: &[Detector],
    seeds: &Range<u64>,
    conditions: Conditions,
) -> Result<String, Failure> {
    let ([row], [detector]) = (rows, detectors) else {
        let problem = "prints one file; name one row with --only and one --detector";
        return Err(Failure::input("--scenario", problem));
    };
    let runs = row.runs(seeds.start, conditions);
    let scenario = runs.first().map(|run| run.scenario(*detector));
    let text = scenario.as_ref().map(Scenario::to_toml).transpose().map_err(unusable)?;
    Ok(text.unwrap_or_default())
}

/// Every row with every detector, in this order.
fn measure(
    rows: &[Measurement],
    detectors: &[Detector],
    seeds: &Range<u64>,
    conditions: Conditions,
    threads: usize,
) -> Result<Vec<Timed>, Failure> {
    let mut work = Vec::new();
    for (row, measurement) in rows.iter().enumerate() {
        for seed in seeds.clone() {
            for run in measurement.runs(seed, conditions) {
                work.extend((0..detectors.len()).map(|detector| Job { row, detector, run }));
            }
        }
    }
    let mut progress = Progress::new(work.len());
    let mut ended = BTreeMap::new();
    let play = |job: &Job| {
        let begun = Instant::now();
        let sample = job.run.play(detectors[job.detector])?;
        Ok((sample, begun.elapsed().as_secs_f64()))
    };
    batch::run(&work, threads, play, |number, sample| {
        progress.step(sample.is_ok());
        ended.insert(number, sample);
    });
    progress.end();
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); rows.len() * detectors.len()];
    let mut wall_s = vec![0.0; samples.len()];
    for (number, result) in ended {
        let Job { row, detector, run } = &work[number];
        let (name, seed) = (rows[*row].name(), run.seed);
        let (sample, seconds) =
            result.map_err(|why| Failure::Unmet(format!("{name}, seed {seed}: {why}")))?;
        let place = row * detectors.len() + detector;
        samples[place].push(sample);
        wall_s[place] += seconds;
    }
    let both = rows.iter().flat_map(|row| detectors.iter().map(move |detector| (row, detector)));
    let pooled =
        both.zip(samples.iter().zip(wall_s)).map(|((row, detector), (samples, wall_s))| Timed {
            row: pool(*row, *detector, samples),
            wall_s,
        });
    Ok(pooled.collect())
}

/// A table for each kind, in the order of the rows.
fn show(rows: &[Timed]) -> String {
    let same = |one: &Timed, next: &Timed| one.row.kind == next.row.kind;
    let tables = rows.chunk_by(same).map(|rows| {
        let names = rows.iter().take(1).flat_map(|timed| timed.row.measures.iter());
        let mut titles = vec![rows.first().map_or("", |timed| timed.row.kind).to_owned()];
        titles.extend(["detector", "runs"].map(str::to_owned));
        titles.extend(names.map(|(name, _)| name.replace('_', " ")));
        table::markdown(titles, rows.iter().map(cells)) + "\n"
    });
    tables.collect::<Vec<String>>().join("\n")
}

fn cells(timed: &Timed) -> Vec<String> {
    let row = &timed.row;
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), short);
    let mut cells = vec![format!("`{}`", row.name), row.detector.to_owned(), row.runs.to_string()];
    cells.extend(row.measures.iter().map(|(_, value)| shown(value)));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_name_and_by_kind() {
        let found = |only| -> Vec<String> {
            wanted(only, false).unwrap_or_default().iter().map(Measurement::name).collect()
        };
        assert_eq!(found(None).len(), measurements(false).len());
        assert_eq!(found(Some("loss")), ["loss-25-100", "loss-40-100"]);
        assert_eq!(found(Some("crash-1-of-7")), ["crash-1-of-7"]);
        assert_eq!(found(Some("crash-1000-of-10000")), ["crash-1000-of-10000"]);
        assert!(wanted(Some("los"), false).is_err());
    }

    #[test]
    fn a_table_has_a_line_for_each_detector() {
        let rows = wanted(Some("kill-5"), false).unwrap_or_default();
        let found = measure(&rows, &Detector::ALL, &(1..2), Conditions::default(), 2);
        let text = show(&found.unwrap_or_default());
        assert!(text.starts_with("| kill "), "{text}");
        for detector in Detector::ALL {
            let line = text.lines().find(|line| line.contains(detector.as_str()));
            assert!(line.is_some_and(|line| line.starts_with("| `kill-5` | ")), "{text}");
        }
    }
}
