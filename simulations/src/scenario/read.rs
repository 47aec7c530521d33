//! Reading scenarios.

use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::scenario::check::{Step, show_path};
use crate::scenario::{Scenario, ScenarioError};

impl Scenario {
    /// Reads a scenario from TOML.
    ///
    /// # Errors
    /// [`ScenarioError`] names the line, the field and what to change.
    pub fn from_toml(text: &str) -> Result<Scenario, ScenarioError> {
        let scenario: Scenario = toml::from_str(text).map_err(|error| unreadable(text, &error))?;
        scenario.validate().map_err(|wrong| ScenarioError {
            file: None,
            line: line_of(text, &wrong.path),
            field: show_path(&wrong.path),
            problem: wrong.problem,
        })?;
        Ok(scenario)
    }

    /// Reads a scenario from a TOML file.
    ///
    /// # Errors
    /// [`ScenarioError`] names the file, the line, the field and what to change.
    pub fn load(path: &Path) -> Result<Scenario, ScenarioError> {
        let file = path.display().to_string();
        let in_file = |error: ScenarioError| ScenarioError { file: Some(file.clone()), ..error };
        let text = fs::read_to_string(path).map_err(|error| {
            let problem = format!("cannot be read: {error}; give the path of a scenario file");
            in_file(ScenarioError { file: None, line: None, field: String::new(), problem })
        })?;
        let scenario = Scenario::from_toml(&text).map_err(in_file)?;
        Ok(Scenario { file: Some(file), ..scenario })
    }
}

/// What the TOML reader complains of, with the line's own text for the field.
fn unreadable(text: &str, error: &toml::de::Error) -> ScenarioError {
    let line = error.span().map(|span| line_at(text, span.start));
    let source = line.and_then(|line| text.lines().nth(line - 1)).map(str::trim);
    let field = source.and_then(|s| s.split_once('=')).map_or("", |(field, _)| field.trim());
    ScenarioError {
        file: None,
        line,
        field: field.to_owned(),
        problem: error.message().trim_end().replace('\n', "; "),
    }
}

/// The line in which the value at `path` stands, or the nearest thing around it.
fn line_of(text: &str, path: &[Step]) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut at = 0;
    let mut table: Option<&DeTable<'_>> = Some(root.get_ref());
    let mut value: Option<&Spanned<DeValue<'_>>> = None;
    for step in path {
        let next = match step {
            Step::Key(key) => {
                let table = table.or_else(|| value.and_then(|v| v.get_ref().as_table()))?;
                table.get(*key)
            }
            Step::Item(i) => value.and_then(|v| v.get_ref().as_array())?.get(*i),
        };
        let Some(found) = next else { break };
        at = found.span().start;
        value = Some(found);
        table = None;
    }
    value.is_some().then(|| line_at(text, at))
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Fault;

    const GOOD: &str = r#"
name = "two-sides"
nodes = 6
duration = "60s"

[network]
latency = { uniform = { from = "1ms", to = "5ms" } }

[[faults]]
kind = "partition"
at = "10s"
until = "20s"
sides = [["n0-n2"], ["n3"]]

[[faults]]
kind = "crash"
at = "30s"
nodes = ["n5"]

