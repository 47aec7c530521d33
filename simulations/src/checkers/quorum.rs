//! Has never more than one side of a cut a majority, and has it one wherever it should?
//!
//! A *side* is who could have asked and answered each other, directly or in a chain, within the last
//! detection time and 2 s. Processes, not nodes: one that starts again on the other side of a cut does
//! not make one side of the two. So whatever is cut, healed and cut again, a moment counts as soon as a cut
//! is that old; cuts that come and go keep apart whom they keep apart.

use std::time::Duration;

use headcount_state::Time;
use headcount_swim::{Config, Electorate};

use crate::checkers::links::{Link, Links};
use crate::checkers::{Metrics, Violations};
use crate::report::Check;

/// A majority is known, and one that is gone is over, the detection time and so much after a cut.
const MARGIN: Duration = Duration::from_secs(2);

/// A node that runs, at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) node: usize,
    /// Whether it is one of the voters.
    pub(crate) votes: bool,
    /// When its process began.
    pub(crate) started: Time,
    /// It stands still, is slow, or its clock is wrong.
    pub(crate) sick: bool,
    /// It is a member, and is not leaving.
    pub(crate) member: bool,
    /// It says that it has a majority.
    pub(crate) majority: bool,
}

/// One process of a node.
#[derive(Clone, Copy, Debug)]
struct Process {
    node: usize,
    started: Time,
    /// When it was found to be gone; the end of time until then.
    ended: Time,
}

/// What the nodes said of their quorum.
#[derive(Debug)]
pub(crate) struct Quorums {
    window: Duration,
    /// A process that began longer ago has a vote, and is known to all that it can reach.
    grown: Duration,
    size: usize,
    /// Whether more nodes than the expected size are more than was promised.
    expected: bool,
    links: Links,
    /// Those that ran within the window.
    processes: Vec<Process>,
    /// When each node was last sick, by node.
    sick: Vec<Option<Time>>,
    /// When each was last no member: others may not know it, or where it is.
    away: Vec<Option<Time>>,
    parted: u64,
    majorities: u64,
    owed: u64,
    owed_beside_trouble: u64,
    two_sides: Violations,
    unsaid: Violations,
}

impl Quorums {
    /// `None` where no majority is asserted.
    pub(crate) fn new(config: &Config) -> Option<Quorums> {
        let (size, expected) = match &config.electorate {
            Electorate::Learned => return None,
            Electorate::Voters(names) => (names.len(), false),
            Electorate::ExpectedSize(size) => (*size, true),
        };
        let window = config.detection_time + MARGIN;
        Some(Quorums {
            window,
            grown: config.detection_time + window,
            size,
            expected,
            links: Links::default(),
            processes: Vec::new(),
            sick: Vec::new(),
            away: Vec::new(),
            parted: 0,
            majorities: 0,
            owed: 0,
            owed_beside_trouble: 0,
            two_sides: Violations::default(),
            unsaid: Violations::default(),
        })
    }

    /// The network is as `link` says from now on, among so many nodes.
    pub(crate) fn links_changed(
        &mut self,
        now: Time,
        nodes: usize,
        link: impl Fn(usize, usize) -> Link,
    ) {
        self.links.changed(now, nodes, link);
        self.sick.resize(nodes.max(self.sick.len()), None);
        self.away.resize(self.sick.len(), None);
    }

    /// All nodes that run, at one moment.
    pub(crate) fn looked(&mut self, now: Time, looks: &[Look]) {
        for look in looks {
            if look.sick {
                self.sick[look.node] = Some(now);
            }
            if !look.member {
                self.away[look.node] = Some(now);
            }
        }
        self.follow_processes(now, looks);
        self.majorities += looks.iter().filter(|look| look.majority).count() as u64;
        self.one_side_at_most(now, looks);
        if !self.expected || self.sick.len() <= self.size {
            self.who_should_have_it(now, looks);
        }
    }

    fn follow_processes(&mut self, now: Time, looks: &[Look]) {
        let window = self.window;
        self.processes.retain(|process| process.ended + window >= now);
        for process in self.processes.iter_mut().filter(|process| process.ended == Time::MAX) {
            let look = looks.iter().find(|look| look.node == process.node);
            let next = look.map_or(now, |look| look.started);
            if next != process.started {
                process.ended = next;
            }
        }
        for look in looks {
            let known = |process: &Process| process.node == look.node && process.ended == Time::MAX;
            if !self.processes.iter().any(known) {
                let (node, started) = (look.node, look.started);
                self.processes.push(Process { node, started, ended: Time::MAX });
            }
        }
    }

