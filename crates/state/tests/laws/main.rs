//! The laws of the member table: order, lattice, vectors, forgetting, bounds, the owner's
//! conduct, and what tells two tables where they differ.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod attributes;
mod changes;
mod evidence;
mod fixture;
mod forgetting;
mod lattice;
mod order;
mod owner;
mod recent;
mod refusals;
mod sketches;
mod vectors;
mod walk;
