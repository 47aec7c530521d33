//! The latest heartbeat of every peer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headcount_state::{Life, MemberId, Time};

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

/// The latest heartbeat of every peer, in the order of arrival. O(log n) per heartbeat.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    latest: BTreeMap<MemberId, Contact>,
    order: BTreeSet<(Time, MemberId)>,
}

impl Contacts {
    /// Knows of nobody.
    pub fn new() -> Contacts {
        Contacts::default()
    }

    /// Takes in a heartbeat of `peer`. One that was overtaken on the way by a later one of the
    /// same life says nothing new, and is ignored.
    pub fn record(&mut self, peer: MemberId, contact: Contact) {
        let overtaken = self.latest.get(&peer).is_some_and(|held| {
            held.life == contact.life && contact.seq.wrapping_sub(held.seq) as i32 <= 0
        });
        if overtaken {
            return;
        }
        self.order.insert((contact.at, peer));
        if let Some(before) = self.latest.insert(peer, contact)
            && before.at != contact.at
        {
            self.order.remove(&(before.at, peer));
        }
    }

    /// Drops what is known of `peer`.
    pub fn forget(&mut self, peer: MemberId) {
        if let Some(contact) = self.latest.remove(&peer) {
            self.order.remove(&(contact.at, peer));
        }
    }

    /// The latest heartbeat of `peer`.
    pub fn get(&self, peer: MemberId) -> Option<&Contact> {
        self.latest.get(&peer)
    }

    /// When anybody was last heard.
    pub fn last(&self) -> Option<Time> {
        self.order.last().map(|(at, _)| *at)
    }

    /// Whether those heard since `since` hold `view_id`, which this node holds since
    /// `view_changed`. Costs as much as peers were heard since then.
    pub fn agreement(&self, since: Time, view_id: u64, view_changed: Time) -> Agreement {
        let mut agreement = Agreement::default();
        for (at, peer) in self.order.iter().rev().take_while(|(at, _)| *at >= since) {
            let agrees = self.latest.get(peer).is_some_and(|c| c.view_id == view_id);
            agreement.agree += usize::from(agrees);
            agreement.heard += usize::from(agrees || *at >= view_changed);
        }
        agreement
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
    fn a_forgotten_peer_leaves_no_trace() {
        let mut contacts = heard(&[("a", 1, 7)]);
        contacts.forget(MemberId::of("a"));
        assert_eq!(contacts.last(), None);
        assert_eq!(contacts.agreement(Time::ZERO, 7, Time::ZERO), Agreement::default());
    }
}
