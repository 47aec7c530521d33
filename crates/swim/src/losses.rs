//! Members that were lost, and whether they are coming back: the story of a cut.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headcount_state::{MemberId, Time, tree_bytes};

/// The most lost members that are remembered; beyond it the one lost first is forgotten.
pub(crate) const LOSSES_MAX: usize = 16_384;

/// Who has been lost for so long is not waited for.
pub(crate) const LOST_FOR_GOOD: Duration = Duration::from_secs(24 * 60 * 60);

/// Failed members that have not come back, and those of them that have lately.
///
/// A member that comes back as the same process was not dead but cut off (or paused), so its
/// return says that a cut is over. The cut is told as over once, when all are back or when
/// nobody has come back for a while. O(log n) per change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    lost: BTreeMap<MemberId, Time>,
    /// The same, the one lost first first.
    order: BTreeSet<(Time, MemberId)>,
    returned: usize,
    last_return: Time,
}

impl Losses {
    pub(crate) fn lost(&mut self, now: Time, member: MemberId) {
        self.forget(member);
        self.lost.insert(member, now);
        self.order.insert((now, member));
        if self.lost.len() > LOSSES_MAX
            && let Some((_, first)) = self.order.first().copied()
        {
            self.forget(first);
        }
    }

    /// The member is here again; `same_process` if it never died.
    pub(crate) fn back(&mut self, now: Time, member: MemberId, same_process: bool) {
        if self.forget(member) && same_process {
            self.returned += 1;
            self.last_return = now;
        }
    }

    /// The member will not come back: it said goodbye.
    pub(crate) fn gone(&mut self, member: MemberId) {
        self.forget(member);
    }

    fn forget(&mut self, member: MemberId) -> bool {
        let since = self.lost.remove(&member);
        since.is_some_and(|since| self.order.remove(&(since, member)))
    }

    pub(crate) fn len(&self) -> usize {
        self.lost.len()
    }

    /// Those lost at `since` or later, in id order.
    pub(crate) fn since(&self, since: Time) -> Vec<MemberId> {
        let lately = self.order.iter().rev().take_while(|(at, _)| *at >= since);
        let mut members: Vec<MemberId> = lately.map(|(_, member)| *member).collect();
        members.sort_unstable();
        members
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        2 * tree_bytes(self.lost.len(), size_of::<(MemberId, Time)>())
    }

    /// Once per cut: how many came back and how many are still missing, when all are back or none
    /// came for `quiet`.
    pub(crate) fn take_healed(&mut self, now: Time, quiet: Duration) -> Option<(usize, usize)> {
        while let Some((since, first)) = self.order.first().copied()
            && since + LOST_FOR_GOOD <= now
        {
            self.forget(first);
        }
        let settled = self.lost.is_empty() || self.last_return + quiet <= now;
        if self.returned == 0 || !settled {
            return None;
        }
        Some((std::mem::take(&mut self.returned), self.lost.len()))
    }
}

/// Members that were lost one after the other: so many at once are no coincidence.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Burst {
    count: usize,
    last: Time,
}

/// Fewer, or less than a tenth of all, are single failures.
const BURST_MIN: usize = 2;

impl Burst {
    pub(crate) fn lost(&mut self, now: Time) {
        self.count += 1;
        self.last = now;
    }

    /// Once per burst, when nobody was lost for `quiet`: how many were, if that looks like a cut to
    /// one that still has `live` members, itself included.
    pub(crate) fn take(&mut self, now: Time, quiet: Duration, live: usize) -> Option<usize> {
        if self.count == 0 || self.last + quiet > now {
            return None;
        }
        let count = std::mem::take(&mut self.count);
        (count >= BURST_MIN.max((live + count) / 10)).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_secs(3);

    fn id(name: &str) -> MemberId {
        MemberId::of(name)
    }

    #[test]
    fn a_cut_is_over_once_when_all_are_back() {
        let mut losses = Losses::default();
        losses.lost(Time::ZERO, id("a"));
        losses.lost(Time::ZERO, id("b"));
        losses.back(Time::from_millis(1), id("a"), true);
        assert_eq!(losses.take_healed(Time::from_millis(1), QUIET), None);
        losses.back(Time::from_millis(2), id("b"), true);
        assert_eq!(losses.take_healed(Time::from_millis(2), QUIET), Some((2, 0)));
        assert_eq!(losses.take_healed(Time::from_millis(3), QUIET), None);
    }

    #[test]
    fn members_that_stay_missing_do_not_hold_the_news_back_for_ever() {
        let mut losses = Losses::default();
        losses.lost(Time::ZERO, id("dead"));
        losses.lost(Time::ZERO, id("cut"));
        losses.back(Time::from_millis(10), id("cut"), true);
        assert_eq!(losses.take_healed(Time::from_millis(3_000), QUIET), None);
        assert_eq!(losses.take_healed(Time::from_millis(3_010), QUIET), Some((1, 1)));
    }

    #[test]
    fn those_lost_together_are_told_of_once_and_single_failures_are_not() {
        let mut burst = Burst::default();
        let at = Time::from_millis;
        let second = Duration::from_secs(1);
        burst.lost(at(0));
        assert_eq!(burst.take(at(1_000), second, 9), None, "one alone");
        (0..3).for_each(|n| burst.lost(at(2_000 + n * 500)));
        assert_eq!(burst.take(at(3_500), second, 7), None, "it may go on");
        assert_eq!(burst.take(at(4_000), second, 7), Some(3));
        assert_eq!(burst.take(at(9_000), second, 7), None, "told once");
        (0..3).for_each(|_| burst.lost(at(10_000)));
        assert_eq!(burst.take(at(11_000), second, 97), None, "three of a hundred");
    }

    #[test]
    fn a_restart_is_no_heal() {
        let mut losses = Losses::default();
        losses.lost(Time::ZERO, id("a"));
        losses.back(Time::ZERO, id("a"), false);
        assert_eq!(losses.take_healed(Time::MAX, QUIET), None);
    }

    #[test]
    fn who_was_lost_long_ago_is_not_missed_any_more() {
        let day = 24 * 60 * 60 * 1_000;
        let mut losses = Losses::default();
        losses.lost(Time::ZERO, id("long dead"));
        losses.lost(Time::from_millis(day), id("cut"));
        losses.back(Time::from_millis(day), id("cut"), true);
        assert_eq!(losses.take_healed(Time::from_millis(day + 3_000), QUIET), Some((1, 0)));
    }

    #[test]
    fn beyond_the_bound_who_was_lost_first_is_forgotten_and_a_second_loss_counts_anew() {
        let mut losses = Losses::default();
        losses.lost(Time::ZERO, id("twice"));
        losses.lost(Time::from_millis(1), id("first"));
        losses.lost(Time::from_millis(2), id("twice"));
        for number in 0..LOSSES_MAX as u64 - 1 {
            losses.lost(Time::from_millis(3), id(&number.to_string()));
        }
        assert_eq!(losses.len(), LOSSES_MAX);
        assert_eq!(losses.since(Time::from_millis(1)).len(), LOSSES_MAX);
        assert!(!losses.since(Time::ZERO).contains(&id("first")));
        assert!(losses.since(Time::ZERO).contains(&id("twice")));
        assert!(losses.since(Time::ZERO).is_sorted());
        assert_eq!(losses.since(Time::from_millis(3)).len(), LOSSES_MAX - 1);
    }
}
