//! The trace hash: one number for everything that happened.

use std::fmt;

use headcount_state::Time;
use xxhash_rust::xxh3::Xxh3;

/// XXH3 over every delivery and every event, in order. Equal hashes mean that two runs did the
/// same, byte for byte.
#[derive(Clone)]
pub(crate) struct Trace {
    hash: Xxh3,
    entries: u64,
}

impl Trace {
    pub(crate) fn new(seed: u64) -> Trace {
        Trace { hash: Xxh3::with_seed(seed), entries: 0 }
    }

    /// Adds an entry: its kind, when, between whom (what these numbers mean depends on the kind)
    /// and what.
    pub(crate) fn add(&mut self, kind: u8, at: Time, from: u64, to: u64, bytes: &[u8]) {
        let mut head = [0u8; 33];
        head[0] = kind;
        head[1..9].copy_from_slice(&at.as_micros().to_le_bytes());
        head[9..17].copy_from_slice(&from.to_le_bytes());
        head[17..25].copy_from_slice(&to.to_le_bytes());
        head[25..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.hash.update(&head);
        self.hash.update(bytes);
        self.entries += 1;
    }

    /// The hash so far, as 16 hexadecimal digits.
    pub(crate) fn digest(&self) -> String {
        format!("{:016x}", self.hash.digest())
    }

    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({}, {} entries)", self.digest(), self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(entries: &[(u8, u64, u64, u64, &[u8])]) -> String {
        let mut trace = Trace::new(1);
        for (kind, ms, from, to, bytes) in entries {
            trace.add(*kind, Time::from_millis(*ms), *from, *to, bytes);
        }
        trace.digest()
    }

    #[test]
    fn every_part_of_an_entry_and_the_order_count() {
        let base = hash(&[(1, 2, 3, 4, b"x"), (1, 2, 3, 4, b"y")]);
        assert_eq!(base, hash(&[(1, 2, 3, 4, b"x"), (1, 2, 3, 4, b"y")]));
        for other in [
            [(1, 2, 3, 4, b"y"), (1, 2, 3, 4, b"x")],
            [(2, 2, 3, 4, b"x"), (1, 2, 3, 4, b"y")],
            [(1, 9, 3, 4, b"x"), (1, 2, 3, 4, b"y")],
            [(1, 2, 9, 4, b"x"), (1, 2, 3, 4, b"y")],
            [(1, 2, 3, 9, b"x"), (1, 2, 3, 4, b"y")],
        ] {
            assert_ne!(base, hash(&other.map(|(k, t, f, o, b)| (k, t, f, o, &b[..]))));
        }
    }
}
