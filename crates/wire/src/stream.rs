use bytes::Bytes;
use headcount_state::{MemberId, ProtocolRange, Update};
use prost::Message;

use crate::cluster::ClusterId;
use crate::error::DecodeError;
use crate::header::{self, FrameWriter, HEADER_BYTES, LENGTH_BYTES};
use crate::heartbeat::Heartbeat;
use crate::parameters::Parameters;
use crate::pool::AttributesPool;
use crate::proto::stream_frame::Frame as ProtoFrame;
use crate::quick::{self, Payload};
use crate::target::Process;
use crate::{proto, update};

/// The most bytes of a stream frame, without the length before it.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// The smallest budget of a chunk: any update fits, so an exchange always gets on.
pub const MIN_CHUNK_BYTES: usize = 4 * 1024;

/// The most bytes of a refusal's words.
pub const MAX_REFUSE_DETAIL_BYTES: usize = 200;

/// The most members that a refusal names to ask instead.
pub const MAX_REFUSE_OTHERS: usize = 16;

/// What a stream frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The opening of either side.
    Hello(Hello),
    /// The refusal of a hello; the stream ends after it.
    Refuse(Refuse),
    /// A part of the sender's table. Built by [`ChunkBuilder`].
    Chunk {
        /// The rows.
        updates: Vec<Update>,
        /// The table ends here.
        last: bool,
    },
    /// A direct probe, where datagrams may be lost.
    Ping {
        /// A random number that the ack echoes.
        nonce: u32,
        /// Whom the sender means.
        target: Process,
    },
    /// The answer to it.
    Ack {
        /// The nonce of the ping.
        nonce: u32,
        /// Somebody lives here, but not the target of the ping.
        not_me: bool,
    },
}

/// The first frame of either side of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What the stream is for.
    pub purpose: Purpose,
    /// The protocol versions that the sender speaks.
    pub protocol: ProtocolRange,
    /// The sender's own record; `None`: it is not a member.
    pub own: Option<Update>,
    /// How the members of the sender's cluster watch each other; `None`: it has not said.
    pub parameters: Option<Parameters>,
    /// The sender has what the other side holds of members up to this one, from a stream that
    /// broke: please begin after it. `None`: from the start.
    pub after: Option<MemberId>,
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The caller wants to become a member.
    Join,
    /// A member wants the tables of both sides to become their join.
    Exchange,
}

/// Why a hello goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refuse {
    /// Why, for programs.
    pub code: RefuseCode,
    /// Why, for people. Cut to [`MAX_REFUSE_DETAIL_BYTES`] at a whole character.
    pub detail: String,
    /// Members to ask instead. Cut to the first [`MAX_REFUSE_OTHERS`].
    pub others: Vec<Update>,
}

/// Why a hello is refused, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefuseCode {
    /// For a reason told in words alone, or by a code that this build does not know.
    Other,
    /// No protocol version is common to both.
    Protocol,
    /// Too much was asked of it lately; ask the members named, or come back later.
    Busy,
    /// The node is leaving the cluster.
    Leaving,
}

/// One stream frame, decoded and valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFrame {
    /// What the sender says of itself.
    pub heartbeat: Heartbeat,
    /// What the frame is.
    pub frame: Frame,
}

/// Builds one chunk of a table within a budget of bytes.
#[derive(Clone, Debug)]
pub struct ChunkBuilder {
    writer: FrameWriter,
    budget: usize,
}

/// Room kept for the frame's body, which is written last: key, length, and the flag `last`.
const CHUNK_BODY_BYTES: usize = 4;

impl ChunkBuilder {
    /// A chunk with this heartbeat, of at most `budget` bytes without the length before it. The
    /// budget is taken to the nearest end of [`MIN_CHUNK_BYTES`] to [`MAX_FRAME_BYTES`] if it is
    /// outside.
    pub fn new(cluster: ClusterId, budget: usize, heartbeat: &Heartbeat) -> ChunkBuilder {
        let mut writer = FrameWriter::stream(cluster);
        writer.payload().heartbeat_field(heartbeat);
        ChunkBuilder { writer, budget: budget.clamp(MIN_CHUNK_BYTES, MAX_FRAME_BYTES) }
    }

    /// Adds `update` if it fits, and says whether it did; nothing has changed otherwise. The
    /// first always fits.
    pub fn push(&mut self, update: &Update) -> bool {
        self.writer.push(update, self.budget - CHUNK_BODY_BYTES)
    }

    /// The bytes to send, the frame's length before them; `last` says that the table ends here.
    pub fn finish(mut self, last: bool) -> Bytes {
        self.writer.payload().frame(&Frame::Chunk { updates: Vec::new(), last });
        self.writer.finish()
    }
}

/// The bytes of one frame to send, its length before them. Never more than [`MAX_FRAME_BYTES`]
/// and the length.
///
/// Build chunks with [`ChunkBuilder`], which says what fits. Of a chunk given here the rows
/// beyond the first that does not fit are left out, and it then does not claim to be the last.
pub fn encode_frame(cluster: ClusterId, frame: &StreamFrame) -> Bytes {
    let StreamFrame { heartbeat, frame } = frame;
    if let Frame::Chunk { updates, last } = frame {
        let mut chunk = ChunkBuilder::new(cluster, MAX_FRAME_BYTES, heartbeat);
        let complete = updates.iter().all(|update| chunk.push(update));
        return chunk.finish(*last && complete);
    }
    let mut writer = FrameWriter::stream(cluster);
    writer.payload().heartbeat_field(heartbeat);
    writer.payload().frame(frame);
    if let Frame::Refuse(Refuse { others, .. }) = frame {
        for other in others.iter().take(MAX_REFUSE_OTHERS) {
            writer.push(other, MAX_FRAME_BYTES);
        }
    }
    writer.finish()
}

