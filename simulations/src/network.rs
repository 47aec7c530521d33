//! The network between the nodes: one [`Verdict`] per datagram.
//!
//! Every rule (latency, loss, partition, cut, delay) gives a verdict of its own and the verdicts
//! are combined: a drop wins, delays add up. Every random number is drawn for every datagram,
//! whichever rules hold, so a fault that is taken out of a scenario does not change what happens
//! to the datagrams it would not have touched.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::duration;
use crate::random::Random;

/// What the network does with one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrives at once.
    Pass,
    /// It arrives after this long.
    DeliverAfter(Duration),
    /// It never arrives.
    Drop(DropReason),
}

/// Why a datagram never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// Bad luck, at the rate of the scenario.
    Loss,
    /// Sender and receiver are on two sides of a partition.
    Partition,
    /// This direction is cut.
    Cut,
    /// Nobody listens at the address.
    NobodyThere,
}

impl DropReason {
    /// The reason as metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::Loss => "loss",
            DropReason::Partition => "partition",
            DropReason::Cut => "cut",
            DropReason::NobodyThere => "nobody_there",
        }
    }
}

impl Verdict {
    /// Both verdicts together: the first drop wins, delays add up.
    pub fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Drop(_), _) | (_, Verdict::Pass) => self,
            (_, Verdict::Drop(_)) | (Verdict::Pass, _) => other,
            (Verdict::DeliverAfter(a), Verdict::DeliverAfter(b)) => Verdict::DeliverAfter(a + b),
        }
    }
}

/// How long a datagram takes from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Always the same.
    Constant(#[serde(with = "duration")] Duration),
    /// Evenly between two bounds.
    Uniform {
        /// The least.
        #[serde(with = "duration")]
        from: Duration,
        /// The most.
        #[serde(with = "duration")]
        to: Duration,
    },
    /// Log-normal: most near the median, a few much later.
    LogNormal {
        /// The median.
        #[serde(with = "duration")]
        median: Duration,
        /// The standard deviation of the logarithm; 0 to 3.
        sigma: f64,
    },
}

impl Latency {
    /// One latency from two draws.
    fn sample(self, first: u64, second: u64) -> Duration {
        match self {
            Latency::Constant(latency) => latency,
            Latency::Uniform { from, to } => {
                let width = to.saturating_sub(from).as_micros() as u64;
                let offset = (u128::from(first) * (u128::from(width) + 1)) >> 64;
                from + Duration::from_micros(offset as u64)
            }
            Latency::LogNormal { median, sigma } => {
                let factor = exp(sigma * normal(first, second));
                Duration::from_micros((median.as_micros() as f64 * factor).round() as u64)
            }
        }
    }
}

/// Standard normal, as the scaled sum of eight uniform numbers of 16 bits each.
fn normal(first: u64, second: u64) -> f64 {
    let parts = |bits: u64| (0..4).map(move |i| f64::from((bits >> (16 * i)) as u16));
    let sum: f64 = parts(first).chain(parts(second)).map(|part| (part + 0.5) / 65_536.0).sum();
    // Eight uniforms have mean 4 and variance 8/12.
    (sum - 4.0) * 1.224_744_871_391_589
}

/// The exponential function by its series, in basic operations: the same on every machine.
fn exp(x: f64) -> f64 {
    let halved = x / 1_024.0;
    let mut series = 1.0;
    for n in (1..=8).rev() {
        series = 1.0 + halved * series / f64::from(n);
    }
    (0..10).fold(series, |power, _| power * power)
}

/// One thing that is wrong with the network, in force until it is taken out again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rule {
    /// What `from` sends to `to` is dropped. `None` stands for everybody.
    Cut { from: Option<Vec<usize>>, to: Option<Vec<usize>> },
    /// Datagrams are lost at this rate. `None` stands for everybody.
    Loss { rate: f64, from: Option<Vec<usize>>, to: Option<Vec<usize>> },
    /// What these nodes send and receive takes longer.
    Delay { nodes: Vec<usize>, by: Duration },
}

fn matches(set: &Option<Vec<usize>>, node: usize) -> bool {
    set.as_ref().is_none_or(|nodes| nodes.contains(&node))
}

/// Which side of a partition every node is on. Nodes that joined later are on the last side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sides {
    of: BTreeMap<usize, usize>,
    rest: usize,
}

impl Sides {
    /// One side for each list, and one more for everybody in none of them.
    pub(crate) fn new(sides: &[Vec<usize>]) -> Sides {
        let numbered = sides.iter().enumerate();
        let of = numbered.flat_map(|(side, nodes)| nodes.iter().map(move |n| (*n, side))).collect();
        Sides { of, rest: sides.len() }
    }

