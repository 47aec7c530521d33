//! Pings under way, and what each is for.

use std::net::SocketAddr;
use std::time::Duration;

use headcount_state::{Life, MemberId, Time};
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
    due: Time,
    /// Its time is over; an answer may still come.
    late: bool,
}

/// The pings under way. Mostly there is one, or none: so they are in lists, which are searched from one
/// end to the other and keep their memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pings {
    /// Side by side with `waiting`.
    nonces: Vec<u32>,
    waiting: Vec<Waiting>,
    /// In order.
    due: Vec<(Time, u32)>,
}

impl Pings {
    /// Remembers a ping; false when too many are under way.
    pub(crate) fn insert(&mut self, nonce: u32, ping: Ping) -> bool {
        if self.len() >= PINGS_MAX || self.place(nonce).is_some() {
            return false;
        }
        self.put(nonce, Waiting { ping, due: ping.sent + ping.timeout, late: false });
        true
    }

    /// Takes out the ping that an answer of `responder` is for.
    pub(crate) fn answered(&mut self, nonce: u32, responder: MemberId) -> Option<Ping> {
        let ping = self.waiting[self.place(nonce)?].ping;
        if ping.target.id == responder { self.take(nonce) } else { None }
    }

    /// Takes out the ping that another process answers than the one that was meant: by datagram
    /// only where the ping went.
    pub(crate) fn taken_by_another(
        &mut self,
        nonce: u32,
        from: Option<SocketAddr>,
    ) -> Option<Ping> {
        let ping = self.waiting[self.place(nonce)?].ping;
        let there = from.is_none_or(|from| from == ping.address);
        if there { self.take(nonce) } else { None }
    }

    /// The stream of a ping is open, and the ping goes now: an answer is word of its target since then,
    /// and is waited for until `patience` is over.
    pub(crate) fn goes(&mut self, nonce: u32, now: Time, patience: Duration) {
        let Some(place) = self.place(nonce) else { return };
        self.waiting[place].ping.sent = now;
        if self.waiting[place].late
            && let Some(waiting) = self.remove(nonce)
        {
            self.put(nonce, Waiting { due: now + patience, ..waiting });
        }
    }

    /// Takes out a ping.
    pub(crate) fn take(&mut self, nonce: u32) -> Option<Ping> {
        self.remove(nonce).map(|waiting| waiting.ping)
    }

    /// The next ping that is late. Its answer is waited for until `patience` says.
    pub(crate) fn pop_late(&mut self, now: Time, patience: impl Fn(&Ping) -> Time) -> Option<Ping> {
        while let Some((_, nonce)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            let Waiting { ping, late, .. } = self.remove(nonce)?;
            if !late {
                self.put(nonce, Waiting { ping, due: patience(&ping).max(now), late: true });
                return Some(ping);
            }
        }
        None
    }

    /// Whether an answer of `peer` is still in time.
    pub(crate) fn waits_for(&self, peer: MemberId) -> bool {
        self.waiting.iter().any(|w| w.ping.target.id == peer && !w.late)
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(crate) fn len(&self) -> usize {
        self.nonces.len()
    }

    pub(crate) fn clear(&mut self) {
        self.nonces.clear();
        self.waiting.clear();
        self.due.clear();
    }

    fn place(&self, nonce: u32) -> Option<usize> {
        self.nonces.iter().position(|held| *held == nonce)
    }

    fn put(&mut self, nonce: u32, waiting: Waiting) {
        let due = (waiting.due, nonce);
        self.nonces.push(nonce);
        self.waiting.push(waiting);
        self.due.insert(self.due.partition_point(|before| *before < due), due);
    }

    fn remove(&mut self, nonce: u32) -> Option<Waiting> {
        let place = self.place(nonce)?;
        self.nonces.swap_remove(place);
        let waiting = self.waiting.swap_remove(place);
        if let Ok(at) = self.due.binary_search(&(waiting.due, nonce)) {
            self.due.remove(at);
        }
        Some(waiting)
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
