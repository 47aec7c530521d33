//! Nodes that come and go, one after another.

use std::collections::BTreeSet;
use std::time::Duration;

use headcount_state::Time;

use super::{Ongoing, named};
use crate::random::{Random, derive};
use crate::scenario::{Churn, Fault};
use crate::simulation::{Action, Simulation};

/// How long a node that leaves waits for acknowledgements.
const LEAVE_DEADLINE: Duration = Duration::from_secs(10);

/// What a churn has done so far.
#[derive(Debug)]
pub(crate) struct Churning {
    luck: Random,
    /// The nodes that it took down and that it did not start again.
    down: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Join,
    Leave,
    Crash,
    Restart,
}

impl Step {
    /// The step that a random number stands for, by the weights.
    fn drawn(churn: &Churn, luck: u64) -> Step {
        let steps = [
            (Step::Join, churn.join),
            (Step::Leave, churn.leave),
            (Step::Crash, churn.crash),
            (Step::Restart, churn.restart),
        ];
        let total: u64 = steps.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = ((u128::from(luck) * u128::from(total)) >> 64) as u64;
        for (step, weight) in steps {
            match left.checked_sub(weight.into()) {
                Some(rest) => left = rest,
                None => return step,
            }
        }
        Step::Restart
    }
}

impl Simulation {
    pub(super) fn begin_churn(&mut self, fault: usize, churn: &Churn) -> bool {
        let luck = Random::new(derive(self.seed, "churn", fault as u64), "churn");
        self.churn(fault, churn, Churning { luck, down: BTreeSet::new() })
    }

    pub(super) fn go_on_churning(&mut self, fault: usize, churning: Churning) {
        if let Some(Fault::Churn(churn)) = self.scenario.faults.get(fault).cloned() {
            self.churn(fault, &churn, churning);
        }
    }

    /// One step; whether there was somebody to strike.
    fn churn(&mut self, fault: usize, churn: &Churn, mut churning: Churning) -> bool {
        let (step, pick) = (churning.luck.bits(), churning.luck.bits());
        let struck = self.churn_step(churn, &mut churning.down, Step::drawn(churn, step), pick);
        self.hit(fault, u64::from(struck.is_some()));
        self.faulted.extend(struck);
        let next = self.now + churn.interval;
        if next <= Time::ZERO + churn.until {
            self.ongoing.insert(fault, Ongoing::Churn(churning));
            self.queue.push(next, Action::Cycle(fault));
        }
        struck.is_some()
    }

    fn churn_step(
        &mut self,
        churn: &Churn,
        down: &mut BTreeSet<usize>,
        step: Step,
        luck: u64,
    ) -> Option<usize> {
        let concerned = match churn.nodes.is_empty() {
            true => (0..self.nodes.len()).collect(),
            false => named(&churn.nodes, &self.labels()),
        };
        let is_up = |node: &usize| self.nodes[*node].running.as_ref().is_some_and(|r| !r.leaving);
        let up: Vec<usize> = concerned.into_iter().filter(is_up).collect();
        // Somebody else may have started them.
        down.retain(|node| !is_up(node));
        let pick = |from: &[usize]| {
            from.get(((u128::from(luck) * from.len() as u128) >> 64) as usize).copied()
        };
        let none_may_go = down.len() >= churn.most_down;
        match step {
            Step::Join => Some(self.add_and_start()),
            Step::Leave if !none_may_go => {
                let node = pick(&up)?;
                down.insert(node);
                self.begin_leave(node, LEAVE_DEADLINE).then_some(node)
            }
            Step::Crash if !none_may_go => {
                let node = pick(&up)?;
                down.insert(node);
                self.kill(node, false).then_some(node)
            }
            Step::Leave | Step::Crash | Step::Restart => {
                let were_down: Vec<usize> = down.iter().copied().collect();
                let node = pick(if were_down.is_empty() { &up } else { &were_down })?;
                down.remove(&node);
                self.restart(node);
                Some(node)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_by_their_weights() {
        let secs = Duration::from_secs;
        let churn = Churn {
            join: 0,
            leave: 1,
            crash: 2,
            restart: 5,
            ..Churn::new(secs(1), secs(2), secs(1))
        };
        let mut luck = Random::new(1, "test");
        let drawn: Vec<Step> = (0..8_000).map(|_| Step::drawn(&churn, luck.bits())).collect();
        let share = |step| drawn.iter().filter(|drawn| **drawn == step).count();
        assert_eq!(share(Step::Join), 0);
        assert!((900..1_100).contains(&share(Step::Leave)), "{}", share(Step::Leave));
        assert!((1_900..2_100).contains(&share(Step::Crash)), "{}", share(Step::Crash));
        assert!((4_850..5_150).contains(&share(Step::Restart)), "{}", share(Step::Restart));
    }
}
