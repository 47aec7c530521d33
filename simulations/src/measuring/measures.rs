//! Values by name, and what many values come to.

use serde::{Serialize, Serializer};

/// Values by name, in the order of the table's columns. Names end in their unit; a value that the
/// run did not live to see is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measures(Vec<(&'static str, Option<f64>)>);

impl Measures {
    /// Adds a value.
    pub(crate) fn add(&mut self, name: &'static str, value: impl Into<Option<f64>>) {
        self.0.push((name, value.into()));
    }

    /// The value of this name, if it was measured.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(held, _)| *held == name)?.1
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<f64>)> {
        self.0.iter().copied()
    }
}

impl Serialize for Measures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// The mean; `None` of nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The mean, if all of them are there.
pub(crate) fn mean_of_all(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    mean(&values.into_iter().collect::<Option<Vec<f64>>>()?)
}

/// The least of the sorted `values` within which lie `share` of `all`; `None` if fewer are there.
pub(crate) fn reached(values: &[f64], share: f64, all: usize) -> Option<f64> {
    let rank = (share * all as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_reached_when_so_many_of_all_are_there() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(reached(&values, 0.5, 4), Some(2.0));
        assert_eq!(reached(&values, 0.999, 4), Some(4.0));
        assert_eq!(reached(&values, 0.5, 8), Some(4.0));
        assert_eq!(reached(&values, 1.0, 5), None);
    }

    #[test]
    fn a_mean_of_values_of_which_one_is_missing_is_missing() {
        assert_eq!(mean_of_all([Some(1.0), Some(3.0)]), Some(2.0));
        assert_eq!(mean_of_all([Some(1.0), None]), None);
    }
}
