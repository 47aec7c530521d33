//! Services made of replicas.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use headcount::Name;
use tower::discover::Change;

use crate::replica::Replica;
use crate::serving::ServingMembers;
use crate::weighed::{LoadMetric, Weighed};

/// The serving members as services: a [`tower::discover::Discover`]. Made by
/// [`ServingMembers::services`].
pub struct Services<E, F> {
    members: ServingMembers<E>,
    make: F,
}

impl<E, F> Services<E, F> {
    pub(crate) fn new(members: ServingMembers<E>, make: F) -> Services<E, F> {
        Services { members, make }
    }
}

impl<E, F, S> Stream for Services<E, F>
where
    E: Clone + PartialEq + Unpin,
    F: FnMut(&Replica<E>) -> S + Unpin,
{
    type Item = Result<Change<Name, S>, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Services { members, make } = self.get_mut();
        members.poll_change(context).map(|told| {
            told.map(|change| {
                Ok(match change {
                    Change::Insert(name, replica) => Change::Insert(name, make(&replica)),
                    Change::Remove(name) => Change::Remove(name),
                })
            })
        })
    }
}

impl<E, F> fmt::Debug for Services<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("members", &self.members).finish_non_exhaustive()
    }
}

/// The serving members as services with their load: a [`tower::discover::Discover`] for
/// [`tower::balance::p2c`](https://docs.rs/tower/latest/tower/balance/p2c/). Made by
/// [`ServingMembers::weighed`].
pub struct WeighedServices<E, F> {
    members: ServingMembers<E>,
    metric: LoadMetric,
    make: F,
}

impl<E, F> WeighedServices<E, F> {
    pub(crate) fn new(
        members: ServingMembers<E>,
        metric: LoadMetric,
        make: F,
    ) -> WeighedServices<E, F> {
        WeighedServices { members, metric, make }
    }
}

impl<E, F, S> Stream for WeighedServices<E, F>
where
    E: Clone + PartialEq + Unpin,
    F: FnMut(&Replica<E>) -> S + Unpin,
{
    type Item = Result<Change<Name, Weighed<S>>, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let WeighedServices { members, metric, make } = self.get_mut();
        members.poll_change(context).map(|told| {
            told.map(|change| {
                Ok(match change {
                    Change::Insert(name, replica) => {
                        let (replica, service) = replica.map(&mut *make);
                        Change::Insert(name, Weighed::new(service, replica, *metric))
                    }
                    Change::Remove(name) => Change::Remove(name),
                })
            })
        })
    }
}

impl<E, F> fmt::Debug for WeighedServices<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeighedServices").field("members", &self.members).finish_non_exhaustive()
    }
}
