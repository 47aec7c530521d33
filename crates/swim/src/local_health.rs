//! Local health: how much a node doubts itself (Lifeguard, section IV.A).
//!
//! ```text
//!            probe answered  -1         0 .. max
//!   score    probe failed    +1         timeouts and the period stretch by (score + 1)
//!            self refuted    +1
//!            nack missing    +1
//! ```

use std::time::Duration;

use crate::config::{Config, Detector};

/// The score; 0 is healthy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalHealth {
    score: u8,
    max: u8,
}

impl LocalHealth {
    /// A healthy score as the configured detector uses it: SWIM knows none.
    pub(crate) fn for_detector(config: &Config) -> LocalHealth {
        LocalHealth::new(match config.detector {
            Detector::Swim => 0,
            Detector::Lifeguard | Detector::Observers => config.local_health_max,
        })
    }

    /// A healthy score that never passes `max`; 0 keeps it from ever moving.
    pub(crate) fn new(max: u8) -> LocalHealth {
        LocalHealth { score: 0, max }
    }

    pub(crate) fn score(self) -> u8 {
        self.score
    }

    /// The score as a share of the largest one, 0 to 1.
    pub(crate) fn share(self) -> f32 {
        f32::from(self.score) / f32::from(self.max.max(1))
    }

    pub(crate) fn worsen(&mut self) {
        self.score = self.score.saturating_add(1).min(self.max);
    }

    pub(crate) fn improve(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    /// `base`, stretched by the doubt.
    pub(crate) fn stretch(self, base: Duration) -> Duration {
        base * (u32::from(self.score) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_stays_between_zero_and_its_bound() {
        let mut health = LocalHealth::new(2);
        health.improve();
        assert_eq!(health.score(), 0);
        for _ in 0..5 {
            health.worsen();
        }
        assert_eq!(health.score(), 2);
        assert_eq!(health.stretch(Duration::from_secs(1)), Duration::from_secs(3));
    }

    #[test]
    fn a_bound_of_zero_switches_it_off() {
        let mut health = LocalHealth::new(0);
        health.worsen();
        assert_eq!(health.stretch(Duration::from_secs(1)), Duration::from_secs(1));
    }
}
