//! Do two runs of one seed do the same?

use crate::report::{Check, Report};

/// Compares two runs that should have been the same. Their real time may differ, nothing else.
pub(crate) fn compare(first: &Report, second: &Report) -> Check {
    let name = "deterministic";
    if first.trace_hash != second.trace_hash {
        let detail = format!("trace {} and then {}", first.trace_hash, second.trace_hash);
        return Check::new(name, false, detail);
    }
    if first.metrics != second.metrics || first.checks != second.checks {
        return Check::new(name, false, "equal traces, but other checks or metrics");
    }
    Check::new(name, true, format!("trace {} twice", first.trace_hash))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    fn report(trace: &str, sent: f64) -> Report {
        Report {
            scenario: "s".to_owned(),
            seed: 1,
            nodes: 2,
            virtual_s: 3.0,
            wall_s: 0.0,
            trace_hash: trace.to_owned(),
            checks: Vec::new(),
            metrics: BTreeMap::from([("datagrams_sent".to_owned(), sent)]),
            expected_to_fail: None,
        }
    }

    #[test]
    fn equal_runs_pass_whatever_real_time_they_took() {
        let slow = report("ab", 1.0).took(Duration::from_secs(9));
        assert!(compare(&report("ab", 1.0), &slow).pass);
    }

    #[test]
    fn another_trace_or_another_count_is_noticed() {
        assert!(!compare(&report("ab", 1.0), &report("ac", 1.0)).pass);
        assert!(!compare(&report("ab", 1.0), &report("ab", 2.0)).pass);
    }
}
