//! Do all running nodes that can reach each other hold the same view, of exactly themselves?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headcount_state::{Instance, MemberId, Time};

use crate::checkers::Metrics;
use crate::duration::show;
use crate::report::Check;
use crate::truth::Truth;

/// What one node holds, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) node: usize,
    /// Hash of the live members' lives and addresses.
    pub(crate) view_id: u64,
    /// Hash of the live version vector.
    pub(crate) sync: u64,
    /// How many live members it holds.
    pub(crate) size: usize,
}

/// Who should be in the views of nodes that can reach each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Every member that must be in it, and the processes of that name: one of them.
    pub(crate) required: BTreeMap<MemberId, BTreeSet<Instance>>,
    /// Members that something is wrong with: they may be in it or not.
    pub(crate) tolerated: BTreeSet<MemberId>,
}

impl Group {
    /// Why a view that holds these live members, in the order of their ids, is not a view of this
    /// group; `node` is the one that holds it.
    pub(crate) fn mismatch(
        &self,
        node: usize,
        live: impl Iterator<Item = (MemberId, Instance)>,
    ) -> Option<String> {
        let mut required = self.required.iter().peekable();
        let mut lacking: Vec<MemberId> = Vec::new();
        for (member, instance) in live {
            while let Some((missing, _)) = required.next_if(|(id, _)| **id < member) {
                lacking.push(*missing);
            }
            match required.next_if(|(id, _)| **id == member) {
                Some((_, instances)) if instances.contains(&instance) => {}
                Some(_) => {
                    return Some(format!("node {node} holds {member} in a life that is over"));
                }
                None if self.tolerated.contains(&member) => {}
                None => {
                    return Some(format!("node {node} holds {member}, which does not run here"));
                }
            }
        }
        lacking.extend(required.map(|(member, _)| *member));
        let first = lacking.first()?;
        Some(format!("node {node} lacks {} members, {first} among them", lacking.len()))
    }
}

/// Why views that should be one are not: the first two that differ.
pub(crate) fn difference(views: &[View], hash: impl Fn(&View) -> u64) -> Option<String> {
    let (first, rest) = views.split_first()?;
    let other = rest.iter().find(|view| hash(view) != hash(first))?;
    Some(format!(
        "node {} holds {:016x} ({} live), node {} holds {:016x} ({} live)",
        first.node,
        hash(first),
        first.size,
        other.node,
        hash(other),
        other.size
    ))
}

/// When the views became one, and whether they stayed so.
#[derive(Clone, Debug)]
pub(crate) struct Convergence {
    limit: Option<Duration>,
    /// Since when every look found the views to be one.
    since: Option<Time>,
    /// What the last look found wrong.
    problem: Option<String>,
}

impl Convergence {
    pub(crate) fn new(limit: Option<Duration>) -> Convergence {
        Convergence { limit, since: None, problem: Some("never looked at".to_owned()) }
    }

    /// Whether a look at `at` found the views to be one.
    pub(crate) fn looked(&mut self, at: Time, one: bool) {
        self.since = if one { self.since.or(Some(at)) } else { None };
    }

    /// Whether the latest look found the views to be one.
    pub(crate) fn is_one(&self) -> bool {
        self.since.is_some()
    }

    /// What the last look, at `at`, found wrong.
    pub(crate) fn ends(&mut self, at: Time, problem: Option<String>) {
        self.looked(at, problem.is_none());
        self.problem = problem;
    }

