//! A scenario: how many nodes, on what network, what goes wrong when, and what must hold.

mod check;
mod error;
mod expect;
mod expectable;
mod fault;
mod labels;
mod read;
mod regression;
mod settings;
mod write;

use std::time::Duration;

use headcount_swim::{Config, Detector, Electorate, Exchange};
use headcount_wire::ClusterId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::duration;
use crate::network::Latency;

pub use error::ScenarioError;
pub use expect::{EventRule, Expect, MetricRule, Shown, StatusRule};
pub use fault::{
    Churn, Clock, Direction, Fault, FrozenTimers, Latencies, Protocol, Reorder, SetSeeds, Slow,
    StreamTrouble, Streams, Targets, Update,
};
use labels::names_of;
pub(crate) use labels::{Label, members_of, nodes_of, only_label, parse};
pub use regression::Regression;
use write::is_default;

/// A cluster's story, told in a TOML file or built in Rust. `docs/simulation.md` describes every
/// field.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called; the file's name without its ending.
    pub name: String,
    /// What it shows, in a sentence or two.
    #[serde(default, skip_serializing_if = "is_default")]
    pub description: String,
    /// How long it takes to run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub class: Class,
    /// How many nodes start: `n0`, `n1`, ... 1 to 1,000,000.
    pub nodes: usize,
    /// How much virtual time it covers.
    #[serde(with = "duration")]
    pub duration: Duration,
    /// Why it cannot pass for now, if it cannot. A run that fails is then as expected, and one
    /// that passes is not.
    #[serde(default, skip_serializing_if = "is_default")]
    pub expected_to_fail: Option<String>,
    /// How the engines are set.
    #[serde(default, skip_serializing_if = "is_default")]
    pub engine: EngineSettings,
    /// The network between the nodes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub network: NetworkSettings,
    /// How the nodes start.
    #[serde(default, skip_serializing_if = "is_default")]
    pub start: Start,
    /// What goes wrong, in any order.
    #[serde(default, skip_serializing_if = "is_default")]
    pub faults: Vec<Fault>,
    /// What must hold.
    #[serde(default, skip_serializing_if = "is_default")]
    pub expect: Expect,
    /// What it has found, if it once found a bug.
    #[serde(default, skip_serializing_if = "is_default")]
    pub regression: Option<Regression>,
    /// The file it was read from.
    #[serde(skip)]
    pub(crate) file: Option<String>,
    /// What [`Scenario::with_settings`] changed in it.
    #[serde(skip)]
    pub(crate) settings: Vec<String>,
}

/// How long a scenario takes to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Seconds, in a development build too.
    #[default]
    Quick,
    /// Up to some minutes in a release build.
    Long,
    /// Longer, or with more memory than a small machine has.
    Huge,
}

