//! The network between the nodes: one [`Verdict`] per datagram.
//!
//! Every rule (latency, loss, partition, cut, delay, ...) gives a verdict of its own and the
//! verdicts are combined: a drop wins, delays add up. Every random number is drawn for every
//! datagram, whichever rules hold, so a fault that is taken out of a scenario does not change what
//! happens to the datagrams it would not have touched.

mod latency;
mod rule;
mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::random::Random;

pub use latency::Latency;
pub(crate) use rule::{Bursts, Effect, Reach, Rule, Sides};
pub(crate) use verdict::flip;
pub use verdict::{Delivery, DropReason, Verdict};

/// What an IPv4 packet has before the bytes of a datagram: its own header and that of UDP.
pub(crate) const PACKET_HEADER_BYTES: usize = 20 + 8;

/// The state of the network. Nodes are numbers here.
#[derive(Debug)]
pub(crate) struct Network {
    latency: Latency,
    loss: f64,
    sides: Option<Sides>,
    rules: BTreeMap<u64, Rule>,
    random: Random,
}

/// The random numbers of one datagram or segment.
struct Luck {
    latency: Duration,
    loss: f64,
    bursts: u64,
    corrupt: f64,
    bit: u64,
    duplicate: f64,
    copy_latency: Duration,
}

impl Network {
    pub(crate) fn new(latency: Latency, loss: f64, seed: u64) -> Network {
        let random = Random::new(seed, "network");
        Network { latency, loss, sides: None, rules: BTreeMap::new(), random }
    }

    pub(crate) fn set_sides(&mut self, sides: Option<Sides>) {
        self.sides = sides;
    }

    pub(crate) fn sides(&self) -> Option<&Sides> {
        self.sides.as_ref()
    }

    pub(crate) fn add(&mut self, key: u64, rule: Rule) {
        self.rules.insert(key, rule);
    }

    pub(crate) fn remove(&mut self, key: u64) {
        self.rules.remove(&key);
    }

    /// What happens to a datagram of so many bytes from one node to another.
    pub(crate) fn judge(&mut self, from: usize, to: usize, bytes: usize) -> Verdict {
        let luck = self.draw();
        let rules = self.rules.iter_mut();
        let losses = rules.map(|(key, rule)| rule.loss(*key, from, to, luck.bursts));
        let lost = luck.loss < any(losses.chain([self.loss]));
        let loss = if lost { Verdict::Drop(DropReason::Loss) } else { Verdict::Pass };
        let corrupt = self.rates(from, to, |effect| match effect {
            Effect::Corrupt(rate) => Some(*rate),
            _ => None,
        });
        let duplicate = self.rates(from, to, |effect| match effect {
            Effect::Duplicate(rate) => Some(*rate),
            _ => None,
        });
        let delivery = Verdict::Deliver(Delivery {
            after: luck.latency,
            again_after: (luck.duplicate < duplicate).then_some(luck.copy_latency),
            flipped: (luck.corrupt < corrupt).then_some(luck.bit),
        });
        let packet = bytes + PACKET_HEADER_BYTES;
        let filters = self.verdict_of_rules(from, to, |effect| match effect {
            Effect::BlockDatagrams => Verdict::Drop(DropReason::Blocked),
            Effect::Mtu(most) if packet > *most => Verdict::Drop(DropReason::Mtu),
            _ => Verdict::Pass,
        });
        self.path(from, to).and(filters).and(loss).and(delivery)
    }

    /// What happens to a segment of a stream: loss never drops it but costs a retransmission
    /// timeout each time, which doubles from `first_timeout`. `opening` says whether it is the one
    /// that asks for the stream.
    pub(crate) fn judge_segment(
        &mut self,
        from: usize,
        to: usize,
        opening: bool,
        first_timeout: Duration,
    ) -> Verdict {
        let luck = self.draw();
        let losses = self.rules.values().map(|rule| rule.segment_loss(from, to));
        let rate = any(losses.chain([self.loss]));
        let mut waited = Duration::ZERO;
        let mut timeout = first_timeout;
        let mut all_lost = rate;
        while luck.loss < all_lost && waited < RETRANSMIT_MOST {
            waited += timeout;
            timeout *= 2;
            all_lost *= rate;
        }
        let filters = self.verdict_of_rules(from, to, |effect| match effect {
            Effect::BlockStreams if opening => Verdict::Drop(DropReason::Blocked),
            _ => Verdict::Pass,
        });
        self.path(from, to).and(filters).and(Verdict::after(luck.latency + waited))
    }

    /// Whether a rule singles out this node.
    pub(crate) fn impairs(&self, node: usize) -> bool {
        self.rules.values().any(|rule| rule.reach.names(node))
    }

