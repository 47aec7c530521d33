use std::time::Duration;

use headcount_state::Update;
use headcount_wire::{
    Body, ChunkBuilder, Datagram, DatagramBuilder, Frame, Heartbeat, MAX_BUDGET, MAX_FRAME_BYTES,
    MAX_REFUSE_DETAIL_BYTES, MAX_REFUSE_OTHERS, Refuse, RefuseCode, StreamFrame, Verdict, Vitals,
    decode_datagram, decode_frame, encode_frame, frame_length,
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
    let arrived = |uptime, age| {
        let heartbeat = with_vitals(Vitals { load: None, uptime, warning: 0 });
        let update = Update { age, ..samples::suspicion() };
        let datagram = decoded(&heartbeat, &Body::Nack { nonce: 0 }, &[update]);
        (datagram.heartbeat.vitals.unwrap().uptime, datagram.updates[0].age)
    };
    let most = u32::MAX.into();
    let largest = (Duration::from_secs(most), Duration::from_millis(most));
    assert_eq!(arrived(Duration::MAX, Duration::MAX), largest);
    let fractions = arrived(Duration::from_millis(1_999), Duration::from_micros(1_999));
    assert_eq!(fractions, (Duration::from_secs(1), Duration::from_millis(1)));
}

#[test]
fn what_is_said_in_percent_is_a_hundred_at_most() {
    let heartbeat = with_vitals(Vitals { load: Some(250), uptime: Duration::ZERO, warning: 250 });
    let datagram = decoded(&heartbeat, &Body::Nack { nonce: 0 }, &[]);
    let vitals = Vitals { load: Some(100), uptime: Duration::ZERO, warning: 100 };
    assert_eq!(datagram.heartbeat.vitals, Some(vitals));
}

#[test]
fn the_word_of_a_query_an_opinion_and_evidence_saturates() {
    let largest = Duration::from_millis(u32::MAX.into());
    let subject = samples::target("orders-2");
    let since = Duration::MAX;
    let query = Body::Query { nonce: 0, subject, since, refused: false, contest: false };
    let Body::Query { since, .. } = decoded(&samples::heartbeat(), &query, &[]).body else {
        panic!("not a query");
    };
    let (verdict, word) = (Verdict::Vouch, Duration::MAX);
    let opinion = Body::Opinion { nonce: 0, verdict, word, refused: false };
    let datagram = decoded(&samples::heartbeat(), &opinion, &[samples::largest_bare()]);
    let Body::Opinion { word, .. } = datagram.body else { panic!("not an opinion") };
    let word_age = datagram.updates[0].evidence.unwrap().word_age;
    assert_eq!([since, word, word_age], [largest; 3]);
}

#[test]
fn of_a_clock_the_low_14_bits_travel() {
    let clock = |reading| {
        let heartbeat = Heartbeat { clock: reading, ..samples::heartbeat() };
        decoded(&heartbeat, &Body::Compare, &[]).heartbeat.clock
    };
    assert_eq!(clock(Some(0)), Some(0));
    assert_eq!(clock(Some(u16::MAX)), Some(0x3fff));
    assert_eq!(clock(None), None);
}

fn with_vitals(vitals: Vitals) -> Heartbeat {
    Heartbeat { vitals: Some(vitals), ..samples::heartbeat() }
}

#[test]
fn a_refusal_is_cut_at_a_whole_character() {
    let detail = format!("x{}", "é".repeat(150));
    let refuse = Refuse { code: RefuseCode::Leaving, detail: detail.clone(), others: Vec::new() };
    let refuse = refused(refuse);
    assert_eq!(refuse.detail.len(), MAX_REFUSE_DETAIL_BYTES - 1);
    assert!(detail.starts_with(&refuse.detail));
}

#[test]
fn a_refusal_names_no_more_members_to_ask_than_are_read() {
    let others: Vec<Update> = (0..20).map(samples::record).collect();
    let refuse = Refuse { code: RefuseCode::Busy, detail: String::new(), others: others.clone() };
    assert_eq!(refused(refuse).others, others[..MAX_REFUSE_OTHERS]);
}

/// A refusal as it arrives.
fn refused(refuse: Refuse) -> Refuse {
    let frame = Frame::Refuse(refuse);
    let bytes = encode_frame(CLUSTER, &StreamFrame { heartbeat: samples::heartbeat(), frame });
    match decode_frame(CLUSTER, unprefixed(&bytes)).unwrap().frame {
        Frame::Refuse(refuse) => refuse,
        other => panic!("not a refusal: {other:?}"),
    }
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
