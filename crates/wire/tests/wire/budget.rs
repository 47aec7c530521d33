use std::time::Duration;

use headcount_state::Update;
use headcount_wire::{
    Body, ChunkBuilder, DEFAULT_BUDGET, DatagramBuilder, Heartbeat, MAX_BUDGET, MAX_FRAME_BYTES,
    MIN_BUDGET, MIN_CHUNK_BYTES, Process, SYMBOL_BYTES, SketchPart, TablePart, Target, Verdict,
    Vitals, decode_datagram, sketch_room, update_bytes, wants_room,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::round_trip::unprefixed;
use crate::samples::{self, CLUSTER};
use crate::strategies;

const GOSSIP: Body = Body::Gossip { table: Some(TablePart { complete: false, reply: false }) };

proptest! {
    #[test]
    fn no_sequence_of_pushes_exceeds_the_budget(
        budget in 512..=1_500_usize,
        heartbeat in strategies::heartbeat(),
        body in strategies::body(),
        updates in strategies::updates(),
    ) {
        let mut builder = DatagramBuilder::new(CLUSTER, budget, &heartbeat, &body);
        let mut pushed = Vec::new();
        for update in updates {
            let (before, room) = (builder.len(), builder.remaining());
            let fits = builder.push(&update);
            prop_assert_eq!(fits, update_bytes(&update) <= room);
            prop_assert_eq!(builder.len() - before, if fits { update_bytes(&update) } else { 0 });
            prop_assert_eq!(builder.len() + builder.remaining(), budget);
            pushed.extend(fits.then_some(update));
        }
        let bytes = builder.finish();
        prop_assert!(bytes.len() <= budget);
        prop_assert_eq!(decode_datagram(CLUSTER, &bytes).unwrap().updates, pushed);
    }

    #[test]
    fn parts_of_a_table_transmit_every_update_exactly_once(
        budget in 1_000..=1_500_usize,
        mut table in strategies::updates(),
    ) {
        table.sort_by_key(|update| update.age);
        let mut arrived = Vec::new();
        while arrived.len() < table.len() {
            let rest = &table[arrived.len()..];
            let mut builder = DatagramBuilder::new(CLUSTER, budget, &samples::heartbeat(), &GOSSIP);
            let packed = builder.pack(rest);
            prop_assert!(packed > 0);
            if let Some(next) = rest.get(packed) {
                prop_assert!(update_bytes(next) > builder.remaining(), "stopped too early");
            }
            let part = decode_datagram(CLUSTER, &builder.finish()).unwrap().updates;
            prop_assert_eq!(&part[..], &rest[..packed]);
            arrived.extend(part);
        }
        prop_assert_eq!(arrived, table);
    }
}

proptest! {
    #[test]
    fn of_a_long_sketch_the_first_symbols_that_fit_are_told(
        budget in budget(),
        heartbeat in strategies::heartbeat(),
        first in strategies::number(),
        live in strategies::number(),
    ) {
        let symbols = samples::symbols((MAX_BUDGET / SYMBOL_BYTES + 1) as u32);
        let body = Body::Sketch(SketchPart { first, live, symbols: symbols.clone() });
        let bytes = DatagramBuilder::new(CLUSTER, budget, &heartbeat, &body).finish();
        let left = budget - bytes.len();
        // Where a length takes another byte, a symbol may not fit by that byte or two.
        prop_assert!(left < SYMBOL_BYTES + 2, "{left} bytes were left");
        let Body::Sketch(told) = decode_datagram(CLUSTER, &bytes).unwrap().body else {
            panic!("not a sketch");
        };
        prop_assert_eq!((told.first, told.live), (first, live));
        prop_assert!(told.symbols.len() >= sketch_room(budget));
        prop_assert_eq!(&told.symbols[..], &symbols[..told.symbols.len()]);
    }

    #[test]
    fn of_many_wanted_keys_the_first_that_fit_are_told(
        budget in budget(),
        heartbeat in strategies::heartbeat(),
    ) {
        let keys: Vec<u32> = (0..=MAX_BUDGET as u32 / 4).collect();
        let body = Body::Wants { keys: keys.clone() };
        let bytes = DatagramBuilder::new(CLUSTER, budget, &heartbeat, &body).finish();
        let left = budget - bytes.len();
        prop_assert!(left < 4 + 2, "{left} bytes were left");
        let Body::Wants { keys: told } = decode_datagram(CLUSTER, &bytes).unwrap().body else {
            panic!("not a want");
        };
        prop_assert!(told.len() >= wants_room(budget));
        prop_assert_eq!(&told[..], &keys[..told.len()]);
    }

    #[test]
    fn room_is_what_fits_beside_the_largest_heartbeat(budget in budget()) {
        let symbols = samples::symbols((MAX_BUDGET / SYMBOL_BYTES + 1) as u32);
        let sketch = Body::Sketch(SketchPart { first: u32::MAX, live: u32::MAX, symbols });
        let builder = DatagramBuilder::new(CLUSTER, budget, &largest_heartbeat(), &sketch);
        let Body::Sketch(told) = decode_datagram(CLUSTER, &builder.finish()).unwrap().body else {
            panic!("not a sketch");
        };
        prop_assert_eq!(told.symbols.len(), sketch_room(budget));

        let wants = Body::Wants { keys: vec![u32::MAX; MAX_BUDGET / 4 + 1] };
        let builder = DatagramBuilder::new(CLUSTER, budget, &largest_heartbeat(), &wants);
        let Body::Wants { keys } = decode_datagram(CLUSTER, &builder.finish()).unwrap().body
        else {
            panic!("not a want");
        };
        prop_assert_eq!(keys.len(), wants_room(budget));
    }

    #[test]
    fn updates_beside_wanted_keys_stay_within_the_budget(
        budget in MIN_BUDGET..1_500,
        keys in vec(any::<u32>(), 0..400),
        updates in strategies::updates(),
    ) {
        let body = Body::Wants { keys };
        let mut builder = DatagramBuilder::new(CLUSTER, budget, &samples::heartbeat(), &body);
        let packed = builder.pack(&updates);
        let bytes = builder.finish();
        prop_assert!(bytes.len() <= budget);
        prop_assert_eq!(&decode_datagram(CLUSTER, &bytes).unwrap().updates[..], &updates[..packed]);
    }
}

/// Small budgets, where lengths grow by a byte now and then, and any others.
fn budget() -> impl Strategy<Value = usize> {
    prop_oneof![MIN_BUDGET..=1_500, 16_300..=16_500_usize, MIN_BUDGET..=MAX_BUDGET]
}

#[test]
fn room_of_a_budget_outside_the_range_is_that_of_its_nearest_end() {
    for room in [sketch_room, wants_room] {
        assert_eq!(room(0), room(MIN_BUDGET));
        assert_eq!(room(usize::MAX), room(MAX_BUDGET));
    }
}

#[test]
fn a_budget_outside_the_range_is_taken_to_its_nearest_end() {
    let room = |budget| {
        let builder = DatagramBuilder::new(CLUSTER, budget, &samples::heartbeat(), &GOSSIP);
        builder.len() + builder.remaining()
    };
    assert_eq!(room(0), MIN_BUDGET);
    assert_eq!(room(usize::MAX), MAX_BUDGET);
    assert_eq!(room(1_000), 1_000);
}

#[test]
fn a_chunk_never_exceeds_its_budget_and_always_holds_the_largest_record() {
    let largest = samples::largest_record(samples::most_tags());
    for budget in [0, MIN_CHUNK_BYTES, 10_000, MAX_FRAME_BYTES, usize::MAX] {
        let mut chunk = ChunkBuilder::new(CLUSTER, budget, &largest_heartbeat());
        let mut rows = 0;
        while chunk.push(&largest) {
            rows += 1;
        }
        assert!(rows > 0);
        let bytes = chunk.finish(true);
        let frame = unprefixed(&bytes);
        let budget = budget.clamp(MIN_CHUNK_BYTES, MAX_FRAME_BYTES);
        assert!(frame.len() <= budget);
        assert!(frame.len() + update_bytes(&largest) > budget - 4, "room was left");
    }
}

#[test]
fn the_largest_claim_fits_the_smallest_datagram_whatever_its_body() {
    let claim = samples::largest_bare();
    assert_eq!(update_bytes(&claim), LARGEST_BARE);
    let mut heads = Vec::new();
    for body in largest_bodies() {
        let mut builder = DatagramBuilder::new(CLUSTER, MIN_BUDGET, &largest_heartbeat(), &body);
        heads.push(builder.len());
        for _ in 0..4 {
            assert!(builder.push(&claim), "{body:?}");
        }
    }
    assert_eq!(heads.into_iter().max(), Some(LARGEST_HEAD));
}

/// The bounds on tags and names are wider than a small datagram: what does not fit is told bare
/// or over a stream.
#[test]
fn the_largest_records_fit_a_datagram_of_the_default_budget_and_not_of_the_smallest() {
    let one_tag = samples::largest_record(samples::one_large_tag());
    let many_tags = samples::largest_record(samples::most_tags());
    assert_eq!(update_bytes(&one_tag), LARGEST_WITH_ONE_TAG);
    assert_eq!(update_bytes(&many_tags), LARGEST);
    let fits = |budget, update: &Update| {
        DatagramBuilder::new(CLUSTER, budget, &largest_heartbeat(), &GOSSIP).push(update)
    };
    assert!(!fits(MIN_BUDGET, &one_tag));
    assert!(fits(DEFAULT_BUDGET, &one_tag));
    assert!(!fits(MIN_BUDGET, &many_tags));
    assert!(fits(DEFAULT_BUDGET, &many_tags));
}

/// The most bytes of a bare claim, of everything before the updates, and of records.
const LARGEST_BARE: usize = 88;
const LARGEST_HEAD: usize = 109;
const LARGEST_WITH_ONE_TAG: usize = 702;
const LARGEST: usize = 886;

fn largest_target() -> Target {
    Target { id: samples::largest_bare().claim.id, process: Process::from_u32(u32::MAX) }
}

fn largest_heartbeat() -> Heartbeat {
    Heartbeat {
        sender: largest_target(),
        seq: u32::MAX,
        view: u32::MAX,
        sync: u64::MAX,
        dead: u32::MAX,
        vitals: Some(Vitals { load: Some(100), uptime: Duration::MAX, warning: u8::MAX }),
        clock: Some(u16::MAX),
        epoch: u32::MAX,
        grade: u8::MAX,
    }
}

/// The bodies whose size is bounded by themselves.
fn largest_bodies() -> [Body; 8] {
    let (nonce, target) = (u32::MAX, largest_target());
    [
        Body::Ping { nonce, target: Some(target.process) },
        Body::Ack { nonce, responder: Some(target), not_me: true },
        Body::PingReq { nonce, target, want_nack: true },
        Body::Nack { nonce },
        Body::Gossip { table: Some(TablePart { complete: true, reply: true }) },
        Body::More { first: u32::MAX, count: u32::MAX },
        Body::Query { nonce, subject: target, since: Duration::MAX, refused: true, contest: true },
        Body::Opinion { nonce, verdict: Verdict::Confirm, word: Duration::MAX, refused: true },
    ]
}
