//! What the end-to-end tests share: the real program, its processes, and networks of their own.

mod agent;
mod namespace;
mod program;

pub use agent::Agent;
pub use namespace::{Namespace, in_namespace};
pub use program::{example, members, program};

use std::time::{Duration, Instant};

/// Waits until `done`, and panics with `what` when something must be hanging. The bound is no
/// verdict on speed: it is far longer than any wait takes on the slowest machine.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(90), "this never came true: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The README's examples are compiled and run as they stand there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
