//! Reads the usual form of the frequent messages without any memory of its own.
//!
//! Protobuf allows much that no Headcount node writes: fields out of order or twice, numbers
//! longer than need be, fields of later versions. Whatever is not as [`crate::encode`] writes it
//! is none of this file's business: it answers `None` and prost reads the frame. What it does
//! read means what prost says it means.

use std::sync::Arc;

use headcount_state::{Attributes, Life, Update};

use crate::pool::AttributesPool;
use crate::proto;
use crate::proto::datagram::Body;
use crate::update;

/// The most bytes of a number that this file reads: 2^63 - 1 needs no more.
const VARINT_BYTES_MAX: usize = 9;

/// A message whose fields are read in the order of their numbers.
struct Fields<'a>(&'a [u8]);

/// The payload of a datagram or a chunk.
pub(crate) struct Payload<B> {
    pub(crate) heartbeat: proto::Heartbeat,
    pub(crate) body: B,
    pub(crate) updates: Vec<Update>,
}

pub(crate) fn datagram(payload: &[u8], pool: &AttributesPool) -> Option<Payload<Body>> {
    let mut fields = Fields(payload);
    let heartbeat = heartbeat(fields.nested(1)?)?;
    let body = match fields.0.first()? >> 3 {
        2 => {
            let mut ping = fields.nested(2)?;
            let nonce = ping.fixed32(1)?;
            let target = ping.optional_fixed32(2)?;
            ping.end(Body::Ping(proto::Ping { nonce, target }))
        }
        3 => {
            let mut ack = fields.nested(3)?;
            let nonce = ack.fixed32(1)?;
            let responder = transpose(ack.optional(2)?.map(target))?;
            let not_me = ack.flag(3)?;
            ack.end(Body::Ack(proto::Ack { nonce, responder, not_me }))
        }
        6 => {
            let mut gossip = fields.nested(6)?;
            let table = transpose(gossip.optional(1)?.map(table_part))?;
            gossip.end(Body::Gossip(proto::Gossip { table }))
        }
        10 => fields.nested(10)?.end(Body::Compare(proto::Compare {})),
        _ => None,
    }?;
    let updates = fields.updates(pool)?;
    fields.end(Payload { heartbeat, body, updates })
}

/// A chunk: its body comes last.
pub(crate) fn chunk(payload: &[u8], pool: &AttributesPool) -> Option<Payload<proto::Chunk>> {
    let mut fields = Fields(payload);
    let heartbeat = heartbeat(fields.nested(1)?)?;
    let updates = fields.updates(pool)?;
    let mut chunk = fields.nested(4)?;
    let last = chunk.flag(1)?;
    let body = chunk.end(proto::Chunk { last })?;
    fields.end(Payload { heartbeat, body, updates })
}

fn heartbeat(mut fields: Fields<'_>) -> Option<proto::Heartbeat> {
    let heartbeat = proto::Heartbeat {
        id: fields.fixed64(1)?,
        process: fields.fixed32(2)?,
        seq: fields.varint32(3)?,
        view: fields.fixed32(4)?,
        sync: fields.fixed64(5)?,
        dead: fields.fixed32(6)?,
        uptime_s: fields.optional_varint32(7)?,
        load: fields.optional_varint32(8)?,
        clock: fields.optional_varint32(9)?,
        epoch: fields.varint32(10)?,
        grade: fields.varint32(11)?,
        warning: fields.varint32(12)?,
    };
    fields.end(heartbeat)
}

fn target(mut fields: Fields<'_>) -> Option<proto::Target> {
    let target = proto::Target { id: fields.fixed64(1)?, process: fields.fixed32(2)? };
    fields.end(target)
}

fn table_part(mut fields: Fields<'_>) -> Option<proto::TablePart> {
    let part = proto::TablePart { complete: fields.flag(1)?, reply: fields.flag(2)? };
    fields.end(part)
}

