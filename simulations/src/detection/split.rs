//! Watches a network that falls into sides and becomes one again: when all views are right.

use std::time::Duration;

use headcount_state::Time;

use super::Sample;
use super::sample::Kept;
use crate::simulation::Simulation;

/// How often views are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A time in which the network was in sides, or one again.
#[derive(Debug)]
struct Phase {
    parted: bool,
    /// How long it took until the views of each side were one, and right.
    right_s: Option<f64>,
    false_positives: u64,
}

/// What was seen of a network in sides.
#[derive(Debug)]
pub(super) struct Split(Vec<Phase>);

/// Lets time pass until `ends`, beginning with a network that is in sides.
pub(super) fn watch(simulation: &mut Simulation, ends: Time) -> Split {
    let is_parted = |simulation: &Simulation| simulation.network.sides().is_some();
    let accused = |simulation: &Simulation| {
        simulation.witness.as_ref().map_or(0, |witness| witness.false_positives())
    };
    let mut phases = Vec::new();
    while simulation.now() < ends {
        let (begun, parted, before) =
            (simulation.now(), is_parted(simulation), accused(simulation));
        let mut right_s = None;
        while simulation.now() < ends && is_parted(simulation) == parted {
            simulation.run_for(LOOK.min(ends.since(simulation.now())));
            if right_s.is_none() && is_parted(simulation) == parted && simulation.look() {
                right_s = Some(simulation.now().since(begun).as_secs_f64());
            }
        }
        let false_positives = accused(simulation) - before;
        phases.push(Phase { parted, right_s, false_positives });
    }
    Split(phases)
}

impl Split {
    pub(super) fn tell(&self, sample: &mut Sample) {
        let of = |parted| self.0.iter().filter(move |phase| phase.parted == parted);
        let right = |parted| of(parted).map(|phase| phase.right_s).collect();
        let healing: u64 = of(false).map(|phase| phase.false_positives).sum();
        sample.keep_all("settled_s", Kept::Mean, right(true));
        sample.keep_all("equal_views_s", Kept::Mean, right(false));
        sample.keep_all("equal_views_most_s", Kept::Most, right(false));
        sample.keep("healing_fp_per_run", Kept::Mean, healing as f64);
    }
}
