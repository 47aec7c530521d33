//! What the faults of a scenario do to the cluster.

mod churn;
mod effects;
mod flapping;
mod intents;
mod restart;

use std::collections::{BTreeSet, VecDeque};

use crate::network::{Bursts, Effect, Latency, Reach, Rule, Sides};
use crate::scenario::{Direction, Fault, Protocol, StreamTrouble, nodes_of};
use crate::simulation::Simulation;
use churn::Churning;
use restart::Reboot;

pub(crate) use restart::{asks_memory, kept_by_host};

/// A fault that goes on step by step, and what it needs for the next one.
#[derive(Debug)]
pub(crate) enum Ongoing {
    /// A partition that comes and goes.
    Flapping {
        sides: Sides,
        parted: bool,
    },
    /// Nodes that are still to be restarted.
    Rolling(VecDeque<usize>),
    Churn(Churning),
    /// Nodes that change again and again, and the number of the next change.
    Updates {
        nodes: Vec<usize>,
        number: u64,
    },
    /// Nodes whose clocks run fast or slow.
    Drift(Vec<usize>),
}

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
                self.each(number, &chosen, |sim, node| sim.kill(node, *silent))
            }
            Fault::Restart { nodes, random, .. } => {
                let chosen = self.choose(nodes, *random, From::All);
                Reboot::of(&fault).is_some_and(|how| self.reboot(number, &chosen, &how))
            }
            Fault::Leave { nodes, random, deadline, .. } => {
                let chosen = self.choose(nodes, *random, From::Running);
                self.each(number, &chosen, |sim, node| sim.begin_leave(node, *deadline))
            }
            Fault::Join { count, .. } => {
                for _ in 0..*count {
                    self.add_and_start();
                }
                self.hit(number, *count as u64);
                true
            }
            Fault::Namesake { nodes, .. } => {
                let chosen = self.choose(nodes, 0, From::All);
                self.each(number, &chosen, |sim, node| sim.start_namesake(number, node))
            }
            Fault::Partition { sides, random, cut, .. } => {
                let labels = self.labels();
                let nodes = |side: &Vec<String>| named(side, &labels);
                let mut sides: Vec<Vec<usize>> = sides.iter().map(nodes).collect();
                if *random > 0 {
                    sides.push(self.choose(&[], *random, From::Running));
                }
                let separates = sides.iter().any(|side| !side.is_empty());
                self.part(number, Sides::new(&sides), *cut);
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
                let effect = Effect::Latency(Latency::Constant(*by));
                self.impair(number, &chosen, vec![Rule { reach, effect }])
            }
            Fault::Latency(fault) => {
                let effect = Effect::Latency(fault.latency);
                self.afflict(number, &fault.nodes, fault.random, fault.direction, &effect)
            }
            Fault::Reorder(fault) => {
                let effect = Effect::Reorder { rate: fault.rate, by: fault.by };
                self.afflict(number, &fault.nodes, fault.random, fault.direction, &effect)
            }
            Fault::Streams(fault) => {
                let effect = match fault.how {
                    StreamTrouble::Stall => Effect::StallStreams,
                    StreamTrouble::Cut => Effect::CutStreams,
                    StreamTrouble::Refuse => Effect::RefuseStreams,
                };
                self.afflict(number, &fault.nodes, fault.random, fault.direction, &effect)
            }
            Fault::Slow(slow) => {
                let chosen = self.choose(&slow.nodes, slow.random, From::Running);
                self.truth.trouble_begins(self.now, number as u64, &chosen);
                self.each(number, &chosen, |sim, node| sim.slow_down(number, node, slow))
            }
            Fault::Clock(clock) => {
                let chosen = self.choose(&clock.nodes, clock.random, From::Running);
                let fast_ppm = (clock.drift * 1e6).round() as i64;
                self.set_clocks(&chosen, clock.jump_us, fast_ppm);
                let struck = self.each(number, &chosen, |_, _| true);
                self.ongoing.insert(number, Ongoing::Drift(chosen));
                struck
            }
            Fault::Churn(churn) => self.begin_churn(number, churn),
            Fault::Update(update) => self.begin_update(number, update),
            Fault::Seeds(seeds) => self.set_seeds(number, seeds),
            Fault::Freeze { nodes, random, timers, drain, frozen, .. } => {
                let chosen = self.choose(nodes, *random, From::Running);
                self.truth.trouble_begins(self.now, number as u64, &chosen);
                let struck =
                    self.each(number, &chosen, |sim, node| sim.freeze(node, *timers, *drain));
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

    /// A fault that goes on step by step takes its next one.
    pub(crate) fn go_on(&mut self, number: usize) {
        match self.ongoing.remove(&number) {
            Some(Ongoing::Flapping { sides, parted }) => self.flap(number, sides, parted),
            Some(Ongoing::Rolling(left)) => self.roll_on(number, left),
            Some(Ongoing::Churn(churning)) => self.go_on_churning(number, churning),
            Some(Ongoing::Updates { nodes, number: change }) => {
                self.go_on_updating(number, nodes, change);
            }
            Some(Ongoing::Drift(_)) => {}
            None => self.cycle(number),
        }
    }

    /// Fault `number` of the scenario is over.
    pub(crate) fn end_fault(&mut self, number: usize) {
        if let Some(fault) = self.scenario.faults.get(number) {
            let afflicted = self.truth.troubled_by(number as u64);
            self.recorder.fault_ends(self.now, number, fault.kind(), &afflicted);
        }
        match self.scenario.faults.get(number) {
            Some(Fault::Partition { .. }) => {
                self.ongoing.remove(&number);
                self.set_sides(None, None);
            }
            // The last freeze of a cycle lasts as long as all.
            Some(Fault::Freeze { frozen: Some(_), .. }) => {}
            Some(Fault::Freeze { .. }) => {
                for node in self.truth.trouble_ends(self.now, number as u64) {
                    self.thaw(node);
                }
            }
            Some(Fault::Slow(_)) => {
                for node in self.truth.trouble_ends(self.now, number as u64) {
                    self.speed_up(number, node);
                }
            }
            Some(Fault::Clock(_)) => {
                if let Some(Ongoing::Drift(nodes)) = self.ongoing.remove(&number) {
                    self.set_clocks(&nodes, 0, 0);
                }
            }
            Some(Fault::Churn(_) | Fault::Update(_)) => {}
            Some(_) => {
                self.network.remove(number);
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
        (0..).zip(rules).for_each(|(key, rule)| self.network.add((fault, key), rule));
        self.faulted.extend(nodes);
        self.hit(fault, nodes.len() as u64);
        !nodes.is_empty()
    }

    /// Does something to every chosen node; whether it took effect on one at least.
    fn each(
        &mut self,
        fault: usize,
        chosen: &[usize],
        mut act: impl FnMut(&mut Simulation, usize) -> bool,
    ) -> bool {
        let mut struck = false;
        for node in chosen {
            if act(self, *node) {
                self.faulted.insert(*node);
                self.hit(fault, 1);
                struck = true;
            }
        }
        struck
    }

    /// A fault did something so many times.
    fn hit(&mut self, fault: usize, times: u64) {
        *self.hits.entry(fault).or_default() += times;
    }

    /// One more node, which joins through the seeds.
    fn add_and_start(&mut self) -> usize {
        let number = self.nodes.iter().filter(|node| !node.label.contains('#')).count();
        let label = format!("n{number}");
        let node = self.add_node(label.clone(), &label);
        self.start(node);
        node
    }

    /// The clocks of these hosts jump, and run so much fast from now on.
    fn set_clocks(&mut self, nodes: &[usize], jump_us: i64, fast_ppm: i64) {
        for index in nodes {
            self.nodes[*index].set_clocks(self.now, jump_us, fast_ppm);
            self.settle(*index);
        }
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
