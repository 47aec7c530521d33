//! Nodes on real loopback sockets, seen through the public API alone.

mod events;
mod harness;
mod health;
mod history;
mod hostile;
mod joining;
mod lifecycle;
mod membership;
mod quorum;
