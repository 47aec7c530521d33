//! Headcount's member table.
//!
//! A table maps member ids to records. A record is a product of two lattices, the claim
//! (alive, suspect, failed, ...) and the attributes (address, tags, ...), so merging two tables
//! in any order, any number of times, ends in the same join. This crate has no I/O, no clock and
//! no randomness: `now` is always an argument.

mod agenda;
mod attributes;
mod claim;
mod difference;
mod evidence;
mod field;
mod grounds;
mod id;
mod id_index;
mod id_order;
mod mapping;
mod marks;
mod memory;
mod merge;
mod own;
mod recent;
mod record;
mod rows;
mod rules;
mod sketch;
mod summary;
mod table;
mod time;
mod update;
mod version_vector;

pub use agenda::Agenda;
pub use attributes::{
    Attributes, AttributesError, AttributesVersion, MAX_OUT_OF_REACH, MAX_TAG_BYTES, MAX_TAGS,
    MAX_ZONE_BYTES, ProtocolRange, Serving, Tags,
};
pub use claim::{Claim, Life, MAX_GENERATION, MAX_GENERATION_STEP, Status, Version};
pub use difference::Difference;
pub use evidence::{Evidence, Reason, Voters};
pub use id::{Instance, MemberId, Name, NameError};
pub use id_index::IdIndex;
pub use marks::Lacking;
pub use memory::tree_bytes;
pub use merge::{Change, ChangeKind, Grace, Merged, Outcome, Refusal};
pub use own::{OwnAttributes, OwnChange, Standing};
pub use record::Record;
#[cfg(feature = "planted-bugs")]
pub use rules::Rules;
pub use sketch::{Marked, SKETCH_SYMBOLS_MAX, Sketch, Symbol};
pub use summary::Summary;
pub use table::{Expired, Limits, Occupancy, Table};
pub use time::Time;
pub use update::Update;
pub use version_vector::{VectorOrder, VersionVector};
