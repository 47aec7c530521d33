//! What one engine costs that knows many members: a claim, a join, a failure, a calm second.
//!
//! ```text
//! cargo bench -p headcount-swim --bench large -- [members] [times]
//! ```
//! It prints the wall time of each, the median and the mean: of the calls into the engine alone, from
//! the bytes of a datagram to whatever the engine then has to give. Where others use the machine, the
//! mean has their share too. Calm seconds are measured with 100 and 10,000 members too.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures wall time")]

mod members;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headcount_state::{Attributes, Status, Time, Update};
use headcount_swim::{Config, Engine};
use headcount_wire::{Body, DEFAULT_BUDGET, DatagramBuilder, Heartbeat, Target, decode_datagram};

use members::{address, cluster, heartbeat, identity, member_at, ping, target, update};

/// How many seconds are calm.
const CALM_S: u32 = 1_000;

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let members = numbers.first().map_or(100_000, |members| (*members).max(2));
    let times = numbers.get(1).map_or(10_000, |times| *times).clamp(1, members / 2);
    let engine = Measured::new(members).engine;
    println!(
        "{members} members, {:.1} heap bytes each",
        engine.heap_bytes() as f64 / members as f64
    );
    for (name, claim) in CLAIMS {
        show(name, claims(members, times, *claim));
    }
    for members in [100, 10_000, members] {
        show(&format!("calm second, {members}"), calm(members));
    }
}

fn show(name: &str, mut each: Vec<Duration>) {
    each.sort_unstable();
    let ns = |took: Duration| took.as_secs_f64() * 1e9;
    let (median, all) = (ns(each[each.len() / 2]), ns(each.iter().sum()));
    println!("{name:24} {median:8.0} ns, on average {:8.0} ns", all / each.len() as f64);
}

/// What is told of a member, and how it changes the number of live ones.
type Claim = fn(members: u64, number: u64) -> (Update, i64);

const CLAIMS: &[(&str, Claim)] = &[
    ("attributes change", |_, number| (changed(number), 0)),
    ("join", |members, number| (update(members + number), 1)),
    ("failure", |_, number| (failed(number), -1)),
];

/// Members from the first on change, and are told of by the last one.
fn claims(members: u64, times: u64, claim: Claim) -> Vec<Duration> {
    let mut measured = Measured::new(members);
    let before = measured.engine.table().live_len() as i64;
    let (mut expected, mut each) = (before, Vec::new());
    for number in 1..=times {
        let (update, change) = claim(members, number);
        expected += change;
        let word = measured.word(members - 1, &Body::Gossip { table: None }, &[update]);
        each.push(measured.receive(address(members - 1), &word));
    }
    assert_eq!(measured.engine.table().live_len() as i64, expected, "every claim was believed");
    each
}

/// A second in which nothing happens: a ping and its ack each way.
fn calm(members: u64) -> Vec<Duration> {
    let mut measured = Measured::new(members);
    let mut each = Vec::new();
    for second in 0..u64::from(CALM_S) {
        // Somebody else each time.
        let member = 1 + second.wrapping_mul(0x9e37_79b9) % (members - 1);
        let word = measured.word(member, &ping(0), &[]);
        let took = measured.receive(address(member), &word);
        each.push(took + measured.run_until(measured.now + Duration::from_secs(1)));
    }
    assert_eq!(measured.engine.stats().probes_failed, 0);
    each
}

fn changed(member: u64) -> Update {
    let told = update(member);
    let newer = |attributes: Arc<Attributes>| {
        let mut attributes = Attributes::clone(&attributes);
        attributes.version.counter += 1;
        attributes.tags.insert("build".to_owned(), "r1".to_owned());
        Arc::new(attributes)
    };
    Update { attributes: told.attributes.map(newer), ..told }
}

fn failed(member: u64) -> Update {
    let claim = update(member).claim.with_status(Status::Failed);
    Update { accuser: Some(update(member + 1).claim.id), ..Update::claim(claim) }
}

/// An engine that knows all members, and what time it is for it.
struct Measured {
    engine: Engine,
    now: Time,
    seq: u32,
}

impl Measured {
    fn new(members: u64) -> Measured {
        // A failure is to be believed at once.
        let config = Config { checks: false, ..Config::new(cluster()) };
        let mut engine = Engine::new(config, identity(0), 1, Time::ZERO).expect("an engine");
        let all: Vec<Update> = (1..members).map(update).collect();
        engine.know(Time::ZERO, &all);
        Measured { engine, now: Time::ZERO, seq: 0 }
    }

    /// What a member says that holds the engine's own table.
    fn word(&mut self, member: u64, body: &Body, updates: &[Update]) -> Bytes {
        self.seq += 1;
        let summary = self.engine.table().summary();
        let (view, dead) = (summary.view_id as u32, summary.dead as u32);
        let (seq, sync) = (self.seq, summary.sync);
        let heartbeat = Heartbeat { seq, view, sync, dead, ..heartbeat(member) };
        let mut datagram = DatagramBuilder::new(cluster(), DEFAULT_BUDGET, &heartbeat, body);
        assert_eq!(datagram.pack(updates), updates.len());
        datagram.finish()
    }

    fn receive(&mut self, from: SocketAddr, word: &Bytes) -> Duration {
        let before = Instant::now();
        self.engine.receive(self.now, from, word);
        let took = before.elapsed();
        took + self.drain()
    }

    fn run_until(&mut self, until: Time) -> Duration {
        let mut took = Duration::ZERO;
        while let Some(at) = self.engine.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let before = Instant::now();
            self.engine.tick(self.now);
            took += before.elapsed() + self.drain();
        }
        self.now = until;
        took
    }

    /// Takes what the engine has to give; pings are answered at once.
    fn drain(&mut self) -> Duration {
        let mut took = Duration::ZERO;
        loop {
            let before = Instant::now();
            let transmit = self.engine.poll_transmit(self.now);
            while self.engine.poll_event().is_some() {}
            took += before.elapsed();
            let Some(transmit) = transmit else { return took };
            let Ok(datagram) = decode_datagram(cluster(), &transmit.bytes) else { continue };
            let Body::Ping { nonce, target: Some(_) } = datagram.body else { continue };
            let target = target(member_at(transmit.to));
            let ack = Body::Ack { nonce, responder: None, not_me: false };
            let ack = self.word_of(target, datagram.heartbeat, &ack);
            let before = Instant::now();
            self.engine.receive(self.now, transmit.to, &ack);
            took += before.elapsed();
        }
    }

    fn word_of(&self, sender: Target, heard: Heartbeat, body: &Body) -> Bytes {
        let heartbeat = Heartbeat { sender, ..heard };
        DatagramBuilder::new(cluster(), DEFAULT_BUDGET, &heartbeat, body).finish()
    }
}
