//! Were observers told what the scenario expects, as often as it expects?

use std::collections::{BTreeMap, BTreeSet};

use headcount_state::MemberId;

use crate::checkers::Violations;
use crate::report::Check;
use crate::scenario::{EventRule, members_of};
use crate::sighting::Sighting;
use crate::truth::{Process, Truth};

/// How often each process was told of each member, by rule.
#[derive(Debug)]
pub(crate) struct Events {
    rules: Vec<EventRule>,
    /// How many nodes started at first: only those can be observers.
    nodes: usize,
    counts: Vec<BTreeMap<(usize, Option<MemberId>), u64>>,
}

impl Events {
    pub(crate) fn new(rules: Vec<EventRule>, nodes: usize) -> Events {
        let counts = vec![BTreeMap::new(); rules.len()];
        Events { rules, nodes, counts }
    }

    pub(crate) fn seen(&mut self, sighting: &Sighting) {
        for (rule, counts) in self.rules.iter().zip(&mut self.counts) {
            if rule.kind == sighting.kind {
                let subject = rule.about.as_ref().and(sighting.subject);
                *counts.entry((sighting.process, subject)).or_default() += 1;
            }
        }
    }

    pub(crate) fn finish(&self, truth: &Truth, faulted: &[usize]) -> Vec<Check> {
        let rules = self.rules.iter().zip(&self.counts);
        rules.map(|(rule, counts)| self.judge(rule, counts, truth, faulted)).collect()
    }

    fn judge(
        &self,
        rule: &EventRule,
        counts: &BTreeMap<(usize, Option<MemberId>), u64>,
        truth: &Truth,
        faulted: &[usize],
    ) -> Check {
        let most = rule.at_most.unwrap_or(u64::MAX);
        let subjects = rule.about.as_ref().map(|labels| subjects(labels, truth, faulted));
        let mut pairs = 0u64;
        let mut wrong = Violations::default();
        let mut started = BTreeSet::new();
        for (number, observer) in truth.processes().iter().enumerate() {
            let first = observer.node < self.nodes && started.insert(observer.node);
            if !first || observer.ended.is_some() {
                continue;
            }
            let about: Vec<Option<MemberId>> = match &subjects {
                None => vec![None],
                Some(all) => {
                    let others = all.iter().filter(|subject| **subject != observer.member);
                    others.map(|subject| Some(*subject)).collect()
                }
            };
            for subject in about {
                pairs += 1;
                let count = counts.get(&(number, subject)).copied().unwrap_or(0);
                if !(rule.at_least..=most).contains(&count) {
                    wrong.add(|| {
                        let about = subject.map_or(String::new(), |s| format!(" about {s}"));
                        format!("node {} was told {count} times{about}", observer.node)
                    });
                }
            }
        }
        let right = pairs - wrong.count();
        let name = format!("event_{:?}", rule.kind).to_lowercase();
        let share = right as f64 / pairs.max(1) as f64;
        let pass = pairs > 0 && share >= rule.share;
        let found = format!("{right} of {pairs} as expected");
        let detail = match wrong.check("", "").detail {
            examples if pass || examples.is_empty() => found,
            examples => format!("{found}\n{examples}"),
        };
        Check::new(&name, pass, detail)
    }
}

fn subjects(labels: &[String], truth: &Truth, faulted: &[usize]) -> BTreeSet<MemberId> {
    let chosen = |p: &&Process| faulted.contains(&p.node);
    let mut subjects = BTreeSet::new();
    for label in labels {
        match label.as_str() {
            "faulted" => {
                subjects.extend(truth.processes().iter().filter(chosen).map(|p| p.member));
            }
            label => subjects.extend(members_of(label)),
        }
    }
    subjects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sighting::Kind;
    use crate::sighting::fixture::sighting;
    use crate::truth::Ending;
    use crate::truth::fixture::{at, cluster};

    fn rule(about: Option<&str>, at_least: u64, at_most: Option<u64>) -> EventRule {
        let about = about.map(|label| vec![label.to_owned()]);
        EventRule { kind: Kind::Left, about, at_least, at_most, share: 1.0 }
    }

    fn check(rule: EventRule, seen: &[(usize, usize)]) -> Check {
        let mut truth = cluster(4);
        truth.ended(at(5), 3, Ending::Left);
        let mut events = Events::new(vec![rule], 4);
        for (observer, subject) in seen {
            events.seen(&sighting(6, *observer, Kind::Left, *subject));
            events.seen(&sighting(6, *observer, Kind::Failed, *subject));
        }
        events.finish(&truth, &[3]).remove(0)
    }

    #[test]
    fn every_staying_observer_must_be_told() {
        let once = || rule(Some("faulted"), 1, Some(1));
        assert!(check(once(), &[(0, 3), (1, 3), (2, 3)]).pass);
        let missing = check(once(), &[(0, 3), (1, 3), (3, 3)]);
        assert!(!missing.pass);
        assert!(missing.detail.starts_with("2 of 3"), "{}", missing.detail);
        assert!(!check(once(), &[(0, 3), (1, 3), (2, 3), (2, 3)]).pass);
        assert!(!check(rule(Some("n3"), 1, None), &[(0, 2), (1, 3), (2, 3)]).pass);
    }

    #[test]
    fn a_share_lets_a_few_be_wrong() {
        let most = EventRule { share: 0.6, ..rule(Some("n3"), 1, None) };
        assert!(check(most.clone(), &[(0, 3), (1, 3)]).pass);
        assert!(!check(most, &[(0, 3)]).pass);
    }

    #[test]
    fn without_a_subject_all_events_of_the_kind_count() {
        assert!(
            check(rule(None, 2, Some(2)), &[(0, 1), (0, 2), (1, 0), (1, 0), (2, 3), (2, 3)]).pass
        );
        assert!(!check(rule(None, 0, Some(0)), &[(2, 3)]).pass);
    }

    #[test]
    fn a_rule_that_nobody_could_keep_does_not_pass() {
        let mut truth = cluster(1);
        truth.ended(at(5), 0, Ending::Crashed);
        let events = Events::new(vec![rule(None, 0, None)], 1);
        assert!(!events.finish(&truth, &[]).remove(0).pass);
    }
}
