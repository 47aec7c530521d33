//! Contests: a link that is bad for most observers, though some word gets through.
//!
//! ```text
//!   one vouches, two confirm ──> all observers ping the subject ten times, half a period apart
//!     each votes   bad: it lost most, and clearly more than on its other links
//!     two thirds bad, of more than half ──> members at random do the same
//!       four fifths bad                 ──> failed: link
//!     anything else                     ──> nothing, and no contest for a while
//! ```
//! Opinions are asked for at bad moments; a scheduled measurement is not, so it is fair. The observers
//! are few: a member that half of the cluster reaches may be out of reach for most of them, but not
//! for most of many others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headcount_state::{Life, MemberId, Reason, Time};
use headcount_wire::{Body, Target, Verdict};
use rand::RngExt;

use super::cases::Verdicts;
use super::make_room;
use super::opinions::Asker;
use super::pings::Purpose;
use super::timing::{CONTEST_PINGS, LOSS_BAD, LOSS_BEYOND, OTHERS, OWN_LOSS_MAX, REACH};
use crate::engine::Engine;
use crate::outbox::Outgoing;
use crate::timers::Timer;

/// The most contests that one node holds at once.
const CONTESTS_MAX: usize = 4;

/// The most links that one node measures at once.
pub(crate) const MEASUREMENTS_MAX: usize = 32;

/// The most members whose last contest is remembered.
const REMEMBERED_MAX: usize = 64;

#[derive(Clone, Debug)]
struct Measurement {
    life: Life,
    sent: u32,
    answered: u32,
    /// Who else wants to know.
    askers: Vec<Asker>,
    due: Time,
}

#[derive(Clone, Debug)]
struct Contest {
    nonce: u32,
    life: Life,
    waiting: Vec<MemberId>,
    /// How many may vote.
    voters: usize,
    /// Who found the link bad among the observers, once others are asked.
    observers_bad: Option<Vec<MemberId>>,
    good: usize,
    bad: Vec<MemberId>,
    due: Time,
}

/// Contests that this node holds, and links that it measures, by subject.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contests {
    held: BTreeMap<MemberId, Contest>,
    measured: BTreeMap<MemberId, Measurement>,
    lately: BTreeMap<MemberId, Lately>,
}

/// The last contest about a member, and the last time that this node measured its link.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    contest: Option<Time>,
    measured: Option<Time>,
    /// Whether this node found its own link bad.
    bad: bool,
}

impl Lately {
    fn last(&self) -> Option<Time> {
        self.contest.max(self.measured)
    }
}

impl Contests {
    pub(crate) fn next_due(&self) -> Option<Time> {
        let held = self.held.values().map(|contest| contest.due);
        held.chain(self.measured.values().map(|m| m.due)).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.measured.len()
    }

    pub(crate) fn clear(&mut self) {
        self.held.clear();
        self.measured.clear();
    }

    pub(crate) fn forget(&mut self, subject: MemberId) {
        self.held.remove(&subject);
        self.measured.remove(&subject);
    }

    /// A ping of a measurement was answered.
    pub(crate) fn answered(&mut self, subject: MemberId) {
        if let Some(measurement) = self.measured.get_mut(&subject) {
            measurement.answered += 1;
        }
    }

    /// Whether this node found its link to a member bad when it measured it since then.
    pub(crate) fn found_bad_since(&self, subject: MemberId, since: Time) -> bool {
        self.lately.get(&subject).is_some_and(|last| last.bad)
            && self.measured_since(subject, since)
    }

    /// Whether the link to a member has been measured, or begun to be, since then.
    pub(crate) fn measured_since(&self, subject: MemberId, since: Time) -> bool {
        let measured = self.lately.get(&subject).and_then(|last| last.measured);
        measured.is_some_and(|at| at > since)
    }

    /// Marks a contest about a member; false while the last one is too fresh.
    fn begin(&mut self, now: Time, subject: MemberId, pause: Duration) -> bool {
        let last = self.lately.get(&subject).and_then(|last| last.contest);
        if last.is_some_and(|last| now.since(last) < pause) {
            return false;
        }
        self.lately_mut(subject).contest = Some(now);
        true
    }

