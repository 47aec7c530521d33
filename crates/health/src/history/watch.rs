//! How long the observer has watched: everything that is measured, is measured in this time.

use std::collections::VecDeque;

/// So many gaps are remembered one by one, for events that come late; of older ones the sum.
const GAPS_KEPT: usize = 64;

/// The time that the observer watched, and the gaps in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    /// From when on the gaps are known one by one, and how much was watched before.
    pub(crate) base: Option<(u64, u64)>,
    /// Oldest first; they do not overlap.
    pub(crate) gaps: VecDeque<Gap>,
    /// How many gaps there were in all.
    pub(crate) gaps_seen: u64,
}

/// A time in which the observer watched nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from_ms: u64,
    /// `None` while it lasts.
    pub(crate) to_ms: Option<u64>,
    /// How much was watched before it.
    pub(crate) watched_ms: u64,
}

impl Watch {
    /// The observer watches, if it had not begun to.
    pub(crate) fn begin(&mut self, at_ms: u64) {
        self.base.get_or_insert((at_ms, 0));
    }

    /// A gap begins, unless one lasts.
    pub(crate) fn close(&mut self, at_ms: u64) {
        self.begin(at_ms);
        if self.is_blind() {
            return;
        }
        let from_ms = at_ms.max(self.gaps.back().and_then(|gap| gap.to_ms).unwrap_or(0));
        let (watched_ms, _) = self.watched(from_ms);
        self.gaps.push_back(Gap { from_ms, to_ms: None, watched_ms });
        self.gaps_seen = self.gaps_seen.saturating_add(1);
        if self.gaps.len() > GAPS_KEPT
            && let Some(Gap { to_ms: Some(to_ms), watched_ms, .. }) = self.gaps.pop_front()
        {
            self.base = Some((to_ms, watched_ms));
        }
    }

    /// The gap is over, if there is one.
    pub(crate) fn open(&mut self, at_ms: u64) {
        self.begin(at_ms);
        if let Some(gap) = self.gaps.back_mut().filter(|gap| gap.to_ms.is_none()) {
            gap.to_ms = Some(at_ms.max(gap.from_ms));
        }
    }

    /// Whether nobody is watched now.
    pub(crate) fn is_blind(&self) -> bool {
        self.gaps.back().is_some_and(|gap| gap.to_ms.is_none())
    }

    /// How many milliseconds had been watched at this time, and whether it lies in a gap.
    pub(crate) fn watched(&self, at_ms: u64) -> (u64, bool) {
        let before = self.gaps.partition_point(|gap| gap.from_ms <= at_ms);
        let gap = before.checked_sub(1).and_then(|last| self.gaps.get(last));
        match (gap, self.base) {
            (Some(gap), _) => match gap.to_ms.filter(|to| *to <= at_ms) {
                Some(to) => (gap.watched_ms.saturating_add(at_ms - to), false),
                None => (gap.watched_ms, true),
            },
            (None, Some((from, watched))) => {
                (watched.saturating_add(at_ms.saturating_sub(from)), at_ms < from)
            }
            (None, None) => (0, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_gap_is_not_watched() {
        let mut watch = Watch::default();
        watch.begin(1_000);
        watch.close(1_400);
        watch.close(1_450);
        watch.open(1_900);
        let seen = [900, 1_000, 1_300, 1_400, 1_899, 1_900, 2_000].map(|at| watch.watched(at));
        let expected = [
            (0, true),
            (0, false),
            (300, false),
            (400, true),
            (400, true),
            (400, false),
            (500, false),
        ];
        assert_eq!(seen, expected);
        assert_eq!(watch.gaps_seen, 1);
    }

    #[test]
    fn of_old_gaps_the_sum_is_kept() {
        let mut watch = Watch::default();
        watch.begin(0);
        for gap in 1..=200 {
            watch.close(gap * 100);
            watch.open(gap * 100 + 30);
        }
        assert_eq!(watch.gaps.len(), GAPS_KEPT);
        assert_eq!(watch.gaps_seen, 200);
        // 30 of every 100 ms are gaps.
        assert_eq!(watch.watched(20_100), (20_100 - 200 * 30, false));
        assert!(watch.watched(5_000).1, "before all that is known one by one");
    }

    #[test]
    fn a_gap_that_would_end_before_it_began_is_none() {
        let mut watch = Watch::default();
        watch.begin(100);
        watch.close(200);
        watch.open(150);
        assert_eq!(watch.watched(300), (200, false));
        watch.close(120);
        assert_eq!(watch.watched(300), (100, true), "it begins where the last one ended");
    }
}
