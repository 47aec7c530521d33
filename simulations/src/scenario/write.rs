//! Writing scenarios: what [`Scenario::from_toml`] reads.

use crate::scenario::{Scenario, ScenarioError};

impl Scenario {
    /// The scenario as TOML, without what is as it is by default; reading it gives an equal one.
    ///
    /// # Errors
    /// [`ScenarioError`] if TOML cannot hold a value of it.
    pub fn to_toml(&self) -> Result<String, ScenarioError> {
        toml::to_string(self).map_err(|error| ScenarioError {
            file: self.file.clone(),
            line: None,
            field: String::new(),
            problem: format!("cannot be written as TOML: {error}"),
        })
    }
}

/// Whether a field can be left out, as its default says the same.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Expect, Fault, Targets};

    const SEC: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_as_by_default_is_not_written() {
        let text = Scenario::new("calm", 3, 90 * SEC).to_toml().unwrap();
        assert_eq!(text, "name = \"calm\"\nnodes = 3\nduration = \"90s\"\n");
    }

    #[test]
    fn a_scenario_built_in_rust_is_read_back_as_it_was() {
        let built = Scenario::new("built", 3, 90 * SEC)
            .fault(Fault::crash(SEC, Targets::nodes(&["n1"])))
            .fault(Fault::partition(2 * SEC, 3 * SEC, &[&["n0"], &["n1-n2"]]))
            .expect(Expect { no_false_failures: false, ..Expect::default() });
        assert_eq!(Scenario::from_toml(&built.to_toml().unwrap()), Ok(built));
    }
}
