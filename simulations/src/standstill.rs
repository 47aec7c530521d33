//! Processes that stand still, and how they take in afterwards what waited for them.
//!
//! ```text
//!             freeze                thaw                    all read
//!   running ─────────> frozen ───────────────> reading ──────────────> running
//!                        ^                        │
//!                        └──────── freeze ────────┘
//! ```
//! What arrives while a process is frozen or still reading waits its turn: one message after
//! another, each taking `drain`.

use std::collections::VecDeque;
use std::time::Duration;

use headcount_state::Time;
use headcount_swim::Transmit;

use crate::scenario::{Fault, FrozenTimers};
use crate::simulation::{Action, Simulation};

/// What waits for a process that stands still or has not caught up yet.
#[derive(Debug)]
pub(crate) struct Standstill {
    timers: FrozenTimers,
    drain: Duration,
    frozen: bool,
    waiting: VecDeque<Action>,
    /// What it has to send and cannot.
    unsent: Vec<Transmit>,
    /// When the next message is read; earlier appointments are void.
    next_read: Option<Time>,
}

impl Standstill {
    fn timers_rest(&self) -> bool {
        self.timers == FrozenTimers::Stopped
    }

    /// Whether nothing that the process has to send gets out.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Keeps a datagram until the process is released.
    pub(crate) fn hold_back(&mut self, transmit: Transmit) {
        self.unsent.push(transmit);
    }
}

/// A freeze that comes again and again.
#[derive(Debug)]
pub(crate) struct Cycle {
    nodes: Vec<usize>,
    frozen: bool,
}

impl Simulation {
    /// The process of `node` stands still from now on.
    pub(crate) fn freeze(&mut self, index: usize, timers: FrozenTimers, drain: Duration) -> bool {
        let node = &mut self.nodes[index];
        let Some(running) = node.running.as_mut() else { return false };
        let waiting = match node.standstill.take() {
            Some(before) if before.frozen => {
                node.standstill = Some(before);
                return false;
            }
            before => before.map(|before| before.waiting).unwrap_or_default(),
        };
        running.engine.set_sends_block(timers == FrozenTimers::Blocked);
        let standstill = Standstill {
            timers,
            drain,
            frozen: true,
            waiting,
            unsent: Vec::new(),
            next_read: None,
        };
        node.standstill = Some(Box::new(standstill));
        self.looks.outdated();
        true
    }

    /// The process of `node` goes on, and what was held back is sent. One whose timers stood still
    /// reads what waited before it looks at the time, as a node's driver does.
    pub(crate) fn thaw(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let Some(standstill) = node.standstill.as_mut() else { return };
        standstill.frozen = false;
        standstill.next_read = Some(self.now);
        self.queue.push(self.now, Action::Read(index));
        let reads_first = standstill.timers_rest();
        for transmit in std::mem::take(&mut standstill.unsent) {
            self.send(index, transmit);
        }
        if reads_first {
            return;
        }
        if let Some(running) = self.nodes[index].running.as_mut() {
            running.engine.set_sends_block(false);
            running.engine.tick(running.clock.local(self.now));
            self.settle(index);
        }
    }

    /// Keeps `action` for later if the process that it concerns is not ready for it.
    pub(crate) fn put_off(&mut self, index: usize, action: Action) -> Option<Action> {
        let Some(standstill) = self.nodes[index].standstill.as_mut() else { return Some(action) };
        match action {
            Action::Wake(_) if standstill.timers_rest() => None,
            Action::Wake(_) => Some(action),
            _ => {
                standstill.waiting.push_back(action);
                None
            }
        }
    }

    /// The process of `node` reads the next message that waits.
    pub(crate) fn read(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let Some(standstill) = node.standstill.as_mut() else { return };
        if standstill.frozen || standstill.next_read != Some(self.now) {
            return;
        }
        let Some(action) = standstill.waiting.pop_front() else {
            node.standstill = None;
            self.looks.outdated();
            if let Some(running) = node.running.as_mut() {
                running.wake = None;
            }
            self.settle(index);
            return;
        };
        let next = self.now + standstill.drain;
        standstill.next_read = Some(next);
        self.queue.push(next, Action::Read(index));
        self.take_in(action);
    }

    /// The first freeze of a fault that freezes again and again.
    pub(crate) fn begin_cycle(&mut self, fault: usize, nodes: Vec<usize>, frozen: Duration) {
        self.cycles.insert(fault, Cycle { nodes, frozen: true });
        self.queue.push(self.now + frozen, Action::Cycle(fault));
    }

    /// The next step of such a fault: its nodes go on, or stand still again.
    pub(crate) fn cycle(&mut self, fault: usize) {
        let Some(Fault::Freeze { until, frozen: Some(frozen), open, timers, drain, .. }) =
            self.scenario.faults.get(fault).cloned()
        else {
            return;
        };
        let Some(mut cycle) = self.cycles.remove(&fault) else { return };
        if cycle.frozen {
            cycle.nodes.iter().for_each(|node| self.thaw(*node));
            if self.now + open >= Time::ZERO + until {
                self.truth.trouble_ends(self.now, fault as u64);
                return;
            }
        } else {
            for node in &cycle.nodes {
                self.freeze(*node, timers, drain);
            }
        }
        cycle.frozen = !cycle.frozen;
        let lasts = if cycle.frozen { frozen } else { open };
        self.cycles.insert(fault, cycle);
        self.queue.push(self.now + lasts, Action::Cycle(fault));
    }
}
