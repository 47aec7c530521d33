//! The state of sketch exchanges: whom this node asked, and the sketches that it takes in.
//!
//! ```text
//!   asked      peer ── until when it may ask for more, and how much of it
//!   sessions   peer ── symbols taken in, parts that came early, how many are awaited
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_state::{Difference, MemberId, SKETCH_SYMBOLS_MAX, Symbol, Time};

/// So many sketches are being taken in at once; beyond it the one begun first is given up.
pub(crate) const SESSIONS_MAX: usize = 16;

/// So many parts of one wait for those before them.
const EARLY_MAX: usize = 64;

/// The most symbols that one peer is sent for one question.
const SYMBOLS_SENT_MAX: usize = 2 * SKETCH_SYMBOLS_MAX;

/// A table that changes so often while its sketch is on the way is not met by sketches.
const RESTARTS_MAX: u8 = 2;

/// Symbols of which one difference takes up to so many halves: 1.35 to 1.72 are published (Yang,
/// Gilad, Alizadeh, SIGCOMM 2024), few differences take more.
pub(crate) const SYMBOLS_PER_DIFFERENCE_HALVES: usize = 4;

/// The fewest symbols that are worth a datagram.
const SYMBOLS_MIN: usize = 16;

/// What is known of the sketch exchanges under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reconciling {
    /// Peers that were lately sent a sketch.
    asked: BTreeMap<MemberId, Asked>,
    /// Exchanges begun since one has last come to its end.
    unanswered: u32,
    /// How many differences an exchange last found; none has found any yet.
    expected: Option<usize>,
    sessions: BTreeMap<MemberId, Session>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    /// It may ask for more until then.
    until: Time,
    /// So many symbols it has been sent: from which on it may ask, and how many in all.
    end: usize,
    sent: usize,
}

/// A sketch that is being taken in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The hashes of both tables: symbols of different moments do not add up.
    theirs: u64,
    ours: u64,
    pub(crate) difference: Difference,
    /// Parts that came ahead of others.
    early: BTreeMap<usize, Vec<Symbol>>,
    /// So many symbols have been asked for.
    pub(crate) awaited: usize,
    restarts: u8,
    expires: Time,
}

impl Session {
    /// One that takes in a sketch of the table `theirs`, while this table is `ours`.
    pub(crate) fn new(theirs: u64, ours: u64, expires: Time) -> Session {
        let (difference, early) = (Difference::new(), BTreeMap::new());
        Session { theirs, ours, difference, early, awaited: 0, restarts: 0, expires }
    }

    /// The same from the start, since a table has changed; so many symbols are asked for at once.
    /// None when that has happened too often.
    pub(crate) fn restarted(
        before: Option<Session>,
        (theirs, ours): (u64, u64),
        awaited: usize,
        expires: Time,
    ) -> Option<Session> {
        let restarts = before.map_or(0, |before| before.restarts) + 1;
        let session = Session { restarts, awaited, ..Session::new(theirs, ours, expires) };
        (restarts <= RESTARTS_MAX).then_some(session)
    }

    /// Whether a part that begins with symbol `first` goes on with it.
    pub(crate) fn goes_on(&self, theirs: u64, ours: u64, first: usize) -> bool {
        let same = self.theirs == theirs && self.ours == ours;
        same && (first > 0 || self.difference.is_empty())
    }

    /// Whether it has told the difference to the table `theirs` already.
    pub(crate) fn has_told(&self, theirs: u64) -> bool {
        self.theirs == theirs && self.difference.is_complete()
    }

    /// Takes in symbols of the peer, and those that came ahead of them; `own` are this table's, as
    /// many as are awaited.
    pub(crate) fn take_in(&mut self, first: usize, symbols: Vec<Symbol>, own: &[Symbol]) {
        let end = first.saturating_add(symbols.len());
        if end > self.difference.len() && end <= own.len() && self.early.len() < EARLY_MAX {
            self.early.insert(first, symbols);
        }
        while let Some(part) =
            self.early.first_entry().filter(|p| *p.key() <= self.difference.len())
        {
            let (first, symbols) = part.remove_entry();
            let known = self.difference.len() - first;
            let (Some(theirs), Some(own)) =
                (symbols.get(known..), own.get(first + known..first + symbols.len()))
            else {
                continue;
            };
            self.difference.extend(theirs, own);
        }
    }
}

impl Reconciling {
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn clear(&mut self) {
        self.asked.clear();
        self.sessions.clear();
    }

    /// How many symbols a sketch begins with, of at most `room`.
    pub(crate) fn first_batch(&self, room: usize) -> usize {
        let wanted = self.expected.map_or(room, |expected| {
            (expected * SYMBOLS_PER_DIFFERENCE_HALVES / 2).max(SYMBOLS_MIN)
        });
        wanted.min(room)
    }

    /// So many differences were found.
    pub(crate) fn found(&mut self, differences: usize) {
        self.expected = Some(differences);
    }

