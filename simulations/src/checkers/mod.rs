//! What must hold, one checker a file. A checker hears what happened while the simulation runs,
//! compares it with what was really done to the cluster, and says at the end what it found. Each
//! is tested with a planted violation.

pub(crate) mod announcements;
pub(crate) mod bounded;
pub(crate) mod convergence;
pub(crate) mod corruption;
pub(crate) mod detection;
pub(crate) mod determinism;
pub(crate) mod events;
pub(crate) mod false_failures;
pub(crate) mod idle;
pub(crate) mod incarnations;
pub(crate) mod links;
pub(crate) mod measured;
pub(crate) mod occupancy;
pub(crate) mod quorum;
pub(crate) mod statuses;
pub(crate) mod versions;

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_state::Time;

use crate::report::Check;
use crate::scenario::{Fault, Scenario};
use crate::sighting::Sighting;
use crate::truth::Truth;
use announcements::Announcements;
pub use bounded::Packets;
use bounded::{Bounded, Sent};
use convergence::Convergence;
use corruption::Corruption;
use detection::Detection;
use events::Events;
use false_failures::FalseFailures;
use idle::Idle;
use incarnations::Incarnations;
use occupancy::Occupancy;
use quorum::Quorums;
use statuses::Statuses;
use versions::Versions;

/// Measurements by name.
pub(crate) type Metrics = BTreeMap<String, f64>;

/// How many examples a checker keeps of what it found.
const EXAMPLES: usize = 3;

/// Violations: how many there were, and the first few in words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Violations {
    count: u64,
    examples: Vec<String>,
}

impl Violations {
    pub(crate) fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// A check that passes if there were none, and then says `fine`.
    pub(crate) fn check(&self, name: &str, fine: &str) -> Check {
        if self.count == 0 {
            return Check::new(name, true, fine);
        }
        let more = self.count - self.examples.len() as u64;
        let mut detail = self.examples.join("\n");
        if more > 0 {
            detail.push_str(&format!("\nand {more} more"));
        }
        Check::new(name, false, detail)
    }
}

/// All checkers of one run.
#[derive(Debug)]
pub(crate) struct Checkers {
    pub(crate) convergence: Convergence,
    bounded: Bounded,
    pub(crate) corruption: Corruption,
    pub(crate) detection: Detection,
    pub(crate) occupancy: Occupancy,
    pub(crate) incarnations: Incarnations,
    pub(crate) statuses: Statuses,
    /// Where a majority is asserted.
    pub(crate) quorums: Option<Quorums>,
    idle: Option<Idle>,
    false_failures: FalseFailures,
    announcements: Announcements,
    versions: Versions,
    events: Events,
}

impl Checkers {
    pub(crate) fn new(scenario: &Scenario) -> Checkers {
        let expect = &scenario.expect;
        let config = scenario.engine.config();
        let patience = patience(&config, scenario.nodes);
        Checkers {
            convergence: Convergence::new(expect.converge_within),
            bounded: Bounded::new(
                config.datagram_budget,
                Time::ZERO + scenario.duration,
                expect.max_bytes_per_node_s,
                expect.max_calm_bytes_per_node_s,
            ),
            corruption: Corruption::default(),
            occupancy: Occupancy::default(),
            incarnations: Incarnations::default(),
            statuses: Statuses::default(),
            quorums: Quorums::new(&config),
            idle: expect.idle_within.map(|within| {
                let faults = scenario.faults.iter().map(Fault::at);
                Idle::new(within, faults.min().unwrap_or(scenario.duration))
            }),
            detection: Detection::new(expect.detect_within, expect.detect_after),
            false_failures: FalseFailures::new(patience, expect.no_false_failures),
            announcements: Announcements::new(patience),
            versions: Versions::default(),
            events: Events::new(expect.events.clone(), scenario.nodes),
        }
    }

    /// What every node that ever sent something has sent, by node.
    pub(crate) fn packets(&self) -> Vec<Packets> {
        self.bounded.packets()
    }

    /// Messages and bytes that all nodes have sent.
    pub(crate) fn sent_so_far(&self) -> (u64, u64) {
        self.bounded.total()
    }

    /// A node sent something.
    pub(crate) fn sent(&mut self, at: Time, node: usize, what: Sent, bytes: usize) {
        self.bounded.sent(at, node, what, bytes);
        if let Some(idle) = &mut self.idle {
            idle.sent(at, node, bytes);
        }
    }

    /// A node was told something.
    pub(crate) fn seen(&mut self, truth: &Truth, sighting: &Sighting) {
        self.detection.seen(sighting);
        self.false_failures.seen(truth, sighting);
        self.announcements.seen(truth, sighting);
        self.versions.seen(sighting);
        self.events.seen(sighting);
    }

    /// What was found up to `end`; `faulted` says whom a fault chose, by node.
    pub(crate) fn finish(
        &self,
        scenario: &Scenario,
        truth: &Truth,
        end: Time,
        faulted: &[usize],
        metrics: &mut Metrics,
    ) -> Vec<Check> {
        let mut checks = Vec::new();
        checks.extend(self.convergence.finish(truth, end, metrics));
        checks.extend(self.false_failures.finish(metrics));
        checks.extend(self.detection.finish(truth, end, metrics));
        checks.extend(self.bounded.finish(end, metrics));
        checks.extend(self.corruption.finish(metrics));
        checks.push(self.announcements.finish(metrics));
        checks.push(self.versions.finish());
        checks.push(self.incarnations.finish());
        checks.push(self.occupancy.finish(metrics));
        checks.extend(self.idle.as_ref().map(|idle| idle.finish(truth, end, metrics)));
        checks.extend(self.statuses.finish(&scenario.expect.statuses));
        checks.extend(self.events.finish(truth, faulted));
        checks.extend(self.quorums.iter().flat_map(|quorums| quorums.finish(metrics)));
        checks
    }
}

/// How long word of something that is over may still be on its way: the longest suspicion, and
/// some periods to notice and to spread it.
fn patience(config: &headcount_swim::Config, nodes: usize) -> Duration {
    let spread = (nodes as f64).log10().max(1.0);
    let suspicion = config.suspicion_alpha * config.suspicion_beta * spread;
    config.period.mul_f64(suspicion + 30.0)
}
