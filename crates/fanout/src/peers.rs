//! The members one may talk to: any of them at random, or each of them in turn.
//!
//! Gossip spreads to everyone in O(log n) rounds because each target is drawn uniformly and
//! independently of the last round's (Demers et al., PODC 1987); relays are drawn the same way, so
//! that no fixed path decides about a subject (SWIM, Das et al., DSN 2002, section 3.1). Probes take
//! turns ([`ProbeOrder`]). Both choose from one list: a uniform draw of places is a uniform draw of
//! members whatever the order of the list is.

use std::collections::BTreeSet;

use headcount_state::MemberId;
use rand::Rng;

use crate::probe_order::ProbeOrder;
use crate::urn::Urn;

/// The members a node may talk to: those it holds as not failed, never itself.
///
/// Who counts as non-failed is the owner's decision, made by inserting and removing. Inserting,
/// removing and the next probe take about constant time. A choice of k with e exclusions is
/// O(k + e) but for logarithms. One random draw is made per member chosen or inserted, however
/// many members there are.
#[derive(Clone, Debug)]
pub struct Peers {
    own: MemberId,
    order: ProbeOrder,
}

impl Peers {
    /// No peers yet, for the node whose own id is `own`.
    pub fn new(own: MemberId) -> Peers {
        Peers { own, order: ProbeOrder::default() }
    }

    /// The peers of `own`, whose members are those of `other`: the same but for the two themselves.
    /// A new pass of probes begins.
    pub fn like<R: Rng + ?Sized>(other: &Peers, own: MemberId, rng: &mut R) -> Peers {
        let mut peers = Peers { own, order: other.order.clone() };
        peers.order.remove(own);
        peers.order.begin();
        peers.insert(other.own, rng);
        peers
    }

    /// Adds `id`, with a random place in the order of probes: its first turn comes in this pass or
    /// the next. False for the node's own id and for one that is here already.
    pub fn insert<R: Rng + ?Sized>(&mut self, id: MemberId, rng: &mut R) -> bool {
        id != self.own && self.order.insert(id, rng)
    }

    /// Removes `id`; false when it was not here. The turns of the others stay as they were.
    pub fn remove(&mut self, id: MemberId) -> bool {
        self.order.remove(id)
    }

    /// Makes room for so many more at once, so that none is left over.
    pub fn reserve(&mut self, more: usize) {
        self.order.reserve(more);
    }

    /// Who is to be probed now: every peer exactly once per pass, each pass in a new random order
    /// (SWIM, section 4.3). None when there are no peers.
    pub fn next_probe<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<MemberId> {
        self.order.next(rng)
    }

    /// Whether `id` is a peer.
    pub fn contains(&self, id: MemberId) -> bool {
        self.order.members().contains(id)
    }

    /// How many peers there are.
    pub fn len(&self) -> usize {
        self.order.members().len()
    }

    /// Whether there are no peers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All peers, ascending by id.
    pub fn iter(&self) -> impl Iterator<Item = MemberId> {
        self.order.members().iter()
    }

