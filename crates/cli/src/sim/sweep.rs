//! `headcount sim sweep`: scenarios with many seeds.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use headcount_sim::{Class, Outcome, Report, Scenario};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;
use crate::sim::batch::{self, Job};
use crate::sim::progress::Progress;
use crate::sim::source::{Changes, jobs, processors, seeds, seeds_of};
use crate::table;

/// The flags of `headcount sim sweep`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A scenario file, or a directory of them
    scenarios: PathBuf,

    #[command(flatten)]
    changes: Changes,

    /// From the first seed up to, not including, the second; by default as many as the scenario's
    /// class says: 200 for quick ones, 10 for long ones, 2 for huge ones; of a regression those that
    /// found it
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Option<Range<u64>>,

    /// Which scenarios of a directory: quick, long, huge or all
    #[arg(long, default_value = "quick", value_parser = ["quick", "long", "huge", "all"])]
    class: String,

    /// How many runs at a time; by default as many as there are processors
    #[arg(long, value_parser = jobs)]
    jobs: Option<usize>,

    /// Prints one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// What a sweep found.
#[derive(Serialize)]
struct Sweep<'a> {
    #[serde(flatten)]
    counts: Counts,
    scenarios: Vec<Row<'a>>,
    /// The runs that were not as they should be.
    failures: Vec<Bad<'a>>,
}

/// How many runs ended how.
#[derive(Clone, Copy, Default, Serialize)]
struct Counts {
    runs: usize,
    passed: usize,
    failed_as_expected: usize,
    failed: usize,
    passed_unexpectedly: usize,
    /// Ended before they could be judged.
    broken: usize,
    virtual_s: f64,
    /// Real time: that of each run by itself, and of the whole sweep together.
    wall_s: f64,
}

/// One scenario of a sweep.
#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    class: Class,
    first_seed: u64,
    last_seed: u64,
    /// Every seed, where these are not all from the first to the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    seeds: Option<Vec<u64>>,
    #[serde(flatten)]
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_to_fail: Option<&'a str>,
}

/// A run that was not as it should be.
#[derive(Serialize)]
struct Bad<'a> {
    scenario: &'a str,
    seed: u64,
    /// `failed`, `passed_unexpectedly` or `broken`.
    outcome: &'static str,
    /// The checks that failed.
    checks: Vec<String>,
    /// The line that runs it again.
    replay: String,
    /// Why it broke.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let scenarios = scenarios(args)?;
    let sweep = sweep(&scenarios, args);
    let told = if args.json { output::json(&sweep) } else { output::raw(&sweep.describe()) };
    match sweep.failures.len() {
        0 => told,
        bad => Err(Failure::Unmet(format!("{bad} of {} runs failed", sweep.counts.runs))),
    }
}

fn sweep<'a>(scenarios: &'a [Scenario], args: &Args) -> Sweep<'a> {
    let begun = Instant::now();
    let seeds = |scenario: &Scenario| match args.seeds.clone() {
        Some(range) => range.collect(),
        None => seeds_of(scenario),
    };
    let mut rows: Vec<Row<'a>> =
        scenarios.iter().map(|scenario| Row::new(scenario, seeds(scenario))).collect();
    let row_of = |job: &Job<'_>| scenarios.iter().position(|s| std::ptr::eq(s, job.scenario));
    let jobs: Vec<Job<'a>> = batch::jobs(scenarios.iter().map(|s| (s, seeds(s))));
    let mut progress = Progress::new(jobs.len());
    let mut failures: Vec<(usize, Bad<'a>)> = Vec::new();
    batch::run(&jobs, args.jobs.unwrap_or_else(processors), batch::play, |number, result| {
        let job = jobs[number];
        if let Some(row) = row_of(&job) {
            rows[row].counts.add(&result);
        }
        let bad = Bad::of(job, result);
        progress.step(bad.is_none());
        failures.extend(bad.map(|bad| (number, bad)));
    });
    progress.end();
    failures.sort_by_key(|(number, _)| *number);
    let mut counts = rows.iter().fold(Counts::default(), |sum, row| sum.and(row.counts));
    counts.wall_s = begun.elapsed().as_secs_f64();
    let failures = failures.into_iter().map(|(_, bad)| bad).collect();
    Sweep { counts, scenarios: rows, failures }
}

impl Counts {
    fn add(&mut self, result: &Result<Report, String>) {
        self.runs += 1;
        let Ok(report) = result else {
            self.broken += 1;
            return;
        };
        self.virtual_s += report.virtual_s;
        self.wall_s += report.wall_s;
        *match report.outcome() {
            Outcome::Passed => &mut self.passed,
            Outcome::Failed => &mut self.failed,
            Outcome::FailedAsExpected => &mut self.failed_as_expected,
            Outcome::PassedUnexpectedly => &mut self.passed_unexpectedly,
        } += 1;
    }

