//! Does every bounded part of every engine keep its bound?

use std::collections::BTreeMap;

use headcount_state::Time;
use headcount_swim::Part;

use crate::checkers::{Metrics, Violations};
use crate::report::Check;

/// How full the parts of all engines have been.
#[derive(Debug, Default)]
pub(crate) struct Occupancy {
    /// By part: the fullest that any node was seen.
    peaks: BTreeMap<&'static str, usize>,
    violations: Violations,
}

impl Occupancy {
    /// A look at the parts of a node.
    pub(crate) fn looked(&mut self, at: Time, node: usize, parts: &[Part]) {
        for Part { name, len, bound } in parts.iter().copied() {
            let peak = self.peaks.entry(name).or_default();
            *peak = len.max(*peak);
            if len > bound {
                self.violations.add(|| format!("{at}: node {node} has {len} {name}, over {bound}"));
            }
        }
    }

    pub(crate) fn finish(&self, metrics: &mut Metrics) -> Check {
        let peaks = self.peaks.iter();
        metrics.extend(peaks.map(|(name, peak)| (format!("peak_{name}"), *peak as f64)));
        self.violations.check("parts_bounded", "every part of every engine kept its bound")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::fixture::at;

    fn check(lens: [usize; 2]) -> (bool, f64) {
        let mut occupancy = Occupancy::default();
        for (node, len) in lens.into_iter().enumerate() {
            occupancy.looked(at(1), node, &[Part { name: "graveyard", len, bound: 3 }]);
        }
        let mut metrics = Metrics::new();
        (occupancy.finish(&mut metrics).pass, metrics["peak_graveyard"])
    }

    #[test]
    fn parts_within_their_bounds_pass_and_the_fullest_is_measured() {
        assert_eq!(check([3, 1]), (true, 3.0));
    }

    #[test]
    fn a_part_over_its_bound_is_noticed() {
        assert_eq!(check([1, 4]), (false, 4.0));
    }
}
