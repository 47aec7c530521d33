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
    #[error("bind: cannot listen on {address}: {source}; {}", remedy(source))]
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

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "free the port, or choose another one",
        io::ErrorKind::AddrNotAvailable => "use an address of this host, or 0.0.0.0 for all",
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 needs rights: choose another one, or grant them"
        }
        _ => "choose another address or port",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_fits_what_the_operating_system_said() {
        let says = |kind: io::ErrorKind| {
            let address = SocketAddr::from(([192, 0, 2, 1], 80));
            NodeError::Bind { address, source: kind.into() }.to_string()
        };
        assert!(says(io::ErrorKind::AddrInUse).contains("free the port"));
        assert!(says(io::ErrorKind::AddrNotAvailable).contains("an address of this host"));
        assert!(says(io::ErrorKind::PermissionDenied).contains("below 1024"));
        assert!(says(io::ErrorKind::OutOfMemory).contains("192.0.2.1:80"));
    }
}
