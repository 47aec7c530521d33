//! `headcount sim`: scenarios on a virtual network, in virtual time. One command a file.

mod adapt;
mod batch;
mod bench;
mod calibrate;
mod compare;
mod detect;
mod plot;
mod progress;
mod quality;
mod replay;
mod run;
mod scale;
mod shrink;
mod source;
mod statistics;
mod sweep;
mod warn;
mod week;

use crate::failure::Failure;

/// What `headcount sim` can do.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Runs one scenario with one seed and reports what was checked and measured
    Run(run::Args),
    /// Runs scenarios with many seeds and lists those that fail, each with the line that replays it
    Sweep(sweep::Args),
    /// Shows what happened in a run, as one node or about one member
    Replay(replay::Args),
    /// Looks for a smaller scenario that still fails: shorter, with fewer nodes and faults
    Shrink(shrink::Args),
    /// Runs two scenarios with the same seeds and shows their measurements side by side
    Compare(compare::Args),
    /// Draws runs of a scenario: one HTML page that needs no network
    Plot(plot::Args),
    /// Measures how fast simulations are, beside an event loop that only queues the same events
    Bench(bench::Args),
    /// Runs the experiments of the Lifeguard paper and prints their figures beside the paper's
    Calibrate(calibrate::Args),
    /// Measures what clusters cost and how fast they are, by their size
    Scale(scale::Args),
    /// Measures the failure detectors side by side, on the same scenarios and seeds
    Detect(detect::Args),
    /// Measures a protocol period that adapts to its links beside one that is fixed
    Adapt(adapt::Args),
    /// Judges the early warning of members that degrade, beside plain thresholds
    Warn(warn::Args),
    /// Measures how soon and how often wrong heartbeat detectors are, by their thresholds
    Quality(quality::Args),
    /// Simulates a long time in which members fail and return, and compares a node's history with it
    Week(week::Args),
}

/// Does what `command` says.
///
/// # Errors
/// A scenario that cannot be run, a check that failed.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Shrink(args) => shrink::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Plot(args) => plot::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Scale(args) => scale::run(&args),
        Command::Detect(args) => detect::run(&args),
        Command::Adapt(args) => adapt::run(&args),
        Command::Warn(args) => warn::run(&args),
        Command::Quality(args) => quality::run(&args),
        Command::Week(args) => week::run(&args),
    }
}
