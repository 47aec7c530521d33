//! Headcount's member table.
//!
//! A table maps member ids to records. A record is a product of two lattices, the claim
//! (alive, suspect, failed, ...) and the attributes (address, tags, ...), so merging two tables
//! in any order, any number of times, ends in the same join. This crate has no I/O, no clock and
//! no randomness: `now` is always an argument.

mod attributes;
mod claim;
mod id;
mod time;
mod update;

pub use attributes::{
    Attributes, AttributesError, AttributesVersion, MAX_TAG_BYTES, MAX_ZONE_BYTES, ProtocolRange,
    Serving, Tags,
};
pub use claim::{Claim, Life, MAX_GENERATION, MAX_GENERATION_STEP, Status, Version};
pub use id::{Instance, MemberId, Name, NameError};
pub use time::Time;
pub use update::Update;
