//! Which claims are still to be told, and which of them first.
//!
//! ```text
//!   lane       own word and goodbyes > failures > suspicions > joins > attributes
//!   in a lane  told least often first, then newest first
//! ```
//! Only ids wait here; what is told of them is read from the table when a datagram is packed, so
//! facts are as fresh as can be, and two claims about one member never wait together. A claim is
//! told a bounded number of times (SWIM, section 4.1), then table exchanges repair what it missed.
//! News that comes back from others is on its way already: in the two lowest lanes each such
//! hearing counts as a telling (Demers and others, 1987: feedback with a counter).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use headcount_state::{MemberId, tree_bytes};

/// How urgent a claim is; the smaller, the more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// A member's own word that saves it, or says goodbye.
    Own,
    /// A member is dead.
    Failed,
    /// A member is suspected.
    Suspect,
    /// A member is new.
    Join,
    /// A member changed what it says of itself.
    Attributes,
}

/// What came of offering a claim for a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// It is in.
    Taken,
    /// It does not fit.
    TooLarge,
    /// There is nothing to tell of this member any more.
    Gone,
}

/// The most claims that wait at once.
pub(crate) const DISSEMINATION_MAX: usize = 16_384;

/// Several claims that do not fit end a datagram: what follows is hardly smaller.
const MISFITS_MAX: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    lane: Lane,
    told: u32,
    newest: Reverse<u64>,
}

/// The claims that wait to be told. O(log n) per claim and telling.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dissemination {
    ranks: BTreeMap<MemberId, Rank>,
    order: BTreeSet<(Rank, MemberId)>,
    next: u64,
    /// Failures are told so many times more than other claims.
    failed_more: u32,
}

impl Dissemination {
    /// Nothing to tell. Failures will be told so many times more than other claims: they come many at a
    /// time, when hashes do not find whom the copies missed.
    pub(crate) fn new(failed_more: u32) -> Dissemination {
        Dissemination { failed_more, ..Dissemination::default() }
    }

    /// Begins to tell of `id`, from the start if it was being told already. False when that
    /// pushed the least urgent claim out.
    pub(crate) fn tell(&mut self, id: MemberId, lane: Lane) -> bool {
        self.remove(id);
        let rank = Rank { lane, told: 0, newest: Reverse(self.next) };
        self.next += 1;
        self.ranks.insert(id, rank);
        self.order.insert((rank, id));
        if self.ranks.len() <= DISSEMINATION_MAX {
            return true;
        }
        if let Some((_, last)) = self.order.last().copied() {
            self.remove(last);
        }
        false
    }

    pub(crate) fn contains(&self, id: MemberId) -> bool {
        self.ranks.contains_key(&id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.ranks.len()
    }

    /// Offers claims for one datagram, most urgent first. What is taken counts as told once more,
    /// and is done after `limit` times.
    pub(crate) fn fill(&mut self, limit: u32, mut offer: impl FnMut(MemberId) -> Offer) {
        let mut misfits = 0;
        let mut taken = Vec::new();
        let mut gone = Vec::new();
        for (_, id) in &self.order {
            match offer(*id) {
                Offer::Taken => taken.push(*id),
                Offer::Gone => gone.push(*id),
                Offer::TooLarge => misfits += 1,
            }
            if misfits == MISFITS_MAX {
                break;
            }
        }
        for id in gone {
            self.remove(id);
        }
        for id in taken {
            self.count(id, limit);
        }
    }

    /// Another node told what waits here: it is done that much sooner, unless it is urgent.
    pub(crate) fn heard(&mut self, id: MemberId, limit: u32) {
        if self.ranks.get(&id).is_some_and(|rank| rank.lane >= Lane::Join) {
            self.count(id, limit);
        }
    }

    fn count(&mut self, id: MemberId, limit: u32) {
        if let Some(mut rank) = self.remove(id)
            && rank.told + 1 < limit + if rank.lane == Lane::Failed { self.failed_more } else { 0 }
        {
            rank.told += 1;
            self.ranks.insert(id, rank);
            self.order.insert((rank, id));
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let ranks = tree_bytes(self.ranks.len(), size_of::<(MemberId, Rank)>());
        ranks + tree_bytes(self.order.len(), size_of::<(Rank, MemberId)>())
    }

    pub(crate) fn clear(&mut self) {
        self.ranks.clear();
        self.order.clear();
    }

    fn remove(&mut self, id: MemberId) -> Option<Rank> {
        let rank = self.ranks.remove(&id)?;
        self.order.remove(&(rank, id));
        Some(rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> MemberId {
        MemberId::of(name)
    }

    fn told(queue: &mut Dissemination, limit: u32, room: usize) -> Vec<MemberId> {
        let mut taken = Vec::new();
        queue.fill(limit, |id| {
            if taken.len() == room {
                return Offer::TooLarge;
            }
            taken.push(id);
            Offer::Taken
        });
        taken
    }

    #[test]
    fn urgent_lanes_go_first_then_the_least_told_then_the_newest() {
        let mut queue = Dissemination::default();
        queue.tell(id("join"), Lane::Join);
        queue.tell(id("failed"), Lane::Failed);
        queue.tell(id("old"), Lane::Suspect);
        queue.tell(id("new"), Lane::Suspect);
        let expected = [id("failed"), id("new"), id("old"), id("join")];
        assert_eq!(told(&mut queue, 9, 9), expected);
        queue.tell(id("old"), Lane::Suspect);
        assert_eq!(told(&mut queue, 9, 2), [id("failed"), id("old")]);
    }

    #[test]
    fn a_claim_is_told_as_often_as_the_limit_says() {
        let mut queue = Dissemination::default();
        queue.tell(id("a"), Lane::Join);
        for _ in 0..3 {
            assert_eq!(told(&mut queue, 3, 9), [id("a")]);
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn a_full_queue_drops_the_least_urgent_claim() {
        let mut queue = Dissemination::default();
        queue.tell(id("refutation"), Lane::Own);
        for i in 0..DISSEMINATION_MAX - 1 {
            assert!(queue.tell(id(&format!("member-{i}")), Lane::Attributes));
        }
        assert!(!queue.tell(id("late"), Lane::Join));
        assert_eq!(queue.len(), DISSEMINATION_MAX);
        assert_eq!(told(&mut queue, 9, 2), [id("refutation"), id("late")]);
    }

    #[test]
    fn news_that_comes_back_is_told_less_often_unless_it_is_urgent() {
        let mut queue = Dissemination::default();
        queue.tell(id("join"), Lane::Join);
        queue.tell(id("failed"), Lane::Failed);
        for _ in 0..3 {
            queue.heard(id("join"), 3);
            queue.heard(id("failed"), 3);
        }
        assert_eq!(told(&mut queue, 3, 9), [id("failed")]);
    }

    #[test]
    fn members_that_are_gone_leave_the_queue() {
        let mut queue = Dissemination::default();
        queue.tell(id("a"), Lane::Join);
        queue.fill(3, |_| Offer::Gone);
        assert!(queue.is_empty());
    }
}
