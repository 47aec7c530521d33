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
    /// How long the sender has been up, in whole seconds.
    pub uptime: Duration,
    /// The sender's protocol period.
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
    latest: Vec<(MemberId, Contact)>,
    index: IdIndex,
}

impl Contacts {
    /// Knows of nobody.
    pub fn new() -> Contacts {
        Contacts::default()
    }

    /// Takes in a heartbeat of `peer`. One that was overtaken on the way by a later one of the
    /// same life says nothing new, and is ignored.
    pub fn record(&mut self, peer: MemberId, contact: Contact) {
        match self.place(peer) {
            Some(place) => {
                let held = &mut self.latest[place].1;
                let overtaken =
                    held.life == contact.life && contact.seq.wrapping_sub(held.seq) as i32 <= 0;
                if !overtaken {
                    *held = contact;
                }
            }
            None => {
                self.latest.push((peer, contact));
                let last = self.latest.len() - 1;
                self.index.insert(peer, last, |place| self.latest[place].0);
            }
        }
    }

    /// Drops what is known of `peer`.
    pub fn forget(&mut self, peer: MemberId) {
        let Some(place) = self.index.remove(peer, |place| self.latest[place].0) else { return };
        self.latest.swap_remove(place);
        if let Some((moved, _)) = self.latest.get(place) {
            self.index.moved(*moved, self.latest.len(), place);
        }
    }

    /// Drops whoever was not heard since `since`. Costs as much as peers are held.
    pub fn forget_before(&mut self, since: Time) {
        let mut place = 0;
        while let Some((peer, contact)) = self.latest.get(place).copied() {
            if contact.at < since {
                self.forget(peer);
            } else {
                place += 1;
            }
        }
    }

    /// The latest heartbeat of `peer`, if it is still held.
    pub fn get(&self, peer: MemberId) -> Option<&Contact> {
        self.place(peer).map(|place| &self.latest[place].1)
    }

    /// How many peers are held.
    pub fn len(&self) -> usize {
        self.latest.len()
    }

    /// Whether nobody is held.
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }

    /// Whether those heard since `since` hold `view_id`, which this node holds since
    /// `view_changed`. Costs as much as peers are held.
    pub fn agreement(&self, since: Time, view_id: u64, view_changed: Time) -> Agreement {
        let mut agreement = Agreement::default();
        for (_, contact) in self.latest.iter().filter(|(_, contact)| contact.at >= since) {
            let agrees = contact.view_id == view_id;
            agreement.agree += usize::from(agrees);
            agreement.heard += usize::from(agrees || contact.at >= view_changed);
        }
        agreement
    }

    fn place(&self, peer: MemberId) -> Option<usize> {
        self.index.find(peer, |place| self.latest[place].0)
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
