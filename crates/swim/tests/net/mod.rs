//! A handful of engines on a scripted network: one millisecond between any two, and a rule that
//! says which datagrams and streams get through.

#![allow(unreachable_pub, reason = "a module of test programs")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{
    Attributes, AttributesVersion, Claim, Instance, Life, MemberId, Name, ProtocolRange, Serving,
    Status, Tags, Time, Update, Version,
};
use headcount_swim::{Config, Engine, Event, Identity, StreamEnd, StreamId, StreamStep};
use headcount_wire::{
    Body, ClusterId, Datagram, DatagramBuilder, Heartbeat, Target, decode_datagram,
};

pub const LATENCY: Duration = Duration::from_millis(1);

/// Whether something from one node (by place) reaches another.
pub type Rule = Box<dyn Fn(usize, usize) -> bool>;

/// What a node's datagrams say otherwise than its engine wrote, if anything.
pub type Forgery = Box<dyn Fn(Time, usize, &Datagram) -> Option<Heartbeat>>;

/// When a stream that nobody answers has timed out.
pub const STREAM_TIMEOUT: Duration = Duration::from_secs(5);

pub struct Net {
    pub now: Time,
    pub engines: Vec<Option<Engine>>,
    pub events: Vec<(Time, usize, Event)>,
    pub passes: Rule,
    /// Whether streams can be opened at all.
    pub streams: bool,
    /// Streams break after so many frames.
    pub stream_frames: usize,
    /// Whether a stream that finds nobody hangs until it times out; otherwise it is refused.
    pub silent: bool,
    /// What is changed in datagrams on their way.
    pub forges: Forgery,
    /// Whether datagrams that tell of anybody are lost; heartbeats alone get through.
    pub hush: bool,
    /// Every datagram that was sent, decoded: when, by whom.
    pub log: Vec<(Time, usize, Datagram)>,
    /// Every stream that was wanted: by whom, to where.
    pub calls: Vec<(usize, StreamId, SocketAddr)>,
    flying: BTreeMap<(Time, u64), Flight>,
    hanging: BTreeMap<(Time, u64), (usize, StreamId)>,
    sent: Cell<u64>,
    /// How long a datagram takes.
    pub latency: Duration,
}

struct Flight {
    from: SocketAddr,
    to: usize,
    bytes: Vec<u8>,
}

pub fn config() -> Config {
    Config::new(ClusterId::of("test"))
}

pub fn address(place: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + place as u8], 7946))
}

pub fn name(place: usize) -> String {
    format!("n{place}")
}

pub fn id(place: usize) -> MemberId {
    MemberId::of(&name(place))
}

pub fn identity(name: &str, address: SocketAddr, generation: u64, instance: u64) -> Identity {
    Identity {
        name: Name::new(name).expect("a name"),
        address,
        life: Life { generation, instance: Instance::from_u64(instance).expect("not zero") },
        tags: Tags::new(),
        zone: String::new(),
        serving: Serving::Serving,
    }
}

/// What a member of this name says of itself.
#[allow(dead_code, reason = "each test file uses the part that it needs")]
pub fn attributes(name: &str, address: SocketAddr, life: Life, counter: u32) -> Attributes {
    Attributes {
        version: AttributesVersion { life, counter },
        name: Name::new(name).expect("a name"),
        address,
        serving: Serving::Serving,
        zone: String::new(),
        tags: Tags::new(),
        protocol: ProtocolRange { min: 1, max: 1 },
        out_of_reach: Vec::new(),
    }
}

/// A claim about the member of these attributes, in the life in which it said them.
#[allow(dead_code, reason = "each test file uses the part that it needs")]
pub fn told(attributes: Attributes, incarnation: u32, status: Status) -> Update {
    let version = Version::new(attributes.version.life, incarnation, status);
    let claim = Claim { id: attributes.name.id(), version, over: None };
    Update { attributes: Some(Arc::new(attributes)), ..Update::claim(claim) }
}

/// A datagram as `speaker` could have sent it.
#[allow(dead_code, reason = "each test file uses the part that it needs")]
pub fn datagram(speaker: &Engine, cluster: ClusterId, body: &Body, updates: &[Update]) -> Vec<u8> {
    let table = speaker.table();
    let heartbeat = Heartbeat {
        sender: Target::of(table.own_id(), table.own_life()),
        seq: u32::MAX / 2,
        view: table.summary().view_id as u32,
        sync: table.summary().sync,
        dead: table.summary().dead as u32,
        vitals: None,
        clock: None,
        epoch: 0,
        grade: 0,
    };
    let budget = speaker.config().datagram_budget;
    let mut datagram = DatagramBuilder::new(cluster, budget, &heartbeat, body);
    assert_eq!(datagram.pack(updates), updates.len());
    datagram.finish().to_vec()
}

