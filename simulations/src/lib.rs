//! A deterministic simulator for Headcount clusters.
//!
//! It runs thousands of real [`headcount_swim::Engine`]s in one thread, over virtual time and on
//! the real bytes that they would send, while a scenario makes the network lose, delay and cut and
//! lets processes die, stand still and start again. Checkers compare what the nodes were told
//! with what was really done to them. Same scenario and seed: same [`Report::trace_hash`].
//!
//! A scenario is a TOML file (`docs/simulation.md` describes every field) or built in Rust:
//!
//! ```
//! use std::time::Duration;
//!
//! use headcount_sim::{Expect, Fault, Scenario, Simulation, Targets};
//!
//! let secs = Duration::from_secs;
//! let scenario = Scenario::new("one-of-eight-dies", 8, secs(60))
//!     .fault(Fault::crash(secs(20), Targets::nodes(&["n3"])))
//!     .expect(Expect { detect_within: Some(secs(20)), ..Expect::converge_within(secs(20)) });
//! let report = Simulation::new(&scenario, 1)?.run();
//! assert!(report.passed(), "{report}");
//!
//! // Or step by step:
//! let mut simulation = Simulation::new(&scenario, 1)?;
//! simulation.run_for(secs(10));
//! simulation.partition(&[&[0, 1, 2]]);
//! simulation.run_for(secs(5));
//! let members = simulation.engine(0).map(|engine| engine.members().count());
//! assert_eq!(members, Some(8));
//! # Ok::<(), headcount_sim::ScenarioError>(())
//! ```

pub mod adaptive;
mod addresses;
mod bench;
pub mod calibration;
mod checkers;
mod clock;
mod datagrams;
pub mod detection;
mod duration;
mod faults;
mod flags;
mod inspection;
mod judging;
mod looks;
mod measuring;
mod network;
mod node;
mod numbers;
mod pairs;
#[cfg(feature = "planted-bugs")]
mod planted;
mod processes;
pub mod quality;
mod queue;
mod random;
mod recorder;
mod report;
pub mod scale;
mod scenario;
mod shrink;
mod sighting;
mod simulation;
mod slowness;
mod standstill;
mod story;
mod streams;
mod trace;
mod truth;
pub mod warning;
pub mod week;

pub use bench::{Benchmark, EventLog, benchmarks};
pub use checkers::Packets;
#[cfg(feature = "planted-bugs")]
pub use headcount_swim::Rules;
pub use network::{Delivery, DropReason, Latency, Verdict};
pub use recorder::{Entry, Happening, Message, Second, Selection, Told, Traffic};
pub use report::{Check, Outcome, Report};
pub use scenario::{
    Churn, Class, Clock, Direction, EngineSettings, EventRule, Expect, Fault, FrozenTimers,
    Latencies, MetricRule, NetworkSettings, Protocol, Regression, Reorder, Scenario, ScenarioError,
    SetSeeds, Shown, Slow, Start, StatusRule, StreamTrouble, Streams, Targets, Update,
};
pub use shrink::{Attempt, Limits, Shrunk, shrink};
pub use sighting::{Kind, Sighting};
pub use simulation::Simulation;
pub use story::{Change, ChangeKind, Step, Story, Timeline};

/// Runs a scenario twice with one seed and adds to the report whether both did the same.
///
/// # Errors
/// [`ScenarioError`] names the field of the scenario that cannot be, and what to change.
pub fn run_twice(scenario: &Scenario, seed: u64) -> Result<Report, ScenarioError> {
    let first = Simulation::new(scenario, seed)?.run();
    let second = Simulation::new(scenario, seed)?.run();
    let mut check = checkers::determinism::compare(&first, &second);
    if !check.pass {
        check.detail.push('\n');
        check.detail.push_str(&scenario.replay(seed));
    }
    let mut report = first;
    report.checks.push(check);
    Ok(report)
}
