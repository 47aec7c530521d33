//! Hosts, and the processes that start and end on them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{Name, Update};

use crate::faults::kept_by_host;
use crate::node::{Node, Running};
use crate::simulation::{Action, Simulation};
use crate::truth::Ending;

impl Simulation {
    /// A host at an address never used before; nothing runs on it yet.
    pub(crate) fn add_node(&mut self, label: String, name: &str) -> usize {
        let index = self.nodes.len();
        let address = self.fresh_address(index);
        // Names are made by this crate: a letter and a number.
        if let Ok(name) = Name::new(name) {
            self.recorder.node_added(&label, name.as_str());
            self.nodes.push(Node::new(label, name, address, Arc::clone(&self.config)));
        }
        index
    }

    pub(crate) fn fresh_address(&mut self, node: usize) -> SocketAddr {
        self.addresses.fresh(node)
    }

    /// The node that has or had this address.
    pub(crate) fn owner_of(&self, address: SocketAddr) -> Option<usize> {
        self.addresses.owner(self.addresses.number(address)?)
    }

    /// Starts a process on a node that has none, and joins through the seeds.
    pub(crate) fn start(&mut self, index: usize) {
        if !self.boot(index) {
            return;
        }
        let node = &mut self.nodes[index];
        let seeds = node.seeds(&self.seeds);
        if let Some(running) = node.running.as_mut() {
            seeds.into_iter().for_each(|seed| running.engine.join(self.now, seed));
        }
        self.settle(index);
    }

    /// Starts a process on every node, each knowing all of them.
    pub(crate) fn start_known(&mut self) {
        let now = self.now;
        for index in 0..self.nodes.len() {
            self.boot(index);
        }
        let running = self.nodes.iter().filter_map(|node| node.running.as_ref());
        let own = running.map(|running| running.engine.table().records());
        let all: Vec<Update> = own.flatten().map(|record| record.update(now)).collect();
        let running = self.nodes.iter_mut().filter_map(|node| node.running.as_mut());
        let mut engines = running.map(|running| &mut running.engine);
        if let Some(first) = engines.next() {
            first.know(now, &all);
            engines.for_each(|engine| engine.know_as(now, first));
        }
        (0..self.nodes.len()).for_each(|index| self.settle(index));
    }

    /// Starts a process on a node that has none; whether it did. Nothing is sent yet.
    pub(crate) fn boot(&mut self, index: usize) -> bool {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(index).filter(|node| node.running.is_none()) else {
            return false;
        };
        node.silent = false;
        let (mut engine, instance) = match node.boot(index, self.seed, now) {
            Ok(booted) => booted,
            Err(error) => {
                self.misfires.push(format!("node {index} cannot start: {error}"));
                return false;
            }
        };
        #[cfg(feature = "planted-bugs")]
        engine.set_rules(self.rules);
        engine.share_attributes(self.attributes.clone());
        engine.set_seeds(node.seeds(&self.seeds));
        let process = self.truth.started(now, index, node.name.id(), instance);
        let clock = node.clock(now);
        node.running = Some(Running::new(engine, process, clock, now));
        self.trace.add(b's', now, index as u64, process as u64, &[]);
        self.recorder.started(now, index, node.name.id());
        true
    }

    /// The process of a node dies. `silent`: its host too.
    pub(crate) fn kill(&mut self, index: usize, silent: bool) -> bool {
        let running = self.nodes.get(index).and_then(|node| node.running.as_ref());
        let Some(process) = running.map(|running| running.process) else { return false };
        self.truth.ended(self.now, process, Ending::Crashed);
        if let Some(witness) = self.witness.as_mut() {
            witness.died(self.now, index);
        }
        let crashed = self.truth.process(process).copied();
        if let Some(crashed) = crashed.filter(|p| p.ended == Some((self.now, Ending::Crashed))) {
            // Equal views hold the same processes, so that each is searched once.
            let mut by_view = BTreeMap::new();
            let holders = self.nodes.iter().enumerate().filter_map(|(other, node)| {
                let running = node.running.as_ref().filter(|_| other != index)?;
                let table = running.engine.table();
                let held = by_view.entry(table.summary().view_id).or_insert_with(|| {
                    let record = table.get(crashed.member).filter(|record| record.is_live());
                    record.is_some_and(|r| r.claim.life().instance == crashed.instance)
                });
                held.then_some(running.process)
            });
            self.checkers.detection.crashed(self.now, &crashed, holders);
        }
        self.nodes[index].silent = silent;
        self.stop(index);
        true
    }

    /// A process says goodbye.
    pub(crate) fn begin_leave(&mut self, index: usize, deadline: Duration) -> bool {
        let running = self.nodes.get_mut(index).and_then(|node| node.running.as_mut());
        let Some(running) = running.filter(|running| !running.leaving) else { return false };
        running.leaving = true;
        running.engine.leave(running.clock.local(self.now));
        let process = running.process;
        self.truth.ended(self.now, process, Ending::Left);
        self.queue.push(self.now + deadline, Action::LeaveDeadline { node: index, process });
        self.settle(index);
        true
    }

    /// A process is gone, with its streams.
    pub(crate) fn stop(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        if let Some(running) = node.running.take() {
            if self.keeps_memory {
                node.kept = kept_by_host(&running.engine);
            }
            self.gone.add(running.engine.stats());
            self.trace.add(b'x', self.now, index as u64, running.process as u64, &[]);
            let ending = self.truth.process(running.process).and_then(|process| process.ended);
            let how = ending.map_or(Ending::Left, |(_, how)| how);
            self.recorder.stopped(self.now, index, self.nodes[index].name.id(), how);
        }
        let node = &mut self.nodes[index];
        node.standstill = None;
        if let Some(slowness) = &mut node.slowness {
            slowness.forget();
        }
        self.reset_streams(index);
    }
}
