//! Whether a node is on the side of a majority, as a lease.
//!
//! ```text
//!   asked at   ──────x────────x──x─────────> now      of each voter, the latest ask that it answered
//!                    │        the latest, latest but one, ...
//!                    └ the last one that a majority needs: the lease ends the detection time after
//! ```
//! A lease begins when it is asked for, not when the answer comes: whoever answered was there for the
//! asking at that time or later, so two sides of a cut cannot both hold one for longer than the
//! detection time after it (Gray and Cheriton, SOSP 1989, have the leases;
//! `docs/decisions/0012-a-majority-is-a-lease.md` the proof for these).

use std::time::Duration;

use headcount_state::Time;

/// What a majority is a majority of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// The members that are known. Advisory: both sides of a cut may come to know less of each
    /// other, so nothing is asserted.
    #[default]
    Learned,
    /// A configured list of voters.
    Voters,
    /// A configured number of members, whoever they are.
    ExpectedSize,
}

impl Basis {
    /// The basis in lower case with underscores, as shown in views and metrics. Stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Basis::Learned => "learned",
            Basis::Voters => "voters",
            Basis::ExpectedSize => "expected_size",
        }
    }
}

/// On which side of a cut a node is, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Alone: no other voter has answered within the detection time, or the node is no member.
    Lost,
    /// Some have answered, and they are no strict majority. Even halves are one on both sides.
    Minority,
    /// A strict majority has answered.
    Majority,
}

impl Verdict {
    /// The verdict in lower case, as shown. Stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Lost => "lost",
            Verdict::Minority => "minority",
            Verdict::Majority => "majority",
        }
    }
}

/// Who answered a node, for [`Quorum::of`].
#[derive(Debug)]
pub struct Count<'a> {
    /// What the majority is of.
    pub basis: Basis,
    /// How many voters there are, heard or not; at least 1.
    pub of: usize,
    /// How many more members are known than may be; with any, nobody has a majority.
    pub excess: usize,
    /// Whether the node itself counts as one: it is always heard now.
    pub own: bool,
    /// Of each other voter that counts, when the latest ask was sent that it answered. In any
    /// order; sorted afterwards.
    pub asked: &'a mut [Time],
    /// The latest such time over all other voters, those that do not count yet included.
    pub word: Option<Time>,
}

/// Whether a node is on the side of a majority: facts at one moment, whose verdict depends on when
/// one asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quorum {
    /// What the majority is of.
    pub basis: Basis,
    /// How many voters were heard, the node itself included if it counts.
    pub heard: usize,
    /// Of how many.
    pub of: usize,
    /// How many more members are known than the expected size; 0 with any other basis. With any,
    /// the operator's promise is broken and nobody has a majority.
    pub excess: usize,
    /// A majority until then, and not at that time any more. `None`: none.
    pub lease: Option<Time>,
    /// Some voter, or more, heard until then.
    pub word: Option<Time>,
}

impl Quorum {
    /// Counts those who answered what was asked within the last `detection_time`.
    pub fn of(now: Time, detection_time: Duration, count: Count<'_>) -> Quorum {
        let Count { basis, of, excess, own, asked, word } = count;
        asked.sort_unstable_by(|a, b| b.cmp(a));
        let until = |asked: Time| Some(asked + detection_time).filter(|until| *until > now);
        let others = asked.iter().take_while(|asked| until(**asked).is_some()).count();
        let need = need(of) - usize::from(own);
        let last_needed = match need {
            0 => Some(now),
            need => asked.get(need - 1).copied(),
        };
        Quorum {
            basis,
            heard: others + usize::from(own),
            of,
            excess,
            lease: last_needed.and_then(until).filter(|_| excess == 0),
            word: word.and_then(until),
        }
    }

    /// What a node holds that is no member, or hears nobody at all.
    pub fn lost(basis: Basis, of: usize) -> Quorum {
        Quorum { basis, of, ..Quorum::default() }
    }

    /// How many voters a strict majority takes.
    pub fn need(&self) -> usize {
        need(self.of)
    }

    /// What holds at `now`; of a learned basis, what would hold if it were right.
    pub fn verdict(&self, now: Time) -> Verdict {
        let lasts = |until: Option<Time>| until.is_some_and(|until| now < until);
        match (lasts(self.lease), lasts(self.word)) {
            (true, _) => Verdict::Majority,
            (false, true) => Verdict::Minority,
            (false, false) => Verdict::Lost,
        }
    }

    /// Whether a majority is asserted at `now`. Never with a learned basis.
    pub fn is_majority(&self, now: Time) -> bool {
        self.basis != Basis::Learned && self.verdict(now) == Verdict::Majority
    }

    /// When the verdict of `now` ends if nobody answers any more.
    pub fn ends(&self, now: Time) -> Option<Time> {
        match self.verdict(now) {
            Verdict::Majority => self.lease,
            Verdict::Minority => self.word,
            Verdict::Lost => None,
        }
    }
}

