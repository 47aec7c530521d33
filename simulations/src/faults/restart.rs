//! Processes that start again: all at once or one after another, with or without the addresses
//! that their host kept.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headcount_state::Name;
use headcount_swim::{Config, Engine};
use headcount_wire::ClusterId;

use super::Ongoing;
use crate::scenario::{Fault, Scenario};
use crate::simulation::{Action, Simulation};

/// How processes start again.
#[derive(Clone, Debug)]
pub(super) struct Reboot {
    new_address: bool,
    swap: bool,
    cluster: Option<String>,
    clock_behind: Duration,
    memory: bool,
    interval: Duration,
}

impl Reboot {
    /// Of a fault that restarts.
    pub(super) fn of(fault: &Fault) -> Option<Reboot> {
        match fault {
            Fault::Restart {
                new_address, swap, cluster, clock_behind, memory, interval, ..
            } => Some(Reboot {
                new_address: *new_address,
                swap: *swap,
                cluster: cluster.clone(),
                clock_behind: *clock_behind,
                memory: *memory,
                interval: *interval,
            }),
            _ => None,
        }
    }
}

impl Simulation {
    /// Without an interval all of them die before the first one starts: nobody is left to remember.
    pub(super) fn reboot(&mut self, fault: usize, chosen: &[usize], how: &Reboot) -> bool {
        if !how.interval.is_zero() {
            return self.roll(fault, chosen.iter().copied().collect(), how);
        }
        chosen.iter().for_each(|node| self.shut_down(*node, how));
        if how.swap {
            self.swap_addresses(chosen);
        }
        self.each(fault, chosen, |sim, node| {
            sim.start(node);
            true
        })
    }

    /// The next one of a rolling restart.
    pub(super) fn roll_on(&mut self, fault: usize, left: VecDeque<usize>) {
        if let Some(how) = self.scenario.faults.get(fault).and_then(Reboot::of) {
            self.roll(fault, left, &how);
        }
    }

    fn roll(&mut self, fault: usize, mut left: VecDeque<usize>, how: &Reboot) -> bool {
        let Some(node) = left.pop_front() else { return false };
        self.shut_down(node, how);
        self.start(node);
        self.faulted.insert(node);
        self.hit(fault, 1);
        if !left.is_empty() {
            self.ongoing.insert(fault, Ongoing::Rolling(left));
            self.queue.push(self.now + how.interval, Action::Cycle(fault));
        }
        true
    }

    /// The process of a host dies, and the host is made ready for the next one.
    fn shut_down(&mut self, index: usize, how: &Reboot) {
        self.kill(index, false);
        if how.new_address {
            self.nodes[index].address = self.fresh_address(index);
        }
        let node = &mut self.nodes[index];
        node.clock_behind = how.clock_behind;
        node.recalls = how.memory;
        if let Some(cluster) = &how.cluster {
            self.belong_to(index, cluster);
        }
    }

    /// Each node has the address of the next one now; what is under way goes to who is there.
    fn swap_addresses(&mut self, chosen: &[usize]) {
        let mut addresses: Vec<_> = chosen.iter().map(|node| self.nodes[*node].address).collect();
        addresses.rotate_left(1);
        for (node, address) in chosen.iter().copied().zip(addresses) {
            self.nodes[node].address = address;
            self.addresses.pass_on(address, node);
        }
    }

    /// The processes of this host are members of another cluster from now on.
    fn belong_to(&mut self, index: usize, cluster: &str) {
        let label = &self.nodes[index].label;
        let Ok(name) = Name::new(&format!("{cluster}-{label}")) else { return };
        let config = Config { cluster: ClusterId::of(cluster), ..Config::clone(&self.config) };
        self.recorder.node_added(label, name.as_str());
        let node = &mut self.nodes[index];
        node.name = name;
        node.config = Arc::new(config);
    }
}

/// Whether some process of the scenario will ever ask what its host kept.
pub(crate) fn asks_memory(scenario: &Scenario) -> bool {
    scenario.faults.iter().any(|fault| Reboot::of(fault).is_some_and(|how| how.memory))
}

/// What a host keeps of a process: where the other live members that it knew are.
pub(crate) fn kept_by_host(engine: &Engine) -> Vec<SocketAddr> {
    let table = engine.table();
    let own = table.own_attributes().address;
    let addresses = table.live().map(|record| record.attributes.address);
    addresses.filter(|address| *address != own).collect()
}
