//! Reach: whom this node cannot reach though others do, and who says so of whom.
//!
//! ```text
//!   pings lost, and others vouch ──> the link is measured (observers/contest.rs)
//!     good ──> reachable                │ bad
//!      ^                                v
//!      └── measured again ────── unreachable from here: no work for it here
//!                                       │ still so after 15 T
//!                                       v
//!                        said in this node's attributes ──> partial, in every view
//!   isolated for the detection time ──> everybody is unreachable from here
//! ```
//! None of this is a status and nobody is failed for it: a member that some reach is alive.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headcount_state::{MAX_OUT_OF_REACH, MemberId, OwnAttributes, Time};
use rand::RngExt;

use crate::engine::Engine;
use crate::event::Event;
use crate::links::LINKS_MAX;
use crate::member::Member;
use crate::observers::timing::{CONFIRMED_FOR_CONTEST, OWN_LOSS_MAX};

/// The most members whose word of whom they cannot reach is kept.
pub(crate) const TELLERS_MAX: usize = 1_024;

/// Who is out of reach for so many periods is told of: a contest may have failed it by then.
const TOLD_AFTER: u32 = 15;

/// What is told changes at most once in so many periods.
const TOLD_EVERY: u32 = 10;

/// The link to a member that others cannot reach is measured once in so many periods.
const MEASURED_EVERY: u32 = 64;

/// In each period about so many members begin to do that,
const MEASURED_BY: f64 = 4.0;

/// and each one begins with this probability at most.
const MEASURED_SHARE: f64 = 0.125;

/// What a node knows of who reaches whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    /// Whom this node finds out of reach, and since when.
    out: BTreeMap<MemberId, Time>,
    /// This node hears nobody, for so long that everybody is out of reach.
    alone: bool,
    /// Whom others say they cannot reach.
    tellers: BTreeMap<MemberId, Vec<MemberId>>,
    /// The same, by whom it is about.
    told: BTreeMap<MemberId, BTreeSet<MemberId>>,
    /// This node says nothing new before that.
    next_word: Time,
}

impl Reach {
    /// Whether this node cannot reach a member.
    pub(crate) fn is_out(&self, id: MemberId) -> bool {
        self.alone || self.out.contains_key(&id)
    }

    /// Who says that it cannot reach a member.
    pub(crate) fn out_for(&self, id: MemberId) -> impl Iterator<Item = MemberId> {
        self.told.get(&id).into_iter().flatten().copied()
    }

    /// How many members say that they cannot reach somebody.
    pub(crate) fn tellers(&self) -> usize {
        self.tellers.len()
    }

    /// It is no member any more, or another process.
    pub(crate) fn forget(&mut self, id: MemberId) {
        self.out.remove(&id);
    }

    /// Takes in whom `teller` says that it cannot reach. Answers about whom that is new.
    fn hear(&mut self, teller: MemberId, about: &[MemberId]) -> Vec<MemberId> {
        let said = self.tellers.get(&teller).map_or(&[][..], Vec::as_slice);
        if said == about || (said.is_empty() && self.tellers.len() >= TELLERS_MAX) {
            return Vec::new();
        }
        let fresh = |id: &&MemberId| !said.contains(id);
        let mut changed: Vec<MemberId> = about.iter().filter(fresh).copied().collect();
        for id in &changed {
            self.told.entry(*id).or_default().insert(teller);
        }
        let gone: Vec<MemberId> = said.iter().filter(|id| !about.contains(id)).copied().collect();
        for id in &gone {
            if let Some(tellers) = self.told.get_mut(id) {
                tellers.remove(&teller);
                if tellers.is_empty() {
                    self.told.remove(id);
                }
            }
        }
        changed.extend(gone);
        if about.is_empty() {
            self.tellers.remove(&teller);
        } else {
            self.tellers.insert(teller, about.to_vec());
        }
        changed
    }

