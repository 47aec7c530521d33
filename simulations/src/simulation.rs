//! The simulation: engines, the network between them, virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headcount_state::{MemberId, Name, Time, Update};
use headcount_swim::{AttributesPool, Config, Engine, Event, Transmit};

use crate::addresses::{Addresses, address};
use crate::checkers::bounded::Sent;
use crate::checkers::corruption::Holding;
use crate::checkers::{Checkers, Packets};
use crate::detection::Witness;
use crate::faults::{Ongoing, asks_memory, kept_by_host};
use crate::judging::Counters;
use crate::looks::Looks;
use crate::network::{Delivery, DropReason, Network, Sides, Verdict, flip};
use crate::node::{Node, Running};
use crate::queue::Queue;
use crate::random::Random;
use crate::recorder::Recorder;
use crate::report::Report;
use crate::scenario::{Fault, Scenario, ScenarioError};
use crate::sighting::{Journal, Sighting};
use crate::standstill::Cycle;
use crate::streams::{StreamAction, Streams};
use crate::trace::Trace;
use crate::truth::{Ending, Truth};
use crate::week::Chronicle;

/// How many events [`Simulation::events`] keeps if it is not told otherwise.
const JOURNAL_LIMIT: usize = 2_000_000;

/// Attributes that are remembered, so that the engines hold them once.
const ATTRIBUTES_POOLED: usize = 1 << 16;

/// Views are compared this many times a period.
const SAMPLES_PER_PERIOD: u32 = 20;

/// What is to happen at a moment of virtual time.
#[derive(Debug)]
pub(crate) enum Action {
    /// A node starts for the first time.
    Start(usize),
    /// All nodes start, and know each other.
    StartKnown,
    /// A timer of a node's engine is due.
    Wake(usize),
    /// A datagram arrives.
    Datagram(Arriving),
    /// Something happens on a stream, at this node.
    Stream(usize, Box<StreamAction>),
    /// Fault number so and so of the scenario strikes.
    Fault(usize),
    /// It ends.
    FaultEnd(usize),
    /// A fault that comes again and again takes its next step.
    Cycle(usize),
    /// A process that stood still reads the next message that waits.
    Read(usize),
    /// A timer of a slow process fires, later than it was due.
    LateTimer(usize),
    /// A slow process is done with what it was at.
    Work(usize),
    /// A process that is leaving has waited long enough.
    LeaveDeadline { node: usize, process: usize },
    /// The views are compared.
    Sample,
    /// The engines are looked into.
    Inspect,
    /// The members are looked at of which status rule number so and so of the scenario speaks.
    LookAtStatuses(usize),
}

/// A datagram on its way.
#[derive(Clone, Debug)]
pub(crate) struct Arriving {
    /// The numbers of the addresses that it goes from and to.
    from: u32,
    to: u32,
    bytes: Bytes,
    /// A bit of it was flipped.
    corrupt: bool,
}

/// A cluster in virtual time: real engines that exchange real bytes over a simulated network.
///
/// [`Simulation::run`] plays the scenario to its end and judges it. For scripts there are steps:
/// run until some moment, crash a node, cut the network, look into an engine.
///
/// Same scenario and seed, same [`Report::trace_hash`], on any machine and in any build.
#[derive(Debug)]
pub struct Simulation {
    pub(crate) scenario: Scenario,
    pub(crate) config: Arc<Config>,
    /// What all engines hold of members alike, held once.
    attributes: AttributesPool,
    pub(crate) seed: u64,
    pub(crate) now: Time,
    pub(crate) queue: Queue<Action>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) addresses: Addresses,
    pub(crate) seeds: Vec<SocketAddr>,
    pub(crate) network: Network,
    pub(crate) streams: Streams,
    pub(crate) fault_luck: Random,
    /// Nodes that some fault chose.
    pub(crate) faulted: BTreeSet<usize>,
    /// Faults of the scenario that struck nobody, in words.
    pub(crate) misfires: Vec<String>,
    pub(crate) faults_fired: u64,
    /// How often each fault struck a node, by its number.
    pub(crate) hits: BTreeMap<usize, u64>,
    /// How many messages and timers were handled late for each fault.
    pub(crate) slowed: BTreeMap<usize, u64>,
    /// Faults that go on step by step, by number.
    pub(crate) ongoing: BTreeMap<usize, Ongoing>,
    /// Whether hosts keep what their processes knew.
    keeps_memory: bool,
    /// Freezes that come again and again, by the number of the fault.
    pub(crate) cycles: BTreeMap<usize, Cycle>,
    pub(crate) trace: Trace,
    pub(crate) truth: Truth,
    pub(crate) checkers: Checkers,
    pub(crate) looks: Looks,
    journal: Journal,
    /// Who counts what the nodes are told, if anybody does.
    pub(crate) witness: Option<Box<Witness>>,
    /// Who keeps a history of what one node is told, if anybody does.
    pub(crate) chronicle: Option<Box<Chronicle>>,
    pub(crate) recorder: Recorder,
    pub(crate) delivered: u64,
    pub(crate) duplicated: u64,
    pub(crate) drops: BTreeMap<DropReason, u64>,
    /// Counters of processes that are gone.
    pub(crate) gone: Counters,
    /// How often the engines were looked into.
    pub(crate) inspections: usize,
    /// Whether members that no node is answer pings (see `scale/phantoms.rs`).
    pub(crate) phantoms: bool,
    /// The rules by which engines merge.
    #[cfg(feature = "planted-bugs")]
    pub(crate) rules: headcount_swim::Rules,
}

