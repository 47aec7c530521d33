//! `headcount sim plot`: runs of a scenario as one HTML page that needs no network.

pub(in crate::sim) mod chart;
pub(in crate::sim) mod curves;
pub(in crate::sim) mod page;
mod timeline;

use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use headcount::Time;
use headcount_sim::{Scenario, ScenarioError, Simulation, Story};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;
use crate::sim::batch::{self, Job};
use crate::sim::progress::Progress;
use crate::sim::source::{Source, jobs, processors, seeds, unusable};

/// The flags of `headcount sim plot`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,

    /// From the first seed up to, not including, the second
    #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "1..6")]
    seeds: Range<u64>,

    /// The page that is written
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,

    /// Whose view the timelines show; by default that of all nodes together
    #[arg(long, value_name = "n3")]
    observer: Option<String>,

    /// How many runs at a time; by default as many as there are processors
    #[arg(long, value_parser = jobs)]
    jobs: Option<usize>,

    /// Prints what the page shows as one JSON document too
    #[arg(long)]
    json: bool,
}

/// What a page shows.
#[derive(Serialize)]
struct Plot<'a> {
    scenario: &'a str,
    description: &'a str,
    nodes: usize,
    first_seed: u64,
    last_seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    observer: Option<&'a str>,
    /// The line that runs the first seed.
    replay: String,
    /// In how many runs every check held.
    passed: usize,
    /// The page.
    page: String,
    /// The runs that came to their end, in the order of their seeds.
    stories: Vec<Story>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let scenario = args.source.load()?;
    let observer = observer(&scenario, args)?;
    let work = |job: &Job<'_>| play(job.scenario, job.seed, observer);
    let jobs = batch::jobs([(&scenario, args.seeds.clone())]);
    let mut progress = Progress::new(jobs.len());
    let (mut stories, mut broken, mut passed) = (Vec::new(), Vec::new(), 0);
    batch::run(&jobs, args.jobs.unwrap_or_else(processors), work, |number, result| {
        progress.step(result.as_ref().is_ok_and(|(_, good)| *good));
        match result {
            Ok((story, good)) => {
                passed += usize::from(good);
                stories.push(story);
            }
            Err(problem) => broken.push((scenario.replay(jobs[number].seed), problem)),
        }
    });
    progress.end();
    stories.sort_by_key(|story| story.seed);
    let plot = Plot {
        scenario: &scenario.name,
        description: &scenario.description,
        nodes: scenario.nodes,
        first_seed: args.seeds.start,
        last_seed: args.seeds.end - 1,
        observer: args.observer.as_deref(),
        replay: scenario.replay(args.seeds.start),
        passed,
        page: args.out.display().to_string(),
        stories,
    };
    fs::write(&args.out, page::html(&plot)).map_err(|error| {
        let problem = format!("cannot be written: {error}; name another file");
        Failure::input(format!("--out {}", args.out.display()), problem)
    })?;
    broken.iter().for_each(|(replay, problem)| output::note(&format!("{problem}\n  {replay}")));
    let told = if args.json { output::json(&plot) } else { output::line(&plot.page) };
    match broken.len() {
        0 => told,
        broken => Err(Failure::Unmet(format!("{broken} runs ended before they could be drawn"))),
    }
}

/// The number of the node whose view is wanted.
fn observer(scenario: &Scenario, args: &Args) -> Result<Option<usize>, Failure> {
    let Some(label) = &args.observer else { return Ok(None) };
    let simulation = Simulation::new(scenario, args.seeds.start).map_err(unusable)?;
    let found = (0..simulation.len()).find(|node| simulation.label(*node) == Some(label));
    let problem = || format!("starts no such node; use n0 to n{}", scenario.nodes - 1);
    let missing = || Failure::input(format!("--observer {label}"), problem());
    found.map(Some).ok_or_else(missing)
}

/// A run as pictures show it, and whether it was as it should be.
fn play(
    scenario: &Scenario,
    seed: u64,
    observer: Option<usize>,
) -> Result<(Story, bool), ScenarioError> {
    let mut simulation = Simulation::new(scenario, seed)?;
    simulation.measure_traffic();
    simulation.run_until(Time::ZERO + scenario.duration);
    let passed = simulation.report().passed();
    Ok((simulation.story(observer), passed))
}
