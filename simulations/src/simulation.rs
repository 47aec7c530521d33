//! The simulation: engines, the network between them, virtual time.
//!
//! ```text
//!   queue ── what is due ──> perform ──> a process takes it in (unless it stands still, or is slow)
//!     ^                                        │
//!     └── datagrams, streams, wake-ups <─ settle (datagrams.rs)
//!   faults.rs strikes ──> processes start and end (processes.rs), rules of the network
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{MemberId, Time};
use headcount_swim::{AttributesPool, Config, Engine};

use crate::addresses::{Addresses, address};
use crate::checkers::{Checkers, Packets};
use crate::datagrams::Arriving;
use crate::detection::Witness;
use crate::faults::{Ongoing, asks_memory};
use crate::judging::Counters;
use crate::looks::Looks;
use crate::network::{DropReason, Network, Sides};
use crate::node::Node;
use crate::queue::Queue;
use crate::random::Random;
use crate::recorder::Recorder;
use crate::report::Report;
use crate::scenario::{Fault, Scenario, ScenarioError};
use crate::sighting::{Journal, Sighting};
use crate::standstill::Cycle;
use crate::streams::{StreamAction, Streams};
use crate::trace::Trace;
use crate::truth::Truth;
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
    pub(crate) attributes: AttributesPool,
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
    pub(crate) keeps_memory: bool,
    /// Freezes that come again and again, by the number of the fault.
    pub(crate) cycles: BTreeMap<usize, Cycle>,
    pub(crate) trace: Trace,
    pub(crate) truth: Truth,
    pub(crate) checkers: Checkers,
    pub(crate) looks: Looks,
    pub(crate) journal: Journal,
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

    pub(crate) fn set_sides(&mut self, sides: Option<Sides>, fault: Option<usize>) {
        self.truth.separated(self.now, sides.clone());
        self.network.set_sides(sides, fault);
        self.links_changed();
    }
}
