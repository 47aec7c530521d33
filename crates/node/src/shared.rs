//! What the driver writes and everybody reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use headcount_state::{MemberId, Standing, Time};
use headcount_swim::{ClusterHealth, Event, Member};
use tokio::sync::broadcast::{self, WeakSender};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::contacts::Contact;
use crate::members::Members;
use crate::quorum::{Polled, Quorum};
use crate::stats::{Condition, NodeStats};

/// Written by the driver alone; readers never wait for it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) directory: DashMap<MemberId, Member>,
    pub(crate) snapshot: ArcSwap<Members>,
    pub(crate) report: ArcSwap<Report>,
    pub(crate) contacts: ArcSwap<BTreeMap<MemberId, Contact>>,
    pub(crate) polled: ArcSwap<Polled>,
    events: WeakSender<Event>,
    /// Closed once the driver is gone, its sockets with it.
    ready: watch::Receiver<bool>,
    clock: Clock,
    period: Duration,
    last_tick_us: AtomicU64,
    departed_acks: AtomicUsize,
}

/// What the driver reports of itself every half period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) stats: NodeStats,
    pub(crate) standing: Standing,
    pub(crate) local_health: u8,
    pub(crate) isolated: bool,
    pub(crate) warning: u8,
    pub(crate) health: ClusterHealth,
}

impl Shared {
    pub(crate) fn new(
        (members, report, polled): (Members, Report, Polled),
        events: &broadcast::Sender<Event>,
        ready: watch::Receiver<bool>,
        clock: Clock,
        period: Duration,
    ) -> Shared {
        Shared {
            directory: members.iter().map(|member| (member.id(), member.clone())).collect(),
            snapshot: ArcSwap::from_pointee(members),
            report: ArcSwap::from_pointee(report),
            contacts: ArcSwap::default(),
            polled: ArcSwap::from_pointee(polled),
            events: events.downgrade(),
            ready,
            clock,
            period,
            last_tick_us: AtomicU64::new(clock.now().as_micros()),
            departed_acks: AtomicUsize::new(0),
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(crate) fn members(&self) -> Members {
        Members::clone(&self.snapshot.load())
    }

    pub(crate) fn member(&self, name: &str) -> Option<Member> {
        let member = self.directory.get(&MemberId::of(name))?.value().clone();
        (member.name().as_str() == name).then_some(member)
    }

    /// A receiver of what is sent from now on; of a node that has stopped, a closed one.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        match self.events.upgrade() {
            Some(sender) => sender.subscribe(),
            None => broadcast::channel(1).1,
        }
    }

    pub(crate) fn condition(&self) -> Condition {
        let report = **self.report.load();
        let running = self.is_running();
        let ticked = Time::from_micros(self.last_tick_us.load(Ordering::Relaxed));
        let last_tick = self.now().since(ticked);
        Condition {
            running,
            last_tick,
            stalled: running && last_tick > self.period * 2,
            ready: self.is_ready(),
            standing: report.standing,
            local_health: report.local_health,
            isolated: report.isolated,
            warning: report.warning,
        }
    }

    pub(crate) fn quorum(&self) -> Quorum {
        Quorum::new(&self.polled.load(), self.clock, self.is_running())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.ready.has_changed().is_ok()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_running() && *self.ready.borrow()
    }

    /// Waits until the node is ready; false when it has stopped instead.
    pub(crate) async fn ready(&self) -> bool {
        self.ready.clone().wait_for(|ready| *ready).await.is_ok() && self.is_running()
    }

    /// Waits until the driver is gone.
    pub(crate) async fn stopped(&self) {
        let mut ready = self.ready.clone();
        while ready.changed().await.is_ok() {}
    }

    pub(crate) fn ticked(&self, now: Time) {
        self.last_tick_us.store(now.as_micros(), Ordering::Relaxed);
    }

    pub(crate) fn departed_acks(&self) -> usize {
        self.departed_acks.load(Ordering::Relaxed)
    }

    pub(crate) fn set_departed_acks(&self, count: usize) {
        self.departed_acks.store(count, Ordering::Relaxed);
    }
}
