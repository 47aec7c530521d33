//! What the faults of a scenario do to the cluster.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::network::{Bursts, Effect, Reach, Rule, Sides};
use crate::scenario::{Direction, Fault, Protocol, nodes_of};
use crate::simulation::Simulation;

/// Who may be picked at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Running,
    All,
}

impl Simulation {
    /// Fault `number` of the scenario strikes.
    pub(crate) fn strike(&mut self, number: usize) {
        let Some(fault) = self.scenario.faults.get(number).cloned() else { return };
        let struck = match &fault {
            Fault::Crash { nodes, random, silent, .. } => {
                let chosen = self.choose(nodes, *random, From::Running);
                self.each(&chosen, |sim, node| sim.kill(node, *silent))
            }
            Fault::Restart { nodes, random, new_address, clock_behind, .. } => {
                let chosen = self.choose(nodes, *random, From::All);
                self.reboot(&chosen, *new_address, *clock_behind)
            }
            Fault::Leave { nodes, random, deadline, .. } => {
                let chosen = self.choose(nodes, *random, From::Running);
                self.each(&chosen, |sim, node| sim.begin_leave(node, *deadline))
            }
            Fault::Join { count, .. } => {
                for _ in 0..*count {
                    let number = self.nodes.iter().filter(|n| !n.label.contains('#')).count();
                    let label = format!("n{number}");
                    let node = self.add_node(label.clone(), &label);
                    self.start(node);
                }
                true
            }
            Fault::Namesake { nodes, .. } => {
                let chosen = self.choose(nodes, 0, From::All);
                self.each(&chosen, |sim, node| sim.start_namesake(number, node))
            }
            Fault::Partition { sides, .. } => {
                let labels = self.labels();
                let nodes = |side: &Vec<String>| named(side, &labels);
                let sides: Vec<Vec<usize>> = sides.iter().map(nodes).collect();
                let separates = sides.iter().filter(|side| !side.is_empty()).count() > 0;
                self.set_sides(Some(Sides::new(&sides)));
                separates
            }
            Fault::Cut { from, to, .. } => {
                let labels = self.labels();
                let nodes = |side: &Option<Vec<String>>| side.as_ref().map(|s| named(s, &labels));
                let (from, to) = (nodes(from), nodes(to));
                let chosen: Vec<usize> =
                    [&from, &to].into_iter().flatten().flatten().copied().collect();
                let reach = match (from, to) {
                    (Some(from), Some(to)) => Reach::Between(from, to),
                    (Some(from), None) => Reach::OutOf(from),
                    (None, Some(to)) => Reach::Into(to),
                    (None, None) => Reach::All,
                };
                self.impair(number, &chosen, vec![Rule { reach, effect: Effect::Cut }])
            }
            Fault::Loss { rate, nodes, random, direction, .. } => {
                self.afflict(number, nodes, *random, *direction, &Effect::Loss(*rate))
            }
            Fault::Gilbert {
                enter, leave, loss_good, loss_bad, nodes, random, direction, ..
            } => {
                let bursts = Effect::Bursts(Bursts::new(*enter, *leave, *loss_good, *loss_bad));
                self.afflict(number, nodes, *random, *direction, &bursts)
            }
            Fault::Duplicate { rate, nodes, random, direction, .. } => {
                self.afflict(number, nodes, *random, *direction, &Effect::Duplicate(*rate))
            }
            Fault::Corrupt { rate, nodes, random, direction, .. } => {
                self.afflict(number, nodes, *random, *direction, &Effect::Corrupt(*rate))
            }
            Fault::Mtu { bytes, nodes, random, direction, .. } => {
                self.afflict(number, nodes, *random, *direction, &Effect::Mtu(*bytes))
            }
            Fault::Block { protocol, nodes, random, direction, .. } => {
                let effect = match protocol {
                    Protocol::Udp => Effect::BlockDatagrams,
                    Protocol::Tcp => Effect::BlockStreams,
                };
                self.afflict(number, nodes, *random, *direction, &effect)
            }
            Fault::Delay { nodes, random, by, .. } => {
                let chosen = self.choose(nodes, *random, From::Running);
                let reach = Reach::Around(chosen.clone());
                self.impair(number, &chosen, vec![Rule { reach, effect: Effect::Delay(*by) }])
            }
            Fault::Freeze { nodes, random, timers, drain, frozen, .. } => {
                let chosen = self.choose(nodes, *random, From::Running);
                self.truth.trouble_begins(self.now, number as u64, &chosen);
                let struck = self.each(&chosen, |sim, node| sim.freeze(node, *timers, *drain));
                if let Some(frozen) = frozen {
                    self.begin_cycle(number, chosen, *frozen);
                }
                struck
            }
        };
        let afflicted = self.truth.troubled_by(number as u64);
        self.recorder.fault_begins(self.now, number, fault.kind(), &afflicted);
        if struck {
            self.faults_fired += 1;
        } else {
            let (kind, at) = (fault.kind(), self.now);
            self.misfires.push(format!("faults[{number}], a {kind} at {at}, struck nobody"));
        }
    }

