//! Members that no node is: they make tables large without a simulation of as many nodes. Each
//! answers pings at once and holds, by its heartbeat, the very table of whoever pings it, so that
//! nobody ever has a reason to accuse it or to exchange tables with it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use headcount_state::{
    Attributes, AttributesVersion, Claim, Instance, Life, Name, Serving, Status, Tags, Update,
    Version,
};
use headcount_swim::Transmit;
use headcount_wire::{
    Body, DEFAULT_BUDGET, DatagramBuilder, Heartbeat, PROTOCOL, Target, decode_datagram,
};

use crate::random::derive;
use crate::simulation::Simulation;

/// The network of the phantoms, 11.0.0.0/8: none of its addresses is ever a node's.
const NETWORK: u32 = 0x0b00_0000;

const GENERATION: u64 = 1_893_456_000_000;

/// What is known of phantom number `number` after so many changes of its attributes.
pub(super) fn phantom(number: usize, changes: u32) -> Update {
    let drawn = derive(0, "phantom", number as u64).max(1);
    let Some(instance) = Instance::from_u64(drawn) else { unreachable!("one or more") };
    let life = Life { generation: GENERATION, instance };
    let attributes = Attributes {
        version: AttributesVersion { life, counter: changes },
        name: name(number),
        address: address(number),
        serving: Serving::Serving,
        zone: String::new(),
        tags: Tags::from([("build".to_owned(), format!("r{changes}"))]),
        protocol: PROTOCOL,
        out_of_reach: Vec::new(),
    };
    let version = Version::new(life, 0, Status::Alive);
    let claim = Claim { id: attributes.name.id(), version, over: None };
    Update { attributes: Some(Arc::new(attributes)), ..Update::claim(claim) }
}

fn address(number: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(NETWORK | number as u32)), 7_946)
}

/// The number of the phantom that is there.
fn number_at(address: SocketAddr) -> Option<usize> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    let bits = u32::from(ip);
    (bits >> 24 == NETWORK >> 24).then_some((bits & !NETWORK) as usize)
}

fn name(number: usize) -> Name {
    let name = Name::new(&format!("phantom-{number}"));
    name.unwrap_or_else(|error| unreachable!("phantom {number}: {error}"))
}

impl Simulation {
    /// A node knows these phantoms from now on.
    pub(super) fn know_phantoms(&mut self, node: usize, phantoms: &[Update]) {
        self.phantoms = true;
        if let Some(running) = self.nodes[node].running.as_mut() {
            running.engine.know(running.clock.local(self.now), phantoms);
        }
        self.settle(node);
    }

    /// What remains to be sent of a datagram: nothing of one for a phantom, except that a word of
    /// the first node that says no more than which table it holds goes to the second one.
    pub(crate) fn meet_phantoms(&mut self, node: usize, transmit: Transmit) -> Option<Transmit> {
        let Some(number) = number_at(transmit.to).filter(|_| self.phantoms) else {
            return Some(transmit);
        };
        let cluster = self.config.cluster;
        let datagram = decode_datagram(cluster, &transmit.bytes).ok()?;
        match datagram.body {
            Body::Ping { nonce, target: Some(process) } => {
                let sender = Target { id: name(number).id(), process };
                let heartbeat = Heartbeat { sender, ..datagram.heartbeat };
                let ack = Body::Ack { nonce, responder: None, not_me: false };
                let ack = DatagramBuilder::new(cluster, DEFAULT_BUDGET, &heartbeat, &ack).finish();
                let running = self.nodes[node].running.as_mut()?;
                running.engine.receive(running.clock.local(self.now), transmit.to, &ack);
                None
            }
            Body::Compare if node == 0 && datagram.updates.is_empty() => {
                Some(Transmit { to: self.nodes.get(1)?.address, ..transmit })
            }
            _ => None,
        }
    }
}
