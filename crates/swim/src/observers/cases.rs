//! Cases: members that have fallen silent, from the first lost ping to the verdict.
//!
//! ```text
//!   silent ── port tried ──> three observers asked ──> the rest ──> (deputies) ──> weighed
//!      any vouch                          dropped; this node doubts itself
//!      nobody answers                     asked again a period later; only a refusal convicts
//!      two saw the port refuse            failed: refused
//!      before half the detection time     private, weighed again then
//!      after it                           suspect, for all to know
//!      at its end, all asked once more    nobody vouches, one confirms ──> failed: silent
//!   another process is where it was ── half a period, for word of where it is now ──> failed
//!   suspected by another ── backup, a little after its time is over ──> all asked, as above
//! ```
//! An answer of the member at any time ends its case.

use std::net::SocketAddr;
use std::time::Duration;

use headcount_state::{
    Agenda, Claim, Evidence, Life, MemberId, Reason, Status, Time, Update, Voters,
};
use headcount_wire::{Body, Target, Verdict};
use rand::RngExt;

use super::pings::Purpose;
use super::timing::{ASKED_FIRST, CONFIRMED_FOR_CONTEST, DEPUTIES, REACH};
use crate::engine::Engine;
use crate::outbox::Outgoing;

/// The most cases open at one node.
pub(crate) const CASES_MAX: usize = 1_024;

/// How a case begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) life: Life,
    /// When the first ping was sent that was lost.
    pub(crate) silent_since: Time,
}

/// How far a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The member's port is tried.
    Port,
    /// A few observers are asked.
    First,
    /// The other observers are asked.
    Rest,
    /// Nobody of them answered: those heard last are asked.
    Deputies,
    /// Weighed, and too early to say anything.
    Private,
    /// Everyone knows of it; at the end all are asked once more.
    Suspected,
    /// All are asked for the last time.
    Last,
    /// Another process answers at this address of it: it is gone, or elsewhere, and word of that is on
    /// its way.
    Replaced(SocketAddr),
}

/// What those said who were asked.
#[derive(Clone, Debug, Default)]
struct Round {
    nonce: u32,
    asked: Vec<MemberId>,
    answered: usize,
    vouched: usize,
    confirmed: Vec<MemberId>,
    refused: usize,
}

#[derive(Clone, Debug)]
struct Case {
    life: Life,
    /// Answers to what was sent from then on end the case, here and at those who are asked.
    silent_since: Time,
    /// The silence is not older than this.
    floor: Time,
    /// The latest word of it that anyone asked had.
    word: Time,
    /// Who is no observer of it leaves it to them for so long.
    after: Duration,
    stage: Stage,
    round: Round,
    /// Whether nobody vouched in some round.
    silent: bool,
}

/// What an accusation rests on: the last word of its subject, and who confirms its silence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdicts<'a> {
    pub(crate) word: Time,
    pub(crate) confirmed: &'a [MemberId],
}

impl Case {
    fn new(life: Life, silent_since: Time, floor: Time, stage: Stage) -> Case {
        let round = Round::default();
        let after = Duration::ZERO;
        Case { life, silent_since, floor, word: floor, after, stage, round, silent: false }
    }

    fn verdicts(&self) -> Verdicts<'_> {
        Verdicts { word: self.word, confirmed: &self.round.confirmed }
    }
}

/// The cases that are open, by subject.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cases {
    open: Agenda<MemberId, Case>,
}

impl Cases {
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn contains(&self, subject: MemberId) -> bool {
        self.open.contains(subject)
    }

    /// Whether nobody who was asked vouches for the subject of an open case.
    pub(crate) fn is_silent(&self, subject: MemberId) -> bool {
        self.open.get(subject).is_some_and(|case| case.silent)
    }

    /// Whether another process has been met in place of the subject.
    fn is_replaced(&self, subject: MemberId) -> bool {
        self.open.get(subject).is_some_and(|case| matches!(case.stage, Stage::Replaced(_)))
    }

    /// The subject has answered what was sent to it then.
    pub(crate) fn answered(&mut self, subject: MemberId, sent: Time) {
        if self.open.get(subject).is_some_and(|case| sent >= case.silent_since) {
            self.close(subject);
        }
    }

