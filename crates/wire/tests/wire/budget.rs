use std::time::Duration;

use headcount_state::{Instance, Life, MAX_GENERATION, Update};
use headcount_wire::{
    Body, ChunkBuilder, DEFAULT_BUDGET, DatagramBuilder, Heartbeat, MAX_BUDGET, MAX_FRAME_BYTES,
    MIN_BUDGET, MIN_CHUNK_BYTES, TablePart, Target, decode_datagram, update_bytes,
};
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
        for _ in 0..5 {
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
const LARGEST_BARE: usize = 62;
const LARGEST_HEAD: usize = 156;
const LARGEST_WITH_ONE_TAG: usize = 676;
const LARGEST: usize = 860;

fn largest_target() -> Target {
    let instance = Instance::from_u64(u64::MAX).unwrap();
    Target {
        id: samples::largest_bare().claim.id,
        life: Life { generation: MAX_GENERATION, instance },
    }
}

fn largest_heartbeat() -> Heartbeat {
    Heartbeat {
        sender: largest_target(),
        seq: u32::MAX,
        load: Some(100),
        uptime: Duration::MAX,
        period: Duration::MAX,
        view_id: u64::MAX,
        sync: u64::MAX,
        dead: u64::MAX,
    }
}

fn largest_bodies() -> [Body; 5] {
    let (nonce, target) = (u32::MAX, largest_target());
    let address = "[2001:db8::8]:65535".parse().unwrap();
    [
        Body::Ping { nonce, target: Some(target) },
        Body::Ack { nonce, responder: Some(target), not_me: true },
        Body::PingReq { nonce, target, address, want_nack: true },
        Body::Nack { nonce },
        Body::Gossip { table: Some(TablePart { complete: true, reply: true }) },
    ]
}
