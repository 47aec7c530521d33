//! What a run found.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which.
    pub name: String,
    /// Whether it held.
    pub pass: bool,
    /// What was found; when it did not hold, the last line replays the run.
    pub detail: String,
}

impl Check {
    pub(crate) fn new(name: &str, pass: bool, detail: impl Into<String>) -> Check {
        Check { name: name.to_owned(), pass, detail: detail.into() }
    }
}

/// What a run found. Serialized, its fields are those of `headcount sim run --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// How many nodes there were, those that came later included.
    pub nodes: usize,
    /// How much virtual time passed, in seconds.
    pub virtual_s: f64,
    /// How much real time the run took, in seconds; 0 until [`Report::took`] sets it, since a
    /// simulation reads no clock.
    pub wall_s: f64,
    /// XXH3 over every delivery and every event, in hexadecimal: equal for equal runs.
    pub trace_hash: String,
    /// What was checked.
    pub checks: Vec<Check>,
    /// What was counted and measured. Names end in their unit.
    pub metrics: BTreeMap<String, f64>,
    /// Why the scenario cannot pass for now, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_to_fail: Option<String>,
}

/// How a run went, in the light of what was expected of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything held.
    Passed,
    /// Something did not hold.
    Failed,
    /// Something did not hold, and the scenario says why it cannot.
    FailedAsExpected,
    /// Everything held, though the scenario says that it cannot: take `expected_to_fail` out.
    PassedUnexpectedly,
}

impl Outcome {
    /// Whether the run is as it should be.
    pub fn is_good(self) -> bool {
        matches!(self, Outcome::Passed | Outcome::FailedAsExpected)
    }
}

impl Report {
    /// Sets how much real time the run took.
    pub fn took(self, wall: Duration) -> Report {
        Report { wall_s: wall.as_secs_f64(), ..self }
    }

    /// Whether every check held.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.pass)
    }

    /// How the run went.
    pub fn outcome(&self) -> Outcome {
        match (self.passed(), &self.expected_to_fail) {
            (true, None) => Outcome::Passed,
            (false, None) => Outcome::Failed,
            (false, Some(_)) => Outcome::FailedAsExpected,
            (true, Some(_)) => Outcome::PassedUnexpectedly,
        }
    }

    /// The check of this name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }
}

impl fmt::Display for Report {
    /// A few lines for people: the checks that failed in full, the others by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { scenario, seed, nodes, virtual_s, trace_hash, .. } = self;
        writeln!(f, "{scenario} seed {seed}: {nodes} nodes, {virtual_s} s, trace {trace_hash}")?;
        for check in &self.checks {
            let mark = if check.pass { "ok  " } else { "FAIL" };
            writeln!(f, "  {mark} {}: {}", check.name, check.detail.replace('\n', "\n       "))?;
        }
        match (self.outcome(), &self.expected_to_fail) {
            (Outcome::FailedAsExpected, Some(reason)) => {
                writeln!(f, "  failed as expected: {reason}")
            }
            (Outcome::PassedUnexpectedly, Some(reason)) => {
                writeln!(f, "  passed, though expected to fail: {reason}")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(pass: bool, expected_to_fail: Option<&str>) -> Report {
        Report {
            scenario: "s".to_owned(),
            seed: 1,
            nodes: 2,
            virtual_s: 3.0,
            wall_s: 0.0,
            trace_hash: "00".to_owned(),
            checks: vec![Check::new("a", true, ""), Check::new("b", pass, "")],
            metrics: BTreeMap::new(),
            expected_to_fail: expected_to_fail.map(str::to_owned),
        }
    }

    #[test]
    fn a_run_that_was_expected_to_fail_must_fail() {
        assert_eq!(report(true, None).outcome(), Outcome::Passed);
        assert_eq!(report(false, None).outcome(), Outcome::Failed);
        assert_eq!(report(false, Some("why")).outcome(), Outcome::FailedAsExpected);
        assert_eq!(report(true, Some("why")).outcome(), Outcome::PassedUnexpectedly);
        assert!(!Outcome::PassedUnexpectedly.is_good());
    }
}
