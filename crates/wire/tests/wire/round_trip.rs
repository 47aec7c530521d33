use std::time::Duration;

use headcount_state::Update;
use headcount_wire::{
    Body, ChunkBuilder, Datagram, DatagramBuilder, Frame, Heartbeat, MAX_BUDGET, MAX_FRAME_BYTES,
    MAX_REFUSE_DETAIL_BYTES, Refuse, RefuseCode, StreamFrame, decode_datagram, decode_frame,
    encode_frame, frame_length,
};
use proptest::prelude::*;

use crate::samples::{self, CLUSTER};
use crate::strategies;

/// Splits a stream's bytes into the one frame that they hold.
pub(crate) fn unprefixed(bytes: &[u8]) -> &[u8] {
    let (prefix, frame) = bytes.split_first_chunk().unwrap();
    assert_eq!(frame_length(*prefix), Ok(frame.len()));
    frame
}

fn decoded(heartbeat: &Heartbeat, body: &Body, updates: &[Update]) -> Datagram {
    let mut builder = DatagramBuilder::new(CLUSTER, MAX_BUDGET, heartbeat, body);
    assert_eq!(builder.pack(updates), updates.len());
    decode_datagram(CLUSTER, &builder.finish()).unwrap()
}

proptest! {
    #[test]
    fn every_datagram_comes_out_as_it_went_in(
        heartbeat in strategies::heartbeat(),
        body in strategies::body(),
        updates in strategies::updates(),
    ) {
        let datagram = decoded(&heartbeat, &body, &updates);
        prop_assert_eq!(datagram, Datagram { heartbeat, body, updates });
    }

    #[test]
    fn every_frame_comes_out_as_it_went_in(frame in strategies::stream_frame()) {
        let bytes = encode_frame(CLUSTER, &frame);
        prop_assert_eq!(decode_frame(CLUSTER, unprefixed(&bytes)), Ok(frame));
    }
}

#[test]
fn durations_beyond_the_wire_saturate_and_fractions_are_cut() {
    let heartbeat = Heartbeat {
        uptime: Duration::MAX,
        period: Duration::from_micros(1_999),
        ..samples::heartbeat()
    };
    let update = Update { age: Duration::MAX, ..samples::suspicion() };
    let datagram = decoded(&heartbeat, &Body::Nack { nonce: 0 }, &[update]);
    assert_eq!(datagram.heartbeat.uptime, Duration::from_secs(u32::MAX.into()));
    assert_eq!(datagram.heartbeat.period, Duration::from_millis(1));
    assert_eq!(datagram.updates[0].age, Duration::from_millis(u32::MAX.into()));
}

#[test]
fn load_above_a_hundred_percent_counts_as_a_hundred() {
    let heartbeat = Heartbeat { load: Some(250), ..samples::heartbeat() };
    let datagram = decoded(&heartbeat, &Body::Nack { nonce: 0 }, &[]);
    assert_eq!(datagram.heartbeat.load, Some(100));
}

#[test]
fn a_refusal_is_cut_at_a_whole_character() {
    let detail = format!("x{}", "é".repeat(150));
    let frame = Frame::Refuse(Refuse { code: RefuseCode::Leaving, detail: detail.clone() });
    let frame = StreamFrame { heartbeat: samples::heartbeat(), frame };
    let bytes = encode_frame(CLUSTER, &frame);
    let Frame::Refuse(refuse) = decode_frame(CLUSTER, unprefixed(&bytes)).unwrap().frame else {
        panic!("not a refusal");
    };
    assert_eq!(refuse.detail.len(), MAX_REFUSE_DETAIL_BYTES - 1);
    assert!(detail.starts_with(&refuse.detail));
}

#[test]
fn chunks_carry_a_table_larger_than_one_frame_exactly_once() {
    let table: Vec<Update> = (0..5_000).map(samples::record).collect();
    let mut arrived = Vec::new();
    let mut frames = 0;
    let mut rest = table.as_slice();
    while !rest.is_empty() {
        let mut chunk = ChunkBuilder::new(CLUSTER, MAX_FRAME_BYTES, &samples::heartbeat());
        let sent = rest.iter().take_while(|update| chunk.push(update)).count();
        rest = &rest[sent..];
        let bytes = chunk.finish(rest.is_empty());
        let frame = decode_frame(CLUSTER, unprefixed(&bytes)).unwrap().frame;
        let Frame::Chunk { updates, last } = frame else { panic!("not a chunk") };
        assert_eq!(last, rest.is_empty());
        arrived.extend(updates);
        frames += 1;
    }
    assert_eq!(arrived, table);
    assert!((4..=8).contains(&frames), "{frames} frames");
}

#[test]
fn a_chunk_too_large_to_encode_at_once_does_not_claim_to_be_the_last() {
    let updates: Vec<Update> = (0..5_000).map(samples::record).collect();
    let frame = Frame::Chunk { updates: updates.clone(), last: true };
    let bytes = encode_frame(CLUSTER, &StreamFrame { heartbeat: samples::heartbeat(), frame });
    let frame = decode_frame(CLUSTER, unprefixed(&bytes)).unwrap().frame;
    let Frame::Chunk { updates: sent, last } = frame else { panic!("not a chunk") };
    assert!(!last);
    assert!(updates.starts_with(&sent) && sent.len() > 500, "{} rows", sent.len());
}
