//! Whom a Headcount node talks to next.
//!
//! Two questions, two types, both deterministic given the generator passed in:
//! - [`Peers`] answers *any of them*: gossip targets, relays and the exchange partner are drawn
//!   uniformly from the non-failed members.
//! - [`ProbeOrder`] answers *each of them in turn*: shuffled round-robin, which bounds how long a
//!   member can go unprobed (SWIM, section 4.3).
//!
//! A choice costs the same with a hundred thousand members as with ten, but for a logarithm.

mod indexed;
mod peers;
mod probe_order;
mod urn;

#[cfg(test)]
mod fixture;

pub use peers::Peers;
pub use probe_order::ProbeOrder;
