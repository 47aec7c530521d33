//! Two engines with large tables that differ in a few members: what it takes to make them equal.

use std::time::Duration;

use headcount_state::{Time, Update};

use super::Measured;
use super::phantoms::phantom;
use crate::measuring::Measures;
use crate::measuring::cluster::{Sending, agree, nodes, run_until, settled, sync};

const LOOK: Duration = Duration::from_millis(1);

/// The longest that anybody waits.
const MOST: Duration = Duration::from_secs(120);

pub(super) fn measure(size: usize, differ: usize, seed: u64) -> Measured {
    let mut simulation = settled(nodes(2), Duration::ZERO, seed)?;
    for node in 0..2 {
        // Half of what differs is newer on this side, half on the other; one is newer on the first.
        let newer = |number: usize| number < differ && number % 2 == node;
        let known: Vec<Update> =
            (0..size).map(|number| phantom(number, u32::from(newer(number)))).collect();
        simulation.know_phantoms(node, &known);
    }
    let sending = Sending::begin(&simulation);
    let spoken = run_until(&mut simulation, LOOK, MOST, |simulation| {
        simulation.packets().first().is_some_and(|first| first.datagrams > 0)
    });
    let equal = run_until(&mut simulation, LOOK, MOST, |simulation| agree(simulation, sync));
    let sent = sending.sent(&simulation);
    let (first, second) = (sent.nodes[0], sent.nodes[1]);
    let mut measures = Measures::default();
    measures.add("equal_s", spoken.and(equal));
    measures.add("first_datagrams", first.datagrams as f64);
    measures.add("first_frames", first.frames as f64);
    measures.add("first_bytes", first.wire_bytes() as f64);
    measures.add("second_datagrams", second.datagrams as f64);
    measures.add("second_frames", second.frames as f64);
    measures.add("second_bytes", second.wire_bytes() as f64);
    Ok((measures, simulation.now().since(Time::ZERO).as_secs_f64()))
}
