//! A node's view as a stream of changes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use headcount::{Contacts, Events, Member, Node, NodeEvent};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::damping::Damping;
use crate::filter::{Filter, Zones};
use crate::replica::Replica;
use crate::selection::{Selection, Told};
use crate::services::{Services, WeighedServices};
use crate::weighed::LoadMetric;

/// So many events are taken in before what follows from them is told.
const EVENTS_PER_TURN: usize = 1_024;

/// Which members are wanted. [`Builder::endpoint`] ends it.
#[derive(Debug)]
#[must_use = "a builder does nothing until it has an endpoint"]
pub struct Builder {
    events: Events,
    contacts: Contacts,
    filter: Filter,
    damping: Damping,
}

impl Builder {
    /// Only members that carry this tag with this value; with several calls, all of them.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Builder {
        self.filter.tags.push((key.into(), value.into()));
        self
    }

    /// Only members of this zone.
    pub fn only_zone(mut self, zone: impl Into<String>) -> Builder {
        self.filter.zones = Zones::Only(zone.into());
        self
    }

    /// Members of this zone while at least so many of them serve (0 counts as 1), and otherwise
    /// those of all zones. A member that damping keeps waiting does not count.
    pub fn prefer_zone(mut self, zone: impl Into<String>, at_least: usize) -> Builder {
        self.filter.zones = Zones::Prefer { zone: zone.into(), at_least: at_least.max(1) };
        self
    }

    /// How members that come and go are damped.
    pub fn damping(mut self, damping: Damping) -> Builder {
        self.damping = damping;
        self
    }

    /// Where a member serves, by a function of the member; `None` leaves it out.
    /// [`crate::address_in_tag`] and [`crate::at_port`] make such functions. A member whose endpoint
    /// changes is removed and inserted; any other change of its tags means nothing.
    pub fn endpoint<E: Clone + PartialEq>(
        self,
        endpoint_of: impl Fn(&Member) -> Option<E> + Send + 'static,
    ) -> ServingMembers<E> {
        let endpoint_of = Box::new(endpoint_of);
        let selection = Selection::new(self.filter, self.damping, endpoint_of, self.contacts);
        ServingMembers {
            selection,
            told: VecDeque::new(),
            next: Some(Box::pin(next(self.events))),
            again: None,
        }
    }
}

type Next = Pin<Box<dyn Future<Output = (Events, Option<NodeEvent>)> + Send>>;

async fn next(mut events: Events) -> (Events, Option<NodeEvent>) {
    let event = events.next().await;
    (events, event)
}

/// The serving members that match, as changes: a [`tower::discover::Discover`] with the member's
/// name as the key and a [`Replica`] as the service. [`ServingMembers::services`] and
/// [`ServingMembers::weighed`] make services out of these.
///
/// It does not keep the node running, and ends with it. Polled where it is used, it needs no task.
pub struct ServingMembers<E> {
    selection: Selection<E>,
    told: VecDeque<Told<E>>,
    /// The next event; `None` once the node has stopped.
    next: Option<Next>,
    /// When somebody may be let in who had to wait.
    again: Option<Pin<Box<Sleep>>>,
}

impl ServingMembers<()> {
    /// Begins to follow what `node` sees.
    pub fn builder(node: &Node) -> Builder {
        Builder {
            events: node.events(),
            contacts: node.contacts(),
            filter: Filter::default(),
            damping: Damping::default(),
        }
    }
}

impl<E: Clone + PartialEq> ServingMembers<E> {
    /// Makes a service of each replica. To be wrapped by a load of tower's own, or used without.
    pub fn services<S, F>(self, make: F) -> Services<E, F>
    where
        F: FnMut(&Replica<E>) -> S,
    {
        Services::new(self, make)
    }

    /// Makes a service of each replica, with latency, requests under way and the member's own word
    /// as its load.
    pub fn weighed<S, F>(self, metric: LoadMetric, make: F) -> WeighedServices<E, F>
    where
        F: FnMut(&Replica<E>) -> S,
    {
        WeighedServices::new(self, metric, make)
    }

    /// The next change; `None` once the node has stopped. Cancel safe.
    pub async fn next(&mut self) -> Option<Told<E>>
    where
        E: Unpin,
    {
        std::future::poll_fn(|context| self.poll_change(context)).await
    }

    pub(crate) fn poll_change(&mut self, context: &mut Context<'_>) -> Poll<Option<Told<E>>> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Poll::Ready(Some(told));
            }
            let mut news = self.take_events(context);
            if self.again.as_mut().is_some_and(|again| again.as_mut().poll(context).is_ready()) {
                self.again = None;
                news = true;
            }
            if news {
                let again = self.selection.settle(Instant::now(), &mut self.told);
                self.again = again.map(|at| Box::pin(sleep_until(at)));
            } else if self.next.is_none() {
                return Poll::Ready(None);
            } else {
                return Poll::Pending;
            }
        }
    }

    /// Takes in what there is; whether there was anything.
    fn take_events(&mut self, context: &mut Context<'_>) -> bool {
        for taken in 0..EVENTS_PER_TURN {
            let Some(next_event) = &mut self.next else { return taken > 0 };
            let Poll::Ready((events, event)) = next_event.as_mut().poll(context) else {
                return taken > 0;
            };
            self.next = event.as_ref().map(|_| Box::pin(next(events)) as Next);
            if let Some(event) = event {
                self.selection.take(&event, Instant::now());
            }
        }
        true
    }
}

impl<E: Clone + PartialEq + Unpin> Stream for ServingMembers<E> {
    type Item = Result<Told<E>, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_change(context).map(|told| told.map(Ok))
    }
}

impl<E> fmt::Debug for ServingMembers<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServingMembers")
            .field("selection", &self.selection)
            .field("stopped", &self.next.is_none())
            .finish_non_exhaustive()
    }
}
