//! The observer-quorum detector: members are watched by few, accused by several, and judged once.
//!
//! ```text
//!   watch.rs      one subject a period is pinged ── silence ──> case        clock.rs, pings.rs
//!   cases.rs      the other observers are asked ── vouched ──> dropped
//!   opinions.rs      │        who is asked answers from evidence, or pings
//!                    ├─ half of the detection time ──> suspect
//!                    └─ all of it, still nobody vouches ──> failed
//!   contest.rs    some vouch and some do not, or a suspicion was refuted: all measure the link
//!   hold.rs       who was failed again and again comes back later
//!   doubt.rs      who hears nobody, or stood still, accuses nobody
//!   belief.rs     a verdict that contradicts what is known here is checked first
//! ```
//! Nothing here grows with the size of the cluster. `timing.rs` has every number of the rules, `clock.rs`
//! those of the clock; bounds stand beside what they bound.

pub(crate) mod belief;
pub(crate) mod cases;
pub(crate) mod clock;
pub(crate) mod contest;
pub(crate) mod doubt;
pub(crate) mod hold;
pub(crate) mod opinions;
pub(crate) mod pings;
pub(crate) mod timing;
pub(crate) mod watch;

use std::collections::BTreeMap;

use headcount_state::{Claim, MemberId, Status, Time};

use crate::config::Config;
use cases::Cases;
use clock::PeriodClock;
use contest::Contests;
use doubt::Doubt;
use hold::Holding;
use opinions::Opinions;
use pings::Pings;
use timing::Timing;

/// Makes room for `id` in a map of at most so many: what is oldest, by `age`, gives way.
pub(crate) fn make_room<V, A: Ord>(
    map: &mut BTreeMap<MemberId, V>,
    id: MemberId,
    most: usize,
    age: impl Fn(&V) -> A,
) {
    if map.len() >= most && !map.contains_key(&id) {
        let oldest = map.iter().min_by_key(|(_, value)| age(value)).map(|(id, _)| *id);
        oldest.map(|oldest| map.remove(&oldest));
    }
}

/// What a node knows as an observer.
#[derive(Debug)]
pub(crate) struct Observers {
    pub(crate) timing: Timing,
    pub(crate) clock: PeriodClock,
    pub(crate) pings: Pings,
    pub(crate) doubt: Doubt,
    pub(crate) cases: Cases,
    pub(crate) opinions: Opinions,
    pub(crate) contests: Contests,
    pub(crate) holding: Holding,
    /// Whom this node watches in the view with this id.
    pub(crate) subjects: Vec<MemberId>,
    pub(crate) subjects_of_view: Option<u64>,
    /// The period for whose turn the timer is set.
    pub(crate) next_turn: Option<i64>,
    /// All subjects are pinged every period until then.
    pub(crate) alarm_until: Time,
    /// Rounds of comparing tables so far.
    pub(crate) rounds: u32,
}

impl Observers {
    pub(crate) fn new(config: &Config, now: Time) -> Observers {
        Observers {
            timing: Timing::of(config),
            clock: PeriodClock::new(config.period, now),
            pings: Pings::default(),
            doubt: Doubt::default(),
            cases: Cases::default(),
            opinions: Opinions::default(),
            contests: Contests::default(),
            holding: Holding::default(),
            subjects: Vec::new(),
            subjects_of_view: None,
            next_turn: None,
            alarm_until: Time::ZERO,
            rounds: 0,
        }
    }

    /// The period whose turn it is: the one for which the timer was set, though the clock has been
    /// moved a little since.
    pub(crate) fn turn(&self, now: Time) -> i64 {
        let running = self.clock.period(now);
        let near = |turn: &i64| running.abs_diff(*turn) <= 1;
        self.next_turn.filter(near).unwrap_or(running)
    }

    /// Forgets all that was about to be judged.
    pub(crate) fn drop_judgements(&mut self) {
        self.pings.clear();
        self.cases.clear();
        self.opinions.clear();
        self.contests.clear();
    }

    /// A member that is not suspected any more is no case.
    pub(crate) fn follow_claim(&mut self, claim: &Claim) {
        if claim.status() != Status::Suspect {
            self.cases.close(claim.id);
        }
    }

    /// `id` is no candidate any more, or another process.
    pub(crate) fn forget(&mut self, id: MemberId) {
        self.cases.close(id);
        self.opinions.forget(id);
        self.contests.forget(id);
    }

    /// When something is due that has no timer of its own.
    pub(crate) fn next_step(&self) -> Option<Time> {
        let judged = [self.cases.next_due(), self.opinions.next_due(), self.contests.next_due()];
        judged.into_iter().chain([self.holding.next_due()]).flatten().min()
    }
}
