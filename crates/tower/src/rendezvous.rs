//! Keys to members by rendezvous hashing (Thaler and Ravishankar, 1998): every member has a score
//! for every key, and the highest wins. Over XXH3, whose values are the same everywhere and for
//! ever. Of the kept libraries `hrw-hash` sorts all members for each key, and `mpchash` does not say
//! to whom a key goes next, and brings eight crates.

use headcount::{Member, MemberId, Name};
use tower::discover::Change;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::replica::Replica;

/// Keys and names are hashed apart.
const KEYS: u64 = 0x68ea_dc07;

/// A consistent mapping from keys to members, the same wherever the members are the same.
///
/// When a member comes, only keys that go to it move; when one goes, only its own do: one key in N.
/// The second of [`Rendezvous::pick_n`] is the one to which a key moves when the first goes. A pick
/// looks at every member once.
#[derive(Clone, Debug)]
pub struct Rendezvous<T> {
    /// Sorted by id.
    members: Vec<(MemberId, T)>,
}

impl<T> Default for Rendezvous<T> {
    fn default() -> Rendezvous<T> {
        Rendezvous { members: Vec::new() }
    }
}

impl Rendezvous<Member> {
    /// Over `members`: `Rendezvous::of(node.members().serving())`.
    pub fn of<'a>(members: impl IntoIterator<Item = &'a Member>) -> Rendezvous<Member> {
        members.into_iter().map(|member| (member.id(), member.clone())).collect()
    }
}

impl<E> Rendezvous<Replica<E>> {
    /// Takes in what [`crate::ServingMembers`] tells, so that filter, zones and damping count here
    /// too.
    pub fn follow(&mut self, change: Change<Name, Replica<E>>) {
        match change {
            Change::Insert(name, replica) => self.insert(name.id(), replica),
            Change::Remove(name) => self.remove(name.id()),
        };
    }
}

impl<T> Rendezvous<T> {
    /// Adds a member, and tells what it takes the place of.
    pub fn insert(&mut self, id: MemberId, member: T) -> Option<T> {
        match self.members.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(at) => Some(std::mem::replace(&mut self.members[at].1, member)),
            Err(at) => {
                self.members.insert(at, (id, member));
                None
            }
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, id: MemberId) -> Option<T> {
        let at = self.members.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(self.members.remove(at).1)
    }

    /// To whom `key` belongs; `None` if there is nobody.
    pub fn pick(&self, key: impl AsRef<[u8]>) -> Option<&T> {
        let key = xxh3_64_with_seed(key.as_ref(), KEYS);
        let best = self.members.iter().max_by_key(|(id, _)| (score(key, *id), *id))?;
        Some(&best.1)
    }

    /// The `count` members to which `key` belongs, the first of them as [`Rendezvous::pick`]
    /// chooses; fewer if there are not as many.
    pub fn pick_n(&self, key: impl AsRef<[u8]>, count: usize) -> Vec<&T> {
        let key = xxh3_64_with_seed(key.as_ref(), KEYS);
        let scored = self.members.iter().enumerate();
        let mut scored: Vec<(u64, usize)> =
            scored.map(|(at, (id, _))| (score(key, *id), at)).collect();
        let count = count.min(scored.len());
        if count < scored.len() {
            scored.select_nth_unstable_by(count, |a, b| b.cmp(a));
            scored.truncate(count);
        }
        scored.sort_unstable_by(|a, b| b.cmp(a));
        scored.into_iter().map(|(_, at)| &self.members[at].1).collect()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl<T> FromIterator<(MemberId, T)> for Rendezvous<T> {
    fn from_iter<I: IntoIterator<Item = (MemberId, T)>>(members: I) -> Rendezvous<T> {
        let mut members: Vec<(MemberId, T)> = members.into_iter().collect();
        members.sort_by_key(|(id, _)| *id);
        members.dedup_by_key(|(id, _)| *id);
        Rendezvous { members }
    }
}

/// Two hashes made one, every bit of which depends on every bit of both (SplitMix64's finaliser).
fn score(key: u64, id: MemberId) -> u64 {
    let mut mixed = key ^ id.as_u64();
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    fn ring(names: impl IntoIterator<Item = u16>) -> Rendezvous<u16> {
        names.into_iter().map(|name| (id(name), name)).collect()
    }

    fn id(name: u16) -> MemberId {
        MemberId::of(&format!("node-{name}"))
    }

    fn owners(ring: &Rendezvous<u16>) -> Vec<Option<u16>> {
        (0..400u32).map(|key| ring.pick(key.to_le_bytes()).copied()).collect()
    }

    proptest! {
        #[test]
        fn only_the_keys_of_the_one_that_comes_or_goes_move(
            names in btree_set(0..1_000u16, 1..40),
            newcomer in 1_000..2_000u16,
        ) {
            let mut with = ring(names.iter().copied());
            let before = owners(&with);
            with.insert(id(newcomer), newcomer);
            let after = owners(&with);
            let moved = before.iter().zip(&after).filter(|(old, new)| old != new);
            let mut count = 0.0;
            for (_, new) in moved {
                prop_assert_eq!(*new, Some(newcomer));
                count += 1.0;
            }
            // The deviation of a share of 400 keys is below 10 at a half, and less elsewhere.
            let share = 400.0 / (names.len() as f64 + 1.0);
            prop_assert!((count - share).abs() < 6.0 * share.sqrt(), "{} of {}", count, share);
            with.remove(id(newcomer));
            prop_assert_eq!(owners(&with), before);
        }

        #[test]
        fn a_key_goes_to_the_next_in_line_when_the_first_goes(
            names in btree_set(0..1_000u16, 2..40),
            key in any::<u64>(),
            count in 1..50usize,
        ) {
            let mut ring = ring(names.iter().copied());
            let line: Vec<u16> = ring.pick_n(key.to_le_bytes(), count).into_iter().copied().collect();
            prop_assert_eq!(line.len(), count.min(names.len()));
            for (place, name) in line.iter().enumerate() {
                prop_assert_eq!(ring.pick(key.to_le_bytes()), Some(name), "at place {}", place);
                ring.remove(id(*name));
            }
        }
    }

    #[test]
    fn the_keys_are_spread_evenly() {
        let ring = ring(0..10);
        let mut counts = [0u32; 10];
        for key in 0..100_000u32 {
            counts[usize::from(*ring.pick(key.to_le_bytes()).expect("there are some"))] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }

    #[test]
    fn who_owns_a_key_is_the_same_for_ever() {
        let ring = ring(0..100);
        let owners = ["", "a", "order-7", "order-8"].map(|key| ring.pick(key).copied());
        assert_eq!(owners, [Some(41), Some(54), Some(58), Some(9)]);
    }

    #[test]
    fn nobody_owns_a_key_where_nobody_is() {
        let mut empty = ring([]);
        assert!(empty.pick("a").is_none() && empty.pick_n("a", 3).is_empty() && empty.is_empty());
        assert_eq!(empty.insert(id(1), 1), None);
        assert_eq!(empty.insert(id(1), 2), Some(1));
        assert_eq!((empty.pick("a"), empty.len()), (Some(&2), 1));
        assert_eq!(empty.remove(id(1)), Some(2));
        assert_eq!(empty.remove(id(1)), None);
    }
}
