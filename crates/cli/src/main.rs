//! The `headcount` program: launch a local cluster, run an agent, inspect views, simulate.

mod agent;
mod client;
mod failure;
mod health;
mod html;
mod input;
mod local;
mod output;
mod quorum;
mod report;
mod sim;
mod table;
mod view;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// Who is here right now, and does everyone agree?
///
/// Exit codes: 0 all well; 1 a check failed or the cluster did not converge; 2 bad input, with a
/// message that names what to change.
#[derive(Parser)]
#[command(name = "headcount", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts a cluster of real nodes in this process, kills one and brings it back
    Local(local::Args),
    /// Runs one node as a process, with an HTTP endpoint
    Agent(agent::Args),
    /// Prints the view of a running agent
    Members(client::MembersArgs),
    /// Prints which view a running agent holds, and who else does
    View(client::ViewArgs),
    /// Prints how the cluster is: who is missing and why, who degrades, what the links are like
    Health(client::HealthArgs),
    /// Prints why a member is shown as it is: who accused it, for what, and who confirmed that
    Explain(client::ExplainArgs),
    /// Prints whether a running agent is on the side of a majority
    Quorum(quorum::Args),
    /// Prints how reliable the members were: failures, mean times, availability
    Report(report::Args),
    /// Changes how all members of a running cluster watch each other
    Set(client::SetArgs),
    /// Makes a running agent leave its cluster and end
    Leave(client::LeaveArgs),
    /// Simulates clusters on a virtual network in virtual time
    #[command(subcommand)]
    Sim(sim::Command),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                output::note(&format!("error: {message}"));
            }
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Sim(command) => sim::run(command),
        Command::Local(args) => block_on(local::run(args)),
        Command::Agent(args) => block_on(agent::run(args)),
        Command::Members(args) => block_on(client::members(args)),
        Command::View(args) => block_on(client::view(args)),
        Command::Health(args) => block_on(client::health(args)),
        Command::Explain(args) => block_on(client::explain(args)),
        Command::Quorum(args) => block_on(quorum::run(args)),
        Command::Report(args) => block_on(report::run(args)),
        Command::Set(args) => block_on(client::set(args)),
        Command::Leave(args) => block_on(client::leave(args)),
    }
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::input("the runtime does not start", error))?;
    let result = runtime.block_on(work);
    // A name that is being looked up must not keep the process.
    runtime.shutdown_background();
    result
}
