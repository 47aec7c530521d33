//! Partitions: once, or again and again.

use std::time::Duration;

use headcount_state::Time;

use super::Ongoing;
use crate::network::Sides;
use crate::scenario::Fault;
use crate::simulation::{Action, Simulation};

impl Simulation {
    /// The network falls apart, for the first time of many if it is to be cut again and again.
    pub(super) fn part(&mut self, fault: usize, sides: Sides, cut: Option<Duration>) {
        self.set_sides(Some(sides.clone()), Some(fault));
        if let Some(cut) = cut {
            self.ongoing.insert(fault, Ongoing::Flapping { sides, parted: true });
            self.queue.push(self.now + cut, Action::Cycle(fault));
        }
    }

    /// A partition that comes and goes, goes or comes.
    pub(super) fn flap(&mut self, fault: usize, sides: Sides, parted: bool) {
        let Some(Fault::Partition { until, cut: Some(cut), open, .. }) =
            self.scenario.faults.get(fault)
        else {
            return;
        };
        let (until, cut, open) = (until.map(|until| Time::ZERO + until), *cut, *open);
        let next = self.now + if parted { open } else { cut };
        self.set_sides((!parted).then(|| sides.clone()), Some(fault));
        if until.is_none_or(|until| next < until) {
            self.ongoing.insert(fault, Ongoing::Flapping { sides, parted: !parted });
            self.queue.push(next, Action::Cycle(fault));
        }
    }
}