/// What differs from the defaults of [`Config`]. Intervals that are not set follow the period.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// How members are watched: `"swim"`, `"lifeguard"` or `"observers"`.
    #[serde(with = "detector", skip_serializing_if = "is_default")]
    pub detector: Option<Detector>,
    /// The protocol period T.
    #[serde(with = "duration::option", skip_serializing_if = "is_default")]
    pub period: Option<Duration>,
    /// With `swim` and `lifeguard`, how far the period grows while links are calm.
    #[serde(with = "duration::option", skip_serializing_if = "is_default")]
    pub period_max: Option<Duration>,
    /// With `observers`, a member that is silent for so long is failed. Sets the period too, unless
    /// that is given.
    #[serde(with = "duration::option", skip_serializing_if = "is_default")]
    pub detection_time: Option<Duration>,
    /// How long a direct ping may take.
    #[serde(with = "duration::option", skip_serializing_if = "is_default")]
    pub probe_timeout: Option<Duration>,
    /// How many relays are asked to ping a silent member.
    #[serde(skip_serializing_if = "is_default")]
    pub indirect_probes: Option<usize>,
    /// A suspicion lasts at least this many times log10 N periods.
    #[serde(skip_serializing_if = "is_default")]
    pub suspicion_alpha: Option<f64>,
    /// A lone suspicion lasts this many times the least.
    #[serde(skip_serializing_if = "is_default")]
    pub suspicion_beta: Option<f64>,
    /// So many further accusers bring a suspicion down to the least.
    #[serde(skip_serializing_if = "is_default")]
    pub suspicion_confirmations: Option<usize>,
    /// How often fresh claims are gossiped.
    #[serde(with = "duration::option", skip_serializing_if = "is_default")]
    pub gossip_interval: Option<Duration>,
    /// To how many peers each time.
    #[serde(skip_serializing_if = "is_default")]
    pub gossip_fanout: Option<usize>,
    /// To how many peers a node tells each claim.
    #[serde(skip_serializing_if = "is_default")]
    pub copies: Option<u32>,
    /// With `spreads_as_memberlist`, how often a claim is told, as a multiple of log10 N.
    #[serde(skip_serializing_if = "is_default")]
    pub retransmit: Option<u32>,
    /// How tables that differ become their join: `"auto"`, `"full"`, `"sketch"` or `"stream"`.
    #[serde(with = "exchange", skip_serializing_if = "is_default")]
    pub exchange: Option<Exchange>,
    /// The most bytes of a datagram.
    #[serde(skip_serializing_if = "is_default")]
    pub datagram_budget: Option<usize>,
    /// How long a dead record is kept and told.
    #[serde(with = "duration::option", skip_serializing_if = "is_default")]
    pub tombstone_ttl: Option<Duration>,
    /// The voters, by label: a majority of them is asserted. Not beside `expected_size`.
    #[serde(skip_serializing_if = "is_default")]
    pub voters: Vec<String>,
    /// How many members are expected: a majority of so many is asserted.
    #[serde(skip_serializing_if = "is_default")]
    pub expected_size: Option<usize>,
    /// How often one random peer is told the hash of the table.
    #[serde(with = "duration::option")]
    pub exchange_interval: Option<Duration>,
    /// Whether old or contradicted claims of a death are checked before they are believed.
    pub checks: Option<bool>,
    /// Whether claims and tables spread as in memberlist, for comparison with the papers.
    pub spreads_as_memberlist: Option<bool>,
}

/// Reads and writes a setting that is one of a few names.
macro_rules! by_name {
    ($module:ident, $setting:ident) => {
        mod $module {
            use super::*;

            const NAMES: &[&str] = &{
                let (mut names, mut at) = ([""; $setting::ALL.len()], 0);
                while at < names.len() {
                    names[at] = $setting::ALL[at].as_str();
                    at += 1;
                }
                names
            };

            pub(super) fn deserialize<'de, D>(input: D) -> Result<Option<$setting>, D::Error>
            where
                D: Deserializer<'de>,
            {
                let name = String::deserialize(input)?;
                let unknown = || serde::de::Error::unknown_variant(&name, NAMES);
                $setting::from_name(&name).map(Some).ok_or_else(unknown)
            }

            pub(super) fn serialize<S>(
                setting: &Option<$setting>,
                output: S,
            ) -> Result<S::Ok, S::Error>
            where
                S: Serializer,
            {
                setting.map($setting::as_str).serialize(output)
            }
        }
    };
}

by_name!(detector, Detector);
by_name!(exchange, Exchange);