impl Simulation {
    /// The cluster of a scenario at time zero. Every random number of the run follows from `seed`.
    ///
    /// # Errors
    /// [`ScenarioError`] names the field of the scenario that cannot be, and what to change.
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Simulation, ScenarioError> {
        scenario.check()?;
        let config = Arc::new(scenario.engine.config());
        let network = Network::new(scenario.network.latency, scenario.network.loss, seed);
        let mut simulation = Simulation {
            scenario: scenario.clone(),
            streams: Streams::new(config.period),
            checkers: Checkers::new(scenario),
            config,
            attributes: AttributesPool::new(ATTRIBUTES_POOLED),
            seed,
            now: Time::ZERO,
            queue: Queue::new(),
            nodes: Vec::with_capacity(scenario.nodes),
            addresses: Addresses::default(),
            seeds: (0..scenario.start.seeds as u32).map(address).collect(),
            network,
            fault_luck: Random::new(seed, "faults"),
            faulted: BTreeSet::new(),
            misfires: Vec::new(),
            faults_fired: 0,
            hits: BTreeMap::new(),
            slowed: BTreeMap::new(),
            ongoing: BTreeMap::new(),
            keeps_memory: asks_memory(scenario),
            cycles: BTreeMap::new(),
            trace: Trace::new(seed),
            truth: Truth::default(),
            looks: Looks::default(),
            journal: Journal::new(JOURNAL_LIMIT),
            witness: None,
            chronicle: None,
            recorder: Recorder::default(),
            delivered: 0,
            duplicated: 0,
            drops: BTreeMap::new(),
            gone: Counters::default(),
            inspections: 0,
            phantoms: false,
            #[cfg(feature = "planted-bugs")]
            rules: headcount_swim::Rules::default(),
        };
        let before_start = |fault: &Fault| matches!(fault, Fault::Seeds(_)) && fault.at().is_zero();
        let first = |(_, fault): &(usize, &Fault)| before_start(fault);
        for (number, _) in scenario.faults.iter().enumerate().filter(first) {
            simulation.queue.push(Time::ZERO, Action::Fault(number));
        }
        let mut start = Time::ZERO;
        for number in 0..scenario.nodes {
            let label = format!("n{number}");
            let node = simulation.add_node(label.clone(), &label);
            if !scenario.start.known {
                simulation.queue.push(start, Action::Start(node));
                start += scenario.start.interval;
            }
        }
        if scenario.start.known {
            simulation.queue.push(start, Action::StartKnown);
        }
        for (number, fault) in scenario.faults.iter().enumerate() {
            if !before_start(fault) {
                simulation.queue.push(Time::ZERO + fault.at(), Action::Fault(number));
            }
            if let Some(until) = fault.until() {
                simulation.queue.push(Time::ZERO + until, Action::FaultEnd(number));
            }
        }
        for (number, rule) in scenario.expect.statuses.iter().enumerate() {
            simulation.queue.push(Time::ZERO + rule.at, Action::LookAtStatuses(number));
        }
        simulation.links_changed();
        simulation.queue.push(Time::ZERO + scenario.started(), Action::Sample);
        simulation.queue.push(Time::ZERO, Action::Inspect);
        Ok(simulation)
    }

    /// Plays the scenario to its end and judges it.
    pub fn run(mut self) -> Report {
        self.run_until(Time::ZERO + self.scenario.duration);
        self.report_after_what_is_on_its_way()
    }

    /// Lets virtual time pass until `until`.
    pub fn run_until(&mut self, until: Time) {
        while let Some((at, action)) = self.queue.pop_due(until) {
            self.now = at;
            self.perform(action);
        }
        self.now = self.now.max(until);
    }

    /// Lets this much virtual time pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many nodes there are, running or not.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node; a scenario has at least one.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What scenarios call a node.
    pub fn label(&self, node: usize) -> Option<&str> {
        self.nodes.get(node).map(|node| node.label.as_str())
    }

    /// The engine of a node, while its process runs.
    pub fn engine(&self, node: usize) -> Option<&Engine> {
        self.nodes.get(node)?.running.as_ref().map(|running| &running.engine)
    }

    /// The member that `node` is.
    pub(crate) fn member(&self, node: usize) -> MemberId {
        self.nodes[node].name.id()
    }

