//! What a measurement gives.

use serde::Serialize;

use crate::measuring::Measures;

/// One row of the table. Serialized, its fields are those of `headcount sim scale --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What it is called: `idle-1000`.
    pub name: String,
    /// What kind of row it is: `idle`. Rows of one kind have the same measures.
    pub kind: &'static str,
    /// How many nodes were simulated.
    pub nodes: usize,
    /// The seed.
    pub seed: u64,
    /// How much virtual time passed, in seconds.
    pub virtual_s: f64,
    /// What was measured.
    pub measures: Measures,
}