impl EngineSettings {
    /// The configuration of every engine of the scenario.
    pub fn config(&self) -> Config {
        let mut config = Config::new(ClusterId::of("simulation"));
        if let Some(time) = self.detection_time {
            config = config.with_detection_time(time);
        }
        if let Some(period) = self.period {
            config = config.with_period(period);
        }
        set(&mut config.period_max, self.period_max);
        set(&mut config.detection_time, self.detection_time);
        set(&mut config.detector, self.detector);
        set(&mut config.probe_timeout, self.probe_timeout);
        set(&mut config.indirect_probes, self.indirect_probes);
        set(&mut config.suspicion_alpha, self.suspicion_alpha);
        set(&mut config.suspicion_beta, self.suspicion_beta);
        set(&mut config.suspicion_confirmations, self.suspicion_confirmations);
        set(&mut config.gossip_interval, self.gossip_interval);
        set(&mut config.gossip_fanout, self.gossip_fanout);
        set(&mut config.copies, self.copies);
        set(&mut config.retransmit, self.retransmit);
        set(&mut config.exchange, self.exchange);
        set(&mut config.datagram_budget, self.datagram_budget);
        set(&mut config.limits.tombstone_ttl, self.tombstone_ttl);
        set(&mut config.exchange_interval, self.exchange_interval);
        set(&mut config.checks, self.checks);
        set(&mut config.spreads_as_memberlist, self.spreads_as_memberlist);
        set(&mut config.electorate, self.expected_size.map(Electorate::ExpectedSize));
        if !self.voters.is_empty() {
            let names = self.voters.iter().flat_map(|label| names_of(label));
            config.electorate = Electorate::Voters(names.collect());
        }
        config
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// The network between the nodes, before anything goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSettings {
    /// How long a datagram takes. Default 500 us to 1,500 us, evenly.
    pub latency: Latency,
    /// Which share of the datagrams is lost. 0 to 1, default 0.
    pub loss: f64,
}

impl Default for NetworkSettings {
    fn default() -> NetworkSettings {
        let us = Duration::from_micros;
        NetworkSettings { latency: Latency::Uniform { from: us(500), to: us(1_500) }, loss: 0.0 }
    }
}

/// How the nodes start: node i at i times the interval, each joining through the seeds, unless
/// they know each other.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Start {
    /// How long after its predecessor each node starts. Default 0: all at once.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// How many of the first nodes are the seeds of everybody. Default 1.
    pub seeds: usize,
    /// All start at once and know each other already, as after a join long ago. Default false.
    pub known: bool,
}

impl Default for Start {
    fn default() -> Start {
        Start { interval: Duration::ZERO, seeds: 1, known: false }
    }
}

impl Scenario {
    /// A calm scenario to be filled in: nodes that start at once and join through `n0`.
    pub fn new(name: &str, nodes: usize, duration: Duration) -> Scenario {
        Scenario {
            name: name.to_owned(),
            description: String::new(),
            class: Class::default(),
            nodes,
            duration,
            expected_to_fail: None,
            engine: EngineSettings::default(),
            network: NetworkSettings::default(),
            start: Start::default(),
            faults: Vec::new(),
            expect: Expect::default(),
            regression: None,
            file: None,
            settings: Vec::new(),
        }
    }

    /// Adds a fault.
    pub fn fault(mut self, fault: Fault) -> Scenario {
        self.faults.push(fault);
        self
    }

    /// Sets how the engines behave.
    pub fn engine(self, engine: EngineSettings) -> Scenario {
        Scenario { engine, ..self }
    }

    /// The same, its nodes starting like this.
    pub fn start(self, start: Start) -> Scenario {
        Scenario { start, ..self }
    }

    /// Sets the network.
    pub fn network(self, latency: Latency, loss: f64) -> Scenario {
        Scenario { network: NetworkSettings { latency, loss }, ..self }
    }

    /// Sets what must hold.
    pub fn expect(self, expect: Expect) -> Scenario {
        Scenario { expect, ..self }
    }

    /// When the last of the first nodes starts.
    pub(crate) fn started(&self) -> Duration {
        let others = u32::try_from(self.nodes.saturating_sub(1)).unwrap_or(u32::MAX);
        self.start.interval.saturating_mul(others)
    }

    /// The one line that runs it again.
    pub fn replay(&self, seed: u64) -> String {
        let file = self.file.as_deref().unwrap_or(&self.name);
        let setting = |setting: &String| format!(" --set '{setting}'");
        let settings: String = self.settings.iter().map(setting).collect();
        format!("headcount sim run {file} --seed {seed}{settings}")
    }
}
