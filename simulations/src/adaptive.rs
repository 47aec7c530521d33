//! Adaptive intervals beside a fixed one: how often the well are suspected, how soon a crash is
//! found, what it costs, over links that are calm, slow, lossy or jittery. `docs/health.md` has the
//! table that `headcount sim adapt` prints.

use std::time::Duration;

use headcount_state::{MemberId, Time};
use headcount_swim::Detector;

use crate::measuring::cluster::Sending;
use crate::network::Latency;
use crate::random::Random;
use crate::scenario::{EngineSettings, Fault, Scenario, ScenarioError, Start};
use crate::sighting::Kind;
use crate::simulation::Simulation;

const NODES: usize = 32;

/// From when on it is measured, when one node dies without a word, and when it is over.
const BEGINS: Duration = Duration::from_secs(60);
const CRASH: Duration = Duration::from_secs(180);
const ENDS: Duration = Duration::from_secs(240);

/// What all links of a cluster are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// One millisecond, nothing lost.
    Calm,
    /// 520 ms each way, longer than a second there and back; nothing lost.
    Slow,
    /// One millisecond, three of ten datagrams lost.
    Lossy,
    /// 250 ms each way on average, one of a hundred 1.5 s.
    Jittery,
}

impl Links {
    /// Every kind.
    pub const ALL: [Links; 4] = [Links::Calm, Links::Slow, Links::Lossy, Links::Jittery];

    /// The kind in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Links::Calm => "calm",
            Links::Slow => "slow",
            Links::Lossy => "lossy",
            Links::Jittery => "jittery",
        }
    }

    fn network(self) -> (Latency, f64) {
        let ms = Duration::from_millis;
        match self {
            Links::Calm => (Latency::Constant(ms(1)), 0.0),
            Links::Slow => (Latency::Constant(ms(520)), 0.0),
            Links::Lossy => (Latency::Constant(ms(1)), 0.3),
            Links::Jittery => (Latency::LogNormal { median: ms(150), sigma: 1.0 }, 0.0),
        }
    }
}

/// How long the protocol period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// One second, always.
    Fixed,
    /// From 0.75 s, where links lose or vary, to 1.5 s where they are calm, with times for answers
    /// that follow them.
    Adaptive,
}

impl Period {
    /// Both.
    pub const ALL: [Period; 2] = [Period::Fixed, Period::Adaptive];

    /// In lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Period::Fixed => "fixed 1 s",
            Period::Adaptive => "adaptive 0.75 to 1.5 s",
        }
    }

    fn settings(self, detector: Detector) -> EngineSettings {
        let settings = EngineSettings { detector: Some(detector), ..EngineSettings::default() };
        match self {
            Period::Fixed => settings,
            Period::Adaptive => EngineSettings {
                period: Some(Duration::from_millis(750)),
                period_max: Some(Duration::from_millis(1_500)),
                ..settings
            },
        }
    }
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Suspicions of nodes that ran, each counted once however many were told of it.
    pub suspicions: usize,
    /// How many hours all nodes were watched for together.
    pub node_hours: f64,
    /// How long after a node died somebody first said that it failed, in seconds; none within a
    /// minute: `None`.
    pub detected_s: Option<f64>,
    /// What a node sent in a second, with IP and UDP headers.
    pub bytes_per_node_s: f64,
    /// Datagrams that a node sent in a second.
    pub datagrams_per_node_s: f64,
}

/// The scenario that is played.
fn scenario(links: Links, period: Period, detector: Detector, seed: u64) -> Scenario {
    let (latency, loss) = links.network();
    let name = format!("adapt-{}", links.as_str());
    let victim = Random::new(seed, "adapt").below(NODES);
    Scenario::new(&name, NODES, ENDS)
        .engine(period.settings(detector))
        .network(latency, loss)
        .start(Start { known: true, ..Start::default() })
        .fault(Fault::Crash {
            at: CRASH,
            nodes: vec![format!("n{victim}")],
            random: 0,
            silent: true,
        })
}

/// Plays one run.
///
/// # Errors
/// [`ScenarioError`] if there can be no such cluster.
pub fn play(
    links: Links,
    period: Period,
    detector: Detector,
    seed: u64,
) -> Result<Outcome, ScenarioError> {
    let scenario = scenario(links, period, detector, seed);
    let victim = scenario.faults.iter().find_map(|fault| match fault {
        Fault::Crash { nodes, .. } => nodes.first(),
        _ => None,
    });
    let victim = victim.map(|label| MemberId::of(label));
    let (begins, crash) = (Time::ZERO + BEGINS, Time::ZERO + CRASH);
    let mut simulation = Simulation::new(&scenario, seed)?;
    simulation.run_until(begins);
    let sending = Sending::begin(&simulation);
    simulation.run_until(crash);
    let sent = sending.sent(&simulation);
    simulation.run_until(Time::ZERO + ENDS);

    // Who is suspected in one life and incarnation is suspected once, by whomever.
    let well = simulation.events().filter(|told| {
        let suspected = told.kind == Kind::Suspected && told.at >= begins;
        suspected && (told.subject != victim || told.at < crash)
    });
    let mut suspicions: Vec<_> =
        well.map(|told| (told.subject, told.life, told.incarnation)).collect();
    suspicions.sort_unstable();
    suspicions.dedup();
    let detected = simulation
        .events()
        .find(|told| told.kind == Kind::Failed && told.subject == victim && told.at >= crash);
    let watched = (ENDS - BEGINS).as_secs_f64() / 3_600.0;
    let (bytes_per_node_s, datagrams_per_node_s) =
        (sent.bytes_per_node_s(), sent.mean_per_s(|packets| packets.datagrams));
    Ok(Outcome {
        suspicions: suspicions.len(),
        node_hours: watched * NODES as f64,
        detected_s: detected.map(|told| told.at.since(crash).as_secs_f64()),
        bytes_per_node_s,
        datagrams_per_node_s,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(links: Links, period: Period) -> Outcome {
        play(links, period, Detector::Swim, 1).unwrap()
    }

    #[test]
    fn calm_links_cost_less_and_bad_ones_are_suspected_less() {
        let [fixed, adaptive] = Period::ALL.map(|period| outcome(Links::Calm, period));
        assert_eq!((fixed.suspicions, adaptive.suspicions), (0, 0));
        assert!(adaptive.bytes_per_node_s < 0.85 * fixed.bytes_per_node_s, "{adaptive:?}");
        assert!(adaptive.detected_s.is_some());
        let [fixed, adaptive] = Period::ALL.map(|period| outcome(Links::Lossy, period));
        assert!(adaptive.suspicions * 2 < fixed.suspicions, "{fixed:?} {adaptive:?}");
        let slow = outcome(Links::Slow, Period::Adaptive);
        assert_eq!(slow.suspicions, 0, "answers come after their period");
    }
}
