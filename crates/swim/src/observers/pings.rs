//! Pings under way, and what each is for.

use std::net::SocketAddr;
use std::time::Duration;

use headcount_state::{Agenda, Life, MemberId, Time};
use headcount_wire::Target;

/// The most pings under way at one node.
pub(crate) const PINGS_MAX: usize = 1_024;

/// What a ping is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is the subject's turn, or there is alarm: silence opens a case.
    Watch,
    /// The same once more, after one that was lost at this time.
    Again(Time),
    /// A case or a question is open, and is judged at its own time.
    Evidence,
    /// This node has heard nobody for a while.
    Sign,
    /// Over a stream, to learn whether one can be opened.
    Greet,
    /// It measures a link that others find good, or bad.
    Contest,
    /// It measures the own links of a member that is held.
    Hold,
}

/// One ping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ping {
    pub(crate) target: Target,
    /// The life that was held when it was sent.
    pub(crate) life: Life,
    pub(crate) address: SocketAddr,
    pub(crate) sent: Time,
    /// How long its answer may take.
    pub(crate) timeout: Duration,
    pub(crate) purpose: Purpose,
    /// It goes over a stream, so that silence says nothing of datagrams.
    pub(crate) by_stream: bool,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    ping: Ping,
    /// Its time is over; an answer may still come.
    late: bool,
}

/// The pings under way, by nonce.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pings {
    by_nonce: Agenda<u32, Waiting>,
}

impl Pings {
    /// Remembers a ping; false when too many are under way.
    pub(crate) fn insert(&mut self, nonce: u32, ping: Ping) -> bool {
        if self.by_nonce.len() >= PINGS_MAX || self.by_nonce.contains(nonce) {
            return false;
        }
        self.by_nonce.insert(nonce, Waiting { ping, late: false }, ping.sent + ping.timeout);
        true
    }

    /// Takes out the ping that an answer of `responder` is for.
    pub(crate) fn answered(&mut self, nonce: u32, responder: MemberId) -> Option<Ping> {
        let it = self.by_nonce.get(nonce).is_some_and(|w| w.ping.target.id == responder);
        if it { self.take(nonce) } else { None }
    }

    /// Takes out the ping that another process answers than the one that was meant: by datagram
    /// only where the ping went.
    pub(crate) fn taken_by_another(
        &mut self,
        nonce: u32,
        from: Option<SocketAddr>,
    ) -> Option<Ping> {
        let ping = self.by_nonce.get(nonce)?.ping;
        let there = from.is_none_or(|from| from == ping.address);
        if there { self.take(nonce) } else { None }
    }

    /// The stream of a ping is open, and the ping goes now: an answer is word of its target since then,
    /// and is waited for until `patience` is over.
    pub(crate) fn goes(&mut self, nonce: u32, now: Time, patience: Duration) {
        if let Some(waiting) = self.by_nonce.get_mut(nonce) {
            waiting.ping.sent = now;
            if waiting.late {
                self.by_nonce.reschedule(nonce, now + patience);
            }
        }
    }

    /// Takes out a ping.
    pub(crate) fn take(&mut self, nonce: u32) -> Option<Ping> {
        self.by_nonce.remove(nonce).map(|waiting| waiting.ping)
    }

    /// The next ping that is late. Its answer is waited for until `patience` says.
    pub(crate) fn pop_late(&mut self, now: Time, patience: impl Fn(&Ping) -> Time) -> Option<Ping> {
        while let Some((nonce, mut waiting)) = self.by_nonce.pop_due(now) {
            if waiting.late {
                continue;
            }
            waiting.late = true;
            let (ping, until) = (waiting.ping, patience(&waiting.ping).max(now));
            self.by_nonce.insert(nonce, waiting, until);
            return Some(ping);
        }
        None
    }

    /// Whether an answer of `peer` is still in time.
    pub(crate) fn waits_for(&self, peer: MemberId) -> bool {
        self.by_nonce.iter().any(|(_, w)| w.ping.target.id == peer && !w.late)
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.by_nonce.next_due()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_nonce.len()
    }

    pub(crate) fn clear(&mut self) {
        self.by_nonce.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headcount_state::Instance;

    fn ping(name: &str) -> Ping {
        let life = Life { generation: 1, instance: Instance::from_u64(1).expect("not zero") };
        Ping {
            target: Target::of(MemberId::of(name), life),
            life,
            address: ([127, 0, 0, 1], 1).into(),
            sent: Time::ZERO,
            timeout: Duration::from_millis(10),
            purpose: Purpose::Watch,
            by_stream: false,
        }
    }

    #[test]
    fn a_ping_is_late_once_and_its_answer_is_taken_for_a_while() {
        let mut pings = Pings::default();
        let at = Time::from_millis;
        let patience = |_: &Ping| at(20);
        pings.insert(1, ping("x"));
        assert!(pings.waits_for(MemberId::of("x")));
        assert!(pings.pop_late(at(9), patience).is_none());
        assert!(pings.pop_late(at(10), patience).is_some());
        assert!(!pings.waits_for(MemberId::of("x")));
        assert!(pings.pop_late(at(10), patience).is_none());
        assert!(pings.answered(1, MemberId::of("y")).is_none(), "somebody else");
        assert!(pings.answered(1, MemberId::of("x")).is_some());
        assert_eq!((pings.len(), pings.next_due()), (0, None));

        pings.insert(2, ping("x"));
        pings.pop_late(at(10), patience);
        assert!(pings.pop_late(at(20), patience).is_none());
        assert!(pings.answered(2, MemberId::of("x")).is_none(), "too late");
        assert_eq!((pings.len(), pings.next_due()), (0, None));
    }

    #[test]
    fn a_ping_over_a_stream_goes_and_is_waited_for_from_when_the_stream_is_open() {
        for (goes, sent) in [(Some(15), Some(15)), (None, None)] {
            let mut pings = Pings::default();
            let at = Time::from_millis;
            let patience = |_: &Ping| at(20);
            pings.insert(1, Ping { by_stream: true, ..ping("x") });
            assert!(pings.pop_late(at(10), patience).is_some());
            if let Some(goes) = goes {
                pings.goes(1, at(goes), Duration::from_millis(20));
            }
            assert!(pings.pop_late(at(34), patience).is_none());
            let answered = pings.answered(1, MemberId::of("x")).map(|ping| ping.sent);
            assert_eq!(answered, sent.map(at));
        }
        let mut pings = Pings::default();
        pings.insert(1, ping("x"));
        pings.goes(1, Time::from_millis(5), Duration::from_millis(20));
        assert_eq!(pings.next_due(), Some(Time::from_millis(10)), "not late yet");
    }

    #[test]
    fn no_more_than_the_bound_are_under_way() {
        let mut pings = Pings::default();
        for nonce in 0..PINGS_MAX as u32 {
            assert!(pings.insert(nonce, ping("x")));
        }
        assert!(!pings.insert(u32::MAX, ping("x")));
    }
}
