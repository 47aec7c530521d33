//! What happened to the members over weeks, as one observer saw it, and how reliable they were.
//!
//! A [`History`] is fed with events and their wall times; those are arguments, since they outlive the
//! process. It keeps the last events of each member one by one and folds older ones into sums, so
//! that every count and every duration stays exact in bounded memory.
//!
//! ```text
//!            joined, refuted, recovered, restarted            failed
//!   unseen ─────────────────────────────────────────> up ─────────────> down
//!     ^                                              │ ^                 │
//!     └── forgotten, or the observer stopped ────────┘ └─────────────────┘ a recovery
//!   left, from anywhere: it ends the observation, and is no failure
//! ```
//!
//! Only what was seen counts. Time in which the observer was down or isolated is neither uptime nor
//! downtime; a failure counts if the member was seen up before and the observer was not isolated; an
//! outage is a sample of the mean time to recover if it was seen as a whole.
//! `docs/analytics.md` has the definitions as formulas, and an example by hand.

mod estimate;
mod event;
mod member;
mod poisson;
mod report;
mod saved;
mod tally;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use headcount_state::{Instance, MemberId, Name};

pub use estimate::{Confidence, Frequency, Mtbf, Mttr};
pub use event::{Happened, What};
pub use member::MemberHistory;
pub use report::{ClusterReliability, HistoryReport, OutageNow, Reliability};
pub use saved::{SavedHistory, SavedMember, Unusable};
pub use tally::{Presence, Totals};

use watch::Watch;

/// How much a [`History`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// How many members, at least 1; default 16,384. At the bound the one that left, was forgotten or
    /// was lost sight of longest ago makes room, and its sums stay part of the cluster's. If all are
    /// live members, a newcomer's events are refused and counted.
    pub members: usize,
    /// How many events of each member one by one, at least 1; default 64. Older ones are folded into
    /// sums.
    pub events: usize,
}

impl Default for HistoryLimits {
    fn default() -> HistoryLimits {
        HistoryLimits { members: 16_384, events: 64 }
    }
}

/// What happened to the members, as one observer saw it. See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    limits: HistoryLimits,
    watch: Watch,
    since_ms: Option<u64>,
    latest_ms: u64,
    members: BTreeMap<MemberId, MemberHistory>,
    /// Those that are not in the observer's view, by since when.
    ended: BTreeSet<(u64, MemberId)>,
    /// The sums of those whose history was dropped.
    dropped: Totals,
    members_dropped: u64,
    events_refused: u64,
}

impl History {
    /// An empty one.
    pub fn new(limits: HistoryLimits) -> History {
        let HistoryLimits { members, events } = limits;
        let limits = HistoryLimits { members: members.max(1), events: events.max(1) };
        History { limits, ..History::default() }
    }

    /// The observer watches from now on.
    pub fn started(&mut self, at_ms: u64) {
        let at_ms = self.clamp(at_ms);
        self.watch.open(at_ms);
    }

    /// The observer stopped then. No member counts as up until it is told of again; one that is down
    /// stays down, since it would show itself otherwise.
    pub fn stopped(&mut self, at_ms: u64) {
        let at_ms = self.clamp(at_ms);
        self.watch.close(at_ms);
        let shown = |member: &MemberHistory| member.ended_ms().is_none();
        let seen: Vec<(MemberId, Name)> = self
            .members
            .iter()
            .filter(|(_, member)| shown(member))
            .map(|(id, member)| (*id, member.name().clone()))
            .collect();
        for (id, name) in seen {
            self.record(at_ms, id, &name, None, What::Unseen);
        }
    }

    /// The observer hears nobody from now on: what it says of others is no evidence.
    pub fn isolated(&mut self, at_ms: u64) {
        let at_ms = self.clamp(at_ms);
        self.watch.close(at_ms);
    }

    /// The observer hears somebody again.
    pub fn reconnected(&mut self, at_ms: u64) {
        self.started(at_ms);
    }

