//! Fixed messages, for golden bytes, sizes and hostile bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{
    Attributes, AttributesVersion, Claim, Evidence, Instance, Life, MAX_GENERATION, MAX_TAG_BYTES,
    MAX_TAGS, MAX_ZONE_BYTES, MemberId, Name, ProtocolRange, Reason, Serving, Status, Symbol, Tags,
    Update, Version, Voters,
};
use headcount_wire::{
    Body, ClusterId, DatagramBuilder, Frame, Heartbeat, Hello, PROTOCOL, Purpose, Refuse,
    RefuseCode, SketchPart, StreamFrame, TablePart, Target, Verdict, Vitals,
};

pub(crate) const CLUSTER: ClusterId = ClusterId::from_u64(0x0123_4567_89ab_cdef);

/// A generation as a start in the year 2026 makes it.
const GENERATION: u64 = 1_793_000_000_000;

pub(crate) fn life(number: u64) -> Life {
    let instance = Instance::from_u64(0x1111_2222_3333_0000 + number).unwrap();
    Life { generation: GENERATION + number, instance }
}

pub(crate) fn target(name: &str) -> Target {
    Target::of(MemberId::of(name), life(7))
}

/// A heartbeat with every field said but the clock.
pub(crate) fn heartbeat() -> Heartbeat {
    let vitals = Vitals { load: Some(42), uptime: Duration::from_secs(86_400), warning: 0 };
    Heartbeat { dead: 0xdead_dead, vitals: Some(vitals), ..idle_heartbeat() }
}

/// A heartbeat as most are: nobody died lately, and the sender need not say how it is.
pub(crate) fn idle_heartbeat() -> Heartbeat {
    Heartbeat {
        sender: target("orders-7"),
        seq: 99_999,
        view: 0xaaaa_bbbb,
        sync: 0x0102_0304_0506_0708,
        dead: 0,
        vitals: None,
        clock: None,
        epoch: 0,
        grade: 0,
    }
}

/// The same of a sender that keeps a clock.
pub(crate) fn clocked(heartbeat: Heartbeat) -> Heartbeat {
    Heartbeat { clock: Some(12_345), ..heartbeat }
}

/// The heartbeat of an ack in an idle cluster.
pub(crate) fn idle_ack_heartbeat() -> Heartbeat {
    let vitals = Vitals { load: None, uptime: Duration::from_secs(86_400), warning: 0 };
    Heartbeat { vitals: Some(vitals), ..idle_heartbeat() }
}

/// A record as most are: alive, named, with an IPv4 address and one tag.
pub(crate) fn record(number: u64) -> Update {
    let name = Name::new(&format!("orders-{number}")).unwrap();
    let version = Version::new(life(number), 2, Status::Alive);
    let attributes = Attributes {
        version: AttributesVersion { life: life(number), counter: 1 },
        name: name.clone(),
        address: SocketAddr::from(([10, 0, 0, (number % 250) as u8], 7946)),
        serving: Serving::Serving,
        zone: String::new(),
        tags: Tags::from([("role".to_owned(), "api".to_owned())]),
        protocol: PROTOCOL,
        out_of_reach: Vec::new(),
    };
    Update {
        claim: Claim { id: name.id(), version, over: None },
        attributes: Some(Arc::new(attributes)),
        age: Duration::from_millis(1_500),
        accuser: None,
        evidence: None,
    }
}

pub(crate) fn suspicion() -> Update {
    let version = Version::new(life(9), 3, Status::Suspect);
    Update {
        claim: Claim { id: MemberId::of("orders-9"), version, over: None },
        attributes: None,
        age: Duration::from_millis(250),
        accuser: Some(MemberId::of("orders-1")),
        evidence: None,
    }
}

/// A failed claim that the accuser and two others stand for.
pub(crate) fn failure() -> Update {
    let voters = ["orders-1", "orders-2", "orders-3"].map(MemberId::of);
    let suspicion = suspicion();
    let evidence = Evidence {
        reason: Reason::Refused,
        word_age: Duration::from_millis(1_800),
        voters: Voters::of(voters),
    };
    let claim = suspicion.claim.with_status(Status::Failed);
    Update { claim, evidence: Some(evidence), ..suspicion }
}

/// A record with every field said but evidence, in a life that its attributes were not said in.
pub(crate) fn full_record() -> Update {
    let plain = record(8);
    let attributes = Attributes {
        version: AttributesVersion { life: life(5), counter: 300 },
        address: "[2001:db8::8]:7946".parse().unwrap(),
        serving: Serving::Draining,
        zone: "eu-west-1a".to_owned(),
        tags: Tags::from([
            ("empty".to_owned(), String::new()),
            ("role".to_owned(), "api".to_owned()),
        ]),
        protocol: ProtocolRange { min: 1, max: 3 },
        out_of_reach: vec![MemberId::of("db-1"), MemberId::of("db-2")],
        ..(**plain.attributes.as_ref().unwrap()).clone()
    };
    let version = Version::new(life(8), 4, Status::Failed);
    Update {
        claim: Claim { version, over: Some(life(6).instance), ..plain.claim },
        attributes: Some(Arc::new(attributes)),
        accuser: Some(MemberId::of("orders-1")),
        ..plain
    }
}

