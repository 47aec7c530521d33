//! Judging a run: what do the checkers and counters say?

use std::collections::BTreeMap;

use headcount_swim::Stats;

use crate::checkers::measured;
use crate::report::{Check, Report};
use crate::simulation::Simulation;

/// News of the last moment is waited for so long,
const PATIENCE_PERIODS: u32 = 2;

/// and looked for so often.
const LOOKS_PER_PERIOD: u32 = 20;

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

    /// The report of now. Where the views are one, but news that is moments old has not reached
    /// everybody, it is given two periods to arrive; nothing else that happens then counts.
    pub(crate) fn report_after_what_is_on_its_way(mut self) -> Report {
        let looked = self.checkers.convergence.clone();
        let mut report = self.report();
        let (end, patience) = (self.now, self.config.period * PATIENCE_PERIODS);
        if !looked.is_one() || self.disagreement().is_none() {
            return report;
        }
        while self.disagreement().is_some() && self.now < end + patience {
            self.run_for(self.config.period / LOOKS_PER_PERIOD);
        }
        if self.disagreement().is_none() {
            let check = looked.finish(&self.truth, end, &mut report.metrics);
            if let Some(check) = check.filter(|check| check.pass) {
                report.checks.retain(|found| found.name != check.name);
                report.checks.insert(0, check);
            }
        }
        report
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

#[cfg(test)]
mod tests {
    use headcount_state::Time;

    use super::*;
    use crate::scenario::Scenario;

    /// Eight nodes, one of which changes its tags a moment before the end, and what happens besides.
    fn with_late_news(besides: &str) -> Scenario {
        let text = format!(
            r#"
            name = "late-news"
            nodes = 8
            duration = "20s"
            [expect]
            converge_within = "5s"
            [[faults]]
            kind = "update"
            at = "19999ms"
            nodes = ["n3"]
            tags = {{ v = "2" }}
            {besides}
            "#
        );
        Scenario::from_toml(&text).unwrap()
    }

    #[test]
    fn news_of_the_last_moment_may_arrive_after_the_end_and_nothing_else_counts_then() {
        let scenario = with_late_news("");
        let mut stopped = Simulation::new(&scenario, 1).unwrap();
        stopped.run_until(Time::ZERO + scenario.duration);
        let at_the_end = stopped.report();
        assert!(!at_the_end.check("convergence").unwrap().pass, "{at_the_end}");
        let report = Simulation::new(&scenario, 1).unwrap().run();
        assert!(report.passed(), "{report}");
        assert_eq!(report.virtual_s, 20.0);
        assert_eq!(report.trace_hash, at_the_end.trace_hash);
        assert_eq!(
            report.metrics["datagrams_delivered"],
            at_the_end.metrics["datagrams_delivered"]
        );
    }

    #[test]
    fn news_that_do_not_arrive_even_then_fail() {
        let lost = "[[faults]]\nkind = \"loss\"\nat = \"19998ms\"\nrate = 1";
        let report = Simulation::new(&with_late_news(lost), 1).unwrap().run();
        assert!(!report.check("convergence").unwrap().pass, "{report}");
    }
}
