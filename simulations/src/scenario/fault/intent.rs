//! What the operators of nodes do to them.

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_state::Serving;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::duration;
use crate::scenario::write::is_default;

/// Nodes change what they say of themselves.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// When.
    #[serde(with = "duration")]
    pub at: Duration,
    /// When the last change may come, if they come again and again.
    #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
    pub until: Option<Duration>,
    /// How long after each other the changes come. Default: one change only.
    #[serde(default, with = "duration::option", skip_serializing_if = "is_default")]
    pub interval: Option<Duration>,
    /// Which, by label.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nodes: Vec<String>,
    /// And so many more at random.
    #[serde(default, skip_serializing_if = "is_default")]
    pub random: usize,
    /// Their tags from now on; those not named stay. `{n}` in a value is the number of the change,
    /// counted from 1.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tags: BTreeMap<String, String>,
    /// Their serving state: `starting`, `serving`, `draining` or `not_serving`.
    #[serde(default, with = "serving", skip_serializing_if = "is_default")]
    pub serving: Option<Serving>,
}

/// Nodes are given other seeds: those that run look for the cluster there from now on, and those
/// that start later join through them. At time zero it comes before the first start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SetSeeds {
    /// When.
    #[serde(with = "duration")]
    pub at: Duration,
    /// Which, by label; nobody named and none at random: all nodes, those that join later included.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nodes: Vec<String>,
    /// And so many more at random, of all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub random: usize,
    /// Where to look: a label stands for the address that the node has then, and an address for
    /// itself, as in `"10.9.9.9:7946"`. Nothing: no seed.
    pub seeds: Vec<String>,
}

mod serving {
    use super::*;

    pub(super) fn deserialize<'de, D>(input: D) -> Result<Option<Serving>, D::Error>
    where
        D: Deserializer<'de>,
    {
        const NAMES: [&str; 4] = ["starting", "serving", "draining", "not_serving"];
        let name = String::deserialize(input)?;
        name.parse().map(Some).map_err(|_| D::Error::unknown_variant(&name, &NAMES))
    }

    pub(super) fn serialize<S>(serving: &Option<Serving>, output: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
    {
        serving.map(Serving::as_str).serialize(output)
    }
}
