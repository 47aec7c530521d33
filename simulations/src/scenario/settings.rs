//! Scenarios changed by settings such as `engine.detector=swim`.

use toml::{Table, Value};

use crate::scenario::{Scenario, ScenarioError};

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

impl Scenario {
    /// The scenario with these settings, each a path as errors show it, an equals sign and a value:
    /// `nodes=64`, `engine.detector=swim`, `faults[0].at=5s`. A value is one of TOML; what is none is
    /// text. [`Scenario::replay`] names them.
    ///
    /// # Errors
    /// [`ScenarioError`] names the field and what to change.
    pub fn with_settings(&self, settings: &[String]) -> Result<Scenario, ScenarioError> {
        let mut changed = self.clone();
        for setting in settings {
            changed = changed.with_setting(setting)?;
        }
        changed.check()?;
        Ok(changed)
    }

    fn with_setting(&self, setting: &str) -> Result<Scenario, ScenarioError> {
        let wrong = |field: &str, problem: String| ScenarioError {
            file: self.file.clone(),
            line: None,
            field: field.to_owned(),
            problem,
        };
        let Some((path, value)) = setting.split_once('=') else {
            let problem =
                format!("`{setting}` is no setting; write path=value, as in engine.detector=swim");
            return Err(wrong("", problem));
        };
        let path = path.trim();
        let steps = steps(path).ok_or_else(|| {
            let problem = "is no path; write keys with dots between them, as in faults[0].at";
            wrong(path, problem.to_owned())
        })?;
        let mut table = self.to_table()?;
        set(&mut table, &steps, parse_value(value.trim()))
            .map_err(|problem| wrong(path, problem))?;
        let mut changed = self.read_table(table).map_err(|error| wrong(path, error.problem))?;
        changed.settings.push(setting.to_owned());
        Ok(changed)
    }

    /// The scenario as a TOML table, without what is as it is by default.
    pub(crate) fn to_table(&self) -> Result<Table, ScenarioError> {
        Table::try_from(self).map_err(|error| self.unreadable(&error.to_string()))
    }

    /// The scenario that a table says, from the same file as this one; not checked yet.
    pub(crate) fn read_table(&self, table: Table) -> Result<Scenario, ScenarioError> {
        let read: Scenario =
            table.try_into().map_err(|error: toml::de::Error| self.unreadable(error.message()))?;
        Ok(Scenario { file: self.file.clone(), settings: self.settings.clone(), ..read })
    }

    fn unreadable(&self, problem: &str) -> ScenarioError {
        let problem = problem.trim_end().replace('\n', "; ");
        ScenarioError { file: self.file.clone(), line: None, field: String::new(), problem }
    }
}

/// `faults[0].at` as steps.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (key, items) = match part.find('[') {
            Some(at) => part.split_at(at),
            None => (part, ""),
        };
        if key.is_empty() {
            return None;
        }
        steps.push(Step::Key(key.to_owned()));
        let mut rest = items;
        while !rest.is_empty() {
            let (item, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(Step::Item(item.parse().ok()?));
            rest = after;
        }
    }
    Some(steps)
}

fn parse_value(text: &str) -> Value {
    let parsed: Option<Table> = toml::from_str(&format!("value = {text}")).ok();
    let value = parsed.filter(|table| table.len() == 1).and_then(|mut t| t.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Puts `value` where the steps lead, through tables that are made when they are not there.
fn set(table: &mut Table, steps: &[Step], value: Value) -> Result<(), String> {
    let [Step::Key(first), rest @ ..] = steps else { return Err("names no field".to_owned()) };
    if rest.is_empty() {
        table.insert(first.clone(), value);
        return Ok(());
    }
    let mut at = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
    for (i, step) in rest.iter().enumerate() {
        let last = i + 1 == rest.len();
        at = match (step, at) {
            (Step::Key(key), Value::Table(table)) if last => {
                table.insert(key.clone(), value);
                return Ok(());
            }
            (Step::Key(key), Value::Table(table)) => {
                table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()))
            }
            (Step::Item(item), Value::Array(array)) => {
                let len = array.len();
                let found = array.get_mut(*item);
                found.ok_or_else(|| {
                    format!("there is no number {item}; there are {len}, from 0 on")
                })?
            }
            (Step::Key(key), _) => return Err(format!("`{key}` is no field of it")),
            (Step::Item(item), _) => {
                return Err(format!("it is no list, so there is no number {item} in it"));
            }
        };
    }
    *at = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Fault, Latency, Targets};

    const SEC: Duration = Duration::from_secs(1);

    fn with(settings: &[&str]) -> Result<Scenario, String> {
        let scenario = Scenario::new("base", 6, 60 * SEC)
            .fault(Fault::crash(10 * SEC, Targets::nodes(&["n5"])));
        let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
        scenario.with_settings(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_change_what_their_path_names() {
        let scenario = with(&[
            "nodes=64",
            "engine.detector=swim",
            "network.loss = 0",
            "network.latency={ constant = \"3ms\" }",
            "faults[0].at=5s",
            "faults[0].nodes[0]=n63",
        ])
        .unwrap();
        assert_eq!(scenario.nodes, 64);
        assert_eq!(scenario.engine.detector, Some(headcount_swim::Detector::Swim));
        assert_eq!(scenario.network.latency, Latency::Constant(Duration::from_millis(3)));
        assert_eq!(scenario.faults, [Fault::crash(5 * SEC, Targets::nodes(&["n63"]))]);
    }

    #[test]
    fn the_replay_line_names_the_settings() {
        let scenario = with(&["nodes=7", "engine.period=2s"]).unwrap();
        let expected = "headcount sim run base --seed 3 --set 'nodes=7' --set 'engine.period=2s'";
        assert_eq!(scenario.replay(3), expected);
    }

    #[test]
    fn a_setting_that_cannot_be_is_named_with_its_remedy() {
        for (setting, expected) in [
            ("nodes", "`nodes` is no setting; write path=value, as in engine.detector=swim"),
            ("nodes=0", "nodes: 0 is out of range; use 1 to 1000000"),
            ("engine..period=1s", "engine..period: is no path; write keys"),
            ("engine.detecter=swim", "engine.detecter: unknown field `detecter`"),
            ("engine.detector=phi", "engine.detector: unknown variant `phi`"),
            ("nodes=many", "nodes: invalid type: string \"many\""),
            ("faults[1].at=5s", "faults[1].at: there is no number 1; there are 1, from 0 on"),
            ("faults.at=5s", "faults.at: `at` is no field of it"),
            ("nodes[0]=5", "nodes[0]: it is no list"),
            ("nodes=3", "faults[0].nodes: there is no n5; the nodes are n0 to n2"),
        ] {
            let error = with(&[setting]).unwrap_err();
            assert!(error.starts_with(expected), "{setting}: {error}");
        }
    }
}
