//! The laws of the member table: order, lattice, vectors, forgetting, bounds, and the owner's
//! conduct.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod attributes;
mod changes;
mod fixture;
mod forgetting;
mod lattice;
mod order;
mod owner;
mod refusals;
mod vectors;
mod walk;
