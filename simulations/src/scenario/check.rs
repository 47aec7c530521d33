//! Checking what the types of a scenario alone cannot.

use std::net::SocketAddr;
use std::time::Duration;

use crate::duration::show;
use crate::network::PACKET_HEADER_BYTES;
use crate::scenario::fault::Fault;
use crate::scenario::labels::{self, Label};
use crate::scenario::{Scenario, ScenarioError};

/// The most nodes of a scenario, and the most that a fault may add.
const MOST_NODES: usize = 1_000_000;

/// A packet has its headers at least, and a length of 16 bits.
const LEAST_MTU: usize = PACKET_HEADER_BYTES;
const MOST_MTU: usize = 65_535;

/// A microsecond is the smallest step of virtual time.
const SHORTEST: Duration = Duration::from_micros(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What a slow process may need for one message, and how many may wait for it.
const MOST_WORK: Duration = Duration::from_secs(10);
const MOST_WAITING: usize = 1_000_000;
const LEAST_CPU: f64 = 0.001;

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

    pub(super) fn validate(&self) -> Result<(), Wrong> {
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
        let latency = self.network.latency.check();
        latency.map_err(|problem| Wrong { path: network("latency"), problem })?;
        let engine = |field| vec![Step::Key("engine"), Step::Key(field)];
        if !self.engine.voters.is_empty() && self.engine.expected_size.is_some() {
            let problem =
                "does not go with `voters`, which says what a majority is of; leave one out";
            return Err(Wrong { path: engine("expected_size"), problem: problem.to_owned() });
        }
        for label in &self.engine.voters {
            let problem = |problem| Wrong { path: engine("voters"), problem };
            self.validate_label(label).map_err(problem)?;
        }
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
        if fault.strikes_nobody() {
            let problem = "strikes nobody; name nodes, or set `random`".to_owned();
            return Err(wrong("nodes", problem));
        }
        validate_values(fault, &path)
    }

    pub(super) fn validate_label(&self, label: &str) -> Result<(), String> {
        let joining = self.faults.iter().map(|fault| match fault {
            Fault::Join { count, .. } => *count,
            Fault::Churn(churn) if churn.join > 0 => churn.most_steps(),
            _ => 0,
        });
        let last = joining.fold(self.nodes, usize::saturating_add) - 1;
        match labels::parse(label) {
            None => Err(format!("`{label}` is no node; write n3, n3-n7 or n3#2")),
            Some(Label::Range(_, node) | Label::Copy(node, _)) if node > last => {
                Err(format!("there is no {label}; the nodes are n0 to n{last}"))
            }
            Some(_) => Ok(()),
        }
    }
}