/// The same datagram with another heartbeat.
fn forged(speaker: &Engine, heartbeat: &Heartbeat, it: &Datagram) -> Vec<u8> {
    let Config { cluster, datagram_budget, .. } = *speaker.config();
    let mut datagram = DatagramBuilder::new(cluster, datagram_budget, heartbeat, &it.body);
    datagram.pack(&it.updates);
    datagram.finish().to_vec()
}

#[allow(dead_code, reason = "each test file uses the part that it needs")]
impl Net {
    /// Nodes that do not know each other yet.
    pub fn new(nodes: usize, config: &Config) -> Net {
        let engine = |place: usize| {
            let own = identity(&name(place), address(place), 1_000, 100 + place as u64);
            Engine::new(config.clone(), own, place as u64, Time::ZERO).expect("an engine")
        };
        Net {
            now: Time::ZERO,
            engines: (0..nodes).map(|place| Some(engine(place))).collect(),
            events: Vec::new(),
            passes: Box::new(|_, _| true),
            streams: true,
            stream_frames: usize::MAX,
            silent: false,
            forges: Box::new(|_, _, _| None),
            hush: false,
            log: Vec::new(),
            calls: Vec::new(),
            flying: BTreeMap::new(),
            hanging: BTreeMap::new(),
            sent: Cell::new(0),
            latency: LATENCY,
        }
    }

    /// Nodes that have joined through the first and know each other.
    pub fn converged(nodes: usize, config: &Config) -> Net {
        let mut net = Net::new(nodes, config);
        for place in 1..nodes {
            net.join(place, 0);
        }
        net.run(config.period * 6);
        for place in 0..nodes {
            assert_eq!(net.count(place, Status::Alive), nodes, "views of {place} at the start");
        }
        net.events.clear();
        net.log.clear();
        net
    }

    /// The same after a while, so that all know their links; streams to nobody hang.
    pub fn settled(nodes: usize) -> Net {
        let mut net = Net::converged(nodes, &config());
        net.run(Duration::from_secs(20));
        net.events.clear();
        net.log.clear();
        net.silent = true;
        net
    }

    pub fn join(&mut self, place: usize, seed: usize) {
        let now = self.now;
        self.engine(place).join(now, address(seed));
        self.engine(place).set_seeds(vec![address(seed)]);
        self.pump(place);
    }

    pub fn engine(&mut self, place: usize) -> &mut Engine {
        self.engines[place].as_mut().expect("a running node")
    }

    /// Takes a node away without a word.
    pub fn kill(&mut self, place: usize) -> Engine {
        self.engines[place].take().expect("a running node")
    }

    pub fn status(&self, at: usize, of: usize) -> Option<Status> {
        self.engines[at].as_ref().and_then(|e| e.member(id(of))).map(|m| m.status())
    }

    pub fn count(&self, at: usize, status: Status) -> usize {
        let engine = self.engines[at].as_ref().expect("a running node");
        engine.members().filter(|m| m.status() == status).count()
    }

