//! The fixed header before every payload, so that junk and foreign frames are refused before any
//! protobuf is read. A stream frame has its length before it.
//!
//! ```text
//!           0       1        2              10           14
//! [length] | magic | format | cluster id   | checksum   | payload ...
//!  u32 BE  |  'H'  |   1    | u64 LE       | u32 LE     | protobuf
//! ```

use bytes::{Buf, Bytes};
use headcount_state::Update;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::cluster::ClusterId;
use crate::encode::Message;
use crate::error::DecodeError;

/// The bytes of the header.
pub(crate) const HEADER_BYTES: usize = 14;

/// The bytes of the length before a stream frame.
pub(crate) const LENGTH_BYTES: usize = 4;

const MAGIC: u8 = b'H';
const FORMAT_PLAIN: u8 = 1;
const CHECKSUM_AT: usize = 10;

/// Header, heartbeat, body and a few claims fit so many bytes.
const USUAL_BYTES: usize = 256;

/// Checks the header of `frame` and answers its payload.
pub(crate) fn open(cluster: ClusterId, frame: &[u8]) -> Result<&[u8], DecodeError> {
    let Some((mut header, payload)) = frame.split_at_checked(HEADER_BYTES) else {
        return Err(DecodeError::TooShort);
    };
    if header.get_u8() != MAGIC {
        return Err(DecodeError::NotHeadcount);
    }
    let format = header.get_u8();
    if format != FORMAT_PLAIN {
        return Err(DecodeError::UnknownFormat(format));
    }
    let theirs = header.get_u64_le();
    if theirs != cluster.as_u64() {
        return Err(DecodeError::ForeignCluster(theirs));
    }
    if header.get_u32_le() != checksum(cluster, payload) {
        return Err(DecodeError::Checksum);
    }
    Ok(payload)
}

/// Builds one frame in one pass: messages are appended, never encoded again. Protobuf lets the
/// fields of one message be concatenated, so an update is added by writing its bytes alone.
#[derive(Clone, Debug)]
pub(crate) struct FrameWriter {
    cluster: ClusterId,
    bytes: Vec<u8>,
    header_at: usize,
}

impl FrameWriter {
    /// A frame for a datagram.
    pub(crate) fn datagram(cluster: ClusterId) -> FrameWriter {
        FrameWriter::new(cluster, 0)
    }

    /// A frame for a stream, with room for its length before it.
    pub(crate) fn stream(cluster: ClusterId) -> FrameWriter {
        FrameWriter::new(cluster, LENGTH_BYTES)
    }

    fn new(cluster: ClusterId, header_at: usize) -> FrameWriter {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.resize(header_at, 0);
        bytes.extend_from_slice(&[MAGIC, FORMAT_PLAIN]);
        bytes.extend_from_slice(&cluster.as_u64().to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        FrameWriter { cluster, bytes, header_at }
    }

    /// The bytes so far, header included, without a stream frame's length.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.header_at
    }

    /// The payload, to append fields to.
    pub(crate) fn payload(&mut self) -> Message<'_> {
        Message(&mut self.bytes)
    }

    /// Appends `update` if the frame stays within `limit` bytes, and says whether it did.
    pub(crate) fn push(&mut self, update: &Update, limit: usize) -> bool {
        let before = self.bytes.len();
        self.payload().update_element(update);
        let fits = self.len() <= limit;
        if !fits {
            self.bytes.truncate(before);
        }
        fits
    }

    /// Writes checksum and length, and answers the bytes to send.
    pub(crate) fn finish(mut self) -> Bytes {
        let length = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let (before, frame) = self.bytes.split_at_mut(self.header_at);
        before.copy_from_slice(&length.to_be_bytes()[..before.len()]);
        let (header, payload) = frame.split_at_mut(HEADER_BYTES);
        header[CHECKSUM_AT..].copy_from_slice(&checksum(self.cluster, payload).to_le_bytes());
        // Most frames are much smaller than the buffer, and may be under way for a while.
        Bytes::copy_from_slice(&self.bytes)
    }
}

/// The low 32 bits of XXH3-64 over the payload, seeded with the cluster id.
fn checksum(cluster: ClusterId, payload: &[u8]) -> u32 {
    xxh3_64_with_seed(payload, cluster.as_u64()) as u32
}
