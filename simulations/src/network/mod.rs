//! The network between the nodes: one [`Verdict`] per datagram.
//!
//! Every rule (loss, cut, latency, ...) gives a verdict of its own and the
//! verdicts are combined: a drop wins, delays add up. Every random number is drawn for every
//! datagram, whichever rules hold, so a fault that is taken out of a scenario does not change what
//! happens to the datagrams it would not have touched.

mod latency;
mod rule;
mod verdict;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::checkers::links::Link;
use crate::random::{Random, derive, fraction};

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
    /// The fault that parts the sides.
    parted_by: Option<usize>,
    rules: BTreeMap<RuleKey, Rule>,
    /// How many datagrams and segments each fault did something to.
    struck: BTreeMap<usize, u64>,
    random: Random,
}

/// The number of the fault that a rule comes from, and of the rule among those of the fault.
pub(crate) type RuleKey = (usize, u64);

/// What a segment of a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It asks for the stream.
    Opening,
    /// It answers that.
    Answer,
    /// What comes then.
    Body,
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

impl Luck {
    /// A random number for one use by one rule; no draw of its own.
    fn of(&self, label: &str, key: RuleKey) -> u64 {
        derive(derive(self.bursts, label, key.0 as u64), label, key.1)
    }

    /// What a rule adds to the latency.
    fn extra(&self, latency: Latency, key: RuleKey) -> Duration {
        latency.sample(self.of("latency", key), self.of("latency again", key))
    }
}

/// One random number for several causes, each with a rate of its own: which of them strikes first.
struct Lot {
    luck: f64,
    /// How likely none of the causes so far strikes.
    spared: f64,
}

impl Lot {
    fn new(luck: f64) -> Lot {
        Lot { luck, spared: 1.0 }
    }

    /// One more cause: whether it is the one that strikes.
    fn strikes(&mut self, rate: f64) -> bool {
        let before = self.struck();
        self.spared *= 1.0 - rate;
        self.struck() && !before
    }

    fn struck(&self) -> bool {
        self.luck < 1.0 - self.spared
    }
}

impl Network {
    pub(crate) fn new(latency: Latency, loss: f64, seed: u64) -> Network {
        Network {
            latency,
            loss,
            sides: None,
            parted_by: None,
            rules: BTreeMap::new(),
            struck: BTreeMap::new(),
            random: Random::new(seed, "network"),
        }
    }

    pub(crate) fn set_sides(&mut self, sides: Option<Sides>, parted_by: Option<usize>) {
        self.sides = sides;
        self.parted_by = parted_by;
    }

    pub(crate) fn sides(&self) -> Option<&Sides> {
        self.sides.as_ref()
    }

    pub(crate) fn add(&mut self, key: RuleKey, rule: Rule) {
        self.rules.insert(key, rule);
    }

    /// Takes out the rules of a fault.
    pub(crate) fn remove(&mut self, fault: usize) {
        self.rules.retain(|key, _| key.0 != fault);
    }

    /// How many datagrams and segments a fault did something to, whatever others did to them.
    pub(crate) fn struck_by(&self, fault: usize) -> u64 {
        self.struck.get(&fault).copied().unwrap_or_default()
    }

    /// What happens to a datagram of so many bytes from one node to another.
    pub(crate) fn judge(&mut self, from: usize, to: usize, bytes: usize) -> Verdict {
        let luck = self.draw();
        let mut verdict = self.across(from, to);
        let (mut loss, mut corrupt) = (Lot::new(luck.loss), Lot::new(luck.corrupt));
        let mut duplicate = Lot::new(luck.duplicate);
        let packet = bytes + PACKET_HEADER_BYTES;
        for (key, rule) in self.rules.iter_mut().filter(|(_, rule)| rule.reach.covers(from, to)) {
            let link = rule.reach.link(from, to);
            let own = match &mut rule.effect {
                Effect::Loss(rate) => outcome(loss.strikes(*rate)),
                Effect::Bursts(bursts) => {
                    let luck = derive(luck.bursts, "rule", 2 * key.0 as u64 + key.1);
                    outcome(loss.strikes(bursts.pass(link, luck)))
                }
                Effect::Corrupt(rate) => outcome(corrupt.strikes(*rate)),
                Effect::Duplicate(rate) => outcome(duplicate.strikes(*rate)),
                Effect::Cut => Some(Verdict::Drop(DropReason::Cut)),
                Effect::BlockDatagrams => Some(Verdict::Drop(DropReason::Blocked)),
                Effect::Mtu(most) => (packet > *most).then_some(Verdict::Drop(DropReason::Mtu)),
                Effect::Latency(latency) => Some(Verdict::after(luck.extra(*latency, *key))),
                Effect::Reorder { rate, by } => {
                    let held = Latency::Uniform { from: MICROSECOND, to: *by };
                    let chosen = fraction(luck.of("reorder", *key)) < *rate;
                    chosen.then(|| Verdict::after(luck.extra(held, *key)))
                }
                Effect::BlockStreams
                | Effect::StallStreams
                | Effect::CutStreams
                | Effect::RefuseStreams => None,
            };
            if let Some(own) = own {
                verdict = verdict.and(own);
                *self.struck.entry(key.0).or_default() += 1;
            }
        }
        loss.strikes(self.loss);
        if loss.struck() {
            verdict = verdict.and(Verdict::Drop(DropReason::Loss));
        }
        verdict.and(Verdict::Deliver(Delivery {
            after: luck.latency,
            again_after: duplicate.struck().then_some(luck.copy_latency),
            flipped: corrupt.struck().then_some(luck.bit),
        }))
    }

