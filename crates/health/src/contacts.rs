//! The latest heartbeats of the peers that were heard lately.

use std::time::Duration;

use headcount_state::{IdIndex, Life, MemberId, Time};

/// What a peer's latest heartbeat said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// When it arrived.
    pub at: Time,
    /// The life that spoke.
    pub life: Life,
    /// The sender's counter of datagrams; wraps.
    pub seq: u32,
    /// How loaded the sender is, in percent; `None` if it does not say.
    pub load: Option<u8>,
    /// How long the sender had been up when it last said so, in acks; whole seconds are kept.
    pub uptime: Option<Duration>,
    /// How strained the sender was when it last said so, in acks; percent.
    pub warning: u8,
    /// The view that the sender holds: the low half of its view id.
    pub view: u32,
}

/// The latest heartbeats of the peers that were heard lately. About constant time per heartbeat.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    /// What is asked of all peers at once, apart from the rest: so few lines of memory are read.
    heard: Vec<Heard>,
    said: Vec<Said>,
    /// How many of them are strained; mostly none.
    strained: usize,
    index: IdIndex,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    peer: MemberId,
    at: Time,
    view: u32,
}

/// The rest of a [`Contact`], in half a line of memory.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Said {
    life: Life,
    uptime_s: Option<u32>,
    seq: u32,
    load: Option<u8>,
    warning: u8,
}

impl Said {
    fn of(contact: &Contact) -> Said {
        let Contact { life, seq, load, uptime, warning, .. } = *contact;
        let seconds = |uptime: Duration| u32::try_from(uptime.as_secs()).unwrap_or(u32::MAX);
        Said { life, uptime_s: uptime.map(seconds), seq, load, warning }
    }
}

impl Contacts {
    /// Knows of nobody.
    pub fn new() -> Contacts {
        Contacts::default()
    }

    /// Takes in a heartbeat of `peer`. One that was overtaken on the way by a later one of the
    /// same life says nothing new, and is ignored. Load, uptime and warning stay known where it does
    /// not say them.
    pub fn record(&mut self, peer: MemberId, contact: Contact) {
        let heard = Heard { peer, at: contact.at, view: contact.view };
        if let Some(place) = self.place(peer) {
            let held = &mut self.said[place];
            let later = contact.seq.wrapping_sub(held.seq) as i32 > 0;
            if held.life != contact.life || later {
                let mut said = Said::of(&contact);
                if held.life == contact.life && said.uptime_s.is_none() {
                    said = Said { life: said.life, seq: said.seq, ..*held };
                }
                self.strained -= usize::from(held.warning > 0);
                self.strained += usize::from(said.warning > 0);
                *held = said;
                self.heard[place] = heard;
            }
        } else {
            self.heard.push(heard);
            self.said.push(Said::of(&contact));
            self.strained += usize::from(contact.warning > 0);
            let last = self.heard.len() - 1;
            self.index.insert(peer, last, |place| self.heard[place].peer);
        }
    }

    /// Drops what is known of `peer`.
    pub fn forget(&mut self, peer: MemberId) {
        let Some(place) = self.index.remove(peer, |place| self.heard[place].peer) else { return };
        self.heard.swap_remove(place);
        let gone = self.said.swap_remove(place);
        self.strained -= usize::from(gone.warning > 0);
        if let Some(moved) = self.heard.get(place) {
            self.index.moved(moved.peer, self.heard.len(), place);
        }
    }

    /// Drops whoever was not heard since `since`. Costs as much as peers are held.
    pub fn forget_before(&mut self, since: Time) {
        let mut place = 0;
        while let Some(heard) = self.heard.get(place).copied() {
            if heard.at < since {
                self.forget(heard.peer);
            } else {
                place += 1;
            }
        }
    }

    /// The latest heartbeat of `peer`, if it is still held.
    pub fn get(&self, peer: MemberId) -> Option<Contact> {
        self.place(peer).map(|place| self.contact(place))
    }

