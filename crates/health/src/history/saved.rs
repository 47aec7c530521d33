//! A history in a form that can be written down, piece by piece. Names and ids are text, since programs
//! that read JSON may hold numbers in 53 bits.

use std::collections::VecDeque;

use headcount_state::{Instance, Name};
use serde::{Deserialize, Serialize};

use super::event::{Happened, What};
use super::member::MemberHistory;
use super::tally::{Outage, Presence, Tally, Totals};
use super::watch::{Gap, Watch};
use super::{History, HistoryLimits};

/// What a history holds beside its members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedHistory {
    since_ms: Option<u64>,
    latest_ms: u64,
    /// Unix milliseconds from which on gaps are listed, and milliseconds watched before.
    base: Option<(u64, u64)>,
    /// Each: from, to (null while it lasts), milliseconds watched before.
    gaps: Vec<(u64, Option<u64>, u64)>,
    gaps_seen: u64,
    dropped: Totals,
    members_dropped: u64,
    events_refused: u64,
}

/// One member of a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedMember {
    name: String,
    presence: String,
    at_ms: u64,
    watched_ms: u64,
    first_ms: Option<u64>,
    instance: Option<String>,
    /// Since when, milliseconds of it seen, whether its beginning was seen.
    outage: Option<(u64, u64, bool)>,
    returned_ms: Option<u64>,
    suspected: bool,
    totals: Totals,
    /// Each: Unix milliseconds, what, instance, milliseconds watched by then, whether in a gap.
    events: Vec<(u64, String, Option<String>, u64, bool)>,
}

/// Why something that was written down cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} cannot be {value:?}")]
pub struct Unusable {
    field: &'static str,
    value: String,
}

impl Unusable {
    fn new(field: &'static str, value: impl ToString) -> Unusable {
        Unusable { field, value: value.to_string() }
    }
}

impl History {
    /// Everything but the members.
    pub fn save(&self) -> SavedHistory {
        SavedHistory {
            since_ms: self.since_ms,
            latest_ms: self.latest_ms,
            base: self.watch.base,
            gaps: self.watch.gaps.iter().map(|g| (g.from_ms, g.to_ms, g.watched_ms)).collect(),
            gaps_seen: self.watch.gaps_seen,
            dropped: self.dropped,
            members_dropped: self.members_dropped,
            events_refused: self.events_refused,
        }
    }

    /// Each member, in the order of their ids.
    pub fn save_members(&self) -> impl Iterator<Item = SavedMember> {
        self.members.values().map(SavedMember::of)
    }

    /// An empty history that goes on where another one was when it was saved. Its members are put
    /// back by [`History::restore`].
    ///
    /// # Errors
    /// Gaps that overlap.
    pub fn continued(limits: HistoryLimits, saved: &SavedHistory) -> Result<History, Unusable> {
        let gap = |&(from_ms, to_ms, watched_ms)| Gap { from_ms, to_ms, watched_ms };
        let gaps: VecDeque<Gap> = saved.gaps.iter().map(gap).collect();
        let follows =
            |a: &Gap, b: &Gap| a.to_ms.is_some_and(|to| a.from_ms <= to && to <= b.from_ms);
        let wrong = gaps.iter().zip(gaps.iter().skip(1)).find(|(a, b)| !follows(a, b));
        if let Some((gap, _)) = wrong {
            return Err(Unusable::new("gaps", format!("{gap:?}")));
        }
        Ok(History {
            watch: Watch { base: saved.base, gaps, gaps_seen: saved.gaps_seen },
            since_ms: saved.since_ms,
            latest_ms: saved.latest_ms,
            dropped: saved.dropped,
            members_dropped: saved.members_dropped,
            events_refused: saved.events_refused,
            ..History::new(limits)
        })
    }

    /// Puts a member back, in place of what is held of it.
    ///
    /// # Errors
    /// A name, a word or an instance that cannot be; events that are out of order. Nothing has
    /// changed then.
    pub fn restore(&mut self, saved: &SavedMember) -> Result<(), Unusable> {
        let member = saved.parse()?;
        let id = member.name().id();
        if !self.members.contains_key(&id) && !self.make_room() {
            self.events_refused += 1;
            return Ok(());
        }
        let last = member.events().next_back().map_or(0, |event| event.at_ms);
        self.latest_ms = self.latest_ms.max(last);
        let after = member.ended_ms();
        let before = self.members.insert(id, member).and_then(|member| member.ended_ms());
        self.ended_from(id, before, after);
        Ok(())
    }
}

impl SavedMember {
    fn of(member: &MemberHistory) -> SavedMember {
        let Tally { totals, presence, at_ms, watched_ms, first_ms, .. } = *member.folded();
        let Tally { instance, outage, returned_ms, suspected, .. } = *member.folded();
        let show = |instance: Option<Instance>| instance.map(|instance| instance.to_string());
        SavedMember {
            name: member.name().to_string(),
            presence: presence.as_str().to_owned(),
            at_ms,
            watched_ms,
            first_ms,
            instance: show(instance),
            outage: outage.map(|outage| (outage.from_ms, outage.seen_ms, outage.witnessed)),
            returned_ms,
            suspected,
            totals,
            events: member
                .events()
                .map(|e| {
                    (e.at_ms, e.what.as_str().to_owned(), show(e.instance), e.watched_ms, e.blind)
                })
                .collect(),
        }
    }

    fn parse(&self) -> Result<MemberHistory, Unusable> {
        let name = Name::new(&self.name).map_err(|_| Unusable::new("name", &self.name))?;
        let presence = Presence::from_name(&self.presence)
            .ok_or_else(|| Unusable::new("presence", &self.presence))?;
        let outage =
            self.outage.map(|(from_ms, seen_ms, witnessed)| Outage { from_ms, seen_ms, witnessed });
        let folded = Tally {
            totals: self.totals,
            presence,
            at_ms: self.at_ms,
            watched_ms: self.watched_ms,
            first_ms: self.first_ms,
            instance: instance(self.instance.as_deref())?,
            outage,
            returned_ms: self.returned_ms,
            suspected: self.suspected,
        };
        let mut events = VecDeque::with_capacity(self.events.len());
        let mut last = self.at_ms;
        for (at_ms, what, process, watched_ms, blind) in &self.events {
            if *at_ms < last {
                return Err(Unusable::new("events", format!("{at_ms} after {last}")));
            }
            last = *at_ms;
            events.push_back(Happened {
                at_ms: *at_ms,
                what: What::from_name(what).ok_or_else(|| Unusable::new("event", what))?,
                instance: instance(process.as_deref())?,
                watched_ms: *watched_ms,
                blind: *blind,
            });
        }
        Ok(MemberHistory::restored(name, folded, events))
    }
}

/// An instance from its hexadecimal digits.
fn instance(text: Option<&str>) -> Result<Option<Instance>, Unusable> {
    let Some(text) = text else { return Ok(None) };
    let parsed = u64::from_str_radix(text, 16).ok().and_then(Instance::from_u64);
    parsed.map(Some).ok_or_else(|| Unusable::new("instance", text))
}
