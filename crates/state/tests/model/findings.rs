//! What the checkers look for, and where a schedule's findings are collected.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use headcount_state::{Instance, MemberId};

/// What can be wrong with a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// Two live nodes hold different live version vectors after a long calm.
    NotConverged,
    /// A member is held that no process lives.
    Zombie,
    /// A live process is in nobody's view, or not in everybody's.
    Forgotten,
    /// Of a name's live processes none is a member.
    Extinct,
    /// Two live processes of one name both think that they are the member.
    TwoWinners,
    /// Equal sync hashes over different records, or the reverse.
    HashLies,
    /// A life that was over here is announced as a member.
    DeadJoined,
    /// A process holds a smaller claim than before.
    Fell,
    /// Generations rise without end in a calm cluster.
    Climbs,
    /// Holders of a member's tombstone disagree on how it ended.
    DeadDisagree,
    /// Messages beget messages without end.
    Storm,
    /// Agreements come and go in a calm cluster.
    Unstable,
    /// A live member does not hold itself as alive.
    OwnNotAlive,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What the checkers found in one schedule.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The violations.
    pub(crate) violations: BTreeSet<Violation>,
    /// Failure events about members that were up and reachable.
    pub(crate) false_deaths: u32,
    /// Faults that really happened, by kind, so that a sweep can show that it covered them.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Processes that ended before everyone's memory of them did.
    pub(crate) long_dead: BTreeSet<(MemberId, Instance)>,
}

impl Findings {
    pub(crate) fn report(&mut self, violation: Violation) {
        self.violations.insert(violation);
    }

    pub(crate) fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }
}