    /// What happens to a segment of a stream: loss never drops it but costs a retransmission
    /// timeout each time, which doubles from `first_timeout`.
    pub(crate) fn judge_segment(
        &mut self,
        from: usize,
        to: usize,
        part: Part,
        first_timeout: Duration,
    ) -> Verdict {
        let luck = self.draw();
        let mut verdict = self.across(from, to);
        let mut loss = Lot::new(luck.loss);
        for (key, rule) in self.rules.iter().filter(|(_, rule)| rule.reach.covers(from, to)) {
            let own = match (&rule.effect, part) {
                // A corrupt segment fails its checksum, and most bursts are over when it is sent
                // again.
                (Effect::Loss(rate) | Effect::Corrupt(rate), _) => outcome(loss.strikes(*rate)),
                (Effect::Bursts(bursts), _) => outcome(loss.strikes(bursts.mean())),
                (Effect::Cut, _) => Some(Verdict::Drop(DropReason::Cut)),
                (Effect::BlockStreams, Part::Opening) | (Effect::StallStreams, Part::Body) => {
                    Some(Verdict::Drop(DropReason::Blocked))
                }
                (Effect::Latency(latency), _) => Some(Verdict::after(luck.extra(*latency, *key))),
                _ => None,
            };
            if let Some(own) = own {
                verdict = verdict.and(own);
                *self.struck.entry(key.0).or_default() += 1;
            }
        }
        loss.strikes(self.loss);
        let rate = 1.0 - loss.spared;
        let mut waited = Duration::ZERO;
        let mut timeout = first_timeout;
        let mut all_lost = rate;
        while luck.loss < all_lost && waited < RETRANSMIT_MOST {
            waited += timeout;
            timeout *= 2;
            all_lost *= rate;
        }
        verdict.and(Verdict::after(luck.latency + waited))
    }

    /// Whether a connection from one node to another is refused on the way.
    pub(crate) fn refuses(&mut self, from: usize, to: usize) -> bool {
        self.strikes(from, to, &Effect::RefuseStreams)
    }

    /// Whether a stream breaks when one node sends something to another on it.
    pub(crate) fn breaks(&mut self, from: usize, to: usize) -> bool {
        self.strikes(from, to, &Effect::CutStreams)
    }

    fn strikes(&mut self, from: usize, to: usize, effect: &Effect) -> bool {
        let covers = |rule: &Rule| rule.effect == *effect && rule.reach.covers(from, to);
        let by = self.rules.iter().find(|(_, rule)| covers(rule)).map(|(key, _)| key.0);
        if let Some(fault) = by {
            *self.struck.entry(fault).or_default() += 1;
        }
        by.is_some()
    }

