//! What is wrong with a scenario, and what to change.

use std::fmt;

/// Why a scenario cannot be run: the file and line where known, the field, and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file, when it came from one.
    pub file: Option<String>,
    /// The line, counted from 1, when it came from text.
    pub line: Option<usize>,
    /// The field, as a path: `faults[2].nodes`. Empty when the text is no TOML.
    pub field: String,
    /// What is wrong and what to write instead.
    pub problem: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        match (&self.file, self.line) {
            (Some(_), Some(line)) => write!(f, "{line}: ")?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (Some(_), None) => write!(f, " ")?,
            (None, None) => {}
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{}", self.problem)
    }
}

impl std::error::Error for ScenarioError {}
