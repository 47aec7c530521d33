//! The wire contract from outside: what goes in comes out, nothing outgrows its budget, and no
//! bytes from the network do harm.

#![expect(clippy::unwrap_used, reason = "a helper's failure is the test's failure")]

mod budget;
mod golden;
mod hostile;
mod round_trip;
mod samples;
mod sizes;
mod strategies;