    pub(crate) fn close(&mut self, subject: MemberId) {
        self.open.remove(subject);
    }

    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.open.next_due()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.open.heap_bytes()
    }

    fn open(&mut self, subject: MemberId, case: Case, due: Time) {
        if self.open.len() < CASES_MAX && !self.open.contains(subject) {
            self.open.insert(subject, case, due);
        }
    }

    /// Takes in an opinion on the subject of the case that asked with this nonce. When nobody else is
    /// waited for, or the last round is decided, the case is weighed at once.
    fn weigh_in(&mut self, now: Time, nonce: u32, from: MemberId, opinion: Opinion) {
        let asked = self.open.iter().find(|(_, case)| case.round.nonce == nonce);
        let Some(subject) = asked.map(|(subject, _)| subject) else { return };
        let Some(case) = self.open.get_mut(subject) else { return };
        let round = &mut case.round;
        let asked = round.asked.iter().position(|asked| *asked == from);
        let Some(place) = asked else { return };
        round.asked.swap_remove(place);
        round.answered += usize::from(opinion.verdict != Verdict::Abstain);
        match opinion.verdict {
            Verdict::Vouch => round.vouched += 1,
            Verdict::Confirm => {
                round.confirmed.push(from);
                round.refused += usize::from(opinion.refused);
                // Who had later word would vouch.
                case.word = case.word.max((now - opinion.word).min(case.silent_since));
            }
            Verdict::Abstain => {}
        }
        let settled = match case.stage {
            Stage::First | Stage::Rest | Stage::Deputies => round.asked.is_empty(),
            Stage::Last => round.vouched > 0,
            Stage::Port | Stage::Private | Stage::Suspected | Stage::Replaced(_) => false,
        };
        if settled {
            self.open.reschedule(subject, now);
        }
    }
}

/// What somebody says of a subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opinion {
    pub(crate) verdict: Verdict,
    /// How long ago it had an answer of the subject.
    pub(crate) word: Duration,
    pub(crate) refused: bool,
}

impl Engine {
    /// A subject has fallen silent.
    pub(crate) fn open_case(&mut self, now: Time, subject: MemberId, opening: Opening) {
        let Opening { life, silent_since } = opening;
        if self.observers.cases.contains(subject) {
            return;
        }
        // Suspected, and nobody here sees to it: that was lost on the way.
        if self.suspicions.contains(subject)
            && let Some(claim) = self.table.get(subject).map(|record| record.claim)
        {
            return self.back_up(now, claim);
        }
        // Somebody else asks about it; if that one falls silent too, this node will. But that one may
        // not know its port.
        let timing = self.observers.timing;
        let refuses = self.links.get(subject).refuses();
        if !refuses && self.observers.opinions.asked_since(subject, now - timing.private()) {
            return;
        }
        let lost = match self.observers.opinions.silent_since(subject) {
            Some(told) if told > now - timing.detection_time => silent_since.min(told),
            _ => silent_since,
        };
        let (floor, due) = (lost - timing.period, now + timing.refusal());
        let mut case = Case::new(life, silent_since, floor, Stage::Port);
        if !self.ring().is_near(subject, REACH, self.table.own_id()) {
            case.after = timing.period;
        }
        self.observers.cases.open(subject, case, due);
        self.stats.cases += 1;
    }

    /// A member that this node watches is suspected, and has no case here: if others do not come to
    /// a verdict, this node will.
    pub(crate) fn back_up(&mut self, now: Time, claim: Claim) {
        if self.observers.cases.contains(claim.id) {
            return;
        }
        let own = self.table.own_id();
        let before = self.ring().observers(claim.id, REACH, |_| false);
        let Some(rank) = before.iter().position(|id| *id == own) else { return };
        let Some(record) = self.table.get(claim.id) else { return };
        let timing = self.observers.timing;
        let word_age = record.evidence.map_or(Duration::ZERO, |evidence| evidence.word_age);
        let deadline = record.since - word_age.min(timing.detection_time) + timing.detection_time;
        let due = deadline.max(now) + timing.floor() * (2 * (rank as u32 + 1));
        let (since, word) = (record.since, record.since - word_age);
        let case = Case::new(claim.life(), since, word, Stage::Suspected);
        self.observers.cases.open(claim.id, case, due);
    }

    /// Another process answers where a member was. If it has moved, or was started again elsewhere, word of
    /// that comes first, and there is no failure. A node that comes to doubt itself meanwhile drops
    /// the case, and begins it anew with the next such answer.
    pub(crate) fn replaced(&mut self, now: Time, subject: MemberId, life: Life, at: SocketAddr) {
        if self.held_life(subject) != Some(life) || self.observers.cases.is_replaced(subject) {
            return;
        }
        let mut case = Case::new(life, now, now, Stage::Replaced(at));
        case.silent = true;
        let due = now + self.observers.timing.replaced();
        self.observers.cases.close(subject);
        self.observers.cases.open(subject, case, due);
    }

