//! The processes, the network between them, and what both sides of it can do.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use headcount_state::{Instance, Life, MemberId, Name, Status, Time};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::findings::Findings;
use crate::message::{Envelope, Message};
use crate::process::{Process, Start};
use crate::switches::Switches;

/// How exchanges are encoded in a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Full,
    Sketch,
    Mixed,
}

/// One place where a process of a fixed name can run.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: Name,
    pub(crate) process: Option<Process>,
    /// Whether the process has said goodbye and is about to stop.
    pub(crate) leaving: bool,
    /// Which part of a cut network the slot is in.
    pub(crate) side: usize,
    /// How often a process was started here.
    starts: u16,
}

/// The state of one schedule.
pub(crate) struct World {
    pub(crate) rng: Xoshiro256PlusPlus,
    pub(crate) switches: Switches,
    pub(crate) slots: Vec<Slot>,
    pub(crate) in_flight: Vec<Envelope>,
    pub(crate) findings: Findings,
    /// The true time, in the unit of generations.
    pub(crate) clock: u64,
    mode: Mode,
    /// Whether to tell what happens, for a replay.
    narrate: bool,
    /// What was told last of each slot.
    told: RefCell<Vec<String>>,
}

/// The instance bits of every process when instances are not told apart.
const SAME_INSTANCE: u64 = 7;
/// How far a clock may be behind, in the unit of generations: longer than a schedule lasts.
const CLOCK_SKEW: u64 = 24;

impl World {
    /// A world of 3 to 6 slots; some share a name. Mostly it begins converged.
    pub(crate) fn new(seed: u64, switches: Switches, narrate: bool) -> World {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let slots = rng.random_range(3..=6_usize);
        let names = if rng.random_bool(0.3) { slots - 1 } else { slots };
        let mut world = World::empty(rng, slots, names, switches, narrate);
        world.boot(names);
        world
    }

    /// A world of members with different names that know each other.
    pub(crate) fn acquainted(seed: u64, slots: usize, switches: Switches) -> World {
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut world = World::empty(rng, slots, slots, switches, false);
        (0..slots).for_each(|slot| world.start(slot));
        world.introduce();
        world
    }

    fn empty(
        mut rng: Xoshiro256PlusPlus,
        slots: usize,
        names: usize,
        switches: Switches,
        narrate: bool,
    ) -> World {
        let mode = match rng.random_range(0..3) {
            0 => Mode::Full,
            1 => Mode::Sketch,
            _ => Mode::Mixed,
        };
        let slot = |index: usize| Slot {
            name: Name::new(&format!("n{}", index % names)).unwrap(),
            process: None,
            leaving: false,
            side: 0,
            starts: 0,
        };
        World {
            rng,
            switches,
            slots: (0..slots).map(slot).collect(),
            in_flight: Vec::new(),
            findings: Findings::default(),
            clock: 100,
            mode,
            narrate,
            told: RefCell::new(vec![String::new(); slots]),
        }
    }

    /// Starts most slots; mostly lets them know each other before the trouble begins.
    fn boot(&mut self, names: usize) {
        let acquainted = self.rng.random_bool(0.8);
        for slot in 0..self.slots.len() {
            let late = self.rng.random_bool(0.2) || slot >= names;
            if !(late && acquainted) {
                self.start(slot);
            }
        }
        if acquainted {
            self.introduce();
        }
    }

    /// Lets everybody hear everybody's table.
    fn introduce(&mut self) {
        self.in_flight.clear();
        let up = self.up();
        for a in &up {
            for b in &up {
                let told = self.process(*b).map(Process::tell_all).unwrap_or_default();
                let from = self.address(*b);
                self.deliver_to(*a, from, Message::Claims(told));
            }
        }
        self.in_flight.clear();
    }

    /// Tells `to` at once what `from` holds of the member `id`.
    pub(crate) fn tell(&mut self, from: usize, to: usize, id: MemberId) {
        let Some(process) = self.process(from) else { return };
        let said = process.table.answer(id, process.now).into_iter().collect();
        let address = process.address;
        self.deliver_to(to, address, Message::Claims(said));
    }