    fn draw(&mut self) -> Luck {
        Luck {
            latency: self.latency.sample(self.random.bits(), self.random.bits()),
            loss: self.random.unit(),
            bursts: self.random.bits(),
            corrupt: self.random.unit(),
            bit: self.random.bits(),
            duplicate: self.random.unit(),
            copy_latency: self.latency.sample(self.random.bits(), self.random.bits()),
        }
    }

    /// The verdict of the rules that hold for datagrams and streams alike and need no luck.
    fn path(&self, from: usize, to: usize) -> Verdict {
        let apart = self.sides.as_ref().is_some_and(|sides| sides.separate(from, to));
        let partition = if apart { Verdict::Drop(DropReason::Partition) } else { Verdict::Pass };
        partition.and(self.verdict_of_rules(from, to, |effect| match effect {
            Effect::Cut => Verdict::Drop(DropReason::Cut),
            Effect::Delay(by) => Verdict::after(*by),
            _ => Verdict::Pass,
        }))
    }

    fn verdict_of_rules(&self, from: usize, to: usize, of: impl Fn(&Effect) -> Verdict) -> Verdict {
        self.effects(from, to).fold(Verdict::Pass, |verdict, effect| verdict.and(of(effect)))
    }

    /// How likely at least one of the rules is to strike.
    fn rates(&self, from: usize, to: usize, of: impl Fn(&Effect) -> Option<f64>) -> f64 {
        any(self.effects(from, to).filter_map(of))
    }

    fn effects(&self, from: usize, to: usize) -> impl Iterator<Item = &Effect> {
        let rules = self.rules.values().filter(move |rule| rule.reach.covers(from, to));
        rules.map(|rule| &rule.effect)
    }
}

/// How likely at least one of several things is that happen at these rates.
fn any(rates: impl Iterator<Item = f64>) -> f64 {
    1.0 - rates.fold(1.0, |none, rate| none * (1.0 - rate))
}

