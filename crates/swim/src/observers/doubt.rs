//! Self-doubt: when a node accuses nobody, because the fault may be its own.
//!
//! ```text
//!   nothing heard for 1.1 T ──> asks for signs
//!                     1.6 T ──> gated: accuses nobody ── first word ──> quarantine for T ──> sound
//!   own timers late  ──────────────────────────────────────────────────> quarantine
//!   own pings lost, to many ──> pings again before it asks others
//! ```
//! Opinions and self-doubt are two independent safeties: with either alone a frozen node accuses
//! nobody.

use std::collections::VecDeque;

use headcount_state::{MemberId, Time};

use super::timing::{OUTCOMES, OUTCOMES_MIN, Timing};
use crate::engine::Engine;

/// What a node holds against itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubt {
    quarantined_until: Time,
    outcomes: VecDeque<(MemberId, bool)>,
}

impl Doubt {
    pub(crate) fn quarantine(&mut self, now: Time, timing: &Timing) {
        self.quarantined_until = now + timing.quarantine();
    }

    pub(crate) fn is_quarantined(&self, now: Time) -> bool {
        now < self.quarantined_until
    }

    /// Takes in whether a ping was answered.
    pub(crate) fn record(&mut self, peer: MemberId, answered: bool) {
        if self.outcomes.len() == OUTCOMES {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back((peer, answered));
    }

    /// The share of the latest pings to others than `peer` that were lost.
    pub(crate) fn loss_to_others(&self, peer: MemberId) -> f64 {
        let others = self.outcomes.iter().filter(|(to, _)| *to != peer);
        let (mut all, mut lost) = (0_usize, 0_usize);
        for (_, answered) in others {
            all += 1;
            lost += usize::from(!answered);
        }
        if all < OUTCOMES_MIN { 0.0 } else { lost as f64 / all as f64 }
    }
}

impl Engine {
    /// Whether this node accuses nobody for now.
    pub(crate) fn is_gated(&self, now: Time) -> bool {
        let timing = &self.observers.timing;
        // Of two, the other one's silence is all there can be.
        let silent = self.table.live_len() > 2 && now.since(self.last_heard) > timing.gate();
        let doubts = silent || self.observers.doubt.is_quarantined(now);
        doubts || self.observers.holding.is_held() || !self.takes_part()
    }

    /// Before every input: has this node stood still?
    pub(crate) fn doubt_if_late(&mut self, now: Time) {
        let timing = self.observers.timing;
        if self.timers.next().is_some_and(|due| due + timing.late() < now) {
            self.quarantine(now);
        }
    }

    /// Somebody is heard, after a while without.
    pub(crate) fn doubt_after_silence(&mut self, now: Time) {
        if now.since(self.last_heard) > self.observers.timing.gate() && !self.peers.is_empty() {
            self.quarantine(now);
        }
    }

    fn quarantine(&mut self, now: Time) {
        let timing = self.observers.timing;
        self.observers.doubt.quarantine(now, &timing);
        self.observers.drop_judgements();
        self.stats.quarantines += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_counted_on_the_links_to_others_of_late() {
        let (x, y) = (MemberId::of("x"), MemberId::of("y"));
        let mut doubt = Doubt::default();
        for _ in 0..OUTCOMES_MIN - 1 {
            doubt.record(y, false);
        }
        assert_eq!(doubt.loss_to_others(x), 0.0, "too few");
        doubt.record(y, true);
        assert_eq!(doubt.loss_to_others(x), 7.0 / 8.0);
        assert_eq!(doubt.loss_to_others(y), 0.0);
        for _ in 0..OUTCOMES {
            doubt.record(y, true);
        }
        assert_eq!(doubt.loss_to_others(x), 0.0);
    }
}
