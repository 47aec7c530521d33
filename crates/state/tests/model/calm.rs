//! The calm phase of a schedule, and the checkers that judge how it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use headcount_state::{Standing, Status};
use rand::RngExt;

use crate::findings::Violation;
use crate::process::{Process, TOMBSTONE_TTL};
use crate::world::World;

/// The most rounds that a calm cluster may take to agree, and to agree on its dead.
const ROUNDS: usize = 40;
/// Rounds that stand for the many of a day.
const ROUNDS_OF_A_DAY: usize = 6;
/// What a round takes: a protocol period.
const ROUND: Duration = Duration::from_secs(1);
/// Rounds in a row for which an agreement must last.
const LASTING: usize = 3;
/// The most messages of one round; the largest honest one takes a few hundred.
const MOST_MESSAGES: usize = 5_000;
/// The most generations that one process may climb in the calm: over each life of its name, and
/// over late verdicts on its own.
const MOST_CLIMBS: u32 = 12;

/// Ends all trouble, lets everybody talk, and judges the end.
pub(crate) fn run(world: &mut World) {
    for slot in 0..world.slots.len() {
        world.slots[slot].side = 0;
        if world.slots[slot].leaving {
            world.stop(slot);
        }
    }
    world.narrate(|| "calm".to_owned());
    let climbs = climbs(world);
    agree(world, dead_disagreement);
    for slot in &mut world.slots {
        if let Some(process) = &mut slot.process {
            process.pass(TOMBSTONE_TTL);
        }
    }
    world.narrate(|| "tombstones run out".to_owned());
    agree(world, disagreement);
    if self::climbs(world).iter().zip(climbs).any(|(end, start)| *end > start + MOST_CLIMBS) {
        world.findings.report(Violation::Climbs);
    }
}

/// Lets all but one process, which is cut off, reach agreement.
pub(crate) fn settle_others(world: &mut World, asleep: usize) {
    for _ in 0..ROUNDS_OF_A_DAY {
        round(world, Some(asleep));
    }
}

/// Runs rounds until `wrong` finds nothing for a while, or reports what it finds in the end.
fn agree(world: &mut World, wrong: fn(&World) -> Option<Violation>) {
    let mut agreed = 0;
    let mut last = None;
    for _ in 0..ROUNDS {
        round(world, None);
        if world.findings.violations.contains(&Violation::Storm) {
            return;
        }
        last = wrong(world);
        agreed = if last.is_none() { agreed + 1 } else { 0 };
        if agreed == LASTING {
            return;
        }
    }
    world.findings.report(last.unwrap_or(Violation::Unstable));
}

/// Everybody who is awake probes all it holds and exchanges with one member of each sort.
fn round(world: &mut World, asleep: Option<usize>) {
    for slot in world.up() {
        if Some(slot) == asleep {
            continue;
        }
        if let Some(process) = &mut world.slots[slot].process {
            process.pass(ROUND);
        }
        if let Some((_, to)) = world.live_peer(slot) {
            world.open_exchange(slot, to);
        }
        if let Some(to) = world.lost_peer(slot) {
            world.open_exchange(slot, to);
        }
        let Some(process) = world.process(slot) else { continue };
        // Who stands aside probes the winner of its name too.
        let others = process.table.live().filter(|r| r.claim.life().instance != process.instance);
        let held = others.map(|record| record.id());
        for id in held.collect::<Vec<_>>() {
            world.probe(slot, id, Status::Failed);
        }
    }
    deliver_all(world);
}

/// Delivers every message and every reply, in random order.
fn deliver_all(world: &mut World) {
    for _ in 0..MOST_MESSAGES {
        if world.in_flight.is_empty() {
            return;
        }
        let at = world.rng.random_range(0..world.in_flight.len());
        let envelope = world.in_flight.swap_remove(at);
        world.deliver(envelope);
    }
    world.in_flight.clear();
    world.findings.report(Violation::Storm);
}

fn climbs(world: &World) -> Vec<u32> {
    (0..world.slots.len()).map(|slot| world.process(slot).map_or(0, |p| p.climbs)).collect()
}

/// How the views differ from each other and from the truth.
fn disagreement(world: &World) -> Option<Violation> {
    let up = world.up().into_iter().filter_map(|slot| world.process(slot)).collect::<Vec<_>>();
    hashes(&up)
        .or_else(|| winners(&up))
        .or_else(|| up.iter().find_map(|viewer| view(viewer, &up)))
        .or_else(|| vectors(&up))
}

/// Equal hashes must mean equal records, and the reverse.
fn hashes(up: &[&Process]) -> Option<Violation> {
    let said = |process: &Process| {
        let live = process.table.live();
        live.map(|record| (record.claim, record.attributes.clone())).collect::<Vec<_>>()
    };
    let pairs = up.iter().zip(up.iter().skip(1));
    let lies = |(a, b): (&&Process, &&Process)| {
        let equal = said(a) == said(b);
        let hashed = a.table.summary().sync == b.table.summary().sync;
        equal != hashed
    };
    pairs.into_iter().any(lies).then_some(Violation::HashLies)
}

/// Of each name's processes exactly one is the member, and the others know it.
fn winners(up: &[&Process]) -> Option<Violation> {
    for process in up {
        let id = process.table.own_id();
        let namesakes = up.iter().filter(|other| other.table.own_id() == id);
        let standings = namesakes.map(|other| other.table.standing()).collect::<Vec<_>>();
        let members = standings.iter().filter(|s| **s == Standing::Member).count();
        let displaced = standings.iter().filter(|s| matches!(s, Standing::Displaced { .. }));
        match members {
            1 if displaced.count() + 1 == standings.len() => {}
            0 => return Some(Violation::Extinct),
            _ => return Some(Violation::TwoWinners),
        }
    }
    None
}

/// A view lists exactly the processes that are up and members.
fn view(viewer: &Process, up: &[&Process]) -> Option<Violation> {
    let members = up.iter().filter(|process| process.table.standing() == Standing::Member);
    for member in members.clone() {
        match viewer.table.get(member.table.own_id()).filter(|record| record.is_live()) {
            None => return Some(Violation::Forgotten),
            Some(record) if record.claim.life().instance != member.instance => {
                return Some(Violation::Zombie);
            }
            Some(record) if viewer.instance == member.instance => {
                let alive = record.claim.status() == Status::Alive;
                if !alive || record.claim.life() != member.table.own_life() {
                    return Some(Violation::OwnNotAlive);
                }
            }
            Some(_) => {}
        }
    }
    (viewer.table.live_len() != members.count()).then_some(Violation::Zombie)
}

fn vectors(up: &[&Process]) -> Option<Violation> {
    let mut vectors = up.iter().map(|process| process.table.live_version_vector());
    let first = vectors.next()?;
    vectors.any(|vector| vector != first).then_some(Violation::NotConverged)
}

/// Whoever still keeps a member's tombstone says the same of its end.
fn dead_disagreement(world: &World) -> Option<Violation> {
    let up = world.up();
    let records = up.iter().filter_map(|slot| world.process(*slot));
    let dead = records.flat_map(|process| process.table.records());
    let dead = dead.filter(|record| !record.is_live());
    let ends = dead.map(|record| (record.id(), record.claim.version)).collect::<BTreeSet<_>>();
    let members = ends.iter().map(|(id, _)| *id).collect::<BTreeSet<_>>();
    (ends.len() != members.len()).then_some(Violation::DeadDisagree)
}
