//! Judging a run: what do the checkers and counters say?

use std::collections::BTreeMap;

use headcount_swim::Stats;

use crate::checkers::measured;
use crate::report::{Check, Report};
use crate::simulation::Simulation;

impl Simulation {
    /// Judges what happened so far.
    pub fn report(&mut self) -> Report {
        let problem = self.disagreement();
        self.checkers.convergence.ends(self.now, problem);
        let mut metrics = BTreeMap::new();
        let faulted: Vec<usize> = self.faulted.iter().copied().collect();
        let mut checks =
            self.checkers.finish(&self.scenario, &self.truth, self.now, &faulted, &mut metrics);
        if !self.scenario.faults.is_empty() {
            let fired = format!("{} struck", self.faults_fired);
            let misfires: Vec<String> =
                self.misfires.iter().cloned().chain(self.idle_faults()).collect();
            let pass = misfires.is_empty();
            let detail = if pass { fired } else { misfires.join("\n") };
            checks.push(Check::new("faults_struck", pass, detail));
        }
        self.count(&mut metrics);
        checks.extend(measured::judge(&self.scenario.expect.metrics, &metrics));
        for check in checks.iter_mut().filter(|check| !check.pass) {
            check.detail.push('\n');
            check.detail.push_str(&self.scenario.replay(self.seed));
        }
        Report {
            scenario: self.scenario.name.clone(),
            seed: self.seed,
            nodes: self.nodes.len(),
            virtual_s: self.now.as_secs_f64(),
            wall_s: 0.0,
            trace_hash: self.trace.digest(),
            checks,
            metrics,
            expected_to_fail: self.scenario.expected_to_fail.clone(),
        }
    }

    /// The counters of the network, the faults and the engines.
    fn count(&self, metrics: &mut BTreeMap<String, f64>) {
        metrics.insert("datagrams_delivered".to_owned(), self.delivered as f64);
        metrics.insert("datagrams_duplicated".to_owned(), self.duplicated as f64);
        for (reason, count) in &self.drops {
            metrics.insert(format!("datagrams_dropped_{}", reason.as_str()), *count as f64);
        }
        metrics.insert("trace_entries".to_owned(), self.trace.entries() as f64);
        metrics.insert("faults_fired".to_owned(), self.faults_fired as f64);
        self.show_effects(metrics);
        let mut counters = self.gone.clone();
        for running in self.nodes.iter().filter_map(|node| node.running.as_ref()) {
            counters.add(running.engine.stats());
        }
        counters.show(metrics);
    }
}

/// Counters of engines, summed up under the names of metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters(BTreeMap<&'static str, u64>);

impl Counters {
    pub(crate) fn add(&mut self, stats: &Stats) {
        for (name, count) in [
            ("probes", stats.probes),
            ("probes_failed", stats.probes_failed),
            ("refutations", stats.refutations),
            ("failures_declared", stats.failures_declared),
            ("failures_checked", stats.checks),
            ("exchanges_datagram", stats.exchanges_datagram),
            ("exchanges_stream", stats.exchanges_stream),
            ("answers_sent", stats.answers_sent),
            ("foreign_rejected", stats.foreign_rejected),
            ("malformed_rejected", stats.malformed_rejected),
            ("claims_refused", stats.claims_refused),
            ("outbox_dropped", stats.outbox_dropped),
            ("dissemination_dropped", stats.dissemination_dropped),
            ("streams_refused", stats.streams_refused),
            ("relays_dropped", stats.relays_dropped),
        ] {
            *self.0.entry(name).or_default() += count;
        }
    }

    fn show(&self, metrics: &mut BTreeMap<String, f64>) {
        metrics.extend(self.0.iter().map(|(name, count)| ((*name).to_owned(), *count as f64)));
    }
}
