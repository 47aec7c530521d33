//! What balancers are told of real nodes on loopback.

mod changes;
mod damping;
mod harness;
mod load;
mod zones;
