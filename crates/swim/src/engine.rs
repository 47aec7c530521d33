//! The engine: what one node knows, and the doors in and out.
//!
//! ```text
//!   receive ─┐                                        ┌─> poll_transmit   datagrams
//!   stream_* ┼─> hear, absorb ─> table ─> events ─────┼─> poll_stream     streams to open
//!   tick ────┤        (claims)            timers      ├─> poll_event      news
//!   intents ─┘                                        └─> poll_timeout    when to tick
//! ```
//! Whoever drives it owns sockets and clocks: after every input the driver drains the outputs.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headcount_fanout::Peers;
use headcount_health::Contacts;
use headcount_state::{
    Attributes, AttributesError, AttributesVersion, Claim, Life, MemberId, Name, OwnAttributes,
    Record, Serving, Standing, Status, Table, Tags, Time, Update, Version,
};
use headcount_wire::{
    AttributesPool, DecodeError, Heartbeat, PROTOCOL, Target, Vitals, update_bytes,
};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::accusations::Accusations;
use crate::bulk::Bulk;
use crate::census::Counting;
use crate::checks::Checks;
use crate::config::{Config, ConfigError, Detector};
use crate::departure::Departure;
use crate::dissemination::{Dissemination, Lane};
use crate::event::Event;
use crate::exchange::Pace;
use crate::health::HealthWatch;
use crate::hurry::Hurry;
use crate::links::Links;
use crate::local_health::LocalHealth;
use crate::losses::{Burst, Losses};
use crate::observers::Observers;
use crate::outbox::Outbox;
use crate::probe::Probe;
use crate::quorum::Polls;
use crate::reach::Reach;
use crate::recovery::Recovery;
use crate::relay::Relays;
use crate::rival::RivalWatch;
use crate::session::Sessions;
use crate::sketching::Reconciling;
use crate::stats::Stats;
use crate::suspicion::Suspicions;
use crate::timers::{Timer, Timers};
use crate::upkeep::Warnings;

/// Who a node is when its engine starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The member's name; unique in the cluster.
    pub name: Name,
    /// Where others reach it, by datagram and by stream.
    pub address: SocketAddr,
    /// The life that begins: the generation is the Unix time in milliseconds, the instance 64
    /// random bits.
    pub life: Life,
    /// Its tags.
    pub tags: Tags,
    /// The failure zone it runs in; may be empty.
    pub zone: String,
    /// Whether the application is ready.
    pub serving: Serving,
}

/// Why an engine cannot start. The caller's mistake; nothing was started.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The node's own attributes break a bound.
    #[error(transparent)]
    Attributes(#[from] AttributesError),
    /// The node's own record would not fit a datagram.
    #[error(
        "the member's record takes {bytes} bytes and a datagram has room for {room}; \
         use a shorter name, fewer tags or a larger datagram budget"
    )]
    RecordTooLarge {
        /// What the record takes.
        bytes: usize,
        /// What a datagram leaves for it.
        room: usize,
    },
}

/// Whom a node heard within so many periods tells it whether the cluster agrees.
pub(crate) const AGREEMENT_PERIODS: u32 = 10;

/// An engine alone remembers the bytes of so many attributes, and of as many before them.
const ATTRIBUTES_POOLED: usize = 256;

/// Failures are told to so many more peers than [`Config::copies`] says.
const FAILED_MORE: u32 = 2;

/// What header, heartbeat and the largest body take of a datagram, at most.
pub(crate) const OVERHEAD_BYTES_MAX: usize = 160;

/// A member whose record fits no datagram could only be told of over streams.
fn check_size(config: &Config, own: &Attributes) -> Result<(), Error> {
    let version = Version::new(own.version.life, u32::MAX, Status::Suspect);
    let claim = Claim { id: own.name.id(), version, over: Some(own.version.life.instance) };
    let update = Update {
        attributes: Some(Arc::new(own.clone())),
        age: Duration::MAX,
        accuser: Some(own.name.id()),
        ..Update::claim(claim)
    };
    let bytes = update_bytes(&update);
    let room = config.datagram_budget - OVERHEAD_BYTES_MAX;
    if bytes > room { Err(Error::RecordTooLarge { bytes, room }) } else { Ok(()) }
}