    fn and(self, other: Counts) -> Counts {
        Counts {
            runs: self.runs + other.runs,
            passed: self.passed + other.passed,
            failed_as_expected: self.failed_as_expected + other.failed_as_expected,
            failed: self.failed + other.failed,
            passed_unexpectedly: self.passed_unexpectedly + other.passed_unexpectedly,
            broken: self.broken + other.broken,
            virtual_s: self.virtual_s + other.virtual_s,
            wall_s: self.wall_s + other.wall_s,
        }
    }

    fn cells(&self) -> Vec<String> {
        let Counts { passed, failed_as_expected, failed, passed_unexpectedly, broken, .. } = self;
        let counts =
            [self.runs, *passed, *failed_as_expected, *failed, *passed_unexpectedly, *broken];
        let mut cells: Vec<String> = counts.iter().map(usize::to_string).collect();
        cells.extend([format!("{:.0}", self.virtual_s), format!("{:.1}", self.wall_s)]);
        cells
    }
}

impl<'a> Row<'a> {
    fn new(scenario: &'a Scenario, seeds: Vec<u64>) -> Row<'a> {
        let first_seed = seeds.iter().min().copied().unwrap_or_default();
        let last_seed = seeds.iter().max().copied().unwrap_or_default();
        let without_a_gap = seeds.iter().copied().eq(first_seed..=last_seed);
        Row {
            scenario: &scenario.name,
            class: scenario.class,
            first_seed,
            last_seed,
            seeds: (!without_a_gap).then_some(seeds),
            counts: Counts::default(),
            expected_to_fail: scenario.expected_to_fail.as_deref(),
        }
    }

    fn seeds(&self) -> String {
        match &self.seeds {
            Some(seeds) => seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
            None if self.first_seed == self.last_seed => self.first_seed.to_string(),
            None => format!("{} to {}", self.first_seed, self.last_seed),
        }
    }
}

impl<'a> Bad<'a> {
    fn of(job: Job<'a>, result: Result<Report, String>) -> Option<Bad<'a>> {
        let Job { scenario, seed } = job;
        let (outcome, checks, problem) = match result {
            Ok(report) if report.outcome().is_good() => return None,
            Ok(report) => {
                let failed = report.checks.into_iter().filter(|check| !check.pass);
                let checks: Vec<String> = failed.map(|check| check.name).collect();
                let outcome = if checks.is_empty() { "passed_unexpectedly" } else { "failed" };
                (outcome, checks, None)
            }
            Err(problem) => ("broken", Vec::new(), Some(problem)),
        };
        let replay = scenario.replay(seed);
        Some(Bad { scenario: &scenario.name, seed, outcome, checks, replay, problem })
    }

    fn why(&self) -> String {
        self.problem.clone().unwrap_or_else(|| match self.outcome {
            "failed" => self.checks.join(", "),
            outcome => outcome.replace('_', " "),
        })
    }
}

impl Sweep<'_> {
    fn describe(&self) -> String {
        let titles = [
            "scenario",
            "seeds",
            "runs",
            "passed",
            "as expected",
            "failed",
            "unexpected passes",
            "broken",
            "virtual s",
            "wall s",
        ];
        let line = |name: &str, seeds: String, counts: &Counts| {
            let mut cells = vec![name.to_owned(), seeds];
            cells.extend(counts.cells());
            cells
        };
        let row = |row: &Row<'_>| line(row.scenario, row.seeds(), &row.counts);
        let mut rows: Vec<Vec<String>> = self.scenarios.iter().map(row).collect();
        rows.push(line("all", String::new(), &self.counts));
        let mut text = table::aligned(titles.map(str::to_owned).to_vec(), rows);
        text.push('\n');
        for bad in &self.failures {
            text.push_str(&format!("{} seed {}: {}\n", bad.scenario, bad.seed, bad.why()));
            text.push_str(&format!("  {}\n", bad.replay));
        }
        text
    }
}

/// The scenarios to be run; a file that cannot be read is told before anything is run.
fn scenarios(args: &Args) -> Result<Vec<Scenario>, Failure> {
    let directory = args.scenarios.is_dir();
    let mut scenarios = Vec::new();
    for file in files(&args.scenarios)? {
        let scenario = args.changes.load(&file)?;
        if !directory || is_wanted(scenario.class, &args.class) {
            scenarios.push(scenario);
        }
    }
    if scenarios.is_empty() {
        let problem = format!("holds no scenario of class {}; use --class all", args.class);
        return Err(Failure::input(args.scenarios.display(), problem));
    }
    Ok(scenarios)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error| Failure::input(path.display(), format!("cannot be read: {error}"));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|extension| extension == "toml") {
            files.push(file);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn is_wanted(class: Class, wanted: &str) -> bool {
    match class {
        _ if wanted == "all" => true,
        Class::Quick => wanted == "quick",
        Class::Long => wanted == "long",
        Class::Huge => wanted == "huge",
    }
}
