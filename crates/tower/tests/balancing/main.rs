//! What balancers are told of real nodes on loopback.

mod changes;
mod damping;
mod harness;
mod load;
#[cfg(feature = "tonic")]
mod tonic;
mod zones;
