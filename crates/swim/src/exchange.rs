//! When this node begins a table exchange, and how far a partial one has come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headcount_state::{MemberId, Time};

/// After a table went to a peer in a datagram, it goes by stream for so many times the wait
/// before an exchange: one minute at a period of one second.
const DATAGRAM_PAUSE: u32 = 40;

/// News is answered by news once in this share of a wait: a gossip interval.
const NEWS_SHARE: u32 = 7;

/// Dead claims are compared once in so many waits, thirty periods with the usual wait of 1.5, and up
/// to so many more, by the node.
const DEAD_PAUSE: u32 = 20;
const DEAD_PAUSE_SPREAD: u32 = 16;

/// So many peers are remembered with whom something is not to be done again at once.
const PAUSES_MAX: usize = 1_024;

/// The pace of this node's own exchanges.
///
/// Tables that differ for a moment are repaired by dissemination, which is cheaper; so an
/// exchange begins only when heartbeats have named other tables for a while, and not again until
/// as much time has passed.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    settle: Duration,
    differs_since: Option<Time>,
    /// When an exchange with a peer that named another table may begin, whatever others name.
    differing: Pauses,
    /// The same of those who are no peers.
    strangers: Pauses,
    /// None of them is met before.
    stranger_next: Time,
    /// Peers that were lately sent the table in a datagram.
    tried: Pauses,
    last: Time,
    /// Peers to which no stream could be opened: their exchanges go by datagrams until then.
    no_stream: Pauses,
    /// Peers that have just been sent this node's table in answer to theirs.
    answered: Pauses,
    /// Peers that have just been told news in answer to theirs.
    news: Pauses,
    /// Those who speak though they are held as dead, and have just been told.
    told_dead: Pauses,
    /// When dead claims are next compared.
    dead_next: Time,
    /// Where the next partial table goes on: before this position of the newest-first order.
    cursor: u64,
}

impl Pace {
    /// Begins an exchange after tables have differed for `settle`.
    pub(crate) fn new(settle: Duration) -> Pace {
        Pace {
            settle,
            differs_since: None,
            differing: Pauses::default(),
            strangers: Pauses::default(),
            stranger_next: Time::ZERO,
            tried: Pauses::default(),
            last: Time::ZERO,
            no_stream: Pauses::default(),
            answered: Pauses::default(),
            news: Pauses::default(),
            told_dead: Pauses::default(),
            dead_next: Time::ZERO,
            cursor: u64::MAX,
        }
    }

    /// A peer named the same table.
    pub(crate) fn equal(&mut self, peer: MemberId) {
        self.differs_since = None;
        self.differing.remove(peer);
        self.tried.remove(peer);
    }

    /// A peer named another table; true when an exchange with it should begin now: when all have
    /// named others for a while, or this one has.
    pub(crate) fn differs(&mut self, now: Time, peer: MemberId) -> bool {
        let since = *self.differs_since.get_or_insert(now);
        let waited = match self.differing.get(peer) {
            Some(until) => until <= now,
            None => {
                self.differing.insert(peer, now + self.settle);
                false
            }
        };
        let due = since + self.settle <= now || (waited && self.last + self.settle <= now);
        if due {
            self.differs_since = Some(now);
            self.last = now;
            self.differing.remove(peer);
        }
        due
    }

    /// Who is no peer named another table; true when it should be offered this one now: when it has
    /// for a while, and nobody of its kind was lately. Peers are met as if it had not spoken.
    pub(crate) fn stranger_differs(&mut self, now: Time, who: MemberId) -> bool {
        let Some(until) = self.strangers.get(who) else {
            self.strangers.insert(who, now + self.settle);
            return false;
        };
        let due = until <= now && self.stranger_next <= now;
        if due {
            self.stranger_next = now + self.settle;
            self.strangers.remove(who);
        }
        due
    }

    /// Whether a table that may fit a datagram goes to `peer` in one: not twice in a while. Where
    /// large datagrams vanish, a second exchange must take the stream.
    pub(crate) fn may_try_datagram(&mut self, now: Time, peer: MemberId) -> bool {
        self.tried.begin(now, peer, self.settle * DATAGRAM_PAUSE)
    }

    /// An exchange with `peer` by datagrams has come to its end: the next one may go the same way.
    pub(crate) fn datagrams_reach(&mut self, peer: MemberId) {
        self.tried.remove(peer);
    }

    /// Whether news that answers news of `peer` may go now: not again before as much has passed as
    /// between gossip rounds, so that two nodes that cannot settle something do not talk for ever.
    pub(crate) fn may_tell_news(&mut self, now: Time, peer: MemberId) -> bool {
        self.news.begin(now, peer, self.settle / NEWS_SHARE)
    }

    /// Whether `peer`, which is held as dead and speaks, is to hear of it now: not again at once.
    pub(crate) fn may_tell_the_dead(&mut self, now: Time, peer: MemberId) -> bool {
        self.told_dead.begin(now, peer, self.settle)
    }

    /// No stream could be opened to `peer`.
    pub(crate) fn stream_failed(&mut self, now: Time, peer: MemberId, pause: Duration) {
        self.no_stream.insert(peer, now + pause);
    }

    /// Whether a stream to `peer` is worth trying.
    pub(crate) fn may_stream(&self, now: Time, peer: MemberId) -> bool {
        self.no_stream.is_over(now, peer)
    }

    /// Whether the table of `peer` is to be answered with this node's; if so, not again at once.
    pub(crate) fn may_answer(&mut self, now: Time, peer: MemberId) -> bool {
        self.answered.begin(now, peer, self.settle)
    }

