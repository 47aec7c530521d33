//! Many runs of one row and one detector.

use headcount_swim::Detector;
use serde::Serialize;

use super::sample::{Kept, Own};
use super::{Measurement, Sample};
use crate::measuring::{Measures, mean, reached};

/// One row of a table, for one detector. Serialized, its fields are those of
/// `headcount sim detect --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What it is called: `crash-1-of-128`.
    pub name: String,
    /// What kind of row it is: `crash`. Rows of one kind have the same measures.
    pub kind: &'static str,
    /// The detector.
    pub detector: &'static str,
    /// How many nodes were simulated.
    pub nodes: usize,
    /// How many runs it sums up.
    pub runs: usize,
    /// How much virtual time passed in all of them, in seconds.
    pub virtual_s: f64,
    /// What was measured.
    pub measures: Measures,
}

/// What the runs of a row with one detector showed together.
pub fn pool(measurement: Measurement, detector: Detector, samples: &[Sample]) -> Row {
    let Measurement { kind, nodes } = measurement;
    let runs = samples.len();
    let sum = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>();
    let a_run = |of: fn(&Sample) -> f64| (runs > 0).then(|| sum(of) / runs as f64);
    let mut measures = Measures::default();
    measures.add("fp_per_run", a_run(|sample| sample.false_positives as f64));
    measures.add("fp_at_healthy_per_run", a_run(|sample| sample.false_positives_at_healthy as f64));
    measures.add("healthy_failed_per_run", a_run(|sample| sample.healthy_failed as f64));
    if kind.has_victims() {
        let victims = samples.iter().map(|sample| sample.victims).sum();
        let sorted = |of: fn(&Sample) -> &Vec<f64>| {
            let mut all: Vec<f64> = samples.iter().flat_map(of).copied().collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let (first, full) = (sorted(|sample| &sample.first_s), sorted(|sample| &sample.full_s));
        measures.add("first_median_s", reached(&first, 0.5, victims));
        measures.add("first_p99_s", reached(&first, 0.99, victims));
        measures.add("full_median_s", reached(&full, 0.5, victims));
        measures.add("full_p99_s", reached(&full, 0.99, victims));
    }
    for (number, Own { name, kept, .. }) in
        samples.iter().take(1).flat_map(|s| s.own.iter().enumerate())
    {
        let same = samples.iter().filter_map(|sample| sample.own.get(number));
        let values: Vec<Option<f64>> = same.flat_map(|own| own.values.iter().copied()).collect();
        measures.add(name, together(*kept, &values));
    }
    let node_s = sum(|sample| sample.node_s);
    let a_node_s = |of: fn(&Sample) -> f64| (node_s > 0.0).then(|| sum(of) / node_s);
    measures.add("messages_per_node_s", a_node_s(|sample| sample.messages as f64));
    measures.add("bytes_per_node_s", a_node_s(|sample| sample.wire_bytes as f64));
    Row {
        name: measurement.name(),
        kind: kind.as_str(),
        detector: detector.as_str(),
        nodes,
        runs,
        virtual_s: sum(|sample| sample.virtual_s),
        measures,
    }
}

/// What is kept of some figures. A mean, a sum or a largest one of which one is missing is missing.
fn together(kept: Kept, values: &[Option<f64>]) -> Option<f64> {
    let all = || values.iter().copied().collect::<Option<Vec<f64>>>();
    match kept {
        Kept::Sum => Some(all()?.iter().sum()),
        Kept::Mean => mean(&all()?),
        Kept::Most => all()?.into_iter().reduce(f64::max),
        Kept::P99 => {
            let mut seen: Vec<f64> = values.iter().flatten().copied().collect();
            seen.sort_by(f64::total_cmp);
            reached(&seen, 0.99, values.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Kind;

    #[test]
    fn quantiles_are_over_all_who_were_to_be_found() {
        let measurement = Measurement { kind: Kind::Crash(2), nodes: 10 };
        let sample = |first: &[f64]| Sample {
            victims: 2,
            first_s: first.to_vec(),
            messages: 30,
            node_s: 10.0,
            false_positives: 3,
            ..Sample::default()
        };
        let row = pool(measurement, Detector::Swim, &[sample(&[3.0, 1.0]), sample(&[2.0])]);
        let get = |name: &str| row.measures.get(name);
        assert_eq!((get("first_median_s"), get("first_p99_s")), (Some(2.0), None));
        assert_eq!((get("fp_per_run"), get("messages_per_node_s")), (Some(3.0), Some(3.0)));
        assert_eq!(row.runs, 2);
    }

    #[test]
    fn what_one_run_did_not_see_has_no_mean() {
        let (some, none) = ([Some(1.0), Some(4.0)], [Some(1.0), None]);
        assert_eq!(together(Kept::Mean, &some), Some(2.5));
        assert_eq!(together(Kept::Most, &some), Some(4.0));
        assert_eq!(together(Kept::Sum, &some), Some(5.0));
        assert_eq!(together(Kept::P99, &some), Some(4.0));
        for kept in [Kept::Sum, Kept::Mean, Kept::Most, Kept::P99] {
            assert_eq!(together(kept, &none), None, "{kept:?}");
        }
    }
}
