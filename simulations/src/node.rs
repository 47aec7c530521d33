//! One simulated node: a host with an address, and the process that runs on it, if one does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{Instance, Life, Name, Serving, Tags, Time};
use headcount_swim::{Config, Engine, Identity};

use crate::random::derive;
use crate::standstill::Standstill;

/// What the clocks of all hosts say when a scenario begins, in Unix milliseconds: 1 January 2030.
const EPOCH_MS: u64 = 1_893_456_000_000;

/// A host and what it remembers; a process that dies takes its memory with it.
#[derive(Debug)]
pub(crate) struct Node {
    /// What scenarios call it.
    pub(crate) label: String,
    pub(crate) name: Name,
    pub(crate) address: SocketAddr,
    pub(crate) running: Option<Running>,
    /// How many processes it has started.
    pub(crate) starts: u64,
    /// How far the host's clock is behind.
    pub(crate) clock_behind: Duration,
    /// The process stands still, or has not caught up yet.
    pub(crate) standstill: Option<Box<Standstill>>,
    /// Nothing answers at all, not even that nothing listens.
    pub(crate) silent: bool,
}

/// A process.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) engine: Engine,
    /// Its number among all processes.
    pub(crate) process: usize,
    /// When it is to be woken; earlier wake-ups that are still queued are void.
    pub(crate) wake: Option<Time>,
    /// It said goodbye and goes once that is acknowledged.
    pub(crate) leaving: bool,
    /// When its engine is next looked into.
    pub(crate) inspection: Time,
    /// The hash of the versions that it held when it was last asked for its own.
    pub(crate) sync: u64,
}

impl Running {
    /// A process that begins at `now`.
    pub(crate) fn new(engine: Engine, process: usize, now: Time) -> Running {
        Running { engine, process, wake: None, leaving: false, inspection: now, sync: 0 }
    }
}

impl Node {
    pub(crate) fn new(label: String, name: Name, address: SocketAddr) -> Node {
        Node {
            label,
            name,
            address,
            running: None,
            starts: 0,
            clock_behind: Duration::ZERO,
            standstill: None,
            silent: false,
        }
    }

    /// A new process on this host, node number `index`, that remembers nothing.
    pub(crate) fn boot(
        &mut self,
        config: &Arc<Config>,
        index: usize,
        seed: u64,
        now: Time,
    ) -> Result<(Engine, Instance), String> {
        self.starts += 1;
        let number = ((index as u64) << 32) | self.starts;
        let drawn = derive(seed, "instance", number);
        let instance = Instance::from_u64(drawn).ok_or("it drew no instance; use another seed")?;
        let behind_ms = u64::try_from(self.clock_behind.as_millis()).unwrap_or(u64::MAX);
        let generation = (EPOCH_MS + now.as_millis()).saturating_sub(behind_ms);
        let own = Identity {
            name: self.name.clone(),
            address: self.address,
            life: Life { generation, instance },
            tags: Tags::new(),
            zone: String::new(),
            serving: Serving::Serving,
        };
        let engine = Engine::new(Arc::clone(config), own, derive(seed, "engine", number), now);
        engine.map(|engine| (engine, instance)).map_err(|error| error.to_string())
    }
}