    fn lately_mut(&mut self, subject: MemberId) -> &mut Lately {
        make_room(&mut self.lately, subject, REMEMBERED_MAX, Lately::last);
        self.lately.entry(subject).or_default()
    }
}

impl Engine {
    /// Some vouch for a member, and others confirm its silence.
    pub(crate) fn hold_contest(&mut self, now: Time, subject: MemberId, life: Life) {
        let pause = self.observers.timing.contest_pause();
        let own_loss = self.observers.doubt.loss_to_others(subject);
        let full = self.observers.contests.held.len() >= CONTESTS_MAX;
        if full || own_loss >= OWN_LOSS_MAX || self.is_gated(now) {
            return;
        }
        if !self.observers.contests.begin(now, subject, pause) {
            return;
        }
        let own = self.table.own_id();
        let doubted = |id: MemberId| id == own || self.is_doubted(id);
        let observers = self.ring().observers(subject, REACH, doubted);
        self.stats.contests += 1;
        self.ask_for_votes(now, subject, life, observers, None);
        self.measure(now, subject, life, None);
    }

    /// Asks others to measure their links to a member.
    fn ask_for_votes(
        &mut self,
        now: Time,
        subject: MemberId,
        life: Life,
        whom: Vec<MemberId>,
        observers_bad: Option<Vec<MemberId>>,
    ) {
        let nonce = self.rng.random();
        let target = Target::of(subject, life);
        let mut waiting = Vec::new();
        for id in whom {
            let Some(address) = self.peer_address(id) else { continue };
            let body = Body::Query {
                nonce,
                subject: target,
                since: Duration::ZERO,
                refused: false,
                contest: true,
            };
            self.send(Outgoing::new(address, Some(id), body));
            waiting.push(id);
        }
        let voters = waiting.len() + usize::from(observers_bad.is_none());
        let due = now + self.config.period * (CONTEST_PINGS / 2 + 2);
        let bad = Vec::new();
        let contest = Contest { nonce, life, waiting, voters, observers_bad, good: 0, bad, due };
        self.observers.contests.held.insert(subject, contest);
    }

    /// Measures the link to a member, for itself or for who asks.
    pub(crate) fn measure(
        &mut self,
        now: Time,
        subject: MemberId,
        life: Life,
        asker: Option<Asker>,
    ) {
        if asker.is_some() {
            let pause = self.observers.timing.contest_pause();
            self.observers.contests.begin(now, subject, pause);
        }
        let measured = &mut self.observers.contests.measured;
        if measured.len() >= MEASUREMENTS_MAX && !measured.contains_key(&subject) {
            return;
        }
        if !measured.contains_key(&subject) {
            let lately = self.observers.contests.lately_mut(subject);
            (lately.measured, lately.bad) = (Some(now), false);
        }
        let measured = &mut self.observers.contests.measured;
        let fresh = Measurement { life, sent: 0, answered: 0, askers: Vec::new(), due: now };
        let measurement = measured.entry(subject).or_insert(fresh);
        if let Some(asker) = asker {
            asker.join(&mut measurement.askers);
        }
        // An answer in all calm may be why it is measured.
        self.timers.set(Timer::Observers, self.observers.next_step());
    }

    /// Pings that measure, votes that are due, and contests that are over.
    pub(crate) fn contests_due(&mut self, now: Time) {
        let due = |at: Time| at <= now;
        let measured = &self.observers.contests.measured;
        let steps: BTreeSet<MemberId> =
            measured.iter().filter(|(_, m)| due(m.due)).map(|(id, _)| *id).collect();
        for subject in steps {
            self.measure_on(now, subject);
        }
        let held = &self.observers.contests.held;
        let over: Vec<MemberId> =
            held.iter().filter(|(_, contest)| due(contest.due)).map(|(id, _)| *id).collect();
        for subject in over {
            if let Some(contest) = self.observers.contests.held.remove(&subject) {
                self.tally(now, subject, &contest);
            }
        }
    }

