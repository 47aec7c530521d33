//! How members decline, as scenarios.

use std::time::Duration;

use crate::network::Latency;
use crate::random::Random;
use crate::scenario::{Direction, Fault, Latencies, Scenario, Slow, Start, Targets};

/// How many nodes there are.
pub(super) const NODES: usize = 24;

/// From when on it is watched.
pub(super) const SETTLES: Duration = Duration::from_secs(60);

/// When a decline begins, and when the member dies of it.
pub(super) const BEGINS: Duration = Duration::from_secs(150);
pub(super) const ENDS: Duration = Duration::from_secs(270);

/// It gets worse in so many steps.
const STEPS: u32 = 24;

const LASTS: Duration = Duration::from_secs(300);

const SECOND: Duration = Duration::from_secs(1);

/// How a member degrades, within two minutes, until it dies without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decline {
    /// It does not; nobody does.
    None,
    /// Everything takes it longer and longer: from 0.1 to 250 ms a message, each step by as much
    /// again.
    SlowLeak,
    /// It stands still every ten seconds, from 0.1 s to 2.7 s.
    GrowingPauses,
    /// Its link loses more and more, up to everything.
    DyingLink,
    /// It gets less and less of its processor.
    Overload,
}

impl Decline {
    /// Every way, and none.
    pub const ALL: [Decline; 5] = [
        Decline::None,
        Decline::SlowLeak,
        Decline::GrowingPauses,
        Decline::DyingLink,
        Decline::Overload,
    ];

    /// The way in lower case with hyphens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Decline::None => "calm",
            Decline::SlowLeak => "slow-leak",
            Decline::GrowingPauses => "growing-pauses",
            Decline::DyingLink => "dying-link",
            Decline::Overload => "overload",
        }
    }

    /// The scenario, and who declines in it.
    pub(super) fn scenario(self, seed: u64) -> (Scenario, String) {
        let mut luck = Random::new(seed, "decline");
        let median = [500, 2_000, 20_000][luck.below(3)];
        let latency = Latency::LogNormal {
            median: Duration::from_micros(median),
            sigma: [0.2, 0.4, 0.7][luck.below(3)],
        };
        let loss = [0.0, 0.005, 0.02][luck.below(3)];
        let mut order: Vec<usize> = (0..NODES).collect();
        luck.shuffle(&mut order);
        let label = |number: usize| format!("n{number}");
        let ill = label(order[0]);
        let name = format!("warning-{}", self.as_str());
        let mut faults = self.faults(&ill);
        faults.extend(disturbances(&mut luck, [order[1], order[2]].map(label)));
        let scenario = Scenario::new(&name, NODES, LASTS)
            .network(latency, loss)
            .start(Start { known: true, ..Start::default() });
        (faults.into_iter().fold(scenario, Scenario::fault), ill)
    }

    fn faults(self, ill: &str) -> Vec<Fault> {
        let step = (ENDS - BEGINS) / STEPS;
        let nodes = vec![ill.to_owned()];
        let mut faults = Vec::new();
        for number in 0..STEPS {
            let (at, until) = (BEGINS + step * number, BEGINS + step * (number + 1));
            let share = f64::from(number + 1) / f64::from(STEPS);
            let slow = Slow { until: Some(until), ..Slow::new(at, &[ill], SECOND) };
            match self {
                Decline::None => return Vec::new(),
                Decline::SlowLeak => {
                    let per_message = Duration::from_micros(whole(100.0 * 2_500_f64.powf(share)));
                    faults.push(Fault::Slow(Slow { per_message, ..slow }));
                }
                Decline::GrowingPauses if number % 2 == 0 => {
                    let pause = Duration::from_millis(whole(100.0 * 27_f64.powf(share)));
                    faults.push(freeze(at, pause, ill));
                }
                Decline::GrowingPauses => {}
                Decline::DyingLink => {
                    let (nodes, direction) = (nodes.clone(), Direction::Both);
                    let rate = share;
                    faults.push(Fault::Loss {
                        at,
                        until: Some(until),
                        rate,
                        nodes,
                        random: 0,
                        direction,
                    });
                }
                Decline::Overload => {
                    let cpu = whole(5_000.0 * 0.004_f64.powf(share)) as f64 / 10_000.0;
                    let per_message = Duration::from_micros(500);
                    faults.push(Fault::Slow(Slow { per_message, cpu, ..slow }));
                }
            }
        }
        faults.push(Fault::Crash { at: ENDS, nodes, random: 0, silent: true });
        faults
    }
}

/// Rounded, so that it is the same on every machine, and in a file.
fn whole(value: f64) -> u64 {
    value.round() as u64
}

fn freeze(at: Duration, pause: Duration, node: &str) -> Fault {
    Fault::freeze(at, at + pause, Targets::nodes(&[node]))
}

/// What happens in any cluster and is no decline: two nodes pause for a second, everybody loses a
/// little for a while, and a route changes.
fn disturbances(luck: &mut Random, pausing: [String; 2]) -> Vec<Fault> {
    let mut some_time = |before: Duration| {
        let within = before - SETTLES - SECOND * 40;
        SETTLES + Duration::from_millis(whole(within.as_millis() as f64 * luck.unit()))
    };
    let mut faults: Vec<Fault> =
        pausing.iter().map(|node| freeze(some_time(LASTS), SECOND, node)).collect();
    let at = some_time(LASTS);
    let (rate, direction) = (0.15, Direction::Both);
    let until = Some(at + SECOND * 15);
    faults.push(Fault::Loss { at, until, rate, nodes: Vec::new(), random: 0, direction });
    let at = some_time(LASTS);
    faults.push(Fault::Latency(Latencies {
        at,
        until: Some(at + SECOND * 30),
        latency: Latency::Constant(Duration::from_millis(20)),
        nodes: Vec::new(),
        random: 0,
        direction: Direction::Out,
    }));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decline_is_a_scenario_in_which_the_ill_one_dies() {
        for decline in Decline::ALL {
            let (scenario, ill) = decline.scenario(7);
            assert_eq!(scenario.check(), Ok(()), "{}", decline.as_str());
            let dies = |fault: &Fault| matches!(fault, Fault::Crash { nodes, .. } if *nodes == [ill.clone()]);
            assert_eq!(scenario.faults.iter().any(dies), decline != Decline::None);
            let text = scenario.to_toml().unwrap();
            assert_eq!(Scenario::from_toml(&text), Ok(scenario));
        }
    }

    #[test]
    fn clusters_differ_from_seed_to_seed() {
        assert_ne!(Decline::None.scenario(1), Decline::None.scenario(2));
    }
}