/// A stream that has waited this long for one segment waits no longer; its deadline ends it.
const RETRANSMIT_MOST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// What the datagrams have in bytes where it does not matter.
    const SIZE: usize = 100;

    fn rule(reach: Reach, effect: Effect) -> Rule {
        Rule { reach, effect }
    }

    fn network(loss: f64) -> Network {
        Network::new(Latency::Constant(MS), loss, 7)
    }

    #[test]
    fn a_partition_separates_any_number_of_sides_until_it_heals() {
        let mut network = network(0.0);
        network.set_sides(Some(Sides::new(&[vec![0, 1], vec![2]])));
        let passes = |network: &mut Network, a, b| {
            network.judge(a, b, SIZE) == Verdict::after(MS)
                && network.judge(b, a, SIZE) != Verdict::Pass
        };
        assert!(passes(&mut network, 0, 1));
        assert!(passes(&mut network, 3, 99));
        for (a, b) in [(0, 2), (2, 3), (3, 1)] {
            assert_eq!(network.judge(a, b, SIZE), Verdict::Drop(DropReason::Partition));
        }
        network.set_sides(None);
        assert!(passes(&mut network, 0, 2));
    }

    #[test]
    fn a_cut_drops_one_direction_only() {
        let mut network = network(0.0);
        network.add(1, rule(Reach::Into(vec![4]), Effect::Cut));
        assert_eq!(network.judge(0, 4, SIZE), Verdict::Drop(DropReason::Cut));
        assert_eq!(network.judge(4, 0, SIZE), Verdict::after(MS));
        assert!(network.impairs(4) && !network.impairs(0));
        network.remove(1);
        assert!(!network.impairs(4));
        assert_eq!(network.judge(0, 4, SIZE), Verdict::after(MS));
    }

    #[test]
    fn delays_of_several_rules_add_to_the_latency() {
        let mut network = network(0.0);
        network.add(1, rule(Reach::Around(vec![0]), Effect::Delay(5 * MS)));
        network.add(2, rule(Reach::Around(vec![1]), Effect::Delay(7 * MS)));
        assert_eq!(network.judge(0, 1, SIZE), Verdict::after(13 * MS));
        assert_eq!(network.judge(2, 0, SIZE), Verdict::after(6 * MS));
    }

    #[test]
    fn losses_combine_and_come_at_their_rate() {
        let mut network = network(0.2);
        network.add(1, rule(Reach::OutOf(vec![0]), Effect::Loss(0.5)));
        let mut lost =
            |from| (0..20_000).filter(|_| network.judge(from, 1, SIZE) == DROPPED).count();
        let (sick, healthy) = (lost(0), lost(2));
        assert!((11_700..12_300).contains(&sick), "60 %: {sick}");
        assert!((3_800..4_200).contains(&healthy), "20 %: {healthy}");
    }
    const DROPPED: Verdict = Verdict::Drop(DropReason::Loss);

    #[test]
    fn a_fault_does_not_shift_the_luck_of_other_datagrams() {
        let jitter = Latency::Uniform { from: MS, to: 9 * MS };
        let verdicts = |effect: Option<Effect>| {
            let mut network = Network::new(jitter, 0.3, 5);
            let everywhere = |effect| rule(Reach::All, effect);
            network.add(8, everywhere(Effect::Duplicate(0.2)));
            network.add(9, everywhere(Effect::Corrupt(0.2)));
            network.add(10, everywhere(Effect::Bursts(Bursts::new(0.2, 0.2, 0.0, 1.0))));
            let only = |effect| rule(Reach::OutOf(vec![3]), effect);
            effect.into_iter().for_each(|effect| network.add(1, only(effect)));
            let judge = |i: usize| (i % 5, network.judge(i % 5, 6, SIZE));
            (0..500).map(judge).collect::<Vec<_>>()
        };
        let calm = verdicts(None);
        for effect in [
            Effect::Cut,
            Effect::Loss(0.5),
            Effect::Bursts(Bursts::new(0.2, 0.2, 0.0, 1.0)),
            Effect::Delay(MS),
            Effect::Duplicate(0.5),
            Effect::Corrupt(0.5),
            Effect::Mtu(SIZE),
            Effect::BlockDatagrams,
        ] {
            let struck = verdicts(Some(effect.clone()));
            let mut pairs = calm.iter().zip(&struck);
            assert!(pairs.all(|(before, after)| before.0 == 3 || before == after), "{effect:?}");
            assert_ne!(calm, struck, "{effect:?}");
        }
    }

    #[test]
    fn copies_come_later_and_corruption_flips_bits_at_their_rates() {
        let mut network = network(0.0);
        network.add(1, rule(Reach::Into(vec![1]), Effect::Duplicate(0.3)));
        network.add(2, rule(Reach::OutOf(vec![0]), Effect::Corrupt(0.1)));
        let (mut doubled, mut flipped) = (0, 0);
        for _ in 0..10_000 {
            let Verdict::Deliver(delivery) = network.judge(0, 1, SIZE) else { panic!("dropped") };
            assert!(delivery.again_after.is_none_or(|after| after == MS));
            doubled += i32::from(delivery.again_after.is_some());
            flipped += i32::from(delivery.flipped.is_some());
        }
        assert!((2_850..3_150).contains(&doubled), "{doubled}");
        assert!((900..1_100).contains(&flipped), "{flipped}");
        assert_eq!(network.judge(1, 0, SIZE), Verdict::after(MS));
    }

    #[test]
    fn packets_over_the_mtu_are_dropped() {
        let mut network = network(0.0);
        network.add(1, rule(Reach::Into(vec![1]), Effect::Mtu(576)));
        assert_eq!(network.judge(0, 1, 548), Verdict::after(MS));
        assert_eq!(network.judge(0, 1, 549), Verdict::Drop(DropReason::Mtu));
        assert_eq!(network.judge(1, 0, 1_400), Verdict::after(MS));
    }

    #[test]
    fn a_block_concerns_its_protocol_and_open_streams_go_on() {
        let blocked = Verdict::Drop(DropReason::Blocked);
        for (effect, datagram, opening) in [
            (Effect::BlockDatagrams, blocked, Verdict::after(MS)),
            (Effect::BlockStreams, Verdict::after(MS), blocked),
        ] {
            let mut network = network(0.0);
            network.add(1, rule(Reach::Into(vec![1]), effect));
            assert_eq!(network.judge(0, 1, SIZE), datagram);
            assert_eq!(network.judge_segment(0, 1, true, MS), opening);
            assert_eq!(network.judge_segment(0, 1, false, MS), Verdict::after(MS));
            assert_eq!(network.judge(1, 0, SIZE), Verdict::after(MS));
        }
    }

    #[test]
    fn loss_delays_segments_of_a_stream_and_never_drops_them() {
        let mut network = network(0.5);
        let mut late = 0;
        for _ in 0..1_000 {
            match network.judge_segment(0, 1, false, 200 * MS) {
                Verdict::Deliver(on_time) if on_time.after == MS => {}
                Verdict::Deliver(delayed) => {
                    assert!(delayed.after >= 201 * MS);
                    late += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!((450..550).contains(&late), "{late}");
    }
}