    /// The observer still watches: a sign of life, to know how far it got should it stop without a word.
    pub fn watching(&mut self, at_ms: u64) {
        self.clamp(at_ms);
    }

    /// Something happened to a member at this time, in Unix milliseconds. An event that is earlier
    /// than others is put in its place among them; one that is earlier than everything kept one by
    /// one counts as the first of what is kept. Of equal times the order of arrival counts.
    pub fn record(
        &mut self,
        at_ms: u64,
        id: MemberId,
        name: &Name,
        instance: Option<Instance>,
        what: What,
    ) {
        self.begin(at_ms);
        self.latest_ms = self.latest_ms.max(at_ms);
        if !self.members.contains_key(&id) && !self.make_room() {
            self.events_refused += 1;
            return;
        }
        let (watched_ms, blind) = self.watch.watched(at_ms);
        let event = Happened { at_ms, what, instance, watched_ms, blind };
        let member = self.members.entry(id).or_insert_with(|| MemberHistory::new(name.clone()));
        let before = member.ended_ms();
        member.place(event, self.limits.events);
        let after = member.ended_ms();
        self.ended_from(id, before, after);
    }

    /// The history of a member.
    pub fn member(&self, id: MemberId) -> Option<&MemberHistory> {
        self.members.get(&id)
    }

    /// What must have happened meanwhile, if these members and no others are shown now: for readers
    /// that missed events.
    pub fn missed<'a>(
        &self,
        shown: impl IntoIterator<Item = (&'a Name, Option<Instance>, Presence)>,
    ) -> Vec<(Name, Option<Instance>, What)> {
        let mut ids = BTreeSet::new();
        let mut missed = Vec::new();
        for (name, instance, now) in shown {
            let id = name.id();
            ids.insert(id);
            let member = self.members.get(&id);
            let tally = member.map(|m| m.tally(&self.watch, self.latest_ms)).unwrap_or_default();
            let other = instance.is_some() && tally.instance != instance;
            let what = match (tally.presence, now) {
                (Presence::Up, Presence::Up) if other => What::Restarted,
                (before, now) if before == now => continue,
                (_, Presence::Up) => What::Joined,
                (_, Presence::Down) => What::Failed,
                (_, Presence::Left) => What::Left,
                (_, Presence::Unseen) => What::Forgotten,
            };
            missed.push((name.clone(), instance, what));
        }
        let gone =
            self.members.iter().filter(|(id, m)| m.ended_ms().is_none() && !ids.contains(id));
        missed.extend(gone.map(|(_, member)| (member.name().clone(), None, What::Forgotten)));
        missed
    }

    /// The members that have a history, in the order of their ids.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (MemberId, &MemberHistory)> {
        self.members.iter().map(|(id, member)| (*id, member))
    }

    /// The latest time that was told. 0: nothing was.
    pub fn latest_ms(&self) -> u64 {
        self.latest_ms
    }

    /// Not before the last event, since gaps do not reach back over what was seen.
    fn clamp(&mut self, at_ms: u64) -> u64 {
        let at_ms = at_ms.max(self.latest_ms);
        self.latest_ms = at_ms;
        self.begin(at_ms);
        at_ms
    }

    fn begin(&mut self, at_ms: u64) {
        self.since_ms.get_or_insert(at_ms);
        self.watch.begin(at_ms);
    }

    /// Makes room for one more member; whether there is.
    fn make_room(&mut self) -> bool {
        while self.members.len() >= self.limits.members {
            let Some((_, id)) = self.ended.pop_first() else { return false };
            if let Some(member) = self.members.remove(&id) {
                self.dropped.add(&member.tally(&self.watch, self.latest_ms).totals);
                self.members_dropped += 1;
            }
        }
        true
    }

    fn ended_from(&mut self, id: MemberId, before: Option<u64>, after: Option<u64>) {
        if before != after {
            before.map(|at| self.ended.remove(&(at, id)));
            after.map(|at| self.ended.insert((at, id)));
        }
    }
}
