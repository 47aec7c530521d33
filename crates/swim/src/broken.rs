//! Streams that broke before a whole table had come, and how far it had: the next one goes on there.
//!
//! ```text
//!   peer's table, by id   ├── came ──┤ break
//!   next stream           Hello(after) ├── comes ──┤
//! ```
//! What changes in the first part meanwhile is told as any news is; should it be missed, hashes still
//! differ after the rest has come.

use std::collections::VecDeque;
use std::net::SocketAddr;

use headcount_state::{MemberId, Time};

/// So many are remembered; beyond it the one that broke first is forgotten.
const BROKEN_MAX: usize = 16;

/// How far the table of a peer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reached {
    peer: MemberId,
    /// Where the stream led, or whence it came.
    address: SocketAddr,
    upto: MemberId,
    until: Time,
}

/// The tables that have come in part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Broken {
    reached: VecDeque<Reached>,
}

impl Broken {
    /// A stream of `peer` broke after its members up to `upto`, which is worth something until
    /// then.
    pub(crate) fn note(
        &mut self,
        peer: MemberId,
        address: SocketAddr,
        upto: MemberId,
        until: Time,
    ) {
        self.forget(peer);
        if self.reached.len() == BROKEN_MAX {
            self.reached.pop_front();
        }
        self.reached.push_back(Reached { peer, address, upto, until });
    }

    /// The whole table of `peer` is here.
    pub(crate) fn forget(&mut self, peer: MemberId) {
        self.reached.retain(|reached| reached.peer != peer);
    }

    /// Up to which member the table of `peer` has come.
    pub(crate) fn of(&self, now: Time, peer: MemberId) -> Option<MemberId> {
        self.find(now, |reached| reached.peer == peer)
    }

    /// The same of whoever was called at `address`.
    pub(crate) fn at(&self, now: Time, address: SocketAddr) -> Option<MemberId> {
        self.find(now, |reached| reached.address == address)
    }

    fn find(&self, now: Time, is_it: impl Fn(&Reached) -> bool) -> Option<MemberId> {
        let reached = self.reached.iter().find(|reached| is_it(reached))?;
        (reached.until > now).then_some(reached.upto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> MemberId {
        MemberId::from_u64(number).unwrap()
    }

    fn address(number: u64) -> SocketAddr {
        ([10, 0, 0, 1], number as u16).into()
    }

    #[test]
    fn the_last_break_counts_for_a_while_or_until_all_has_come() {
        let mut broken = Broken::default();
        broken.note(id(7), address(7), id(100), Time::from_millis(10));
        broken.note(id(7), address(7), id(200), Time::from_millis(20));
        broken.note(id(8), address(8), id(300), Time::from_millis(20));
        let now = Time::from_millis(19);
        assert_eq!(broken.of(now, id(7)), Some(id(200)));
        assert_eq!(broken.at(now, address(8)), Some(id(300)));
        assert_eq!(broken.of(Time::from_millis(20), id(7)), None);
        broken.forget(id(7));
        assert_eq!((broken.of(now, id(7)), broken.of(now, id(8))), (None, Some(id(300))));
    }

    #[test]
    fn no_more_than_the_bound_are_remembered() {
        let mut broken = Broken::default();
        for number in 1..=BROKEN_MAX as u64 + 1 {
            broken.note(id(number), address(number), id(9), Time::MAX);
        }
        assert_eq!(broken.reached.len(), BROKEN_MAX);
        assert_eq!(broken.of(Time::ZERO, id(1)), None);
        assert_eq!(broken.of(Time::ZERO, id(2)), Some(id(9)));
    }
}
