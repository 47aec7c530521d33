//! Scenarios that once found a bug.

use serde::{Deserialize, Serialize};

/// What a scenario has found: it stays in `simulations/regressions`, and its seeds are run for ever.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// The seeds that found the bug. At least one.
    pub seeds: Vec<u64>,
    /// What the bug was, in a line.
    pub found: String,
    /// The commit that mended it, by its first line.
    pub mended: String,
}
