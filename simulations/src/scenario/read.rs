//! Reading scenarios, and checking what the types alone cannot.

use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::duration::show;
use crate::network::{Latency, PACKET_HEADER_BYTES};
use crate::scenario::fault::Fault;
use crate::scenario::labels::{self, Label};
use crate::scenario::{Scenario, ScenarioError};

/// The most nodes of a scenario, and the most that a fault may add.
const MOST_NODES: usize = 1_000_000;

/// A packet has its headers at least, and a length of 16 bits.
const LEAST_MTU: usize = PACKET_HEADER_BYTES;
const MOST_MTU: usize = 65_535;

/// Where a value stands in a scenario: keys and positions, outermost first.
pub(super) type FieldPath = Vec<Step>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(&'static str),
    Item(usize),
}

/// A value that cannot be: where, and what to change.
pub(super) struct Wrong {
    pub(super) path: FieldPath,
    pub(super) problem: String,
}

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

    /// Checks what a scenario built in Rust may get wrong; scenarios that were read are checked
    /// already.
    ///
    /// # Errors
    /// [`ScenarioError`] names the field and what to change.
    pub fn check(&self) -> Result<(), ScenarioError> {
        self.validate().map_err(|wrong| ScenarioError {
            file: self.file.clone(),
            line: None,
            field: show_path(&wrong.path),
            problem: wrong.problem,
        })
    }

    fn validate(&self) -> Result<(), Wrong> {
        let root = |field| vec![Step::Key(field)];
        within(root("nodes"), self.nodes, 1, MOST_NODES)?;
        let start = |field| vec![Step::Key("start"), Step::Key(field)];
        within(start("seeds"), self.start.seeds, 1, self.nodes)?;
        if self.start.known && !self.start.interval.is_zero() {
            let problem = "does not go with `known`, by which all start at once; leave one out";
            return Err(Wrong { path: start("interval"), problem: problem.to_owned() });
        }
        let network = |field| vec![Step::Key("network"), Step::Key(field)];
        within(network("loss"), self.network.loss, 0.0, 1.0)?;
        self.validate_latency().map_err(|problem| Wrong { path: network("latency"), problem })?;
        if let Err(error) = self.engine.config().check() {
            let field = error.field.trim_start_matches("limits.");
            let path = vec![Step::Key("engine"), Step::Key(field)];
            let problem = format!("{} is out of range; use {}", error.value, error.range);
            return Err(Wrong { path, problem });
        }
        for (i, fault) in self.faults.iter().enumerate() {
            self.validate_fault(i, fault)?;
        }
        self.validate_expect()
    }

    fn validate_latency(&self) -> Result<(), String> {
        match self.network.latency {
            Latency::Uniform { from, to } if from > to => {
                Err(format!("`from` {} is more than `to` {}", show(from), show(to)))
            }
            Latency::LogNormal { sigma, .. } if !(0.0..=3.0).contains(&sigma) => {
                Err(format!("sigma {sigma} is out of range; use 0 to 3"))
            }
            _ => Ok(()),
        }
    }

    fn validate_fault(&self, i: usize, fault: &Fault) -> Result<(), Wrong> {
        let path = |field| vec![Step::Key("faults"), Step::Item(i), Step::Key(field)];
        let wrong = |field, problem| Wrong { path: path(field), problem };
        let ends = [("at", Some(fault.at())), ("until", fault.until())];
        for (field, at) in ends.into_iter().filter_map(|(field, at)| Some((field, at?))) {
            if at > self.duration {
                let problem = format!(
                    "{} is after the end; make it at most the duration, {}",
                    show(at),
                    show(self.duration)
                );
                return Err(wrong(field, problem));
            }
        }
        if fault.until().is_some_and(|until| until <= fault.at()) {
            let problem = format!("must be later than `at`, {}", show(fault.at()));
            return Err(wrong("until", problem));
        }
        for (field, labels) in fault.labels() {
            for label in labels {
                self.validate_label(label).map_err(|problem| wrong(field, problem))?;
            }
        }
        match fault {
            Fault::Crash { nodes, random, .. }
            | Fault::Restart { nodes, random, .. }
            | Fault::Leave { nodes, random, .. }
            | Fault::Delay { nodes, random, .. }
            | Fault::Freeze { nodes, random, .. }
                if nodes.is_empty() && *random == 0 =>
            {
                Err(wrong("nodes", "strikes nobody; name nodes, or set `random`".to_owned()))
            }
            Fault::Namesake { nodes, .. } if nodes.is_empty() => {
                Err(wrong("nodes", "strikes nobody; name nodes".to_owned()))
            }
            Fault::Cut { from: None, to: None, .. } => {
                Err(wrong("from", "cuts everybody off; name senders or receivers".to_owned()))
            }
            Fault::Partition { sides, .. } if sides.is_empty() => {
                Err(wrong("sides", "has no side; name the nodes of at least one".to_owned()))
            }
            Fault::Loss { rate, .. }
            | Fault::Duplicate { rate, .. }
            | Fault::Corrupt { rate, .. } => within(path("rate"), *rate, 0.0, 1.0),
            Fault::Gilbert { enter, leave, loss_good, loss_bad, .. } => {
                within(path("enter"), *enter, 0.0, 1.0)?;
                within(path("leave"), *leave, 0.0, 1.0)?;
                within(path("loss_good"), *loss_good, 0.0, 1.0)?;
                within(path("loss_bad"), *loss_bad, 0.0, 1.0)
            }
            Fault::Freeze { frozen: Some(frozen), .. } if frozen.is_zero() => {
                Err(wrong("frozen", "is no time at all; leave it out for one freeze".to_owned()))
            }
            Fault::Freeze { frozen, open, .. } if frozen.is_some() == open.is_zero() => Err(wrong(
                "open",
                "goes with `frozen`; set both, or none for one freeze".to_owned(),
            )),
            Fault::Mtu { bytes, .. } => within(path("bytes"), *bytes, LEAST_MTU, MOST_MTU),
            Fault::Join { count, .. } => within(path("count"), *count, 1, MOST_NODES),
            _ => Ok(()),
        }
    }

    pub(super) fn validate_label(&self, label: &str) -> Result<(), String> {
        let joining = self.faults.iter().map(|fault| match fault {
            Fault::Join { count, .. } => *count,
            _ => 0,
        });
        let last = self.nodes + joining.sum::<usize>() - 1;
        match labels::parse(label) {
            None => Err(format!("`{label}` is no node; write n3, n3-n7 or n3#2")),
            Some(Label::Range(_, node) | Label::Copy(node, _)) if node > last => {
                Err(format!("there is no {label}; the nodes are n0 to n{last}"))
            }
            Some(_) => Ok(()),
        }
    }
}

pub(super) fn within<T>(path: FieldPath, value: T, least: T, most: T) -> Result<(), Wrong>
where
    T: PartialOrd + std::fmt::Display,
{
    // Written so that a NaN is out of range.
    if value >= least && value <= most {
        return Ok(());
    }
    let problem = format!("{value} is out of range; use {least} to {most}");
    Err(Wrong { path, problem })
}

fn show_path(path: &[Step]) -> String {
    path.iter().fold(String::new(), |text, step| match step {
        Step::Key(key) if text.is_empty() => (*key).to_owned(),
        Step::Key(key) => format!("{text}.{key}"),
        Step::Item(i) => format!("{text}[{i}]"),
    })
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
        assert!(detector.contains("`swim` or `lifeguard`"), "{detector}");
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
