//! What measurements share: how their clusters begin, looks at all engines, what nodes have sent,
//! values by name.

pub(crate) mod cluster;
mod measures;

pub use measures::Measures;
pub(crate) use measures::{mean, mean_of_all, reached};
