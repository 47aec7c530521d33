//! Which scenario, with which settings and seeds.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;

use headcount_sim::{Class, Scenario, ScenarioError};

use crate::failure::Failure;

/// A scenario file and what is changed in it.
#[derive(clap::Args)]
pub(super) struct Source {
    /// A scenario file
    pub(super) scenario: PathBuf,

    #[command(flatten)]
    pub(super) changes: Changes,
}

/// Settings in place of what scenario files say.
#[derive(clap::Args)]
pub(super) struct Changes {
    /// Changes a setting, as in engine.detector=swim, nodes=64 or 'faults[0].at=5s'; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
}

impl Source {
    /// Reads the scenario and changes it.
    pub(super) fn load(&self) -> Result<Scenario, Failure> {
        self.changes.load(&self.scenario)
    }
}

impl Changes {
    /// Reads a scenario and changes it.
    pub(super) fn load(&self, file: &Path) -> Result<Scenario, Failure> {
        with_settings("--set", &read(file)?, &self.settings)
    }
}

/// Reads a scenario as it is.
pub(super) fn read(file: &Path) -> Result<Scenario, Failure> {
    Scenario::load(file).map_err(unusable)
}

/// The scenario with settings that were given by a flag.
pub(super) fn with_settings(
    flag: &str,
    scenario: &Scenario,
    settings: &[String],
) -> Result<Scenario, Failure> {
    let given = settings.iter().map(|setting| format!("{flag} {setting}"));
    let blame =
        |error: ScenarioError| Failure::input(given.clone().collect::<Vec<_>>().join(" "), error);
    scenario.with_settings(settings).map_err(blame)
}

/// The failure of a scenario that cannot be run.
pub(super) fn unusable(error: ScenarioError) -> Failure {
    Failure::Input(error.to_string())
}

/// Reads a range of seeds, the second one left out.
pub(super) fn seeds(text: &str) -> Result<Range<u64>, String> {
    let fix = "write a range of seeds, for example 1..9 for eight of them";
    let (from, to) = text.split_once("..").ok_or_else(|| format!("is no range; {fix}"))?;
    match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) if from >= to => Err(format!("is empty; {fix}")),
        (Ok(from), Ok(to)) if to - from > 1_000_000 => Err(format!("is too long; {fix}")),
        (Ok(from), Ok(to)) => Ok(from..to),
        _ => Err(format!("is no range; {fix}")),
    }
}

/// The seeds that a scenario is swept with: those that once found a bug, if that is why it is kept,
/// else as many as its class says.
pub(super) fn seeds_of(scenario: &Scenario) -> Vec<u64> {
    match (&scenario.regression, scenario.class) {
        (Some(regression), _) => regression.seeds.clone(),
        (None, Class::Quick) => (1..201).collect(),
        (None, Class::Long) => (1..11).collect(),
        (None, Class::Huge) => (1..3).collect(),
    }
}

/// Reads how many runs there may be at a time.
pub(super) fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=1_024) => Ok(jobs),
        _ => Err("is no number of runs at a time; use 1 to 1024".to_owned()),
    }
}

/// As many runs at a time as there are processors.
pub(super) fn processors() -> usize {
    thread::available_parallelism().map_or(1, |n| n.get())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_range_of_seeds_leaves_its_end_out() {
        assert_eq!(seeds("1..4").map(Iterator::count), Ok(3));
        for bad in ["4", "4..4", "5..4", "a..b", "1..=3", "..3", "0..99999999"] {
            assert!(seeds(bad).is_err_and(|error| error.contains("1..9")), "{bad}");
        }
    }

    #[test]
    fn larger_scenarios_are_swept_with_fewer_seeds() {
        let swept = |class: Class| {
            let mut scenario = Scenario::new("any", 3, Duration::from_secs(1));
            scenario.class = class;
            seeds_of(&scenario).len()
        };
        assert_eq!([Class::Quick, Class::Long, Class::Huge].map(swept), [200, 10, 2]);
    }
}