/// The protocol of one node, without sockets, clock or randomness of its own.
///
/// The same configuration, seed and inputs give the same outputs, on any machine.
///
/// What every input reads comes first, side by side: of thousands of engines in one process the
/// memory is what an input costs.
#[derive(Debug)]
#[repr(C)]
pub struct Engine {
    pub(crate) config: Arc<Config>,
    pub(crate) observers: Box<Observers>,
    pub(crate) polls: Box<Polls>,
    /// When somebody was last heard, or this node began.
    pub(crate) last_heard: Time,
    /// The view that this node holds, and since when.
    pub(crate) view_id: u64,
    pub(crate) view_changed: Time,
    pub(crate) started: Time,
    /// This process, as messages name it.
    own: Target,
    seq: u32,
    /// Which change of the cluster's parameters this node holds.
    pub(crate) epoch: u32,
    pub(crate) isolated: bool,
    /// While sends block: whether a gossip round waits at its sends already.
    sends_block: Option<bool>,
    pub(crate) load: Option<u8>,
    pub(crate) local_health: LocalHealth,
    pub(crate) timers: Timers,
    pub(crate) outbox: Outbox,
    pub(crate) events: VecDeque<Event>,
    pub(crate) rng: Xoshiro256PlusPlus,
    pub(crate) attributes: AttributesPool,
    pub(crate) checks: Checks,
    pub(crate) relays: Relays,
    pub(crate) suspicions: Suspicions,
    pub(crate) losses: Losses,
    pub(crate) dissemination: Dissemination,
    pub(crate) links: Links,
    pub(crate) contacts: Contacts,
    pub(crate) peers: Peers,
    pub(crate) table: Table,
    pub(crate) stats: Stats,
    pub(crate) pace: Pace,
    pub(crate) hurry: Hurry,
    pub(crate) watch: HealthWatch,
    pub(crate) seeds: Vec<Seed>,
    pub(crate) sessions: Sessions,
    pub(crate) departure: Option<Departure>,
    pub(crate) probe: Option<Probe>,
    /// The probe of the last period, if nobody answered it in time.
    pub(crate) late_probe: Option<Probe>,
    pub(crate) rival: Option<RivalWatch>,
    /// Gossip rounds left that tell the hash alone.
    pub(crate) check_rounds: u8,
    pub(crate) tables: Bulk,
    /// What is told in answer to sketches, apart from whole tables: a newcomer or two would silence it
    /// for periods.
    pub(crate) answers: Bulk,
    pub(crate) reconciling: Reconciling,
    pub(crate) burst: Burst,
    pub(crate) counting: Option<Box<Counting>>,
    pub(crate) reach: Reach,
    pub(crate) recovery: Recovery,
    pub(crate) accusations: Accusations,
    pub(crate) warnings: Warnings,
    /// A later epoch that cannot be used here.
    pub(crate) epoch_refused: u32,
    /// How often this node has looked for the cluster since it was last with others.
    pub(crate) lonely_tries: u32,
    /// When it was heard again after longer than the detection time, if that is not told yet.
    pub(crate) rejoined: Option<Time>,
    /// When the gossip clock began, where there is one.
    pub(crate) gossip_clock: Option<Time>,
    pub(crate) agreed: Option<bool>,
}

/// A configured seed, and who answered there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed {
    pub(crate) address: SocketAddr,
    pub(crate) member: Option<MemberId>,
}

