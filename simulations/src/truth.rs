//! What really happened: which processes ran when, and what was done to them. Checkers compare
//! what the nodes were told with it.

use std::collections::BTreeMap;

use headcount_state::{Instance, MemberId, Time};

use crate::network::Sides;
use crate::numbers::Numbers;

/// One process: one start of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) node: usize,
    pub(crate) member: MemberId,
    pub(crate) instance: Instance,
    pub(crate) started: Time,
    /// When it stopped being a member that others should hold: its death, or its goodbye.
    pub(crate) ended: Option<(Time, Ending)>,
}

/// Why a process is no member any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Crashed,
    Left,
}

/// A time in which something was wrong with one node alone.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    node: usize,
    from: Time,
    to: Time,
}

/// A time in which the network was in sides.
#[derive(Clone, Debug)]
struct Separation {
    sides: Sides,
    from: Time,
    to: Time,
}

/// The record of what was done to the cluster.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    processes: Vec<Process>,
    by_instance: Numbers,
    troubles: BTreeMap<u64, Vec<Trouble>>,
    separations: Vec<Separation>,
    last_change: Time,
    changes: u64,
}

impl Truth {
    /// A process started; its number.
    pub(crate) fn started(
        &mut self,
        at: Time,
        node: usize,
        member: MemberId,
        instance: Instance,
    ) -> usize {
        let number = self.processes.len();
        self.processes.push(Process { node, member, instance, started: at, ended: None });
        self.by_instance.set(instance.as_u64(), number);
        self.changed(at);
        number
    }

    /// A process died or said goodbye. The first ending counts.
    pub(crate) fn ended(&mut self, at: Time, process: usize, ending: Ending) {
        if let Some(process) = self.processes.get_mut(process)
            && process.ended.is_none()
        {
            process.ended = Some((at, ending));
        }
        self.changed(at);
    }

    /// Something is wrong with these nodes from now on.
    pub(crate) fn trouble_begins(&mut self, at: Time, key: u64, nodes: &[usize]) {
        let begin = |node: &usize| Trouble { node: *node, from: at, to: Time::MAX };
        self.troubles.entry(key).or_default().extend(nodes.iter().map(begin));
        self.changed(at);
    }

    /// It is over; with which nodes.
    pub(crate) fn trouble_ends(&mut self, at: Time, key: u64) -> Vec<usize> {
        self.changed(at);
        let troubles = self.troubles.entry(key).or_default();
        for trouble in troubles.iter_mut() {
            trouble.to = at;
        }
        troubles.iter().map(|trouble| trouble.node).collect()
    }

    /// It is over with this node alone.
    pub(crate) fn trouble_ends_of(&mut self, at: Time, key: u64, node: usize) {
        self.changed(at);
        let troubles = self.troubles.entry(key).or_default().iter_mut();
        for trouble in troubles.filter(|trouble| trouble.node == node && trouble.to == Time::MAX) {
            trouble.to = at;
        }
    }

    /// When something was wrong with this node for this reason; one that lasts ends at the end of time.
    pub(crate) fn troubles_of(&self, key: u64, node: usize) -> impl Iterator<Item = (Time, Time)> {
        let troubles = self.troubles.get(&key).into_iter().flatten();
        troubles.filter(move |trouble| trouble.node == node).map(|t| (t.from, t.to))
    }

    /// The nodes that something is or was wrong with for this reason.
    pub(crate) fn troubled_by(&self, key: u64) -> Vec<usize> {
        self.troubles.get(&key).into_iter().flatten().map(|trouble| trouble.node).collect()
    }

    /// The network fell into sides, or became one again.
    pub(crate) fn separated(&mut self, at: Time, sides: Option<Sides>) {
        if let Some(before) = self.separations.last_mut()
            && before.to == Time::MAX
        {
            before.to = at;
        }
        let begun = sides.map(|sides| Separation { sides, from: at, to: Time::MAX });
        self.separations.extend(begun);
        self.changed(at);
    }

    /// Something was done to the cluster.
    pub(crate) fn changed(&mut self, at: Time) {
        self.last_change = at;
        self.changes += 1;
    }

    /// How many things were done to the cluster: as long as it stays the same, so does everything
    /// else here.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// When the last thing was done to the cluster.
    pub(crate) fn last_change(&self) -> Time {
        self.last_change
    }

    pub(crate) fn processes(&self) -> &[Process] {
        &self.processes
    }

    pub(crate) fn process(&self, number: usize) -> Option<&Process> {
        self.processes.get(number)
    }

    /// The process of this instance.
    pub(crate) fn instance(&self, instance: Instance) -> Option<&Process> {
        self.processes.get(self.number(instance)?)
    }

    /// The number of the process of this instance.
    pub(crate) fn number(&self, instance: Instance) -> Option<usize> {
        self.by_instance.get(instance.as_u64())
    }

    /// Whether something was wrong with `node` itself at any time in `from..=to`.
    pub(crate) fn troubled(&self, node: usize, from: Time, to: Time) -> bool {
        let all = self.troubles.values().flatten();
        all.into_iter().any(|t| t.node == node && t.from <= to && t.to >= from)
    }

    /// Whether `a` and `b` were on two sides at any time in `from..=to`.
    pub(crate) fn apart(&self, a: usize, b: usize, from: Time, to: Time) -> bool {
        let during = self.separations.iter().filter(|s| s.from <= to && s.to >= from);
        during.into_iter().any(|s| s.sides.separate(a, b))
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use headcount_state::Life;

    pub(crate) fn at(secs: u64) -> Time {
        Time::from_millis(secs * 1_000)
    }

    pub(crate) fn instance(number: usize) -> Instance {
        Instance::from_u64(number as u64 + 1).unwrap()
    }

    pub(crate) fn member(number: usize) -> MemberId {
        MemberId::of(&format!("n{number}"))
    }

    /// The first life of node `number` in [`cluster`].
    pub(crate) fn life(number: usize) -> Life {
        Life { generation: 100, instance: instance(number) }
    }

    /// So many nodes that started at 0; process numbers are node numbers.
    pub(crate) fn cluster(nodes: usize) -> Truth {
        let mut truth = Truth::default();
        for node in 0..nodes {
            truth.started(Time::ZERO, node, member(node), instance(node));
        }
        truth
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::{at, cluster, instance};
    use super::*;

    #[test]
    fn a_process_ends_once() {
        let mut truth = cluster(2);
        truth.ended(at(5), 1, Ending::Left);
        truth.ended(at(9), 1, Ending::Crashed);
        assert_eq!(truth.instance(instance(1)).unwrap().ended, Some((at(5), Ending::Left)));
        assert_eq!(truth.last_change(), at(9));
    }

    #[test]
    fn troubles_and_separations_have_a_beginning_and_an_end() {
        let mut truth = cluster(4);
        truth.trouble_begins(at(10), 1, &[2]);
        truth.separated(at(10), Some(Sides::new(&[vec![0, 1]])));
        truth.separated(at(20), None);
        truth.trouble_ends(at(20), 1);
        for (from, to, hit) in [(1, 9, false), (1, 10, true), (15, 16, true), (21, 30, false)] {
            assert_eq!(truth.troubled(2, at(from), at(to)), hit, "{from} to {to}");
            assert_eq!(truth.apart(0, 2, at(from), at(to)), hit, "{from} to {to}");
        }
        assert!(!truth.troubled(1, at(15), at(15)));
        assert!(!truth.apart(0, 1, at(15), at(15)));
        assert!(!truth.apart(2, 3, at(15), at(15)));
    }
}
