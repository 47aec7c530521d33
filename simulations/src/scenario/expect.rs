//! What must hold when a scenario has run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;
use crate::scenario::write::is_default;
use crate::sighting::Kind;

/// What must hold. Bounds that are not set are not checked; what holds always (datagram budget,
/// frame size, no dead member announced, versions never fall) always is.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// All running nodes that can reach each other hold the same view, of exactly themselves, no
    /// later than this after the last change (start, fault, end of a fault), and keep it.
    #[serde(with = "duration::option", skip_serializing_if = "is_default")]
    pub converge_within: Option<Duration>,
    /// No member that runs and can be reached is declared failed by anybody. Default true.
    pub no_false_failures: bool,
    /// Every crash is noticed by every survivor no later than this after it.
    #[serde(with = "duration::option", skip_serializing_if = "is_default")]
    pub detect_within: Option<Duration>,
    /// No crash is declared sooner than this after it: the detector keeps its promise of patience.
    #[serde(with = "duration::option", skip_serializing_if = "is_default")]
    pub detect_after: Option<Duration>,
    /// The most bytes that any node sends, datagrams and streams, in any ten seconds, as a rate
    /// per second.
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes_per_node_s: Option<f64>,
    /// The most bytes per second and node, on average, over the last ten seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub max_calm_bytes_per_node_s: Option<f64>,
    /// Traffic is back to what it was before the first fault, per node and within a fifth, no later
    /// than this after the last change. Rates are taken over five seconds.
    #[serde(with = "duration::option", skip_serializing_if = "is_default")]
    pub idle_within: Option<Duration>,
    /// What observers must have been told.
    #[serde(skip_serializing_if = "is_default")]
    pub events: Vec<EventRule>,
    /// How members must be shown at some moment.
    #[serde(skip_serializing_if = "is_default")]
    pub statuses: Vec<StatusRule>,
    /// What must have been counted and measured.
    #[serde(skip_serializing_if = "is_default")]
    pub metrics: Vec<MetricRule>,
}

impl Default for Expect {
    fn default() -> Expect {
        Expect {
            converge_within: None,
            no_false_failures: true,
            detect_within: None,
            detect_after: None,
            max_bytes_per_node_s: None,
            max_calm_bytes_per_node_s: None,
            idle_within: None,
            events: Vec::new(),
            statuses: Vec::new(),
            metrics: Vec::new(),
        }
    }
}

impl Expect {
    /// Convergence within this long after the last change, and no false failure.
    pub fn converge_within(limit: Duration) -> Expect {
        Expect { converge_within: Some(limit), ..Expect::default() }
    }
}

/// How often observers must see an event of one kind. Observers are the nodes that ran from
/// start to end.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// Which event.
    pub kind: Kind,
    /// About whom: node labels, or `faulted` for every node that a fault chose. Each pair of
    /// observer and subject is counted apart. Left out: all events of the kind count together,
    /// per observer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub about: Option<Vec<String>>,
    /// The least number of times. Default 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub at_least: u64,
    /// The most number of times. Default: any.
    #[serde(default, skip_serializing_if = "is_default")]
    pub at_most: Option<u64>,
    /// Which share of the observers (or pairs) must see it so. Default 1: all.
    #[serde(default = "all")]
    pub share: f64,
}

fn all() -> f64 {
    1.0
}

/// How observers must show members at one moment.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRule {
    /// When, counted from the start.
    #[serde(with = "duration")]
    pub at: Duration,
    /// Which members: node labels, or `faulted` for every node that a fault chose by then.
    pub about: Vec<String>,
    /// The observers, by label. Left out: every running node that no fault chose by then.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by: Option<Vec<String>>,
    /// How they are shown.
    pub shown: Shown,
    /// Which share of the pairs of observer and member must be so. Default 1: all.
    #[serde(default = "all")]
    pub share: f64,
}

/// How a member is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Alive.
    Alive,
    /// Suspect.
    Suspect,
    /// Failed.
    Failed,
    /// Left.
    Left,
    /// Not at all: forgotten, or never heard of.
    Absent,
    /// Alive or suspect.
    Here,
    /// Failed, left or not at all.
    Gone,
    /// As one that may be given work.
    Serving,
    /// Back, and given no work yet.
    Recovering,
    /// Alive, and out of the observer's reach.
    Unreachable,
    /// Alive, and out of reach for some members.
    Partial,
}

/// Bounds of one figure of the report.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MetricRule {
    /// Its name among the report's metrics. A run that has no such figure fails the check.
    pub name: String,
    /// The least. Default: any.
    #[serde(default, skip_serializing_if = "is_default")]
    pub at_least: Option<f64>,
    /// The most. Default: any.
    #[serde(default, skip_serializing_if = "is_default")]
    pub at_most: Option<f64>,
}
