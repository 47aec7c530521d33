//! Are the figures of the run within the bounds that the scenario sets?

use crate::checkers::Metrics;
use crate::report::Check;
use crate::scenario::MetricRule;

/// One check per rule. A figure that the run does not have does not pass.
pub(crate) fn judge(rules: &[MetricRule], metrics: &Metrics) -> Vec<Check> {
    rules.iter().map(|rule| judge_one(rule, metrics)).collect()
}

fn judge_one(rule: &MetricRule, metrics: &Metrics) -> Check {
    let check = format!("metric_{}", rule.name);
    let Some(value) = metrics.get(&rule.name) else {
        let known: Vec<&str> = metrics.keys().map(String::as_str).collect();
        let detail = format!("no such figure in this run; there are {}", known.join(", "));
        return Check::new(&check, false, detail);
    };
    let least = rule.at_least.unwrap_or(f64::NEG_INFINITY);
    let most = rule.at_most.unwrap_or(f64::INFINITY);
    let bounds = match (rule.at_least, rule.at_most) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "anything".to_owned(),
    };
    Check::new(&check, (least..=most).contains(value), format!("{value}, expected {bounds}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(name: &str, at_least: Option<f64>, at_most: Option<f64>) -> bool {
        let metrics = Metrics::from([("probes".to_owned(), 7.0)]);
        let rule = MetricRule { name: name.to_owned(), at_least, at_most };
        judge(&[rule], &metrics)[0].pass
    }

    #[test]
    fn a_figure_within_its_bounds_passes() {
        assert!(passes("probes", Some(7.0), Some(7.0)));
        assert!(passes("probes", Some(1.0), None));
        assert!(passes("probes", None, Some(8.0)));
    }

    #[test]
    fn a_figure_out_of_bounds_or_unknown_is_noticed() {
        assert!(!passes("probes", Some(8.0), None));
        assert!(!passes("probes", None, Some(6.0)));
        assert!(!passes("probers", None, Some(8.0)));
    }
}
