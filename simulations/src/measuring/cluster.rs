//! How the clusters begin that are measured, and looks at all engines.

use std::time::Duration;

use headcount_swim::Engine;

use crate::checkers::Packets;
use crate::scenario::{Scenario, ScenarioError, Start, Update};
use crate::simulation::Simulation;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A cluster that has known itself for a while, and its simulation: it lasts for ever.
pub(crate) fn settled(
    scenario: Scenario,
    settles: Duration,
    seed: u64,
) -> Result<Simulation, ScenarioError> {
    let scenario = scenario.start(Start { known: true, ..Start::default() });
    let mut simulation = begun(&scenario, seed)?;
    simulation.run_for(settles);
    Ok(simulation)
}

/// The simulation of a scenario, which keeps no events.
pub(crate) fn begun(scenario: &Scenario, seed: u64) -> Result<Simulation, ScenarioError> {
    let mut simulation = Simulation::new(scenario, seed)?;
    simulation.keep_events(0);
    Ok(simulation)
}

/// So many nodes; whoever asks lets time pass as it likes.
pub(crate) fn nodes(nodes: usize) -> Scenario {
    Scenario::new("scale", nodes, SECOND * 3_600)
}

/// How long a cluster of so many nodes is left alone before anything is measured: heartbeats have
/// then come to rest. Large ones take less, which is what they can be given.
pub(crate) fn settles(nodes: usize) -> Duration {
    if nodes > 2_000 { SECOND * 5 } else { SECOND * 10 }
}

/// A change of attributes: a tag of some ten bytes that is new each time.
pub(crate) fn new_tag() -> Update {
    let tags = [("build".to_owned(), "r{n}".to_owned())].into();
    Update { tags, ..Update::default() }
}

/// The running engines.
pub(crate) fn engines(simulation: &Simulation) -> impl Iterator<Item = &Engine> {
    (0..simulation.len()).filter_map(|node| simulation.engine(node))
}

/// Whether all engines give the same.
pub(crate) fn agree(simulation: &Simulation, of: impl Fn(&Engine) -> u64) -> bool {
    let mut values = engines(simulation).map(of);
    let first = values.next();
    values.all(|value| Some(value) == first)
}

/// The hash of an engine's live members.
pub(crate) fn view(engine: &Engine) -> u64 {
    engine.table().summary().view_id
}

/// The hash of all versions in an engine's table.
pub(crate) fn sync(engine: &Engine) -> u64 {
    engine.table().summary().sync
}

/// Whether all engines hold so many live members.
pub(crate) fn all_hold(simulation: &Simulation, members: usize) -> bool {
    engines(simulation).all(|engine| engine.table().live_len() == members)
}

/// Lets time pass in steps until `done`, or for `most`; how many seconds passed if it is done.
pub(crate) fn run_until(
    simulation: &mut Simulation,
    step: Duration,
    most: Duration,
    mut done: impl FnMut(&mut Simulation) -> bool,
) -> Option<f64> {
    let begun = simulation.now();
    loop {
        if done(simulation) {
            return Some(simulation.now().since(begun).as_secs_f64());
        }
        if simulation.now().since(begun) >= most {
            return None;
        }
        simulation.run_for(step);
    }
}

/// What every node has sent since some moment; by default since time zero.
#[derive(Default)]
pub(crate) struct Sending {
    begun: f64,
    before: Vec<Packets>,
}

/// What the nodes sent in a time.
pub(crate) struct Sent {
    /// By node.
    pub(crate) nodes: Vec<Packets>,
    /// How long, in seconds.
    pub(crate) seconds: f64,
}

impl Sending {
    pub(crate) fn begin(simulation: &Simulation) -> Sending {
        Sending { begun: simulation.now().as_secs_f64(), before: simulation.packets() }
    }

    pub(crate) fn sent(&self, simulation: &Simulation) -> Sent {
        let mut nodes = simulation.packets();
        nodes.resize(simulation.len(), Packets::default());
        for (node, before) in nodes.iter_mut().zip(&self.before) {
            *node = node.since(*before);
        }
        Sent { nodes, seconds: simulation.now().as_secs_f64() - self.begun }
    }
}

impl Sent {
    /// The bytes of each node on the network, in ascending order.
    pub(crate) fn bytes(&self) -> Vec<f64> {
        let mut bytes: Vec<f64> = self.nodes.iter().map(|node| node.wire_bytes() as f64).collect();
        bytes.sort_by(f64::total_cmp);
        bytes
    }

    /// The bytes of a node on the network, on average.
    pub(crate) fn bytes_per_node(&self) -> f64 {
        self.mean(Packets::wire_bytes)
    }

    /// The same for each second.
    pub(crate) fn bytes_per_node_s(&self) -> f64 {
        self.bytes_per_node() / self.seconds
    }

    /// Something of a node for each second, on average.
    pub(crate) fn mean_per_s(&self, of: impl Fn(&Packets) -> u64) -> f64 {
        self.mean(of) / self.seconds
    }

    fn mean(&self, of: impl Fn(&Packets) -> u64) -> f64 {
        self.nodes.iter().map(of).sum::<u64>() as f64 / self.nodes.len() as f64
    }
}
