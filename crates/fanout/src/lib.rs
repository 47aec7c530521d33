//! Whom a Headcount node talks to next.
//!
//! [`Peers`] holds the members that one may talk to, once, and answers two questions about them,
//! deterministic given the generator passed in:
//! - *any of them*: gossip targets, relays and the exchange partner are drawn uniformly;
//! - *each of them in turn*: probes go by shuffled round-robin, which bounds how long a member can
//!   go unprobed (SWIM, section 4.3).
//!
//! [`Ring`] says who watches whom: the same on every node that holds the same view.
//!
//! A choice costs the same with a hundred thousand members as with ten.

mod indexed;
mod peers;
mod probe_order;
mod ring;
mod urn;

#[cfg(test)]
mod fixture;

pub use peers::Peers;
pub use ring::{Ring, whose_turn};