    /// The events at one node.
    pub fn events_at(&self, place: usize) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |(_, at, _)| *at == place).map(|(_, _, event)| event)
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.run_until(end, |_| false);
    }

    /// Runs until `done`, at most to `end`; true if it was done.
    pub fn run_until(&mut self, end: Time, done: impl Fn(&Net) -> bool) -> bool {
        for place in 0..self.engines.len() {
            self.pump(place);
        }
        while !done(self) {
            let timers = self.engines.iter().flatten().filter_map(Engine::poll_timeout);
            let arrivals = self.flying.keys().next().map(|(at, _)| *at);
            let timeouts = self.hanging.keys().next().map(|(at, _)| *at);
            let Some(next) = timers.chain(arrivals).chain(timeouts).min().filter(|at| *at <= end)
            else {
                self.now = end;
                return done(self);
            };
            self.now = next.max(self.now);
            self.step();
        }
        true
    }

    /// Lets everything arrive that is under way, and what follows from it; no timer fires.
    pub fn deliver(&mut self) {
        for place in 0..self.engines.len() {
            self.pump(place);
        }
        while let Some((at, _)) = self.flying.keys().next() {
            self.now = self.now.max(*at);
            self.arrive();
        }
    }

    fn step(&mut self) {
        self.arrive();
        let now = self.now;
        while let Some(stream) = self.hanging.first_entry().filter(|s| s.key().0 <= now) {
            let (place, id) = stream.remove();
            if let Some(engine) = &mut self.engines[place] {
                engine.stream_closed(now, id, StreamEnd::Failed("timed out".to_owned()));
                self.pump(place);
            }
        }
        for place in 0..self.engines.len() {
            let due = |e: &Engine| e.poll_timeout().is_some_and(|at| at <= now);
            if let Some(engine) = self.engines[place].as_mut().filter(|e| due(e)) {
                engine.tick(now);
                self.pump(place);
            }
        }
    }

    fn arrive(&mut self) {
        let now = self.now;
        while let Some(flight) = self.flying.first_entry().filter(|f| f.key().0 <= now) {
            let flight = flight.remove();
            if let Some(engine) = &mut self.engines[flight.to] {
                engine.receive(now, flight.from, &flight.bytes);
                self.pump(flight.to);
            }
        }
    }

    /// Drains a node's outputs.
    pub fn pump(&mut self, place: usize) {
        let now = self.now;
        loop {
            let Some(engine) = &mut self.engines[place] else { return };
            while let Some(event) = engine.poll_event() {
                self.events.push((now, place, event));
            }
            if let Some(transmit) = engine.poll_transmit(now) {
                assert!(transmit.bytes.len() <= engine.config().datagram_budget);
                let cluster = engine.config().cluster;
                let datagram = decode_datagram(cluster, &transmit.bytes).expect("a valid datagram");
                let bytes = match (self.forges)(now, place, &datagram) {
                    Some(heartbeat) => forged(engine, &heartbeat, &datagram),
                    None => transmit.bytes.to_vec(),
                };
                let hushed = self.hush && !datagram.updates.is_empty();
                self.log.push((now, place, datagram));
                let own = engine.table().own_attributes().address;
                if let Some(to) =
                    self.place_of(transmit.to).filter(|to| !hushed && (self.passes)(place, *to))
                {
                    let seq = self.sent.get();
                    self.sent.set(seq + 1);
                    let flight = Flight { from: own, to, bytes };
                    self.flying.insert((now + self.latency, seq), flight);
                }
            } else if let Some(open) = engine.poll_stream() {
                self.open_stream(place, open.id, open.to);
            } else {
                return;
            }
        }
    }

    fn place_of(&self, address: SocketAddr) -> Option<usize> {
        let at = |e: &Option<Engine>| {
            e.as_ref().is_some_and(|e| e.table().own_attributes().address == address)
        };
        self.engines.iter().position(at)
    }

    /// Streams are played to their end at once: their timing is not what these tests are about.
    fn open_stream(&mut self, caller: usize, id: StreamId, to: SocketAddr) {
        let now = self.now;
        self.calls.push((caller, id, to));
        let place = self.place_of(to).filter(|place| self.streams && (self.passes)(caller, *place));
        let server = place.filter(|place| (self.passes)(*place, caller));
        let from = address(caller);
        let Some(server) = server else {
            if self.silent {
                let seq = self.sent.get();
                self.sent.set(seq + 1);
                self.hanging.insert((now + STREAM_TIMEOUT, seq), (caller, id));
                return;
            }
            self.engine(caller).stream_closed(now, id, StreamEnd::Refused);
            return;
        };
        let Some(accepted) = self.engine(server).stream_accepted(now, from) else {
            let end = StreamEnd::Failed("dropped".to_owned());
            self.engine(caller).stream_closed(now, id, end);
            return;
        };
        let ends = [(caller, id), (server, accepted)];
        let mut silent = 0;
        let mut turn = 0;
        let mut frames = 0;
        while silent < 2 {
            if frames == self.stream_frames {
                for (place, id) in ends {
                    let end = StreamEnd::Failed("broken".to_owned());
                    self.engine(place).stream_closed(now, id, end);
                }
                break;
            }
            let ((place, id), (other, other_id)) = (ends[turn], ends[1 - turn]);
            match self.engine(place).stream_next(now, id) {
                StreamStep::Send(bytes) => {
                    silent = 0;
                    frames += 1;
                    self.engine(other).stream_frame(now, other_id, &bytes[4..]);
                }
                StreamStep::Receive => {
                    silent += 1;
                    turn = 1 - turn;
                }
                StreamStep::Close => {
                    self.engine(other).stream_closed(now, other_id, StreamEnd::Finished);
                    break;
                }
            }
        }
        assert!(silent < 2, "both ends of a stream wait for each other");
        self.pump(server);
    }
}
