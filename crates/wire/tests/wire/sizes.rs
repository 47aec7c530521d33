//! The sizes that docs/protocol.md tells. Print them with
//! `cargo test -p headcount-wire sizes -- --nocapture`.

use headcount_wire::{
    Body, DEFAULT_BUDGET, DatagramBuilder, MIN_BUDGET, TablePart, encode_frame, update_bytes,
};

use crate::samples::{self, CLUSTER};

#[test]
fn sizes_are_those_that_the_documentation_tells() {
    let mut rows = Vec::new();
    for (name, body) in samples::bodies() {
        let builder = DatagramBuilder::new(CLUSTER, MIN_BUDGET, &samples::heartbeat(), &body);
        rows.push((name, builder.len()));
    }
    let (plain_ack, hashes) = (
        Body::Ack { nonce: u32::MAX, responder: None, not_me: false },
        Body::Gossip { table: None },
    );
    for (name, body) in [("ack, direct", plain_ack), ("gossip, hashes only", hashes)] {
        let builder = DatagramBuilder::new(CLUSTER, MIN_BUDGET, &samples::heartbeat(), &body);
        rows.push((name, builder.len()));
    }
    for (name, frame) in samples::frames() {
        rows.push((name, encode_frame(CLUSTER, &frame).len()));
    }
    rows.push(("suspicion", update_bytes(&samples::suspicion())));
    rows.push(("record", update_bytes(&samples::record(7))));
    rows.push(("record, every field", update_bytes(&samples::full_record())));

    let records: Vec<_> = (0..1_000).map(samples::record).collect();
    for (name, budget) in [("records in 512", MIN_BUDGET), ("records in 1,400", DEFAULT_BUDGET)] {
        let body = Body::Gossip { table: Some(TablePart { complete: false, reply: true }) };
        let mut builder = DatagramBuilder::new(CLUSTER, budget, &samples::heartbeat(), &body);
        rows.push((name, builder.pack(&records)));
    }

    let table: String =
        rows.iter().map(|(name, bytes)| format!("| {name} | {bytes} |\n")).collect();
    print_table(&table);
    assert_eq!(rows, EXPECTED);
}

#[expect(clippy::print_stdout, reason = "the table is what the command is run for")]
fn print_table(table: &str) {
    println!("{table}");
}

const EXPECTED: &[(&str, usize)] = &[
    ("ping", 117),
    ("ack", 119),
    ("ping-req", 129),
    ("nack", 90),
    ("gossip", 91),
    ("ack, direct", 90),
    ("gossip, hashes only", 85),
    ("hello", 159),
    ("refuse", 108),
    ("chunk", 272),
    ("stream ping", 121),
    ("stream ack", 96),
    ("suspicion", 43),
    ("record", 64),
    ("record, every field", 138),
    ("records in 512", 6),
    ("records in 1,400", 20),
];
