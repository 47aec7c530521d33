//! What an idle cluster costs: engines that know each other, on a network of a constant latency.
//!
//! ```text
//! cargo bench -p headcount-swim --bench idle -- [nodes] [virtual seconds]
//! ```
//! It prints the wall time per node and virtual second, the driver's queue included. Where other
//! programs share the machine, count instructions instead:
//! `perf stat -e instructions:u target/release/deps/idle-<hash> 128 60`, less the same with 0.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures wall time")]

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headcount_state::{Instance as Process, Life, Name, Serving, Tags, Time, Update};
use headcount_swim::{Config, Engine, Identity};
use headcount_wire::ClusterId;

const LATENCY: Duration = Duration::from_micros(500);

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let nodes = numbers.first().map_or(128, |nodes| *nodes as usize);
    let seconds = numbers.get(1).copied().unwrap_or(60);
    let before = Instant::now();
    let mut cluster = Cluster::new(nodes);
    println!("{nodes} nodes started in {:.2} s", before.elapsed().as_secs_f64());
    if seconds == 0 {
        return;
    }
    let before = Instant::now();
    cluster.run_until(Time::from_millis(seconds * 1_000));
    let took = before.elapsed();
    let node_seconds = nodes as f64 * seconds as f64;
    println!(
        "{:.2} us per node-second, {:.0} virtual seconds a second; per node-second {:.2} datagrams \
         and {:.2} wakes",
        took.as_secs_f64() * 1e6 / node_seconds,
        seconds as f64 / took.as_secs_f64(),
        cluster.delivered as f64 / node_seconds,
        cluster.woken as f64 / node_seconds,
    );
    for engine in &cluster.engines {
        assert_eq!(engine.stats().probes_failed, 0);
        assert_eq!(engine.table().live_len(), nodes);
    }
}

struct Cluster {
    engines: Vec<Engine>,
    places: BTreeMap<SocketAddr, usize>,
    wakes: Vec<Option<Time>>,
    queue: BinaryHeap<Reverse<Scheduled>>,
    scheduled: u64,
    delivered: u64,
    woken: u64,
}

struct Scheduled {
    at: Time,
    number: u64,
    place: usize,
    /// A datagram; none: a wake-up.
    datagram: Option<(SocketAddr, Bytes)>,
}

impl Cluster {
    fn new(nodes: usize) -> Cluster {
        let mut engines: Vec<Engine> = (0..nodes).map(engine).collect();
        let own = |engine: &Engine| engine.table().records().next().map(|r| r.update(Time::ZERO));
        let all: Vec<Update> = engines.iter().filter_map(own).collect();
        engines.iter_mut().for_each(|engine| engine.know(Time::ZERO, &all));
        let mut cluster = Cluster {
            places: (0..nodes).map(|place| (address(place), place)).collect(),
            wakes: vec![None; nodes],
            engines,
            queue: BinaryHeap::new(),
            scheduled: 0,
            delivered: 0,
            woken: 0,
        };
        (0..nodes).for_each(|place| cluster.drain(Time::ZERO, place));
        cluster
    }

    fn run_until(&mut self, until: Time) {
        while let Some(Reverse(next)) = self.queue.pop() {
            let Scheduled { at: now, place, datagram, .. } = next;
            if now > until {
                break;
            }
            match datagram {
                Some((from, bytes)) => {
                    self.delivered += 1;
                    self.engines[place].receive(now, from, &bytes);
                }
                None if self.wakes[place] == Some(now) => {
                    self.woken += 1;
                    self.wakes[place] = None;
                    self.engines[place].tick(now);
                }
                None => continue,
            }
            self.drain(now, place);
        }
    }

    fn drain(&mut self, now: Time, place: usize) {
        let from = address(place);
        while let Some(transmit) = self.engines[place].poll_transmit(now) {
            let to = self.places[&transmit.to];
            self.schedule(now + LATENCY, to, Some((from, transmit.bytes)));
        }
        while self.engines[place].poll_event().is_some() {}
        let wanted = self.engines[place].poll_timeout();
        if let Some(at) = wanted.filter(|at| self.wakes[place].is_none_or(|wake| *at < wake)) {
            self.wakes[place] = Some(at);
            self.schedule(at, place, None);
        }
    }

    fn schedule(&mut self, at: Time, place: usize, datagram: Option<(SocketAddr, Bytes)>) {
        self.scheduled += 1;
        self.queue.push(Reverse(Scheduled { at, number: self.scheduled, place, datagram }));
    }
}

impl Scheduled {
    fn key(&self) -> (Time, u64) {
        (self.at, self.number)
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Scheduled) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Scheduled) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Scheduled) -> Ordering {
        self.key().cmp(&other.key())
    }
}

fn engine(place: usize) -> Engine {
    let instance = Process::from_u64(place as u64 + 1).expect("not zero");
    let own = Identity {
        name: Name::new(&format!("n{place}")).expect("a name"),
        address: address(place),
        life: Life { generation: 1_893_456_000_000, instance },
        tags: Tags::new(),
        zone: String::new(),
        serving: Serving::Serving,
    };
    let config = Config::new(ClusterId::of("idle"));
    Engine::new(config, own, place as u64, Time::ZERO).expect("an engine")
}

fn address(place: usize) -> SocketAddr {
    let [_, a, b, c] = (place as u32 + 1).to_be_bytes();
    SocketAddr::from(([10, a, b, c], 7946))
}