    pub(crate) fn finish(&self, truth: &Truth, end: Time, metrics: &mut Metrics) -> Option<Check> {
        let calm = truth.last_change();
        let took = self.since.map(|since| since.since(calm));
        if let Some(took) = took {
            metrics.insert("converged_s".to_owned(), took.as_secs_f64());
        }
        let limit = self.limit?;
        let name = "convergence";
        Some(match took {
            Some(took) if took <= limit => {
                Check::new(name, true, format!("{} after the last change", show(took)))
            }
            Some(took) => {
                let took = show(took);
                let late = format!("took {took} after the last change at {calm}");
                Check::new(name, false, format!("{late}; the bound is {}", show(limit)))
            }
            None => {
                let problem = self.problem.as_deref().unwrap_or("no view at all");
                let detail = format!("not at the end ({end}), last change at {calm}: {problem}");
                Check::new(name, false, detail)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::fixture::{at, cluster, instance, member};

    fn view(node: usize, size: usize) -> View {
        View { node, view_id: size as u64, sync: 7, size }
    }

    /// Why it is no view of `group` to hold these nodes in these instances.
    fn problem(group: &Group, live: &[(usize, usize)]) -> Option<String> {
        let live: BTreeMap<MemberId, Instance> =
            live.iter().map(|(node, life)| (member(*node), instance(*life))).collect();
        group.mismatch(0, live.into_iter())
    }

    fn group(members: &[usize]) -> Group {
        let required =
            members.iter().map(|n| (member(*n), BTreeSet::from([instance(*n)]))).collect();
        Group { required, tolerated: BTreeSet::new() }
    }

    #[test]
    fn a_view_of_exactly_the_group_matches() {
        assert_eq!(problem(&group(&[0, 1, 2]), &[(0, 0), (1, 1), (2, 2)]), None);
    }

    #[test]
    fn a_missing_a_foreign_and_an_outdated_member_are_noticed() {
        let group = group(&[0, 1, 2]);
        let problem = |live: &[_]| problem(&group, live).unwrap_or_default();
        for missing in 0..3 {
            let held: Vec<_> = (0..3).filter(|n| *n != missing).map(|n| (n, n)).collect();
            assert!(problem(&held).contains(&format!("lacks 1 members, {}", member(missing))));
        }
        assert!(problem(&[(0, 0), (1, 1), (2, 2), (9, 9)]).contains("does not run here"));
        assert!(problem(&[(0, 0), (1, 8), (2, 2)]).contains("a life that is over"));
    }

    #[test]
    fn a_member_in_trouble_may_be_held_or_not() {
        let mut group = group(&[0, 1]);
        group.tolerated.insert(member(2));
        assert_eq!(problem(&group, &[(0, 0), (1, 1)]), None);
        assert_eq!(problem(&group, &[(0, 0), (1, 1), (2, 2)]), None);
    }

    #[test]
    fn two_views_that_differ_are_noticed() {
        let views = [view(0, 2), view(1, 2), view(2, 1)];
        let problem = difference(&views, |view| view.view_id).unwrap();
        assert!(problem.contains("node 2"), "{problem}");
        assert_eq!(difference(&views[..2], |view| view.view_id), None);
        assert_eq!(difference(&views, |view| view.sync), None);
    }

    fn finish(looks: &[(u64, bool)], limit: u64) -> Check {
        let mut convergence = Convergence::new(Some(Duration::from_secs(limit)));
        if let Some(((last, one), others)) = looks.split_last() {
            others.iter().for_each(|(secs, one)| convergence.looked(at(*secs), *one));
            convergence.ends(at(*last), (!one).then(|| "planted".to_owned()));
        }
        let mut truth = cluster(2);
        truth.separated(at(10), None);
        convergence.finish(&truth, at(60), &mut Metrics::new()).unwrap()
    }

    #[test]
    fn views_that_are_one_in_time_and_stay_so_pass() {
        assert!(finish(&[(5, true), (11, false), (13, true), (60, true)], 3).pass);
    }

    #[test]
    fn views_that_become_one_too_late_or_fall_apart_again_fail() {
        let late = finish(&[(11, false), (14, true), (60, true)], 3);
        assert!(!late.pass && late.detail.contains("took 4s"), "{}", late.detail);
        assert!(!finish(&[(11, true), (50, false), (51, true)], 3).pass);
        let never = finish(&[(11, true), (60, false)], 3);
        assert!(!never.pass && never.detail.contains("planted"), "{}", never.detail);
        assert!(!finish(&[], 3).pass);
    }
}