impl Engine {
    /// An engine that knows itself alone. `seed` decides all its random choices. Engines of one
    /// driver may share their configuration.
    ///
    /// # Errors
    /// [`Error`] names the setting or attribute that is out of range.
    pub fn new(
        config: impl Into<Arc<Config>>,
        own: Identity,
        seed: u64,
        now: Time,
    ) -> Result<Engine, Error> {
        let config: Arc<Config> = config.into();
        config.check()?;
        let attributes = Attributes {
            version: AttributesVersion { life: own.life, counter: 0 },
            name: own.name,
            address: own.address,
            serving: own.serving,
            zone: own.zone,
            tags: own.tags,
            protocol: PROTOCOL,
            out_of_reach: Vec::new(),
        };
        attributes.check()?;
        check_size(&config, &attributes)?;
        let table = Table::new(attributes, config.limits, now);
        let failed_more = if config.spreads_as_memberlist { 0 } else { FAILED_MORE };
        let mut engine = Engine {
            epoch: 0,
            epoch_refused: 0,
            own: Target::of(table.own_id(), own.life),
            peers: Peers::new(table.own_id()),
            probe: None,
            late_probe: None,
            observers: Box::new(Observers::new(&config, now)),
            links: Links::new(&config),
            relays: Relays::default(),
            rival: None,
            local_health: LocalHealth::for_detector(&config),
            suspicions: Suspicions::default(),
            checks: Checks::default(),
            dissemination: Dissemination::new(failed_more),
            check_rounds: 0,
            pace: Pace::new(config.period * 3 / 2),
            hurry: Hurry::new(config.gossip_interval),
            tables: Bulk::new(config.period, now),
            answers: Bulk::new(config.period, now),
            reconciling: Reconciling::default(),
            outbox: Outbox::default(),
            sessions: Sessions::default(),
            attributes: AttributesPool::new(ATTRIBUTES_POOLED),
            contacts: Contacts::new(),
            losses: Losses::default(),
            burst: Burst::default(),
            watch: HealthWatch::default(),
            reach: Reach::default(),
            recovery: Recovery::default(),
            accusations: Accusations::default(),
            departure: None,
            counting: None,
            polls: Box::default(),
            lonely_tries: 0,
            seeds: Vec::new(),
            events: VecDeque::new(),
            stats: Stats::default(),
            warnings: Warnings::default(),
            load: None,
            started: now,
            last_heard: now,
            isolated: false,
            rejoined: None,
            sends_block: None,
            gossip_clock: None,
            agreed: None,
            view_id: table.summary().view_id,
            view_changed: now,
            seq: 0,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            timers: Timers::default(),
            table,
            config,
        };
        engine.begin(now);
        engine.begin_polls(now);
        Ok(engine)
    }

    /// Sets the first timers, at random points of their intervals, so that nodes that start
    /// together do not stay in step.
    pub(crate) fn begin(&mut self, now: Time) {
        let intervals = [
            (Timer::Period, self.config.period),
            (Timer::Look, self.config.period),
            (Timer::Exchange, self.config.exchange_interval),
            (Timer::Reconnect, self.config.reconnect_interval),
        ];
        for (timer, interval) in intervals {
            let offset = interval.mul_f64(self.rng.random::<f64>());
            self.timers.set(timer, Some(now + offset));
        }
        if self.config.spreads_as_memberlist {
            let offset = self.config.gossip_interval.mul_f64(self.rng.random::<f64>());
            self.gossip_clock = Some(now + offset);
        }
    }

    /// Fires every timer that is due. A driver that has both hands over what has arrived first, so
    /// that a node that was held up does not accuse those whose answers wait in its socket.
    pub fn tick(&mut self, now: Time) {
        self.wake(now);
        if let Some(due) = self.timers.next() {
            self.watch.fired(due, now, self.config.period);
        }
        while let Some(timer) = self.next_due(now) {
            let calm = timer.is_routine() && self.is_calm();
            match timer {
                Timer::ProbeTimeout if self.observes() => self.pings_due(now),
                Timer::ProbeTimeout => self.probe_timed_out(),
                Timer::Period if self.observes() => self.watch_turn(now),
                Timer::Period => self.period_over(now),
                Timer::Look => self.look_around(now),
                Timer::Relay => self.relays_due(now),
                Timer::Observers => {
                    self.opinions_due(now);
                    self.cases_due(now);
                    self.contests_due(now);
                    self.hold_due(now);
                }
                Timer::Suspicion => self.suspicions_due(now),
                Timer::Check => self.checks_due(now),
                Timer::Gossip => self.gossip_round(now),
                Timer::Exchange => self.exchange_round(now),
                Timer::Reconnect => self.reconnect(now),
                Timer::Census => self.census_due(now),
                Timer::Leave => self.farewell_round(now),
                Timer::Quorum => self.ask_voters(now),
                Timer::Expire => self.expire(now),
            }
            self.settle_after(now, calm);
        }
    }

    /// When [`Engine::tick`] is next wanted.
    pub fn poll_timeout(&self) -> Option<Time> {
        match self.sends_block {
            Some(gossip_waits) => self.timers.next_without_sends(gossip_waits),
            None => self.timers.next(),
        }
    }

