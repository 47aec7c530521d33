//! From the engine to the readers: directory first, then snapshot, then events.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use headcount_state::{Summary, Time};
use headcount_swim::{Engine, Event};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use crate::contacts;
use crate::members::Members;
use crate::quorum::Polled;
use crate::shared::{Report, Shared};

/// A snapshot costs time in proportion to the members, so it is taken at most this often for
/// each: 2 ms at 100 members, 200 ms at 10,000.
const SNAPSHOT_PACE: Duration = Duration::from_micros(20);

/// Events wait for the snapshot that shows them, but no more than this many.
const WAITING_MAX: usize = 1_024;

/// The driver's side of [`Shared`]. Dropping it tells every reader that the node has stopped.
#[derive(Debug)]
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    events: broadcast::Sender<Event>,
    ready: watch::Sender<bool>,
    waiting: VecDeque<Event>,
    /// The snapshot shows less than the engine holds.
    dirty: bool,
    /// The table when it was last looked at.
    seen: Summary,
    /// No other snapshot before this.
    next: Instant,
}

impl Publisher {
    pub(crate) fn new(
        shared: Arc<Shared>,
        events: broadcast::Sender<Event>,
        ready: watch::Sender<bool>,
    ) -> Publisher {
        Publisher {
            shared,
            events,
            ready,
            waiting: VecDeque::new(),
            dirty: true,
            seen: Summary::default(),
            next: Instant::now(),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.send_replace(ready);
    }

    pub(crate) fn ticked(&self, now: Time) {
        self.shared.ticked(now);
    }

    pub(crate) fn acknowledged(&self, count: usize) {
        self.shared.set_departed_acks(count);
    }

    /// Takes in what happened; readers of the directory see it at once.
    pub(crate) fn event(&mut self, event: Event) {
        if let Some(member) = event.member() {
            self.shared.directory.insert(member.id(), member.clone());
            self.dirty = true;
        }
        if let Event::Forgotten(id) = event {
            self.shared.directory.remove(&id);
            self.dirty = true;
        }
        self.waiting.push_back(event);
    }

    /// Brings the readers up to date, unless it is too early for another snapshot.
    pub(crate) fn settle(&mut self, engine: &Engine, now: Instant, time: Time) {
        let summary = engine.table().summary();
        self.dirty |= summary != self.seen;
        self.seen = summary;
        if self.dirty && (now >= self.next || self.waiting.len() >= WAITING_MAX) {
            self.snapshot(engine, now, time);
        }
        if !self.dirty {
            self.tell(engine, time);
        }
    }

    /// Brings the readers up to date however early it is: there is no later.
    pub(crate) fn flush(&mut self, engine: &Engine, now: Instant, time: Time) {
        self.snapshot(engine, now, time);
        self.tell(engine, time);
    }

    fn tell(&mut self, engine: &Engine, time: Time) {
        if self.waiting.is_empty() {
            return;
        }
        self.agreement(engine, time);
        for event in self.waiting.drain(..) {
            // Fails only when nobody listens.
            let _ = self.events.send(event);
        }
    }

    /// When [`Publisher::settle`] is wanted although nothing happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.dirty.then_some(self.next)
    }

    /// What is worth telling even when nothing happens.
    pub(crate) fn report(&self, engine: &Engine, time: Time, report: Report) {
        self.shared.report.store(Arc::new(report));
        self.shared.contacts.store(Arc::new(contacts::of(engine, time)));
        self.polled(engine, time);
        self.agreement(engine, time);
    }

    /// How the quorum stands: with each report, and when the verdict changes.
    pub(crate) fn polled(&self, engine: &Engine, time: Time) {
        self.shared.polled.store(Arc::new(Polled::of(engine, time)));
    }

    fn agreement(&self, engine: &Engine, time: Time) {
        let agreement = engine.agreement(time);
        let members = self.shared.snapshot.load();
        if members.agreement() != agreement {
            self.shared.snapshot.store(Arc::new(members.with_agreement(agreement)));
        }
    }

