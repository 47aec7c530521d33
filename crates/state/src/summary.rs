//! Hashes that sum up a table, kept in O(1) per change.
//!
//! Each is the wrapping sum of one 64-bit hash (XXH3) per record, so records can be taken out and
//! put in, in any order.

use std::net::{IpAddr, SocketAddr};

use xxhash_rust::xxh3::xxh3_64;

use crate::record::Record;

/// What two nodes compare to learn whether they hold the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Summary {
    /// Of the live members' (id, generation, instance, address): what people compare. A suspicion
    /// does not change it.
    pub view_id: u64,
    /// Of the live members' full versions, claim and attributes: equal sums mean equal live
    /// tables, so nothing has to be exchanged.
    pub sync: u64,
    /// Of the dead claims still held.
    pub dead: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, record: &Record) {
        let parts = Summary::of(record);
        self.view_id = self.view_id.wrapping_add(parts.view_id);
        self.sync = self.sync.wrapping_add(parts.sync);
        self.dead = self.dead.wrapping_add(parts.dead);
    }

    pub(crate) fn subtract(&mut self, record: &Record) {
        let parts = Summary::of(record);
        self.view_id = self.view_id.wrapping_sub(parts.view_id);
        self.sync = self.sync.wrapping_sub(parts.sync);
        self.dead = self.dead.wrapping_sub(parts.dead);
    }

    fn of(record: &Record) -> Summary {
        let claim = record.claim;
        let mut life = Element::new();
        life.number(claim.id.as_u64());
        life.number(claim.life().generation);
        life.number(claim.life().instance.as_u64());

        let mut version = life.clone();
        version.number(u64::from(claim.version.incarnation()));
        version.number(claim.status() as u64);

        if !record.is_live() {
            return Summary { dead: version.hash(), ..Summary::default() };
        }
        life.address(record.attributes.address);
        let said = record.attributes.version;
        version.number(said.life.generation);
        version.number(said.life.instance.as_u64());
        version.number(u64::from(said.counter));
        Summary { view_id: life.hash(), sync: version.hash(), dead: 0 }
    }
}

/// The bytes that one record adds to a hash.
#[derive(Clone)]
struct Element {
    bytes: [u8; 72],
    len: usize,
}

impl Element {
    fn new() -> Element {
        Element { bytes: [0; 72], len: 0 }
    }

    fn number(&mut self, value: u64) {
        self.push(&value.to_le_bytes());
    }

    fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => self.push(&ip.to_ipv6_mapped().octets()),
            IpAddr::V6(ip) => self.push(&ip.octets()),
        }
        self.push(&address.port().to_le_bytes());
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn hash(&self) -> u64 {
        xxh3_64(&self.bytes[..self.len])
    }
}
