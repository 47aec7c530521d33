//! Early warning, judged: members that degrade until they fail, and clusters in which nobody does.
//!
//! ```text
//! Decline + seed ──> scenario ──> once a second, of every member: what do the others hold of it?
//!                                     │  the warning that engines give, and plain thresholds
//!                                     v
//!                       raised while it declines: found, so long before it failed
//!                       raised at any other time, or of another member: a false alarm
//! ```
//! In every run there are disturbances that are no decline: pauses, a burst of loss, a change of
//! route. Numbers of the rules were chosen with seeds below 1,000; `docs/health.md` has others.

mod decline;

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_state::{MemberId, Time};
use headcount_swim::{DEGRADING, Engine};

use crate::measuring::cluster::engines;
use crate::scenario::ScenarioError;
use crate::sighting::Kind;
use crate::simulation::Simulation;

pub use decline::Decline;
use decline::{BEGINS, NODES};

const SECOND: Duration = Duration::from_secs(1);

/// An alarm is over when what raised it has been less than half as bad for so long.
const OVER_AFTER: Duration = Duration::from_secs(10);

/// An alarm about the one that declines counts as found until so long after it failed.
const GRACE: Duration = Duration::from_secs(5);

/// Loss is judged from so many pings on.
const SAMPLES_MIN: u32 = 16;

/// What raises an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// The early warning of the engine, from 50 % on.
    Warning,
    /// A link that loses so many percent of its latest pings, or takes so many milliseconds.
    Threshold {
        /// In percent.
        loss: u8,
        /// In milliseconds.
        latency: u32,
    },
}

impl Method {
    /// All that are compared.
    pub const ALL: [Method; 4] = [
        Method::Warning,
        Method::Threshold { loss: 10, latency: 50 },
        Method::Threshold { loss: 20, latency: 100 },
        Method::Threshold { loss: 30, latency: 200 },
    ];

    /// The method as it is shown.
    pub fn name(self) -> String {
        match self {
            Method::Warning => "early warning".to_owned(),
            Method::Threshold { loss, latency } => format!("loss {loss} % or {latency} ms"),
        }
    }

    /// How bad `engine` holds its peers to be: from 1 on there is an alarm.
    fn levels(self, engine: &Engine, now: Time, told: &mut impl FnMut(MemberId, f32)) {
        match self {
            Method::Warning => {
                for record in engine.table().live() {
                    told(
                        record.id(),
                        f32::from(engine.warning(record.id(), now)) / f32::from(DEGRADING),
                    );
                }
            }
            Method::Threshold { loss, latency } => {
                for link in engine.links(now) {
                    let condition = link.condition;
                    let counts = condition.samples >= SAMPLES_MIN;
                    let lost = if counts { condition.loss } else { 0.0 };
                    let took = condition.latency.unwrap_or_default().as_secs_f32() * 1_000.0;
                    told(link.peer, (lost * 100.0 / f32::from(loss)).max(took / latency as f32));
                }
            }
        }
    }
}

/// What one method made of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Finding {
    /// Alarms about the member that declines, while it does.
    pub right: usize,
    /// All other alarms.
    pub wrong: usize,
    /// How long before it failed the first right one was raised, in seconds.
    pub lead_s: Option<f64>,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What each of [`Method::ALL`] made of it.
    pub findings: Vec<Finding>,
    /// How many hours all members were watched for together.
    pub member_hours: f64,
}

/// The alarms of one method.
#[derive(Default)]
struct Alarms {
    /// Who is thought to decline, and when that was last confirmed.
    raised: BTreeMap<MemberId, Time>,
    /// Every time that one was raised.
    log: Vec<(MemberId, Time)>,
}

impl Alarms {
    /// Looks at how bad each member is held to be at `now`.
    fn look(&mut self, now: Time, levels: &BTreeMap<MemberId, f32>) {
        for (id, level) in levels {
            if *level >= 1.0 && !self.raised.contains_key(id) {
                self.log.push((*id, now));
                self.raised.insert(*id, now);
            } else if *level >= 0.5
                && let Some(last) = self.raised.get_mut(id)
            {
                *last = now;
            }
        }
        self.raised.retain(|_, last| *last + OVER_AFTER > now);
    }

