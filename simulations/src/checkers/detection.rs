//! Is every crash noticed by every survivor in time, and by nobody too soon?

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_state::{Instance, MemberId, Time};

use crate::checkers::{Metrics, Violations};
use crate::duration::show;
use crate::report::Check;
use crate::sighting::{Kind, Sighting};
use crate::truth::{Process, Truth};

/// One crash, and who noticed it when.
#[derive(Clone, Debug)]
struct Crash {
    at: Time,
    node: usize,
    /// The processes that held it as a member when it died, and when each noticed.
    observers: BTreeMap<usize, Option<Time>>,
    first_suspected: Option<Time>,
    first_failed: Option<Time>,
    last_failed: Option<Time>,
}

/// All crashes so far.
#[derive(Debug)]
pub(crate) struct Detection {
    limit: Option<Duration>,
    not_before: Option<Duration>,
    crashes: BTreeMap<Instance, Crash>,
    by_member: BTreeMap<MemberId, Vec<Instance>>,
}

impl Detection {
    pub(crate) fn new(limit: Option<Duration>, not_before: Option<Duration>) -> Detection {
        Detection { limit, not_before, crashes: BTreeMap::new(), by_member: BTreeMap::new() }
    }

    /// `process` died at `at`, when `observers` held it as a member.
    pub(crate) fn crashed(
        &mut self,
        at: Time,
        process: &Process,
        observers: impl Iterator<Item = usize>,
    ) {
        let crash = Crash {
            at,
            node: process.node,
            observers: observers.map(|observer| (observer, None)).collect(),
            first_suspected: None,
            first_failed: None,
            last_failed: None,
        };
        self.crashes.insert(process.instance, crash);
        self.by_member.entry(process.member).or_default().push(process.instance);
    }

    pub(crate) fn seen(&mut self, sighting: &Sighting) {
        let Sighting { at, process, kind, .. } = *sighting;
        let (Some(subject), Some(life)) = (sighting.subject, sighting.life) else { return };
        let notice = |crash: &mut Crash| {
            if let Some(noticed) = crash.observers.get_mut(&process) {
                noticed.get_or_insert(at);
            }
        };
        if let Some(crash) = self.crashes.get_mut(&life.instance) {
            match kind {
                Kind::Suspected => {
                    crash.first_suspected.get_or_insert(at);
                }
                Kind::Failed => {
                    crash.first_failed.get_or_insert(at);
                    crash.last_failed = Some(at);
                    notice(crash);
                }
                _ => {}
            }
        }
        // Whoever hears of the next process of the name knows that this one is gone.
        if matches!(kind, Kind::Restarted | Kind::Joined | Kind::Left) {
            for instance in self.by_member.get(&subject).into_iter().flatten() {
                if *instance != life.instance
                    && let Some(crash) = self.crashes.get_mut(instance)
                {
                    notice(crash);
                }
            }
        }
    }

    pub(crate) fn finish(&self, truth: &Truth, end: Time, metrics: &mut Metrics) -> Vec<Check> {
        if self.crashes.is_empty() {
            return Vec::new();
        }
        metrics.insert("crashes".to_owned(), self.crashes.len() as f64);
        self.measure(metrics, "first_suspected", |crash| crash.first_suspected);
        self.measure(metrics, "first_failed", |crash| crash.first_failed);
        self.measure(metrics, "all_failed", |crash| crash.last_failed);
        let mut checks = Vec::new();
        checks.extend(self.limit.map(|limit| self.in_time(truth, end, limit)));
        checks.extend(self.not_before.map(|patience| self.patient(patience)));
        checks
    }

    /// The median over all crashes that came so far, and the largest.
    fn measure(&self, metrics: &mut Metrics, name: &str, moment: impl Fn(&Crash) -> Option<Time>) {
        let after = |crash: &Crash| Some(moment(crash)?.since(crash.at).as_secs_f64());
        let mut all: Vec<f64> = self.crashes.values().filter_map(after).collect();
        all.sort_by(f64::total_cmp);
        if let (Some(median), Some(most)) = (all.get(all.len() / 2), all.last()) {
            metrics.insert(format!("{name}_s"), *median);
            metrics.insert(format!("{name}_max_s"), *most);
        }
    }