fn update(mut fields: Fields<'_>, pool: &AttributesPool) -> Option<Update> {
    let mut message = proto::Update {
        id: fields.fixed64(1)?,
        generation: fields.varint(2)?,
        instance: fields.fixed64(3)?,
        incarnation: fields.varint32(4)?,
        status: i32::try_from(fields.varint32(5)?).ok()?,
        over: fields.fixed64(6)?,
        age_ms: fields.varint32(7)?,
        accuser: fields.fixed64(8)?,
        ..proto::Update::default()
    };
    let said = fields.optional(9)?;
    message.reason = i32::try_from(fields.varint32(10)?).ok()?;
    message.word_age_ms = fields.varint32(11)?;
    let voters = fields.optional(12)?.map_or(&[][..], |voters| voters.0);
    fields.end(())?;
    let attributes = |life: Life| -> Option<Result<Arc<Attributes>, _>> {
        said.map(|said| pool.decoded(life, said.0))
    };
    update::with_parts(&message, voters, attributes).ok()
}

fn key(number: u8, kind: u8) -> u8 {
    number << 3 | kind
}

fn transpose<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(None) => None,
        Some(Some(message)) => Some(Some(message)),
        None => Some(None),
    }
}

impl<'a> Fields<'a> {
    /// `value`, if all has been read.
    fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }

    fn updates(&mut self, pool: &AttributesPool) -> Option<Vec<Update>> {
        let mut updates = Vec::new();
        while let Some(fields) = self.optional(15)? {
            updates.push(update(fields, pool)?);
        }
        Some(updates)
    }

    /// Whether the next field is this one; if so its key is read.
    fn next_is(&mut self, key: u8) -> bool {
        let is = self.0.first() == Some(&key);
        if is {
            self.0 = &self.0[1..];
        }
        is
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn raw_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (at, byte) in self.0.iter().take(VARINT_BYTES_MAX).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                self.0 = &self.0[at + 1..];
                return Some(value);
            }
        }
        None
    }

    /// The number in a field, zero if it is absent.
    fn varint(&mut self, number: u8) -> Option<u64> {
        if self.next_is(key(number, 0)) { self.raw_varint() } else { Some(0) }
    }

    fn varint32(&mut self, number: u8) -> Option<u32> {
        u32::try_from(self.varint(number)?).ok()
    }

    /// The number in a field, or none if it is absent.
    fn optional_varint32(&mut self, number: u8) -> Option<Option<u32>> {
        let present = self.0.first() == Some(&key(number, 0));
        let value = self.varint32(number)?;
        Some(present.then_some(value))
    }

    fn flag(&mut self, number: u8) -> Option<bool> {
        Some(self.varint(number)? != 0)
    }

    fn fixed64(&mut self, number: u8) -> Option<u64> {
        if self.next_is(key(number, 1)) { self.take().map(u64::from_le_bytes) } else { Some(0) }
    }

    fn fixed32(&mut self, number: u8) -> Option<u32> {
        if self.next_is(key(number, 5)) { self.take().map(u32::from_le_bytes) } else { Some(0) }
    }

    /// As [`Self::optional_varint32`].
    fn optional_fixed32(&mut self, number: u8) -> Option<Option<u32>> {
        let present = self.0.first() == Some(&key(number, 5));
        let value = self.fixed32(number)?;
        Some(present.then_some(value))
    }

    /// The message in a field that must be there.
    fn nested(&mut self, number: u8) -> Option<Fields<'a>> {
        self.optional(number)?
    }

    /// The message in a field, or none if it is absent.
    fn optional(&mut self, number: u8) -> Option<Option<Fields<'a>>> {
        if !self.next_is(key(number, 2)) {
            return Some(None);
        }
        let length = usize::try_from(self.raw_varint()?).ok()?;
        let (message, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Some(Fields(message)))
    }
}

#[cfg(test)]
mod tests {
    use headcount_state::{Claim, Instance, MemberId, Status, Version};
    use proptest::prelude::*;
    use prost::Message as _;
    use std::time::Duration;