    fn one_side_at_most(&mut self, now: Time, looks: &[Look]) {
        let sides = self.sides(now);
        let side = |node: usize| {
            let runs = |process: &Process| process.node == node && process.ended == Time::MAX;
            self.processes.iter().position(runs).map(|place| sides[place])
        };
        let first_side = looks.first().map(|look| side(look.node));
        let parted = looks.iter().any(|look| Some(side(look.node)) != first_side);
        self.parted += u64::from(parted);
        let mut holding = looks.iter().filter(|look| look.majority);
        let Some(first) = holding.next() else { return };
        if let Some(other) = holding.find(|look| side(look.node) != side(first.node)) {
            let (a, b) = (first.node, other.node);
            self.two_sides.add(|| format!("{now}: nodes {a} and {b}, apart, both have a majority"));
        }
    }

    /// The side of each process, by its place: the first place of those on it.
    fn sides(&self, now: Time) -> Vec<usize> {
        let all = &self.processes;
        let begin = now - self.window;
        let mut sides: Vec<usize> = (0..all.len()).collect();
        let mut reached = vec![false; all.len()];
        for start in 0..all.len() {
            let mut waiting = vec![start];
            while let Some(place) = waiting.pop() {
                if std::mem::replace(&mut reached[place], true) {
                    continue;
                }
                sides[place] = start;
                let one = all[place];
                let joined = |other: &usize| {
                    let other = all[*other];
                    let from = begin.max(one.started).max(other.started);
                    let until = now.min(one.ended).min(other.ended);
                    let met = one.node != other.node && from <= until;
                    met && self.links.joined(from, until, one.node, other.node)
                };
                waiting.extend((0..all.len()).filter(|other| !reached[*other]).filter(joined));
            }
        }
        sides
    }

    fn who_should_have_it(&mut self, now: Time, looks: &[Look]) {
        let lately = |at: Option<Time>| at.is_some_and(|at| at + self.window > now);
        let well = |look: &&Look| {
            !lately(self.sick[look.node]) && look.member && look.started + self.grown <= now
        };
        let well: Vec<Look> = looks.iter().filter(well).copied().collect();
        let trouble = well.len() < looks.len();
        for look in &well {
            let reaches = |other: &&Look| {
                let sound = self.links.sound(now, self.window, look.node, other.node);
                other.node == look.node || (sound && !lately(self.away[other.node]))
            };
            let reached: Vec<&Look> = well.iter().filter(reaches).collect();
            let votes = reached.iter().filter(|other| other.votes).count();
            if votes * 2 <= self.size {
                continue;
            }
            self.owed += 1;
            self.owed_beside_trouble += u64::from(trouble || reached.len() < well.len());
            if !look.majority {
                let (node, size) = (look.node, self.size);
                self.unsaid.add(|| {
                    format!("{now}: node {node} reaches {votes} of {size} voters, has no majority")
                });
            }
        }
    }

