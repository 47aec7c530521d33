use std::io;
use std::net::SocketAddr;

use headcount_state::NameError;

/// Why a node cannot start, or cannot do what it is asked. Nothing has changed when it is
/// returned; after a failed start no port is bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A setting that cannot be: the caller's to correct.
    #[error("{field}: {value:?} {problem}")]
    Setting {
        /// Which setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A protocol setting, tags or zone out of their bounds: the caller's to correct.
    #[error(transparent)]
    Protocol(#[from] headcount_swim::Error),
    /// The member's name cannot be: the caller's to correct.
    #[error("name: {0}")]
    Name(#[from] NameError),
    /// The port cannot be bound, for datagrams and for streams.
    #[error("bind: cannot listen on {address}: {source}; free the port, or choose another one")]
    Bind {
        /// Where the node was to listen.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system has no randomness to give.
    #[error("the operating system gives no random numbers: {0}")]
    Randomness(String),
    /// The node has been shut down.
    #[error("this node has stopped; start another one")]
    Stopped,
}

impl NodeError {
    pub(crate) fn setting(
        field: &'static str,
        value: impl ToString,
        problem: impl ToString,
    ) -> NodeError {
        NodeError::Setting { field, value: value.to_string(), problem: problem.to_string() }
    }
}