    /// Whom to tell of: those out of reach for longest, in id order.
    fn to_tell(&self, now: Time, after: Duration) -> Vec<MemberId> {
        let mut out: Vec<(Time, MemberId)> = self.out.iter().map(|(id, at)| (*at, *id)).collect();
        out.retain(|(since, _)| now.since(*since) >= after);
        out.sort_unstable();
        let mut ids: Vec<MemberId> = out.into_iter().map(|(_, id)| id).collect();
        ids.truncate(MAX_OUT_OF_REACH);
        ids.sort_unstable();
        ids
    }
}

impl Engine {
    /// Others vouch for a member that does not answer this node: is it the link?
    pub(crate) fn vouched_but_silent(&mut self, now: Time, id: MemberId) {
        let lost = self.links.get(id).is_silent();
        let fresh = now - self.observers.timing.contest_pause();
        let sound = self.observers.doubt.loss_to_others(id) < OWN_LOSS_MAX && !self.is_gated(now);
        if lost && sound && !self.observers.contests.measured_since(id, fresh) {
            self.measure_own(now, id);
        }
    }

    /// A member that was out of reach has answered in time.
    pub(crate) fn answered_after_all(&mut self, now: Time, id: MemberId) {
        if self.reach.out.contains_key(&id) {
            self.measure_own(now, id);
        }
    }

    fn measure_own(&mut self, now: Time, id: MemberId) {
        if let Some(life) = self.held_life(id) {
            self.measure(now, id, life, None);
        }
    }

    /// The link to a member has been measured.
    pub(crate) fn link_measured(&mut self, now: Time, id: MemberId, bad: bool) {
        let held = self.held_life(id).is_some();
        let changed = match bad {
            true => {
                let sound = self.observers.doubt.loss_to_others(id) < OWN_LOSS_MAX;
                let room = self.reach.out.len() < LINKS_MAX;
                let new = held && sound && room && !self.reach.out.contains_key(&id);
                new && self.reach.out.insert(id, now).is_none()
            }
            false => self.reach.out.remove(&id).is_some() && held,
        };
        if changed && !self.reach.alone {
            self.events.extend(self.member(id).map(|member| match bad {
                true => Event::Unreachable(member),
                false => Event::Reachable(member),
            }));
        }
    }

    /// Once per period: looks again, and tells of what lasts.
    pub(crate) fn follow_reach(&mut self, now: Time) {
        let alone = self.isolated && now.since(self.last_heard) >= self.config.detection_time;
        if alone && !self.reach.alone {
            self.reach.alone = true;
            let others = self.live_others();
            self.events.extend(others.into_iter().map(Event::Unreachable));
        }
        if self.is_gated(now) {
            return;
        }
        if self.observes() {
            self.measure_again(now);
        }
        self.say_who_is_out(now);
    }

    /// Somebody is heard again.
    pub(crate) fn not_alone(&mut self) {
        if std::mem::take(&mut self.reach.alone) {
            let others = self.live_others().into_iter();
            let within = others.filter(|member| !self.reach.out.contains_key(&member.id()));
            self.events.extend(within.map(Event::Reachable));
        }
    }

    /// No link is known any more: all are taken for good.
    pub(crate) fn forget_who_is_out(&mut self) {
        let out = std::mem::take(&mut self.reach.out);
        if !self.reach.alone {
            let members = out.into_keys().filter_map(|id| self.member(id));
            let within: Vec<Event> = members.map(Event::Reachable).collect();
            self.events.extend(within);
        }
    }

    fn live_others(&self) -> Vec<Member> {
        let own = self.table.own_id();
        let others = self.table.live().filter(|record| record.id() != own);
        others.map(|record| self.shown(record)).collect()
    }

