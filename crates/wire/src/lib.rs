//! Headcount's wire contract: bytes to domain types and back, within a datagram budget.
//!
//! A datagram is a fixed header, a [`Heartbeat`], one [`Body`] and as many [`Update`]s as the
//! budget holds; a stream carries [`Frame`]s of the same make. Bytes are checked once, at this
//! door: what comes out of [`decode_datagram`] and [`decode_frame`] is valid, and whatever is
//! refused is a [`DecodeError`] to count, never a panic. `docs/protocol.md` is the contract in
//! words, `proto/headcount/v1` field by field.
//!
//! [`Update`]: headcount_state::Update

mod address;
mod cluster;
mod datagram;
mod encode;
mod error;
mod header;
mod heartbeat;
mod parameters;
mod pool;
mod quick;
mod sketch;
mod stream;
mod target;
mod update;

#[allow(missing_docs, unreachable_pub, clippy::all)]
mod proto {
    include!("generated/headcount.v1.rs");
}

pub use cluster::ClusterId;
pub use datagram::{
    Body, DEFAULT_BUDGET, Datagram, DatagramBuilder, MAX_BUDGET, MIN_BUDGET, TablePart, Verdict,
    decode_datagram, decode_datagram_with,
};
pub use error::DecodeError;
pub use heartbeat::{Heartbeat, Vitals};
pub use parameters::Parameters;
pub use pool::AttributesPool;
pub use sketch::{SYMBOL_BYTES, SketchPart, sketch_room, wants_room};
pub use stream::{
    ChunkBuilder, Frame, Hello, MAX_FRAME_BYTES, MAX_REFUSE_DETAIL_BYTES, MAX_REFUSE_OTHERS,
    MIN_CHUNK_BYTES, Purpose, Refuse, RefuseCode, StreamFrame, decode_frame, decode_frame_with,
    encode_frame, frame_length,
};
pub use target::{Process, Target};
pub use update::update_bytes;

use headcount_state::ProtocolRange;

/// The protocol versions that this build speaks.
pub const PROTOCOL: ProtocolRange = ProtocolRange { min: 1, max: 1 };
