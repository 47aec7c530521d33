//! Members by number, and what they say, for benches.

use std::net::{IpAddr, SocketAddr};

use headcount_state::{
    Attributes, AttributesVersion, Claim, Instance as Process, Life, Name, Serving, Status, Tags,
    Update, Version,
};
use headcount_swim::Identity;
use headcount_wire::{Body, ClusterId, Heartbeat, PROTOCOL, Target};

pub(crate) fn cluster() -> ClusterId {
    ClusterId::of("hot")
}

pub(crate) fn address(member: u64) -> SocketAddr {
    let [.., a, b, c] = (member + 1).to_be_bytes();
    SocketAddr::from(([10, a, b, c], 7946))
}

/// The member that is there.
#[allow(dead_code, reason = "not every bench asks")]
pub(crate) fn member_at(address: SocketAddr) -> u64 {
    let IpAddr::V4(ip) = address.ip() else { unreachable!("members have IPv4 addresses") };
    u64::from(u32::from(ip) & 0x00ff_ffff) - 1
}

pub(crate) fn life(member: u64) -> Life {
    let instance = Process::from_u64((member + 1) << 40).expect("not zero");
    Life { generation: 1_893_456_000_000, instance }
}

pub(crate) fn identity(member: u64) -> Identity {
    Identity {
        name: Name::new(&format!("n{member}")).expect("a name"),
        address: address(member),
        life: life(member),
        tags: Tags::new(),
        zone: String::new(),
        serving: Serving::Serving,
    }
}

pub(crate) fn attributes(identity: Identity) -> Attributes {
    let Identity { name, address, life, tags, zone, serving } = identity;
    let version = AttributesVersion { life, counter: 0 };
    let out_of_reach = Vec::new();
    Attributes { version, name, address, serving, zone, tags, protocol: PROTOCOL, out_of_reach }
}

pub(crate) fn update(member: u64) -> Update {
    let attributes = attributes(identity(member));
    let version = Version::new(life(member), 0, Status::Alive);
    let claim = Claim { id: attributes.name.id(), version, over: None };
    Update { attributes: Some(attributes.into()), ..Update::claim(claim) }
}

pub(crate) fn target(member: u64) -> Target {
    Target::of(identity(member).name.id(), life(member))
}

pub(crate) fn ping(member: u64) -> Body {
    Body::Ping { nonce: 0x1234_5678, target: Some(target(member).process) }
}

pub(crate) fn heartbeat(member: u64) -> Heartbeat {
    Heartbeat {
        sender: target(member),
        seq: 100_000,
        view: 0x89ab_cdef,
        sync: 0xfedc_ba98_7654_3210,
        dead: 0,
        vitals: None,
        clock: None,
        epoch: 0,
        grade: 0,
    }
}
