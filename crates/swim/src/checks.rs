//! Claims of a death that are checked with their subject before they are believed.
//!
//! ```text
//!   old or contradicted claim ──> open (shown as suspect) ── larger word of the subject ──> over
//!        failed / closed           │  pinged, and told the claim, once per period
//!                                  └─ three periods, or two pings ──> it answered: the claim is
//!                                                       dropped, it must refute; silence:
//!                                                       believed
//!   for a bad link                 └─ ten pings, half a period apart ──> most were answered:
//!                                                       dropped; otherwise believed
//! ```

use std::time::Duration;

use headcount_state::{Agenda, Grace, MemberId, Reason, Record, Status, Time, Update};
use headcount_wire::Body;
use rand::RngExt;

use crate::engine::Engine;
use crate::event::Event;
use crate::observers::pings::Purpose;
use crate::outbox::Outgoing;

/// A check lasts so many periods.
const PERIODS: u32 = 3;

/// A check of what could have been refuted takes so many pings, one after the other.
const BRIEF_PINGS: u32 = 2;

/// Where a link is said to be bad, some word gets through: so many pings tell.
const LINK_PINGS: u32 = 10;

#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// The claim that is checked.
    pub(crate) update: Update,
    /// What its pings carry, and the acks to them echo.
    nonce: u32,
    attempts: u32,
    /// How often the subject has answered: replies, not words of its own accord, since one that
    /// cannot hear can still talk.
    answered: u32,
    /// Its port refuses streams.
    refused: bool,
    /// There was time to refute it: two pings will do.
    brief: bool,
}

impl Check {
    fn is_for(&self, reason: Reason) -> bool {
        self.update.evidence.is_some_and(|evidence| evidence.reason == reason)
    }

    fn attempts_max(&self) -> u32 {
        match (self.is_for(Reason::Link), self.brief) {
            (true, _) => LINK_PINGS,
            (false, true) => BRIEF_PINGS,
            (false, false) => PERIODS,
        }
    }

    /// Whether the subject has answered well enough for what it is accused of.
    fn is_well(&self) -> bool {
        let wanted = if self.is_for(Reason::Link) { LINK_PINGS / 2 } else { 1 };
        self.answered >= wanted
    }
}

/// What is to be done about a check now.
#[derive(Clone, Debug)]
pub(crate) enum CheckStep {
    /// Ping the subject; from the second attempt on, through relays too.
    Ping {
        /// The subject.
        subject: MemberId,
        /// The nonce of the check.
        nonce: u32,
        /// Ask relays as well.
        relays: bool,
    },
    /// Time is up.
    Judge {
        /// The claim.
        update: Update,
        /// Whether the subject has answered.
        answered: bool,
    },
}

/// The checks that run, by subject.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    open: Agenda<MemberId, Check>,
}

impl Checks {
    /// Begins to check a claim at this time, or takes a larger one into a running check. True when it
    /// begins.
    pub(crate) fn open(&mut self, at: Time, update: &Update, nonce: u32, brief: bool) -> bool {
        let subject = update.claim.id;
        if let Some(check) = self.open.get_mut(subject) {
            if update.claim.version > check.update.claim.version {
                check.update = update.clone();
            }
            return false;
        }
        let update = update.clone();
        let check = Check { update, nonce, attempts: 0, answered: 0, refused: false, brief };
        self.open.insert(subject, check, at);
        true
    }

    /// The claim under check about `subject`.
    pub(crate) fn get(&self, subject: MemberId) -> Option<&Update> {
        self.open.get(subject).map(|check| &check.update)
    }

    pub(crate) fn contains(&self, subject: MemberId) -> bool {
        self.open.contains(subject)
    }

    /// Takes in an ack of `responder`.
    pub(crate) fn answered(&mut self, responder: MemberId, nonce: u32) {
        if let Some(check) = self.open.get_mut(responder) {
            check.answered += u32::from(check.nonce == nonce);
        }
    }

    /// The port of `subject` refused a stream. A firewall may do so: that says something where it has
    /// let streams through before, or where others say the same.
    pub(crate) fn refused(&mut self, subject: MemberId, let_through: bool) {
        if let Some(check) = self.open.get_mut(subject) {
            check.refused |= let_through || check.is_for(Reason::Refused);
        }
    }

