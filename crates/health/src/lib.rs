//! What heartbeats teach, as pure functions and small trackers.
//!
//! Every heartbeat says who speaks and which view it holds, some how loaded the speaker is.
//! [`Contacts`] keeps the latest of each peer heard lately, [`RoundTrip`] how long a link takes; [`Agreement`] says what follows for the
//! cluster as a whole.

mod agreement;
mod contacts;
pub mod history;
mod round_trip;

pub use agreement::Agreement;
pub use contacts::{Contact, Contacts};
pub use round_trip::RoundTrip;
