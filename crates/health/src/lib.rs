//! What heartbeats teach, as pure functions and small trackers.
//!
//! Every heartbeat says who speaks, how loaded it is and which view it holds. [`Contacts`] keeps
//! the latest of each peer heard lately and answers: whom did I hear lately, and do they agree with me?

mod contacts;

pub use contacts::{Agreement, Contact, Contacts};
