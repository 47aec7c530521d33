//! What simulations are measured by: how much virtual time they cover in a second of real time, and
//! how that compares with an event loop that only queues the same events.
//!
//! Nothing here reads a clock; whoever measures does (`headcount sim bench`).

use std::time::Duration;

use headcount_state::Time;

use crate::queue::Queue;
use crate::scenario::{Fault, Scenario, Start, Targets};
use crate::simulation::Simulation;

/// A cluster to measure.
#[derive(Clone, Debug)]
pub struct Benchmark {
    /// What happens in it, and with how many nodes: `calm-128`.
    pub name: String,
    /// The cluster. All its nodes know each other when it starts.
    pub scenario: Scenario,
    /// How much virtual time passes before anything is measured.
    pub warm_up: Duration,
}

/// What to measure, small clusters first: 128, 1,000 and 10,000 nodes with a period of one second,
/// in calm, and from a crash of every tenth node on.
pub fn benchmarks() -> Vec<Benchmark> {
    let secs = Duration::from_secs;
    let warm_up = secs(5);
    let sizes = [(128, secs(300)), (1_000, secs(60)), (10_000, secs(20))];
    let both = sizes.into_iter().flat_map(|(nodes, measured)| {
        let calm = Scenario {
            start: Start { known: true, ..Start::default() },
            ..Scenario::new(&format!("calm-{nodes}"), nodes, warm_up + measured)
        };
        let targets = Targets { nodes: Vec::new(), random: nodes / 10 };
        let crash = Scenario {
            name: format!("crash-{nodes}"),
            // Long enough for the last suspicion to run out.
            duration: warm_up + secs(60),
            ..calm.clone().fault(Fault::crash(warm_up, targets))
        };
        [calm, crash]
    });
    both.map(|scenario| Benchmark { name: scenario.name.clone(), scenario, warm_up }).collect()
}

/// Everything that went into the queue of a simulation and came out, in order: 4 bytes each.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    /// How long what went in had to wait, in microseconds (71 minutes at most), or [`TAKEN`].
    steps: Vec<u32>,
    events: u64,
}

/// The earliest entry came out.
const TAKEN: u32 = u32::MAX;

impl EventLog {
    pub(crate) fn put_in(&mut self, wait_us: u64) {
        self.steps.push(u32::try_from(wait_us).unwrap_or(TAKEN).min(TAKEN - 1));
    }

    pub(crate) fn taken_out(&mut self) {
        self.steps.push(TAKEN);
        self.events += 1;
    }

    /// How many events came out.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Puts the same events into an empty queue and takes them out again, in the same order, and
    /// nothing else: the least that a simulation of them could cost. How many came out.
    pub fn replay(&self) -> u64 {
        let mut queue = Queue::new();
        let (mut now, mut events) = (Time::ZERO, 0);
        for step in &self.steps {
            if *step != TAKEN {
                queue.push(now + Duration::from_micros(u64::from(*step)), ());
            } else if let Some((at, ())) = queue.pop_due(Time::MAX) {
                now = at;
                events += 1;
            }
        }
        events
    }
}

impl Simulation {
    /// Begins to log every event.
    pub fn begin_event_log(&mut self) {
        self.queue.begin_log();
    }

    /// What was logged since [`Simulation::begin_event_log`]; empty without it.
    pub fn end_event_log(&mut self) -> EventLog {
        self.queue.end_log()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_holds_every_event_from_its_beginning_on() {
        let scenario = Scenario::new("calm", 8, Duration::from_secs(20));
        let mut simulation = Simulation::new(&scenario, 1).unwrap();
        simulation.run_for(Duration::from_secs(10));
        simulation.begin_event_log();
        let before = simulation.report().metrics["datagrams_delivered"];
        simulation.run_for(Duration::from_secs(10));
        let log = simulation.end_event_log();
        let delivered = simulation.report().metrics["datagrams_delivered"] - before;
        assert!(delivered >= 160.0, "a ping and its ack per node and second: {delivered}");
        assert!(log.events() as f64 > delivered);
        assert_eq!(log.replay(), log.events());
        assert_eq!(simulation.end_event_log().events(), 0);
    }

    #[test]
    fn the_benchmarks_are_scenarios_that_can_be_run() {
        let all = benchmarks();
        assert!(all.iter().all(|one| one.scenario.check().is_ok()));
        assert!(all.iter().all(|one| one.warm_up < one.scenario.duration));
    }
}