    /// The bytes that it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.order.members().heap_bytes()
    }

    /// Fills `out` (cleared first) with the targets of one gossip round: `fanout` distinct random
    /// peers, or all of them when there are fewer.
    pub fn gossip_targets<R: Rng + ?Sized>(
        &self,
        rng: &mut R,
        fanout: usize,
        out: &mut Vec<MemberId>,
    ) {
        self.sample(rng, fanout, &[], out);
    }

    /// Fills `out` (cleared first) with `k` distinct random peers to probe `subject` through, or
    /// as many as there are; never the subject. Those of `suspects` are relays only if nobody else
    /// is there: one that does not answer itself says nothing about others.
    pub fn relays<R: Rng + ?Sized>(
        &self,
        rng: &mut R,
        subject: MemberId,
        suspects: &[MemberId],
        k: usize,
        out: &mut Vec<MemberId>,
    ) {
        self.sample(rng, k, &[suspects, &[subject]].concat(), out);
        if out.is_empty() {
            self.sample(rng, k, &[subject], out);
        }
    }

    /// A random peer to exchange tables with; none when there are no peers.
    pub fn exchange_partner<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<MemberId> {
        self.pick(rng, &[])
    }

    /// Fills `out` (cleared first) with `k` distinct random peers outside `exclude`, or with all of
    /// those when there are fewer.
    ///
    /// Every subset of that size is equally likely, in every order. `exclude` may hold doubles and
    /// ids that are no peers.
    pub fn sample<R: Rng + ?Sized>(
        &self,
        rng: &mut R,
        k: usize,
        exclude: &[MemberId],
        out: &mut Vec<MemberId>,
    ) {
        out.clear();
        let mut urn = self.urn(exclude);
        while out.len() < k
            && let Some(id) = self.draw(&mut urn, rng)
        {
            out.push(id);
        }
    }

    /// A random peer outside `exclude`, each equally likely; none when there is no such peer.
    pub fn pick<R: Rng + ?Sized>(&self, rng: &mut R, exclude: &[MemberId]) -> Option<MemberId> {
        self.draw(&mut self.urn(exclude), rng)
    }

    fn urn(&self, exclude: &[MemberId]) -> Urn {
        let excluded: BTreeSet<usize> =
            exclude.iter().filter_map(|&id| self.order.members().place(id)).collect();
        Urn::new(self.len(), excluded.into_iter().rev())
    }

    fn draw<R: Rng + ?Sized>(&self, urn: &mut Urn, rng: &mut R) -> Option<MemberId> {
        urn.draw(rng).and_then(|place| self.order.members().get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{CountingRng, chi_square, member, seeded};
    use proptest::collection::vec;
    use proptest::prelude::*;

    const OWN: u64 = 0;

    fn peers(numbers: impl IntoIterator<Item = u64>) -> Peers {
        let mut peers = Peers::new(member(OWN));
        for number in numbers {
            peers.insert(member(number), &mut seeded(number));
        }
        peers
    }

    proptest! {
        #[test]
        fn peers_are_the_members_inserted_and_not_removed(
            steps in vec((any::<bool>(), 0..20u64), 0..200),
        ) {
            let (mut peers, mut rng) = (peers([]), seeded(1));
            let mut model = BTreeSet::new();
            for (insert, number) in steps {
                let id = member(number);
                if insert {
                    prop_assert_eq!(peers.insert(id, &mut rng), number != OWN && model.insert(id));
                } else {
                    prop_assert_eq!(peers.remove(id), model.remove(&id));
                }
                prop_assert_eq!(peers.len(), model.len());
                prop_assert_eq!(peers.is_empty(), model.is_empty());
                prop_assert!((0..20).map(member).all(|m| peers.contains(m) == model.contains(&m)));
                prop_assert!(peers.iter().eq(model.iter().copied()));
            }
        }

        #[test]
        fn a_sample_is_distinct_and_never_holds_self_excluded_or_removed(
            present in vec(0..40u64, 0..60),
            removed in vec(0..40u64, 0..20),
            exclude in vec(0..40u64, 0..20),
            k in 0..50usize,
            seed: u64,
        ) {
            let mut peers = peers(present.iter().copied());
            for &number in &removed {
                peers.remove(member(number));
            }
            let eligible: BTreeSet<MemberId> = present
                .iter()
                .filter(|n| **n != OWN && !removed.contains(n) && !exclude.contains(n))
                .map(|&n| member(n))
                .collect();
            let exclude: Vec<MemberId> = exclude.into_iter().map(member).collect();

            let mut rng = seeded(seed);
            let mut out = vec![member(99)];
            peers.sample(&mut rng, k, &exclude, &mut out);
            let distinct: BTreeSet<MemberId> = out.iter().copied().collect();
            prop_assert_eq!(distinct.len(), out.len());
            prop_assert_eq!(out.len(), k.min(eligible.len()));
            prop_assert!(distinct.is_subset(&eligible));

            match peers.pick(&mut rng, &exclude) {
                Some(id) => prop_assert!(eligible.contains(&id)),
                None => prop_assert!(eligible.is_empty()),
            }
        }

        #[test]
        fn relays_are_never_the_subject_and_suspects_only_for_want_of_others(
            count in 1..12u64,
            subject in 0..12u64,
            suspects in 0..12u64,
            seed: u64,
        ) {
            let peers = peers(0..count);
            let subject = member(subject);
            let suspects: Vec<MemberId> = (0..suspects).map(member).collect();
            let mut out = Vec::new();
            peers.relays(&mut seeded(seed), subject, &suspects, 3, &mut out);
            prop_assert!(!out.contains(&subject));
            let others: Vec<MemberId> = peers.iter().filter(|id| *id != subject).collect();
            let sound = others.iter().filter(|id| !suspects.contains(id)).count();
            let available = if sound > 0 { sound } else { others.len() };
            prop_assert_eq!(out.len(), available.min(3));
            let doubtful = out.iter().any(|id| suspects.contains(id));
            prop_assert_eq!(doubtful, sound == 0 && !others.is_empty());
        }
    }

    #[test]
    fn every_ordered_pair_outside_the_excluded_is_equally_likely() {
        // Peers that came and went leave the members in places that are out of order.
        let mut peers = peers(1..=9);
        for gone in [2, 5] {
            peers.remove(member(gone));
        }
        let exclude = [member(4), member(9), member(4), member(77)];
        let eligible: Vec<MemberId> = [1, 3, 6, 7, 8].map(member).to_vec();
        let index = |id: MemberId| eligible.iter().position(|&e| e == id).unwrap();

        let mut rng = seeded(1);
        let mut out = Vec::new();
        let mut counts = [0; 25];
        for _ in 0..20_000 {
            peers.sample(&mut rng, 2, &exclude, &mut out);
            counts[index(out[0]) * 5 + index(out[1])] += 1;
        }
        let pairs: Vec<u32> = (0..25).filter(|i| i / 5 != i % 5).map(|i| counts[i]).collect();
        // 19 degrees of freedom: 43.8 is passed by chance once in a thousand seeds.
        assert!(chi_square(&pairs, &[1.0 / 20.0; 20]) < 43.8, "{pairs:?}");
    }

    #[test]
    fn peers_like_anothers_are_the_same_but_for_the_two_themselves() {
        let mut rng = seeded(9);
        let mut other = peers(1..=10);
        for _ in 0..4 {
            other.next_probe(&mut rng);
        }
        let mut like = Peers::like(&other, member(3), &mut rng);
        let expected = [0, 1, 2, 4, 5, 6, 7, 8, 9, 10].map(member);
        assert_eq!(like.iter().collect::<Vec<_>>(), expected);
        let pass: BTreeSet<MemberId> = (0..10).filter_map(|_| like.next_probe(&mut rng)).collect();
        assert_eq!(pass, BTreeSet::from(expected));
    }

    #[test]
    fn draws_between_probes_leave_every_peer_equally_likely_and_in_its_turn() {
        let mut peers = peers(1..=10);
        let mut rng = seeded(8);
        let mut counts = [0; 10];
        for _ in 0..2_000 {
            let mut pass = BTreeSet::new();
            for _ in 0..10 {
                pass.extend(peers.next_probe(&mut rng));
                let partner = peers.exchange_partner(&mut rng).unwrap();
                counts[partner.as_u64() as usize - 2] += 1;
            }
            assert_eq!(pass.len(), 10, "each once per pass");
        }
        // 9 degrees of freedom: 27.9 is passed by chance once in a thousand seeds.
        assert!(chi_square(&counts, &[0.1; 10]) < 27.9, "{counts:?}");
    }

    #[test]
    fn every_peer_is_equally_likely_the_exchange_partner() {
        let peers = peers(1..=10);
        let mut rng = seeded(2);
        let mut counts = [0; 10];
        for _ in 0..20_000 {
            let partner = peers.exchange_partner(&mut rng).unwrap();
            counts[partner.as_u64() as usize - 2] += 1;
        }
        // 9 degrees of freedom: 27.9 is passed by chance once in a thousand seeds.
        assert!(chi_square(&counts, &[0.1; 10]) < 27.9, "{counts:?}");
    }

    #[test]
    fn a_fanout_beyond_the_cluster_reaches_every_peer_once() {
        let mut out = Vec::new();
        peers(0..=6).gossip_targets(&mut seeded(3), 100, &mut out);
        out.sort();
        assert_eq!(out, (1..=6).map(member).collect::<Vec<_>>());
    }

    #[test]
    fn a_lone_node_has_nobody_to_talk_to() {
        let peers = peers([OWN]);
        let mut out = vec![member(1)];
        peers.gossip_targets(&mut seeded(4), 3, &mut out);
        assert!(out.is_empty());
        assert_eq!(peers.exchange_partner(&mut seeded(4)), None);
    }

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let peers = peers(1..=1_000);
        let choices = |seed| {
            let mut rng = seeded(seed);
            let mut all = Vec::new();
            let mut out = Vec::new();
            for _ in 0..50 {
                peers.gossip_targets(&mut rng, 3, &mut out);
                all.extend_from_slice(&out);
                all.extend(peers.exchange_partner(&mut rng));
            }
            all
        };
        assert_eq!(choices(5), choices(5));
        assert_ne!(choices(5), choices(6));
    }

    #[test]
    fn a_choice_among_100_000_draws_one_random_word_per_member_chosen() {
        let peers = peers(1..=100_000);
        let exclude = [member(17), member(99_999)];
        let mut rng = CountingRng::new(7);
        let mut out = Vec::new();
        for _ in 0..1_000 {
            peers.sample(&mut rng, 3, &exclude, &mut out);
        }
        // The generator itself throws a word away now and then, to be exactly uniform.
        assert!((3_000..3_010).contains(&rng.draws), "{}", rng.draws);
    }
}
