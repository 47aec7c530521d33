//! The random phase of a schedule: everything that can go wrong, in any order.

use std::time::Duration;

use headcount_state::{OwnAttributes, Serving, Status};
use rand::RngExt;

use crate::calm;
use crate::message::{Envelope, Message};
use crate::process::{GRAVE_TTL, TOMBSTONE_TTL};
use crate::world::World;

/// Runs a random number of random steps.
pub(crate) fn run(world: &mut World) {
    let steps = world.rng.random_range(10..=60);
    for _ in 0..steps {
        world.clock += u64::from(world.rng.random_bool(0.25));
        step(world);
    }
}

fn step(world: &mut World) {
    let slot = world.rng.random_range(0..world.slots.len());
    let moment = Duration::from_millis(world.rng.random_range(0..1_000));
    if let Some(process) = &mut world.slots[slot].process {
        process.pass(moment);
    }
    match world.rng.random_range(0..100) {
        0..35 => deliver_one(world),
        35..49 => exchange(world, slot),
        49..55 => gossip(world, slot),
        55..64 => pass_time(world, slot),
        64..71 => detect(world, slot),
        71..75 => accuse(world, slot, Status::Suspect, "wrong suspicion"),
        75..79 => accuse(world, slot, Status::Failed, "wrong failure"),
        79..80 => accuse(world, slot, Status::Evicted, "eviction"),
        80..82 => leave(world, slot),
        82..86 => crash(world, slot),
        86..92 => restart(world, slot),
        92..94 => isolate(world, slot),
        94..95 => cut(world),
        95..98 => heal(world),
        98..99 => set_serving(world, slot),
        _ => long_isolation(world, slot),
    }
}

/// Delivers a random message: in any order, sometimes twice, sometimes never.
fn deliver_one(world: &mut World) {
    if world.in_flight.is_empty() {
        return;
    }
    let at = world.rng.random_range(0..world.in_flight.len());
    match world.rng.random_range(0..10) {
        0 | 1 => {
            world.in_flight.swap_remove(at);
            world.findings.fault("loss");
        }
        2 => {
            let envelope = world.in_flight[at].clone();
            world.deliver(envelope);
            world.findings.fault("duplicate");
        }
        _ => {
            let envelope = world.in_flight.swap_remove(at);
            world.deliver(envelope);
        }
    }
}

fn exchange(world: &mut World, slot: usize) {
    let partner = match world.rng.random_range(0..4) {
        0 => world.lost_peer(slot),
        _ => world.live_peer(slot).map(|(_, address)| address),
    };
    if let Some(to) = partner {
        world.open_exchange(slot, to);
    }
}

/// Tells one random claim, with or without attributes, to one random live member.
fn gossip(world: &mut World, slot: usize) {
    let whole = world.rng.random_bool(0.5);
    let pick = world.rng.random::<u32>() as usize;
    let Some((_, to)) = world.live_peer(slot) else { return };
    let Some(process) = &mut world.slots[slot].process else { return };
    process.wake();
    let Some(record) = process.table.records().nth(pick % process.table.len()) else { return };
    let now = process.now;
    let update = if whole { record.update(now) } else { record.bare_update(now) };
    let from = process.address;
    world.in_flight.push(Envelope { from, to, message: Message::Claims(vec![update]) });
}

/// Lets one process' time pass, up to twice what tombstones last.
fn pass_time(world: &mut World, slot: usize) {
    let millis = u64::try_from(2 * TOMBSTONE_TTL.as_millis()).unwrap_or(u64::MAX);
    let time = Duration::from_millis(world.rng.random_range(0..millis));
    if let Some(process) = &mut world.slots[slot].process {
        process.pass(time);
    }
    world.narrate(|| format!("{slot} ages by {} s", time.as_secs()));
}