/// A strict majority of so many.
fn need(of: usize) -> usize {
    of / 2 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DETECTION: Duration = Duration::from_secs(5);

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    fn quorum(now: u64, of: usize, own: bool, asked: &[u64]) -> Quorum {
        let mut asked: Vec<Time> = asked.iter().map(|ms| at(*ms)).collect();
        let word = asked.iter().max().copied();
        let count = Count { basis: Basis::Voters, of, excess: 0, own, asked: &mut asked, word };
        Quorum::of(at(now), DETECTION, count)
    }

    #[test]
    fn the_lease_ends_the_detection_time_after_the_last_ask_that_a_majority_needs() {
        let held = quorum(10_000, 5, true, &[9_000, 6_000, 8_000, 1_000]);
        assert_eq!((held.heard, held.need(), held.lease), (4, 3, Some(at(13_000))));
        let heard_only = quorum(10_000, 5, false, &[9_000, 6_000, 8_000, 1_000]);
        assert_eq!((heard_only.heard, heard_only.lease), (3, Some(at(11_000))));
        assert_eq!(held.verdict(at(12_999)), Verdict::Majority);
        assert_eq!(held.verdict(at(13_000)), Verdict::Minority, "it ends at that time");
        assert_eq!(held.verdict(at(14_000)), Verdict::Lost);
        assert_eq!(held.ends(at(12_999)), Some(at(13_000)));
        assert_eq!(held.ends(at(13_000)), Some(at(14_000)));
        assert_eq!(held.ends(at(14_000)), None);
    }

    #[test]
    fn even_halves_are_a_minority() {
        for half in 1..=50 {
            let others = vec![9_000; half - 1];
            let verdict = quorum(10_000, 2 * half, true, &others).verdict(at(10_000));
            let expected = if half == 1 { Verdict::Lost } else { Verdict::Minority };
            assert_eq!(verdict, expected, "{half}");
            let one_more = quorum(10_000, 2 * half, true, &vec![9_000; half]);
            assert_eq!(one_more.verdict(at(10_000)), Verdict::Majority, "{half}");
        }
    }

    #[test]
    fn a_sole_voter_needs_nobody_and_still_stalls_out() {
        let sole = quorum(10_000, 1, true, &[]);
        assert!(sole.is_majority(at(14_999)));
        assert!(!sole.is_majority(at(15_000)));
    }

    #[test]
    fn a_learned_majority_is_shown_and_never_asserted() {
        let held = Quorum { basis: Basis::Learned, ..quorum(10_000, 3, true, &[9_000]) };
        assert_eq!(held.verdict(at(10_000)), Verdict::Majority);
        assert!(!held.is_majority(at(10_000)));
    }

    #[test]
    fn with_more_members_than_may_be_there_is_no_majority() {
        let mut asked = [at(9_000), at(9_000)];
        let basis = Basis::ExpectedSize;
        let word = Some(at(9_000));
        let count = Count { basis, of: 3, excess: 1, own: true, asked: &mut asked, word };
        let held = Quorum::of(at(10_000), DETECTION, count);
        assert_eq!((held.heard, held.verdict(at(10_000))), (3, Verdict::Minority));
    }

    #[test]
    fn a_voter_that_does_not_count_yet_is_word_all_the_same() {
        let word = Some(at(9_000));
        let mut asked = [];
        let count =
            Count { basis: Basis::Voters, of: 3, excess: 0, own: true, asked: &mut asked, word };
        let held = Quorum::of(at(10_000), DETECTION, count);
        assert_eq!((held.heard, held.verdict(at(10_000))), (1, Verdict::Minority));
    }

    /// When a node last asked each voter with an answer, which is no later than the cut for those on
    /// the other side of it.
    fn asks(cut: u64, end: u64, here: &[bool], drawn: &[u64]) -> Vec<u64> {
        let limit = |here: bool| if here { end } else { cut };
        here.iter().zip(drawn).map(|(here, drawn)| drawn % (limit(*here) + 1)).collect()
    }

    proptest! {
        #[test]
        fn two_sides_of_a_cut_never_both_hold_a_majority_once_the_detection_time_is_over(
            voters in prop::collection::vec((any::<bool>(), any::<u64>(), any::<u64>()), 1..=101),
            cut in 0_u64..20_000,
            later in 0_u64..20_000,
        ) {
            let end = cut + DETECTION.as_millis() as u64 + later;
            let left: Vec<bool> = voters.iter().map(|(left, ..)| *left).collect();
            let right: Vec<bool> = left.iter().map(|left| !left).collect();
            let drawn_left: Vec<u64> = voters.iter().map(|(_, drawn, _)| *drawn).collect();
            let drawn_right: Vec<u64> = voters.iter().map(|(.., drawn)| *drawn).collect();
            let hold = |here: &[bool], drawn: &[u64]| {
                quorum(end, voters.len(), false, &asks(cut, end, here, drawn)).is_majority(at(end))
            };
            let both = hold(&left, &drawn_left) && hold(&right, &drawn_right);
            prop_assert!(!both);
            // Nor if all on both sides answered this very moment.
            let newest = vec![u64::MAX - 1; voters.len()];
            prop_assert!(!(hold(&left, &newest) && hold(&right, &newest)));
        }

        #[test]
        fn the_verdict_knows_no_past_but_the_latest_asks(
            mut asked in prop::collection::vec(0_u64..10_000, 1..20),
            of in 1_usize..20,
            own: bool,
        ) {
            let before = quorum(10_000, of, own, &asked);
            asked.reverse();
            prop_assert_eq!(before, quorum(10_000, of, own, &asked), "in whatever order they came");
            asked[0] = 10_000;
            let after = quorum(10_000, of, own, &asked);
            prop_assert!(after.lease >= before.lease && after.heard >= before.heard);
            let silent = (0..100).map(|step| before.verdict(at(10_000 + step * 100)));
            prop_assert!(silent.rev().is_sorted(), "it never gets better by silence");
        }
    }
}
