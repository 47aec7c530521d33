//! One simulated node: a host with an address, and the process that runs on it, if one does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{Instance, Life, Name, Serving, Tags, Time};
use headcount_swim::{Config, Engine, Identity};

use crate::clock::Clock;
use crate::random::derive;
use crate::slowness::Slowness;
use crate::standstill::Standstill;

/// What the clocks of all hosts say when a scenario begins, in Unix milliseconds: 1 January 2030.
pub(crate) const EPOCH_MS: u64 = 1_893_456_000_000;

/// A host and what it remembers; a process that dies takes its memory with it.
///
/// What every event reads comes first: of thousands of nodes the memory is what an event costs.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Node {
    /// The process stands still, or has not caught up yet.
    pub(crate) standstill: Option<Box<Standstill>>,
    /// The process is slow.
    pub(crate) slowness: Option<Box<Slowness>>,
    pub(crate) address: SocketAddr,
    pub(crate) running: Option<Running>,
    /// What scenarios call it.
    pub(crate) label: String,
    pub(crate) name: Name,
    /// How its engines are configured: as all, but for the cluster.
    pub(crate) config: Arc<Config>,
    /// How many processes it has started.
    pub(crate) starts: u64,
    /// How far the host's clock is behind.
    pub(crate) clock_behind: Duration,
    /// How far the host's clock has jumped.
    pub(crate) jumped_us: i64,
    /// How much the monotonic clock runs fast, in parts per million.
    pub(crate) fast_ppm: i64,
    /// The seeds of this node alone, if it has other ones.
    pub(crate) seeds: Option<Vec<SocketAddr>>,
    /// Where the members were that the last process knew; its host kept it.
    pub(crate) kept: Vec<SocketAddr>,
    /// Whether the next process looks there too.
    pub(crate) recalls: bool,
    /// Nothing answers at all, not even that nothing listens.
    pub(crate) silent: bool,
}

/// A process.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Running {
    /// When it is to be woken; earlier wake-ups that are still queued are void.
    pub(crate) wake: Option<Time>,
    /// Its number among all processes.
    pub(crate) process: usize,
    /// What time it is for it.
    pub(crate) clock: Clock,
    /// When its engine is next looked into.
    pub(crate) inspection: Time,
    /// The hash of the versions that it held when it was last asked for its own.
    pub(crate) sync: u64,
    /// It said goodbye and goes once that is acknowledged.
    pub(crate) leaving: bool,
    pub(crate) engine: Engine,
}

impl Running {
    /// A process that begins at `now`.
    pub(crate) fn new(engine: Engine, process: usize, clock: Clock, now: Time) -> Running {
        Running { engine, process, clock, wake: None, leaving: false, inspection: now, sync: 0 }
    }
}

impl Node {
    pub(crate) fn new(label: String, name: Name, address: SocketAddr, config: Arc<Config>) -> Node {
        Node {
            label,
            name,
            config,
            address,
            running: None,
            starts: 0,
            clock_behind: Duration::ZERO,
            jumped_us: 0,
            fast_ppm: 0,
            seeds: None,
            kept: Vec::new(),
            recalls: false,
            slowness: None,
            standstill: None,
            silent: false,
        }
    }

    /// A new process on this host, node number `index`, that remembers nothing.
    pub(crate) fn boot(
        &mut self,
        index: usize,
        seed: u64,
        now: Time,
    ) -> Result<(Engine, Instance), String> {
        self.starts += 1;
        let number = ((index as u64) << 32) | self.starts;
        let drawn = derive(seed, "instance", number);
        let instance = Instance::from_u64(drawn).ok_or("it drew no instance; use another seed")?;
        let behind_ms = u64::try_from(self.clock_behind.as_millis()).unwrap_or(u64::MAX);
        let right = (EPOCH_MS + now.as_millis()).saturating_sub(behind_ms);
        let generation = right.saturating_add_signed(self.jumped_us / 1_000);
        let own = Identity {
            name: self.name.clone(),
            address: self.address,
            life: Life { generation, instance },
            tags: Tags::new(),
            zone: String::new(),
            serving: Serving::Serving,
        };
        let engine =
            Engine::new(Arc::clone(&self.config), own, derive(seed, "engine", number), now);
        engine.map(|engine| (engine, instance)).map_err(|error| error.to_string())
    }

    /// Whether the process cannot keep up with the others.
    pub(crate) fn is_impaired(&self) -> bool {
        self.standstill.is_some() || self.slowness.is_some()
    }

    /// The clock of a process that starts.
    pub(crate) fn clock(&self, now: Time) -> Clock {
        Clock::new(now, self.fast_ppm)
    }

    /// The clocks of the host go wrong.
    pub(crate) fn set_clocks(&mut self, now: Time, jump_us: i64, fast_ppm: i64) {
        self.jumped_us = self.jumped_us.saturating_add(jump_us);
        self.fast_ppm = fast_ppm;
        if let Some(running) = self.running.as_mut() {
            running.clock.set_rate(now, fast_ppm);
        }
    }

    /// Where the next process looks for the cluster: at its own seeds, or else at those of all, and
    /// where members were that its host remembers.
    pub(crate) fn seeds(&self, of_all: &[SocketAddr]) -> Vec<SocketAddr> {
        let mut seeds: Vec<SocketAddr> = Vec::new();
        let kept = self.kept.iter().filter(|_| self.recalls);
        for seed in self.seeds.as_deref().unwrap_or(of_all).iter().chain(kept) {
            if *seed != self.address && !seeds.contains(seed) {
                seeds.push(*seed);
            }
        }
        seeds
    }
}