fn detect(world: &mut World, slot: usize) {
    let verdict = if world.rng.random_bool(0.3) { Status::Suspect } else { Status::Failed };
    if let Some((id, _)) = world.live_peer(slot) {
        world.probe(slot, id, verdict);
    }
}

fn accuse(world: &mut World, slot: usize, status: Status, fault: &'static str) {
    if let Some((id, _)) = world.live_peer(slot) {
        world.accuse(slot, id, status);
        world.findings.fault(fault);
    }
}

/// Says goodbye to some, or stops after having said it.
fn leave(world: &mut World, slot: usize) {
    if world.slots[slot].leaving {
        world.stop(slot);
        return;
    }
    let Some(process) = &mut world.slots[slot].process else { return };
    process.wake();
    process.table.leave(process.now);
    let from = process.address;
    let said = process.table.get(process.table.own_id()).map(|r| r.update(process.now));
    world.slots[slot].leaving = true;
    world.narrate(|| format!("{slot} leaves"));
    world.findings.fault("leave");
    for _ in 0..world.rng.random_range(0..4) {
        if let (Some((_, to)), Some(said)) = (world.live_peer(slot), &said) {
            let message = Message::Claims(vec![said.clone()]);
            world.in_flight.push(Envelope { from, to, message });
        }
    }
}

fn crash(world: &mut World, slot: usize) {
    if world.slots[slot].process.is_some() {
        world.stop(slot);
        world.findings.fault("crash");
        world.narrate(|| format!("{slot} crashes"));
    }
}

fn restart(world: &mut World, slot: usize) {
    if world.slots[slot].process.is_none() {
        world.start(slot);
        world.findings.fault("restart");
    }
}

fn isolate(world: &mut World, slot: usize) {
    world.slots[slot].side = 10 + slot;
    world.findings.fault("isolation");
}

fn cut(world: &mut World) {
    for at in 0..world.slots.len() {
        world.slots[at].side = usize::from(world.rng.random_bool(0.5));
    }
    world.findings.fault("cut");
}

fn heal(world: &mut World) {
    for slot in &mut world.slots {
        slot.side = 0;
    }
}

fn set_serving(world: &mut World, slot: usize) {
    let serving = Serving::ALL[world.rng.random_range(0..Serving::ALL.len())];
    if let Some(process) = &mut world.slots[slot].process {
        // A serving state breaks no bound.
        let _ = process.table.set_own(process.now, &OwnAttributes::Serving(serving));
    }
}

/// One process sleeps, alone, for longer than the others remember the dead.
fn long_isolation(world: &mut World, slot: usize) {
    heal(world);
    world.slots[slot].side = 10 + slot;
    world.in_flight.clear();
    let other = world.rng.random_range(0..world.slots.len());
    if other != slot && world.rng.random_bool(0.5) {
        crash(world, other);
    }
    // The others have all the time in the world to agree.
    calm::settle_others(world, slot);
    world.in_flight.clear();
    let awake = world.up().into_iter().filter(|other| *other != slot).count();
    for other in world.up() {
        let in_touch = other != slot && awake > 1;
        if let Some(process) = &mut world.slots[other].process {
            process.pass_long(GRAVE_TTL + TOMBSTONE_TTL, in_touch);
        }
    }
    world.findings.fault("long isolation");
    world.narrate(|| format!("{slot} was alone for a day"));
    forget_the_dead(world);
}

/// From here on every process that is down was down for longer than anyone remembers.
fn forget_the_dead(world: &mut World) {
    let living = world.slots.iter().filter_map(|slot| slot.process.as_ref());
    let living = living.map(|process| process.instance).collect::<Vec<_>>();
    let heard = world.slots.iter().filter_map(|slot| slot.process.as_ref());
    let heard = heard.flat_map(|process| process.table.records());
    let heard = heard.map(|record| (record.id(), record.claim.life().instance));
    let dead = heard.filter(|(_, instance)| !living.contains(instance)).collect::<Vec<_>>();
    world.findings.long_dead.extend(dead);
}
