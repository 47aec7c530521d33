//! What a member says of itself besides being alive. A lattice of its own: an attribute change
//! never refutes a suspicion, and a suspicion never hides an attribute change.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::claim::Life;
use crate::id::{MemberId, Name};

/// A member's tags: small key-value pairs that travel with its record.
pub type Tags = BTreeMap<String, String>;

/// The most bytes that the tags of one member may take together, keys and values.
pub const MAX_TAG_BYTES: usize = 256;

/// The most tags of one member. With [`MAX_TAG_BYTES`] it keeps every record within the default
/// datagram budget.
pub const MAX_TAGS: usize = 32;

/// The most bytes of a zone's name.
pub const MAX_ZONE_BYTES: usize = 32;

/// The most members that one says it cannot reach.
pub const MAX_OUT_OF_REACH: usize = 8;

/// Which attributes are newer: compared left to right. The owner alone raises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributesVersion {
    /// The life in which the owner said it.
    pub life: Life,
    /// The owner's counter within the life.
    pub counter: u32,
}

/// What the application behind a member says of its readiness, apart from liveness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Serving {
    /// Not yet ready for work.
    Starting,
    /// Ready for work.
    #[default]
    Serving,
    /// Finishing what it has; give it nothing new.
    Draining,
    /// Present, but not able to work.
    NotServing,
}

impl Serving {
    /// Every serving state.
    pub const ALL: [Serving; 4] =
        [Serving::Starting, Serving::Serving, Serving::Draining, Serving::NotServing];

    /// The state in lower case with underscores, as shown to people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Serving::Starting => "starting",
            Serving::Serving => "serving",
            Serving::Draining => "draining",
            Serving::NotServing => "not_serving",
        }
    }
}

impl fmt::Display for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Serving {
    type Err = AttributesError;
    fn from_str(text: &str) -> Result<Serving, AttributesError> {
        Serving::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| AttributesError::Serving(text.to_owned()))
    }
}

/// The protocol versions that a member speaks, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolRange {
    /// The oldest it understands.
    pub min: u32,
    /// The newest it understands.
    pub max: u32,
}

impl ProtocolRange {
    /// The newest version that both speak, if there is one.
    pub fn common(self, other: ProtocolRange) -> Option<u32> {
        let newest = self.max.min(other.max);
        (newest >= self.min.max(other.min)).then_some(newest)
    }
}

impl fmt::Display for ProtocolRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.min, self.max)
    }
}

/// What a member says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// How new this is.
    pub version: AttributesVersion,
    /// The member's name; its id is the hash of it.
    pub name: Name,
    /// Where it can be reached, by datagram and by stream.
    pub address: SocketAddr,
    /// Whether the application is ready.
    pub serving: Serving,
    /// The failure zone it runs in; empty when it has not said.
    pub zone: String,
    /// Its tags.
    pub tags: Tags,
    /// The protocol versions it speaks.
    pub protocol: ProtocolRange,
    /// Live members that it cannot reach though others do: at most [`MAX_OUT_OF_REACH`], each once, in
    /// the order of their ids.
    pub out_of_reach: Vec<MemberId>,
}

/// Why attributes cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributesError {
    /// The tags take too many bytes.
    #[error("the tags take {0} bytes, keys and values together; the most is {MAX_TAG_BYTES}")]
    TagsTooLarge(usize),
    /// There are too many tags.
    #[error("there are {0} tags; the most is {MAX_TAGS}")]
    TooManyTags(usize),
    /// A tag has no key.
    #[error("a tag has an empty key; give it a name")]
    EmptyKey,
    /// The zone's name is too long.
    #[error("the zone has {0} bytes; the most is {MAX_ZONE_BYTES}")]
    ZoneTooLong(usize),
    /// Not a serving state.
    #[error("{0:?} is not a serving state; use starting, serving, draining or not_serving")]
    Serving(String),
    /// The protocol range is empty.
    #[error("the protocol range {0} is empty")]
    Protocol(ProtocolRange),
    /// Too many members are out of reach.
    #[error("{0} members are out of reach; the most that is said is {MAX_OUT_OF_REACH}")]
    OutOfReach(usize),
    /// Members out of reach are not in order, or one is there twice.
    #[error("the members out of reach are not in the order of their ids, each once")]
    OutOfReachOrder,
}

impl Attributes {
    /// Checks the bounds on tags, zone, protocol range and members out of reach.
    ///
    /// # Errors
    /// The first bound that is broken; nothing is changed.
    pub fn check(&self) -> Result<(), AttributesError> {
        let bytes: usize = self.tags.iter().map(|(k, v)| k.len() + v.len()).sum();
        if bytes > MAX_TAG_BYTES {
            return Err(AttributesError::TagsTooLarge(bytes));
        }
        if self.tags.len() > MAX_TAGS {
            return Err(AttributesError::TooManyTags(self.tags.len()));
        }
        if self.tags.contains_key("") {
            return Err(AttributesError::EmptyKey);
        }
        if self.zone.len() > MAX_ZONE_BYTES {
            return Err(AttributesError::ZoneTooLong(self.zone.len()));
        }
        if self.protocol.min > self.protocol.max {
            return Err(AttributesError::Protocol(self.protocol));
        }
        if self.out_of_reach.len() > MAX_OUT_OF_REACH {
            return Err(AttributesError::OutOfReach(self.out_of_reach.len()));
        }
        if !self.out_of_reach.is_sorted_by(|one, next| one < next) {
            return Err(AttributesError::OutOfReachOrder);
        }
        Ok(())
    }
}
