//! `headcount local`: a cluster of real nodes in this process, and what becomes of it when one
//! dies, returns, or leaves.

mod cluster;
mod look;
mod outcome;
mod picture;
mod screen;
mod sightings;
mod steps;
mod story;

use std::net::Ipv4Addr;
use std::time::Duration;

use headcount::Detector;

use crate::agent::http::{self, Endpoint, Hosts};
use crate::agent::{DEFAULT_SESSIONS, Sessions, Signals};
use crate::failure::Failure;
use crate::{input, output};
use cluster::Cluster;
use screen::Screen;
use steps::Steps;
use story::Story;

/// Each node takes two sockets, and a process may often have 1,024.
const NODES_MAX: usize = 256;

/// The flags of `headcount local`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many nodes to start
    #[arg(long, default_value_t = 5, value_parser = nodes)]
    nodes: usize,

    /// What to show, of: converge, kill, restart, leave
    #[arg(long, default_value = "converge,kill,restart")]
    steps: Steps,

    /// The protocol period. Agents have 1s by default; here it is shorter, and so is the show
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = input::duration)]
    period: Duration,

    /// How members are watched: lifeguard or swim
    #[arg(long, value_name = "DETECTOR", default_value = "observers", value_parser = input::detector)]
    detector: Detector,

    /// Leaves the nodes running after the show, the first with an HTTP endpoint, until Ctrl-C
    #[arg(long)]
    keep: bool,

    /// Prints one JSON document instead of the show
    #[arg(long)]
    json: bool,

    /// How long all steps together may take
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = input::duration)]
    timeout: Duration,
}

/// Runs the show.
///
/// # Errors
/// Steps that so few nodes cannot show, nodes that do not start, a step that did not come to its
/// end in time.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let least = args.steps.nodes_min();
    if args.nodes < least {
        let problem = format!("these steps need {least} nodes or more; raise --nodes");
        return Err(Failure::input(format!("--nodes {}", args.nodes), problem));
    }
    let mut story = Story::new(&args, Screen::new(args.json));
    let (outcome, result) = story.tell(&args).await;
    let told = match (args.json, &result) {
        (_, Err(Failure::Input(_) | Failure::Closed)) => Ok(()),
        (true, _) => output::json(&outcome),
        (false, _) => output::raw(&outcome.summary()),
    };
    result.and(told)?;
    if args.keep {
        keep(&story.cluster, args.json).await?;
    }
    story.cluster.stop().await;
    Ok(())
}

/// Serves the first node's view until a signal, or until it is made to leave.
async fn keep(cluster: &Cluster, json: bool) -> Result<(), Failure> {
    let Some(node) = cluster.first() else { return Ok(()) };
    let listener = http::bind((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let mut signals = Signals::listen()?;
    let sessions = Sessions::start(node.clone(), cluster.template(), DEFAULT_SESSIONS.into());
    let mut endpoint = Endpoint::start(listener, node.clone(), sessions.clone(), Hosts::Addresses)?;
    let address = endpoint.address();
    let text = format!(
        "\n{} nodes go on until Ctrl-C. Another terminal can look at {}:\n  \
         headcount members --agent {address}",
        cluster.running().count(),
        node.name(),
    );
    if json {
        output::note(&text)
    } else {
        output::line(&text)?
    }
    tokio::select! {
        _ = signals.next() => {}
        _ = endpoint.left() => {}
    }
    endpoint.stop().await;
    sessions.leave().await;
    Ok(())
}

fn nodes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(nodes @ 1..=NODES_MAX) => Ok(nodes),
        _ => Err(format!("is not a number from 1 to {NODES_MAX}")),
    }
}
