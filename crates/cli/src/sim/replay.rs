//! `headcount sim replay`: what happened in a run, readable.

use std::time::Duration;

use headcount::Time;
use headcount_sim::{Entry, Selection, Simulation};
use serde::Serialize;

use crate::failure::Failure;
use crate::input;
use crate::output;
use crate::sim::source::{Source, unusable};

/// How much virtual time passes between two lots of lines.
const STEP: Duration = Duration::from_millis(500);

/// The flags of `headcount sim replay`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,

    /// Where every random number of the run follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// As this node: what it sent, received and was told. Without node and member: what all nodes were
    /// told
    #[arg(long, value_name = "n3")]
    node: Option<String>,

    /// About this member: what anybody sent and received about it and was told of it
    #[arg(long, value_name = "n7")]
    member: Option<String>,

    /// From this moment of virtual time on
    #[arg(long, value_name = "20s", value_parser = input::duration)]
    from: Option<Duration>,

    /// Up to this moment
    #[arg(long, value_name = "40s", value_parser = input::duration)]
    to: Option<Duration>,

    /// Prints one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// What was asked for, and what happened.
#[derive(Serialize)]
struct Replay<'a> {
    scenario: &'a str,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    entries: Vec<Entry>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let scenario = args.source.load()?;
    let end = Time::ZERO + args.to.unwrap_or(scenario.duration).min(scenario.duration);
    let from = Time::ZERO + args.from.unwrap_or_default();
    if from > end {
        let problem = format!("is after the end at {end}; begin earlier");
        return Err(Failure::input(format!("--from {from}"), problem));
    }
    let mut simulation = Simulation::new(&scenario, args.seed).map_err(unusable)?;
    let selection =
        Selection { node: args.node.clone(), member: args.member.clone(), from, to: end };
    simulation.record(selection).map_err(|error| Failure::Input(format!("--{error}")))?;
    let mut entries = Vec::new();
    while simulation.now() < end {
        simulation.run_until((simulation.now() + STEP).min(end));
        let new = simulation.recorded();
        if args.json {
            entries.extend(new);
        } else {
            output::raw(&new.iter().map(|entry| format!("{entry}\n")).collect::<String>())?;
        }
    }
    for (flag, label) in [("--node", &args.node), ("--member", &args.member)] {
        if let Some(label) = label.as_ref().filter(|label| !has(&simulation, label)) {
            let last = simulation.len().saturating_sub(1);
            let problem = format!("there was no such node; use n0 to n{last}");
            return Err(Failure::input(format!("{flag} {label}"), problem));
        }
    }
    if !args.json {
        return Ok(());
    }
    output::json(&Replay {
        scenario: &scenario.name,
        seed: args.seed,
        node: args.node.as_deref(),
        member: args.member.as_deref(),
        entries,
    })
}

fn has(simulation: &Simulation, label: &str) -> bool {
    (0..simulation.len()).any(|node| simulation.label(node) == Some(label))
}