    /// Says whether the process is held up whenever it sends. While it is, it behaves as one with
    /// a task for each loop, each of them waiting at its next send: suspicions run out, one ping
    /// and one gossip round are begun, and nothing else falls due. The driver keeps what it is
    /// given to send until the block is over. For simulating such a process (Lifeguard, section
    /// V.B); a driver that waits for its sockets itself needs it not.
    pub fn set_sends_block(&mut self, block: bool) {
        self.sends_block = block.then_some(false);
    }

    fn next_due(&mut self, now: Time) -> Option<Timer> {
        let Some(gossip_waits) = self.sends_block else { return self.timers.pop_due(now) };
        let timer = self.timers.pop_due_without_sends(now, gossip_waits)?;
        self.sends_block = Some(gossip_waits || timer == Timer::Gossip);
        Some(timer)
    }

    /// The next piece of news.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The seeds: where to look for the cluster, again and again, whenever this node or a part of
    /// the cluster may be cut off. Discovery only adds members, it never removes one.
    pub fn set_seeds(&mut self, seeds: Vec<SocketAddr>) {
        let own = self.table.own_attributes().address;
        let known = |address| self.seeds.iter().find(|seed| seed.address == address);
        let seeds = seeds.into_iter().filter(|address| *address != own);
        self.seeds = seeds
            .map(|address| Seed { address, member: known(address).and_then(|seed| seed.member) })
            .collect();
    }

    /// Changes what this node says of itself.
    ///
    /// # Errors
    /// [`Error`] names the bound that the new value breaks; nothing is changed.
    pub fn set_own(&mut self, now: Time, change: OwnAttributes) -> Result<(), Error> {
        self.wake(now);
        let own = self.table.own_attributes();
        let told = !own.out_of_reach.is_empty() && !matches!(change, OwnAttributes::OutOfReach(_));
        if told && check_size(&self.config, &change.applied_to(own)).is_err() {
            // What the application says goes first.
            self.set_own(now, OwnAttributes::OutOfReach(Vec::new()))?;
        }
        check_size(&self.config, &change.applied_to(self.table.own_attributes()))?;
        if self.table.set_own(now, &change)? && self.table.standing() == Standing::Member {
            self.tell(now, self.table.own_id(), Lane::Attributes);
            let updated = self.own_member().map(Event::Updated);
            self.events.extend(updated);
            self.settle(now);
        }
        Ok(())
    }

    /// Takes attributes from a pool that other engines use too, so that members of which many
    /// engines know take memory once. What the engine does is the same.
    pub fn share_attributes(&mut self, pool: AttributesPool) {
        self.attributes = pool;
    }

    /// Sets how loaded this node says it is, in percent; more than 100 counts as 100.
    pub fn set_load(&mut self, percent: Option<u8>) {
        self.load = percent.map(|load| load.min(100));
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The member table: the join of everything heard.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Whether members are watched by observers.
    pub(crate) fn observes(&self) -> bool {
        self.config.detector == Detector::Observers
    }

    /// What this node says of itself in every frame; how it is only where it matters.
    pub(crate) fn heartbeat(&mut self, now: Time, with_vitals: bool) -> Heartbeat {
        self.seq = self.seq.wrapping_add(1);
        let summary = self.table.summary();
        let vitals = with_vitals.then(|| Vitals {
            load: self.load,
            uptime: now.since(self.started),
            warning: self.own_warning(now),
        });
        Heartbeat {
            sender: self.own,
            seq: self.seq,
            view: summary.view_id as u32,
            sync: summary.sync,
            dead: summary.dead as u32,
            vitals,
            epoch: if with_vitals { self.epoch } else { 0 },
            grade: 0,
            clock: (with_vitals && self.observes()).then(|| self.observers.clock.reading(now)),
        }
    }

    pub(crate) fn own_target(&self) -> Target {
        self.own
    }

    /// This node's own record, if it is the one that holds its name.
    pub(crate) fn own_record(&self) -> Option<Record<'_>> {
        let displaced = matches!(self.table.standing(), Standing::Displaced { .. });
        self.table.get(self.table.own_id()).filter(|_| !displaced)
    }

    /// Whether a frame meant for `target` is meant for this process.
    pub(crate) fn is_me(&self, target: Target) -> bool {
        target == self.own
    }

    pub(crate) fn count_refused(&mut self, error: &DecodeError) {
        match error {
            DecodeError::ForeignCluster(_) => self.stats.foreign_rejected += 1,
            _ => self.stats.malformed_rejected += 1,
        }
    }
}
