//! A long time in a cluster whose members fail and return, and what one of them makes of it: its
//! history beside what really happened.

mod actual;
mod chronicle;
mod plan;

use std::time::Duration;

use headcount_health::history::{HistoryReport, Totals};
use headcount_state::Time;

use crate::scenario::{EngineSettings, FrozenTimers, Scenario, ScenarioError, Start};
use crate::simulation::Simulation;
use plan::{Act, Step};

pub(crate) use chronicle::Chronicle;

/// The node that observes; nothing happens to it.
const OBSERVER: usize = 0;

/// The trouble of a process that stands still, in the simulation's truth.
const FROZEN: u64 = u64::MAX;

/// How long members may be silent: long, so that the period is, and a week takes a minute.
pub const DETECTION_TIME: Duration = Duration::from_secs(25);

/// What is to be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    /// How many members there are beside the one that observes, 3 to 10,000. Of few, all may be down at
    /// once; then the observer hears nobody, and what happens is not observed.
    pub members: usize,
    /// How long, an hour to a year.
    pub span: Duration,
    /// How long a member is up between two of its failures, on average: ten minutes to a year.
    pub mean_uptime: Duration,
    /// The seed of everything.
    pub seed: u64,
}

impl Default for Week {
    fn default() -> Week {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        Week { members: 100, span: hours(7 * 24), mean_uptime: hours(24), seed: 1 }
    }
}

/// How it went.
#[derive(Clone, Debug, PartialEq)]
pub struct WeekReport {
    /// What the observer's history says at the end.
    pub seen: HistoryReport,
    /// Each member, in the order of their numbers.
    pub members: Vec<Compared>,
}

/// What was seen of one member, and what happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// What the history says.
    pub seen: Totals,
    /// What really happened, suspicions and flaps aside: uptime while a process ran, outages from
    /// the death of a process, or from where it stood still, to the next start.
    pub actual: Totals,
}

impl Compared {
    /// Whether failures, returns and restarts are as many as they were, and whether up- and downtime
    /// are off by no more than the detection time for each outage.
    pub fn is_right(&self) -> bool {
        let Totals { failures, recoveries, restarts, repairs, .. } = self.actual;
        let counts = (failures, recoveries, restarts, repairs);
        let seen = &self.seen;
        counts == (seen.failures, seen.recoveries, seen.restarts, seen.repairs)
            && self.off_ms() <= self.allowed_ms()
    }

    /// How far the history is off in the downtime, or in the uptime if that is more.
    pub fn off_ms(&self) -> u64 {
        let down = self.seen.down_ms.abs_diff(self.actual.down_ms);
        down.max(self.seen.up_ms.abs_diff(self.actual.up_ms))
    }

    /// How far it may be off: nobody can know of a death before it is detected, and of a start before
    /// it is told.
    pub fn allowed_ms(&self) -> u64 {
        self.outages() * DETECTION_TIME.as_millis() as u64
    }

    /// How many outages there were, and one if there were none: for so many detection times up- and
    /// downtime may be off.
    pub fn outages(&self) -> u64 {
        self.actual.failures.max(1)
    }
}

impl Week {
    /// Simulates it. `progress` is told of the share that is done, now and then.
    ///
    /// # Errors
    /// [`ScenarioError`] names what cannot be.
    pub fn run(&self, mut progress: impl FnMut(f64)) -> Result<WeekReport, ScenarioError> {
        self.check()?;
        let engine =
            EngineSettings { detection_time: Some(DETECTION_TIME), ..EngineSettings::default() };
        let scenario = Scenario { engine, ..Scenario::new("week", self.members + 1, self.span) }
            .start(Start { known: true, ..Start::default() });
        let mut simulation = Simulation::new(&scenario, self.seed)?;
        simulation.keep_events(0);
        simulation.run_until(Time::ZERO);
        let known = Chronicle::new(OBSERVER, simulation.truth.processes());
        simulation.chronicle = Some(Box::new(known));
        let end = Time::ZERO + self.span;
        for Step { at, node, act } in plan::steps(self) {
            simulation.run_until(at);
            simulation.act(node, act);
            progress(at.as_secs_f64() / end.as_secs_f64());
        }
        simulation.run_until(end);
        progress(1.0);
        let chronicle = simulation.chronicle.take().unwrap_or_default();
        let seen = chronicle.report(end);
        let members = (1..=self.members).map(|node| {
            let name = format!("n{node}");
            let found = seen.members.iter().find(|member| member.name.as_str() == name);
            let totals = found.map(|member| member.totals).unwrap_or_default();
            Compared { name, seen: totals, actual: actual::totals(&simulation.truth, node, end) }
        });
        Ok(WeekReport { members: members.collect(), seen })
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let hour = Duration::from_secs(3_600);
        let year = hour * 24 * 365;
        let wrong = |field: &str, problem: &str| {
            Err(ScenarioError {
                file: None,
                line: None,
                field: field.to_owned(),
                problem: problem.to_owned(),
            })
        };
        if !(3..=10_000).contains(&self.members) {
            return wrong("members", "is out of range; use 3 to 10000");
        }
        if !(hour..=year).contains(&self.span) {
            return wrong("span", "is out of range; use 1h to 365d");
        }
        if !(hour / 6..=year).contains(&self.mean_uptime) {
            return wrong("mean_uptime", "is out of range; use 10min to 365d");
        }
        Ok(())
    }
}

impl Simulation {
    fn act(&mut self, node: usize, act: Act) {
        match act {
            Act::Crash { silent } => {
                self.kill(node, silent);
            }
            Act::Start => self.start(node),
            Act::Restart => self.restart(node),
            Act::Leave => self.leave(node),
            Act::Freeze => {
                self.truth.trouble_begins(self.now, FROZEN, &[node]);
                self.freeze(node, FrozenTimers::Stopped, Duration::from_millis(1));
            }
            Act::Thaw => {
                self.truth.trouble_ends_of(self.now, FROZEN, node);
                self.thaw(node);
            }
        }
    }
}
