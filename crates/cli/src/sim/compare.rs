//! `headcount sim compare`: two scenarios with the same seeds, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

use headcount_sim::{Report, Scenario};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;
use crate::sim::batch;
use crate::sim::progress::Progress;
use crate::sim::source::{Changes, jobs, processors, seeds, with_settings};
use crate::sim::statistics::{Summary, short};
use crate::table;

/// The flags of `headcount sim compare`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A scenario file
    a: PathBuf,

    /// Another one; by default the same, with other settings
    b: Option<PathBuf>,

    #[command(flatten)]
    changes: Changes,

    /// Changes a setting of the first scenario alone; may be repeated
    #[arg(long = "a", value_name = "PATH=VALUE")]
    a_settings: Vec<String>,

    /// Changes a setting of the second scenario alone; may be repeated
    #[arg(long = "b", value_name = "PATH=VALUE")]
    b_settings: Vec<String>,

    /// From the first seed up to, not including, the second
    #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "1..11")]
    seeds: Range<u64>,

    /// How many runs at a time; by default as many as there are processors
    #[arg(long, value_parser = jobs)]
    jobs: Option<usize>,

    /// Prints one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Two sides and what they measured.
#[derive(Serialize)]
struct Comparison {
    first_seed: u64,
    last_seed: u64,
    a: Side,
    b: Side,
    /// By name; everything that either side measured.
    metrics: BTreeMap<String, Pair>,
    /// Runs that ended before they could be judged: the line that runs it again, and why.
    broken: BTreeMap<String, String>,
}

/// One of the two scenarios.
#[derive(Serialize)]
struct Side {
    scenario: String,
    /// The line that runs its first seed.
    replay: String,
    /// How many runs could be judged.
    runs: usize,
    /// In how many of them every check held.
    passed: usize,
}

/// A metric of both sides.
#[derive(Serialize)]
struct Pair {
    a: Option<Summary>,
    b: Option<Summary>,
    /// The mean of the second by that of the first; `None` if there is none.
    ratio: Option<f64>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let [a, b] = scenarios(args)?;
    let comparison = compare(&a, &b, args);
    let told =
        if args.json { output::json(&comparison) } else { output::raw(&comparison.describe()) };
    match comparison.broken.len() {
        0 => told,
        broken => Err(Failure::Unmet(format!("{broken} runs ended before they could be judged"))),
    }
}

fn scenarios(args: &Args) -> Result<[Scenario; 2], Failure> {
    if args.b.is_none() && args.a_settings == args.b_settings {
        let problem = "is compared with itself; name a second file, or settings by --a and --b";
        return Err(Failure::input(args.a.display(), problem));
    }
    let a = args.changes.load(&args.a)?;
    let b = match &args.b {
        Some(file) => args.changes.load(file)?,
        None => a.clone(),
    };
    Ok([with_settings("--a", &a, &args.a_settings)?, with_settings("--b", &b, &args.b_settings)?])
}

fn compare(a: &Scenario, b: &Scenario, args: &Args) -> Comparison {
    let jobs = batch::jobs([a, b].map(|scenario| (scenario, args.seeds.clone())));
    let mut progress = Progress::new(jobs.len());
    let mut sides: [Vec<Report>; 2] = [Vec::new(), Vec::new()];
    let mut broken = BTreeMap::new();
    batch::run(&jobs, args.jobs.unwrap_or_else(processors), batch::play, |number, result| {
        progress.step(result.as_ref().is_ok_and(|report| report.outcome().is_good()));
        match result {
            Ok(report) => sides[2 * number / jobs.len()].push(report),
            Err(problem) => {
                broken.insert(jobs[number].scenario.replay(jobs[number].seed), problem);
            }
        }
    });
    progress.end();
    let [of_a, of_b] = &sides;
    let names: BTreeSet<&String> = sides.iter().flatten().flat_map(|r| r.metrics.keys()).collect();
    let pair = |name: &String| (name.clone(), Pair::of(summary(of_a, name), summary(of_b, name)));
    let side = |scenario: &Scenario, reports: &[Report]| Side {
        scenario: scenario.name.clone(),
        replay: scenario.replay(args.seeds.start),
        runs: reports.len(),
        passed: reports.iter().filter(|report| report.passed()).count(),
    };
    Comparison {
        first_seed: args.seeds.start,
        last_seed: args.seeds.end - 1,
        a: side(a, of_a),
        b: side(b, of_b),
        metrics: names.into_iter().map(pair).collect(),
        broken,
    }
}

fn summary(reports: &[Report], metric: &str) -> Option<Summary> {
    let mut values: Vec<f64> =
        reports.iter().filter_map(|report| report.metrics.get(metric).copied()).collect();
    // Runs end in any order, and a sum of floats depends on it.
    values.sort_by(f64::total_cmp);
    Summary::of(values)
}

impl Pair {
    fn of(a: Option<Summary>, b: Option<Summary>) -> Pair {
        let ratio = a.zip(b).and_then(|(a, b)| (a.mean != 0.0).then(|| b.mean / a.mean));
        Pair { a, b, ratio }
    }

    fn cells(&self, name: &str) -> Vec<String> {
        let cell = |summary: &Option<Summary>, part: fn(&Summary) -> f64| {
            summary.as_ref().map_or("-".to_owned(), |summary| short(part(summary)))
        };
        let ratio = self.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        let mut cells = vec![name.to_owned()];
        cells.extend([cell(&self.a, |s| s.mean), cell(&self.b, |s| s.mean), ratio]);
        cells.extend([cell(&self.a, |s| s.median), cell(&self.b, |s| s.median)]);
        cells.extend([cell(&self.a, |s| s.p99), cell(&self.b, |s| s.p99)]);
        cells
    }
}

impl Comparison {
    fn describe(&self) -> String {
        let mut text = String::new();
        for (letter, side) in [("A", &self.a), ("B", &self.b)] {
            let Side { replay, runs, passed, .. } = side;
            text.push_str(&format!("{letter}: {passed} of {runs} passed: {replay}\n"));
        }
        text.push_str(&format!("seeds {} to {}\n\n", self.first_seed, self.last_seed));
        let titles =
            ["metric", "A mean", "B mean", "B/A", "A median", "B median", "A p99", "B p99"];
        let rows = self.metrics.iter().map(|(name, pair)| pair.cells(name));
        text.push_str(&table::aligned(titles.map(str::to_owned).to_vec(), rows));
        text.push('\n');
        for (replay, problem) in &self.broken {
            text.push_str(&format!("{problem}\n  {replay}\n"));
        }
        text
    }
}
