//! Single changes in a calm cluster: how fast and at which cost all come to know of one.

use std::time::Duration;

use super::Measured;
use crate::measuring::cluster::{Sending, new_tag, nodes, settled, settles};
use crate::measuring::{Measures, mean_of_all, reached};
use crate::random::Random;
use crate::scenario::{NetworkSettings, Scenario};

/// How long after each other the changes come.
const GAP: Duration = Duration::from_secs(10);

/// How often tables are looked into. Most changes are noticed when engines tell of them, at once.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn measure(size: usize, loss: f64, seed: u64) -> Measured {
    let network = NetworkSettings { loss, ..NetworkSettings::default() };
    let mut simulation = settled(Scenario { network, ..nodes(size) }, settles(size), seed)?;
    let calm = Sending::begin(&simulation);
    simulation.run_for(GAP);
    let calm = calm.sent(&simulation);
    simulation.watch_changes();
    let sending = Sending::begin(&simulation);
    let (mut luck, change) = (Random::new(seed, "scale change"), new_tag());
    let changes = if size > 2_000 { 2 } else { 5 };
    for number in 1..=changes {
        simulation.change(luck.below(size), &change, number);
        let next = simulation.now() + GAP;
        while simulation.now() < next {
            simulation.run_for(LOOK);
            simulation.look_for_changes();
        }
    }
    let sent = sending.sent(&simulation);
    let watched = simulation.watched_changes();
    let delays: Vec<Vec<f64>> = watched.iter().map(|change| change.delays_s()).collect();
    let after = |share| mean_of_all(delays.iter().map(|d| reached(d, share, size)));
    let gap = |d: &Vec<f64>| Some(reached(d, 1.0, size)? - reached(d, 0.99, size)?);
    let slowest = delays.iter().map(|d| reached(d, 1.0, size)).collect::<Option<Vec<f64>>>();
    let copies: u64 = watched.iter().map(|change| change.copies).sum();
    let usual = calm.bytes_per_node_s() * sent.seconds;
    let each = changes as f64;
    let mut measures = Measures::default();
    measures.add("known_50_s", after(0.5));
    measures.add("known_99_s", after(0.99));
    measures.add("known_999_s", after(0.999));
    measures.add("known_all_s", after(1.0));
    measures.add("slowest_known_all_s", slowest.map(|all| all.into_iter().fold(0.0, f64::max)));
    measures.add("gap_99_to_all_s", mean_of_all(delays.iter().map(gap)));
    measures.add("copies_per_node", copies as f64 / each / size as f64);
    measures.add("extra_bytes_per_node", (sent.bytes_per_node() - usual) / each);
    measures.add("calm_bytes_per_node_s", calm.bytes_per_node_s());
    Ok((measures, simulation.now().as_secs_f64()))
}