    pub(crate) fn of(&self, node: usize) -> usize {
        self.of.get(&node).copied().unwrap_or(self.rest)
    }

    pub(crate) fn separate(&self, a: usize, b: usize) -> bool {
        self.of(a) != self.of(b)
    }
}

/// The state of the network. Nodes are numbers here.
#[derive(Debug)]
pub(crate) struct Network {
    latency: Latency,
    loss: f64,
    sides: Option<Sides>,
    rules: BTreeMap<u64, Rule>,
    random: Random,
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

    /// What happens to a datagram from one node to another.
    pub(crate) fn judge(&mut self, from: usize, to: usize) -> Verdict {
        let latency = self.latency.sample(self.random.bits(), self.random.bits());
        let luck = self.random.unit();
        let lost = luck < self.loss_between(from, to);
        let loss = if lost { Verdict::Drop(DropReason::Loss) } else { Verdict::Pass };
        self.path(from, to).and(loss).and(Verdict::DeliverAfter(latency))
    }

    /// What happens to a segment of a stream: loss never drops it but costs a retransmission
    /// timeout each time, which doubles from `first_timeout`.
    pub(crate) fn judge_segment(
        &mut self,
        from: usize,
        to: usize,
        first_timeout: Duration,
    ) -> Verdict {
        let latency = self.latency.sample(self.random.bits(), self.random.bits());
        let luck = self.random.unit();
        let rate = self.loss_between(from, to);
        let mut waited = Duration::ZERO;
        let mut timeout = first_timeout;
        let mut all_lost = rate;
        while luck < all_lost && waited < RETRANSMIT_MOST {
            waited += timeout;
            timeout *= 2;
            all_lost *= rate;
        }
        self.path(from, to).and(Verdict::DeliverAfter(latency + waited))
    }

    /// Whether a rule singles out this node.
    pub(crate) fn impairs(&self, node: usize) -> bool {
        let named = |set: &Option<Vec<usize>>| set.as_ref().is_some_and(|s| s.contains(&node));
        self.rules.values().any(|rule| match rule {
            Rule::Cut { from, to } | Rule::Loss { from, to, .. } => named(from) || named(to),
            Rule::Delay { nodes, .. } => nodes.contains(&node),
        })
    }

    fn loss_between(&self, from: usize, to: usize) -> f64 {
        let rules = self.rules.values().filter_map(|rule| match rule {
            Rule::Loss { rate, from: senders, to: receivers } => {
                (matches(senders, from) && matches(receivers, to)).then_some(*rate)
            }
            _ => None,
        });
        1.0 - rules.fold(1.0 - self.loss, |kept, rate| kept * (1.0 - rate))
    }

    /// The verdict of the rules that need no luck.
    fn path(&self, from: usize, to: usize) -> Verdict {
        let apart = self.sides.as_ref().is_some_and(|sides| sides.separate(from, to));
        let partition = if apart { Verdict::Drop(DropReason::Partition) } else { Verdict::Pass };
        self.rules.values().fold(partition, |verdict, rule| {
            verdict.and(match rule {
                Rule::Cut { from: senders, to: receivers }
                    if matches(senders, from) && matches(receivers, to) =>
                {
                    Verdict::Drop(DropReason::Cut)
                }
                Rule::Delay { nodes, by } if nodes.contains(&from) || nodes.contains(&to) => {
                    Verdict::DeliverAfter(*by)
                }
                _ => Verdict::Pass,
            })
        })
    }
}

