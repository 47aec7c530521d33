//! The history of one member: its last events, and what those before them add up to.

use std::collections::VecDeque;

use headcount_state::Name;

use super::event::Happened;
use super::tally::Tally;
use super::watch::Watch;

/// One member's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberHistory {
    name: Name,
    /// What the events that are kept no longer add up to.
    folded: Tally,
    /// Sorted by time; of equal times in the order in which they came.
    events: VecDeque<Happened>,
}

impl MemberHistory {
    pub(super) fn new(name: Name) -> MemberHistory {
        MemberHistory { name, folded: Tally::default(), events: VecDeque::new() }
    }

    /// From what was kept of one; the events must be sorted.
    pub(super) fn restored(name: Name, folded: Tally, events: VecDeque<Happened>) -> MemberHistory {
        MemberHistory { name, folded, events }
    }

    /// The member's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its last events, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Happened> + ExactSizeIterator {
        self.events.iter()
    }

    pub(super) fn folded(&self) -> &Tally {
        &self.folded
    }

    /// When it ceased to be in the observer's view, if it is not there.
    pub(super) fn ended_ms(&self) -> Option<u64> {
        self.events.back().filter(|event| event.what.ends()).map(|event| event.at_ms)
    }

    /// Puts an event where its time is, and keeps `bound` of them one by one.
    pub(super) fn place(&mut self, event: Happened, bound: usize) {
        let event = if event.at_ms < self.folded.at_ms {
            // Too late for its place: what was then is a sum by now.
            Happened { at_ms: self.folded.at_ms, watched_ms: self.folded.watched_ms, ..event }
        } else {
            event
        };
        let place = self.events.partition_point(|other| other.at_ms <= event.at_ms);
        self.events.insert(place, event);
        while self.events.len() > bound {
            if let Some(oldest) = self.events.pop_front() {
                self.folded.apply(&oldest);
            }
        }
    }

    /// What everything adds up to at this time.
    pub(super) fn tally(&self, watch: &Watch, now_ms: u64) -> Tally {
        let mut tally = self.folded;
        self.events.iter().for_each(|event| tally.apply(event));
        tally.advance(now_ms, watch.watched(now_ms).0);
        tally
    }
}