    fn in_time(&self, truth: &Truth, end: Time, limit: Duration) -> Check {
        let mut late = Violations::default();
        let mut pairs = 0;
        for crash in self.crashes.values() {
            let deadline = crash.at + limit;
            for (observer, noticed) in &crash.observers {
                let Some(process) = truth.process(*observer) else { continue };
                let stopped = process.ended.is_some_and(|(ended, _)| ended <= deadline);
                let hindered = truth.troubled(process.node, crash.at, deadline)
                    || truth.apart(process.node, crash.node, crash.at, deadline);
                if stopped || hindered {
                    continue;
                }
                pairs += 1;
                let (who, whom) = (process.node, crash.node);
                match noticed {
                    Some(at) if *at <= deadline => {}
                    Some(at) => late.add(|| {
                        let took = show(at.since(crash.at));
                        format!("node {who} noticed the crash of node {whom} after {took}")
                    }),
                    None => late.add(|| {
                        let at = crash.at;
                        format!(
                            "node {who} has not noticed the crash of node {whom} at {at} by {end}"
                        )
                    }),
                }
            }
        }
        let fine = format!("{pairs} notices, all within {}", show(limit));
        late.check("detection", &fine)
    }

    fn patient(&self, patience: Duration) -> Check {
        let mut hasty = Violations::default();
        for crash in self.crashes.values() {
            let took = crash.first_failed.map(|at| at.since(crash.at));
            if let Some(took) = took.filter(|took| *took < patience) {
                hasty.add(|| format!("node {} was declared after {}", crash.node, show(took)));
            }
        }
        let fine = format!("none declared before {}", show(patience));
        hasty.check("patience", &fine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sighting::fixture::sighting;
    use crate::truth::Ending;
    use crate::truth::fixture::{at, cluster, instance};
    use headcount_state::Life;

    /// Node 3 of four dies at 10 s and must be noticed within 5 s, not before 2 s.
    fn verdicts(change: impl FnOnce(&mut Truth), seen: &[Sighting]) -> (bool, bool, Metrics) {
        let mut truth = cluster(4);
        let mut detection =
            Detection::new(Some(Duration::from_secs(5)), Some(Duration::from_secs(2)));
        truth.ended(at(10), 3, Ending::Crashed);
        change(&mut truth);
        let process = *truth.process(3).unwrap();
        detection.crashed(at(10), &process, 0..3);
        seen.iter().for_each(|sighting| detection.seen(sighting));
        let mut metrics = Metrics::new();
        let checks = detection.finish(&truth, at(60), &mut metrics);
        (checks[0].pass, checks[1].pass, metrics)
    }

    fn failed(secs: [u64; 3]) -> Vec<Sighting> {
        secs.iter().enumerate().map(|(n, s)| sighting(*s, n, Kind::Failed, 3)).collect()
    }

    #[test]
    fn a_crash_that_all_notice_in_time_passes_and_is_measured() {
        let mut seen = failed([13, 14, 15]);
        seen.insert(0, sighting(11, 1, Kind::Suspected, 3));
        let (in_time, patient, metrics) = verdicts(|_| {}, &seen);
        assert!(in_time && patient);
        let measured = ["first_suspected_s", "first_failed_s", "all_failed_s", "all_failed_max_s"];
        assert_eq!(measured.map(|name| metrics[name]), [1.0, 3.0, 5.0, 5.0]);
    }

    #[test]
    fn one_late_or_blind_survivor_is_noticed() {
        assert!(!verdicts(|_| {}, &failed([13, 14, 16])).0);
        assert!(!verdicts(|_| {}, &failed([13, 14, 15])[..2]).0);
    }

    #[test]
    fn a_hasty_detector_is_noticed() {
        assert!(!verdicts(|_| {}, &failed([11, 13, 13])).1);
    }

    #[test]
    fn who_died_meanwhile_was_cut_off_or_saw_the_successor_is_no_blind_survivor() {
        let two = &failed([13, 14, 15])[..2];
        assert!(verdicts(|truth| truth.ended(at(12), 2, Ending::Crashed), two).0);
        assert!(verdicts(|truth| truth.trouble_begins(at(12), 1, &[2]), two).0);
        let successor = Life { generation: 200, instance: instance(50) };
        let restarted = Sighting { life: Some(successor), ..sighting(12, 2, Kind::Restarted, 3) };
        assert!(verdicts(|_| {}, &[two[0], two[1], restarted]).0);
    }
}
