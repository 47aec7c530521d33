//! Is every crash noticed by every survivor in time, and by nobody too soon?

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_state::{Instance, MemberId, Time};

use crate::checkers::{Metrics, Violations};
use crate::duration::show;
use crate::flags::Flags;
use crate::numbers::Numbers;
use crate::report::Check;
use crate::sighting::{Kind, Sighting};
use crate::truth::{Process, Truth};

/// One crash, and who noticed it when.
#[derive(Clone, Debug)]
struct Crash {
    at: Time,
    node: usize,
    instance: Instance,
    /// The processes that held it as a member when it died.
    observers: Flags,
    /// Those of them that noticed in time.
    noticed: Flags,
    /// And those that noticed too late, when each did.
    late: BTreeMap<usize, Time>,
    first_suspected: Option<Time>,
    first_failed: Option<Time>,
    last_failed: Option<Time>,
}

impl Crash {
    /// `process` noticed at `at`, `limit` being what it may take.
    fn notice(&mut self, process: usize, at: Time, limit: Duration) {
        if !self.observers.contains(process) || self.noticed.contains(process) {
            return;
        }
        if at <= self.at + limit {
            self.noticed.insert(process);
        } else {
            self.late.entry(process).or_insert(at);
        }
    }
}

/// All crashes so far.
#[derive(Debug)]
pub(crate) struct Detection {
    limit: Option<Duration>,
    not_before: Option<Duration>,
    crashes: Vec<Crash>,
    /// Which crash was that of an instance.
    by_instance: Numbers,
    by_member: BTreeMap<MemberId, Vec<usize>>,
}

impl Detection {
    pub(crate) fn new(limit: Option<Duration>, not_before: Option<Duration>) -> Detection {
        Detection {
            limit,
            not_before,
            crashes: Vec::new(),
            by_instance: Numbers::default(),
            by_member: BTreeMap::new(),
        }
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
            instance: process.instance,
            observers: observers.collect(),
            noticed: Flags::default(),
            late: BTreeMap::new(),
            first_suspected: None,
            first_failed: None,
            last_failed: None,
        };
        self.by_instance.set(process.instance.as_u64(), self.crashes.len());
        self.by_member.entry(process.member).or_default().push(self.crashes.len());
        self.crashes.push(crash);
    }

    pub(crate) fn seen(&mut self, sighting: &Sighting) {
        let Sighting { at, process, kind, .. } = *sighting;
        let (Some(subject), Some(life)) = (sighting.subject, sighting.life) else { return };
        let limit = self.limit.unwrap_or(Duration::MAX);
        let known = self.by_instance.get(life.instance.as_u64());
        if let Some(crash) = known.and_then(|number| self.crashes.get_mut(number)) {
            match kind {
                Kind::Suspected => {
                    crash.first_suspected.get_or_insert(at);
                }
                Kind::Failed => {
                    crash.first_failed.get_or_insert(at);
                    crash.last_failed = Some(at);
                    crash.notice(process, at, limit);
                }
                _ => {}
            }
        }
        // Whoever hears of the next process of the name knows that this one is gone.
        if matches!(kind, Kind::Restarted | Kind::Joined | Kind::Left) {
            for number in self.by_member.get(&subject).into_iter().flatten() {
                let crash = &mut self.crashes[*number];
                if crash.instance != life.instance {
                    crash.notice(process, at, limit);
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
        let mut all: Vec<f64> = self.crashes.iter().filter_map(after).collect();
        all.sort_by(f64::total_cmp);
        if let (Some(median), Some(most)) = (all.get(all.len() / 2), all.last()) {
            metrics.insert(format!("{name}_s"), *median);
            metrics.insert(format!("{name}_max_s"), *most);
        }
    }

    fn in_time(&self, truth: &Truth, end: Time, limit: Duration) -> Check {
        let mut late = Violations::default();
        let mut pairs = 0;
        for crash in &self.crashes {
            let deadline = crash.at + limit;
            for observer in crash.observers.iter() {
                let Some(process) = truth.process(observer) else { continue };
                let stopped = process.ended.is_some_and(|(ended, _)| ended <= deadline);
                let hindered = truth.troubled(process.node, crash.at, deadline)
                    || truth.apart(process.node, crash.node, crash.at, deadline);
                if stopped || hindered {
                    continue;
                }
                pairs += 1;
                if crash.noticed.contains(observer) {
                    continue;
                }
                let (who, whom) = (process.node, crash.node);
                match crash.late.get(&observer) {
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
        for crash in &self.crashes {
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
