//! What happens to whom, and when.

use std::time::Duration;

use headcount_state::Time;

use super::{OBSERVER, Week};
use crate::random::{Random, derive};

/// Nothing happens in so much of the beginning, nor, but for ends of outages, of the end.
const QUIET: Duration = Duration::from_secs(600);

/// The shortest outage: no detector may miss it.
const SHORTEST: Duration = Duration::from_secs(180);

/// Something that is done to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: Time,
    pub(super) node: usize,
    pub(super) act: Act,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The process dies; `silent`: its host too.
    Crash { silent: bool },
    /// A process starts.
    Start,
    /// The process dies and another one starts at once.
    Restart,
    /// The process says goodbye.
    Leave,
    /// The process stands still.
    Freeze,
    /// It goes on.
    Thaw,
}

/// Everything that is done, in the order of time.
pub(super) fn steps(week: &Week) -> Vec<Step> {
    let mut steps: Vec<Step> = (1..=week.members).flat_map(|node| of_node(week, node)).collect();
    debug_assert!(steps.iter().all(|step| step.node != OBSERVER));
    steps.sort_by_key(|step| (step.at, step.node));
    steps
}

fn of_node(week: &Week, node: usize) -> Vec<Step> {
    let mut luck = Random::new(derive(week.seed, "week", node as u64), "week");
    let end = Time::ZERO + week.span;
    let mut steps = Vec::new();
    let mut at = Time::ZERO;
    loop {
        // A quarter to one and three quarters of the mean.
        at += QUIET.max(week.mean_uptime.mul_f64(0.25 + 1.5 * luck.unit()));
        let kind = luck.below(20);
        // Three minutes to three hours, short ones more often.
        let length = SHORTEST.mul_f64(f64::from(1_u32 << luck.below(6)) * (1.0 + luck.unit()));
        if at + QUIET > end {
            return steps;
        }
        let (act, length, then) = match kind {
            0..=9 => (Act::Crash { silent: false }, length, Act::Start),
            10..=13 => (Act::Crash { silent: true }, length, Act::Start),
            14 | 15 => (Act::Freeze, length, Act::Thaw),
            16 | 17 => (Act::Leave, length, Act::Start),
            _ => {
                steps.push(Step { at, node, act: Act::Restart });
                continue;
            }
        };
        steps.push(Step { at, node, act });
        at += length;
        // An outage that is not over by then lasts to the end.
        if at + QUIET > end {
            return steps;
        }
        steps.push(Step { at, node, act: then });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_follows_from_its_seed_and_holds_everything_that_can_happen() {
        let week = Week::default();
        let all = steps(&week);
        assert_eq!(all, steps(&week));
        assert_ne!(all, steps(&Week { seed: 2, ..week }));
        assert!(all.is_sorted_by_key(|step| step.at));
        let count = |act| all.iter().filter(|step| step.act == act).count();
        let silent = |silent| count(Act::Crash { silent });
        let counts = [silent(false), silent(true), count(Act::Restart), count(Act::Leave)];
        assert!(counts.iter().all(|count| *count > 30), "{counts:?}");
        assert!(count(Act::Freeze) > 30);
        let ended = count(Act::Start) + count(Act::Thaw);
        let begun = silent(false) + silent(true) + count(Act::Leave) + count(Act::Freeze);
        assert!((1..week.members).contains(&(begun - ended)), "some last to the end");
    }
}
