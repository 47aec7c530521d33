//! What an accusation rests on: why, for how long, and in whose eyes.

use std::fmt;
use std::time::Duration;

use crate::id::MemberId;

/// Why a member is accused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It answered no probe.
    Silent,
    /// Its port refused a stream: its host is there, and no process listens.
    Refused,
    /// The link to it lets too little through.
    Link,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 3] = [Reason::Silent, Reason::Refused, Reason::Link];

    /// The reason in one lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Silent => "silent",
            Reason::Refused => "refused",
            Reason::Link => "link",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Those who confirmed an accusation, by the first 32 bits of their ids: at most
/// [`Voters::MAX`], in the order in which they were added, none twice.
///
/// Two members may begin alike; who only counts then counts one too few.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Voters {
    /// Zeros from `len` on, so that equal voters are equal bytes.
    prefixes: [u32; Voters::MAX],
    len: u8,
}

impl Voters {
    /// The most that are kept; those who come later are left out.
    pub const MAX: usize = 4;

    /// These members.
    pub fn of(ids: impl IntoIterator<Item = MemberId>) -> Voters {
        Voters::from_prefixes(ids.into_iter().map(prefix))
    }

    /// The members whose ids begin with these bits.
    pub fn from_prefixes(prefixes: impl IntoIterator<Item = u32>) -> Voters {
        let mut voters = Voters::default();
        for prefix in prefixes {
            voters.add(prefix);
        }
        voters
    }

    /// The first 32 bits of their ids, in the order in which they were added.
    pub fn prefixes(&self) -> &[u32] {
        &self.prefixes[..self.len()]
    }

    /// Whether this member, or one whose id begins alike, is among them.
    pub fn contains(&self, id: MemberId) -> bool {
        self.prefixes().contains(&prefix(id))
    }

    /// How many there are, 0 to [`Voters::MAX`].
    pub fn len(&self) -> usize {
        self.len.into()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn add(&mut self, prefix: u32) {
        let known = self.prefixes().contains(&prefix);
        let free = self.prefixes.get_mut(usize::from(self.len));
        if let Some(place) = free.filter(|_| !known) {
            *place = prefix;
            self.len += 1;
        }
    }
}

fn prefix(id: MemberId) -> u32 {
    (id.as_u64() >> u32::BITS) as u32
}

/// What an accusation rests on.
///
/// It is no part of a version or a hash: of what two tellers say of one version, the first one
/// heard is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// Why the member is accused.
    pub reason: Reason,
    /// How long before the claim was made the last word of the member was heard by any of the
    /// voters. Tables and the wire keep whole milliseconds, at most 2^32 - 1.
    pub word_age: Duration,
    /// Who confirmed it.
    pub voters: Voters,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_few_voters_are_kept_in_order_and_none_twice(
            raw in prop::collection::vec((0..6_u32, 1..3_u32), 0..12),
        ) {
            let id = |(upper, lower): (u32, u32)| {
                MemberId::from_u64(u64::from(upper) << 32 | u64::from(lower)).unwrap()
            };
            let ids: Vec<MemberId> = raw.iter().copied().map(id).collect();
            let voters = Voters::of(ids.iter().copied());
            let mut distinct: Vec<u32> = Vec::new();
            for (upper, _) in raw {
                if !distinct.contains(&upper) {
                    distinct.push(upper);
                }
            }
            let kept = &distinct[..distinct.len().min(Voters::MAX)];
            prop_assert_eq!(voters.prefixes(), kept);
            prop_assert_eq!(voters.len(), kept.len());
            prop_assert_eq!(voters.is_empty(), ids.is_empty());
            prop_assert_eq!(Voters::from_prefixes(distinct.iter().copied()), voters);
            for id in ids {
                prop_assert_eq!(voters.contains(id), kept.contains(&prefix(id)));
            }
        }
    }

    #[test]
    fn a_member_whose_id_begins_with_zeros_is_a_voter_only_when_it_was_added() {
        let small = MemberId::from_u64(1).unwrap();
        assert!(!Voters::default().contains(small));
        let voters = Voters::of([small]);
        assert!(voters.contains(small));
        assert_eq!(voters.prefixes(), [0]);
    }
}