    /// `peer` is sent so many first symbols.
    pub(crate) fn ask(&mut self, now: Time, peer: MemberId, symbols: usize, patience: Duration) {
        self.asked.retain(|_, asked| asked.until > now);
        self.asked.insert(peer, Asked { until: now + patience, end: symbols, sent: symbols });
        self.unanswered += 1;
    }

    /// Whether an exchange with `peer` began lately, whoever began it.
    pub(crate) fn is_at_it(&self, now: Time, peer: MemberId) -> bool {
        let answering = self.sessions.get(&peer).is_some_and(|session| session.expires > now);
        answering || self.was_asked(now, peer)
    }

    /// Whether `peer` was sent a sketch lately.
    pub(crate) fn was_asked(&self, now: Time, peer: MemberId) -> bool {
        self.asked.get(&peer).is_some_and(|asked| asked.until > now)
    }

    /// `peer` asks for so many more symbols: how many of them it gets. It cannot leave any out, and
    /// asking again and again does not bring it more and more.
    pub(crate) fn grant(&mut self, peer: MemberId, first: usize, count: usize) -> usize {
        let Some(asked) = self.asked.get_mut(&peer).filter(|asked| first <= asked.end) else {
            return 0;
        };
        let room = SKETCH_SYMBOLS_MAX.saturating_sub(first);
        let granted = count.min(room).min(SYMBOLS_SENT_MAX.saturating_sub(asked.sent));
        asked.sent += granted;
        asked.end = asked.end.max(first + granted);
        granted
    }

    /// An exchange that this node began has come to its end.
    pub(crate) fn ended(&mut self) {
        self.unanswered = 0;
    }

    /// Whether so many exchanges were begun since one has last come to its end; if so, counting begins
    /// anew.
    pub(crate) fn take_unanswered(&mut self, at_least: u32) -> bool {
        let many = self.unanswered >= at_least;
        if many {
            self.unanswered = 0;
        }
        many
    }

    /// Takes out the sketch of `peer` that is being taken in.
    pub(crate) fn session(&mut self, now: Time, peer: MemberId) -> Option<Session> {
        self.sessions.retain(|_, session| session.expires > now);
        self.sessions.remove(&peer)
    }

    pub(crate) fn keep(&mut self, peer: MemberId, session: Session) {
        if self.sessions.len() >= SESSIONS_MAX {
            let first = self.sessions.iter().min_by_key(|(_, s)| s.expires).map(|(id, _)| *id);
            first.and_then(|id| self.sessions.remove(&id));
        }
        self.sessions.insert(peer, session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(first: usize, count: usize) -> Vec<Symbol> {
        (first..first + count).map(|at| Symbol::new([7, at as u32 + 1, 9])).collect()
    }

    #[test]
    fn parts_are_taken_in_in_their_order_also_where_they_overlap() {
        let own = vec![Symbol::default(); 400];
        let mut session = Session::new(1, 2, Time::MAX);
        session.take_in(216, symbols(216, 108), &own);
        session.take_in(324, symbols(324, 76), &own);
        assert_eq!(session.difference.len(), 0);
        session.take_in(0, symbols(0, 108), &own);
        assert_eq!(session.difference.len(), 108);
        session.take_in(100, symbols(100, 200), &own);
        assert_eq!(session.difference.len(), 400);
        session.take_in(0, symbols(0, 108), &own);
        assert_eq!(session.difference.len(), 400, "what is known changes nothing");
    }

    #[test]
    fn early_parts_are_bounded_and_none_reaches_beyond_what_is_awaited() {
        let own = vec![Symbol::default(); 4_000];
        let mut session = Session::new(1, 2, Time::MAX);
        for first in 1..1_000 {
            session.take_in(first, symbols(first, 1), &own);
        }
        session.take_in(2, symbols(2, 4_000), &own);
        session.take_in(usize::MAX, symbols(0, 2), &own);
        assert_eq!(session.early.len(), EARLY_MAX);
    }

    #[test]
    fn a_peer_is_granted_what_follows_and_no_more_than_twice_a_sketch() {
        let peer = MemberId::of("peer");
        let mut all = Reconciling::default();
        assert_eq!(all.grant(peer, 0, 9), 0, "it was not asked");
        all.ask(Time::ZERO, peer, 100, Duration::from_secs(1));
        assert_eq!(all.grant(peer, 101, 9), 0, "it leaves some out");
        assert_eq!(all.grant(peer, 100, 200), 200);
        let asked = (0..100).map(|_| all.grant(peer, 0, usize::MAX)).sum::<usize>();
        assert!(asked <= SYMBOLS_SENT_MAX, "{asked}");
    }

    #[test]
    fn a_sketch_is_begun_again_twice() {
        let again = |before| Session::restarted(before, (1, 2), 9, Time::MAX);
        let first = again(None);
        let second = again(first);
        assert!(second.is_some());
        assert!(again(second).is_none());
    }
}
