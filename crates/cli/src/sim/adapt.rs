//! `headcount sim adapt`: a period that adapts to its links beside one that is fixed.

use std::collections::BTreeMap;
use std::ops::Range;

use headcount::Detector;
use headcount_sim::adaptive::{Links, Outcome, Period, play};
use serde::Serialize;

use crate::failure::Failure;
use crate::sim::batch;
use crate::sim::progress::Progress;
use crate::sim::source::{jobs, seeds};
use crate::sim::statistics::{Summary, short};
use crate::{output, table};

/// The detectors that have such a period.
const DETECTORS: [Detector; 2] = [Detector::Swim, Detector::Lifeguard];

/// The flags of `headcount sim adapt`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The seeds of every row, the second one left out
    #[arg(long, value_name = "FROM..TO", default_value = "1..41", value_parser = seeds)]
    seeds: Range<u64>,

    /// How many runs at a time
    #[arg(long, default_value_t = 2, value_parser = jobs)]
    jobs: usize,

    /// Prints one JSON document instead of a Markdown table
    #[arg(long)]
    json: bool,
}

/// One row: links, detector and period.
#[derive(Clone, Copy)]
struct Case {
    links: Links,
    detector: Detector,
    period: Period,
}

/// What came of one row.
#[derive(Debug, Serialize)]
struct Row {
    /// `calm`, `slow`, `lossy` or `jittery`.
    links: &'static str,
    detector: &'static str,
    period: &'static str,
    runs: usize,
    /// Suspicions of nodes that ran, for each node and hour.
    suspicions_per_node_hour: f64,
    /// From the crash of one node to the first word that it failed, in seconds. Null if it was never
    /// found.
    detected_s: Option<Summary>,
    /// In how many runs it was found.
    detected: usize,
    /// What a node sent in a second, with IP and UDP headers.
    bytes_per_node_s: f64,
    /// Datagrams that a node sent in a second.
    datagrams_per_node_s: f64,
}

/// Plays every row with every seed and prints a table.
///
/// # Errors
/// A run that broke.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut cases = Vec::new();
    for links in Links::ALL {
        for detector in DETECTORS {
            cases.extend(Period::ALL.map(|period| Case { links, detector, period }));
        }
    }
    let of = |case: usize| args.seeds.clone().map(move |seed| (case, seed));
    let work: Vec<(usize, u64)> = (0..cases.len()).flat_map(of).collect();
    let mut progress = Progress::new(work.len());
    let mut ended = BTreeMap::new();
    let play = |(case, seed): &(usize, u64)| {
        let Case { links, detector, period } = cases[*case];
        play(links, period, detector, *seed)
    };
    batch::run(&work, args.jobs, play, |number, outcome| {
        progress.step(outcome.is_ok());
        ended.insert(number, outcome);
    });
    progress.end();
    let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); cases.len()];
    for (number, outcome) in ended {
        let (case, seed) = work[number];
        let name = cases[case].links.as_str();
        let broke = |why| Failure::Unmet(format!("{name}, seed {seed}: {why}"));
        outcomes[case].push(outcome.map_err(broke)?);
    }
    let rows: Vec<Row> = cases.iter().zip(&outcomes).map(|(case, of)| row(*case, of)).collect();
    if args.json { output::json(&rows) } else { output::raw(&show(&rows)) }
}

fn row(case: Case, outcomes: &[Outcome]) -> Row {
    let sum = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>();
    let mean = |of| sum(of) / outcomes.len() as f64;
    let detected: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.detected_s).collect();
    Row {
        links: case.links.as_str(),
        detector: case.detector.as_str(),
        period: case.period.as_str(),
        runs: outcomes.len(),
        suspicions_per_node_hour: sum(|o| o.suspicions as f64) / sum(|o| o.node_hours),
        detected: detected.len(),
        detected_s: Summary::of(detected),
        bytes_per_node_s: mean(|o| o.bytes_per_node_s),
        datagrams_per_node_s: mean(|o| o.datagrams_per_node_s),
    }
}

fn show(rows: &[Row]) -> String {
    let titles = [
        "links",
        "detector",
        "period",
        "runs",
        "suspicions of the well, per node and hour",
        "crash found, median s",
        "p99 s",
        "found",
        "bytes per node and s",
        "datagrams per node and s",
    ];
    let cells = |row: &Row| {
        let found = |of: fn(&Summary) -> f64| {
            row.detected_s.as_ref().map_or("-".to_owned(), |found| short(of(found)))
        };
        vec![
            row.links.to_owned(),
            row.detector.to_owned(),
            row.period.to_owned(),
            row.runs.to_string(),
            short(row.suspicions_per_node_hour),
            found(|summary| summary.median),
            found(|summary| summary.p99),
            row.detected.to_string(),
            short(row.bytes_per_node_s),
            short(row.datagrams_per_node_s),
        ]
    };
    table::markdown(titles.map(str::to_owned).to_vec(), rows.iter().map(cells)) + "\n"
}
