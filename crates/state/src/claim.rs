//! What is said of a member: the claim, and the version that orders claims.
//!
//! ```text
//! version = (generation, instance, terminal?, incarnation, status)      compared left to right
//!            alive < suspect < failed   |   terminal: closed < left < evicted  (incarnation 0)
//! ```
//! The order is total, so any set of claims has one join: the largest.

use std::cmp::Ordering;
use std::fmt;

use crate::id::{Instance, MemberId};

/// The largest generation anyone may claim. Larger ones are refused, so that a forged value can
/// never use up the numbers that an honest owner needs to climb over it.
pub const MAX_GENERATION: u64 = 1 << 62;

/// The largest step between the generation held and a new one. Generations start as Unix
/// milliseconds (about 2^41), so an honest step from any clock fits.
pub const MAX_GENERATION_STEP: u64 = 1 << 42;

/// One life of a member: from a start (or a return after a failure) to the next.
///
/// Only the owner raises the generation: to restart, and to refute its own failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Life {
    /// Which life of the name; starts as the Unix time in milliseconds. At most 2^62.
    pub generation: u64,
    /// Which process lives it.
    pub instance: Instance,
}

/// What a claim says of a life. The declaration order is the order of the lattice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The owner says that it is here.
    Alive,
    /// Somebody's probes went unanswered; the member may still refute.
    Suspect,
    /// Declared dead; the owner may return with a larger generation.
    Failed,
    /// This life is over and its story forgotten. Terminal.
    Closed,
    /// The owner said goodbye. Terminal.
    Left,
    /// An operator removed it. Terminal.
    Evicted,
}

impl Status {
    /// Every status, in lattice order.
    pub const ALL: [Status; 6] = [
        Status::Alive,
        Status::Suspect,
        Status::Failed,
        Status::Closed,
        Status::Left,
        Status::Evicted,
    ];

    /// Whether a member of this status counts as a member: alive or suspect.
    pub fn is_live(self) -> bool {
        self <= Status::Suspect
    }

    /// Whether no incarnation can follow within this life: closed, left or evicted.
    pub fn is_terminal(self) -> bool {
        self >= Status::Closed
    }

    /// The status in lower case, as shown to people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Alive => "alive",
            Status::Suspect => "suspect",
            Status::Failed => "failed",
            Status::Closed => "closed",
            Status::Left => "left",
            Status::Evicted => "evicted",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The version of a claim; larger versions win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    life: Life,
    incarnation: u32,
    status: Status,
}

impl Version {
    /// The version of `status` said of `life` at `incarnation`; terminal statuses have
    /// incarnation 0, whatever is given.
    pub fn new(life: Life, incarnation: u32, status: Status) -> Version {
        let incarnation = if status.is_terminal() { 0 } else { incarnation };
        Version { life, incarnation, status }
    }

    /// The life that is spoken of.
    pub fn life(&self) -> Life {
        self.life
    }

    /// The owner's counter within the life, raised to refute suspicions. 0 when terminal.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// What is said.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The same life and incarnation with another status.
    pub fn with_status(self, status: Status) -> Version {
        Version::new(self.life, self.incarnation, status)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        let key = |v: &Version| {
            (v.life.generation, v.life.instance, v.status.is_terminal(), v.incarnation, v.status)
        };
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Life { generation, instance } = self.life;
        write!(
            f,
            "{}({generation}.{:04x}/{})",
            self.status,
            instance.as_u64() >> 48,
            self.incarnation
        )
    }
}

/// One sentence about one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Of whom.
    pub id: MemberId,
    /// What is said, and how new it is.
    pub version: Version,
    /// Whose instance the owner knew to be a live rival of its name when it took this
    /// generation: the causal proof by which two namesakes settle on one. The owner alone sets
    /// it; everyone else copies it.
    pub over: Option<Instance>,
}

impl Claim {
    /// What is said.
    pub fn status(&self) -> Status {
        self.version.status
    }

    /// The life that is spoken of.
    pub fn life(&self) -> Life {
        self.version.life
    }

    /// Whether the claim says that the member is one: alive or suspect.
    pub fn is_live(&self) -> bool {
        self.status().is_live()
    }

    /// The same claim with another status, of the same life and incarnation.
    pub fn with_status(self, status: Status) -> Claim {
        Claim { version: self.version.with_status(status), ..self }
    }
}
