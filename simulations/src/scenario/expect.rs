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
    /// What observers must have been told.
    #[serde(skip_serializing_if = "is_default")]
    pub events: Vec<EventRule>,
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
            events: Vec::new(),
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
