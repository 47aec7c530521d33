//! What comes after every input: timers follow what it changed.
//!
//! ```text
//!   an input that may judge somebody ──> every part is asked when it is next due
//!   one of the routine, in calm ───────> the pings alone
//! ```
//! Once per period, when a node looks around, every part is asked whatever comes.

use headcount_health::Basis;
use headcount_state::Time;

use crate::engine::Engine;
use crate::timers::Timer;

impl Engine {
    /// Brings timers and the view's age in line with what an input changed.
    pub(crate) fn settle(&mut self, now: Time) {
        let view_id = self.table.summary().view_id;
        if view_id != self.view_id {
            self.view_id = view_id;
            self.view_changed = now;
        }
        if self.observes() {
            self.timers.set(Timer::ProbeTimeout, self.observers.pings.next_due());
        }
        for (timer, due) in self.judgements() {
            self.timers.set(timer, due);
        }
        self.follow_quorum(now);
    }

    /// The same after an input that, if `calm`, judged nobody: of many engines in one process most
    /// memory that a calm input reads would be read here.
    pub(crate) fn settle_after(&mut self, now: Time, calm: bool) {
        if !calm {
            return self.settle(now);
        }
        debug_assert!(self.is_settled(now), "a calm input judged somebody");
        self.timers.set(Timer::ProbeTimeout, self.observers.pings.next_due());
    }

    /// Whether nobody is being judged, relayed for or counted, so that an input which tells of no
    /// member leaves it at that. Where there are no observers, each period may end with a verdict.
    pub(crate) fn is_calm(&self) -> bool {
        let judging = [Timer::Observers, Timer::Suspicion, Timer::Check, Timer::Relay];
        let judged = judging.iter().any(|timer| self.timers.get(*timer).is_some());
        let counted = self.config.electorate.basis() != Basis::Learned;
        self.observes() && !judged && !counted && !self.isolated
    }

    /// Whether nothing but the pings is to be brought in line.
    fn is_settled(&self, now: Time) -> bool {
        let in_line = |(timer, due): (Timer, Option<Time>)| {
            self.timers.get(timer) == due.filter(|due| *due < Time::MAX)
        };
        let same_view = self.view_id == self.table.summary().view_id;
        same_view && self.judgements().into_iter().all(in_line) && self.follows_quorum(now)
    }

    /// What is due besides pings.
    fn judgements(&self) -> [(Timer, Option<Time>); 5] {
        let observed = if self.observes() { self.observers.next_step() } else { None };
        [
            (Timer::Observers, observed),
            (Timer::Suspicion, self.suspicions.next_deadline()),
            (Timer::Check, self.checks.next_due()),
            (Timer::Relay, self.relays.next_due()),
            (Timer::Expire, self.table.next_expiry()),
        ]
    }
}
