//! Contests: a link that is bad for most observers, though some word gets through.
//!
//! ```text
//!   one vouches, two confirm ─────┐
//!   a suspicion is refuted ───────┼─> all observers ping the subject ten times, half a period apart
//!   one observer finds it bad ────┘
//!     each votes   bad: it lost most, and clearly more than on its other links
//!     two thirds bad, of more than half ──> members at random do the same
//!       four fifths bad                 ──> failed: link
//!       two thirds bad                  ──> once more, and both answers count: as above
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
    /// Whether this node's own link is measured for it, and not yet counted.
    votes_itself: bool,
    /// Once others than the observers are asked.
    others: Option<Others>,
    good: usize,
    bad: Vec<MemberId>,
    due: Time,
}

/// What members at random are asked after.
#[derive(Clone, Debug)]
struct Others {
    /// The observers that found the link bad.
    observers_bad: Vec<MemberId>,
    /// Whether it is for the second time.
    again: bool,
}

impl Contest {
    /// One in which nobody has been asked yet.
    fn new(life: Life, others: Option<Others>) -> Contest {
        Contest {
            nonce: 0,
            life,
            votes_itself: others.is_none(),
            waiting: Vec::new(),
            voters: 0,
            others,
            good: 0,
            bad: Vec::new(),
            due: Time::ZERO,
        }
    }
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
        self.ask_for_votes(now, subject, Contest::new(life, None), observers);
        self.measure(now, subject, life, None);
    }

    /// Whether this node is an observer of a member.
    fn watches(&self, subject: MemberId) -> bool {
        self.observers.subjects.contains(&subject)
    }

    /// Asks others to measure their links to a member.
    fn ask_for_votes(
        &mut self,
        now: Time,
        subject: MemberId,
        mut contest: Contest,
        whom: Vec<MemberId>,
    ) {
        contest.nonce = self.rng.random();
        let target = Target::of(subject, contest.life);
        for id in whom {
            let Some(address) = self.peer_address(id) else { continue };
            let body = Body::Query {
                nonce: contest.nonce,
                subject: target,
                since: Duration::ZERO,
                refused: false,
                contest: true,
            };
            self.send(Outgoing::new(address, Some(id), body));
            contest.waiting.push(id);
        }
        contest.voters += contest.waiting.len() + usize::from(contest.others.is_none());
        contest.due = now + self.config.period * (CONTEST_PINGS / 2 + 2);
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
                self.tally(now, subject, contest);
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
            let bad = verdict == Verdict::Confirm;
            self.link_measured(now, subject, bad);
            if bad && self.watches(subject) {
                self.hold_contest(now, subject, measurement.life);
            }
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
            // What this node measures later, or while others are asked, is for another purpose.
            None if from == own && contest.votes_itself => contest.votes_itself = false,
            None => return,
        }
        match verdict {
            Verdict::Confirm => contest.bad.push(from),
            Verdict::Vouch => contest.good += 1,
            Verdict::Abstain => {}
        }
        let measures =
            contest.votes_itself && self.observers.contests.measured.contains_key(&subject);
        if contest.waiting.is_empty() && !measures {
            contest.due = now;
        }
    }

    fn tally(&mut self, now: Time, subject: MemberId, mut contest: Contest) {
        let (reported, bad) = (contest.good + contest.bad.len(), contest.bad.len());
        let enough = reported * 2 > contest.voters && (contest.others.is_some() || reported > 1);
        let likely = enough && bad * 3 >= reported * 2;
        if !likely || self.held_life(subject) != Some(contest.life) || self.is_gated(now) {
            return;
        }
        let observers_bad = match contest.others.take() {
            None => {
                let others = self.others_than_observers(subject);
                if !others.is_empty() {
                    let asked = Others { observers_bad: contest.bad, again: false };
                    let contest = Contest::new(contest.life, Some(asked));
                    return self.ask_for_votes(now, subject, contest, others);
                }
                contest.bad
            }
            Some(others) if bad * 5 >= reported * 4 => others.observers_bad,
            // Ten pings may mislead some of one panel, but hardly as many of two.
            Some(Others { observers_bad, again: false }) => {
                contest.others = Some(Others { observers_bad, again: true });
                contest.waiting.clear();
                let others = self.others_than_observers(subject);
                if !others.is_empty() {
                    self.ask_for_votes(now, subject, contest, others);
                }
                return;
            }
            Some(Others { again: true, .. }) => return,
        };
        let word = self.links.get(subject).acked.unwrap_or(Time::ZERO);
        let verdicts = Verdicts { word, confirmed: &observers_bad };
        self.convict(now, subject, &verdicts, Reason::Link);
    }

    /// Members at random, but for the observers and this node.
    fn others_than_observers(&mut self, subject: MemberId) -> Vec<MemberId> {
        let own = self.table.own_id();
        let doubted = |id: MemberId| id == own || self.is_doubted(id);
        let mut asked: Vec<MemberId> = self.ring().observers(subject, REACH, doubted);
        asked.extend([subject, own]);
        let mut others = Vec::with_capacity(OTHERS);
        self.peers.sample(&mut self.rng, OTHERS, &asked, &mut others);
        others
    }
}