    /// The latest heartbeats of all peers that are held, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (MemberId, Contact)> {
        let places = 0..self.heard.len();
        places.map(|place| (self.heard[place].peer, self.contact(place)))
    }

    /// The peers that said a warning, with it: in constant time where none did.
    pub fn strained(&self) -> impl Iterator<Item = (MemberId, u8)> {
        let said = if self.strained == 0 { &[] } else { self.said.as_slice() };
        let heard = self.heard.iter().map(|heard| heard.peer);
        let warnings = heard.zip(said.iter().map(|said| said.warning));
        warnings.filter(|(_, warning)| *warning > 0)
    }

    /// How many peers are held.
    pub fn len(&self) -> usize {
        self.heard.len()
    }

    /// Whether nobody is held.
    pub fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }

    /// The `count` peers that were heard last, the latest first. Costs as much as peers are held.
    pub fn latest(&self, count: usize) -> Vec<MemberId> {
        let mut all: Vec<(Time, MemberId)> = self.heard.iter().map(|h| (h.at, h.peer)).collect();
        let count = count.min(all.len());
        if count < all.len() {
            all.select_nth_unstable_by(count, |a, b| b.cmp(a));
        }
        all.truncate(count);
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.into_iter().map(|(_, peer)| peer).collect()
    }

    /// How many of those heard since `since` hold `view`, which this node holds since
    /// `view_changed`, and of how many: of those whose word came since then, or names this view.
    /// Older word on another view says nothing. Costs as much as peers are held.
    pub fn agreeing(&self, since: Time, view: u32, view_changed: Time) -> (usize, usize) {
        let (mut agree, mut counted) = (0, 0);
        for heard in self.heard.iter().filter(|heard| heard.at >= since) {
            let agrees = heard.view == view;
            agree += usize::from(agrees);
            counted += usize::from(agrees || heard.at >= view_changed);
        }
        (agree, counted)
    }

    /// The bytes that it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let said = self.said.capacity() * size_of::<Said>();
        self.heard.capacity() * size_of::<Heard>() + said + self.index.heap_bytes()
    }

    fn contact(&self, place: usize) -> Contact {
        let Heard { at, view, .. } = self.heard[place];
        let Said { life, uptime_s, seq, load, warning } = self.said[place];
        let uptime = uptime_s.map(|seconds| Duration::from_secs(seconds.into()));
        Contact { at, life, seq, load, uptime, warning, view }
    }

    fn place(&self, peer: MemberId) -> Option<usize> {
        self.index.find(peer, |place| self.heard[place].peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headcount_state::Instance;

    /// A heartbeat that arrived in the order in which it was sent.
    fn contact(at_ms: u64, view: u32) -> Contact {
        let instance = Instance::from_u64(1).expect("not zero");
        Contact {
            at: Time::from_millis(at_ms),
            life: Life { generation: 1, instance },
            seq: at_ms as u32,
            load: None,
            uptime: None,
            warning: 0,
            view,
        }
    }

    fn heard(entries: &[(&str, u64, u32)]) -> Contacts {
        let mut contacts = Contacts::new();
        for (name, at_ms, view) in entries {
            contacts.record(MemberId::of(name), contact(*at_ms, *view));
        }
        contacts
    }

    #[test]
    fn only_the_latest_word_of_a_peer_counts() {
        let contacts = heard(&[("a", 1, 7), ("a", 5, 8), ("b", 6, 8)]);
        assert_eq!(contacts.agreeing(Time::ZERO, 8, Time::ZERO), (2, 2));
        assert_eq!(contacts.agreeing(Time::ZERO, 7, Time::ZERO), (0, 2));
    }

    #[test]
    fn peers_outside_the_window_are_not_counted() {
        let contacts = heard(&[("a", 1, 7), ("b", 6, 7)]);
        assert_eq!(contacts.agreeing(Time::from_millis(2), 7, Time::ZERO), (1, 1));
    }

    #[test]
    fn word_from_before_the_own_change_counts_only_if_it_agrees() {
        let contacts = heard(&[("a", 1, 7), ("b", 2, 9)]);
        let changed = Time::from_millis(5);
        assert_eq!(contacts.agreeing(Time::ZERO, 9, changed), (1, 1));
    }

    #[test]
    fn a_heartbeat_that_was_overtaken_is_ignored_also_when_the_counter_wraps() {
        let peer = MemberId::of("a");
        let mut contacts = Contacts::new();
        contacts.record(peer, Contact { seq: u32::MAX, ..contact(1, 7) });
        contacts.record(peer, Contact { seq: 0, ..contact(2, 8) });
        contacts.record(peer, Contact { seq: u32::MAX, ..contact(3, 7) });
        assert_eq!(contacts.get(peer).map(|c| c.view), Some(8));
    }

    #[test]
    fn load_and_uptime_stay_known_until_they_are_said_again() {
        let peer = MemberId::of("a");
        let mut contacts = Contacts::new();
        let uptime = Some(Duration::from_secs(9));
        contacts.record(peer, Contact { load: Some(50), uptime, ..contact(1, 7) });
        contacts.record(peer, contact(2, 8));
        let told = |contacts: &Contacts| contacts.get(peer).map(|c| (c.load, c.uptime, c.view));
        assert_eq!(told(&contacts), Some((Some(50), uptime, 8)));
        contacts.record(peer, Contact { load: None, uptime, ..contact(3, 8) });
        assert_eq!(told(&contacts), Some((None, uptime, 8)), "it has said that it does not say");
    }

    #[test]
    fn who_was_not_heard_for_long_is_forgotten_and_the_others_are_found() {
        let mut contacts = heard(&[("a", 1, 7), ("b", 6, 7), ("c", 2, 7), ("d", 9, 8)]);
        contacts.forget_before(Time::from_millis(6));
        assert_eq!(contacts.len(), 2);
        let held = ["a", "b", "c", "d"].map(|name| contacts.get(MemberId::of(name)).is_some());
        assert_eq!(held, [false, true, false, true]);
        let mut named: Vec<_> = contacts.iter().map(|(peer, contact)| (contact.at, peer)).collect();
        named.sort_unstable();
        let at = |name, ms| (Time::from_millis(ms), MemberId::of(name));
        assert_eq!(named, [at("b", 6), at("d", 9)]);
    }

    #[test]
    fn those_heard_last_are_named_latest_first() {
        let contacts = heard(&[("a", 1, 7), ("b", 6, 7), ("c", 2, 7), ("d", 9, 8)]);
        let names = |names: &[&str]| names.iter().map(|n| MemberId::of(n)).collect::<Vec<_>>();
        assert_eq!(contacts.latest(2), names(&["d", "b"]));
        assert_eq!(contacts.latest(9), names(&["d", "b", "c", "a"]));
        assert_eq!(contacts.latest(0), names(&[]));
    }

    #[test]
    fn those_that_said_a_warning_are_told_until_they_say_none() {
        let mut contacts = heard(&[("a", 1, 0), ("b", 1, 0), ("c", 1, 0)]);
        let said =
            |at_ms, warning| Contact { uptime: Some(Duration::ZERO), warning, ..contact(at_ms, 0) };
        let strained = |contacts: &Contacts| contacts.strained().collect::<Vec<(MemberId, u8)>>();
        assert_eq!(strained(&contacts), []);
        contacts.record(MemberId::of("b"), said(2, 30));
        contacts.record(MemberId::of("b"), contact(3, 0));
        contacts.record(MemberId::of("d"), said(3, 70));
        assert_eq!(strained(&contacts), [(MemberId::of("b"), 30), (MemberId::of("d"), 70)]);
        contacts.record(MemberId::of("b"), said(4, 0));
        assert_eq!(strained(&contacts), [(MemberId::of("d"), 70)]);
        contacts.forget(MemberId::of("d"));
        assert_eq!((strained(&contacts), contacts.strained), (vec![], 0));
    }

    #[test]
    fn a_forgotten_peer_leaves_no_trace() {
        let mut contacts = heard(&[("a", 1, 7)]);
        contacts.forget(MemberId::of("a"));
        assert!(contacts.is_empty());
        assert_eq!(contacts.agreeing(Time::ZERO, 7, Time::ZERO), (0, 0));
    }
}
