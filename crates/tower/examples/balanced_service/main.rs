//! Three replicas of an HTTP service under load: one is killed, one drained, one paused, and the
//! requests that fail are counted, beside the same load over a static list.
//!
//! `cargo run --release --example balanced_service` at the root of the repository. It takes three
//! quarters of a minute; `docs/balancing.md` has its figures.

mod cluster;
mod load;
mod replica;
mod report;
mod story;

use std::io::{Error, ErrorKind};
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::replica::ReplicaArgs;
use crate::story::Pace;

/// What goes wrong ends the example with its message.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Compares requests balanced over headcount's members with the same over a static list, while
/// replicas are killed, drained and paused.
#[derive(Parser)]
struct Args {
    /// Requests per second in each of the three ways, 1 to 1,000
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,

    /// A quarter of the time, and a detection time of 1 s instead of 5 s
    #[arg(long)]
    short: bool,

    /// Prints one JSON document instead of a table
    #[arg(long)]
    json: bool,

    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(clap::Subcommand)]
enum Role {
    /// One replica; the example starts these itself
    #[command(hide = true)]
    Replica(ReplicaArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            report::note(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

async fn run(args: Args) -> Result<ExitCode> {
    if let Some(Role::Replica(args)) = args.role {
        replica::run(args).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let pace = if args.short { Pace::SHORT } else { Pace::FULL };
    let mut terminated = signal(SignalKind::terminate())?;
    let report = tokio::select! {
        report = story::tell(args.rate, pace) => report?,
        _ = tokio::signal::ctrl_c() => return Err(interrupted()),
        _ = terminated.recv() => return Err(interrupted()),
    };
    report.print(args.json)?;
    Ok(if report.fewer_failed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whoever is told so has dropped the story, and the replicas with it.
fn interrupted() -> Box<dyn std::error::Error + Send + Sync> {
    Error::new(ErrorKind::Interrupted, "interrupted; the replicas are ended").into()
}