/// How many bytes follow a frame's length, to be given to [`decode_frame`].
///
/// # Errors
/// [`DecodeError::TooLong`] beyond [`MAX_FRAME_BYTES`], [`DecodeError::TooShort`] when it cannot
/// hold a header: the stream is of no further use.
pub fn frame_length(prefix: [u8; LENGTH_BYTES]) -> Result<usize, DecodeError> {
    let length = usize::try_from(u32::from_be_bytes(prefix)).map_err(|_| DecodeError::TooLong)?;
    match length {
        ..HEADER_BYTES => Err(DecodeError::TooShort),
        HEADER_BYTES..=MAX_FRAME_BYTES => Ok(length),
        _ => Err(DecodeError::TooLong),
    }
}

/// Checks and decodes one stream frame of `cluster`, without the length before it.
///
/// # Errors
/// [`DecodeError`] names the cause; a frame is refused as a whole.
pub fn decode_frame(cluster: ClusterId, bytes: &[u8]) -> Result<StreamFrame, DecodeError> {
    decode_frame_with(cluster, bytes, &AttributesPool::new(0))
}

/// The same, with the help of a pool of attributes.
///
/// # Errors
/// As [`decode_frame`].
pub fn decode_frame_with(
    cluster: ClusterId,
    bytes: &[u8],
    pool: &AttributesPool,
) -> Result<StreamFrame, DecodeError> {
    if bytes.len() > MAX_FRAME_BYTES {
        return Err(DecodeError::TooLong);
    }
    let payload = header::open(cluster, bytes)?;
    read_quickly(payload, pool).map_or_else(|| read(payload), Ok)
}

/// What a valid chunk of the usual form means, the same as [`read`] says in less time.
fn read_quickly(payload: &[u8], pool: &AttributesPool) -> Option<StreamFrame> {
    let Payload { heartbeat, body, updates } = quick::chunk(payload, pool)?;
    let heartbeat = Heartbeat::from_proto(Some(heartbeat)).ok()?;
    Some(StreamFrame { heartbeat, frame: Frame::Chunk { updates, last: body.last } })
}

/// What any payload means: the contract.
fn read(payload: &[u8]) -> Result<StreamFrame, DecodeError> {
    let decoded = proto::StreamFrame::decode(payload)?;
    let heartbeat = Heartbeat::from_proto(decoded.heartbeat)?;
    let frame = match decoded.frame.ok_or(DecodeError::invalid("frame"))? {
        ProtoFrame::Hello(hello) => Frame::Hello(hello_from_proto(hello)?),
        ProtoFrame::Refuse(refuse) => Frame::Refuse(refuse_from_proto(refuse, decoded.updates)?),
        ProtoFrame::Chunk(proto::Chunk { last }) => {
            Frame::Chunk { updates: update::all_from_proto(decoded.updates)?, last }
        }
        ProtoFrame::Ping(ping) => Frame::Ping {
            nonce: ping.nonce,
            target: ping
                .target
                .map(Process::from_u32)
                .ok_or(DecodeError::invalid("ping.target"))?,
        },
        ProtoFrame::Ack(ack) => Frame::Ack { nonce: ack.nonce, not_me: ack.not_me },
    };
    Ok(StreamFrame { heartbeat, frame })
}

fn hello_from_proto(hello: proto::Hello) -> Result<Hello, DecodeError> {
    let purpose = match proto::Purpose::try_from(hello.purpose) {
        Ok(proto::Purpose::Join) => Purpose::Join,
        Ok(proto::Purpose::Exchange) => Purpose::Exchange,
        Ok(proto::Purpose::Unspecified) | Err(_) => {
            return Err(DecodeError::invalid("hello.purpose"));
        }
    };
    if hello.protocol_min > hello.protocol_max {
        return Err(DecodeError::invalid("hello.protocol_min"));
    }
    Ok(Hello {
        purpose,
        protocol: ProtocolRange { min: hello.protocol_min, max: hello.protocol_max },
        own: hello.own.map(update::from_proto).transpose()?,
        parameters: hello.parameters.map(Parameters::from_proto),
        after: MemberId::from_u64(hello.after),
    })
}

fn refuse_from_proto(
    refuse: proto::Refuse,
    others: Vec<proto::Update>,
) -> Result<Refuse, DecodeError> {
    if others.len() > MAX_REFUSE_OTHERS {
        return Err(DecodeError::invalid("updates"));
    }
    let code = match proto::RefuseCode::try_from(refuse.code) {
        Ok(proto::RefuseCode::Protocol) => RefuseCode::Protocol,
        Ok(proto::RefuseCode::Busy) => RefuseCode::Busy,
        Ok(proto::RefuseCode::Leaving) => RefuseCode::Leaving,
        Ok(proto::RefuseCode::Other) | Err(_) => RefuseCode::Other,
    };
    let others = update::all_from_proto(others)?;
    Ok(Refuse { code, detail: cut(&refuse.detail).to_owned(), others })
}

/// `detail` up to the last whole character within the bound.
pub(crate) fn cut(detail: &str) -> &str {
    let mut end = detail.len().min(MAX_REFUSE_DETAIL_BYTES);
    while !detail.is_char_boundary(end) {
        end -= 1;
    }
    &detail[..end]
}
