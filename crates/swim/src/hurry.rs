//! Catching up: a node that learns of many members at once is behind, or the cluster is starting,
//! or a cut has healed. It then exchanges tables every tenth of a period instead of telling on each
//! of the members: tables grow by what they lack of each other, so all are complete after a number
//! of exchanges in the order of log N, and nobody is told the same thing again and again.
//!
//! ```text
//!   calm ── 16 members learned within two gossip intervals, or a join ──> in a hurry
//!        <─ fewer were learned lately, and after a join: a peer has the same table ──
//!        ── within three periods after that: a peer has another table ──>
//! ```

use std::time::Duration;

use headcount_state::Time;
use rand::RngExt;

use crate::engine::Engine;
use crate::timers::Timer;

/// So many newcomers within two windows are no ordinary churn.
const NEWCOMERS: u32 = 16;

/// A node in a hurry exchanges tables so many times a period.
const EXCHANGES_PER_PERIOD: u32 = 10;

/// Who has just joined hurries for so many periods at most.
const AFTER_JOIN_PERIODS: u32 = 3;

/// After a hurry so many windows are not quite calm: three periods with the usual gossip interval.
const UNSETTLED_WINDOWS: u32 = 15;

/// So long is a hurry that another table gives rise to: a period, or until a peer has the same one.
const RELAPSE_WINDOWS: u32 = 5;

/// How many members were learned of lately.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hurry {
    window: Duration,
    began: Time,
    /// Newcomers in this window, and in the one before it.
    learned: u32,
    before: u32,
    /// In a hurry until then, whatever is learned, unless a peer has the same table.
    until: Time,
    /// Until then another table is a reason for hurry again.
    unsettled_until: Time,
}

impl Hurry {
    /// Counts newcomers over windows of this length.
    pub(crate) fn new(window: Duration) -> Hurry {
        Hurry {
            window,
            began: Time::ZERO,
            learned: 0,
            before: 0,
            until: Time::ZERO,
            unsettled_until: Time::ZERO,
        }
    }

    /// A member was learned of.
    pub(crate) fn learned(&mut self, now: Time) {
        let windows = self.windows_since(now);
        if windows > 0 {
            self.before = if windows == 1 { self.learned } else { 0 };
            self.learned = 0;
            self.began = now;
        }
        self.learned += 1;
        if self.is_on(now) {
            self.unsettled_until = now + self.window * UNSETTLED_WINDOWS;
        }
    }

    /// Hurries until then, or until a peer has the same table.
    pub(crate) fn begin(&mut self, until: Time) {
        self.until = until;
        self.unsettled_until = self.unsettled_until.max(until);
    }

    /// A peer has the same table.
    pub(crate) fn caught_up(&mut self) {
        self.until = Time::ZERO;
    }

    /// A peer has another table: true if that is a reason for hurry.
    pub(crate) fn relapses(&mut self, now: Time) -> bool {
        let unsettled = now < self.unsettled_until;
        if unsettled {
            self.until = self.until.max(now + self.window * RELAPSE_WINDOWS);
        }
        unsettled
    }

    pub(crate) fn is_on(&self, now: Time) -> bool {
        let lately = match self.windows_since(now) {
            0 => self.learned + self.before,
            1 => self.learned,
            _ => 0,
        };
        lately >= NEWCOMERS || now < self.until
    }

    fn windows_since(&self, now: Time) -> u128 {
        now.since(self.began).as_micros() / self.window.as_micros().max(1)
    }
}

impl Engine {
    /// Whether this node catches up with the others, so that exchanges tell what it learns.
    pub(crate) fn hurries(&self, now: Time) -> bool {
        !self.config.spreads_as_memberlist && self.hurry.is_on(now)
    }

    /// Takes note of a newcomer; true if it need not be told on.
    pub(crate) fn learn_of_newcomer(&mut self, now: Time) -> bool {
        let hurried = self.hurries(now);
        self.hurry.learned(now);
        if !hurried && self.hurries(now) {
            self.exchange_soon(now);
        }
        hurried
    }

    /// This node has just met the cluster.
    pub(crate) fn hurry_after_join(&mut self, now: Time) {
        if !self.config.spreads_as_memberlist {
            self.hurry.begin(now + self.config.period * AFTER_JOIN_PERIODS);
            self.exchange_soon(now);
        }
    }

    /// How long a node in a hurry waits between exchanges.
    pub(crate) fn hurried_wait(&mut self) -> Duration {
        let jitter = 0.75 + 0.5 * self.rng.random::<f64>();
        (self.config.period / EXCHANGES_PER_PERIOD).mul_f64(jitter)
    }

    pub(crate) fn exchange_soon(&mut self, now: Time) {
        let soon = now + self.hurried_wait();
        if self.timers.get(Timer::Exchange).is_none_or(|at| at > soon) {
            self.timers.set(Timer::Exchange, Some(soon));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn many_newcomers_at_once_make_a_hurry_that_ends_when_no_more_come() {
        let mut hurry = Hurry::new(Duration::from_millis(200));
        for _ in 1..NEWCOMERS {
            hurry.learned(at(1_000));
        }
        assert!(!hurry.is_on(at(1_000)));
        hurry.learned(at(1_250));
        assert!(hurry.is_on(at(1_250)), "two windows count");
        assert!(!hurry.is_on(at(1_450)));
    }

    #[test]
    fn a_steady_trickle_is_no_hurry() {
        let mut hurry = Hurry::new(Duration::from_millis(200));
        for number in 0..100 {
            hurry.learned(at(number * 30));
            assert!(!hurry.is_on(at(number * 30)));
        }
    }

    #[test]
    fn who_has_just_joined_hurries_until_it_has_caught_up() {
        let mut hurry = Hurry::new(Duration::from_millis(200));
        hurry.begin(at(500));
        assert!(hurry.is_on(at(499)));
        assert!(!hurry.is_on(at(500)));
        hurry.caught_up();
        assert!(!hurry.is_on(at(400)));
        assert!(hurry.relapses(at(400)) && hurry.is_on(at(401)), "it was too soon");
        hurry.caught_up();
        assert!(!hurry.relapses(at(500)) && !hurry.is_on(at(500)));
    }
}
