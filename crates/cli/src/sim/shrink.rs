//! `headcount sim shrink`: a smaller scenario that still fails.

use std::fs;
use std::path::PathBuf;

use headcount_sim::{Limits, Scenario, shrink};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;
use crate::sim::batch;
use crate::sim::source::{Source, read, unusable};

/// What stands for a check when a run does not come to one.
const BROKEN: &str = "broken";

/// The flags of `headcount sim shrink`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,

    /// A seed with which the scenario fails
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Which check must go on failing; by default the first that does
    #[arg(long)]
    check: Option<String>,

    /// Where the smaller scenario is written; by default to the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// The most runs
    #[arg(long, default_value_t = Limits::default().runs)]
    runs: usize,

    /// How many seeds every smaller scenario is tried with
    #[arg(long, default_value_t = Limits::default().seeds)]
    seeds: u64,

    /// Prints one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Serialize)]
struct Found<'a> {
    /// The check that fails.
    check: &'a str,
    seed: u64,
    /// How many runs it took.
    runs: usize,
    nodes: usize,
    virtual_s: f64,
    faults: usize,
    /// The line that runs it.
    replay: String,
    /// The scenario.
    toml: &'a str,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut scenario = args.source.load()?;
    let check = failing_check(&scenario, args)?;
    output::note(&format!("{check} fails with {}", size(&scenario)));
    if let Some(name) = args.out.as_ref().and_then(|out| out.file_stem()) {
        name.to_string_lossy().as_ref().clone_into(&mut scenario.name);
    }
    let limits = Limits { runs: args.runs, seeds: args.seeds };
    let fails = |scenario: &Scenario, seed: u64| failed_checks(scenario, seed).contains(&check);
    let shrunk = shrink(&scenario, args.seed, limits, fails, |attempt| {
        let (runs, change, seed) = (attempt.runs, attempt.change, attempt.seed);
        output::note(&format!("run {runs}: still with seed {seed}, {change}"));
    });
    let shrunk = shrunk.map_err(unusable)?;
    let (small, seed) = (&shrunk.scenario, shrunk.seed);
    output::note(&format!("{check} fails with {}, after {} runs", size(small), shrunk.runs));
    let toml = small.to_toml().map_err(unusable)?;
    let replay = match &args.out {
        Some(out) => {
            fs::write(out, &toml).map_err(|error| {
                let problem = format!("cannot be written: {error}; name another file");
                Failure::input(format!("--out {}", out.display()), problem)
            })?;
            read(out)?.replay(seed)
        }
        None => format!("headcount sim run {}.toml --seed {seed}", small.name),
    };
    if args.json {
        return output::json(&Found {
            check: &check,
            seed,
            runs: shrunk.runs,
            nodes: small.nodes,
            virtual_s: small.duration.as_secs_f64(),
            faults: small.faults.len(),
            replay,
            toml: &toml,
        });
    }
    match args.out {
        Some(_) => output::line(&replay),
        None => output::raw(&format!("# {check} fails: {replay}\n{toml}")),
    }
}

/// The check that is to go on failing.
fn failing_check(scenario: &Scenario, args: &Args) -> Result<String, Failure> {
    let failed = failed_checks(scenario, args.seed);
    let place = || format!("{} with seed {}", scenario.name, args.seed);
    match (&args.check, failed.first()) {
        (_, None) => {
            let fix = "no check fails; give a --seed with which one does, as sim sweep lists them";
            Err(Failure::input(place(), fix))
        }
        (Some(wanted), Some(_)) if !failed.contains(wanted) => {
            let fix = format!("--check {wanted} does not fail; use {}", failed.join(" or "));
            Err(Failure::input(place(), fix))
        }
        (Some(wanted), Some(_)) => Ok(wanted.clone()),
        (None, Some(first)) => Ok(first.clone()),
    }
}

fn failed_checks(scenario: &Scenario, seed: u64) -> Vec<String> {
    match batch::attempt(|| batch::play(scenario, seed)) {
        Ok(report) => {
            let failed = report.checks.into_iter().filter(|check| !check.pass);
            failed.map(|check| check.name).collect()
        }
        Err(_) => vec![BROKEN.to_owned()],
    }
}

fn size(scenario: &Scenario) -> String {
    let Scenario { nodes, duration, faults, .. } = scenario;
    format!("{nodes} nodes, {} s, {} faults", duration.as_secs_f64(), faults.len())
}
