use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{Attributes, Evidence, ProtocolRange, Reason, Update, Voters};
use headcount_wire::{
    Body, ClusterId, DatagramBuilder, DecodeError, Frame, Hello, MAX_BUDGET, MAX_FRAME_BYTES,
    Purpose, Refuse, RefuseCode, SketchPart, StreamFrame, Verdict, decode_datagram, decode_frame,
    encode_frame, frame_length, update_bytes,
};
use proptest::collection::vec;
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::round_trip::unprefixed;
use crate::samples::{self, CLUSTER};

const HEADER_BYTES: usize = 14;

/// A frame around `payload` as an honest sender would build it.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let checksum = xxh3_64_with_seed(payload, CLUSTER.as_u64()) as u32;
    let header = [b"H\x01".as_slice(), &CLUSTER.as_u64().to_le_bytes(), &checksum.to_le_bytes()];
    [&header.concat(), payload].concat()
}

/// `frame` with every run of `from` in its payload replaced, and the checksum made good.
fn patched(frame: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut payload = frame[HEADER_BYTES..].to_vec();
    let places: Vec<usize> =
        (0..payload.len()).filter(|at| payload[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "nothing to patch");
    for at in places {
        payload[at..at + from.len()].copy_from_slice(to);
    }
    sealed(&payload)
}

/// The payload of a datagram or a frame up to its body.
fn head() -> Vec<u8> {
    let nack = Body::Nack { nonce: 1 };
    let bytes = DatagramBuilder::new(CLUSTER, 512, &samples::heartbeat(), &nack).finish();
    bytes[HEADER_BYTES..bytes.len() - 7].to_vec()
}

fn invalid<T>(field: &'static str) -> Result<T, DecodeError> {
    Err(DecodeError::Invalid { field })
}

#[test]
fn a_datagram_cut_anywhere_is_refused() {
    let whole = samples::rich_datagram();
    assert!(decode_datagram(CLUSTER, &whole).is_ok());
    for end in 0..whole.len() {
        let expected =
            if end < HEADER_BYTES { DecodeError::TooShort } else { DecodeError::Checksum };
        assert_eq!(decode_datagram(CLUSTER, &whole[..end]), Err(expected), "cut at {end}");
    }
}

#[test]
fn a_frame_cut_anywhere_is_refused() {
    for (name, frame) in samples::frames() {
        let bytes = encode_frame(CLUSTER, &frame);
        let whole = unprefixed(&bytes);
        for end in 0..whole.len() {
            assert!(decode_frame(CLUSTER, &whole[..end]).is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn a_payload_cut_anywhere_by_a_sender_that_sums_it_is_never_taken_for_the_whole() {
    let whole = samples::rich_datagram();
    let expected = decode_datagram(CLUSTER, &whole).unwrap();
    for end in HEADER_BYTES..whole.len() {
        let cut = sealed(&whole[HEADER_BYTES..end]);
        assert_ne!(decode_datagram(CLUSTER, &cut).ok().as_ref(), Some(&expected), "cut at {end}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let whole = samples::rich_datagram();
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode_datagram(CLUSTER, &flipped).is_err(), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn random_damage_is_noticed(damage in vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..20)) {
        let whole = samples::rich_datagram();
        let mut damaged = whole.clone();
        for (at, flip) in damage {
            damaged[at.index(whole.len())] ^= flip;
        }
        prop_assume!(damaged != whole);
        prop_assert!(decode_datagram(CLUSTER, &damaged).is_err());
        prop_assert!(decode_frame(CLUSTER, &damaged).is_err());
    }

    #[test]
    fn random_bytes_are_refused(bytes in vec(any::<u8>(), 0..2_000)) {
        prop_assert!(decode_datagram(CLUSTER, &bytes).is_err());
        prop_assert!(decode_frame(CLUSTER, &bytes).is_err());
    }

    /// The checksum made good, so that the damage reaches the fields: whatever is still accepted
    /// is valid, which shows in its encoding again to the same meaning.
    #[test]
    fn damage_by_a_sender_that_sums_it_is_refused_or_valid(
        start in prop::sample::select(every_datagram()),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut payload = start[HEADER_BYTES..].to_vec();
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        let bytes = sealed(&payload);
        let _ = decode_frame(CLUSTER, &bytes);
        if let Ok(datagram) = decode_datagram(CLUSTER, &bytes) {
            let mut builder =
                DatagramBuilder::new(CLUSTER, MAX_BUDGET, &datagram.heartbeat, &datagram.body);
            prop_assert_eq!(builder.pack(&datagram.updates), datagram.updates.len());
            prop_assert_eq!(decode_datagram(CLUSTER, &builder.finish()), Ok(datagram));
        }
    }

    #[test]
    fn random_payloads_of_a_sender_that_sums_them_do_no_harm(payload in vec(any::<u8>(), 0..300)) {
        let bytes = sealed(&payload);
        let _ = decode_frame(CLUSTER, &bytes);
        let _ = decode_datagram(CLUSTER, &bytes);
    }
}

/// A datagram of each body, one with records, and one with evidence.
fn every_datagram() -> Vec<Vec<u8>> {
    let mut all = vec![samples::rich_datagram(), samples::accusing_datagram()];
    for (_, body) in samples::bodies() {
        let mut builder = DatagramBuilder::new(CLUSTER, 512, &samples::heartbeat(), &body);
        assert!(builder.push(&samples::suspicion()));
        all.push(builder.finish().to_vec());
    }
    all
}

#[test]
fn a_foreign_cluster_is_refused_and_named() {
    let foreign = ClusterId::of("another");
    let refused = Err(DecodeError::ForeignCluster(CLUSTER.as_u64()));
    assert_eq!(decode_datagram(foreign, &samples::rich_datagram()), refused);
}

#[test]
fn a_frame_moved_to_another_cluster_fails_its_checksum() {
    let foreign = ClusterId::of("another");
    let mut bytes = samples::rich_datagram();
    bytes[2..10].copy_from_slice(&foreign.as_u64().to_le_bytes());
    assert_eq!(decode_datagram(foreign, &bytes), Err(DecodeError::Checksum));
}

#[test]
fn foreign_protocols_and_unknown_formats_are_refused_by_their_first_bytes() {
    let mut bytes = samples::rich_datagram();
    bytes[1] = 2;
    assert_eq!(decode_datagram(CLUSTER, &bytes), Err(DecodeError::UnknownFormat(2)));
    bytes[0] = b'G';
    assert_eq!(decode_datagram(CLUSTER, &bytes), Err(DecodeError::NotHeadcount));
}

#[test]
fn oversized_bytes_are_refused_unread() {
    let datagram = vec![b'H'; MAX_BUDGET + 1];
    assert_eq!(decode_datagram(CLUSTER, &datagram), Err(DecodeError::TooLong));
    let frame = vec![b'H'; MAX_FRAME_BYTES + 1];
    assert_eq!(decode_frame(CLUSTER, &frame), Err(DecodeError::TooLong));
}

#[test]
fn a_frame_length_that_no_frame_has_is_refused() {
    assert_eq!(frame_length(13_u32.to_be_bytes()), Err(DecodeError::TooShort));
    assert_eq!(frame_length(14_u32.to_be_bytes()), Ok(14));
    assert_eq!(frame_length(65_536_u32.to_be_bytes()), Ok(65_536));
    assert_eq!(frame_length(65_537_u32.to_be_bytes()), Err(DecodeError::TooLong));
    assert_eq!(frame_length([0xff; 4]), Err(DecodeError::TooLong));
}

#[test]
fn unknown_fields_are_skipped() {
    let whole = samples::rich_datagram();
    let expected = decode_datagram(CLUSTER, &whole);
    // Field 100: a varint, a fixed64, five bytes, and a fixed32.
    let unknown: [&[u8]; 4] = [
        &[0xa0, 0x06, 0x96, 0x01],
        &[0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xa2, 0x06, 5, b'h', b'e', b'l', b'l', b'o'],
        &[0xa5, 0x06, 1, 2, 3, 4],
    ];
    for field in unknown {
        let after = [&whole[HEADER_BYTES..], field].concat();
        let before = [field, &whole[HEADER_BYTES..]].concat();
        assert_eq!(decode_datagram(CLUSTER, &sealed(&after)), expected);
        assert_eq!(decode_datagram(CLUSTER, &sealed(&before)), expected);
    }
}

#[test]
fn unknown_fields_of_a_record_are_skipped() {
    let gossip = Body::Gossip { table: None };
    let head = DatagramBuilder::new(CLUSTER, 512, &samples::heartbeat(), &gossip);
    let mut whole = head.clone();
    assert!(whole.push(&samples::suspicion()));
    let head = head.finish().split_off(HEADER_BYTES);
    let whole = whole.finish();

    // The record again, two bytes longer: field 14 as a varint.
    let record = &whole[HEADER_BYTES + head.len()..];
    let grown = [&[record[0], record[1] + 2], &record[2..], &[14 << 3, 1]].concat();
    let grown = sealed(&[&head[..], &grown].concat());
    assert_eq!(decode_datagram(CLUSTER, &grown), decode_datagram(CLUSTER, &whole));
}

#[test]
fn a_payload_without_heartbeat_or_body_is_invalid() {
    assert_eq!(decode_datagram(CLUSTER, &sealed(&[])), invalid("heartbeat"));
    assert_eq!(decode_datagram(CLUSTER, &sealed(&[1 << 3 | 2, 0])), invalid("heartbeat.id"));
    let bodiless = sealed(&head());
    assert_eq!(decode_datagram(CLUSTER, &bodiless), invalid("body"));
    assert_eq!(decode_frame(CLUSTER, &bodiless), invalid("frame"));
}

#[test]
fn a_payload_that_is_not_protobuf_is_malformed() {
    let refused = decode_datagram(CLUSTER, &sealed(&[0xff; 16]));
    assert!(matches!(refused, Err(DecodeError::Malformed(_))), "{refused:?}");
}

#[test]
fn zeros_that_stand_for_nobody_are_invalid() {
    let target = samples::target("orders-2");
    let body = Body::PingReq { nonce: 1, target, want_nack: false };
    let mut builder = DatagramBuilder::new(CLUSTER, 512, &samples::heartbeat(), &body);
    assert!(builder.push(&samples::suspicion()));
    let bytes = builder.finish();

    let sender = samples::heartbeat().sender;
    let claim = samples::suspicion().claim;
    for (number, field) in [
        (sender.id.as_u64(), "heartbeat.id"),
        (target.id.as_u64(), "target.id"),
        (claim.id.as_u64(), "update.id"),
        (claim.life().instance.as_u64(), "update.instance"),
    ] {
        let zeroed = patched(&bytes, &number.to_le_bytes(), &[0; 8]);
        assert_eq!(decode_datagram(CLUSTER, &zeroed), invalid(field));
    }
}

#[test]
fn a_status_that_does_not_exist_is_invalid() {
    let gossip = Body::Gossip { table: None };
    let mut builder = DatagramBuilder::new(CLUSTER, 512, &samples::heartbeat(), &gossip);
    assert!(builder.push(&samples::suspicion()));
    // Incarnation 3, then status suspect.
    let bytes = patched(&builder.finish(), &[4 << 3, 3, 5 << 3, 1], &[4 << 3, 3, 5 << 3, 6]);
    assert_eq!(decode_datagram(CLUSTER, &bytes), invalid("update.status"));
}

#[test]
fn a_record_whose_id_is_not_the_hash_of_its_name_is_invalid() {
    let record = samples::record(7);
    let gossip = Body::Gossip { table: None };
    let mut builder = DatagramBuilder::new(CLUSTER, 512, &samples::heartbeat(), &gossip);
    let head = builder.len() - HEADER_BYTES;
    assert!(builder.push(&record));
    let payload = builder.finish().split_off(HEADER_BYTES);
    let (head, element) = payload.split_at(head);
    let with_id = |id: u64| {
        let id = [[1 << 3 | 1].as_slice(), &id.to_le_bytes()].concat();
        let grown = [&[element[0], element[1] + 9], &element[2..], &id].concat();
        decode_datagram(CLUSTER, &sealed(&[head, &grown].concat()))
    };
    assert_eq!(with_id(record.claim.id.as_u64()).unwrap().updates, [record]);
    assert_eq!(with_id(7), invalid("update.id"));
}

#[test]
fn attributes_outside_their_bounds_are_invalid() {
    type Change = fn(&mut Attributes);
    let refused: [(&'static str, Change); 9] = [
        ("address.ip", |a| a.address = "0.0.0.0:1".parse().unwrap()),
        ("address.ip", |a| a.address = "[::]:1".parse().unwrap()),
        ("address.ip", |a| a.address = "[::ffff:0.0.0.0]:1".parse().unwrap()),
        ("address.ip", |a| a.address = "224.0.0.1:1".parse().unwrap()),
        ("address.ip", |a| a.address = "[ff02::1]:1".parse().unwrap()),
        ("address.port", |a| a.address.set_port(0)),
        ("attributes.zone", |a| a.zone = "z".repeat(33)),
        ("attributes.tags", |a| a.tags = BTreeMap::from([(String::new(), "v".to_owned())])),
        ("attributes.protocol_min", |a| a.protocol = ProtocolRange { min: 2, max: 1 }),
    ];
    for (field, change) in refused {
        let mut record = samples::record(7);
        change(Arc::make_mut(record.attributes.as_mut().unwrap()));
        assert_eq!(decoded_alone(&record), invalid(field));
    }
    let mut record = samples::record(7);
    let attributes = Arc::make_mut(record.attributes.as_mut().unwrap());
    attributes.tags = BTreeMap::from([("key".to_owned(), "v".repeat(254))]);
    assert_eq!(decoded_alone(&record), invalid("attributes.tags"));
}

#[test]
fn a_name_with_a_control_character_is_invalid() {
    let mut builder =
        DatagramBuilder::new(CLUSTER, 512, &samples::heartbeat(), &Body::Gossip { table: None });
    assert!(builder.push(&samples::record(7)));
    let bytes = patched(&builder.finish(), b"orders-7", b"orders\n7");
    assert_eq!(decode_datagram(CLUSTER, &bytes), invalid("attributes.name"));
}

#[test]
fn a_ping_req_for_nobody_is_invalid() {
    let head = head();
    // Field 4: a nonce alone.
    let ask = [4 << 3 | 2, 5, 1 << 3 | 5, 1, 2, 3, 4];
    let bytes = sealed(&[&head[..], &ask].concat());
    assert_eq!(decode_datagram(CLUSTER, &bytes), invalid("ping_req.target"));
}

#[test]
fn a_query_about_nobody_is_invalid() {
    let query = [11 << 3 | 2, 5, 1 << 3 | 5, 1, 2, 3, 4];
    let bytes = sealed(&[&head()[..], &query].concat());
    assert_eq!(decode_datagram(CLUSTER, &bytes), invalid("query.subject"));
}

#[test]
fn an_unknown_verdict_counts_as_an_abstention() {
    for (number, verdict) in
        [(0, Verdict::Abstain), (1, Verdict::Vouch), (2, Verdict::Confirm), (3, Verdict::Abstain)]
    {
        let opinion = [12 << 3 | 2, 2, 2 << 3, number];
        let bytes = sealed(&[&head()[..], &opinion].concat());
        let body = decode_datagram(CLUSTER, &bytes).unwrap().body;
        assert_eq!(body, Body::Opinion { nonce: 0, verdict, word: Duration::ZERO, refused: false });
    }
}

/// A claim with these fields after its own.
fn with_fields(fields: &[u8]) -> Result<Option<Evidence>, DecodeError> {
    let gossip = Body::Gossip { table: None };
    let mut builder = DatagramBuilder::new(CLUSTER, 512, &samples::heartbeat(), &gossip);
    let head = builder.len() - HEADER_BYTES;
    assert!(builder.push(&samples::suspicion()));
    let payload = builder.finish().split_off(HEADER_BYTES);
    let (head, element) = payload.split_at(head);
    let length = element[1] + fields.len() as u8;
    let bytes = sealed(&[head, &[element[0], length], &element[2..], fields].concat());
    decode_datagram(CLUSTER, &bytes).map(|datagram| datagram.updates[0].evidence)
}

#[test]
fn voters_cut_short_or_too_many_are_invalid() {
    for length in 0..24_u8 {
        let voters: Vec<u8> = (0..length).collect();
        let told = with_fields(&[&[10 << 3, 1, 12 << 3 | 2, length], &voters[..]].concat());
        let expected = match length {
            0 | 4 | 8 | 12 | 16 => Ok(usize::from(length / 4)),
            _ => invalid("update.voters"),
        };
        assert_eq!(told.map(|evidence| evidence.unwrap().voters.len()), expected, "{length} bytes");
    }
}

#[test]
fn an_unknown_reason_and_none_are_no_evidence() {
    for (number, reason) in [
        (0, None),
        (1, Some(Reason::Silent)),
        (2, Some(Reason::Refused)),
        (3, Some(Reason::Link)),
        (4, None),
        (0x7f, None),
    ] {
        let told = with_fields(&[10 << 3, number, 11 << 3, 9, 12 << 3 | 2, 4, 1, 0, 0, 0]);
        let (word_age, voters) = (Duration::from_millis(9), Voters::from_prefixes([1]));
        assert_eq!(told, Ok(reason.map(|reason| Evidence { reason, word_age, voters })));
    }
}

#[test]
fn a_clock_beyond_14_bits_counts_as_its_low_ones() {
    let gossip = Body::Gossip { table: None };
    let heartbeat = samples::clocked(samples::idle_heartbeat());
    let bytes = DatagramBuilder::new(CLUSTER, 512, &heartbeat, &gossip).finish();
    let mut payload = bytes[HEADER_BYTES..].to_vec();
    let body = payload.split_off(payload.len() - 2);
    // Its number, three bytes long: the last one is 1, which stands for 2^14.
    *payload.last_mut().unwrap() |= 0x80;
    payload.push(1);
    payload[1] += 1;
    let told = decode_datagram(CLUSTER, &sealed(&[payload, body].concat())).unwrap();
    assert_eq!(told.heartbeat, heartbeat);
}

#[test]
fn a_stream_ping_for_nobody_is_invalid() {
    let ping = [5 << 3 | 2, 5, 1 << 3 | 5, 1, 2, 3, 4];
    let bytes = sealed(&[&head()[..], &ping].concat());
    assert_eq!(decode_frame(CLUSTER, &bytes), invalid("ping.target"));
}

#[test]
fn symbols_cut_short_are_invalid() {
    for length in 0..40_u8 {
        let symbols = vec![7; length.into()];
        let body = [&[7 << 3 | 2, length + 2, 3 << 3 | 2, length], &symbols[..]].concat();
        let bytes = sealed(&[&head()[..], &body].concat());
        let expected = match length % 12 {
            0 => Ok(usize::from(length / 12)),
            _ => invalid("sketch.symbols"),
        };
        let told = decode_datagram(CLUSTER, &bytes).map(|datagram| match datagram.body {
            Body::Sketch(SketchPart { symbols, .. }) => symbols.len(),
            other => panic!("not a sketch: {other:?}"),
        });
        assert_eq!(told, expected, "{length} bytes");
    }
}

#[test]
fn a_length_beyond_the_bytes_is_malformed() {
    // The symbols of a sketch, and wanted keys, of 2^32 - 1 bytes.
    for (body, items) in [(7_u8, 3_u8), (9, 1)] {
        let body = [body << 3 | 2, 6, items << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f];
        let refused = decode_datagram(CLUSTER, &sealed(&[&head()[..], &body].concat()));
        assert!(matches!(refused, Err(DecodeError::Malformed(_))), "{refused:?}");
    }
}

#[test]
fn keys_of_another_size_are_malformed() {
    let wants = [9 << 3 | 2, 5, 1 << 3 | 2, 3, 1, 2, 3];
    let refused = decode_datagram(CLUSTER, &sealed(&[&head()[..], &wants].concat()));
    assert!(matches!(refused, Err(DecodeError::Malformed(_))), "{refused:?}");
}

#[test]
fn a_load_without_an_uptime_says_nothing() {
    // Field 8 of the heartbeat: a load of 42.
    let mut head = DatagramBuilder::new(
        CLUSTER,
        512,
        &samples::idle_heartbeat(),
        &Body::Gossip { table: None },
    )
    .finish()
    .split_off(HEADER_BYTES)
    .to_vec();
    let body = head.split_off(head.len() - 2);
    head[1] += 2;
    let bytes = sealed(&[&head[..], &[8 << 3, 42], &body].concat());
    let heartbeat = decode_datagram(CLUSTER, &bytes).unwrap().heartbeat;
    assert_eq!(heartbeat, samples::idle_heartbeat());
}

#[test]
fn a_refusal_that_names_too_many_to_ask_instead_is_invalid() {
    let others = vec![samples::record(2); 16];
    let refuse = Refuse { code: RefuseCode::Busy, detail: String::new(), others };
    let heartbeat = samples::heartbeat();
    let bytes = encode_frame(CLUSTER, &StreamFrame { heartbeat, frame: Frame::Refuse(refuse) });
    let whole = unprefixed(&bytes);
    assert!(decode_frame(CLUSTER, whole).is_ok());
    let another = &whole[whole.len() - update_bytes(&samples::record(2))..];
    let grown = sealed(&[&whole[HEADER_BYTES..], another].concat());
    assert_eq!(decode_frame(CLUSTER, &grown), invalid("updates"));
}

#[test]
fn a_hello_with_an_empty_protocol_range_is_invalid() {
    let hello = Hello {
        purpose: Purpose::Exchange,
        protocol: ProtocolRange { min: 3, max: 2 },
        own: None,
        parameters: None,
        after: None,
    };
    let frame = StreamFrame { heartbeat: samples::heartbeat(), frame: Frame::Hello(hello) };
    let bytes = encode_frame(CLUSTER, &frame);
    assert_eq!(decode_frame(CLUSTER, unprefixed(&bytes)), invalid("hello.protocol_min"));
}

fn decoded_alone(update: &Update) -> Result<Update, DecodeError> {
    let gossip = Body::Gossip { table: None };
    let mut builder = DatagramBuilder::new(CLUSTER, 1_400, &samples::heartbeat(), &gossip);
    assert!(builder.push(update));
    decode_datagram(CLUSTER, &builder.finish()).map(|mut datagram| datagram.updates.remove(0))
}