    pub(crate) fn receive_opinion(&mut self, now: Time, from: MemberId, nonce: u32, it: Opinion) {
        if self.receive_support(now, from, nonce) || self.receive_vote(now, from, nonce, it.verdict)
        {
            return;
        }
        self.observers.cases.weigh_in(now, nonce, from, it);
    }

    /// Takes the next step of every case that is due.
    pub(crate) fn cases_due(&mut self, now: Time) {
        while let Some((subject, mut case)) = self.observers.cases.open.pop_due(now) {
            if self.held_life(subject) != Some(case.life) || !self.takes_part() {
                continue;
            }
            let link = self.links.get(subject);
            case.word = case.word.max(link.acked.unwrap_or(Time::ZERO).min(case.silent_since));
            if let Some(due) = self.step(now, subject, &mut case) {
                // A suspicion of this node's own has begun one that backs it up.
                self.observers.cases.close(subject);
                self.observers.cases.open(subject, case, due);
            }
        }
    }

    /// One step, and when the next is due; none when the case is over.
    fn step(&mut self, now: Time, subject: MemberId, case: &mut Case) -> Option<Time> {
        match case.stage {
            Stage::Port | Stage::Private => Some(self.ask(now, subject, case, Stage::First)),
            Stage::Suspected => Some(self.ask(now, subject, case, Stage::Last)),
            Stage::Replaced(at) => {
                let address = self.table.get(subject).map(|record| record.attributes.address);
                if address == Some(at) {
                    self.accuse(now, subject, case.life, Status::Failed);
                }
                None
            }
            Stage::First if case.round.vouched == 0 => {
                Some(self.ask(now, subject, case, Stage::Rest))
            }
            Stage::Rest if case.round.vouched == 0 && case.round.answered == 0 => {
                Some(self.ask(now, subject, case, Stage::Deputies))
            }
            _ => self.weigh(now, subject, case),
        }
    }

    /// Asks those whose turn it is, and pings the subject itself meanwhile. Answers when they have had
    /// their time.
    fn ask(&mut self, now: Time, subject: MemberId, case: &mut Case, stage: Stage) -> Time {
        let chosen = self.whom_to_ask(now, subject, case, stage);
        if stage != Stage::Rest && stage != Stage::Deputies {
            case.round = Round { nonce: self.rng.random(), ..Round::default() };
            self.ping_subject(now, subject, Purpose::Evidence);
            if stage == Stage::Last {
                self.ping_by_stream(now, subject, Purpose::Evidence);
            }
        }
        let link = self.links.get(subject);
        let (refuses, refused) = (link.refuses(), link.is_refused());
        let target = Target::of(subject, case.life);
        for (id, address) in &chosen {
            let body = Body::Query {
                nonce: case.round.nonce,
                subject: target,
                since: now.since(case.silent_since),
                refused: refuses,
                contest: false,
            };
            self.send(Outgoing::new(*address, Some(*id), body));
            case.round.asked.push(*id);
        }
        self.stats.queries_sent += chosen.len() as u64;
        let timing = self.observers.timing;
        let (answer, hasty) = (self.answer_time(subject), self.hasty_time(subject));
        let wait = match (chosen.is_empty(), refuses, refused) {
            (false, false, _) => answer * 2 + timing.margin(),
            (false, true, _) => answer + hasty * 2 + timing.refusal() + timing.margin(),
            // The second ping is to have its time.
            (true, true, false) => hasty + timing.refusal(),
            (true, _, _) => timing.refusal(),
        };
        case.stage = stage;
        match stage {
            Stage::Last => (now + wait).max(self.deadline(subject, case)),
            _ => now + wait,
        }
    }

    fn whom_to_ask(
        &mut self,
        now: Time,
        subject: MemberId,
        case: &Case,
        stage: Stage,
    ) -> Vec<(MemberId, SocketAddr)> {
        let own = self.table.own_id();
        let asked = |id: &MemberId| {
            let round = &case.round;
            round.asked.contains(id) || round.confirmed.contains(id)
        };
        let doubted = |id: MemberId| id == own || self.is_doubted(id);
        let mut observers = self.ring().observers(subject, REACH, doubted);
        let deputies = |not: &[MemberId], count: usize| {
            let heard = self.contacts.latest(count + not.len() + 2);
            let lately = now - self.observers.timing.silence();
            let fresh = heard.into_iter().filter(|id| {
                let at = self.contacts.get(*id).map(|contact| contact.at);
                *id != subject && !not.contains(id) && at.is_some_and(|at| at >= lately)
            });
            fresh.filter(|id| !doubted(*id)).take(count).collect::<Vec<MemberId>>()
        };
        let chosen: Vec<MemberId> = match stage {
            Stage::First => {
                // Any three, so that the work is spread.
                for place in (1..observers.len()).rev() {
                    let other = self.rng.random_range(0..=place);
                    observers.swap(place, other);
                }
                // A refusal is soon told, so all are asked at once.
                if !self.links.get(subject).refuses() {
                    observers.truncate(ASKED_FIRST);
                }
                observers
            }
            Stage::Rest => {
                observers.retain(|id| !asked(id));
                observers
            }
            Stage::Deputies => deputies(&observers, DEPUTIES),
            // Some besides the observers: all of these may be on the wrong side of a cut.
            _ => {
                let more = deputies(&observers, DEPUTIES);
                observers.into_iter().chain(more).collect()
            }
        };
        let address = |id| Some((id, self.peer_address(id)?));
        chosen.into_iter().filter_map(address).collect()
    }

