//! When which node saw what happen to whom.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headcount::{Event, Events, Life, Member, NodeEvent, Status};
use tokio::time::Instant;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    Suspected,
    Refuted,
    Failed,
    Recovered,
    Restarted,
    Left,
}

impl Seen {
    /// What is told of a member of which this was seen.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Seen::Suspected => "is suspect",
            Seen::Refuted => "refuted the suspicion",
            Seen::Failed => "failed",
            Seen::Recovered => "recovered",
            Seen::Restarted => "restarted",
            Seen::Left => "left",
        }
    }
}

/// One node saw one thing.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    pub(crate) at: Instant,
    pub(crate) observer: String,
    pub(crate) seen: Seen,
    pub(crate) subject: String,
    pub(crate) life: Life,
}

impl Sighting {
    fn is(&self, seen: Seen, subject: &str, life: Life) -> bool {
        self.seen == seen && self.subject == subject && self.life == life
    }
}

/// All sightings of all nodes, oldest first. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sightings(Arc<Mutex<Vec<Sighting>>>);

impl Sightings {
    /// Notes down what `events` tell, until their node stops.
    pub(crate) async fn record(self, observer: String, mut events: Events) {
        while let Some(event) = events.next().await {
            match event {
                NodeEvent::Event(Event::Suspected(m)) => self.add(&observer, Seen::Suspected, &m),
                NodeEvent::Event(Event::Refuted(m)) => self.add(&observer, Seen::Refuted, &m),
                NodeEvent::Event(Event::Failed(m)) => self.add(&observer, Seen::Failed, &m),
                NodeEvent::Event(Event::Recovered(m)) => self.add(&observer, Seen::Recovered, &m),
                NodeEvent::Event(Event::Restarted(m)) => self.add(&observer, Seen::Restarted, &m),
                NodeEvent::Event(Event::Left(m)) => self.add(&observer, Seen::Left, &m),
                NodeEvent::Snapshot(members) | NodeEvent::Gap { members, .. } => {
                    for member in &members {
                        match member.status() {
                            Status::Suspect => self.add(&observer, Seen::Suspected, member),
                            Status::Failed => self.add(&observer, Seen::Failed, member),
                            Status::Left => self.add(&observer, Seen::Left, member),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn add(&self, observer: &str, seen: Seen, member: &Member) {
        self.list().push(Sighting {
            at: Instant::now(),
            observer: observer.to_owned(),
            seen,
            subject: member.name().to_string(),
            life: member.life(),
        });
    }

    /// When this was first seen of that life of `subject`.
    pub(crate) fn first(&self, seen: Seen, subject: &str, life: Life) -> Option<Instant> {
        self.list().iter().find(|s| s.is(seen, subject, life)).map(|s| s.at)
    }

    /// When the last of the `observers` first saw it, if all did.
    pub(crate) fn by_all(
        &self,
        observers: &BTreeSet<String>,
        seen: Seen,
        subject: &str,
        life: Life,
    ) -> Option<Instant> {
        let mut missing: BTreeSet<&str> = observers.iter().map(String::as_str).collect();
        self.list().iter().filter(|s| s.is(seen, subject, life)).find_map(|s| {
            missing.remove(s.observer.as_str());
            missing.is_empty().then_some(s.at)
        })
    }

    /// How many nodes saw a life fail that was none of `dead`.
    pub(crate) fn false_failures(&self, dead: &[Life]) -> usize {
        let list = self.list();
        let failures = list.iter().filter(|s| s.seen == Seen::Failed && !dead.contains(&s.life));
        failures.map(|s| (&s.observer, s.life)).collect::<BTreeSet<_>>().len()
    }

    /// The sightings after the first `skip`.
    pub(crate) fn after(&self, skip: usize) -> Vec<Sighting> {
        self.list().iter().skip(skip).cloned().collect()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Sighting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
