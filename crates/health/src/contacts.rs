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
    /// How long the sender has been up; whole seconds are kept.
    pub uptime: Duration,
    /// The sender's protocol period; whole milliseconds are kept.
    pub period: Duration,
    /// The view that the sender holds.
    pub view_id: u64,
}

/// How many of the peers heard lately hold the same view as this node.
///
/// It speaks of the peers heard, not of all: peers not heard within the window may hold anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Peers whose latest heartbeat named this node's view.
    pub agree: usize,
    /// Peers whose latest heartbeat counts: it came within the window, and since this node's own
    /// view last changed or naming the view it has now. Older word on another view says nothing.
    pub heard: usize,
}

impl Agreement {
    /// Whether somebody was heard and nobody disagrees.
    pub fn is_complete(&self) -> bool {
        self.heard > 0 && self.agree == self.heard
    }
}

/// The latest heartbeats of the peers that were heard lately. About constant time per heartbeat.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    /// What is asked of all peers at once, apart from the rest: so few lines of memory are read.
    heard: Vec<Heard>,
    said: Vec<Said>,
    index: IdIndex,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    peer: MemberId,
    at: Time,
    view_id: u64,
}

/// The rest of a [`Contact`], in half a line of memory.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Said {
    life: Life,
    seq: u32,
    uptime_s: u32,
    period_ms: u32,
    load: Option<u8>,
}

impl Said {
    fn of(contact: &Contact) -> Said {
        let Contact { life, seq, load, uptime, period, .. } = *contact;
        Said {
            life,
            seq,
            uptime_s: u32::try_from(uptime.as_secs()).unwrap_or(u32::MAX),
            period_ms: u32::try_from(period.as_millis()).unwrap_or(u32::MAX),
            load,
        }
    }
}

impl Contacts {
    /// Knows of nobody.
    pub fn new() -> Contacts {
        Contacts::default()
    }

    /// Takes in a heartbeat of `peer`. One that was overtaken on the way by a later one of the
    /// same life says nothing new, and is ignored.
    pub fn record(&mut self, peer: MemberId, contact: Contact) {
        let heard = Heard { peer, at: contact.at, view_id: contact.view_id };
        if let Some(place) = self.place(peer) {
            let held = &mut self.said[place];
            let later = contact.seq.wrapping_sub(held.seq) as i32 > 0;
            if held.life != contact.life || later {
                *held = Said::of(&contact);
                self.heard[place] = heard;
            }
        } else {
            self.heard.push(heard);
            self.said.push(Said::of(&contact));
            let last = self.heard.len() - 1;
            self.index.insert(peer, last, |place| self.heard[place].peer);
        }
    }

    /// Drops what is known of `peer`.
    pub fn forget(&mut self, peer: MemberId) {
        let Some(place) = self.index.remove(peer, |place| self.heard[place].peer) else { return };
        self.heard.swap_remove(place);
        self.said.swap_remove(place);
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
        let place = self.place(peer)?;
        let Heard { at, view_id, .. } = self.heard[place];
        let Said { life, seq, uptime_s, period_ms, load } = self.said[place];
        let uptime = Duration::from_secs(uptime_s.into());
        let period = Duration::from_millis(period_ms.into());
        Some(Contact { at, life, seq, load, uptime, period, view_id })
    }

    /// How many peers are held.
    pub fn len(&self) -> usize {
        self.heard.len()
    }