    /// Fault `number` of the scenario is over.
    pub(crate) fn end_fault(&mut self, number: usize) {
        if let Some(fault) = self.scenario.faults.get(number) {
            let afflicted = self.truth.troubled_by(number as u64);
            self.recorder.fault_ends(self.now, number, fault.kind(), &afflicted);
        }
        match self.scenario.faults.get(number) {
            Some(Fault::Partition { .. }) => self.set_sides(None),
            // The last freeze of a cycle lasts as long as all.
            Some(Fault::Freeze { frozen: Some(_), .. }) => {}
            Some(Fault::Freeze { .. }) => {
                for node in self.truth.trouble_ends(self.now, number as u64) {
                    self.thaw(node);
                }
            }
            Some(_) => {
                rule_keys(number).into_iter().for_each(|key| self.network.remove(key));
                self.truth.trouble_ends(self.now, number as u64);
            }
            None => {}
        }
    }

    /// Something happens to what the chosen nodes send or receive; nobody named and none at random
    /// stand for everybody.
    fn afflict(
        &mut self,
        fault: usize,
        nodes: &[String],
        random: usize,
        direction: Direction,
        effect: &Effect,
    ) -> bool {
        let chosen = self.choose(nodes, random, From::Running);
        let everybody = nodes.is_empty() && random == 0;
        let (into, out_of) = (Reach::Into(chosen.clone()), Reach::OutOf(chosen.clone()));
        let reaches = match direction {
            _ if everybody => vec![Reach::All],
            Direction::In => vec![into],
            Direction::Out => vec![out_of],
            Direction::Both => vec![into, out_of],
        };
        let rule = |reach| Rule { reach, effect: effect.clone() };
        let rules = reaches.into_iter().map(rule).collect();
        self.impair(fault, &chosen, rules) || everybody
    }

    /// Rules of the network that single these nodes out, until the fault ends.
    fn impair(&mut self, fault: usize, nodes: &[usize], rules: Vec<Rule>) -> bool {
        self.truth.trouble_begins(self.now, fault as u64, nodes);
        rule_keys(fault).into_iter().zip(rules).for_each(|(key, rule)| self.network.add(key, rule));
        self.faulted.extend(nodes);
        !nodes.is_empty()
    }

    /// Does something to every chosen node; whether it took effect on one at least.
    fn each(
        &mut self,
        chosen: &[usize],
        mut act: impl FnMut(&mut Simulation, usize) -> bool,
    ) -> bool {
        let mut struck = false;
        for node in chosen {
            if act(self, *node) {
                self.faulted.insert(*node);
                struck = true;
            }
        }
        struck
    }

    /// All of them die before the first one starts: nobody is left to remember.
    fn reboot(&mut self, chosen: &[usize], new_address: bool, clock_behind: Duration) -> bool {
        for node in chosen {
            self.kill(*node, false);
            if new_address {
                self.nodes[*node].address = self.fresh_address(*node);
            }
            self.nodes[*node].clock_behind = clock_behind;
        }
        self.each(chosen, |sim, node| {
            sim.start(node);
            true
        })
    }

    /// Another process under the name of `node`, on a host of its own.
    fn start_namesake(&mut self, fault: usize, node: usize) -> bool {
        let name = self.nodes[node].name.to_string();
        let copies = self.nodes.iter().filter(|other| other.name.as_str() == name).count();
        let other = self.add_node(format!("{name}#{}", copies + 1), &name);
        // One of the two must give way, so a failure of either is no false one.
        self.truth.trouble_begins(self.now, fault as u64, &[node, other]);
        self.start(other);
        true
    }

    /// The nodes of these labels and some picked at random. The draws do not depend on who runs.
    fn choose(&mut self, labels: &[String], random: usize, from: From) -> Vec<usize> {
        let mut chosen = named(labels, &self.labels());
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        self.fault_luck.shuffle(&mut order);
        let named: BTreeSet<usize> = chosen.iter().copied().collect();
        let eligible = |node: &usize| {
            let running = self.nodes[*node].running.as_ref();
            !named.contains(node) && (from == From::All || running.is_some_and(|r| !r.leaving))
        };
        chosen.extend(order.into_iter().filter(eligible).take(random));
        chosen
    }

    fn labels(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.label.clone()).collect()
    }
}

fn named(labels: &[String], all: &[String]) -> Vec<usize> {
    labels.iter().flat_map(|label| nodes_of(label, all)).collect()
}

/// The keys of the rules that one fault may add to the network.
fn rule_keys(fault: usize) -> [u64; 2] {
    [2 * fault as u64, 2 * fault as u64 + 1]
}