    /// Links that were bad are measured again, and now and then those to members that others
    /// cannot reach: who watches them is not alone in wanting to know.
    fn measure_again(&mut self, now: Time) {
        let own = self.table.own_id();
        let timing = &self.observers.timing;
        let contests = &self.observers.contests;
        let due = now - timing.contest_pause();
        let mut wanted: Vec<MemberId> = self
            .reach
            .out
            .keys()
            .filter(|id| !contests.measured_since(**id, due))
            .copied()
            .collect();
        let lately = now - timing.period * MEASURED_EVERY;
        let share = (MEASURED_BY / self.table.live_len() as f64).min(MEASURED_SHARE);
        for (id, tellers) in &self.reach.told {
            let doubtful = tellers.len() >= CONFIRMED_FOR_CONTEST && *id != own;
            let known = self.reach.out.contains_key(id) || contests.measured_since(*id, lately);
            if doubtful && !known && self.rng.random_bool(share) {
                wanted.push(*id);
            }
        }
        for id in wanted {
            self.measure_own(now, id);
        }
    }

    fn say_who_is_out(&mut self, now: Time) {
        if now < self.reach.next_word || !self.takes_part() {
            return;
        }
        let period = self.config.period;
        let out = self.reach.to_tell(now, period * TOLD_AFTER);
        if out == self.table.own_attributes().out_of_reach {
            return;
        }
        self.reach.next_word = now + period * TOLD_EVERY;
        // A node whose tags leave no room for it says nothing.
        if self.set_own(now, OwnAttributes::OutOfReach(out)).is_ok() {
            self.follow_word_of_reach(self.table.own_id());
        }
    }

    /// A member may say something else of whom it cannot reach, or say nothing any more.
    pub(crate) fn follow_word_of_reach(&mut self, teller: MemberId) {
        let record = self.table.get(teller).filter(|record| record.is_live());
        let about = record.map_or(&[][..], |record| &record.attributes.out_of_reach);
        if about.is_empty() && self.reach.tellers.is_empty() {
            return;
        }
        for id in self.reach.hear(teller, about) {
            let member = self.member(id).filter(Member::is_live);
            self.events.extend(member.map(Event::Partial));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> MemberId {
        MemberId::of(name)
    }

    #[test]
    fn who_cannot_reach_a_member_is_known_while_they_say_so() {
        let mut reach = Reach::default();
        let out_for = |reach: &Reach, name| reach.out_for(id(name)).collect::<BTreeSet<_>>();
        assert_eq!(reach.hear(id("a"), &[id("x"), id("y")]), [id("x"), id("y")]);
        assert_eq!(reach.hear(id("a"), &[id("x"), id("y")]), []);
        assert_eq!(reach.hear(id("b"), &[id("x")]), [id("x")]);
        assert_eq!(out_for(&reach, "x"), BTreeSet::from([id("a"), id("b")]));
        assert_eq!(reach.hear(id("a"), &[id("y"), id("z")]), [id("z"), id("x")]);
        assert_eq!(out_for(&reach, "x"), BTreeSet::from([id("b")]));
        assert_eq!(reach.hear(id("a"), &[]), [id("y"), id("z")]);
        assert_eq!(reach.hear(id("b"), &[]), [id("x")]);
        assert!(reach.told.is_empty() && reach.tellers.is_empty());
        // Attributes name each once; whatever is said, nothing stays.
        for about in [&[id("x"), id("x")][..], &[id("x")], &[]] {
            reach.hear(id("a"), about);
        }
        assert!(reach.told.is_empty() && reach.tellers.is_empty());
    }

    #[test]
    fn those_out_of_reach_for_longest_are_told_of() {
        let mut reach = Reach::default();
        let secs = |secs: u64| Time::from_millis(secs * 1_000);
        for number in 0..=MAX_OUT_OF_REACH as u64 {
            reach.out.insert(id(&number.to_string()), secs(100 - number));
        }
        let told = |at| reach.to_tell(secs(at), Duration::from_secs(15));
        assert_eq!(told(106), []);
        assert_eq!(told(107), [id("8")]);
        assert_eq!(told(115).len(), MAX_OUT_OF_REACH);
        assert!(!told(115).contains(&id("0")));
        assert!(told(115).is_sorted());
    }
}