    fn measure_on(&mut self, now: Time, subject: MemberId) {
        let half = self.config.period / 2;
        let held = self.held_life(subject);
        let Some(measurement) = self.observers.contests.measured.get_mut(&subject) else { return };
        if held == Some(measurement.life) && measurement.sent < CONTEST_PINGS {
            measurement.sent += 1;
            // The last one is given time for its answer.
            measurement.due = now + if measurement.sent == CONTEST_PINGS { half * 2 } else { half };
            return self.ping_subject(now, subject, Purpose::Contest);
        }
        let Some(measurement) = self.observers.contests.measured.remove(&subject) else { return };
        let loss = 1.0 - f64::from(measurement.answered) / f64::from(CONTEST_PINGS);
        let own_loss = self.observers.doubt.loss_to_others(subject);
        let bad = loss >= LOSS_BAD.max(own_loss + LOSS_BEYOND);
        let verdict = match (measurement.sent == CONTEST_PINGS && !self.is_gated(now), bad) {
            (false, _) => Verdict::Abstain,
            (true, true) => Verdict::Confirm,
            (true, false) => Verdict::Vouch,
        };
        if let Some(last) = self.observers.contests.lately.get_mut(&subject) {
            last.bad = verdict == Verdict::Confirm;
        }
        let word = self.links.get(subject).acked;
        let word = word.map_or(Duration::MAX, |acked| now.since(acked));
        for asker in &measurement.askers {
            self.say(asker, verdict, word, false);
        }
        let own = self.table.own_id();
        self.vote(now, subject, own, verdict);
        if verdict != Verdict::Abstain {
            self.link_measured(now, subject, verdict == Verdict::Confirm);
        }
    }

    /// A vote arrives for the contest that asked with this nonce; false if there is none.
    pub(crate) fn receive_vote(
        &mut self,
        now: Time,
        from: MemberId,
        nonce: u32,
        verdict: Verdict,
    ) -> bool {
        let mut held = self.observers.contests.held.iter();
        let subject = held.find(|(_, c)| c.nonce == nonce).map(|(subject, _)| *subject);
        if let Some(subject) = subject {
            self.vote(now, subject, from, verdict);
        }
        subject.is_some()
    }

    fn vote(&mut self, now: Time, subject: MemberId, from: MemberId, verdict: Verdict) {
        let own = self.table.own_id();
        let Some(contest) = self.observers.contests.held.get_mut(&subject) else { return };
        let waited_for = contest.waiting.iter().position(|id| *id == from);
        match waited_for {
            Some(place) => drop(contest.waiting.swap_remove(place)),
            None if from == own => {}
            None => return,
        }
        match verdict {
            Verdict::Confirm => contest.bad.push(from),
            Verdict::Vouch => contest.good += 1,
            Verdict::Abstain => {}
        }
        if contest.waiting.is_empty() && !self.observers.contests.measured.contains_key(&subject) {
            contest.due = now;
        }
    }

    fn tally(&mut self, now: Time, subject: MemberId, contest: &Contest) {
        let reported = contest.good + contest.bad.len();
        let enough = reported * 2 > contest.voters;
        let asked_all = contest.observers_bad.is_some();
        let bad = if asked_all {
            contest.bad.len() * 5 >= reported * 4
        } else {
            reported > 1 && contest.bad.len() * 3 >= reported * 2
        };
        if !enough || !bad || self.held_life(subject) != Some(contest.life) || self.is_gated(now) {
            return;
        }
        let observers_bad = match &contest.observers_bad {
            Some(bad) => bad,
            None if self.ask_the_others(now, subject, contest) => return,
            // There are no others.
            None => &contest.bad,
        };
        let word = self.links.get(subject).acked.unwrap_or(Time::ZERO);
        let verdicts = Verdicts { word, confirmed: observers_bad };
        self.convict(now, subject, &verdicts, Reason::Link);
    }

    /// The observers find the link bad: do others? False if there are none.
    fn ask_the_others(&mut self, now: Time, subject: MemberId, contest: &Contest) -> bool {
        let own = self.table.own_id();
        let mut asked: Vec<MemberId> = self.ring().observers(subject, REACH, |_| false);
        asked.extend([subject, own]);
        let mut others = Vec::with_capacity(OTHERS);
        self.peers.sample(&mut self.rng, OTHERS, &asked, &mut others);
        if others.is_empty() {
            return false;
        }
        self.ask_for_votes(now, subject, contest.life, others, Some(contest.bad.clone()));
        true
    }
}
