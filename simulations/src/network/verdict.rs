//! What becomes of a datagram.

use std::time::Duration;

/// What the network does with one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrives at once, as it was sent.
    Pass,
    /// It arrives.
    Deliver(Delivery),
    /// It never arrives.
    Drop(DropReason),
}

/// How a datagram arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// After this long.
    pub after: Duration,
    /// A second time, this long after the first.
    pub again_after: Option<Duration>,
    /// With one bit flipped, in the copy too: where, as a fraction of 2^64 of its length.
    pub flipped: Option<u64>,
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
    /// A packet filter does not let it through.
    Blocked,
    /// It is larger than a packet may be.
    Mtu,
    /// Nobody listens at the address.
    NobodyThere,
    /// It came to a slow process for which too many wait already.
    Overrun,
}

impl DropReason {
    /// The reason as metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::Loss => "loss",
            DropReason::Partition => "partition",
            DropReason::Cut => "cut",
            DropReason::Blocked => "blocked",
            DropReason::Mtu => "mtu",
            DropReason::NobodyThere => "nobody_there",
            DropReason::Overrun => "overrun",
        }
    }
}

impl Verdict {
    /// It arrives after this long, once and as it was sent.
    pub fn after(delay: Duration) -> Verdict {
        Verdict::Deliver(Delivery { after: delay, ..Delivery::default() })
    }

    /// Both verdicts together: the first drop wins, delays add up, and what either of them does
    /// to the datagram is done.
    pub fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Drop(_), _) | (_, Verdict::Pass) => self,
            (_, Verdict::Drop(_)) | (Verdict::Pass, _) => other,
            (Verdict::Deliver(a), Verdict::Deliver(b)) => Verdict::Deliver(Delivery {
                after: a.after + b.after,
                again_after: a.again_after.or(b.again_after),
                flipped: a.flipped.or(b.flipped),
            }),
        }
    }
}

/// `bytes` with the bit flipped that stands at this fraction of 2^64 of their length.
pub(crate) fn flip(bytes: &[u8], fraction: u64) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    let bit = ((u128::from(fraction) * bytes.len() as u128 * 8) >> 64) as usize;
    if let Some(byte) = flipped.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
    flipped
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_drop_wins_over_delays_and_delays_add_up() {
        let lost = Verdict::Drop(DropReason::Loss);
        let late = Verdict::after(MS);
        assert_eq!(late.and(Verdict::after(2 * MS)), Verdict::after(3 * MS));
        assert_eq!(Verdict::Pass.and(late), late);
        assert_eq!(late.and(Verdict::Pass), late);
        assert_eq!(late.and(lost), lost);
        assert_eq!(lost.and(late), lost);
        assert_eq!(lost.and(Verdict::Drop(DropReason::Cut)), lost);
    }

    #[test]
    fn a_datagram_may_be_late_and_doubled_and_corrupt() {
        let doubled = Delivery { again_after: Some(MS), ..Delivery::default() };
        let corrupt = Delivery { flipped: Some(9), ..Delivery::default() };
        let all = Delivery { after: 2 * MS, again_after: Some(MS), flipped: Some(9) };
        let verdict = Verdict::Deliver(doubled).and(Verdict::Deliver(corrupt));
        assert_eq!(verdict.and(Verdict::after(2 * MS)), Verdict::Deliver(all));
    }

    #[test]
    fn a_flip_changes_one_bit_and_reaches_the_first_and_the_last() {
        assert_eq!(flip(&[0, 0, 0], 0), [1, 0, 0]);
        assert_eq!(flip(&[0, 0, 0], u64::MAX), [0, 0, 128]);
        assert_eq!(flip(&[0, 0, 0], u64::MAX / 2), [0, 8, 0]);
        assert!(flip(&[], 7).is_empty());
    }
}
