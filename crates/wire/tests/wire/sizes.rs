//! The sizes that docs/protocol.md tells. Print them with
//! `cargo test -p headcount-wire sizes -- --nocapture`.

use headcount_wire::{
    Body, DEFAULT_BUDGET, DatagramBuilder, Heartbeat, MIN_BUDGET, TablePart, encode_frame,
    sketch_room, update_bytes, wants_room,
};

use crate::samples::{self, CLUSTER};

/// What IPv4 and UDP put before a datagram.
const IP_AND_UDP_BYTES: usize = 28;

fn bytes(heartbeat: &Heartbeat, body: &Body) -> usize {
    DatagramBuilder::new(CLUSTER, MIN_BUDGET, heartbeat, body).len()
}

/// A ping, its ack, and a gossip of hashes alone, as in a cluster in which nothing happens.
fn idle_datagrams() -> [(&'static str, usize); 3] {
    let target = Some(samples::target("orders-2").process);
    let ping = Body::Ping { nonce: u32::MAX, target };
    let ack = Body::Ack { nonce: u32::MAX, responder: None, not_me: false };
    let gossip = Body::Compare;
    [
        ("idle ping", bytes(&samples::idle_heartbeat(), &ping)),
        ("idle ack", bytes(&samples::idle_ack_heartbeat(), &ack)),
        ("idle compare", bytes(&samples::idle_heartbeat(), &gossip)),
    ]
}

#[test]
fn an_idle_node_sends_at_most_200_bytes_a_second() {
    let [ping, ack, gossip] = idle_datagrams().map(|(_, bytes)| bytes + IP_AND_UDP_BYTES);
    // A ping and an ack a second, a gossip every four.
    assert!(4 * (ping + ack) + gossip <= 4 * 200, "{ping}, {ack}, {gossip}");
}

#[test]
fn sizes_are_those_that_the_documentation_tells() {
    let mut rows = Vec::from(idle_datagrams());
    let clocked = samples::clocked(samples::idle_heartbeat());
    rows.push(("idle compare, with the clock", bytes(&clocked, &Body::Compare)));
    for (name, body) in samples::bodies() {
        rows.push((name, bytes(&samples::heartbeat(), &body)));
    }
    for (name, frame) in samples::frames() {
        rows.push((name, encode_frame(CLUSTER, &frame).len()));
    }
    rows.push(("suspicion", update_bytes(&samples::suspicion())));
    rows.push(("failure, 3 voters", update_bytes(&samples::failure())));
    rows.push(("record", update_bytes(&samples::record(7))));
    rows.push(("record, every field", update_bytes(&samples::full_record())));

    let records: Vec<_> = (0..1_000).map(samples::record).collect();
    for (name, budget) in [("records in 512", MIN_BUDGET), ("records in 1,400", DEFAULT_BUDGET)] {
        let body = Body::Gossip { table: Some(TablePart { complete: false, reply: true }) };
        let mut builder = DatagramBuilder::new(CLUSTER, budget, &samples::heartbeat(), &body);
        rows.push((name, builder.pack(&records)));
    }
    for (name, budget) in [("symbols in 512", MIN_BUDGET), ("symbols in 1,400", DEFAULT_BUDGET)] {
        rows.push((name, sketch_room(budget)));
    }
    for (name, budget) in [("keys in 512", MIN_BUDGET), ("keys in 1,400", DEFAULT_BUDGET)] {
        rows.push((name, wants_room(budget)));
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
    ("idle ping", 60),
    ("idle ack", 59),
    ("idle compare", 50),
    ("idle compare, with the clock", 53),
    ("ping", 71),
    ("ack", 84),
    ("ping-req", 84),
    ("nack", 66),
    ("gossip", 67),
    ("sketch", 92),
    ("more", 66),
    ("wants", 71),
    ("compare", 61),
    ("query", 89),
    ("opinion", 73),
    ("hello", 135),
    ("refuse", 148),
    ("chunk", 266),
    ("stream ping", 75),
    ("stream ack", 72),
    ("suspicion", 43),
    ("failure, 3 voters", 62),
    ("record", 64),
    ("record, every field", 156),
    ("records in 512", 6),
    ("records in 1,400", 20),
    ("symbols in 512", 34),
    ("symbols in 1,400", 108),
    ("keys in 512", 107),
    ("keys in 1,400", 329),
];
