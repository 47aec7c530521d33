//! Looks into the engines, as they change and once a period, and at the moments that a scenario
//! names.

use std::collections::BTreeSet;

use headcount_state::{MemberId, Standing};
use headcount_swim::Electorate;

use crate::checkers::Checkers;
use crate::checkers::quorum::Look;
use crate::checkers::statuses::Seen;
use crate::scenario::{members_of, nodes_of};
use crate::simulation::Simulation;

/// Clocks that run so wrong are no sound ones any more: 1 %.
const DRIFT_MAX_PPM: i64 = 10_000;

impl Simulation {
    /// Looks at the engine of a node that has just done something, which is when it can have
    /// changed: once a period at how full it is, and at what it says of itself whenever a version
    /// of its table changed.
    pub(crate) fn inspect(&mut self, index: usize) {
        let Some(running) = self.nodes.get_mut(index).and_then(|node| node.running.as_mut()) else {
            return;
        };
        let Checkers { occupancy, incarnations, .. } = &mut self.checkers;
        if self.now >= running.inspection {
            running.inspection = self.now + self.config.period;
            occupancy.looked(self.now, index, &running.engine.occupancy());
        }
        let table = running.engine.table();
        let sync = table.summary().sync;
        if running.sync != sync {
            running.sync = sync;
            if let Some(record) = table.get(table.own_id()) {
                let process = (running.process, index);
                incarnations.own(self.now, process, table.own_life(), &record.claim);
            }
        }
    }

    /// Looks at the whole table of one node, of each in its turn.
    pub(crate) fn inspect_table(&mut self) {
        let now = self.now;
        let turn = self.inspections % self.nodes.len().max(1);
        self.inspections += 1;
        let Some(running) = self.nodes.get(turn).and_then(|node| node.running.as_ref()) else {
            return;
        };
        for record in running.engine.table().live() {
            let number = self.truth.number(record.claim.life().instance);
            let process = number.and_then(|number| Some((number, self.truth.process(number)?)));
            if let Some((number, _)) = process.filter(|(_, process)| process.ended.is_none()) {
                self.checkers.incarnations.held(now, turn, number, &record.claim);
            }
        }
    }

    /// Takes note of what the network does from now on.
    pub(crate) fn links_changed(&mut self) {
        let Some(quorums) = &mut self.checkers.quorums else { return };
        let network = &self.network;
        quorums.links_changed(self.now, self.nodes.len(), |from, to| network.link(from, to));
    }

    /// Looks at what every node says of its quorum.
    pub(crate) fn look_at_quorums(&mut self) {
        let Some(quorums) = &mut self.checkers.quorums else { return };
        let now = self.now;
        let electorate = &self.config.electorate;
        let looks = self.nodes.iter().enumerate().filter_map(|(number, node)| {
            let running = node.running.as_ref()?;
            let local = running.clock.local(now);
            let started = self.truth.process(running.process)?.started;
            Some(Look {
                node: number,
                votes: match electorate {
                    Electorate::Voters(names) => names.contains(&node.name),
                    _ => true,
                },
                started,
                sick: node.is_impaired() || node.fast_ppm.abs() > DRIFT_MAX_PPM,
                member: running.engine.standing() == Standing::Member && !running.leaving,
                majority: running.engine.quorum(local).is_majority(local),
            })
        });
        quorums.looked(now, &looks.collect::<Vec<Look>>());
    }

    /// Looks at how members are shown, as status rule `number` of the scenario says.
    pub(crate) fn look_at_statuses(&mut self, number: usize) {
        let Some(rule) = self.scenario.expect.statuses.get(number) else { return };
        let labels: Vec<String> = self.nodes.iter().map(|node| node.label.clone()).collect();
        let mut about: BTreeSet<MemberId> = BTreeSet::new();
        for label in &rule.about {
            match label.as_str() {
                "faulted" => about.extend(self.faulted.iter().map(|n| self.nodes[*n].name.id())),
                label => about.extend(members_of(label)),
            }
        }
        let named = |by: &Vec<String>| by.iter().flat_map(|l| nodes_of(l, &labels)).collect();
        let observers: BTreeSet<usize> = match &rule.by {
            Some(by) => named(by),
            None => (0..self.nodes.len()).filter(|node| !self.faulted.contains(node)).collect(),
        };
        for observer in observers {
            let node = &self.nodes[observer];
            let Some(running) = node.running.as_ref().filter(|r| !r.leaving) else { continue };
            let own = node.name.id();
            let others: BTreeSet<MemberId> = about.iter().copied().filter(|m| *m != own).collect();
            let shown = |member| running.engine.member(member).map(|m| Seen::of(&m));
            self.checkers.statuses.looked(self.now, (number, rule), observer, shown, &others);
        }
    }
}