    /// Nodes that some fault chose.
    pub(crate) fn faulted(&self) -> &BTreeSet<usize> {
        &self.faulted
    }

    /// Whether any process stands still.
    pub(crate) fn is_frozen(&self) -> bool {
        let frozen = |node: &Node| node.standstill.as_ref().is_some_and(|s| s.is_frozen());
        self.nodes.iter().any(frozen)
    }

    /// What every node that ever sent something has sent, by node.
    pub fn packets(&self) -> Vec<Packets> {
        self.checkers.packets()
    }

    /// Messages and bytes that all nodes have sent.
    pub(crate) fn sent(&self) -> (u64, u64) {
        self.checkers.sent_so_far()
    }

    /// Keeps so many events for [`Simulation::events`] from now on, in 56 bytes each, instead of
    /// two million.
    pub fn keep_events(&mut self, limit: usize) {
        self.journal.set_limit(limit);
    }

    /// What the nodes were told, oldest first: the latest of them, see
    /// [`Simulation::keep_events`].
    pub fn events(&self) -> impl Iterator<Item = &Sighting> {
        self.journal.iter()
    }

    /// The process of `node` dies without a word; its host answers that nothing listens.
    pub fn crash(&mut self, node: usize) {
        self.kill(node, false);
    }

    /// `node` starts anew with nothing remembered, at the address it had.
    pub fn restart(&mut self, node: usize) {
        self.kill(node, false);
        self.start(node);
    }

    /// `node` says goodbye; its process stops once enough peers know, or after ten periods.
    pub fn leave(&mut self, node: usize) {
        self.begin_leave(node, self.config.period * 10);
    }

    /// The network falls into these sides, and one more for the nodes in none of them.
    pub fn partition(&mut self, sides: &[&[usize]]) {
        let sides: Vec<Vec<usize>> = sides.iter().map(|side| side.to_vec()).collect();
        self.set_sides(Some(Sides::new(&sides)), None);
    }

    /// The network is one again.
    pub fn heal(&mut self) {
        self.set_sides(None, None);
    }

    fn perform(&mut self, action: Action) {
        let concerned = match &action {
            Action::Wake(node) | Action::Stream(node, _) => Some(*node),
            Action::Datagram(arriving) => self.addresses.owner(arriving.to),
            _ => None,
        };
        let ready = match concerned {
            Some(node) => self.put_off(node, action).and_then(|action| self.line_up(node, action)),
            None => Some(action),
        };
        if let Some(action) = ready {
            self.take_in(action);
        }
    }

    pub(crate) fn take_in(&mut self, action: Action) {
        match action {
            Action::Start(node) => self.start(node),
            Action::StartKnown => self.start_known(),
            Action::Wake(node) => self.wake(node),
            Action::Datagram(arriving) => self.deliver(&arriving),
            Action::Stream(node, action) => self.stream(node, *action),
            Action::Fault(number) => {
                self.strike(number);
                self.links_changed();
            }
            Action::FaultEnd(number) => {
                self.end_fault(number);
                self.links_changed();
            }
            Action::Cycle(number) => {
                self.go_on(number);
                self.links_changed();
            }
            Action::Read(node) => self.read(node),
            Action::LateTimer(node) => self.late_timer(node),
            Action::Work(node) => self.work(node),
            Action::LeaveDeadline { node, process } => {
                if self.nodes[node].running.as_ref().is_some_and(|r| r.process == process) {
                    self.stop(node);
                }
            }
            Action::Sample => {
                let one = self.look();
                self.checkers.convergence.looked(self.now, one);
                self.look_at_quorums();
                self.queue.push(self.now + self.config.period / SAMPLES_PER_PERIOD, Action::Sample);
            }
            Action::Inspect => {
                self.inspect_table();
                self.queue.push(self.now + self.config.period, Action::Inspect);
            }
            Action::LookAtStatuses(number) => self.look_at_statuses(number),
        }
    }

    fn wake(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_ref() else { return };
        if running.wake == Some(self.now) {
            self.tick(node);
        }
    }

    /// The engine of a node does what is due.
    pub(crate) fn tick(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else { return };
        running.wake = None;
        // The timer may have been taken back: most pings are answered before their time is over.
        let now = running.clock.local(self.now);
        if running.engine.poll_timeout().is_some_and(|at| at <= now) {
            running.engine.tick(now);
            self.settle(node);
        } else {
            self.arm(node);
        }
    }

    fn deliver(&mut self, arriving: &Arriving) {
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
    fn arm(&mut self, node: usize) {
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
    fn start_known(&mut self) {
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
    fn boot(&mut self, index: usize) -> bool {
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
    fn stop(&mut self, index: usize) {
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

    pub(crate) fn set_sides(&mut self, sides: Option<Sides>, fault: Option<usize>) {
        self.truth.separated(self.now, sides.clone());
        self.network.set_sides(sides, fault);
        self.links_changed();
    }
}