    use super::*;
    use crate::datagram::{self, Body as Meaning, Datagram};
    use crate::encode::Message;
    use crate::parameters::Parameters;
    use crate::stream::{Frame, Hello, Purpose, Refuse, RefuseCode};
    use crate::target::Process;

    /// Zeros, which the wire may leave out, are as frequent as all other numbers.
    fn number() -> impl Strategy<Value = u32> {
        prop_oneof![Just(0), 0..9_u32, any::<u32>()]
    }

    /// Pieces of a payload in the usual form and out of it.
    fn payload() -> impl Strategy<Value = Vec<u8>> {
        let target =
            || (0..3_u64, number()).prop_map(|(id, process)| proto::Target { id, process });
        let optional = || prop::option::of(number());
        let load = prop::option::of(0..300_u32);
        let hashes = (number(), any::<u64>(), number());
        let heartbeat = (target(), number(), hashes, optional(), load, optional()).prop_map(
            |(proto::Target { id, process }, seq, (view, sync, dead), uptime_s, load, clock)| {
                let sync = if sync & 1 == 0 { sync } else { 0 };
                let epoch = seq / 2;
                proto::Heartbeat {
                    id,
                    process,
                    seq,
                    view,
                    sync,
                    dead,
                    uptime_s,
                    load,
                    clock,
                    epoch,
                    grade: view % 128,
                    warning: dead % 128,
                }
            },
        );
        let table = (any::<bool>(), any::<bool>())
            .prop_map(|(complete, reply)| proto::TablePart { complete, reply });
        let body = prop_oneof![
            (number(), optional())
                .prop_map(|(nonce, target)| Body::Ping(proto::Ping { nonce, target })),
            (any::<u32>(), prop::option::of(target()), any::<bool>()).prop_map(
                |(nonce, responder, not_me)| Body::Ack(proto::Ack { nonce, responder, not_me })
            ),
            prop::option::of(table).prop_map(|table| Body::Gossip(proto::Gossip { table })),
            any::<u32>().prop_map(|nonce| Body::Nack(proto::Nack { nonce })),
            Just(Body::Compare(proto::Compare {})),
            (any::<u32>(), target(), any::<bool>()).prop_map(|(nonce, target, want_nack)| {
                Body::PingReq(proto::PingReq { nonce, target: Some(target), want_nack })
            }),
            (number(), number(), prop::collection::vec(any::<u8>(), 0..40))
                .prop_map(|(first, live, symbols)| proto::Sketch { first, live, symbols })
                .prop_map(Body::Sketch),
            (number(), number())
                .prop_map(|(first, count)| Body::More(proto::More { first, count })),
            prop::collection::vec(any::<u32>(), 0..40)
                .prop_map(|keys| Body::Wants(proto::Wants { keys })),
            (number(), target(), number(), any::<[bool; 2]>())
                .prop_map(|(nonce, subject, since_ms, [refused, contest])| {
                    let subject = Some(subject);
                    proto::Query { nonce, subject, since_ms, refused, contest }
                })
                .prop_map(Body::Query),
            (number(), 0..4_i32, number(), any::<bool>())
                .prop_map(|(nonce, verdict, word_ms, refused)| {
                    proto::Opinion { nonce, verdict, word_ms, refused }
                })
                .prop_map(Body::Opinion),
        ];
        let tags = prop::collection::btree_map("[a-z]{0,3}", "[a-z]{0,90}", 0..3);
        let reach = prop::collection::vec(0..9_u64, 0..12);
        let attributes =
            ("[a-z]{0,3}", prop::option::of(0..9_u32), any::<u32>(), "[a-z]{0,40}", tags, reach)
                .prop_map(|(name, port, counter, zone, tags, out_of_reach)| proto::Attributes {
                    name,
                    address: port.map(|port| proto::Address {
                        ip: Some(proto::address::Ip::Ipv4(0x0a00_0001)),
                        port,
                    }),
                    counter,
                    zone,
                    tags,
                    out_of_reach,
                    ..proto::Attributes::default()
                });
        let voters = prop_oneof![
            4 => prop::collection::vec(number(), 0..5)
                .prop_map(|voters| voters.into_iter().flat_map(u32::to_le_bytes).collect()),
            1 => prop::collection::vec(any::<u8>(), 0..24),
        ];
        let evidence = (0..6_i32, number(), voters);
        let update =
            (0..3_u64, any::<[u32; 3]>(), 0..8_i32, prop::option::of(attributes), evidence)
                .prop_map(
                    |(id, [generation, incarnation, age_ms], status, attributes, evidence)| {
                        let (reason, word_age_ms, voters) = evidence;
                        proto::Update {
                            id,
                            generation: generation.into(),
                            instance: 7,
                            incarnation,
                            status,
                            age_ms,
                            attributes,
                            reason,
                            word_age_ms,
                            voters,
                            ..proto::Update::default()
                        }
                    },
                );
        (heartbeat, body, prop::collection::vec(update, 0..4)).prop_map(
            |(heartbeat, body, updates)| {
                let heartbeat = Some(heartbeat);
                proto::Datagram { heartbeat, body: Some(body), updates }.encode_to_vec()
            },
        )
    }

