//! Single schedules, written down: what a healed cut and an old verdict cost the innocent.

use std::time::Duration;

use headcount_state::Status;

use crate::calm;
use crate::process::TOMBSTONE_TTL;
use crate::switches::Switches;
use crate::world::World;

/// Six members, cut so that the first `near` are alone on their side, long enough for each side
/// to fail the other; then healed. Counts failure events about members that were up and
/// reachable to the one who got the event.
fn false_deaths_of_a_healed_cut(near: usize, seed: u64, switches: Switches) -> u32 {
    let mut world = World::acquainted(seed, 6, switches);
    for slot in 0..6 {
        world.slots[slot].side = usize::from(slot < near);
    }
    for viewer in 0..6 {
        for subject in 0..6 {
            if world.slots[viewer].side != world.slots[subject].side {
                let id = world.slots[subject].name.id();
                world.probe(viewer, id, Status::Failed);
            }
        }
    }
    for slot in &mut world.slots {
        slot.side = 0;
    }
    calm::run(&mut world);
    assert!(world.findings.violations.is_empty(), "{:?}", world.findings);
    world.findings.false_deaths
}

fn false_deaths_per_cut(near: usize, switches: Switches) -> f64 {
    let cuts = 200;
    let deaths = (0..cuts).map(|seed| false_deaths_of_a_healed_cut(near, seed, switches));
    f64::from(deaths.sum::<u32>()) / cuts as f64
}

#[test]
fn a_healed_cut_fails_nobody_on_its_own_side() {
    for near in [1, 3] {
        let (kept, dropped) = (Switches::all(), Switches::without("grace"));
        let with_grace = false_deaths_per_cut(near, kept);
        let without = false_deaths_per_cut(near, dropped);
        eprintln!(
            "cut {near}/{}: {without} false deaths without grace, {with_grace} with",
            6 - near
        );
        assert_eq!(with_grace, 0.0);
        assert!(without >= 1.0, "without grace a healed cut must hurt: {without}");
    }
}

/// The first member wrongly fails the second, which hears of it and refutes. The first, cut off,
/// forgets the failure, and then tells the third what it still remembers.
fn deaths_by_a_forgotten_failure(switches: Switches) -> u32 {
    let mut world = World::acquainted(1, 3, switches);
    let accused = world.slots[1].name.id();
    world.accuse(0, accused, Status::Failed);
    world.tell(0, 1, accused);
    world.tell(1, 2, accused);
    // Its answer to the first never arrives.
    world.in_flight.clear();
    if let Some(process) = &mut world.slots[0].process {
        process.pass(TOMBSTONE_TTL + Duration::from_secs(1));
    }
    world.tell(2, 0, accused);
    while let Some(answer) = world.in_flight.pop() {
        world.deliver(answer);
    }
    world.findings.false_deaths
}

#[test]
fn a_refuted_failure_kills_nobody_when_it_is_forgotten() {
    let mut kept = Switches::all();
    kept.grace = false;
    assert_eq!(deaths_by_a_forgotten_failure(kept), 0);
    let dropped = Switches::without("failure-ends-generation,grace");
    assert_eq!(deaths_by_a_forgotten_failure(dropped), 1);
}