    /// `subject` answered over a stream.
    pub(crate) fn answered_by_stream(&mut self, subject: MemberId) {
        if let Some(check) = self.open.get_mut(subject).filter(|c| !c.is_for(Reason::Link)) {
            check.answered += 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn close(&mut self, subject: MemberId) -> bool {
        self.open.remove(subject).is_some()
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.open.next_due()
    }

    /// Takes the next step that is due. The second ping follows the first after `answer`, the time
    /// that one may take.
    pub(crate) fn pop_due(
        &mut self,
        now: Time,
        period: Duration,
        answer: Duration,
    ) -> Option<CheckStep> {
        let (subject, mut check) = self.open.pop_due(now)?;
        // Who neither answers nor lets a stream through is gone; unless others say that it does not,
        // those who may reach it are asked as well.
        let link = check.is_for(Reason::Link);
        let asked = if check.is_for(Reason::Refused) { 1 } else { 2 };
        let gone = check.attempts >= asked && check.refused && !check.is_well();
        if check.attempts < check.attempts_max() && !gone {
            check.attempts += 1;
            let soon = check.attempts == 1 || check.brief;
            let wait = if link { period / 2 } else { period };
            let (nonce, relays) = (check.nonce, check.attempts > 1 && !link);
            self.open.insert(subject, check, now + if soon { answer } else { wait });
            return Some(CheckStep::Ping { subject, nonce, relays });
        }
        let answered = check.is_well();
        Some(CheckStep::Judge { update: check.update, answered })
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.open.heap_bytes()
    }

    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}

/// In a cluster of more members the checks of one claim are spread over a period.
const AT_ONCE_MAX: usize = 33;

/// Relays asked when a first direct ping of a check was in vain.
const RELAYS: usize = 2;

impl Engine {
    /// Whether a dead claim about a live member must be checked: it is old, it is about a life
    /// that is only remembered as over, or the member was heard after the claim was made. Of claims
    /// that say nothing new, most in a storm, and of those that nobody checks, nothing is asked.
    pub(crate) fn grace(&self, now: Time, update: &Update) -> Grace {
        let claim = update.claim;
        let checkable = matches!(claim.status(), Status::Failed | Status::Closed);
        // Who is no member judges nobody, so it believes what the others say.
        if !checkable || !self.config.checks || !self.takes_part() {
            return Grace::Closed;
        }
        let new = |record: &Record<'_>| record.is_live() && record.claim.version < claim.version;
        let Some(record) = self.table.get(claim.id).filter(new) else {
            return Grace::Closed;
        };
        let made = now - update.age;
        let contact = self.contacts.get(claim.id);
        let life = record.claim.life();
        let contradicted = contact
            .is_some_and(|c| c.at > made && c.life.instance == life.instance && c.life >= life);
        let old = claim.status() == Status::Closed || update.age > self.config.check_age;
        if !old && self.observes() {
            return self.doubts_verdict(now, update, life);
        }
        if old || contradicted { Grace::Open } else { Grace::Closed }
    }

    /// Begins to check a claim: until it is judged the member is shown as suspect.
    pub(crate) fn open_check(&mut self, now: Time, update: &Update) {
        let subject = update.claim.id;
        let before = self.member(subject).map(|member| member.status());
        let nonce = self.rng.random();
        // In a large cluster all who doubt it do not ask at one instant.
        let spread = self.config.period.mul_f64(self.rng.random::<f64>());
        let at = if self.table.live_len() > AT_ONCE_MAX { now + spread } else { now };
        let fresh = update.age <= self.config.check_age && self.observes();
        let brief = fresh && self.could_have_been_refuted(now, update);
        if !self.checks.open(at, update, nonce, brief) {
            return;
        }
        self.stats.checks += 1;
        if before == Some(Status::Alive) {
            let shown = self.member(subject).map(Event::Suspected);
            self.events.extend(shown);
        }
    }

    /// Ends a check that the record has overtaken; true when the member was under one.
    pub(crate) fn follow_check(&mut self, subject: MemberId) -> bool {
        let Some(checked) = self.checks.get(subject) else { return false };
        let held = self.table.get(subject);
        let open = held.is_some_and(|r| r.is_live() && r.claim.version < checked.claim.version);
        !open && self.checks.close(subject)
    }

    /// Pings the subjects of checks, and judges those whose time is over.
    pub(crate) fn checks_due(&mut self, now: Time) {
        let answer = match self.observes() {
            true => self.observers.timing.floor(),
            false => self.config.period,
        };
        while let Some(step) = self.checks.pop_due(now, self.config.period, answer) {
            match step {
                CheckStep::Ping { subject, nonce, relays } => {
                    self.ping_checked(subject, nonce, relays);
                    if self.observes() && !relays {
                        self.ping_by_stream(now, subject, Purpose::Evidence);
                    }
                }
                CheckStep::Judge { update, answered } => self.judge(now, &update, answered),
            }
        }
    }

    fn ping_checked(&mut self, subject: MemberId, nonce: u32, relays: bool) {
        let Some((target, address)) = self.aim_at(subject) else { return };
        let ping = Body::Ping { nonce, target: Some(target.process) };
        self.send(Outgoing::new(address, Some(subject), ping));
        if relays {
            self.ask_relays(nonce, target, RELAYS, false);
        }
    }

    fn judge(&mut self, now: Time, update: &Update, answered: bool) {
        let subject = update.claim.id;
        if answered {
            // It lives. Every frame to it carried the claim, so its refutation is under way; if
            // that is lost, tables differ and the claim comes again.
            let alive = self.member(subject).filter(|member| member.status() == Status::Alive);
            self.events.extend(alive.map(Event::Refuted));
        } else {
            self.absorb_own(now, update);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headcount_state::{Claim, Instance, Life, Status, Version};

    fn failed(incarnation: u32) -> Update {
        let life = Life { generation: 1, instance: Instance::from_u64(1).expect("not zero") };
        let version = Version::new(life, incarnation, Status::Failed);
        Update::claim(Claim { id: MemberId::of("x"), version, over: None })
    }

    #[test]
    fn the_subject_is_pinged_each_period_and_judged_after_three() {
        let period = Duration::from_secs(1);
        let mut checks = Checks::default();
        assert!(checks.open(Time::ZERO, &failed(0), 7, false));
        assert!(
            !checks.open(Time::ZERO, &failed(1), 8, false),
            "a larger claim joins the running check"
        );
        for second in 0..3u64 {
            let now = Time::from_millis(second * 1_000);
            assert_eq!(checks.next_due(), Some(now));
            let step = checks.pop_due(now, period, period);
            let relays = second > 0;
            assert!(
                matches!(step, Some(CheckStep::Ping { nonce: 7, relays: r, .. }) if r == relays)
            );
        }
        let step = checks.pop_due(Time::from_millis(3_000), period, period);
        let Some(CheckStep::Judge { update, answered }) = step else { panic!("{step:?}") };
        assert_eq!((update, answered), (failed(1), false));
        assert_eq!(checks.next_due(), None);
    }

    #[test]
    fn a_closed_check_takes_no_more_steps() {
        let mut checks = Checks::default();
        checks.open(Time::ZERO, &failed(0), 7, false);
        assert!(checks.close(MemberId::of("x")));
        let period = Duration::from_secs(1);
        assert!(checks.pop_due(Time::MAX, period, period).is_none());
    }

    #[test]
    fn a_subject_whose_port_refuses_is_judged_when_relays_have_been_asked() {
        let (period, answer) = (Duration::from_secs(1), Duration::from_millis(200));
        let mut checks = Checks::default();
        checks.open(Time::ZERO, &failed(0), 7, false);
        checks.refused(MemberId::of("x"), false);
        assert!(!checks.open.get(MemberId::of("x")).unwrap().refused, "it may be a firewall");
        checks.refused(MemberId::of("x"), true);
        assert!(checks.pop_due(Time::ZERO, period, answer).is_some());
        let step = checks.pop_due(Time::from_millis(200), period, answer);
        assert!(matches!(step, Some(CheckStep::Ping { relays: true, .. })), "{step:?}");
        let step = checks.pop_due(Time::from_millis(1_200), period, answer);
        assert!(matches!(step, Some(CheckStep::Judge { answered: false, .. })), "{step:?}");
    }

    #[test]
    fn only_an_answer_to_the_check_counts_as_one() {
        let subject = MemberId::of("x");
        let mut checks = Checks::default();
        checks.open(Time::ZERO, &failed(0), 7, false);
        checks.answered(subject, 8);
        checks.answered(MemberId::of("y"), 7);
        assert!(!checks.open.get(subject).unwrap().is_well());
        checks.answered(subject, 7);
        assert!(checks.open.get(subject).unwrap().is_well());
    }
}
