//! Smaller scenarios that still fail: shorter, with fewer nodes, faults and settings.

use std::time::Duration;

use toml::{Table, Value};

use crate::duration;
use crate::scenario::{Fault, Label, Scenario, ScenarioError, parse};

/// How far the search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most runs. Default 300.
    pub runs: usize,
    /// How many seeds each smaller scenario is tried with: the one at hand and those after it.
    /// Default 4.
    pub seeds: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { runs: 300, seeds: 4 }
    }
}

/// One smaller scenario that still failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt<'a> {
    /// What was made smaller, in words.
    pub change: &'a str,
    /// The scenario now.
    pub scenario: &'a Scenario,
    /// The seed with which it fails.
    pub seed: u64,
    /// How many runs there were so far.
    pub runs: usize,
}

/// What the search ended with.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// The smallest scenario that still failed; the given one if none did.
    pub scenario: Scenario,
    /// The seed with which it fails.
    pub seed: u64,
    /// How many runs it took.
    pub runs: usize,
}

/// Looks for a smaller scenario that still fails: `fails` says whether one does with a seed, `told`
/// hears of every smaller one that does. The search is greedy and ends when nothing can be taken
/// away any more, or at the limit. The given scenario is not tried itself.
///
/// # Errors
/// [`ScenarioError`] if the scenario cannot be written as TOML.
pub fn shrink(
    scenario: &Scenario,
    seed: u64,
    limits: Limits,
    fails: impl FnMut(&Scenario, u64) -> bool,
    told: impl FnMut(&Attempt<'_>),
) -> Result<Shrunk, ScenarioError> {
    let table = scenario.to_table()?;
    let best = Shrunk { scenario: scenario.clone(), seed, runs: 0 };
    let mut search = Search { table, best, limits, fails, told };
    while search.fewer_expectations()
        | search.shorter()
        | search.sooner()
        | search.fewer_nodes()
        | search.fewer_faults()
        | search.fewer_settings()
        | search.smaller_faults()
    {}
    Ok(search.best)
}

struct Search<F, T> {
    /// The smallest scenario so far.
    table: Table,
    best: Shrunk,
    limits: Limits,
    fails: F,
    told: T,
}

impl<F: FnMut(&Scenario, u64) -> bool, T: FnMut(&Attempt<'_>)> Search<F, T> {
    /// Whether a change that can be made leaves a scenario that still fails; then it is the best.
    fn attempt(&mut self, words: &str, change: impl FnOnce(&mut Table) -> Option<()>) -> bool {
        let mut table = self.table.clone();
        if change(&mut table).is_none() || table == self.table {
            return false;
        }
        let Ok(scenario) = self.best.scenario.read_table(table.clone()) else { return false };
        if scenario.check().is_err() {
            return false;
        }
        let first = self.best.seed;
        for seed in (0..self.limits.seeds.max(1)).map(|step| first.wrapping_add(step)) {
            if self.best.runs >= self.limits.runs {
                return false;
            }
            self.best.runs += 1;
            if (self.fails)(&scenario, seed) {
                let runs = self.best.runs;
                (self.told)(&Attempt { change: words, scenario: &scenario, seed, runs });
                self.best = Shrunk { scenario, seed, runs };
                self.table = table;
                return true;
            }
        }
        false
    }

    /// Tries ever smaller steps away from `now`: to a half, three quarters, ... each as often as it
    /// works.
    fn smaller(
        &mut self,
        now: impl Fn(&Self) -> u64,
        mut to: impl FnMut(&mut Self, u64) -> bool,
    ) -> bool {
        let mut worked = false;
        let mut part = 2;
        while now(self) >= part {
            let value = now(self);
            if to(self, value - value / part) {
                worked = true;
            } else {
                part *= 2;
            }
        }
        worked
    }

    fn shorter(&mut self) -> bool {
        let seconds = |search: &Self| search.best.scenario.duration.as_secs();
        self.smaller(seconds, |search, seconds| {
            let end = Duration::from_secs(seconds);
            search.attempt(&format!("{seconds} s long"), |table| cut_off(table, end))
        })
    }

    /// Lets everything happen sooner, so that there is less to wait for before the first fault.
    fn sooner(&mut self) -> bool {
        let first = |search: &Self| {
            let moments = search.best.scenario.faults.iter().map(Fault::at);
            moments.min().map_or(0, |first| first.as_secs())
        };
        self.smaller(first, |search, to| {
            let by = Duration::from_secs(first(search).saturating_sub(to));
            let words = format!("everything {} s sooner", by.as_secs());
            search.attempt(&words, |table| shift(table, by))
        })
    }

    fn fewer_nodes(&mut self) -> bool {
        let nodes = |search: &Self| search.best.scenario.nodes as u64;
        self.smaller(nodes, |search, nodes| {
            search.attempt(&format!("{nodes} nodes"), |table| renumber(table, nodes))
        })
    }

    /// Takes faults away: half of them, a quarter of them, ... one by one.
    fn fewer_faults(&mut self) -> bool {
        let mut worked = false;
        let mut chunk = self.best.scenario.faults.len();
        while chunk > 0 {
            let mut first = 0;
            while first < self.best.scenario.faults.len() {
                let past = (first + chunk).min(self.best.scenario.faults.len());
                let words = match past - first {
                    1 => format!("without faults[{first}]"),
                    _ => format!("without faults[{first}] to faults[{}]", past - 1),
                };
                let removed = self.attempt(&words, |table| {
                    let faults = table.get_mut("faults")?.as_array_mut()?;
                    faults.drain(first..past);
                    Some(())
                });
                worked |= removed;
                first += if removed { 0 } else { chunk };
            }
            chunk /= 2;
        }
        worked
    }

    /// Takes settings of engine, network and start away: by default there is less to think of.
    fn fewer_settings(&mut self) -> bool {
        ["engine", "network", "start"]
            .into_iter()
            .fold(false, |worked, part| self.fewer_keys(part) | worked)
    }

    /// Takes away what must hold: what does not hold is all that counts.
    fn fewer_expectations(&mut self) -> bool {
        self.fewer_keys("expect")
    }

    fn fewer_keys(&mut self, part: &str) -> bool {
        let mut worked = false;
        let keys = self.table.get(part).and_then(Value::as_table).map(|table| table.keys());
        let keys: Vec<String> = keys.into_iter().flatten().cloned().collect();
        for key in keys {
            worked |= self.attempt(&format!("without {part}.{key}"), |table| {
                table.get_mut(part)?.as_table_mut()?.remove(&key).map(|_| ())
            });
        }
        worked
    }

    /// Makes faults strike fewer nodes.
    fn smaller_faults(&mut self) -> bool {
        let mut worked = false;
        for fault in 0..self.best.scenario.faults.len() {
            for key in ["random", "count"] {
                let number = |search: &Self| {
                    let found = search.fault(fault).and_then(|fault| fault.get(key));
                    found.and_then(Value::as_integer).map_or(0, |number| number.max(0) as u64)
                };
                worked |= self.smaller(number, |search, number| {
                    search.attempt(&format!("faults[{fault}].{key} = {number}"), |table| {
                        let value = i64::try_from(number).ok()?;
                        fault_of(table, fault)?.insert(key.to_owned(), Value::Integer(value));
                        Some(())
                    })
                });
            }
            for key in ["nodes", "from", "to"] {
                while let Some(labels) = self.labels(fault, key).filter(|labels| labels.len() > 1) {
                    let (left, right) = labels.split_at(labels.len() / 2);
                    let mut keep = |labels: &[Value]| {
                        let words =
                            format!("faults[{fault}].{key} = {}", Value::from(labels.to_vec()));
                        self.attempt(&words, |table| {
                            fault_of(table, fault)?.insert(key.to_owned(), labels.to_vec().into());
                            Some(())
                        })
                    };
                    if !keep(left) && !keep(right) {
                        break;
                    }
                    worked = true;
                }
            }
        }
        worked
    }

    fn fault(&self, fault: usize) -> Option<&Table> {
        self.table.get("faults")?.as_array()?.get(fault)?.as_table()
    }

    /// The labels in a field of a fault, ranges as the two halves that they have.
    fn labels(&self, fault: usize, key: &str) -> Option<Vec<Value>> {
        let labels = self.fault(fault)?.get(key)?.as_array()?;
        match labels.as_slice() {
            [Value::String(label)] => Some(match parse(label)? {
                Label::Range(first, last) if first < last => {
                    let middle = first + (last - first) / 2;
                    vec![range(first, middle), range(middle + 1, last)]
                }
                _ => labels.clone(),
            }),
            _ => Some(labels.clone()),
        }
    }
}

fn fault_of(table: &mut Table, fault: usize) -> Option<&mut Table> {
    table.get_mut("faults")?.as_array_mut()?.get_mut(fault)?.as_table_mut()
}

/// Ends the scenario sooner: what would strike later does not, what would last longer ends with it.
/// Whatever has a time to come true keeps it after the last fault: a run that is judged too soon
/// fails for nothing.
fn cut_off(table: &mut Table, end: Duration) -> Option<()> {
    let shown = || Value::String(duration::show(end));
    table.insert("duration".to_owned(), shown());
    let expect = table.get("expect").and_then(Value::as_table);
    let limits = expect.into_iter().flatten().filter(|(key, _)| key.ends_with("_within"));
    let limits = limits.filter_map(|(_, limit)| duration::parse(limit.as_str()?).ok());
    let longest = limits.max().unwrap_or_default();
    let Some(faults) = table.get_mut("faults") else { return (longest <= end).then_some(()) };
    let faults = faults.as_array_mut()?;
    let moment = |fault: &Value, key: &str| {
        fault.get(key).and_then(Value::as_str).and_then(|text| duration::parse(text).ok())
    };
    faults.retain(|fault| moment(fault, "at").is_some_and(|at| at < end));
    for fault in faults.iter_mut() {
        if moment(fault, "until").is_some_and(|until| until > end) {
            fault.as_table_mut()?.insert("until".to_owned(), shown());
        }
    }
    let moments =
        ["at", "until"].map(|key| faults.iter().filter_map(move |f| moment(f, key)).max());
    let last = moments.into_iter().flatten().max().unwrap_or_default();
    (last + longest <= end).then_some(())
}

/// Moves every moment of the scenario towards its start.
fn shift(table: &mut Table, by: Duration) -> Option<()> {
    let sooner = |table: &mut Table, key: &str| {
        let moment = table.get(key).and_then(Value::as_str);
        if let Some(moment) = moment.and_then(|text| duration::parse(text).ok()) {
            let shown = duration::show(moment.saturating_sub(by));
            table.insert(key.to_owned(), Value::String(shown));
        }
    };
    sooner(table, "duration");
    let in_list = |list: Option<&mut Value>| {
        let items = list.and_then(Value::as_array_mut).into_iter().flatten();
        for item in items.filter_map(Value::as_table_mut) {
            sooner(item, "at");
            sooner(item, "until");
        }
    };
    in_list(table.get_mut("faults"));
    in_list(table.get_mut("expect").and_then(|expect| expect.get_mut("statuses")));
    Some(())
}

/// Lets fewer nodes start. Labels keep their place among them, so that sides stay sides.
fn renumber(table: &mut Table, nodes: u64) -> Option<()> {
    let before = table.get("nodes")?.as_integer().and_then(|before| u64::try_from(before).ok())?;
    let number = |node: usize| match node as u64 {
        node if node < before => (node * nodes / before) as usize,
        joined => (joined - before + nodes) as usize,
    };
    table.insert("nodes".to_owned(), Value::Integer(i64::try_from(nodes).ok()?));
    for part in ["faults", "expect"] {
        table.get_mut(part).into_iter().for_each(|value| relabel(value, &number));
    }
    let start = table.get_mut("start").and_then(Value::as_table_mut);
    if let Some(seeds) = start.and_then(|start| start.get_mut("seeds")) {
        *seeds = Value::Integer(seeds.as_integer()?.min(i64::try_from(nodes).ok()?));
    }
    Some(())
}

fn relabel(value: &mut Value, number: &impl Fn(usize) -> usize) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| relabel(value, number)),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| relabel(value, number)),
        Value::String(text) => match parse(text) {
            Some(Label::Range(first, last)) => *value = range(number(first), number(last)),
            Some(Label::Copy(node, copy)) => *text = format!("n{}#{copy}", number(node)),
            None => {}
        },
        _ => {}
    }
}