    /// What the link from one node to another does to datagrams. Streams may pass where these are
    /// blocked.
    pub(crate) fn link(&self, from: usize, to: usize) -> Link {
        if self.sides.as_ref().is_some_and(|sides| sides.separate(from, to)) {
            return Link::Cut;
        }
        let here = self.rules.values().filter(|rule| rule.reach.covers(from, to));
        let bad = |effect: &Effect| match effect {
            Effect::Cut => Link::Cut,
            Effect::BlockStreams
            | Effect::StallStreams
            | Effect::CutStreams
            | Effect::RefuseStreams => Link::Sound,
            _ => Link::Poor,
        };
        let calm = if self.loss > 0.0 { Link::Poor } else { Link::Sound };
        here.map(|rule| bad(&rule.effect)).fold(calm, Link::max)
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

    /// What the sides say.
    fn across(&mut self, from: usize, to: usize) -> Verdict {
        if !self.sides.as_ref().is_some_and(|sides| sides.separate(from, to)) {
            return Verdict::Pass;
        }
        if let Some(fault) = self.parted_by {
            *self.struck.entry(fault).or_default() += 1;
        }
        Verdict::Drop(DropReason::Partition)
    }
}

/// What a cause says that only counts together with others of its kind.
fn outcome(strikes: bool) -> Option<Verdict> {
    strikes.then_some(Verdict::Pass)
}

/// The least that a datagram is held back.
const MICROSECOND: Duration = Duration::from_micros(1);

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
        network.set_sides(Some(Sides::new(&[vec![0, 1], vec![2]])), Some(4));
        let passes = |network: &mut Network, a, b| {
            network.judge(a, b, SIZE) == Verdict::after(MS)
                && network.judge(b, a, SIZE) != Verdict::Pass
        };
        assert!(passes(&mut network, 0, 1));
        assert!(passes(&mut network, 3, 99));
        for (a, b) in [(0, 2), (2, 3), (3, 1)] {
            assert_eq!(network.judge(a, b, SIZE), Verdict::Drop(DropReason::Partition));
        }
        network.set_sides(None, None);
        assert!(passes(&mut network, 0, 2));
        assert_eq!(network.struck_by(4), 3);
    }

    #[test]
    fn a_cut_drops_one_direction_only() {
        let mut network = network(0.0);
        network.add((1, 0), rule(Reach::Into(vec![4]), Effect::Cut));
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
        network
            .add((1, 0), rule(Reach::Around(vec![0]), Effect::Latency(Latency::Constant(5 * MS))));
        network
            .add((2, 0), rule(Reach::Around(vec![1]), Effect::Latency(Latency::Constant(7 * MS))));
        assert_eq!(network.judge(0, 1, SIZE), Verdict::after(13 * MS));
        assert_eq!(network.judge(2, 0, SIZE), Verdict::after(6 * MS));
    }

    #[test]
    fn losses_combine_and_come_at_their_rate() {
        let mut network = network(0.2);
        network.add((1, 0), rule(Reach::OutOf(vec![0]), Effect::Loss(0.5)));
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
            network.add((8, 0), everywhere(Effect::Duplicate(0.2)));
            network.add((9, 0), everywhere(Effect::Corrupt(0.2)));
            network.add((10, 0), everywhere(Effect::Bursts(Bursts::new(0.2, 0.2, 0.0, 1.0))));
            let only = |effect| rule(Reach::OutOf(vec![3]), effect);
            effect.into_iter().for_each(|effect| network.add((1, 0), only(effect)));
            let judge = |i: usize| (i % 5, network.judge(i % 5, 6, SIZE));
            (0..500).map(judge).collect::<Vec<_>>()
        };
        let calm = verdicts(None);
        for effect in [
            Effect::Cut,
            Effect::Loss(0.5),
            Effect::Bursts(Bursts::new(0.2, 0.2, 0.0, 1.0)),
            Effect::Latency(Latency::Constant(MS)),
            Effect::Reorder { rate: 0.5, by: MS },
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
        network.add((1, 0), rule(Reach::Into(vec![1]), Effect::Duplicate(0.3)));
        network.add((2, 0), rule(Reach::OutOf(vec![0]), Effect::Corrupt(0.1)));
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
        network.add((1, 0), rule(Reach::Into(vec![1]), Effect::Mtu(576)));
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
            network.add((1, 0), rule(Reach::Into(vec![1]), effect));
            assert_eq!(network.judge(0, 1, SIZE), datagram);
            assert_eq!(network.judge_segment(0, 1, Part::Opening, MS), opening);
            assert_eq!(network.judge_segment(0, 1, Part::Body, MS), Verdict::after(MS));
            assert_eq!(network.judge(1, 0, SIZE), Verdict::after(MS));
        }
    }

    #[test]
    fn loss_delays_segments_of_a_stream_and_never_drops_them() {
        let mut network = network(0.5);
        let mut late = 0;
        for _ in 0..1_000 {
            match network.judge_segment(0, 1, Part::Body, 200 * MS) {
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
