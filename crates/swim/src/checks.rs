//! Claims of a death that are checked with their subject before they are believed.
//!
//! ```text
//!   old or contradicted claim ──> open (shown as suspect) ── larger word of the subject ──> over
//!        failed / closed           │  pinged, and told the claim, once per period
//!                                  └─ three periods ──> heard of it since: the claim is dropped,
//!                                                       it must refute; silence: believed
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headcount_state::{Grace, MemberId, Status, Time, Update};
use headcount_wire::Body;
use rand::RngExt;

use crate::engine::Engine;
use crate::event::Event;
use crate::outbox::Outgoing;

/// A check lasts so many periods.
const PERIODS: u32 = 3;

#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// The claim that is checked.
    pub(crate) update: Update,
    /// Pings sent so far.
    pub(crate) attempts: u32,
    opened: Time,
    due: Time,
}

/// What is to be done about a check now.
#[derive(Clone, Debug)]
pub(crate) enum CheckStep {
    /// Ping the subject; from the second attempt on, through relays too.
    Ping {
        /// The subject.
        subject: MemberId,
        /// Ask relays as well.
        relays: bool,
    },
    /// Time is up: judge by whether the subject was heard since `opened`.
    Judge {
        /// The claim.
        update: Update,
        /// When the check began.
        opened: Time,
    },
}

/// The checks that run, by subject.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    open: BTreeMap<MemberId, Check>,
    due: BTreeSet<(Time, MemberId)>,
}

impl Checks {
    /// Begins to check a claim, or takes a larger one into a running check. True when it begins.
    pub(crate) fn open(&mut self, now: Time, update: &Update) -> bool {
        let subject = update.claim.id;
        if let Some(check) = self.open.get_mut(&subject) {
            if update.claim.version > check.update.claim.version {
                check.update = update.clone();
            }
            return false;
        }
        let check = Check { update: update.clone(), attempts: 0, opened: now, due: now };
        self.open.insert(subject, check);
        self.due.insert((now, subject));
        true
    }

    /// The claim under check about `subject`.
    pub(crate) fn get(&self, subject: MemberId) -> Option<&Update> {
        self.open.get(&subject).map(|check| &check.update)
    }

    pub(crate) fn contains(&self, subject: MemberId) -> bool {
        self.open.contains_key(&subject)
    }

    pub(crate) fn close(&mut self, subject: MemberId) -> bool {
        let Some(check) = self.open.remove(&subject) else { return false };
        self.due.remove(&(check.due, subject));
        true
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the next step that is due.
    pub(crate) fn pop_due(&mut self, now: Time, period: Duration) -> Option<CheckStep> {
        let (at, subject) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, subject));
        let check = self.open.get_mut(&subject)?;
        if check.attempts < PERIODS {
            check.attempts += 1;
            check.due = now + period;
            self.due.insert((check.due, subject));
            return Some(CheckStep::Ping { subject, relays: check.attempts > 1 });
        }
        let check = self.open.remove(&subject)?;
        Some(CheckStep::Judge { update: check.update, opened: check.opened })
    }

    pub(crate) fn clear(&mut self) {
        self.open.clear();
        self.due.clear();
    }
}

/// Relays asked when a first direct ping of a check was in vain.
const RELAYS: usize = 2;

impl Engine {
    /// Whether a dead claim about a live member must be checked: it is old, it is about a life
    /// that is only remembered as over, or the member was heard after the claim was made.
    pub(crate) fn grace(&self, now: Time, update: &Update) -> Grace {
        let claim = update.claim;
        let Some(record) = self.table.get(claim.id).filter(|record| record.is_live()) else {
            return Grace::Closed;
        };
        let made = now - update.age;
        let contact = self.contacts.get(claim.id);
        let contradicted = contact.is_some_and(|c| c.at > made && c.life == record.claim.life());
        let old = claim.status() == Status::Closed || update.age > self.config.check_age;
        if old || contradicted { Grace::Open } else { Grace::Closed }
    }

    /// Begins to check a claim: until it is judged the member is shown as suspect.
    pub(crate) fn open_check(&mut self, now: Time, update: &Update) {
        let subject = update.claim.id;
        let before = self.member(subject).map(|member| member.status());
        if !self.checks.open(now, update) {
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
        while let Some(step) = self.checks.pop_due(now, self.config.period) {
            match step {
                CheckStep::Ping { subject, relays } => self.ping_checked(subject, relays),
                CheckStep::Judge { update, opened } => self.judge(now, &update, opened),
            }
        }
    }

    fn ping_checked(&mut self, subject: MemberId, relays: bool) {
        let Some((target, address)) = self.aim_at(subject) else { return };
        let nonce = self.rng.random();
        let ping = Body::Ping { nonce, target: Some(target) };
        self.send(Outgoing::new(address, Some(subject), ping));
        if relays {
            self.ask_relays(nonce, target, address, |_| (RELAYS, false));
        }
    }

    fn judge(&mut self, now: Time, update: &Update, opened: Time) {
        let subject = update.claim.id;
        if self.contacts.get(subject).is_some_and(|contact| contact.at >= opened) {
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
        assert!(checks.open(Time::ZERO, &failed(0)));
        assert!(!checks.open(Time::ZERO, &failed(1)), "a larger claim joins the running check");
        for second in 0..3u64 {
            let now = Time::from_millis(second * 1_000);
            assert_eq!(checks.next_due(), Some(now));
            let step = checks.pop_due(now, period);
            let relays = second > 0;
            assert!(matches!(step, Some(CheckStep::Ping { relays: r, .. }) if r == relays));
        }
        let step = checks.pop_due(Time::from_millis(3_000), period);
        let Some(CheckStep::Judge { update, opened }) = step else { panic!("{step:?}") };
        assert_eq!((update, opened), (failed(1), Time::ZERO));
        assert_eq!(checks.next_due(), None);
    }

    #[test]
    fn a_closed_check_takes_no_more_steps() {
        let mut checks = Checks::default();
        checks.open(Time::ZERO, &failed(0));
        assert!(checks.close(MemberId::of("x")));
        assert!(checks.pop_due(Time::MAX, Duration::from_secs(1)).is_none());
    }
}