    fn snapshot(&mut self, engine: &Engine, now: Instant, time: Time) {
        let members = Members::of(engine, engine.agreement(time));
        let directory = &self.shared.directory;
        for member in &members {
            let known = directory.get(&member.id()).is_some_and(|held| held.value() == member);
            if !known {
                directory.insert(member.id(), member.clone());
            }
        }
        if directory.len() > members.len() {
            let shown: BTreeSet<_> = members.iter().map(|member| member.id()).collect();
            directory.retain(|id, _| shown.contains(id));
        }
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
        self.next = now + SNAPSHOT_PACE * count;
        self.dirty = false;
        self.shared.snapshot.store(Arc::new(members));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use headcount_state::{Instance, Life, Name, OwnAttributes, Serving, Tags};
    use headcount_swim::{Config, Identity};
    use headcount_wire::ClusterId;

    use crate::clock::Clock;
    use crate::events::{Events, NodeEvent};
    use crate::stats::NodeStats;

    pub(crate) fn engine() -> Engine {
        let own = Identity {
            name: Name::new("a").expect("a name"),
            address: "127.0.0.1:7".parse().expect("an address"),
            life: Life { generation: 1, instance: Instance::from_u64(1).expect("not zero") },
            tags: Tags::new(),
            zone: String::new(),
            serving: Serving::Starting,
        };
        Engine::new(Config::new(ClusterId::of("test")), own, 0, Time::ZERO).expect("in range")
    }

    fn publisher(engine: &Engine) -> (Publisher, Events) {
        let report = Report {
            stats: NodeStats::default(),
            standing: engine.standing(),
            local_health: 0,
            isolated: false,
            warning: 0,
            health: engine.cluster_health(),
        };
        let members = Members::of(engine, engine.agreement(Time::ZERO));
        let first = (members, report, Polled::of(engine, Time::ZERO));
        let (sender, receiver) = broadcast::channel(8);
        let (readiness, ready) = watch::channel(true);
        let period = engine.config().period;
        let shared = Arc::new(Shared::new(first, &sender, ready, Clock::start(), period));
        let events = Events::new(receiver, Arc::clone(&shared));
        (Publisher::new(shared, sender, readiness), events)
    }

    #[tokio::test(start_paused = true)]
    async fn no_event_is_told_before_the_snapshot_that_shows_it() {
        let mut engine = engine();
        let (mut publisher, mut events) = publisher(&engine);
        let start = Instant::now();
        publisher.settle(&engine, start, Time::ZERO);
        assert_eq!(publisher.due(), None);
        assert!(matches!(events.try_next(), Some(NodeEvent::Snapshot(_))));

        engine.set_own(Time::ZERO, OwnAttributes::Serving(Serving::Serving)).expect("it fits");
        while let Some(event) = engine.poll_event() {
            publisher.event(event);
        }
        publisher.settle(&engine, start, Time::ZERO);
        let shared = Arc::clone(&publisher.shared);
        assert_eq!(shared.member("a").expect("shown").serving(), Serving::Serving);
        assert_eq!(shared.members().serving().count(), 0, "too early for another snapshot");
        assert!(events.try_next().is_none());

        let due = publisher.due().expect("there is something to show");
        assert_eq!(due - start, SNAPSHOT_PACE, "20 microseconds for one member");
        publisher.settle(&engine, due, Time::ZERO);
        assert_eq!(shared.members().serving().count(), 1);
        assert!(matches!(events.try_next(), Some(NodeEvent::Event(Event::Updated(_)))));
        assert_eq!(publisher.due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_a_snapshot_is_told_before_the_end() {
        let mut engine = engine();
        let (mut publisher, mut events) = publisher(&engine);
        let start = Instant::now();
        publisher.settle(&engine, start, Time::ZERO);
        assert!(matches!(events.try_next(), Some(NodeEvent::Snapshot(_))));
        engine.set_own(Time::ZERO, OwnAttributes::Serving(Serving::Serving)).expect("it fits");
        while let Some(event) = engine.poll_event() {
            publisher.event(event);
        }
        publisher.settle(&engine, start, Time::ZERO);
        assert!(events.try_next().is_none(), "too early");
        publisher.flush(&engine, start, Time::ZERO);
        drop(publisher);
        assert!(matches!(events.next().await, Some(NodeEvent::Event(Event::Updated(_)))));
        assert!(events.next().await.is_none());
    }
}
