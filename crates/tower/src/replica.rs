//! One member as a balancer is told of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headcount::{Contact, Contacts, Member};

/// A member that serves, and where. What its member said when it was inserted stays; whether it is
/// suspected, and what is heard of it, is read afresh.
#[derive(Clone, Debug)]
pub struct Replica<E> {
    pub(crate) member: Member,
    pub(crate) endpoint: E,
    pub(crate) suspect: Arc<AtomicBool>,
    pub(crate) contacts: Contacts,
}

impl<E> Replica<E> {
    /// Where it serves.
    pub fn endpoint(&self) -> &E {
        &self.endpoint
    }

    /// The member as it was when it was inserted.
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// Whether it is suspected now.
    pub fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// What the node heard of it lately.
    pub fn contact(&self) -> Option<Contact> {
        self.contacts.get(self.member.id())
    }

    pub(crate) fn map<T>(self, make: impl FnOnce(&Replica<E>) -> T) -> (Replica<()>, T) {
        let made = make(&self);
        let Replica { member, suspect, contacts, .. } = self;
        (Replica { member, endpoint: (), suspect, contacts }, made)
    }
}

/// Where a member serves, by its tag of this key: `10.0.0.5:8080`, or `:8080` for a port of the
/// address that it gossips at. Members without the tag, or with another value, are not used.
pub fn address_in_tag(
    key: impl Into<String>,
) -> impl Fn(&Member) -> Option<SocketAddr> + Send + 'static {
    let key = key.into();
    move |member| {
        let value = member.tags().get(&key)?;
        let address = match value.strip_prefix(':') {
            Some(port) => port.parse().ok().map(|port| (member.address().ip(), port).into()),
            None => value.parse().ok(),
        };
        if address.is_none() {
            tracing::warn!(member = %member.name(), tag = %key, %value, "no address in the tag");
        }
        address
    }
}

/// Where a member serves, when all use this port of the address that they gossip at.
pub fn at_port(port: u16) -> impl Fn(&Member) -> Option<SocketAddr> + Send + 'static {
    move |member| Some((member.address().ip(), port).into())
}