fn range(first: usize, last: usize) -> Value {
    Value::String(if first == last { format!("n{first}") } else { format!("n{first}-n{last}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, EngineSettings, Expect, Targets};

    const SEC: Duration = Duration::from_secs(1);

    fn large() -> Scenario {
        let crash = |at: u32| Fault::crash(at * SEC, Targets::random(8));
        let sides: &[&[&str]] = &[&["n0-n31"], &["n32-n63"]];
        let loss = Fault::Loss {
            at: 4 * SEC,
            until: Some(90 * SEC),
            rate: 0.1,
            nodes: vec!["n8-n15".to_owned()],
            random: 0,
            direction: Direction::Both,
        };
        Scenario::new("large", 64, 120 * SEC)
            .fault(crash(5))
            .fault(loss)
            .fault(crash(20))
            .fault(Fault::partition(30 * SEC, 60 * SEC, sides))
            .fault(crash(80))
            .engine(EngineSettings { gossip_fanout: Some(4), ..EngineSettings::default() })
    }

    fn smallest(limits: Limits, fails: impl FnMut(&Scenario, u64) -> bool) -> Shrunk {
        shrink(&large(), 7, limits, fails, |_| {}).unwrap()
    }

    #[test]
    fn only_what_the_violation_needs_is_left() {
        // Planted: two sides, and a crash of at least three on at least ten nodes for 30 s.
        let fails = |scenario: &Scenario, _: u64| {
            let crash = |fault: &Fault| matches!(fault, Fault::Crash { random: 3.., .. });
            let sides = |fault: &Fault| matches!(fault, Fault::Partition { .. });
            scenario.nodes >= 10
                && scenario.duration >= 30 * SEC
                && scenario.faults.iter().any(crash)
                && scenario.faults.iter().any(sides)
        };
        let Shrunk { scenario, seed, runs } = smallest(Limits::default(), fails);
        assert_eq!((scenario.nodes, scenario.duration, seed), (10, 30 * SEC, 7));
        assert_eq!(scenario.faults.len(), 2, "{:?}", scenario.faults);
        assert!(matches!(scenario.faults[0], Fault::Crash { random: 3, .. }));
        let Fault::Partition { sides, until, .. } = &scenario.faults[1] else { panic!("no sides") };
        // Two sides of all nodes, however the border was rounded.
        assert_eq!(sides, &[["n0-n3"], ["n4-n9"]]);
        assert_eq!(*until, Some(30 * SEC));
        assert_eq!(scenario.engine, EngineSettings::default());
        assert!(runs <= 300, "{runs}");
    }

    #[test]
    fn named_nodes_become_one() {
        let strikes_n9 = |scenario: &Scenario, _: u64| {
            scenario.nodes == 64
                && scenario.faults.iter().any(|fault| {
                    match fault {
                    Fault::Loss { nodes, .. } => nodes.iter().any(|label| {
                        matches!(parse(label), Some(Label::Range(a, b)) if a <= 9 && 9 <= b)
                    }),
                    _ => false,
                }
                })
        };
        let small = smallest(Limits::default(), strikes_n9).scenario;
        assert!(
            matches!(&small.faults[..], [Fault::Loss { nodes, .. }] if *nodes == ["n9"]),
            "{:?}",
            small.faults
        );
    }

    #[test]
    fn a_seed_near_by_will_do() {
        let picky = |_: &Scenario, seed: u64| seed == 9;
        assert_eq!(smallest(Limits::default(), picky).seed, 9);
        let Shrunk { scenario, seed, .. } =
            smallest(Limits { seeds: 2, ..Limits::default() }, picky);
        assert_eq!((scenario, seed), (large(), 7));
    }

    #[test]
    fn the_search_ends_at_its_limit() {
        let limits = Limits { runs: 5, seeds: 1 };
        let mut runs = 0;
        let shrunk = smallest(limits, |_, _| {
            runs += 1;
            false
        });
        assert_eq!((runs, shrunk.runs, shrunk.scenario), (5, 5, large()));
    }
    #[test]
    fn what_else_must_hold_and_what_comes_before_is_left_out() {
        let expect = Expect { detect_within: Some(SEC), ..Expect::converge_within(2 * SEC) };
        let waits = Scenario::new("waits", 4, 100 * SEC)
            .fault(Fault::crash(80 * SEC, Targets::random(1)))
            .expect(expect);
        let fails = |scenario: &Scenario, _: u64| {
            let after = |fault: &Fault| scenario.duration.saturating_sub(fault.at());
            let late = scenario.faults.iter().any(|fault| after(fault) >= 10 * SEC);
            late && scenario.expect.detect_within.is_some()
        };
        let small = shrink(&waits, 1, Limits::default(), fails, |_| {}).unwrap().scenario;
        let expected = Expect { detect_within: Some(SEC), ..Expect::default() };
        assert_eq!(small.expect, expected);
        assert!(small.faults[0].at() <= SEC && small.duration <= 12 * SEC, "{small:?}");
    }
    #[test]
    fn nothing_is_judged_before_its_time_is_over() {
        let patient = Scenario::new("patient", 4, 100 * SEC)
            .fault(Fault::crash(10 * SEC, Targets::random(1)))
            .expect(Expect::converge_within(20 * SEC));
        let fails = |scenario: &Scenario, _: u64| scenario.expect.converge_within.is_some();
        let small = shrink(&patient, 1, Limits::default(), fails, |_| {}).unwrap().scenario;
        assert!(small.duration >= 20 * SEC && small.duration < 30 * SEC, "{small:?}");
        let fails =
            |scenario: &Scenario, seed: u64| fails(scenario, seed) && !scenario.faults.is_empty();
        let small = shrink(&patient, 1, Limits::default(), fails, |_| {}).unwrap().scenario;
        let rest = small.duration.saturating_sub(small.faults[0].at());
        assert!(rest >= 20 * SEC && rest < 30 * SEC, "{small:?}");
    }
}