    fn is_frequent(datagram: &Datagram) -> bool {
        matches!(
            datagram.body,
            Meaning::Ping { .. } | Meaning::Ack { .. } | Meaning::Gossip { .. } | Meaning::Compare
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_read_quickly_is_what_prost_reads(
            mut bytes in payload(),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let pool = AttributesPool::new(8);
            for _ in 0..2 {
                if let Some(quick) = datagram::read_quickly(&bytes, &pool) {
                    prop_assert_eq!(datagram::read(&bytes), Ok(quick));
                }
            }
        }

        #[test]
        fn the_usual_form_of_the_frequent_messages_is_read_quickly(bytes in payload()) {
            let pool = AttributesPool::new(8);
            if let Some(datagram) = datagram::read(&bytes).ok().filter(is_frequent) {
                prop_assert_eq!(datagram::read_quickly(&bytes, &pool), Some(datagram));
            }
        }

        #[test]
        fn what_is_written_is_what_prost_writes(bytes in payload()) {
            let Ok(Datagram { heartbeat, body, updates }) = datagram::read(&bytes) else {
                return Ok(());
            };
            let mut written = Vec::new();
            Message(&mut written).heartbeat_field(&heartbeat);
            Message(&mut written).body(&body, usize::MAX);
            updates.iter().for_each(|update| Message(&mut written).update_element(update));
            let prost = proto::Datagram::decode(written.as_slice()).unwrap().encode_to_vec();
            prop_assert_eq!(written, prost);
        }
    }

    #[test]
    fn stream_frames_are_written_as_prost_writes_them() {
        let life = Life { generation: 300, instance: Instance::from_u64(7).unwrap() };
        let version = Version::new(life, 1, Status::Left);
        let own = Claim { id: MemberId::of("a"), version, over: None };
        let own = Some(Update::claim(own));
        let parameters = Parameters {
            epoch: 1 << 20,
            detector: 0,
            detection_time: Duration::MAX,
            period: Duration::from_millis(7),
        };
        let parameters = Some(parameters);
        let (purpose, after) = (Purpose::Exchange, MemberId::from_u64(7));
        let hello = Hello { purpose, protocol: crate::PROTOCOL, own, parameters, after };
        let detail = "x".repeat(199) + "\u{e9}";
        for frame in [
            Frame::Hello(hello),
            Frame::Refuse(Refuse { code: RefuseCode::Leaving, detail, others: Vec::new() }),
            Frame::Ping { nonce: 0, target: Process::from_u32(0) },
            Frame::Ack { nonce: 1 << 31, not_me: true },
        ] {
            let mut written = Vec::new();
            Message(&mut written).frame(&frame);
            let prost = proto::StreamFrame::decode(written.as_slice()).unwrap().encode_to_vec();
            assert_eq!(written, prost, "{frame:?}");
        }
    }
}