/// The fields of a fault that have ranges.
fn validate_values(fault: &Fault, path: &impl Fn(&'static str) -> FieldPath) -> Result<(), Wrong> {
    let wrong =
        |field, problem: &str| Err(Wrong { path: path(field), problem: problem.to_owned() });
    match fault {
        Fault::Namesake { nodes, .. } if nodes.is_empty() => {
            wrong("nodes", "strikes nobody; name nodes")
        }
        Fault::Restart { swap: true, new_address, interval, .. }
            if *new_address || !interval.is_zero() =>
        {
            wrong(
                "swap",
                "needs all to die first, at addresses in use; drop `new_address`, `interval`",
            )
        }
        Fault::Restart { swap: true, nodes, random, .. } if nodes.is_empty() && *random < 2 => {
            wrong("swap", "takes two nodes or more; name them, or set `random`")
        }
        Fault::Restart { cluster: Some(cluster), .. } if cluster.is_empty() => {
            wrong("cluster", "is empty; give it a name")
        }
        Fault::Cut { from: None, to: None, .. } => {
            wrong("from", "cuts everybody off; name senders or receivers")
        }
        Fault::Partition { sides, random: 0, .. } if sides.is_empty() => {
            wrong("sides", "has no side; name the nodes of at least one, or set `random`")
        }
        Fault::Partition { cut, open, .. } => again_and_again(("cut", *cut), *open, path),
        Fault::Freeze { frozen, open, .. } => again_and_again(("frozen", *frozen), *open, path),
        Fault::Loss { rate, .. } | Fault::Duplicate { rate, .. } | Fault::Corrupt { rate, .. } => {
            within(path("rate"), *rate, 0.0, 1.0)
        }
        Fault::Gilbert { enter, leave, loss_good, loss_bad, .. } => {
            within(path("enter"), *enter, 0.0, 1.0)?;
            within(path("leave"), *leave, 0.0, 1.0)?;
            within(path("loss_good"), *loss_good, 0.0, 1.0)?;
            within(path("loss_bad"), *loss_bad, 0.0, 1.0)
        }
        Fault::Mtu { bytes, .. } => within(path("bytes"), *bytes, LEAST_MTU, MOST_MTU),
        Fault::Join { count, .. } => within(path("count"), *count, 1, MOST_NODES),
        Fault::Latency(fault) => {
            fault.latency.check().map_err(|problem| Wrong { path: path("latency"), problem })
        }
        Fault::Reorder(reorder) => {
            within(path("rate"), reorder.rate, 0.0, 1.0)?;
            within_time(path("by"), reorder.by, SHORTEST, LONGEST)
        }
        Fault::Slow(slow) => {
            within_time(path("per_message"), slow.per_message, SHORTEST, MOST_WORK)?;
            within_time(path("late_by"), slow.late_by, Duration::ZERO, LONGEST)?;
            within(path("cpu"), slow.cpu, LEAST_CPU, 1.0)?;
            within(path("buffer"), slow.buffer, 1, MOST_WAITING)
        }
        Fault::Clock(clock) if clock.jump_us == 0 && clock.drift == 0.0 => {
            wrong("drift", "changes nothing; set `drift` or `jump`")
        }
        Fault::Clock(clock) => within(path("drift"), clock.drift, -0.5, 1.0),
        Fault::Churn(churn) => {
            within_time(path("interval"), churn.interval, Duration::from_millis(1), LONGEST)?;
            within(path("most_down"), churn.most_down, 1, MOST_NODES)?;
            match [churn.join, churn.leave, churn.crash, churn.restart] {
                [0, 0, 0, 0] => wrong("join", "never comes, and nothing else does; set a weight"),
                _ => Ok(()),
            }
        }
        Fault::Update(update) => {
            if update.tags.is_empty() && update.serving.is_none() {
                return wrong("tags", "changes nothing; set `tags` or `serving`");
            }
            let Some(interval) = update.interval else { return Ok(()) };
            within_time(path("interval"), interval, Duration::from_millis(1), LONGEST)
        }
        Fault::Seeds(fault) => fault.seeds.iter().try_for_each(|seed| {
            let label = matches!(labels::parse(seed), Some(Label::Range(..)));
            if label || seed.parse::<SocketAddr>().is_ok() {
                return Ok(());
            }
            let problem = format!("`{seed}` is no seed; write n3, n3-n7 or 10.9.9.9:7946");
            Err(Wrong { path: path("seeds"), problem })
        }),
        _ => Ok(()),
    }
}

/// Faults that come and go: how long they stay each time, and how long they are gone.
fn again_and_again(
    (field, stays): (&'static str, Option<Duration>),
    open: Duration,
    path: &impl Fn(&'static str) -> FieldPath,
) -> Result<(), Wrong> {
    if stays.is_some_and(|stays| stays.is_zero()) {
        let problem = "is no time at all; leave it out for once".to_owned();
        return Err(Wrong { path: path(field), problem });
    }
    if stays.is_some() == open.is_zero() {
        let problem = format!("goes with `{field}`; set both, or none for once");
        return Err(Wrong { path: path("open"), problem });
    }
    Ok(())
}

fn within_time(
    path: FieldPath,
    value: Duration,
    least: Duration,
    most: Duration,
) -> Result<(), Wrong> {
    if value >= least && value <= most {
        return Ok(());
    }
    let (value, least, most) = (show(value), show(least), show(most));
    Err(Wrong { path, problem: format!("{value} is out of range; use {least} to {most}") })
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

pub(super) fn show_path(path: &[Step]) -> String {
    path.iter().fold(String::new(), |text, step| match step {
        Step::Key(key) if text.is_empty() => (*key).to_owned(),
        Step::Key(key) => format!("{text}.{key}"),
        Step::Item(i) => format!("{text}[{i}]"),
    })
}