    fn finding(&self, ill: MemberId, ills: (Time, Option<Time>)) -> Finding {
        let (begins, failed) = ills;
        let until = failed.map_or(Time::MAX, |failed| failed + GRACE);
        let is_right = |(id, at): &&(MemberId, Time)| *id == ill && *at >= begins && *at <= until;
        let right = self.log.iter().filter(is_right).count();
        let first = self.log.iter().find(is_right).map(|(_, at)| *at);
        let before = first.zip(failed).filter(|(first, failed)| first < failed);
        let lead_s = before.map(|(first, failed)| failed.since(first).as_secs_f64());
        Finding { right, wrong: self.log.len() - right, lead_s }
    }
}

/// Plays one run.
///
/// # Errors
/// [`ScenarioError`] if there can be no such cluster.
pub fn play(decline: Decline, seed: u64) -> Result<Outcome, ScenarioError> {
    let (scenario, ill) = decline.scenario(seed);
    let mut simulation = Simulation::new(&scenario, seed)?;
    let ends = Time::ZERO + scenario.duration;
    let mut alarms: Vec<Alarms> = Method::ALL.iter().map(|_| Alarms::default()).collect();
    // What newcomers learn of their links at first is no change.
    simulation.run_until(Time::ZERO + decline::SETTLES);
    while simulation.now() < ends {
        simulation.run_for(SECOND);
        let now = simulation.now();
        for (method, alarms) in Method::ALL.iter().zip(&mut alarms) {
            let mut levels = BTreeMap::new();
            for engine in engines(&simulation) {
                method.levels(engine, now, &mut |id, level| {
                    let worst: &mut f32 = levels.entry(id).or_default();
                    *worst = worst.max(level);
                });
            }
            alarms.look(now, &levels);
        }
    }
    let ill = MemberId::of(&ill);
    let failed = |told: &&crate::Sighting| told.kind == Kind::Failed && told.subject == Some(ill);
    let failed = simulation.events().find(failed).map(|told| told.at);
    // Of a calm cluster nobody is ill at any time.
    let begins = if decline == Decline::None { Time::MAX } else { Time::ZERO + BEGINS };
    let findings = alarms.iter().map(|alarms| alarms.finding(ill, (begins, failed))).collect();
    let watched = scenario.duration - decline::SETTLES;
    Ok(Outcome { findings, member_hours: watched.as_secs_f64() / 3_600.0 * NODES as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Time {
        Time::from_micros(s * 1_000_000)
    }

    #[test]
    fn an_alarm_is_raised_once_until_it_is_over() {
        let id = MemberId::of("x");
        let mut alarms = Alarms::default();
        for (s, level) in [(1, 1.0), (2, 0.6), (8, 0.4), (9, 1.2), (11, 0.4), (19, 0.4), (20, 1.0)]
        {
            alarms.look(at(s), &[(id, level)].into());
        }
        assert_eq!(alarms.log, [(id, at(1)), (id, at(20))]);
    }

    #[test]
    fn alarms_count_as_right_while_the_member_declines() {
        let (ill, well) = (MemberId::of("ill"), MemberId::of("well"));
        let log = vec![(ill, at(5)), (ill, at(12)), (well, at(13)), (ill, at(22)), (ill, at(30))];
        let alarms = Alarms { log, ..Alarms::default() };
        let finding = alarms.finding(ill, (at(10), Some(at(20))));
        assert_eq!(finding, Finding { right: 2, wrong: 3, lead_s: Some(8.0) });
        let late = alarms.finding(ill, (at(21), Some(at(20))));
        assert_eq!(late, Finding { right: 1, wrong: 4, lead_s: None });
    }

    #[test]
    fn a_dying_link_is_seen_before_it_is_dead_and_the_same_seed_finds_the_same() {
        let outcome = play(Decline::DyingLink, 1).unwrap();
        assert!(outcome.findings[0].lead_s.is_some_and(|lead| lead > 5.0), "{outcome:?}");
        assert_eq!(play(Decline::DyingLink, 1), Ok(outcome));
    }
}
