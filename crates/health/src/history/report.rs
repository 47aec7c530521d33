use std::time::Duration;

use headcount_state::{MemberId, Name};

use super::History;
use super::member::MemberHistory;
use super::tally::{Presence, Tally, Totals};

/// What a [`History`] says at a moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistoryReport {
    /// The moment, in Unix milliseconds.
    pub at_ms: u64,
    /// The first moment that was watched. `None`: the observer has not begun.
    pub since_ms: Option<u64>,
    /// How much of the time since then was watched.
    pub watched: Duration,
    /// How often the observer was down or isolated.
    pub gaps: u64,
    /// The cluster as a whole.
    pub cluster: ClusterReliability,
    /// Each member: those with most failures first, of equal ones those with the least
    /// availability, then by name.
    pub members: Vec<Reliability>,
}

/// How reliable one member was, as far as it was seen.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reliability {
    /// The member.
    pub id: MemberId,
    /// Its name.
    pub name: Name,
    /// Whether it is there.
    pub presence: Presence,
    /// When it was first told of, in Unix milliseconds.
    pub since_ms: u64,
    /// What was counted and added up; the estimates follow from it ([`Totals::mtbf`] and others).
    pub totals: Totals,
    /// While it is down, unless it is given up.
    pub outage: Option<OutageNow>,
}

/// An outage that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutageNow {
    /// Since when, in Unix milliseconds.
    pub since_ms: u64,
    /// How much of it was seen; it is part of the downtime.
    pub seen: Duration,
    /// Whether its beginning was seen; if not, it is no failure that was counted.
    pub witnessed: bool,
}

/// How reliable the members were together.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ClusterReliability {
    /// How many members have a history.
    pub members: usize,
    /// How many of them are up, down, left or unseen: in the order of [`Presence::ALL`].
    pub by_presence: [usize; 4],
    /// How many are down and not given up.
    pub outages_now: usize,
    /// The sums over all members, those whose history was dropped included.
    pub totals: Totals,
    /// The mean of the members' availabilities.
    pub availability_mean: Option<f64>,
    /// The least of them, and whose it is.
    pub availability_min: Option<(f64, Name)>,
    /// How many members' histories were dropped to make room for others.
    pub members_dropped: u64,
    /// How many events were not recorded, because all who have a history are live members.
    pub events_refused: u64,
}

impl ClusterReliability {
    /// How many members are so.
    pub fn count(&self, presence: Presence) -> usize {
        self.by_presence[presence as usize]
    }
}

impl History {
    /// What it says at this time; of an earlier time than its last event, what it says of that one.
    pub fn report(&self, now_ms: u64) -> HistoryReport {
        let now_ms = now_ms.max(self.latest_ms);
        let mut members: Vec<Reliability> = self
            .members
            .iter()
            .filter_map(|(id, member)| self.reliability(*id, member, now_ms))
            .collect();
        let mut cluster = ClusterReliability {
            members: members.len(),
            totals: self.dropped,
            members_dropped: self.members_dropped,
            events_refused: self.events_refused,
            ..ClusterReliability::default()
        };
        let (mut sum, mut count) = (0.0, 0_u32);
        for member in &members {
            cluster.by_presence[member.presence as usize] += 1;
            cluster.outages_now += usize::from(member.outage.is_some());
            cluster.totals.add(&member.totals);
            let Some(availability) = member.totals.availability() else { continue };
            sum += availability;
            count += 1;
            if cluster.availability_min.as_ref().is_none_or(|(least, _)| availability < *least) {
                cluster.availability_min = Some((availability, member.name.clone()));
            }
        }
        cluster.availability_mean = (count > 0).then(|| sum / f64::from(count));
        members.sort_by(|a, b| {
            let availability = |r: &Reliability| r.totals.availability().unwrap_or(1.0);
            let failures = b.totals.failures.cmp(&a.totals.failures);
            let least = || availability(a).total_cmp(&availability(b));
            failures.then_with(least).then_with(|| a.name.cmp(&b.name))
        });
        HistoryReport {
            at_ms: now_ms,
            since_ms: self.since_ms,
            watched: Duration::from_millis(self.watch.watched(now_ms).0),
            gaps: self.watch.gaps_seen,
            cluster,
            members,
        }
    }

    fn reliability(
        &self,
        id: MemberId,
        member: &MemberHistory,
        now_ms: u64,
    ) -> Option<Reliability> {
        let Tally { totals, presence, first_ms, outage, .. } = member.tally(&self.watch, now_ms);
        let outage = outage.filter(|outage| !outage.is_given_up()).map(|outage| OutageNow {
            since_ms: outage.from_ms,
            seen: Duration::from_millis(outage.seen_ms),
            witnessed: outage.witnessed,
        });
        let name = member.name().clone();
        Some(Reliability { id, name, presence, since_ms: first_ms?, totals, outage })
    }
}
