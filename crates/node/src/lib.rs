//! Headcount answers one question for every service in a cluster: who is here right now, and does
//! everyone agree?
//!
//! A [`Node`] makes the process it runs in a member. It gossips with random other members over UDP
//! and TCP (one port number), learns who is alive, and tells what it sees.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), headcount::NodeError> {
//! use std::time::Duration;
//! use headcount::Node;
//! # let seed = Node::builder("orders").name("orders-1").bind("127.0.0.1:0").start().await?;
//! # let address = seed.address();
//!
//! let node = Node::builder("orders")
//!     .name("orders-7")
//!     .bind("127.0.0.1:0")
//!     .seeds([address])
//!     .tag("role", "api")
//!     .start()
//!     .await?;
//! node.ready().await?;
//! let mut events = node.events();
//! println!("{}", events.next().await.expect("the snapshot comes first"));
//! for member in node.members().serving() {
//!     println!("{member}");
//! }
//! node.leave(Duration::from_secs(3)).await;
//! # assert!(node.members().get("orders-1").is_some_and(|seed| seed.is_serving()));
//! # Ok(())
//! # }
//! ```
//!
//! # What to rely on
//! - One task owns the protocol. Readers never wait for it, and it never waits for readers.
//! - [`Node::members`] is a snapshot; [`Node::member`] is a directory that is never behind the
//!   events; [`Node::events`] begins with a snapshot and marks what a slow reader missed.
//! - [`Node::quorum`] guards work that must not run on two sides of a cut.
//! - Nothing from the network is an error here: junk, foreign frames and socket errors are counted
//!   ([`Node::stats`]) and the node lives on. [`Node::condition`] says if its task does not.
//!
//! # Logs
//! Everything is told through `tracing`, inside a span `headcount` with the fields `cluster` and
//! `node`. Events carry, where they apply, `event` (what happened, in lower case), `member` (a
//! name), `address`, `status` (alive, suspect, failed, left), `peer` (an address), `direction`
//! (send, receive, accept) and `error`.

mod advertise;
mod builder;
mod clock;
mod contacts;
mod dialling;
mod driver;
mod error;
mod events;
mod history;
mod join;
mod members;
mod node;
mod publisher;
mod quorum;
mod seeds;
mod shared;
mod sockets;
mod stats;
mod streams;

pub use builder::Builder;
pub use contacts::{Contact, Contacts};
pub use error::NodeError;
pub use events::{Events, NodeEvent};
pub use join::{JoinReport, SeedOutcome, SeedReport};
pub use members::Members;
pub use node::{Leave, Node};
pub use quorum::Quorum;
pub use stats::{Condition, NodeStats, SocketStats};

pub use headcount_health::history::{
    ClusterReliability, Confidence, Frequency, Happened, History, HistoryLimits, HistoryReport,
    MemberHistory, Mtbf, Mttr, OutageNow, Presence, Reliability, Totals, What,
};
pub use headcount_health::{
    HeartbeatChange, HeartbeatEvent, HeartbeatMonitor, HeartbeatPolicy, HeartbeatStatus,
    MonitorError, Phi, PhiSettings, TwoWindow, TwoWindowSettings,
};
pub use headcount_state::{
    Evidence, Instance, Life, Limits, MemberId, Name, NameError, Reason, Serving, Standing, Status,
    Tags, Time, Voters,
};
pub use headcount_swim::{
    Accusation, Agreement, Basis, Census, ClusterHealth, Config, ConfigError, DEGRADING, Detector,
    Electorate, Error as ProtocolError, Event, Exchange, HealthLevel, LinkCondition, Member,
    MissingCause, SeedError, Stats, Verdict,
};
pub use headcount_wire::RefuseCode;