/// A stream that has waited this long for one segment waits no longer; its deadline ends it.
const RETRANSMIT_MOST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn network(loss: f64) -> Network {
        Network::new(Latency::Constant(MS), loss, 7)
    }

    #[test]
    fn a_drop_wins_over_delays_and_delays_add_up() {
        let lost = Verdict::Drop(DropReason::Loss);
        let late = Verdict::DeliverAfter(MS);
        assert_eq!(late.and(Verdict::DeliverAfter(2 * MS)), Verdict::DeliverAfter(3 * MS));
        assert_eq!(Verdict::Pass.and(late), late);
        assert_eq!(late.and(Verdict::Pass), late);
        assert_eq!(late.and(lost), lost);
        assert_eq!(lost.and(late), lost);
        assert_eq!(lost.and(Verdict::Drop(DropReason::Cut)), lost);
    }

    #[test]
    fn a_partition_separates_any_number_of_sides_until_it_heals() {
        let mut network = network(0.0);
        network.set_sides(Some(Sides::new(&[vec![0, 1], vec![2]])));
        let passes = |network: &mut Network, a, b| {
            network.judge(a, b) == Verdict::DeliverAfter(MS) && network.judge(b, a) != Verdict::Pass
        };
        assert!(passes(&mut network, 0, 1));
        assert!(passes(&mut network, 3, 99));
        for (a, b) in [(0, 2), (2, 3), (3, 1)] {
            assert_eq!(network.judge(a, b), Verdict::Drop(DropReason::Partition));
        }
        network.set_sides(None);
        assert!(passes(&mut network, 0, 2));
    }

    #[test]
    fn a_cut_drops_one_direction_only() {
        let mut network = network(0.0);
        network.add(1, Rule::Cut { from: None, to: Some(vec![4]) });
        assert_eq!(network.judge(0, 4), Verdict::Drop(DropReason::Cut));
        assert_eq!(network.judge(4, 0), Verdict::DeliverAfter(MS));
        assert!(network.impairs(4) && !network.impairs(0));
        network.remove(1);
        assert!(!network.impairs(4));
        assert_eq!(network.judge(0, 4), Verdict::DeliverAfter(MS));
    }

    #[test]
    fn delays_of_several_rules_add_to_the_latency() {
        let mut network = network(0.0);
        network.add(1, Rule::Delay { nodes: vec![0], by: 5 * MS });
        network.add(2, Rule::Delay { nodes: vec![1], by: 7 * MS });
        assert_eq!(network.judge(0, 1), Verdict::DeliverAfter(13 * MS));
        assert_eq!(network.judge(2, 0), Verdict::DeliverAfter(6 * MS));
    }

    #[test]
    fn losses_combine_and_come_at_their_rate() {
        let mut network = network(0.2);
        network.add(1, Rule::Loss { rate: 0.5, from: Some(vec![0]), to: None });
        let mut lost = |from| (0..20_000).filter(|_| network.judge(from, 1) == DROPPED).count();
        let (sick, healthy) = (lost(0), lost(2));
        assert!((11_700..12_300).contains(&sick), "60 %: {sick}");
        assert!((3_800..4_200).contains(&healthy), "20 %: {healthy}");
    }
    const DROPPED: Verdict = Verdict::Drop(DropReason::Loss);

    #[test]
    fn a_fault_does_not_shift_the_luck_of_other_datagrams() {
        let jitter = Latency::Uniform { from: MS, to: 9 * MS };
        let verdicts = |rule: Option<Rule>| {
            let mut network = Network::new(jitter, 0.3, 5);
            rule.into_iter().for_each(|rule| network.add(1, rule));
            (0..500).map(|i| (i % 5, network.judge(i % 5, 6))).collect::<Vec<_>>()
        };
        let calm = verdicts(None);
        let cut = verdicts(Some(Rule::Cut { from: Some(vec![3]), to: None }));
        for (before, after) in calm.iter().zip(&cut) {
            assert!(before.0 == 3 || before == after);
        }
        assert!(cut.iter().any(|(_, v)| *v == Verdict::Drop(DropReason::Cut)));
    }

    #[test]
    fn loss_delays_segments_of_a_stream_and_never_drops_them() {
        let mut network = network(0.5);
        let mut late = 0;
        for _ in 0..1_000 {
            match network.judge_segment(0, 1, 200 * MS) {
                Verdict::DeliverAfter(delay) if delay == MS => {}
                Verdict::DeliverAfter(delay) => {
                    assert!(delay >= 201 * MS);
                    late += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!((450..550).contains(&late), "{late}");
    }

    #[test]
    fn latencies_follow_their_distribution() {
        let mut random = Random::new(1, "test");
        let mut sample = |latency: Latency| {
            let mut all: Vec<Duration> =
                (0..10_001).map(|_| latency.sample(random.bits(), random.bits())).collect();
            all.sort_unstable();
            (all[0], all[5_000], all[8_413], all[10_000])
        };
        let (least, median, _, most) = sample(Latency::Uniform { from: MS, to: 3 * MS });
        assert!(least >= MS && most <= 3 * MS);
        assert!((1_950..2_050).contains(&median.as_micros()), "{median:?}");
        let (_, median, sigma, most) = sample(Latency::LogNormal { median: 10 * MS, sigma: 0.5 });
        assert!((9_700..10_300).contains(&median.as_micros()), "{median:?}");
        // e^0.5 = 1.6487 at one standard deviation.
        assert!((15_900..17_100).contains(&sigma.as_micros()), "{sigma:?}");
        assert!(most > 30 * MS, "{most:?}");
    }

    #[test]
    fn the_exponential_is_right_where_it_is_used() {
        for x in [-12.0, -1.0, 0.0, 0.5, 1.0, 12.0f64] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-9, "{x}");
        }
    }
}
