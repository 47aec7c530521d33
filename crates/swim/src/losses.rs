//! Members that were lost, and whether they are coming back: the story of a cut.

use std::collections::BTreeSet;
use std::time::Duration;

use headcount_state::{MemberId, Time};

/// The most lost members that are remembered; later ones are not counted.
const LOSSES_MAX: usize = 65_536;

/// Failed members that have not come back, and those of them that have lately.
///
/// A member that comes back as the same process was not dead but cut off (or paused), so its
/// return says that a cut is over. The cut is told as over once, when all are back or when
/// nobody has come back for a while.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    lost: BTreeSet<MemberId>,
    returned: usize,
    last_return: Time,
}

impl Losses {
    pub(crate) fn lost(&mut self, member: MemberId) {
        if self.lost.len() < LOSSES_MAX {
            self.lost.insert(member);
        }
    }

    /// The member is here again; `same_process` if it never died.
    pub(crate) fn back(&mut self, now: Time, member: MemberId, same_process: bool) {
        if self.lost.remove(&member) && same_process {
            self.returned += 1;
            self.last_return = now;
        }
    }

    /// The member will not come back: it said goodbye.
    pub(crate) fn gone(&mut self, member: MemberId) {
        self.lost.remove(&member);
    }

    /// Once per cut: how many came back and how many are still missing, when all are back or none
    /// came for `quiet`.
    pub(crate) fn take_healed(&mut self, now: Time, quiet: Duration) -> Option<(usize, usize)> {
        let settled = self.lost.is_empty() || self.last_return + quiet <= now;
        if self.returned == 0 || !settled {
            return None;
        }
        Some((std::mem::take(&mut self.returned), self.lost.len()))
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
        losses.lost(id("a"));
        losses.lost(id("b"));
        losses.back(Time::from_millis(1), id("a"), true);
        assert_eq!(losses.take_healed(Time::from_millis(1), QUIET), None);
        losses.back(Time::from_millis(2), id("b"), true);
        assert_eq!(losses.take_healed(Time::from_millis(2), QUIET), Some((2, 0)));
        assert_eq!(losses.take_healed(Time::from_millis(3), QUIET), None);
    }

    #[test]
    fn members_that_stay_missing_do_not_hold_the_news_back_for_ever() {
        let mut losses = Losses::default();
        losses.lost(id("dead"));
        losses.lost(id("cut"));
        losses.back(Time::from_millis(10), id("cut"), true);
        assert_eq!(losses.take_healed(Time::from_millis(3_000), QUIET), None);
        assert_eq!(losses.take_healed(Time::from_millis(3_010), QUIET), Some((1, 1)));
    }

    #[test]
    fn a_restart_is_no_heal() {
        let mut losses = Losses::default();
        losses.lost(id("a"));
        losses.back(Time::ZERO, id("a"), false);
        assert_eq!(losses.take_healed(Time::MAX, QUIET), None);
    }
}