    /// Whether a peer whose dead claims differ is to be told of this node's; if so, nobody else for
    /// a while, and `own` says for how long: nodes that began together do not tell in step.
    pub(crate) fn dead_due(&mut self, now: Time, own: MemberId) -> bool {
        let due = self.dead_next <= now;
        if due {
            let pause = DEAD_PAUSE + own.as_u64() as u32 % DEAD_PAUSE_SPREAD;
            self.dead_next = now + self.settle * pause;
        }
        due
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// The last partial table ended before `cursor`; `None`: it reached the end.
    pub(crate) fn advance(&mut self, cursor: Option<u64>) {
        self.cursor = cursor.unwrap_or(u64::MAX);
    }
}

/// Members, each with the time until which something is not to be done with it. O(log n).
#[derive(Clone, Debug, Default)]
struct Pauses {
    until: BTreeMap<MemberId, Time>,
    /// The same, the one that ends first first.
    order: BTreeSet<(Time, MemberId)>,
}

impl Pauses {
    fn insert(&mut self, member: MemberId, until: Time) {
        self.remove(member);
        self.until.insert(member, until);
        self.order.insert((until, member));
        if self.until.len() > PAUSES_MAX
            && let Some((_, first)) = self.order.first().copied()
        {
            self.remove(first);
        }
    }

    /// True, and it begins, unless one runs.
    fn begin(&mut self, now: Time, member: MemberId, pause: Duration) -> bool {
        let over = self.is_over(now, member);
        if over {
            self.insert(member, now + pause);
        }
        over
    }

    fn get(&self, member: MemberId) -> Option<Time> {
        self.until.get(&member).copied()
    }

    fn remove(&mut self, member: MemberId) {
        if let Some(until) = self.until.remove(&member) {
            self.order.remove(&(until, member));
        }
    }

    fn is_over(&self, now: Time, member: MemberId) -> bool {
        self.until.get(&member).is_none_or(|until| *until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    fn id(name: &str) -> MemberId {
        MemberId::of(name)
    }

    #[test]
    fn an_exchange_begins_when_tables_have_differed_for_a_while_and_not_twice_at_once() {
        let mut pace = Pace::new(Duration::from_millis(1_500));
        assert!(!pace.differs(at(0), id("a")));
        assert!(!pace.differs(at(1_499), id("b")));
        assert!(pace.differs(at(1_500), id("c")));
        assert!(!pace.differs(at(1_501), id("a")));
        assert!(pace.differs(at(3_000), id("d")));
    }

    #[test]
    fn word_of_an_equal_table_starts_the_wait_anew() {
        let mut pace = Pace::new(Duration::from_millis(1_500));
        pace.differs(at(0), id("a"));
        pace.equal(id("b"));
        assert!(!pace.differs(at(2_000), id("c")));
    }

    #[test]
    fn a_peer_that_goes_on_to_differ_is_met_though_others_agree() {
        let mut pace = Pace::new(Duration::from_millis(1_500));
        for ms in [0, 500, 1_000] {
            assert!(!pace.differs(at(ms), id("other side")));
            pace.equal(id("same side"));
        }
        assert!(pace.differs(at(1_500), id("other side")));
    }

    #[test]
    fn strangers_are_met_now_and_then_and_take_no_turn_of_a_peer() {
        let mut pace = Pace::new(Duration::from_millis(1_500));
        assert!(!pace.differs(at(0), id("peer")));
        let met = (0..300).map(|tenth| {
            let who = id(&format!("stranger {}", tenth % 15));
            pace.stranger_differs(at(tenth * 100), who)
        });
        let met = met.filter(|met| *met).count();
        assert!((15..=20).contains(&met), "{met} in 30 s");
        assert!(pace.differs(at(1_500), id("peer")));
    }

    #[test]
    fn a_second_exchange_with_a_peer_takes_the_stream_for_a_while() {
        let mut pace = Pace::new(Duration::from_millis(1_500));
        assert!(pace.may_try_datagram(at(0), id("a")));
        assert!(!pace.may_try_datagram(at(59_999), id("a")));
        assert!(pace.may_try_datagram(at(59_999), id("b")));
        assert!(pace.may_try_datagram(at(60_000), id("a")));
    }

    #[test]
    fn streams_are_tried_again_after_the_pause() {
        let mut pace = Pace::new(Duration::ZERO);
        let peer = MemberId::of("peer");
        assert!(pace.may_stream(Time::ZERO, peer));
        pace.stream_failed(Time::ZERO, peer, Duration::from_secs(5));
        assert!(!pace.may_stream(Time::from_millis(4_999), peer));
        assert!(pace.may_stream(Time::from_millis(5_000), peer));
    }

    #[test]
    fn no_more_than_the_bound_are_paused_and_the_first_to_end_goes_first() {
        let mut pauses = Pauses::default();
        let member = |i: usize| MemberId::of(&format!("member-{i}"));
        for i in 0..=PAUSES_MAX {
            pauses.insert(member(i), Time::from_millis(1_000 + i as u64));
        }
        assert_eq!(pauses.until.len(), PAUSES_MAX);
        assert!(pauses.is_over(Time::ZERO, member(0)));
        assert!(!pauses.is_over(Time::ZERO, member(1)));
    }

    #[test]
    fn a_peers_table_is_answered_once_in_a_while() {
        let mut pace = Pace::new(Duration::from_secs(1));
        let peer = MemberId::of("peer");
        assert!(pace.may_answer(Time::ZERO, peer));
        assert!(!pace.may_answer(Time::from_millis(999), peer));
        assert!(pace.may_answer(Time::from_millis(1_000), peer));
    }
}