    /// Whether nobody is held.
    pub fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }

    /// Whether those heard since `since` hold `view_id`, which this node holds since
    /// `view_changed`. Costs as much as peers are held.
    pub fn agreement(&self, since: Time, view_id: u64, view_changed: Time) -> Agreement {
        let mut agreement = Agreement::default();
        for heard in self.heard.iter().filter(|heard| heard.at >= since) {
            let agrees = heard.view_id == view_id;
            agreement.agree += usize::from(agrees);
            agreement.heard += usize::from(agrees || heard.at >= view_changed);
        }
        agreement
    }

    /// The bytes that it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let said = self.said.capacity() * size_of::<Said>();
        self.heard.capacity() * size_of::<Heard>() + said + self.index.heap_bytes()
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
    fn contact(at_ms: u64, view_id: u64) -> Contact {
        let instance = Instance::from_u64(1).expect("not zero");
        Contact {
            at: Time::from_millis(at_ms),
            life: Life { generation: 1, instance },
            seq: at_ms as u32,
            load: None,
            uptime: Duration::ZERO,
            period: Duration::from_secs(1),
            view_id,
        }
    }

    fn heard(entries: &[(&str, u64, u64)]) -> Contacts {
        let mut contacts = Contacts::new();
        for (name, at_ms, view_id) in entries {
            contacts.record(MemberId::of(name), contact(*at_ms, *view_id));
        }
        contacts
    }

    #[test]
    fn only_the_latest_word_of_a_peer_counts() {
        let contacts = heard(&[("a", 1, 7), ("a", 5, 8), ("b", 6, 8)]);
        let all = contacts.agreement(Time::ZERO, 8, Time::ZERO);
        assert_eq!(all, Agreement { agree: 2, heard: 2 });
        assert_eq!(contacts.agreement(Time::ZERO, 7, Time::ZERO).agree, 0);
    }

    #[test]
    fn what_a_peer_said_is_kept_as_it_was() {
        let said = Contact { load: Some(7), uptime: Duration::from_secs(9), ..contact(1_500, 8) };
        let mut contacts = heard(&[("a", 1, 7)]);
        contacts.record(MemberId::of("a"), said);
        assert_eq!(contacts.get(MemberId::of("a")), Some(said));
        assert_eq!(contacts.get(MemberId::of("b")), None);
    }

    #[test]
    fn peers_outside_the_window_are_not_counted() {
        let contacts = heard(&[("a", 1, 7), ("b", 6, 7)]);
        let lately = contacts.agreement(Time::from_millis(2), 7, Time::ZERO);
        assert_eq!(lately, Agreement { agree: 1, heard: 1 });
    }

    #[test]
    fn word_from_before_the_own_change_counts_only_if_it_agrees() {
        let contacts = heard(&[("a", 1, 7), ("b", 2, 9)]);
        let changed = Time::from_millis(5);
        let agreement = contacts.agreement(Time::ZERO, 9, changed);
        assert_eq!(agreement, Agreement { agree: 1, heard: 1 });
    }

    #[test]
    fn nobody_heard_is_no_agreement() {
        assert!(!Agreement::default().is_complete());
    }

    #[test]
    fn a_heartbeat_that_was_overtaken_is_ignored_also_when_the_counter_wraps() {
        let peer = MemberId::of("a");
        let mut contacts = Contacts::new();
        contacts.record(peer, Contact { seq: u32::MAX, ..contact(1, 7) });
        contacts.record(peer, Contact { seq: 0, ..contact(2, 8) });
        contacts.record(peer, Contact { seq: u32::MAX, ..contact(3, 7) });
        assert_eq!(contacts.get(peer).map(|c| c.view_id), Some(8));
    }

    #[test]
    fn who_was_not_heard_for_long_is_forgotten_and_the_others_are_found() {
        let mut contacts = heard(&[("a", 1, 7), ("b", 6, 7), ("c", 2, 7), ("d", 9, 8)]);
        contacts.forget_before(Time::from_millis(6));
        assert_eq!(contacts.len(), 2);
        let held = ["a", "b", "c", "d"].map(|name| contacts.get(MemberId::of(name)).is_some());
        assert_eq!(held, [false, true, false, true]);
    }

    #[test]
    fn a_forgotten_peer_leaves_no_trace() {
        let mut contacts = heard(&[("a", 1, 7)]);
        contacts.forget(MemberId::of("a"));
        assert!(contacts.is_empty());
        assert_eq!(contacts.agreement(Time::ZERO, 7, Time::ZERO), Agreement::default());
    }
}
