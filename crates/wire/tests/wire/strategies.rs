//! Proptest strategies for every message.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{
    Attributes, AttributesVersion, Claim, Evidence, Instance, Life, MAX_GENERATION,
    MAX_OUT_OF_REACH, MAX_ZONE_BYTES, MemberId, Name, ProtocolRange, Reason, Serving, Status,
    Symbol, Update, Version, Voters,
};
use headcount_wire::{
    Body, Frame, Heartbeat, Hello, Parameters, Process, Purpose, Refuse, RefuseCode, SketchPart,
    StreamFrame, TablePart, Target, Verdict, Vitals,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

pub(crate) fn instance() -> impl Strategy<Value = Instance> {
    (1..=u64::MAX).prop_filter_map("zero stands for none", Instance::from_u64)
}

pub(crate) fn member_id() -> impl Strategy<Value = MemberId> {
    (1..=u64::MAX).prop_filter_map("zero stands for none", MemberId::from_u64)
}

pub(crate) fn life() -> impl Strategy<Value = Life> {
    (0..=MAX_GENERATION, instance())
        .prop_map(|(generation, instance)| Life { generation, instance })
}

pub(crate) fn target() -> impl Strategy<Value = Target> {
    (member_id(), process()).prop_map(|(id, process)| Target { id, process })
}

pub(crate) fn process() -> impl Strategy<Value = Process> {
    number().prop_map(Process::from_u32)
}

/// Zeros, which the wire may leave out, come often.
pub(crate) fn number() -> impl Strategy<Value = u32> {
    prop_oneof![1 => Just(0), 3 => any::<u32>()]
}

pub(crate) fn address() -> impl Strategy<Value = SocketAddr> {
    let port = 1..=u16::MAX;
    (any::<IpAddr>(), port)
        .prop_filter("nobody lives there", |(ip, _)| {
            let plain = ip.to_canonical();
            !plain.is_unspecified() && !plain.is_multicast()
        })
        .prop_map(SocketAddr::from)
}

pub(crate) fn heartbeat() -> impl Strategy<Value = Heartbeat> {
    let vitals =
        (proptest::option::of(0..=100_u8), number(), 0..=100_u8).prop_map(|(load, up, warning)| {
            Vitals { load, uptime: Duration::from_secs(up.into()), warning }
        });
    let vitals = proptest::option::of(vitals);
    let clock = proptest::option::of(0..1_u16 << 14);
    let late = (clock, number(), 0..=100_u8);
    (target(), number(), number(), any::<u64>(), number(), vitals, late).prop_map(
        |(sender, seq, view, sync, dead, vitals, (clock, epoch, grade))| Heartbeat {
            sender,
            seq,
            view,
            sync,
            dead,
            vitals,
            clock,
            epoch,
            grade,
        },
    )
}

pub(crate) fn body() -> impl Strategy<Value = Body> {
    let symbol = any::<[u32; 3]>().prop_map(Symbol::new);
    let sketch = (number(), number(), vec(symbol, 0..150))
        .prop_map(|(first, live, symbols)| Body::Sketch(SketchPart { first, live, symbols }));
    let table =
        (any::<bool>(), any::<bool>()).prop_map(|(complete, reply)| TablePart { complete, reply });
    prop_oneof![
        (any::<u32>(), proptest::option::of(process()))
            .prop_map(|(nonce, target)| Body::Ping { nonce, target }),
        (any::<u32>(), proptest::option::of(target()), any::<bool>())
            .prop_map(|(nonce, responder, not_me)| Body::Ack { nonce, responder, not_me }),
        (any::<u32>(), target(), any::<bool>())
            .prop_map(|(nonce, target, want_nack)| Body::PingReq { nonce, target, want_nack }),
        any::<u32>().prop_map(|nonce| Body::Nack { nonce }),
        Just(Body::Compare),
        proptest::option::of(table).prop_map(|table| Body::Gossip { table }),
        sketch,
        (number(), number()).prop_map(|(first, count)| Body::More { first, count }),
        vec(any::<u32>(), 0..200).prop_map(|keys| Body::Wants { keys }),
        query(),
        opinion(),
    ]
}

fn query() -> impl Strategy<Value = Body> {
    (any::<u32>(), target(), millis(), any::<bool>(), any::<bool>()).prop_map(
        |(nonce, subject, since, refused, contest)| Body::Query {
            nonce,
            subject,
            since,
            refused,
            contest,
        },
    )
}

fn opinion() -> impl Strategy<Value = Body> {
    let verdict =
        proptest::sample::select(vec![Verdict::Abstain, Verdict::Vouch, Verdict::Confirm]);
    (any::<u32>(), verdict, millis(), any::<bool>())
        .prop_map(|(nonce, verdict, word, refused)| Body::Opinion { nonce, verdict, word, refused })
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let reason = proptest::sample::select(Reason::ALL.to_vec());
    (reason, millis(), vec(number(), 0..6)).prop_map(|(reason, word_age, voters)| {
        let voters = Voters::from_prefixes(voters);
        Evidence { reason, word_age, voters }
    })
}

fn millis() -> impl Strategy<Value = Duration> {
    number().prop_map(|millis| Duration::from_millis(millis.into()))
}

pub(crate) fn updates() -> impl Strategy<Value = Vec<Update>> {
    vec(update(), 0..40)
}

pub(crate) fn update() -> impl Strategy<Value = Update> {
    let status = proptest::sample::select(Status::ALL.to_vec());
    let version = (life(), any::<u32>(), status)
        .prop_map(|(life, incarnation, status)| Version::new(life, incarnation, status));
    (
        member_id(),
        version,
        proptest::option::of(instance()),
        proptest::option::of(attributes()),
        any::<bool>(),
        any::<u32>(),
        proptest::option::of(member_id()),
        proptest::option::of(evidence()),
    )
        .prop_map(|(id, version, over, attributes, same_life, age_ms, accuser, evidence)| {
            let attributes = attributes.map(|mut attributes| {
                if same_life {
                    attributes.version.life = version.life();
                }
                Arc::new(attributes)
            });
            let id = attributes.as_ref().map_or(id, |attributes| attributes.name.id());
            let age = Duration::from_millis(age_ms.into());
            Update { claim: Claim { id, version, over }, attributes, age, accuser, evidence }
        })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let name = "\\PC{1,60}".prop_filter_map("not a name", |text| Name::new(&text).ok());
    let tags = btree_map("[a-z]{1,8}", "\\PC{0,8}", 0..6);
    let protocol =
        any::<(u32, u32)>().prop_map(|(a, b)| ProtocolRange { min: a.min(b), max: a.max(b) });
    (
        life(),
        any::<u32>(),
        name,
        address(),
        proptest::sample::select(Serving::ALL.to_vec()),
        "\\PC{0,8}",
        tags,
        protocol,
        btree_set(member_id(), 0..=MAX_OUT_OF_REACH),
    )
        .prop_map(|(life, counter, name, address, serving, zone, tags, protocol, out_of_reach)| {
            let version = AttributesVersion { life, counter };
            let out_of_reach = out_of_reach.into_iter().collect();
            Attributes { version, name, address, serving, zone, tags, protocol, out_of_reach }
        })
        .prop_filter("within the bounds", |attributes| {
            attributes.zone.len() <= MAX_ZONE_BYTES && attributes.check().is_ok()
        })
}

pub(crate) fn stream_frame() -> impl Strategy<Value = StreamFrame> {
    let purpose = proptest::sample::select(vec![Purpose::Join, Purpose::Exchange]);
    let protocol =
        any::<(u32, u32)>().prop_map(|(a, b)| ProtocolRange { min: a.min(b), max: a.max(b) });
    let parameters = (number(), number(), number(), number()).prop_map(
        |(epoch, detector, detection_time, period)| Parameters {
            epoch,
            detector,
            detection_time: Duration::from_millis(detection_time.into()),
            period: Duration::from_millis(period.into()),
        },
    );
    let after = any::<u64>().prop_map(MemberId::from_u64);
    let optional = (proptest::option::of(update()), proptest::option::of(parameters), after);
    let hello =
        (purpose, protocol, optional).prop_map(|(purpose, protocol, (own, parameters, after))| {
            Frame::Hello(Hello { purpose, protocol, own, parameters, after })
        });
    let code = proptest::sample::select(vec![
        RefuseCode::Other,
        RefuseCode::Protocol,
        RefuseCode::Busy,
        RefuseCode::Leaving,
    ]);
    let refuse = (code, "\\PC{0,50}", vec(update(), 0..=16))
        .prop_map(|(code, detail, others)| Frame::Refuse(Refuse { code, detail, others }));
    let frame = prop_oneof![
        hello,
        refuse,
        (updates(), any::<bool>()).prop_map(|(updates, last)| Frame::Chunk { updates, last }),
        (any::<u32>(), process()).prop_map(|(nonce, target)| Frame::Ping { nonce, target }),
        (any::<u32>(), any::<bool>()).prop_map(|(nonce, not_me)| Frame::Ack { nonce, not_me }),
    ];
    (heartbeat(), frame).prop_map(|(heartbeat, frame)| StreamFrame { heartbeat, frame })
}
