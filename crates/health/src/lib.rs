//! What heartbeats teach, as pure functions and small trackers.
//!
//! Every heartbeat says who speaks and which view it holds, some how loaded the speaker is.
//! [`Contacts`] keeps the latest of each peer heard lately; [`Agreement`] says what follows for the
//! cluster as a whole.

mod agreement;
mod contacts;

pub use agreement::Agreement;
pub use contacts::{Contact, Contacts};