[expect]
converge_within = "20s"
events = [{ kind = "failed", about = ["n5"], at_least = 1 }]
"#;

    fn error(replace: &str, by: &str) -> String {
        assert!(GOOD.contains(replace), "{replace}");
        Scenario::from_toml(&GOOD.replacen(replace, by, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_good_scenario_is_read() {
        let scenario = Scenario::from_toml(GOOD).unwrap();
        assert_eq!(scenario.faults.len(), 2);
        assert_eq!(scenario.expect.converge_within, Some(std::time::Duration::from_secs(20)));
        assert!(scenario.expect.no_false_failures);
    }

    #[test]
    fn an_error_names_the_line_the_field_and_what_to_change() {
        for (replace, by, expected) in [
            ("nodes = 6", "nodes = 0", "line 3: nodes: 0 is out of range; use 1 to 1000000"),
            (
                "until = \"20s\"",
                "until = \"9s\"",
                "line 12: faults[0].until: must be later than `at`, 10s",
            ),
            (
                "[\"n5\"]",
                "[\"n6\"]",
                "line 18: faults[1].nodes: there is no n6; the nodes are n0 to n5",
            ),
            (
                "nodes = [\"n5\"]",
                "nodes = []",
                "line 18: faults[1].nodes: strikes nobody; name nodes, or set `random`",
            ),
            (
                "at = \"30s\"",
                "at = \"61s\"",
                "line 17: faults[1].at: 61s is after the end; make it at most the duration, 1min",
            ),
            (
                "from = \"1ms\"",
                "from = \"6ms\"",
                "line 7: network.latency: `from` 6ms is more than `to` 5ms",
            ),
            (
                "about = [\"n5\"]",
                "about = [\"x5\"]",
                "line 22: expect.events[0].about: `x5` is no node; write n3, n3-n7 or n3#2",
            ),
            (
                "[network]",
                "[engine]\nperiod = \"1ms\"\n[network]",
                "line 7: engine.period: 1ms is out of range; use 10ms to 60s",
            ),
        ] {
            assert_eq!(error(replace, by), expected);
        }
    }

    #[test]
    fn a_fault_of_the_network_is_read_and_its_bounds_are_checked() {
        let with = |fault: &str| {
            let text = format!("{GOOD}\n[[faults]]\nat = \"1s\"\n{fault}");
            Scenario::from_toml(&text).map_err(|error| error.to_string())
        };
        for good in [
            "kind = \"duplicate\"\nrate = 0.5\nnodes = [\"n1\"]\ndirection = \"in\"",
            "kind = \"corrupt\"\nrate = 1.0\nrandom = 2",
            "kind = \"mtu\"\nbytes = 576",
            "kind = \"block\"\nprotocol = \"udp\"\ndirection = \"out\"",
            "kind = \"gilbert\"\nenter = 0.01\nleave = 0.1",
            "kind = \"latency\"\nlatency = { pareto = { least = \"1ms\", shape = 1.2, most = \"2s\" } }",
            "kind = \"reorder\"\nrate = 0.1\nby = \"50ms\"\nnodes = [\"n1\"]\ndirection = \"in\"",
            "kind = \"streams\"\nhow = \"stall\"\nuntil = \"9s\"",
            "kind = \"partition\"\nrandom = 2\ncut = \"2s\"\nopen = \"3s\"",
        ] {
            assert!(with(good).is_ok(), "{:?}", with(good));
        }
        for (bad, problem) in [
            ("kind = \"duplicate\"\nrate = 1.5", "faults[2].rate: 1.5 is out of range; use 0 to 1"),
            ("kind = \"corrupt\"\nrate = -1.0", "faults[2].rate: -1 is out of range; use 0 to 1"),
            ("kind = \"mtu\"\nbytes = 7", "faults[2].bytes: 7 is out of range; use 28 to 65535"),
            (
                "kind = \"gilbert\"\nenter = 0.1\nleave = 2.0",
                "faults[2].leave: 2 is out of range; use 0 to 1",
            ),
            ("kind = \"block\"\nprotocol = \"icmp\"", "`udp` or `tcp`"),
            ("kind = \"mtu\"\nbytes = 576\nnodes = [\"n9\"]", "faults[2].nodes: there is no n9"),
            (
                "kind = \"latency\"\nlatency = { pareto = { least = \"1ms\", shape = 0.1, most = \"2s\" } }",
                "faults[2].latency: shape 0.1 is out of range; use 0.5 to 10",
            ),
            (
                "kind = \"latency\"\nlatency = { pareto = { least = \"0s\", shape = 1.0, most = \"2s\" } }",
                "`least` 0s must be between 1us and `most` 2s",
            ),
            (
                "kind = \"reorder\"\nrate = 0.1\nby = \"0s\"",
                "faults[2].by: 0s is out of range; use 1us to 1d",
            ),
            ("kind = \"streams\"\nhow = \"slow\"", "`stall`, `cut`, `refuse`"),
            ("kind = \"partition\"", "faults[2].sides: has no side"),
            ("kind = \"partition\"\nrandom = 1\ncut = \"1s\"", "faults[2].open: goes with `cut`"),
        ] {
            let error = with(bad).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn a_fault_of_processes_is_read_and_its_bounds_are_checked() {
        let with = |fault: &str| {
            let text = format!("{GOOD}\n[[faults]]\nat = \"1s\"\n{fault}");
            Scenario::from_toml(&text).map_err(|error| error.to_string())
        };
        for good in [
            "kind = \"slow\"\nrandom = 1\nper_message = \"5ms\"\nlate_by = \"1s\"\ncpu = 0.1",
            "kind = \"clock\"\nrandom = 1\njump = \"-1h\"",
            "kind = \"clock\"\nnodes = [\"n1\"]\ndrift = -0.01\nuntil = \"9s\"",
            "kind = \"churn\"\nuntil = \"9s\"\ninterval = \"1s\"\njoin = 0\nmost_down = 2",
            "kind = \"restart\"\nnodes = [\"n0-n2\"]\nmemory = true\ninterval = \"2s\"",
            "kind = \"update\"\nrandom = 1\ninterval = \"1s\"\ntags = { build = \"{n}\" }",
            "kind = \"update\"\nrandom = 1\nserving = \"not_serving\"",
            "kind = \"seeds\"\nseeds = []",
            "kind = \"seeds\"\nnodes = [\"n1\"]\nseeds = [\"n0\", \"n2-n3\", \"10.9.9.9:7946\"]",
        ] {
            let scenario = with(good).unwrap();
            assert_eq!(Scenario::from_toml(&scenario.to_toml().unwrap()), Ok(scenario), "{good}");
        }
        for (bad, problem) in [
            ("kind = \"slow\"\nper_message = \"5ms\"", "faults[2].nodes: strikes nobody"),
            ("kind = \"slow\"\nrandom = 1\ncpu = 0.0", "faults[2].cpu: 0 is out of range"),
            (
                "kind = \"slow\"\nrandom = 1\nper_message = \"11s\"",
                "faults[2].per_message: 11s is out of range; use 1us to 10s",
            ),
            ("kind = \"slow\"\nrandom = 1\nbuffer = 0", "faults[2].buffer: 0 is out of range"),
            ("kind = \"clock\"\nrandom = 1", "faults[2].drift: changes nothing"),
            ("kind = \"clock\"\nrandom = 1\ndrift = -0.6", "use -0.5 to 1"),
            ("kind = \"clock\"\nrandom = 1\njump = \"-1x\"", "`1x` is no duration"),
            ("kind = \"churn\"\ninterval = \"1s\"", "missing field `until`"),
            (
                "kind = \"churn\"\nuntil = \"9s\"\ninterval = \"0s\"",
                "faults[2].interval: 0s is out of range; use 1ms to 1d",
            ),
            (
                "kind = \"churn\"\nuntil = \"9s\"\ninterval = \"1s\"\njoin = 0\nleave = 0\ncrash = 0\nrestart = 0",
                "faults[2].join: never comes",
            ),
            ("kind = \"update\"\nrandom = 1", "faults[2].tags: changes nothing"),
            ("kind = \"update\"\nrandom = 1\nserving = \"gone\"", "`draining`"),
            ("kind = \"seeds\"\nseeds = [\"x\"]", "faults[2].seeds: `x` is no seed"),
            ("kind = \"seeds\"\nseeds = []\nnode = 1", "unknown field `node`"),
        ] {
            let error = with(bad).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_read_names_its_line_and_what_could_stand_there() {
        let unknown = error("duration =", "durations =");
        assert!(unknown.starts_with("line 4: durations: unknown field"), "{unknown}");
        assert!(unknown.contains("`duration`"), "{unknown}");
        let no_duration = error("\"60s\"", "60");
        assert!(no_duration.starts_with("line 4: duration: invalid type"), "{no_duration}");
        let no_unit = error("\"60s\"", "\"60\"");
        assert!(no_unit.contains("write a number and a unit"), "{no_unit}");
        let kind = error("\"crash\"", "\"explode\"");
        assert!(kind.contains("line 15") || kind.contains("line 16"), "{kind}");
        assert!(kind.contains("`crash`"), "{kind}");
        let field = error("nodes = [\"n5\"]", "nodez = [\"n5\"]");
        assert!(field.contains("`nodez`") && field.contains("`nodes`"), "{field}");
        let detector = error("[network]", "[engine]\ndetector = \"quorum\"\n[network]");
        assert!(detector.contains("`lifeguard`, `observers`"), "{detector}");
        let broken = error("[network]", "[network");
        assert!(broken.starts_with("line 6"), "{broken}");
    }

    #[test]
    fn an_error_of_a_file_names_the_file() {
        let error = Scenario::load(Path::new("no/such.toml")).unwrap_err().to_string();
        assert!(error.starts_with("no/such.toml: cannot be read"), "{error}");
    }

    #[test]
    fn a_scenario_built_in_rust_is_checked_too() {
        let second = std::time::Duration::from_secs(1);
        let late = Fault::crash(2 * second, crate::Targets::random(1));
        let error = Scenario::new("short", 3, second).fault(late).check().unwrap_err();
        assert_eq!(error.field, "faults[0].at");
    }
}