/// The largest claim there is.
pub(crate) fn largest_bare() -> Update {
    let life = Life { generation: MAX_GENERATION, instance: Instance::from_u64(u64::MAX).unwrap() };
    Update {
        claim: Claim {
            id: MemberId::of("anyone"),
            version: Version::new(life, u32::MAX, Status::Failed),
            over: Some(life.instance),
        },
        attributes: None,
        age: Duration::MAX,
        accuser: Some(MemberId::of("someone")),
        evidence: Some(Evidence {
            reason: Reason::Link,
            word_age: Duration::MAX,
            voters: Voters::from_prefixes((0..Voters::MAX as u32).map(|number| u32::MAX - number)),
        }),
    }
}

/// The largest record there is with these tags.
pub(crate) fn largest_record(tags: Tags) -> Update {
    let bare = largest_bare();
    let name = Name::new(&"n".repeat(Name::MAX_BYTES)).unwrap();
    let attributes = Attributes {
        version: AttributesVersion {
            life: Life { generation: MAX_GENERATION, ..life(1) },
            counter: u32::MAX,
        },
        name: name.clone(),
        address: "[2001:db8::8]:65535".parse().unwrap(),
        serving: Serving::NotServing,
        zone: "z".repeat(MAX_ZONE_BYTES),
        tags,
        protocol: ProtocolRange { min: u32::MAX, max: u32::MAX },
        out_of_reach: Vec::new(),
    };
    attributes.check().unwrap();
    let claim = Claim { id: name.id(), ..bare.claim };
    Update { claim, attributes: Some(Arc::new(attributes)), ..bare }
}

/// One tag that takes all bytes that tags may take.
pub(crate) fn one_large_tag() -> Tags {
    Tags::from([("k".to_owned(), "v".repeat(MAX_TAG_BYTES - 1))])
}

/// As many tags as there may be, of as many bytes: each costs six bytes besides its own.
pub(crate) fn most_tags() -> Tags {
    let value = "v".repeat(MAX_TAG_BYTES / MAX_TAGS - 1);
    (0..MAX_TAGS).map(|key| (char::from(key as u8).to_string(), value.clone())).collect()
}

pub(crate) fn symbols(count: u32) -> Vec<Symbol> {
    let symbol = |number| Symbol::new([0x0807_0605, number, 0x0c0b_0a00 + number]);
    (0..count).map(symbol).collect()
}

pub(crate) fn bodies() -> [(&'static str, Body); 11] {
    [
        ("ping", Body::Ping { nonce: 0x0a0b_0c0d, target: Some(target("orders-2").process) }),
        (
            "ack",
            Body::Ack { nonce: 0x0a0b_0c0d, responder: Some(target("orders-2")), not_me: true },
        ),
        (
            "ping-req",
            Body::PingReq { nonce: 0x0a0b_0c0d, target: target("orders-2"), want_nack: true },
        ),
        ("nack", Body::Nack { nonce: 0x0a0b_0c0d }),
        ("gossip", Body::Gossip { table: Some(TablePart { complete: true, reply: true }) }),
        ("sketch", Body::Sketch(SketchPart { first: 3, live: 300, symbols: symbols(2) })),
        ("more", Body::More { first: 5, count: 300 }),
        ("wants", Body::Wants { keys: vec![0x1112_1314, 1] }),
        ("compare", Body::Compare),
        (
            "query",
            Body::Query {
                nonce: 0x0a0b_0c0d,
                subject: target("orders-2"),
                since: Duration::from_millis(1_500),
                refused: true,
                contest: true,
            },
        ),
        (
            "opinion",
            Body::Opinion {
                nonce: 0x0a0b_0c0d,
                verdict: Verdict::Confirm,
                word: Duration::from_millis(1_800),
                refused: true,
            },
        ),
    ]
}

pub(crate) fn frames() -> [(&'static str, StreamFrame); 5] {
    [
        (
            "hello",
            Frame::Hello(Hello {
                purpose: Purpose::Join,
                protocol: PROTOCOL,
                own: Some(record(7)),
                parameters: None,
                after: None,
            }),
        ),
        (
            "refuse",
            Frame::Refuse(Refuse {
                code: RefuseCode::Busy,
                detail: "8 joins at once".to_owned(),
                others: vec![record(2)],
            }),
        ),
        ("chunk", Frame::Chunk { updates: vec![full_record(), suspicion()], last: true }),
        ("stream ping", Frame::Ping { nonce: 0x0a0b_0c0d, target: target("orders-2").process }),
        ("stream ack", Frame::Ack { nonce: 0x0a0b_0c0d, not_me: true }),
    ]
    .map(|(name, frame)| (name, StreamFrame { heartbeat: heartbeat(), frame }))
}

/// A datagram with something of everything.
pub(crate) fn rich_datagram() -> Vec<u8> {
    let [_, _, _, _, (_, body), ..] = bodies();
    let mut builder = DatagramBuilder::new(CLUSTER, 1_400, &heartbeat(), &body);
    assert_eq!(builder.pack(&[record(7), suspicion(), full_record()]), 3);
    builder.finish().to_vec()
}

/// A datagram that says the clock and what an accusation rests on.
pub(crate) fn accusing_datagram() -> Vec<u8> {
    let heartbeat = clocked(idle_heartbeat());
    let mut builder = DatagramBuilder::new(CLUSTER, 512, &heartbeat, &Body::Compare);
    assert!(builder.push(&failure()));
    builder.finish().to_vec()
}
