//! What the nodes were told, in a form that is small enough to keep.

use std::collections::VecDeque;

use headcount_state::{Life, MemberId, Time};
use headcount_swim::{Event, Member};
use serde::{Deserialize, Serialize};

/// The kind of an engine's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A stranger is a member now.
    Joined,
    /// A member changed its attributes.
    Updated,
    /// A member is suspected.
    Suspected,
    /// A suspected member is alive after all.
    Refuted,
    /// A member is declared dead.
    Failed,
    /// A member that was declared dead is back: the same process.
    Recovered,
    /// Another process took over the name of a member.
    Restarted,
    /// A member said goodbye.
    Left,
    /// A dead member's record was dropped.
    Forgotten,
    /// The observer hears nobody.
    Isolated,
    /// The observer hears somebody again.
    Reconnected,
    /// A cut is over.
    Healed,
    /// Everybody heard agrees.
    Agreed,
    /// Somebody heard disagrees.
    Diverged,
    /// Another process won the observer's name.
    Displaced,
    /// The observer is a member again.
    Returned,
    /// An operator removed the observer.
    Evicted,
    /// A join through a seed succeeded.
    SeedJoined,
    /// A join through a seed did not succeed.
    SeedFailed,
    /// The observer's own leave is done.
    Departed,
    /// A bounded part is nearly full.
    NearlyFull,
    /// More or less of the cluster is there than before.
    HealthChanged,
    /// A member says that it is strained.
    Degrading,
    /// It is no longer.
    Steady,
    /// The observer came to, or fell from, the side of a majority.
    QuorumChanged,
    /// A member that was recovering may be given work.
    Settled,
    /// The observer cannot reach a member, though others can.
    Unreachable,
    /// It can again.
    Reachable,
    /// Who says that it cannot reach a member is another than before.
    Partial,
    /// Something that this build of the simulator has no word for.
    Other,
}

/// One event at one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When.
    pub at: Time,
    /// At which node.
    pub observer: usize,
    /// In which of the processes that ran so far, over all nodes.
    pub process: usize,
    /// What happened.
    pub kind: Kind,
    /// To whom; `None` for events that are about no single member.
    pub subject: Option<MemberId>,
    /// The life that is spoken of, when there is a subject with one.
    pub life: Option<Life>,
    /// Its incarnation.
    pub incarnation: u32,
}

impl Sighting {
    pub(crate) fn of(event: &Event, at: Time, observer: usize, process: usize) -> Sighting {
        let about = |kind, subject: Option<MemberId>| Sighting {
            at,
            observer,
            process,
            kind,
            subject,
            life: None,
            incarnation: 0,
        };
        let member = |kind, member: &Member| Sighting {
            life: Some(member.life()),
            incarnation: member.incarnation(),
            ..about(kind, Some(member.id()))
        };
        match event {
            Event::Joined(m) => member(Kind::Joined, m),
            Event::Updated(m) => member(Kind::Updated, m),
            Event::Suspected(m) => member(Kind::Suspected, m),
            Event::Refuted(m) => member(Kind::Refuted, m),
            Event::Failed(m) => member(Kind::Failed, m),
            Event::Recovered(m) => member(Kind::Recovered, m),
            Event::Restarted(m) => member(Kind::Restarted, m),
            Event::Left(m) => member(Kind::Left, m),
            Event::Forgotten(id) => about(Kind::Forgotten, Some(*id)),
            Event::Isolated => about(Kind::Isolated, None),
            Event::Reconnected => about(Kind::Reconnected, None),
            Event::Healed { .. } => about(Kind::Healed, None),
            Event::HealthChanged { .. } => about(Kind::HealthChanged, None),
            Event::Degrading { member: m, .. } => member(Kind::Degrading, m),
            Event::Steady(m) => member(Kind::Steady, m),
            Event::Settled(m) => member(Kind::Settled, m),
            Event::Unreachable(m) => member(Kind::Unreachable, m),
            Event::Reachable(m) => member(Kind::Reachable, m),
            Event::Partial(m) => member(Kind::Partial, m),
            Event::Agreed { .. } => about(Kind::Agreed, None),
            Event::Diverged { .. } => about(Kind::Diverged, None),
            Event::Displaced { .. } => about(Kind::Displaced, None),
            Event::Returned => about(Kind::Returned, None),
            Event::Evicted => about(Kind::Evicted, None),
            Event::Seed { result: Ok(_), .. } => about(Kind::SeedJoined, None),
            Event::Seed { result: Err(_), .. } => about(Kind::SeedFailed, None),
            Event::Departed { .. } => about(Kind::Departed, None),
            Event::NearlyFull { .. } => about(Kind::NearlyFull, None),
            Event::QuorumChanged { .. } => about(Kind::QuorumChanged, None),
            _ => about(Kind::Other, None),
        }
    }

    /// What the trace hash takes in.
    pub(crate) fn bytes(&self) -> [u8; 29] {
        let mut bytes = [0; 29];
        bytes[0] = self.kind as u8;
        bytes[1..9].copy_from_slice(&self.subject.map_or(0, MemberId::as_u64).to_le_bytes());
        let life = self.life.map_or((0, 0), |life| (life.generation, life.instance.as_u64()));
        bytes[9..17].copy_from_slice(&life.0.to_le_bytes());
        bytes[17..25].copy_from_slice(&life.1.to_le_bytes());
        bytes[25..].copy_from_slice(&self.incarnation.to_le_bytes());
        bytes
    }
}

/// The latest events of all nodes.
#[derive(Debug)]
pub(crate) struct Journal {
    latest: VecDeque<Sighting>,
    limit: usize,
}

impl Journal {
    pub(crate) fn new(limit: usize) -> Journal {
        Journal { latest: VecDeque::new(), limit }
    }

    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.latest.drain(..self.latest.len().saturating_sub(limit));
        self.latest.shrink_to(limit);
    }

    pub(crate) fn add(&mut self, sighting: Sighting) {
        if self.latest.len() >= self.limit {
            self.latest.pop_front();
        }
        if self.limit > 0 {
            self.latest.push_back(sighting);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sighting> {
        self.latest.iter()
    }
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use crate::truth::fixture::{at, life, member};

    /// What node `observer`, in its first process, was told of the first life of `subject`.
    pub(crate) fn sighting(secs: u64, observer: usize, kind: Kind, subject: usize) -> Sighting {
        Sighting {
            at: at(secs),
            observer,
            process: observer,
            kind,
            subject: Some(member(subject)),
            life: Some(life(subject)),
            incarnation: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::sighting;
    use super::*;

    #[test]
    fn the_journal_keeps_the_latest() {
        let mut journal = Journal::new(2);
        (1..=3).for_each(|secs| journal.add(sighting(secs, 0, Kind::Joined, 1)));
        let kept: Vec<u64> = journal.iter().map(|s| s.at.as_millis() / 1_000).collect();
        assert_eq!(kept, [2, 3]);
        journal.set_limit(1);
        assert_eq!(journal.iter().count(), 1);
        journal.set_limit(0);
        journal.add(sighting(4, 0, Kind::Joined, 1));
        assert_eq!(journal.iter().count(), 0);
    }

    #[test]
    fn every_part_of_a_sighting_reaches_the_trace() {
        let base = sighting(1, 0, Kind::Joined, 1);
        let other_life = sighting(1, 0, Kind::Joined, 2).life;
        for other in [
            Sighting { kind: Kind::Failed, ..base },
            Sighting { subject: None, ..base },
            Sighting { life: other_life, ..base },
            Sighting { incarnation: 1, ..base },
        ] {
            assert_ne!(base.bytes(), other.bytes());
        }
    }
}
