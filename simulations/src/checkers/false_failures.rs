//! Is anybody declared failed who runs and can be reached?
//!
//! A failure is false if the process that it names still runs, nothing was wrong with its node
//! lately, and the observer was on its side of every partition lately. So a failure that reaches
//! somebody about a member of its own side is false during a heal too.

use std::time::Duration;

use crate::checkers::{Metrics, Violations};
use crate::report::Check;
use crate::sighting::{Kind, Sighting};
use crate::truth::Truth;

/// False failures so far.
#[derive(Debug)]
pub(crate) struct FalseFailures {
    /// How long something that is over still excuses a failure.
    grace: Duration,
    required: bool,
    violations: Violations,
    /// Those at observers that nothing was wrong with: FP- of the Lifeguard paper, section V.
    at_healthy: u64,
    suspected: u64,
    failed: u64,
}

impl FalseFailures {
    pub(crate) fn new(grace: Duration, required: bool) -> FalseFailures {
        let violations = Violations::default();
        FalseFailures { grace, required, violations, at_healthy: 0, suspected: 0, failed: 0 }
    }

    pub(crate) fn seen(&mut self, truth: &Truth, sighting: &Sighting) {
        let Sighting { at, observer, kind, .. } = *sighting;
        self.suspected += u64::from(kind == Kind::Suspected);
        if kind != Kind::Failed {
            return;
        }
        self.failed += 1;
        let since = at - self.grace;
        let process = sighting.life.and_then(|life| truth.instance(life.instance));
        let excused = process.is_some_and(|subject| {
            subject.ended.is_some()
                || truth.troubled(subject.node, since, at)
                || truth.apart(observer, subject.node, since, at)
        });
        if excused {
            return;
        }
        self.at_healthy += u64::from(!truth.troubled(observer, since, at));
        self.violations.add(|| match process {
            Some(subject) => {
                format!("{at}: node {observer} was told that node {} failed; it runs", subject.node)
            }
            None => {
                format!("{at}: node {observer} was told of a failure of a process that never was")
            }
        });
    }

    pub(crate) fn finish(&self, metrics: &mut Metrics) -> Option<Check> {
        for (name, count) in [
            ("suspected_events", self.suspected),
            ("failed_events", self.failed),
            ("false_failures", self.violations.count()),
            ("false_failures_at_healthy", self.at_healthy),
        ] {
            metrics.insert(name.to_owned(), count as f64);
        }
        let fine = format!("{} failures, all of them true", self.failed);
        self.required.then(|| self.violations.check("no_false_failures", &fine))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Sides;
    use crate::sighting::fixture::sighting;
    use crate::truth::Ending;
    use crate::truth::fixture::{at, cluster};

    fn check(truth: &Truth, sightings: &[Sighting]) -> (bool, u64) {
        let mut checker = FalseFailures::new(Duration::from_secs(10), true);
        sightings.iter().for_each(|s| checker.seen(truth, s));
        (checker.finish(&mut Metrics::new()).unwrap().pass, checker.at_healthy)
    }

    #[test]
    fn a_failure_of_a_running_member_is_false() {
        let planted = sighting(20, 0, Kind::Failed, 1);
        assert_eq!(check(&cluster(3), &[planted]), (false, 1));
        assert_eq!(check(&cluster(3), &[sighting(20, 0, Kind::Suspected, 1)]), (true, 0));
    }

    #[test]
    fn a_failure_of_a_dead_member_is_true() {
        let mut truth = cluster(3);
        truth.ended(at(15), 1, Ending::Crashed);
        assert_eq!(check(&truth, &[sighting(20, 0, Kind::Failed, 1)]), (true, 0));
    }

    #[test]
    fn a_partition_excuses_failures_across_it_and_for_a_while_after() {
        let mut truth = cluster(4);
        truth.separated(at(10), Some(Sides::new(&[vec![0, 1]])));
        truth.separated(at(20), None);
        assert!(check(&truth, &[sighting(15, 0, Kind::Failed, 2)]).0);
        assert!(check(&truth, &[sighting(29, 0, Kind::Failed, 2)]).0);
        assert!(!check(&truth, &[sighting(31, 0, Kind::Failed, 2)]).0);
        let own_side = sighting(21, 0, Kind::Failed, 1);
        assert_eq!(check(&truth, &[own_side]), (false, 1));
    }

    #[test]
    fn a_sick_observer_that_accuses_the_healthy_is_told_apart() {
        let mut truth = cluster(3);
        truth.trouble_begins(at(10), 1, &[0]);
        assert_eq!(check(&truth, &[sighting(12, 0, Kind::Failed, 1)]), (false, 0));
        assert!(check(&truth, &[sighting(12, 1, Kind::Failed, 0)]).0);
    }

    #[test]
    fn a_failure_of_a_process_that_never_was_is_false() {
        assert!(!check(&cluster(3), &[sighting(20, 0, Kind::Failed, 99)]).0);
    }
}
