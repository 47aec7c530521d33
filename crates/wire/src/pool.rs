//! Attributes that were decoded lately, so that the same bytes are neither read twice nor held
//! twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headcount_state::{Attributes, Life};
use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::DecodeError;
use crate::{proto, update};

/// What bytes mean as attributes, remembered for the ones met lately.
///
/// A member's attributes reach a node again and again, from everybody that tells of the member.
/// A driver of many engines hands clones of one pool to all of them, which then share what they
/// hold. It only saves time and memory: with or without one, what is decoded is the same.
#[derive(Clone, Debug)]
pub struct AttributesPool {
    shared: Arc<Mutex<Generations>>,
}

/// The entries that came or were used lately, and the ones before them, which are dropped when
/// the young ones are enough.
#[derive(Debug)]
struct Generations {
    young: BTreeMap<u64, Entry>,
    old: BTreeMap<u64, Entry>,
    capacity: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The life of the claim beside them, which attributes leave out when it is theirs.
    life: Life,
    bytes: Box<[u8]>,
    attributes: Arc<Attributes>,
}

impl AttributesPool {
    /// A pool of at most twice so many entries, each of about 300 bytes. 0: it remembers nothing.
    pub fn new(capacity: usize) -> AttributesPool {
        let (young, old) = (BTreeMap::new(), BTreeMap::new());
        let generations = Generations { young, old, capacity };
        AttributesPool { shared: Arc::new(Mutex::new(generations)) }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        let generations = self.generations();
        generations.young.len() + generations.old.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The attributes that `bytes` are, beside a claim about `life`.
    pub(crate) fn decoded(&self, life: Life, bytes: &[u8]) -> Result<Arc<Attributes>, DecodeError> {
        let mut generations = self.generations();
        if generations.capacity == 0 {
            drop(generations);
            return decode(life, bytes);
        }
        let hash = xxh3_64(bytes);
        if let Some(known) = generations.find(hash, life, bytes) {
            return Ok(known);
        }
        let attributes = decode(life, bytes)?;
        let entry = Entry { life, bytes: bytes.into(), attributes: Arc::clone(&attributes) };
        generations.insert(hash, entry);
        Ok(attributes)
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        // Every entry is whole at any moment, whoever panicked while it held the lock.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn find(&mut self, hash: u64, life: Life, bytes: &[u8]) -> Option<Arc<Attributes>> {
        let is_it = |entry: &&Entry| entry.life == life && *entry.bytes == *bytes;
        if let Some(entry) = self.young.get(&hash).filter(is_it) {
            return Some(Arc::clone(&entry.attributes));
        }
        let entry = self.old.get(&hash).filter(is_it)?.clone();
        let attributes = Arc::clone(&entry.attributes);
        self.insert(hash, entry);
        Some(attributes)
    }

    fn insert(&mut self, hash: u64, entry: Entry) {
        if self.young.len() >= self.capacity {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, entry);
    }
}

fn decode(life: Life, bytes: &[u8]) -> Result<Arc<Attributes>, DecodeError> {
    let message = proto::Attributes::decode(bytes)?;
    update::attributes_from_proto(message, life).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headcount_state::Instance;

    fn life(generation: u64) -> Life {
        Life { generation, instance: Instance::from_u64(1).unwrap() }
    }

    fn bytes(name: &str) -> Vec<u8> {
        let ip = Some(proto::address::Ip::Ipv4(0x0a00_0001));
        let address = Some(proto::Address { ip, port: 1 });
        proto::Attributes { name: name.to_owned(), address, ..Default::default() }.encode_to_vec()
    }

    #[test]
    fn the_same_bytes_beside_the_same_life_are_held_once() {
        let (pool, clone) = (AttributesPool::new(4), AttributesPool::new(4).clone());
        let first = pool.decoded(life(1), &bytes("a")).unwrap();
        assert!(Arc::ptr_eq(&first, &pool.clone().decoded(life(1), &bytes("a")).unwrap()));
        assert!(!Arc::ptr_eq(&first, &clone.decoded(life(1), &bytes("a")).unwrap()));
        let later = pool.decoded(life(2), &bytes("a")).unwrap();
        assert_eq!((first.version.life, later.version.life), (life(1), life(2)));
        assert!(pool.decoded(life(1), b"junk").is_err());
    }

    #[test]
    fn entries_that_are_used_outlive_the_others_and_their_number_is_bounded() {
        let pool = AttributesPool::new(4);
        let kept = pool.decoded(life(1), &bytes("kept")).unwrap();
        for number in 0..100 {
            pool.decoded(life(1), &bytes(&format!("other {number}"))).unwrap();
            let again = pool.decoded(life(1), &bytes("kept")).unwrap();
            assert!(Arc::ptr_eq(&kept, &again));
            assert!(pool.len() <= 8);
        }
        assert!(AttributesPool::new(0).decoded(life(1), &bytes("a")).is_ok());
    }
}
