//! The protocol engine of a Headcount node, sans-IO.
//!
//! An [`Engine`] takes bytes, time and a seed, and gives datagrams, streams to open, timers and
//! news. It never reads a clock or opens a socket: the runtime drives it on real ones, the
//! simulator on virtual ones, over the same bytes.
//!
//! It watches members with observers that come to a verdict together, or with the two published
//! detectors, [`Detector::Swim`] and [`Detector::Lifeguard`], and makes tables converge by dissemination and whole-table gossip.

mod absorb;
mod accusations;
mod broken;
mod bulk;
mod census;
mod checks;
mod config;
mod departure;
mod dissemination;
mod electorate;
mod engine;
mod event;
mod exchange;
mod gossip;
mod health;
mod hurry;
mod known;
mod links;
mod local_health;
mod losses;
mod member;
mod observers;
mod occupancy;
mod outbox;
mod parameters;
#[cfg(feature = "planted-bugs")]
mod planted;
mod probe;
mod quorum;
mod reach;
mod receive;
mod reconcile;
mod recovery;
mod relay;
mod rival;
mod session;
mod settle;
mod shown;
mod sketching;
mod stats;
mod suspicion;
mod timers;
mod transport;
mod upkeep;

pub use accusations::Accusation;
pub use census::Census;
pub use config::{Config, ConfigError, Detector, Exchange};
pub use electorate::{Electorate, VOTERS_MAX};
pub use engine::{Engine, Error, Identity};
pub use event::{Event, SeedError};
pub use headcount_health::{
    Agreement, Basis, ClusterHealth, Contact, DEGRADING, HealthLevel, LinkCondition, MissingCause,
    Quorum, Verdict,
};
#[cfg(feature = "planted-bugs")]
pub use headcount_state::Rules;
pub use headcount_wire::{AttributesPool, Parameters};
pub use health::Link;
pub use member::Member;
pub use occupancy::Part;
pub use stats::Stats;
pub use transport::{StreamEnd, StreamId, StreamOpen, StreamStep, Transmit};
