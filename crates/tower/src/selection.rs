//! From what is seen of members to what a balancer is told.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headcount::{Contacts, Event, Life, Member, MemberId, Name, NodeEvent, Status};
use tokio::time::Instant;
use tower::discover::Change;

use crate::damping::{Damping, Penalties};
use crate::filter::Filter;
use crate::replica::Replica;

/// Where a member serves; `None` for nowhere.
pub(crate) type EndpointOf<E> = Box<dyn Fn(&Member) -> Option<E> + Send>;

/// What a balancer is told.
pub(crate) type Told<E> = Change<Name, Replica<E>>;

/// Which members serve and match, and which of them the balancer has been told of.
pub(crate) struct Selection<E> {
    filter: Filter,
    endpoint_of: EndpointOf<E>,
    contacts: Contacts,
    candidates: BTreeMap<MemberId, Replica<E>>,
    /// Of those that the balancer has: the very replica is meant, not just its name.
    inserted: BTreeMap<MemberId, Used>,
    penalties: Penalties,
}

/// The replica that the balancer has of a member.
#[derive(Debug)]
struct Used {
    name: Name,
    replica: Arc<AtomicBool>,
}

impl<E: Clone + PartialEq> Selection<E> {
    pub(crate) fn new(
        filter: Filter,
        damping: Damping,
        endpoint_of: EndpointOf<E>,
        contacts: Contacts,
    ) -> Selection<E> {
        Selection {
            filter,
            endpoint_of,
            contacts,
            candidates: BTreeMap::new(),
            inserted: BTreeMap::new(),
            penalties: Penalties::new(damping),
        }
    }

    /// Takes in what happened; [`Selection::settle`] says what follows.
    pub(crate) fn take(&mut self, event: &NodeEvent, now: Instant) {
        match event {
            NodeEvent::Snapshot(members) | NodeEvent::Gap { members, .. } => {
                let mut gone = self.candidates.clone();
                for member in members {
                    gone.remove(&member.id());
                    self.see(member, now);
                }
                for id in gone.into_keys() {
                    self.lose(id, now);
                }
            }
            NodeEvent::Event(Event::Forgotten(id)) => self.lose(*id, now),
            NodeEvent::Event(event) => {
                if let Some(member) = event.member() {
                    self.see(member, now);
                }
            }
            _ => {}
        }
    }

    fn see(&mut self, member: &Member, now: Instant) {
        let id = member.id();
        if member.is_unreachable() {
            // The fault may be here, so that it is no flap of the member.
            self.candidates.remove(&id);
            return;
        }
        let usable = self.filter.admits(member);
        let Some(endpoint) = usable.then(|| (self.endpoint_of)(member)).flatten() else {
            return self.lose(id, now);
        };
        let suspect = member.status() == Status::Suspect;
        if let Some(held) = self.candidates.get(&id) {
            if same_process(held.member.life(), member.life()) && held.endpoint == endpoint {
                held.suspect.store(suspect, Ordering::Relaxed);
                if held.member.zone() == member.zone() {
                    return;
                }
                let moved = Replica { member: member.clone(), ..held.clone() };
                self.candidates.insert(id, moved);
                return;
            }
            self.lose(id, now);
        }
        let replica = Replica {
            member: member.clone(),
            endpoint,
            suspect: Arc::new(AtomicBool::new(suspect)),
            contacts: self.contacts.clone(),
        };
        self.candidates.insert(id, replica);
    }

    fn lose(&mut self, id: MemberId, now: Instant) {
        if self.candidates.remove(&id).is_some() {
            self.penalties.went(id, now);
        }
    }

    /// Tells the balancer what has changed: first who is gone, then who is new, then who is no longer
    /// needed. Answers when to settle again although nothing happens.
    pub(crate) fn settle(&mut self, now: Instant, told: &mut VecDeque<Told<E>>) -> Option<Instant> {
        let candidates = &self.candidates;
        self.inserted.retain(|id, used| {
            let stays = candidates.get(id).is_some_and(|held| used.is(held));
            if !stays {
                told.push_back(Change::Remove(used.name.clone()));
            }
            stays
        });
        let (mut admitted, mut next) = (Vec::new(), None::<Instant>);
        for (id, candidate) in candidates {
            let wait = match self.inserted.contains_key(id) {
                true => None,
                false => self.penalties.waits_until(*id, now),
            };
            match wait {
                None => admitted.push((*id, candidate)),
                Some(until) => next = Some(next.map_or(until, |next| next.min(until))),
            }
        }
        if admitted.is_empty() {
            let calm = |id: &MemberId| self.penalties.value(*id, now);
            let calmest = candidates.iter().min_by(|a, b| calm(a.0).total_cmp(&calm(b.0)));
            admitted.extend(calmest.map(|(id, candidate)| (*id, candidate)));
        }
        let zones = admitted.iter().map(|(_, candidate)| candidate.member.zone());
        if let Some(zone) = self.filter.zones.narrowed(zones) {
            admitted.retain(|(_, candidate)| candidate.member.zone() == zone);
        }
        for (id, candidate) in &admitted {
            self.inserted.entry(*id).or_insert_with(|| {
                let name = candidate.member.name().clone();
                told.push_back(Change::Insert(name.clone(), Replica::clone(candidate)));
                Used { name, replica: Arc::clone(&candidate.suspect) }
            });
        }
        self.inserted.retain(|id, used| {
            let needed = admitted.binary_search_by_key(id, |(id, _)| *id).is_ok();
            if !needed {
                told.push_back(Change::Remove(used.name.clone()));
            }
            needed
        });
        next
    }
}

impl Used {
    fn is<E>(&self, candidate: &Replica<E>) -> bool {
        Arc::ptr_eq(&self.replica, &candidate.suspect)
    }
}

/// A member that came back under a new generation after a false failure is the same process, and
/// connections to it still stand.
fn same_process(held: Life, seen: Life) -> bool {
    held.instance == seen.instance
}

impl<E> fmt::Debug for Selection<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection")
            .field("filter", &self.filter)
            .field("candidates", &self.candidates.len())
            .field("inserted", &self.inserted.len())
            .finish_non_exhaustive()
    }
}
