use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{MemberId, Time};
use headcount_swim::{Engine, LinkCondition};

use crate::shared::Shared;

/// What this node heard first-hand, refreshed every half period.
///
/// Members say how loaded they are to those that ping them, so a node hears it of all the others in
/// a cluster of up to nine, and of some eight or ten, which change, in a larger one.
#[derive(Clone, Debug)]
pub struct Contacts {
    shared: Arc<Shared>,
}

/// The latest that was heard of one member.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Contact {
    /// When, on the node's own time line ([`crate::Node::now`]).
    pub heard: Time,
    /// How loaded it is, in percent; `None` if it does not say, or has not yet.
    pub load: Option<u8>,
    /// How long it was up when it last said so, in whole seconds.
    pub uptime: Option<Duration>,
    /// How long pings take there and back, smoothed. Known of the members that this node watches,
    /// with the detector [`crate::Detector::Observers`].
    pub round_trip: Option<Duration>,
    /// The same with how much that varies and how many pings are lost.
    pub link: Option<LinkCondition>,
    /// How suspicious its silence is: phi accrual, 0 to 100. Advisory; of the same members.
    pub phi: Option<f32>,
    /// How strained it says it is, in percent: an early warning that it is degrading, from 50 on
    /// told as [`crate::Event::Degrading`]. Advisory.
    pub warning: u8,
}

impl Contacts {
    pub(crate) fn new(shared: Arc<Shared>) -> Contacts {
        Contacts { shared }
    }

    /// What was heard of this member; `None` if nothing was for ten periods.
    pub fn get(&self, member: MemberId) -> Option<Contact> {
        self.shared.contacts.load().get(&member).copied()
    }

    /// All that was heard in the last ten periods, in the order of the members' ids.
    pub fn all(&self) -> Vec<(MemberId, Contact)> {
        self.shared.contacts.load().iter().map(|(id, contact)| (*id, *contact)).collect()
    }
}

/// What `engine` heard; costs as much as members were heard.
pub(crate) fn of(engine: &Engine, now: Time) -> BTreeMap<MemberId, Contact> {
    let contacts = engine.contacts().map(|(member, contact)| {
        let link = engine.link(member, now);
        let contact = Contact {
            heard: contact.at,
            load: contact.load,
            uptime: contact.uptime,
            round_trip: link.and_then(|link| link.condition.latency),
            link: link.map(|link| link.condition),
            phi: link.map(|link| link.phi),
            warning: contact.warning,
        };
        (member, contact)
    });
    contacts.collect()
}
