use crate::header::HEADER_BYTES;

/// Why bytes from the network are refused. Data to count, by cause: the fault is the sender's or
/// the network's, and nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the fixed header has.
    #[error("shorter than the {HEADER_BYTES}-byte header")]
    TooShort,
    /// More bytes than a datagram or a frame may have.
    #[error("longer than a datagram or a frame may be")]
    TooLong,
    /// The first byte is not Headcount's.
    #[error("not a Headcount frame: the first byte is not 'H'")]
    NotHeadcount,
    /// A format that this build does not know.
    #[error("unknown frame format {0}; the sender may be newer, or seal its frames")]
    UnknownFormat(u8),
    /// A frame of another cluster, whose id is given.
    #[error("a frame of another cluster, {0:016x}")]
    ForeignCluster(u64),
    /// The checksum does not match: the bytes were damaged or cut on the way.
    #[error("the checksum does not match; the frame was damaged on the way")]
    Checksum,
    /// The payload is not the protobuf message that it should be.
    #[error("malformed payload: {0}")]
    Malformed(String),
    /// A field is missing or outside its range.
    #[error("the field `{field}` is missing or outside its range")]
    Invalid {
        /// Which field, as named in the `.proto` files.
        field: &'static str,
    },
}

impl DecodeError {
    pub(crate) fn invalid(field: &'static str) -> DecodeError {
        DecodeError::Invalid { field }
    }
}

impl From<prost::DecodeError> for DecodeError {
    fn from(error: prost::DecodeError) -> DecodeError {
        DecodeError::Malformed(error.to_string())
    }
}
