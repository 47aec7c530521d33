//! Checks of what a scenario expects that the types alone cannot make.

use std::time::Duration;

use crate::checkers::idle::WINDOW_SECS;
use crate::duration::show;
use crate::scenario::check::{Step, Wrong, within};
use crate::scenario::{Fault, MetricRule, Scenario};

impl Scenario {
    pub(super) fn validate_expect(&self) -> Result<(), Wrong> {
        let expect = &self.expect;
        for (i, rule) in expect.events.iter().enumerate() {
            within(at("events", i, "share"), rule.share, 0.0, 1.0)?;
            self.validate_members(rule.about.iter().flatten(), "events", i)?;
        }
        for (i, rule) in expect.statuses.iter().enumerate() {
            within(at("statuses", i, "share"), rule.share, 0.0, 1.0)?;
            self.validate_members(rule.about.iter(), "statuses", i)?;
            for label in rule.by.iter().flatten() {
                let wrong = |problem| Wrong { path: at("statuses", i, "by"), problem };
                self.validate_label(label).map_err(wrong)?;
            }
            if rule.at > self.duration {
                let (at_, end) = (show(rule.at), show(self.duration));
                let problem = format!("{at_} is after the end; make it at most {end}");
                return Err(Wrong { path: at("statuses", i, "at"), problem });
            }
        }
        for (i, rule) in expect.metrics.iter().enumerate() {
            validate_metric(rule)
                .map_err(|problem| Wrong { path: at("metrics", i, "name"), problem })?;
        }
        if self.regression.as_ref().is_some_and(|regression| regression.seeds.is_empty()) {
            let path = vec![Step::Key("regression"), Step::Key("seeds")];
            let problem = "is empty; name the seeds that found the bug".to_owned();
            return Err(Wrong { path, problem });
        }
        self.validate_idle().map_err(|problem| Wrong {
            path: vec![Step::Key("expect"), Step::Key("idle_within")],
            problem,
        })
    }

    fn validate_members<'a>(
        &self,
        mut labels: impl Iterator<Item = &'a String>,
        rules: &'static str,
        i: usize,
    ) -> Result<(), Wrong> {
        labels.try_for_each(|label| match label.as_str() {
            "faulted" => Ok(()),
            label => self
                .validate_label(label)
                .map_err(|problem| Wrong { path: at(rules, i, "about"), problem }),
        })
    }

    /// There must be a calm window to compare with.
    fn validate_idle(&self) -> Result<(), String> {
        let calm = self.started() + Duration::from_secs(WINDOW_SECS);
        let first = self.faults.iter().map(Fault::at).min();
        match (self.expect.idle_within, first) {
            (None, _) => Ok(()),
            (Some(_), None) => Err("there is no fault to come back from; add one".to_owned()),
            (Some(_), Some(first)) if first < calm => Err(format!(
                "the first fault, at {}, leaves no calm before it; let it come at {} or later",
                show(first),
                show(calm)
            )),
            (Some(_), Some(_)) => Ok(()),
        }
    }
}

fn at(rules: &'static str, i: usize, field: &'static str) -> Vec<Step> {
    vec![Step::Key("expect"), Step::Key(rules), Step::Item(i), Step::Key(field)]
}

fn validate_metric(rule: &MetricRule) -> Result<(), String> {
    match (rule.at_least, rule.at_most) {
        (None, None) => Err(format!("{} has no bound; set `at_least` or `at_most`", rule.name)),
        (Some(least), Some(most)) if least > most => {
            Err(format!("`at_least` {least} is more than `at_most` {most}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(expect: &str) -> Option<String> {
        let text = format!(
            "name = \"x\"\nnodes = 3\nduration = \"60s\"\n[[faults]]\nkind = \"crash\"\n\
             at = \"3s\"\nnodes = [\"n1\"]\n[expect]\n{expect}"
        );
        Scenario::from_toml(&text).err().map(|error| error.to_string())
    }

    #[test]
    fn what_can_be_expected_is_read() {
        for good in [
            "metrics = [{ name = \"probes\", at_most = 5 }]",
            "statuses = [{ at = \"60s\", about = [\"faulted\"], by = [\"n0\"], shown = \"gone\" }]",
        ] {
            assert_eq!(error(good), None);
        }
    }

    #[test]
    fn what_cannot_be_expected_is_an_error_that_says_what_to_change() {
        for (bad, problem) in [
            ("metrics = [{ name = \"probes\" }]", "expect.metrics[0].name: probes has no bound"),
            ("metrics = [{ name = \"x\", at_least = 2, at_most = 1 }]", "2 is more than"),
            (
                "statuses = [{ at = \"61s\", about = [\"n1\"], shown = \"alive\" }]",
                "expect.statuses[0].at: 61s is after the end",
            ),
            (
                "statuses = [{ at = \"6s\", about = [\"n3\"], shown = \"alive\" }]",
                "expect.statuses[0].about: there is no n3",
            ),
            ("statuses = [{ at = \"6s\", about = [\"n1\"], shown = \"ill\" }]", "`alive`"),
            (
                "[regression]\nseeds = []\nfound = \"x\"\nmended = \"y\"",
                "regression.seeds: is empty",
            ),
            ("idle_within = \"9s\"", "expect.idle_within: the first fault, at 3s, leaves no calm"),
        ] {
            let error = error(bad).unwrap_or_default();
            assert!(error.contains(problem), "{bad}: {error}");
        }
    }
}
