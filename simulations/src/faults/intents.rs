//! What operators do to nodes: other tags, another serving state, other seeds.

use std::net::SocketAddr;

use headcount_state::{OwnAttributes, Time};

use super::{From, Ongoing, named};
use crate::scenario::{Fault, SetSeeds, Update};
use crate::simulation::{Action, Simulation};

impl Simulation {
    /// The first change of an update.
    pub(super) fn begin_update(&mut self, fault: usize, update: &Update) -> bool {
        let chosen = self.choose(&update.nodes, update.random, From::Running);
        self.update(fault, update, chosen, 1)
    }

    pub(super) fn go_on_updating(&mut self, fault: usize, nodes: Vec<usize>, number: u64) {
        if let Some(Fault::Update(update)) = self.scenario.faults.get(fault).cloned() {
            self.update(fault, &update, nodes, number);
        }
    }

    /// Change number `number`; whether somebody runs to be changed.
    fn update(&mut self, fault: usize, update: &Update, nodes: Vec<usize>, number: u64) -> bool {
        let struck = self.each(fault, &nodes, |sim, node| sim.change(node, update, number));
        let next = update.interval.map(|interval| self.now + interval);
        let goes_on = |next: &Time| update.until.is_none_or(|until| *next <= Time::ZERO + until);
        if let Some(next) = next.filter(goes_on) {
            self.ongoing.insert(fault, Ongoing::Updates { nodes, number: number + 1 });
            self.queue.push(next, Action::Cycle(fault));
        }
        struck
    }

    /// A node changes what it says of itself, for the `number`th time; whether it runs.
    pub(crate) fn change(&mut self, index: usize, update: &Update, number: u64) -> bool {
        let Some(running) = self.nodes[index].running.as_mut() else { return false };
        let now = running.clock.local(self.now);
        let mut changes: Vec<OwnAttributes> = Vec::new();
        if !update.tags.is_empty() {
            let mut tags = running.engine.table().own_attributes().tags.clone();
            let numbered = |value: &String| value.replace("{n}", &number.to_string());
            tags.extend(update.tags.iter().map(|(key, value)| (key.clone(), numbered(value))));
            changes.push(OwnAttributes::Tags(tags));
        }
        changes.extend(update.serving.map(OwnAttributes::Serving));
        let changed =
            changes.into_iter().try_for_each(|change| running.engine.set_own(now, change));
        let own = running.engine.table();
        self.recorder.changed(self.now, own.own_id(), own.own_attributes().version);
        if let Err(error) = changed {
            self.misfires.push(format!("node {index} cannot change: {error}"));
        }
        self.truth.changed(self.now);
        self.settle(index);
        true
    }

    /// Other seeds, for the processes that run and for later ones.
    pub(super) fn set_seeds(&mut self, fault: usize, change: &SetSeeds) -> bool {
        let labels = self.labels();
        let addresses = |seed: &String| match seed.parse::<SocketAddr>() {
            Ok(address) => vec![address],
            Err(_) => {
                let nodes = named(std::slice::from_ref(seed), &labels);
                nodes.into_iter().map(|node| self.nodes[node].address).collect()
            }
        };
        let seeds: Vec<SocketAddr> = change.seeds.iter().flat_map(addresses).collect();
        let mut chosen = self.choose(&change.nodes, change.random, From::All);
        if change.nodes.is_empty() && change.random == 0 {
            self.seeds.clone_from(&seeds);
            chosen = (0..self.nodes.len()).collect();
        }
        self.each(fault, &chosen, |sim, node| {
            let node = &mut sim.nodes[node];
            node.seeds = Some(seeds.clone());
            if let Some(running) = node.running.as_mut() {
                running.engine.set_seeds(seeds.clone());
            }
            true
        })
    }
}