    /// Tells what happens and what changed by it, when this is a replay.
    pub(crate) fn narrate(&self, what: impl FnOnce() -> String) {
        if !self.narrate {
            return;
        }
        eprintln!("{}", what());
        for (at, slot) in self.slots.iter().enumerate() {
            let Some(process) = &slot.process else { continue };
            let held = process
                .table
                .records()
                .map(|r| format!("{} {:.4}={}", r.attributes.name, r.id(), r.claim.version));
            let held = held.collect::<Vec<_>>().join(" ");
            let standing = process.table.standing();
            let line = format!("    {at} {} side {} {standing:?}: {held}", slot.name, slot.side);
            let told = std::mem::replace(&mut self.told.borrow_mut()[at], line.clone());
            if told != line {
                eprintln!("{line}");
            }
        }
    }

    /// The slots with a process.
    pub(crate) fn up(&self) -> Vec<usize> {
        (0..self.slots.len()).filter(|slot| self.slots[*slot].process.is_some()).collect()
    }

    pub(crate) fn process(&self, slot: usize) -> Option<&Process> {
        self.slots[slot].process.as_ref()
    }

    /// The address of the latest process in this slot: a start may take another port.
    fn address(&self, slot: usize) -> SocketAddr {
        let host = u8::try_from(slot).unwrap_or(u8::MAX);
        let port = 7_000 + self.slots[slot].starts / 2;
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)), port)
    }

    /// The slot whose process listens at this address, if `from` can reach it.
    pub(crate) fn reach(&self, from: usize, address: SocketAddr) -> Option<usize> {
        let IpAddr::V4(ip) = address.ip() else { return None };
        let slot = usize::from(ip.octets()[3]);
        let process = self.slots[slot].process.as_ref()?;
        let connected = self.slots[slot].side == self.slots[from].side;
        (connected && process.address == address).then_some(slot)
    }

    /// Starts a process that remembers nothing, whose clock may be up to a day behind, and which
    /// takes a generation after the one that its contact remembers of its name.
    pub(crate) fn start(&mut self, slot: usize) {
        let skew = self.rng.random_range(0..=CLOCK_SKEW);
        let behind = if self.rng.random_bool(0.5) { skew } else { 0 };
        let bits = self.rng.random::<u64>();
        let contact = self.seed_of(slot);
        self.slots[slot].starts += 1;
        self.slots[slot].leaving = false;
        let name = self.slots[slot].name.clone();
        let told = contact
            .and_then(|contact| self.process(contact)?.table.hold(name.id()))
            .map_or(0, |held| held.life().generation + 1);
        let bits = if self.switches.instances { bits } else { SAME_INSTANCE };
        let instance = Instance::from_u64(bits.max(1)).unwrap();
        let life = Life { generation: told.max(self.clock - behind), instance };
        // Process clocks have nothing to do with each other.
        let now = Time::from_millis(self.rng.random_range(0..1_000_000_000));
        let start = Start { name: &name, address: self.address(slot), life, now };
        self.slots[slot].process = Some(Process::start(&start, self.switches));
        self.narrate(|| format!("{slot} starts"));
        if let Some(contact) = contact {
            self.open_exchange(slot, self.address(contact));
        }
    }

    /// A random other slot that the seed list resolves to now and that can be reached.
    pub(crate) fn seed_of(&mut self, slot: usize) -> Option<usize> {
        let pick = self.rng.random::<u32>() as usize;
        let near = |other: &usize| self.slots[*other].side == self.slots[slot].side;
        let others = self.up().into_iter().filter(|other| *other != slot).filter(near);
        let others = others.collect::<Vec<_>>();
        (!others.is_empty()).then(|| others[pick % others.len()])
    }

    /// Ends the process of a slot without a word.
    pub(crate) fn stop(&mut self, slot: usize) {
        self.slots[slot].process = None;
        self.slots[slot].leaving = false;
    }

    /// A random live member that the process of `slot` holds besides itself.
    pub(crate) fn live_peer(&mut self, slot: usize) -> Option<(MemberId, SocketAddr)> {
        let pick = self.rng.random::<u32>() as usize;
        let process = self.process(slot)?;
        let address = process.address;
        let peers = process.table.live().filter(|r| r.attributes.address != address);
        let peers = peers.map(|r| (r.id(), r.attributes.address)).collect::<Vec<_>>();
        (!peers.is_empty()).then(|| peers[pick % peers.len()])
    }

    /// Where the process of `slot` looks for lost members: its roster, or a seed.
    pub(crate) fn lost_peer(&mut self, slot: usize) -> Option<SocketAddr> {
        let pick = self.rng.random::<u64>();
        let seed = self.seed_of(slot);
        if pick.is_multiple_of(2) {
            let (_, address) = self.process(slot)?.table.roster_pick(pick)?;
            return Some(address);
        }
        let seed = seed.filter(|_| self.switches.seeds)?;
        Some(self.address(seed))
    }

    /// Opens an exchange with whoever listens at `to`.
    pub(crate) fn open_exchange(&mut self, slot: usize, to: SocketAddr) {
        let sketch = match self.mode {
            Mode::Full => false,
            Mode::Sketch => true,
            Mode::Mixed => self.rng.random_bool(0.5),
        };
        let Some(process) = &mut self.slots[slot].process else { return };
        process.wake();
        let message = match sketch {
            true => process.sketch(),
            false => Message::Table { updates: process.tell_all(), reply: true },
        };
        let from = process.address;
        self.in_flight.push(Envelope { from, to, message });
    }

    /// Hands a message to the process that it reaches now, if it reaches one.
    pub(crate) fn deliver(&mut self, envelope: Envelope) {
        let IpAddr::V4(ip) = envelope.from.ip() else { return };
        let sender = usize::from(ip.octets()[3]);
        if let Some(slot) = self.reach(sender, envelope.to) {
            let told = self.narrate.then(|| envelope.message.describe());
            self.deliver_to(slot, envelope.from, envelope.message);
            self.narrate(|| format!("{sender} -> {slot}: {}", told.unwrap_or_default()));
        }
    }

    fn deliver_to(&mut self, slot: usize, from: SocketAddr, message: Message) {
        let members = self.reachable_members(slot);
        let Some(process) = &mut self.slots[slot].process else { return };
        let held = |process: &Process, id| {
            process
                .table
                .get(id)
                .map(|record| (record.claim.status(), record.claim.life().instance))
        };
        let live = |(status, _): &(Status, Instance)| status.is_live();
        let before = members.iter().map(|(id, _)| held(process, *id).filter(live));
        let before = before.collect::<Vec<_>>();
        process.receive(from, message, &mut self.findings, &mut self.in_flight);
        for ((id, instance), before) in members.iter().zip(before) {
            let dead = held(process, *id)
                .is_some_and(|(status, _)| matches!(status, Status::Failed | Status::Closed));
            if dead && before.is_some_and(|(_, held)| held == *instance) {
                self.findings.false_deaths += 1;
            }
        }
    }

    /// The processes that the process of `slot` could talk to, and does not count as dead.
    fn reachable_members(&self, slot: usize) -> Vec<(MemberId, Instance)> {
        let near = |other: &&Slot| other.side == self.slots[slot].side && !other.leaving;
        let others = self.slots.iter().filter(near);
        others.filter_map(|o| Some((o.name.id(), o.process.as_ref()?.instance))).collect()
    }

    /// One round of the detector: the process of `slot` probes the member `id` that it holds as
    /// live. An ack names the process that gave it; silence and another process both mean that
    /// the member's life is over.
    pub(crate) fn probe(&mut self, slot: usize, id: MemberId, verdict: Status) {
        let Some(record) = self.process(slot).and_then(|process| process.table.get(id)) else {
            return;
        };
        let answered = self.reach(slot, record.attributes.address);
        let instance = answered.and_then(|other| Some(self.process(other)?.instance));
        if instance != Some(record.claim.life().instance) {
            self.accuse(slot, id, verdict);
        }
    }

    /// Makes the process of `slot` say `status` of the member `id`.
    pub(crate) fn accuse(&mut self, slot: usize, id: MemberId, status: Status) {
        if let Some(process) = &mut self.slots[slot].process {
            process.accuse(id, status, &mut self.findings);
            self.narrate(|| format!("{slot} says {status} of {id}"));
        }
    }
}
