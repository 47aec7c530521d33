//! `headcount sim run`: one scenario, one seed.

use std::time::{Duration, Instant};

use headcount::Time;
use headcount_sim::{Report, Scenario, Simulation};

use crate::failure::Failure;
use crate::output;
use crate::sim::source::{Source, unusable};

/// How often a long run says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// How much virtual time passes between two looks at the clock.
const STEP: Duration = Duration::from_millis(500);

/// The flags of `headcount sim run`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,

    /// Where every random number of the run follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Prints one JSON document instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let scenario = args.source.load()?;
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
