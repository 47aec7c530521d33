//! Judging a run: are the views one, and what do the checkers and counters say?

use std::collections::BTreeMap;

use headcount_state::{MemberId, Record};
use headcount_swim::Stats;

use crate::checkers::convergence::{Group, View, difference};
use crate::report::{Check, Report};
use crate::simulation::Simulation;

impl Simulation {
    /// Judges what happened so far.
    pub fn report(&mut self) -> Report {
        let problem = self.disagreement(true);
        self.checkers.convergence.sample(self.now, problem);
        let mut metrics = BTreeMap::new();
        let faulted: Vec<usize> = self.faulted.iter().copied().collect();
        let mut checks = self.checkers.finish(&self.truth, self.now, &faulted, &mut metrics);
        if !self.scenario.faults.is_empty() {
            let fired = format!("{} struck", self.faults_fired);
            let misfires: Vec<String> =
                self.misfires.iter().cloned().chain(self.idle_faults()).collect();
            let pass = misfires.is_empty();
            let detail = if pass { fired } else { misfires.join("\n") };
            checks.push(Check::new("faults_struck", pass, detail));
        }
        for check in checks.iter_mut().filter(|check| !check.pass) {
            check.detail.push('\n');
            check.detail.push_str(&self.scenario.replay(self.seed));
        }
        metrics.insert("datagrams_delivered".to_owned(), self.delivered as f64);
        metrics.insert("datagrams_duplicated".to_owned(), self.duplicated as f64);
        for (reason, count) in &self.drops {
            metrics.insert(format!("datagrams_dropped_{}", reason.as_str()), *count as f64);
        }
        metrics.insert("trace_entries".to_owned(), self.trace.entries() as f64);
        metrics.insert("faults_fired".to_owned(), self.faults_fired as f64);
        self.show_effects(&mut metrics);
        let mut counters = self.gone.clone();
        for running in self.nodes.iter().filter_map(|node| node.running.as_ref()) {
            counters.add(running.engine.stats());
        }
        counters.show(&mut metrics);
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

    /// What is wrong with the views: within each side of the network, those of all members that
    /// nothing is wrong with must be one, and hold exactly who runs there. `thorough` looks at every
    /// member of every view and at the full version vectors.
    pub(crate) fn disagreement(&self, thorough: bool) -> Option<String> {
        let mut sides: BTreeMap<usize, (Group, Vec<usize>)> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(running) = node.running.as_ref() else { continue };
            let Some(process) = self.truth.process(running.process) else { continue };
            let side = self.network.sides().map_or(0, |sides| sides.of(index));
            let (group, healthy) = sides.entry(side).or_default();
            if running.leaving {
                continue;
            }
            if node.is_impaired() || self.network.impairs(index) {
                group.tolerated.insert(process.member);
            } else {
                group.required.entry(process.member).or_default().insert(process.instance);
                healthy.push(index);
            }
        }
        sides.values().find_map(|(group, healthy)| {
            let brief = |node: &usize| self.view(*node, false);
            let views: Vec<View> = healthy.iter().filter_map(brief).collect();
            difference(&views, |view| view.view_id)
                .or_else(|| difference(&views, |view| view.sync).filter(|_| thorough))
                .or_else(|| {
                    let looked_at = if thorough { healthy.len() } else { 1 };
                    let full = |node: &usize| self.view(*node, true);
                    healthy.iter().take(looked_at).filter_map(full).find_map(|v| group.mismatch(&v))
                })
        })
    }

    fn view(&self, node: usize, full: bool) -> Option<View> {
        let table = self.engine(node)?.table();
        let summary = table.summary();
        let entry = |record: &Record| (record.id(), record.claim.life().instance);
        let live: Vec<(MemberId, _)> =
            if full { table.live().map(entry).collect() } else { Vec::new() };
        let (view_id, sync, size) = (summary.view_id, summary.sync, table.live_len());
        Some(View { node, view_id, sync, size, live })
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
