//! `headcount sim`: runs scenarios on a virtual network, in virtual time.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use headcount::Time;
use headcount_sim::{Class, Report, Scenario, ScenarioError, Simulation};

mod bench;

use crate::failure::Failure;
use crate::output;

/// How often a long run says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// How much virtual time passes between two looks at the clock.
const STEP: Duration = Duration::from_millis(500);

/// What `headcount sim` can do.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Runs one scenario with one seed and reports what was checked and measured
    Run(RunArgs),
    /// Runs scenarios with many seeds and lists those that fail, each with the line that replays it
    Sweep(SweepArgs),
    /// Measures how fast simulations are, beside an event loop that only queues the same events
    Bench(bench::Args),
}

/// The flags of `headcount sim run`.
#[derive(clap::Args)]
pub(crate) struct RunArgs {
    /// A scenario file
    scenario: PathBuf,

    /// Where every random number of the run follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Prints one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// The flags of `headcount sim sweep`.
#[derive(clap::Args)]
pub(crate) struct SweepArgs {
    /// A scenario file, or a directory of them
    scenarios: PathBuf,

    /// From the first seed up to, not including, the second
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Range<u64>,

    /// Which scenarios of a directory: quick, long, huge or all
    #[arg(long, default_value = "quick", value_parser = ["quick", "long", "huge", "all"])]
    class: String,
}

/// Does what `command` says.
///
/// # Errors
/// A scenario that cannot be run, a check that failed.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run_one(&args),
        Command::Sweep(args) => sweep(&args),
        Command::Bench(args) => bench::run(&args),
    }
}

fn run_one(args: &RunArgs) -> Result<(), Failure> {
    let scenario = Scenario::load(&args.scenario).map_err(unusable)?;
    let report = play(&scenario, args.seed)?;
    let told = if args.json { output::json(&report) } else { output::raw(&describe(&report)) };
    if report.outcome().is_good() {
        return told;
    }
    Err(Failure::Unmet(format!("{} with seed {} failed", report.scenario, report.seed)))
}

/// Runs a scenario in steps, so that a long run can say how far it is.
fn play(scenario: &Scenario, seed: u64) -> Result<Report, Failure> {
    let begun = Instant::now();
    let mut simulation = Simulation::new(scenario, seed).map_err(unusable)?;
    let end = Time::ZERO + scenario.duration;
    let mut told = begun;
    while simulation.now() + STEP < end {
        simulation.run_for(STEP);
        if told.elapsed() > PROGRESS_EVERY {
            told = Instant::now();
            let done = simulation.now().since(Time::ZERO).as_secs_f64();
            let all = scenario.duration.as_secs_f64();
            output::note(&format!("{} seed {seed}: {done:.1} of {all:.1} s", scenario.name));
        }
    }
    Ok(simulation.run().took(begun.elapsed()))
}

fn describe(report: &Report) -> String {
    let width = report.metrics.keys().map(String::len).max().unwrap_or(0);
    let metrics: Vec<String> =
        report.metrics.iter().map(|(name, value)| format!("  {name:width$}  {value}\n")).collect();
    format!("{report}{}  in {:.2} s of real time\n", metrics.concat(), report.wall_s)
}

fn sweep(args: &SweepArgs) -> Result<(), Failure> {
    let mut bad = 0;
    let mut runs = 0;
    // Whoever reads may go away; the runs are judged all the same.
    let mut told = Ok(());
    let mut tell = |text: &str| {
        if told.is_ok() {
            told = output::line(text);
        }
    };
    for path in scenario_files(&args.scenarios)? {
        let scenario = Scenario::load(&path).map_err(unusable)?;
        if args.scenarios.is_dir() && !is_wanted(scenario.class, &args.class) {
            continue;
        }
        let reports = play_all(&scenario, args.seeds.clone())?;
        let failed: Vec<&Report> = reports.iter().filter(|r| !r.outcome().is_good()).collect();
        let passed = reports.len() - failed.len();
        tell(&format!("{}: {passed} of {} seeds as expected", scenario.name, reports.len()));
        for report in &failed {
            tell(&format!("  {:?}: {}", report.outcome(), scenario.replay(report.seed)));
        }
        runs += reports.len();
        bad += failed.len();
    }
    match (runs, bad) {
        (0, _) => {
            let problem = format!("holds no scenario of class {}; use --class all", args.class);
            Err(Failure::input(args.scenarios.display(), problem))
        }
        (_, 0) => {
            tell(&format!("all {runs} runs as expected"));
            told
        }
        _ => Err(Failure::Unmet(format!("{bad} of {runs} runs failed"))),
    }
}

/// Runs a scenario with every seed, as many at a time as there are processors; in order of seeds.
fn play_all(scenario: &Scenario, seeds: Range<u64>) -> Result<Vec<Report>, Failure> {
    let seeds: Vec<u64> = seeds.collect();
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::with_capacity(seeds.len()));
    let workers = thread::available_parallelism().map_or(1, |n| n.get()).min(seeds.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = play(scenario, *seed);
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push((*seed, report));
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_unstable_by_key(|(seed, _)| *seed);
    reports.into_iter().map(|(_, report)| report).collect()
}

fn scenario_files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
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

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let fix = "write a range of seeds, for example 1..9 for eight of them";
    let (from, to) = text.split_once("..").ok_or_else(|| format!("is no range; {fix}"))?;
    match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) if from >= to => Err(format!("is empty; {fix}")),
        (Ok(from), Ok(to)) if to - from > 1_000_000 => Err(format!("is too long; {fix}")),
        (Ok(from), Ok(to)) => Ok(from..to),
        _ => Err(format!("is no range; {fix}")),
    }
}

fn unusable(error: ScenarioError) -> Failure {
    Failure::Input(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seeds_leaves_its_end_out() {
        assert_eq!(seeds("1..4").map(Iterator::count), Ok(3));
        for bad in ["4", "4..4", "5..4", "a..b", "1..=3", "..3", "0..99999999"] {
            assert!(seeds(bad).is_err_and(|error| error.contains("1..9")), "{bad}");
        }
    }
}
