//! What the engine asks of whoever drives it.

use std::net::SocketAddr;

use bytes::Bytes;

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// What. At most the configured budget.
    pub bytes: Bytes,
}

/// One stream, as engine and driver call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u64);

/// A stream that the driver is to open. It then asks [`crate::Engine::stream_next`] what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamOpen {
    /// What to call it.
    pub id: StreamId,
    /// Where to.
    pub to: SocketAddr,
}

/// What the driver is to do next with a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamStep {
    /// Write these bytes (length prefix included), then ask again.
    Send(Bytes),
    /// Read the next frame and hand it to the engine, then ask again.
    Receive,
    /// Close it; the engine has forgotten it.
    Close,
}

/// How a stream ended before the engine was done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The peer closed it.
    Finished,
    /// Nothing listens at the address.
    Refused,
    /// It could not be opened, broke, or took too long; in words.
    Failed(String),
}