    /// When the detection time since the last word of the subject is over, and its suspicion could have
    /// been refuted; of two members the other is given twice the time, since there is nobody to ask.
    fn deadline(&self, subject: MemberId, case: &Case) -> Time {
        let over = case.word.max(case.floor) + self.time_given() + case.after;
        let suspected = self.suspicions.since(subject);
        let refutable = suspected.map(|since| since + self.observers.timing.refutable());
        refutable.map_or(over, |refutable| refutable.max(over))
    }

    fn time_given(&self) -> Duration {
        let alone = if self.table.live_len() <= 2 { 2 } else { 1 };
        self.observers.timing.detection_time * alone
    }

    /// Weighs what was said; none when the case is over.
    fn weigh(&mut self, now: Time, subject: MemberId, case: &mut Case) -> Option<Time> {
        let timing = self.observers.timing;
        let refused = self.links.get(subject).is_refused();
        let nobody = case.round.answered == 0;
        if case.round.vouched > 0 {
            if case.round.confirmed.len() >= CONFIRMED_FOR_CONTEST {
                self.hold_contest(now, subject, case.life);
            } else if !self.reach.is_out(subject) {
                // The fault is likely here.
                self.local_health.worsen();
                self.vouched_but_silent(now, subject);
            }
            return None;
        }
        if !case.silent {
            // Others may be gone with it, their observers among them.
            self.observers.alarm_until = now + timing.alarm();
        }
        case.silent = true;
        if refused && (nobody || case.round.refused > 0) {
            self.convict(now, subject, &case.verdicts(), Reason::Refused);
            return None;
        }
        if self.is_gated(now) {
            // What is known to all goes on when this node is sound again.
            case.stage = Stage::Suspected;
            return self.suspicions.contains(subject).then_some(now + timing.period);
        }
        let two = self.table.live_len() <= 2;
        if nobody && !two {
            self.local_health.worsen();
            case.stage = if case.stage == Stage::Last { Stage::Suspected } else { Stage::Private };
            return Some(now + timing.period);
        }
        let deadline = self.deadline(subject, case);
        let public = deadline - self.time_given() / 2;
        if case.stage == Stage::Last && now >= deadline {
            self.convict(now, subject, &case.verdicts(), Reason::Silent);
            return None;
        }
        let last = self.answer_time(subject) * 2 + timing.margin();
        if case.stage == Stage::Last && deadline <= now + last {
            // Somebody had word a little later than was thought: no new round for that.
            return Some(deadline);
        }
        if now < public {
            case.stage = Stage::Private;
            return Some(public);
        }
        self.accuse_with(now, subject, &case.verdicts(), Status::Suspect, Reason::Silent);
        case.stage = Stage::Suspected;
        Some((self.deadline(subject, case) - last).max(now))
    }

    pub(crate) fn convict(
        &mut self,
        now: Time,
        subject: MemberId,
        on: &Verdicts<'_>,
        reason: Reason,
    ) {
        self.stats.failures_declared += 1;
        self.accuse_with(now, subject, on, Status::Failed, reason);
    }

    fn accuse_with(
        &mut self,
        now: Time,
        subject: MemberId,
        on: &Verdicts<'_>,
        status: Status,
        reason: Reason,
    ) {
        let Some(record) = self.table.get(subject) else { return };
        let own = self.table.own_id();
        let voters = Voters::of(std::iter::once(own).chain(on.confirmed.iter().copied()));
        let evidence = Evidence { reason, word_age: now.since(on.word), voters };
        let claim = record.claim.with_status(status);
        let update =
            Update { accuser: Some(own), evidence: Some(evidence), ..Update::claim(claim) };
        self.absorb_own(now, &update);
        if status == Status::Suspect {
            self.suspicions.accused_here(subject);
        }
    }
}
