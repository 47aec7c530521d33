//! Looks into the engines, once a period, and at the moments that a scenario names.

use std::collections::BTreeSet;

use headcount_state::MemberId;

use crate::checkers::Checkers;
use crate::scenario::{members_of, nodes_of};
use crate::simulation::Simulation;

impl Simulation {
    /// Looks at what every node says of itself and at how full it is, and at the whole table of one
    /// of them, in turn.
    pub(crate) fn inspect(&mut self) {
        let now = self.now;
        let Checkers { occupancy, incarnations, .. } = &mut self.checkers;
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(running) = node.running.as_ref() else { continue };
            let table = running.engine.table();
            occupancy.looked(now, index, &running.engine.occupancy());
            if let Some(record) = table.get(table.own_id()) {
                incarnations.own(now, index, table.own_life(), &record.claim);
            }
        }
        let turn = self.inspections % self.nodes.len().max(1);
        self.inspections += 1;
        let Some(running) = self.nodes.get(turn).and_then(|node| node.running.as_ref()) else {
            return;
        };
        for record in running.engine.table().live() {
            let process = self.truth.instance(record.claim.life().instance);
            if process.is_some_and(|process| process.ended.is_none()) {
                incarnations.held(now, turn, &record.claim);
            }
        }
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
            let shown = |member| running.engine.member(member).map(|m| m.status());
            self.checkers.statuses.looked(self.now, (number, rule), observer, shown, &others);
        }
    }
}
