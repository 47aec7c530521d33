//! How much of the cluster is there, in one word.

use std::fmt;
use std::time::Duration;

use headcount_state::Time;

/// How much of a cluster is there. The better is the smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthLevel {
    /// At least 90 % of the members.
    #[default]
    Healthy,
    /// At least 70 %.
    Degraded,
    /// At least half.
    Critical,
    /// Less than half.
    Failed,
}

impl HealthLevel {
    /// Every level, the best first.
    pub const ALL: [HealthLevel; 4] =
        [HealthLevel::Healthy, HealthLevel::Degraded, HealthLevel::Critical, HealthLevel::Failed];

    /// The level in capitals, as it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            HealthLevel::Healthy => "HEALTHY",
            HealthLevel::Degraded => "DEGRADED",
            HealthLevel::Critical => "CRITICAL",
            HealthLevel::Failed => "FAILED",
        }
    }

    /// The level while `present` of `of` members are there. Nobody of nobody is healthy.
    pub fn of(present: usize, of: usize) -> HealthLevel {
        let at_least = |percent: usize| present * 100 >= of * percent;
        match () {
            () if at_least(90) => HealthLevel::Healthy,
            () if at_least(70) => HealthLevel::Degraded,
            () if at_least(50) => HealthLevel::Critical,
            () => HealthLevel::Failed,
        }
    }
}

impl fmt::Display for HealthLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why members are missing, as far as a node can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MissingCause {
    /// They failed, one by one or with their processes.
    Failed,
    /// Most of them were lost together, and no port refused: a cut, more likely than as many
    /// failures. They may live on its other side.
    CutOff,
    /// This node hears nobody: the fault is likely its own, and of the others it knows nothing.
    Isolated,
}

impl MissingCause {
    /// The cause in lower case with underscores, as it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            MissingCause::Failed => "members_failed",
            MissingCause::CutOff => "cut_off",
            MissingCause::Isolated => "isolated",
        }
    }
}

/// How the cluster is, as one node sees it.
///
/// Who failed counts as missing until it is back, has left, or was given up (after 24 hours): health
/// does not heal by forgetting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterHealth {
    /// In one word. It falls at once and rises when the members have been back for two detection
    /// times, so that what comes and goes does not change it all the time.
    pub level: HealthLevel,
    /// Members that are there: alive or suspect, this node included. Only itself while it is
    /// isolated.
    pub present: usize,
    /// How many of these are suspected now.
    pub suspect: usize,
    /// Members that are missing: failed, neither back nor left nor given up.
    pub missing: usize,
    /// Why they are; `None` while nobody is missing.
    pub cause: Option<MissingCause>,
}

impl ClusterHealth {
    /// The share of the members that is there, 0 to 1.
    pub fn share(&self) -> f64 {
        let of = self.present + self.missing;
        if of == 0 { 1.0 } else { self.present as f64 / of as f64 }
    }
}

/// A level that falls at once, and rises late.
#[derive(Clone, Copy, Debug, Default)]
pub struct SteadyLevel {
    level: HealthLevel,
    /// Since when it has been better, and the worst it has been since then.
    better: Option<(Time, HealthLevel)>,
}

impl SteadyLevel {
    /// Takes in how it is at `now`; it rises after it was better for `hold`, to the worst of that
    /// time. Answers with the level before if it has changed.
    pub fn follow(
        &mut self,
        now: Time,
        current: HealthLevel,
        hold: Duration,
    ) -> Option<HealthLevel> {
        let before = self.level;
        if current >= self.level {
            *self = SteadyLevel { level: current, better: None };
        } else {
            let (since, worst) =
                self.better.map_or((now, current), |(since, worst)| (since, worst.max(current)));
            self.better = Some((since, worst));
            if since + hold <= now {
                *self = SteadyLevel { level: worst, better: None };
            }
        }
        (self.level != before).then_some(before)
    }

    /// The level.
    pub fn level(&self) -> HealthLevel {
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HealthLevel::{Critical, Degraded, Failed, Healthy};

    const HOLD: Duration = Duration::from_secs(10);

    #[test]
    fn the_level_follows_the_share_of_the_members_that_is_there() {
        let level = |present| HealthLevel::of(present, 100);
        assert_eq!(
            [100, 90, 89, 70, 69, 50, 49, 0].map(level),
            [Healthy, Healthy, Degraded, Degraded, Critical, Critical, Failed, Failed]
        );
        assert_eq!(HealthLevel::of(0, 0), Healthy);
        assert_eq!(HealthLevel::of(2, 3), Critical, "one of three is missing");
    }

    fn levels(steps: &[(u64, HealthLevel)]) -> Vec<HealthLevel> {
        let mut steady = SteadyLevel::default();
        let follow = |&(at, level): &(u64, HealthLevel)| {
            steady.follow(Time::from_micros(at * 1_000_000), level, HOLD);
            steady.level()
        };
        steps.iter().map(follow).collect()
    }

    #[test]
    fn it_falls_at_once_and_rises_late() {
        let steps = [(0, Healthy), (1, Critical), (2, Healthy), (11, Healthy), (12, Healthy)];
        assert_eq!(levels(&steps), [Healthy, Critical, Critical, Critical, Healthy]);
    }

    #[test]
    fn it_rises_no_higher_than_it_has_been_all_the_time() {
        let steps = [(0, Failed), (1, Healthy), (5, Degraded), (9, Healthy), (11, Healthy)];
        assert_eq!(levels(&steps).last(), Some(&Degraded));
    }

    #[test]
    fn what_comes_and_goes_changes_it_once() {
        let mut steady = SteadyLevel::default();
        let toggles = (0..100).filter_map(|turn| {
            let level = if turn % 2 == 0 { Degraded } else { Healthy };
            steady.follow(Time::from_micros(turn * 5_000_000), level, HOLD)
        });
        assert_eq!(toggles.collect::<Vec<_>>(), [Healthy]);
    }

    #[test]
    fn the_share_of_nobody_is_all() {
        assert_eq!(ClusterHealth::default().share(), 1.0);
        let health = ClusterHealth { present: 3, missing: 1, ..ClusterHealth::default() };
        assert_eq!(health.share(), 0.75);
    }
}
