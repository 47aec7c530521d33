//! What engines have to give, and the datagrams between them.
//!
//! ```text
//!   deliver ─> engine ─> settle ─┬─> send ── the network's verdict ──> queue, or dropped
//!                                ├─> streams to open
//!                                ├─> events: checkers, trace, recorder
//!                                └─> arm: when it wakes next
//! ```

use bytes::Bytes;
use headcount_swim::{Event, Transmit};

use crate::addresses::address;
use crate::checkers::bounded::Sent;
use crate::checkers::corruption::Holding;
use crate::network::{Delivery, DropReason, Verdict, flip};
use crate::node::Node;
use crate::sighting::Sighting;
use crate::simulation::{Action, Simulation};

/// A datagram on its way.
#[derive(Clone, Debug)]
pub(crate) struct Arriving {
    /// The numbers of the addresses that it goes from and to.
    from: u32,
    pub(crate) to: u32,
    bytes: Bytes,
    /// A bit of it was flipped.
    corrupt: bool,
}

impl Simulation {
    pub(crate) fn deliver(&mut self, arriving: &Arriving) {
        let Arriving { from, to, bytes, corrupt } = arriving;
        let owners = (self.addresses.owner(*from), self.addresses.owner(*to));
        let (Some(sender), Some(node)) = owners else { return };
        let listening = self.nodes[node].address == address(*to);
        let Some(running) = self.nodes[node].running.as_mut().filter(|_| listening) else {
            *self.drops.entry(DropReason::NobodyThere).or_default() += 1;
            return;
        };
        self.delivered += 1;
        self.trace.add(b'd', self.now, sender as u64, node as u64, bytes);
        self.recorder.datagram_received(self.now, node, sender, bytes, *corrupt);
        let now = running.clock.local(self.now);
        if *corrupt {
            // What is due anyhow comes first, so that all that changes is the datagram's doing.
            running.engine.tick(now);
            let before = Holding::of(&running.engine);
            running.engine.receive(now, address(*from), bytes);
            let after = Holding::of(&running.engine);
            self.checkers.corruption.received(self.now, node, before, after);
        } else {
            running.engine.receive(now, address(*from), bytes);
        }
        self.settle(node);
    }

    /// Takes everything that a node's engine has to give, and sees to its next wake-up.
    pub(crate) fn settle(&mut self, node: usize) {
        let now = self.now;
        let mut departed = false;
        loop {
            let Node { running, standstill, .. } = &mut self.nodes[node];
            let Some(running) = running.as_mut() else { return };
            let frozen = standstill.as_mut().filter(|standstill| standstill.is_frozen());
            let may_open = frozen.is_none();
            if let Some(transmit) = running.engine.poll_transmit(running.clock.local(now)) {
                match frozen {
                    Some(standstill) => standstill.hold_back(transmit),
                    None => self.send(node, transmit),
                }
            } else if let Some(open) = may_open.then(|| running.engine.poll_stream()).flatten() {
                self.open_stream(node, open);
            } else if let Some(event) = running.engine.poll_event() {
                departed |= matches!(event, Event::Departed { .. });
                let sighting = Sighting::of(&event, now, node, running.process);
                self.recorder.event(now, node, &event);
                self.recorder.holds(now, node, &event, running.engine.table());
                self.note(sighting);
            } else {
                break;
            }
        }
        if departed {
            self.stop(node);
            return;
        }
        let Some(running) = self.nodes[node].running.as_ref() else { return };
        self.looks.holds(node, running.engine.table().summary().view_id);
        self.inspect(node);
        self.arm(node);
    }

    /// Sees to it that a node wakes when its engine wants.
    pub(crate) fn arm(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else { return };
        let now = self.now;
        let wanted = running.engine.poll_timeout().map(|at| running.clock.global(at).max(now));
        if let Some(at) = wanted.filter(|at| running.wake.is_none_or(|wake| *at < wake)) {
            running.wake = Some(at);
            self.queue.push(at, Action::Wake(node));
        }
    }

    fn note(&mut self, sighting: Sighting) {
        let Sighting { observer, process, .. } = sighting;
        self.trace.add(b'e', self.now, observer as u64, process as u64, &sighting.bytes());
        self.checkers.seen(&self.truth, &sighting);
        if let Some(witness) = self.witness.as_mut() {
            witness.seen(&self.truth, &self.faulted, &sighting);
        }
        if let Some(chronicle) = self.chronicle.as_mut() {
            chronicle.seen(&sighting);
        }
        self.journal.add(sighting);
    }

    pub(crate) fn send(&mut self, node: usize, transmit: Transmit) {
        let Some(transmit) = self.meet_phantoms(node, transmit) else { return };
        let Transmit { to, bytes } = transmit;
        self.checkers.sent(self.now, node, Sent::Datagram, bytes.len());
        let numbers = (self.addresses.number(self.nodes[node].address), self.addresses.number(to));
        let owner = self.owner_of(to);
        if let (Some(witness), Some(owner)) = (self.witness.as_mut(), owner) {
            witness.sent(self.now, owner, &bytes, self.config.cluster);
        }
        let verdict = self.network.judge(node, owner.unwrap_or(usize::MAX), bytes.len());
        let nobody = Verdict::Drop(DropReason::NobodyThere);
        let verdict = if owner.is_none() { nobody } else { verdict };
        self.recorder.datagram_sent(self.now, node, owner, &bytes, verdict);
        let (Some(from), Some(to)) = numbers else {
            *self.drops.entry(DropReason::NobodyThere).or_default() += 1;
            return;
        };
        let delivery = match verdict {
            Verdict::Pass => Delivery::default(),
            Verdict::Deliver(delivery) => delivery,
            Verdict::Drop(reason) => {
                *self.drops.entry(reason).or_default() += 1;
                return;
            }
        };
        let (bytes, corrupt) = match delivery.flipped {
            Some(bit) => (flip(&bytes, bit).into(), true),
            None => (bytes, false),
        };
        let arriving = Arriving { from, to, bytes, corrupt };
        let first = self.now + delivery.after;
        if let Some(later) = delivery.again_after {
            self.duplicated += 1;
            self.queue.push(first + later, Action::Datagram(arriving.clone()));
        }
        self.queue.push(first, Action::Datagram(arriving));
    }
}
