//! What the steps that happen most cost: a ping and its ack, twenty records that are known.
//!
//! ```text
//! cargo bench -p headcount-swim --bench hot_path
//! valgrind --tool=cachegrind --cache-sim=no target/release/deps/hot_path-<hash> [name] [times]
//! ```
//! It prints the wall time of each. Instructions, which do not depend on what else the machine
//! does, are those of a run less those of one with no times.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures wall time")]

mod members;

use std::hint::black_box;
use std::time::{Duration, Instant};

use headcount_state::{Grace, Limits, Table, Time, Update};
use headcount_swim::{AttributesPool, Config, Engine};
use headcount_wire::{Body, DEFAULT_BUDGET, DatagramBuilder, Heartbeat, decode_datagram_with};

use members::{address, attributes, cluster, heartbeat, identity, ping, update};

const MEMBERS: u64 = 1_000;

fn main() {
    let wanted = std::env::args().skip(1).find(|arg| BENCHES.iter().any(|(name, _)| name == arg));
    let times = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(100_000);
    for (name, bench) in BENCHES {
        if wanted.as_deref().is_none_or(|wanted| wanted == *name) {
            let took = bench(times);
            println!("{name:24} {:8.0} ns", took.as_secs_f64() * 1e9 / f64::from(times.max(1)));
        }
    }
}

type Bench = fn(u32) -> Duration;

const BENCHES: &[(&str, Bench)] = &[
    ("encode_ping", encode_ping),
    ("decode_ping", decode_ping),
    ("receive_ping_send_ack", receive_ping_send_ack),
    ("decode_20_records", decode_20_records),
    ("merge_20_known_records", merge_20_known_records),
];

fn encode_ping(times: u32) -> Duration {
    let (heartbeat, body) = (heartbeat(1), ping(1));
    repeat(times, |_| {
        DatagramBuilder::new(cluster(), DEFAULT_BUDGET, black_box(&heartbeat), &body).finish()
    })
}

fn decode_ping(times: u32) -> Duration {
    let bytes = DatagramBuilder::new(cluster(), DEFAULT_BUDGET, &heartbeat(1), &ping(1)).finish();
    let pool = AttributesPool::new(0);
    repeat(times, |_| decode_datagram_with(cluster(), black_box(&bytes), &pool))
}

fn receive_ping_send_ack(times: u32) -> Duration {
    let mut engine = Engine::new(Config::new(cluster()), identity(0), 1, Time::ZERO).expect("one");
    let all: Vec<Update> = (1..MEMBERS).map(update).collect();
    engine.know(Time::ZERO, &all);
    let word = |member: u64, seq: u32| {
        let summary = engine.table().summary();
        let (view, dead) = (summary.view_id as u32, summary.dead as u32);
        let heartbeat = Heartbeat { seq, view, sync: summary.sync, dead, ..heartbeat(member) };
        DatagramBuilder::new(cluster(), DEFAULT_BUDGET, &heartbeat, &ping(0)).finish()
    };
    let pings: Vec<_> = (1..MEMBERS).map(|member| (address(member), word(member, 1))).collect();
    repeat(times, |time| {
        let (from, bytes) = &pings[time as usize % pings.len()];
        engine.receive(Time::ZERO, *from, bytes);
        engine.poll_transmit(Time::ZERO)
    })
}

fn decode_20_records(times: u32) -> Duration {
    let body = Body::Gossip { table: None };
    let mut datagram = DatagramBuilder::new(cluster(), DEFAULT_BUDGET, &heartbeat(1), &body);
    let all: Vec<Update> = (1..=20).map(update).collect();
    assert_eq!(datagram.pack(&all), all.len());
    let (bytes, pool) = (datagram.finish(), AttributesPool::new(64));
    repeat(times, |_| decode_datagram_with(cluster(), black_box(&bytes), &pool))
}

fn merge_20_known_records(times: u32) -> Duration {
    let own = attributes(identity(0));
    let mut table = Table::new(own, Limits::default(), Time::ZERO);
    let all: Vec<Update> = (1..MEMBERS).map(update).collect();
    for update in &all {
        table.merge(Time::ZERO, update, Grace::Closed);
    }
    repeat(times, |_| {
        for update in &all[..20] {
            black_box(table.merge(Time::ZERO, update, Grace::Closed));
        }
    })
}

fn repeat<T>(times: u32, mut step: impl FnMut(u32) -> T) -> Duration {
    let before = Instant::now();
    (0..times).for_each(|time| drop(black_box(step(time))));
    before.elapsed()
}