    pub(crate) fn finish(&self, metrics: &mut Metrics) -> [Check; 2] {
        for (name, count) in [
            ("quorum_looks_while_parted", self.parted),
            ("quorum_majorities_seen", self.majorities),
            ("quorum_majorities_owed", self.owed),
            ("quorum_majorities_owed_beside_trouble", self.owed_beside_trouble),
        ] {
            metrics.insert(name.to_owned(), count as f64);
        }
        let parted = format!("{} looks at a cluster in parts", self.parted);
        let owed = format!("{} looks at nodes that reach a majority", self.owed);
        [
            self.two_sides.check("quorum_on_one_side", &parted),
            self.unsaid.check("quorum_where_it_should_be", &owed),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::EngineSettings;
    use crate::truth::fixture::at;

    /// Five voters, of which the first three and the last two are apart from 100 s on. What the two
    /// checks say of what is seen at `secs`.
    fn checks(secs: u64, sick: &[usize], majority: &[usize]) -> ([bool; 2], Metrics) {
        let settings = EngineSettings { voters: vec!["n0-n4".to_owned()], ..Default::default() };
        let mut quorums = Quorums::new(&settings.config()).expect("there are voters");
        quorums.links_changed(at(0), 5, |_, _| Link::Sound);
        let cut = |a: usize, b: usize| if (a < 3) == (b < 3) { Link::Sound } else { Link::Cut };
        if secs >= 100 {
            quorums.links_changed(at(100), 5, cut);
        }
        let looks: Vec<Look> = (0..5)
            .map(|node| Look {
                node,
                votes: true,
                started: Time::ZERO,
                sick: sick.contains(&node),
                member: true,
                majority: majority.contains(&node),
            })
            .collect();
        quorums.looked(at(secs), &looks);
        let mut metrics = Metrics::new();
        let passes = quorums.finish(&mut metrics).map(|check| check.pass);
        (passes, metrics)
    }

    #[test]
    fn a_majority_on_one_side_passes() {
        let (passes, metrics) = checks(108, &[], &[0, 1, 2]);
        assert_eq!(passes, [true, true]);
        assert_eq!(metrics["quorum_looks_while_parted"], 1.0);
        assert_eq!(metrics["quorum_majorities_seen"], 3.0);
        assert_eq!(metrics["quorum_majorities_owed"], 3.0);
    }

    #[test]
    fn a_majority_on_both_sides_is_noticed_once_the_cut_is_old_enough() {
        assert_eq!(checks(108, &[], &[0, 1, 2, 4]).0, [false, true]);
        assert_eq!(checks(107, &[], &[0, 1, 2, 4]).0, [true, true]);
    }

    #[test]
    fn a_voter_that_starts_again_on_the_other_side_does_not_make_the_two_one() {
        let settings = EngineSettings { voters: vec!["n0-n2".to_owned()], ..Default::default() };
        let check = |started_again: bool| {
            let mut quorums = Quorums::new(&settings.config()).expect("there are voters");
            let look = |node, started, majority| Look {
                node,
                votes: true,
                started,
                sick: false,
                member: true,
                majority,
            };
            let side = |cut_off: usize| {
                move |a: usize, b: usize| match (a == cut_off) == (b == cut_off) {
                    true => Link::Sound,
                    false => Link::Cut,
                }
            };
            // {0, 2} | {1}, then {0} | {1, 2}.
            quorums.links_changed(at(0), 3, side(1));
            let before = [look(0, at(0), true), look(1, at(0), false), look(2, at(0), true)];
            quorums.looked(at(98), &before);
            quorums.looked(at(99), if started_again { &before[..2] } else { &before });
            quorums.links_changed(at(100), 3, side(0));
            let again = if started_again { at(101) } else { at(0) };
            let after = [look(0, at(0), true), look(1, at(0), true), look(2, again, false)];
            quorums.looked(at(103), &after);
            let [one_side, _] = quorums.finish(&mut Metrics::new());
            one_side.pass
        };
        assert!(check(false), "one process was on both sides lately");
        assert!(!check(true));
    }

    #[test]
    fn a_side_that_does_not_say_its_majority_is_noticed() {
        assert_eq!(checks(108, &[], &[0, 2]).0, [true, false]);
        assert_eq!(checks(50, &[], &[0, 1, 2, 3]).0, [true, false], "before the cut all are one");
    }

    #[test]
    fn who_is_sick_owes_nothing_and_is_owed_nothing() {
        let (passes, metrics) = checks(108, &[1], &[]);
        assert_eq!(passes, [true, true]);
        assert_eq!(metrics["quorum_majorities_owed"], 0.0);
        let (passes, metrics) = checks(50, &[1], &[0, 2, 3, 4]);
        assert_eq!(passes, [true, true]);
        assert_eq!(metrics["quorum_majorities_owed_beside_trouble"], 4.0);
    }

    #[test]
    fn who_is_back_owes_at_once_and_is_owed_nothing_for_a_while() {
        let settings = EngineSettings { voters: vec!["n0-n2".to_owned()], ..Default::default() };
        let majorities = [vec![0, 1, 2], vec![0, 2], vec![1, 2]];
        let passes = majorities.map(|majority| {
            let mut quorums = Quorums::new(&settings.config()).expect("there are voters");
            quorums.links_changed(at(0), 3, |_, _| Link::Sound);
            let look = |node: usize, member: bool| Look {
                node,
                votes: true,
                started: Time::ZERO,
                sick: node == 2,
                member,
                majority: member && majority.contains(&node),
            };
            quorums.looked(at(50), &[look(0, true), look(1, false), look(2, true)]);
            quorums.looked(at(51), &[look(0, true), look(1, true), look(2, true)]);
            quorums.finish(&mut Metrics::new())[1].pass
        });
        assert_eq!(passes, [true, false, true], "node 1 is back, and reaches node 0");
    }

    #[test]
    fn nothing_is_checked_where_no_majority_is_asserted() {
        assert!(Quorums::new(&EngineSettings::default().config()).is_none());
    }
}
