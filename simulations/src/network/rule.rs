//! What is wrong with the network: rules in force until they are taken out again, and the sides of
//! a partition.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::network::Latency;
use crate::random::{derive, fraction};

/// One thing that is wrong with some datagrams, or with streams.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) reach: Reach,
    pub(crate) effect: Effect,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Everything is dropped.
    Cut,
    /// Datagrams are lost at this rate.
    Loss(f64),
    /// Datagrams are lost in bursts.
    Bursts(Bursts),
    /// Everything takes longer.
    Latency(Latency),
    /// Datagrams are held back at this rate, for up to so long.
    Reorder { rate: f64, by: Duration },
    /// Datagrams arrive twice at this rate.
    Duplicate(f64),
    /// Datagrams arrive with a bit flipped at this rate.
    Corrupt(f64),
    /// Packets with more bytes than this are dropped.
    Mtu(usize),
    /// No datagram gets through.
    BlockDatagrams,
    /// No stream can be opened.
    BlockStreams,
    /// Nothing moves on streams that are open.
    StallStreams,
    /// Streams break when something is sent on them.
    CutStreams,
    /// Streams are refused.
    RefuseStreams,
}

/// Whom a rule concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everybody.
    All,
    /// What these nodes receive.
    Into(Vec<usize>),
    /// What these nodes send.
    OutOf(Vec<usize>),
    /// What the first send to the second.
    Between(Vec<usize>, Vec<usize>),
    /// What these nodes send and receive.
    Around(Vec<usize>),
}

impl Reach {
    pub(crate) fn covers(&self, from: usize, to: usize) -> bool {
        match self {
            Reach::All => true,
            Reach::Into(nodes) => nodes.contains(&to),
            Reach::OutOf(nodes) => nodes.contains(&from),
            Reach::Between(senders, receivers) => {
                senders.contains(&from) && receivers.contains(&to)
            }
            Reach::Around(nodes) => nodes.contains(&from) || nodes.contains(&to),
        }
    }

    /// Whether it singles out this node.
    pub(crate) fn names(&self, node: usize) -> bool {
        match self {
            Reach::All => false,
            Reach::Into(nodes) | Reach::OutOf(nodes) | Reach::Around(nodes) => {
                nodes.contains(&node)
            }
            Reach::Between(senders, receivers) => {
                senders.contains(&node) || receivers.contains(&node)
            }
        }
    }

    /// The node whose link it is: the receiver's if what comes in is concerned, else the sender's.
    pub(super) fn link(&self, from: usize, to: usize) -> usize {
        if matches!(self, Reach::Into(_)) { to } else { from }
    }
}

/// Loss by the model of Gilbert and Elliott (Bell System Technical Journal, 1960 and 1963): each
/// link is good or bad, may change with every datagram, and loses at the rate of its state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bursts {
    /// How likely a good link turns bad, at each datagram.
    pub(crate) enter: f64,
    /// How likely a bad link turns good, at each datagram.
    pub(crate) leave: f64,
    /// The share that is lost while it is good.
    pub(crate) loss_good: f64,
    /// The share that is lost while it is bad.
    pub(crate) loss_bad: f64,
    /// The links that are bad, by node.
    bad: BTreeSet<usize>,
}

impl Bursts {
    pub(crate) fn new(enter: f64, leave: f64, loss_good: f64, loss_bad: f64) -> Bursts {
        Bursts { enter, leave, loss_good, loss_bad, bad: BTreeSet::new() }
    }

    /// A datagram passes the link of `node`: the rate at which it is lost. `luck` is that of the
    /// datagram and rule; each link makes a number of its own of it.
    pub(super) fn pass(&mut self, node: usize, luck: u64) -> f64 {
        let unit = fraction(derive(luck, "link", node as u64));
        if self.bad.contains(&node) {
            if unit < self.leave {
                self.bad.remove(&node);
            }
        } else if unit < self.enter {
            self.bad.insert(node);
        }
        if self.bad.contains(&node) { self.loss_bad } else { self.loss_good }
    }

    /// The share that is lost in the long run.
    pub(super) fn mean(&self) -> f64 {
        let changes = self.enter + self.leave;
        let bad = if changes > 0.0 { self.enter / changes } else { 0.0 };
        self.loss_good + bad * (self.loss_bad - self.loss_good)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn a_reach_covers_its_direction_and_names_its_nodes() {
        for (reach, in_, out, aside, named) in [
            (Reach::All, true, true, true, false),
            (Reach::Into(vec![1]), true, false, false, true),
            (Reach::OutOf(vec![1]), false, true, false, true),
            (Reach::Around(vec![1]), true, true, false, true),
            (Reach::Between(vec![0], vec![1]), true, false, false, true),
        ] {
            let covers = (reach.covers(0, 1), reach.covers(1, 0), reach.covers(2, 3));
            assert_eq!((covers, reach.names(1)), ((in_, out, aside), named), "{reach:?}");
        }
    }

    #[test]
    fn bursts_last_and_lose_as_their_rates_say() {
        let mut bursts = Bursts::new(0.02, 0.1, 0.0, 1.0);
        let mut random = Random::new(3, "test");
        let rates: Vec<f64> = (0..60_000).map(|_| bursts.pass(0, random.bits())).collect();
        let lost = rates.iter().sum::<f64>() / rates.len() as f64;
        assert!((0.15..0.185).contains(&lost), "bad a sixth of the time: {lost}");
        let begun = rates.windows(2).filter(|pair| pair[0] < pair[1]).count();
        let length = rates.iter().sum::<f64>() / begun as f64;
        assert!((9.0..11.0).contains(&length), "ten datagrams a burst: {length}");
        assert!((bursts.mean() - 1.0 / 6.0).abs() < 1e-9);
    }

    #[test]
    fn links_turn_bad_apart_from_each_other() {
        let mut bursts = Bursts::new(0.5, 0.5, 0.0, 1.0);
        let mut random = Random::new(3, "test");
        let mut alike = 0;
        for _ in 0..1_000 {
            let luck = random.bits();
            alike += i32::from(bursts.pass(0, luck) == bursts.pass(1, luck));
        }
        assert!((400..600).contains(&alike), "{alike}");
    }
}
