//! What heartbeats teach, as pure functions and small trackers.
//!
//! Every heartbeat says who speaks and which view it holds, some how loaded the speaker is.
//! [`Contacts`] keeps the latest of each peer heard lately, [`LinkMeter`] what a link is like and [`Trend`] how
//! it changes; [`Agreement`] and [`ClusterHealth`] say what follows for the cluster as a whole, [`history`] what
//! happened to members over weeks. [`Quorum`] says whether a node is on the side of a majority. [`Phi`] and
//! [`TwoWindow`] say what a silence means; [`HeartbeatMonitor`] watches many senders by them, with no
//! cluster around it.

mod agreement;
mod cluster;
mod contacts;
pub mod history;
mod interval;
mod link;
mod monitor;
mod phi;
mod quorum;
mod round_trip;
mod two_window;
mod warning;

pub use agreement::Agreement;
pub use cluster::{ClusterHealth, HealthLevel, MissingCause, SteadyLevel};
pub use contacts::{Contact, Contacts};
pub use interval::heartbeat_interval;
pub use link::{LINK_WINDOW, LinkCondition, LinkMeter};
pub use monitor::{
    HeartbeatChange, HeartbeatEvent, HeartbeatMonitor, HeartbeatPolicy, HeartbeatStatus,
    MonitorError,
};
pub use phi::{Phi, PhiSettings};
pub use quorum::{Basis, Count, Quorum, Verdict};
pub use round_trip::RoundTrip;
pub use two_window::{TwoWindow, TwoWindowSettings};
pub use warning::{DEGRADING, Grades, OwnStrain, Trend};
