//! Attributes that change all the time, somewhere.

use std::time::Duration;

use super::Measured;
use crate::measuring::cluster::{
    SECOND, Sending, agree, new_tag, nodes, run_until, settled, settles, sync, view,
};
use crate::measuring::{Measures, reached};
use crate::random::Random;

/// How long attributes change.
const LASTS_S: u64 = 20;

/// How often tables are compared.
const LOOK: Duration = Duration::from_millis(50);

/// The longest that anybody waits for equal tables.
const MOST: Duration = Duration::from_secs(300);

pub(super) fn measure(size: usize, rate: u32, seed: u64) -> Measured {
    let mut simulation = settled(nodes(size), settles(size), seed)?;
    simulation.watch_changes();
    let (begun, sending) = (simulation.now(), Sending::begin(&simulation));
    let (mut luck, change) = (Random::new(seed, "scale churn"), new_tag());
    let changes = LASTS_S * u64::from(rate);
    let (mut looks, mut views, mut tables) = (0_u32, 0_u32, 0_u32);
    let mut next_look = begun + LOOK;
    for number in 0..changes {
        let at = begun + Duration::from_micros(number * 1_000_000 / u64::from(rate));
        while next_look <= at {
            simulation.run_until(next_look);
            simulation.look_for_changes();
            looks += 1;
            views += u32::from(agree(&simulation, view));
            tables += u32::from(agree(&simulation, sync));
            next_look += LOOK;
        }
        simulation.run_until(at);
        simulation.change(luck.below(size), &change, number);
    }
    let last = simulation.now();
    simulation.run_until(begun + SECOND * LASTS_S as u32);
    let sent = sending.sent(&simulation);
    let waited = simulation.now().since(last).as_secs_f64();
    let equal = run_until(&mut simulation, LOOK, MOST, |simulation| {
        simulation.look_for_changes();
        agree(simulation, sync)
    });
    // Copies of the last changes, and who knows of them only now.
    run_until(&mut simulation, LOOK, SECOND * 5, |simulation| {
        simulation.look_for_changes();
        false
    });
    let watched = simulation.watched_changes();
    let mut delays: Vec<f64> = watched.iter().flat_map(|change| change.delays_s()).collect();
    delays.sort_by(f64::total_cmp);
    let pairs = watched.len() * size;
    let within = |bound| delays.partition_point(|delay| *delay <= bound) as f64 / pairs as f64;
    let copies: u64 = watched.iter().map(|change| change.copies).sum();
    let share = |count: u32| f64::from(count) / f64::from(looks.max(1));
    let mut measures = Measures::default();
    measures.add("bytes_per_node_s", sent.bytes_per_node_s());
    measures.add("max_node_bytes_per_s", sent.bytes().last().map(|most| most / sent.seconds));
    measures.add("frames_per_node_s", sent.mean_per_s(|node| node.frames));
    measures.add("copies_per_node", copies as f64 / pairs as f64);
    measures.add("known_1s_share", within(1.0));
    measures.add("known_2s_share", within(2.0));
    measures.add("known_50_s", reached(&delays, 0.5, pairs));
    measures.add("known_99_s", reached(&delays, 0.99, pairs));
    measures.add("equal_views_share", share(views));
    measures.add("equal_tables_share", share(tables));
    measures.add("equal_after_s", equal.map(|seconds| seconds + waited));
    Ok((measures, simulation.now().as_secs_f64()))
}
