use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

/// Which cluster a frame belongs to: a stable 64-bit hash (XXH3) of the cluster's name.
///
/// It stands in every frame, so that two clusters that reach each other by accident stay two.
/// It is no secret and keeps nobody out on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(u64);

impl ClusterId {
    /// The id of the cluster of this name.
    pub fn of(name: &str) -> ClusterId {
        ClusterId(xxh3_64(name.as_bytes()))
    }

    /// The id with this number.
    pub const fn from_u64(raw: u64) -> ClusterId {
        ClusterId(raw)
    }

    /// The id as a number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
