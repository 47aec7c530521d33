//! The hold: a member that was failed again and again waits before it comes back.
//!
//! ```text
//!   failed, silent, once in 10 min           back at once
//!   else, a period and a half later          members at random are asked: do two thirds answer?
//!     they do                                one spoke ill of it: back at once, it does not count
//!     they do not, they hold it as failed    held, as follows
//!   failed, link                             after 10 s on a good link
//!   failed n times in 10 min, n >= 2         after 30 s * 4^(n-2) on a good link, at most 10 min
//!   the link stays bad                       silent: after 10 min; link: after 30 min
//!   lost together with others, or by them    does not count: that was a cut
//!   a tenth of all is failed already         back at once: nobody is helped if many stay away
//! ```
//! A verdict that comes when its suspicion is refuted already counts, too: the refutation may be heard
//! by nobody. Who is held then says itself that it has failed, so that it is not back by that.
//! While it is held a member pings another twice a period, says so, and neither watches nor accuses.

use std::collections::VecDeque;
use std::time::Duration;

use headcount_state::{MemberId, Reason, Status, Time, Update, Version};
use headcount_wire::Body;
use rand::RngExt;

use super::pings::Purpose;
use super::timing::{
    BELIEVERS_ASKED, CUT_MIN, CUT_TIMES, HELD_SHARE, HOLD_AFTER_LINK, HOLD_AFTER_SECOND,
    HOLD_GROWTH, HOLD_LINK_LONGEST, HOLD_LONGEST, HOLD_PINGS, HOLD_WINDOW,
};
use crate::engine::Engine;
use crate::event::Event;
use crate::outbox::Outgoing;

/// Others that were lost, as many as are remembered.
const LOST_MAX: usize = 64;

/// A node's own failures, and the wait for the end of the last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holding {
    failures: VecDeque<Time>,
    /// Others that this node lost lately, as far as it remembers.
    lost: VecDeque<(Time, MemberId)>,
    accused: Option<Accused>,
    hold: Option<Hold>,
    /// The latest failure that was counted: it is told by many.
    counted: Option<Version>,
}

/// It is said to have failed, and finds out who believes that.
#[derive(Clone, Debug)]
struct Accused {
    claim: Update,
    /// It refuted the suspicion before, so that it is back if somebody hears that.
    refuted: bool,
    reason: Reason,
    wait: Duration,
    nonce: u32,
    /// Those who were asked and have not answered, once anybody was.
    asked: Option<Vec<MemberId>>,
    answered: usize,
    due: Time,
}

#[derive(Clone, Debug)]
struct Hold {
    reason: Reason,
    since: Time,
    wait: Duration,
    longest: Duration,
    outcomes: VecDeque<bool>,
    good_since: Option<Time>,
    due: Time,
}

impl Hold {
    /// When it ends if the link stays as it is.
    fn ends(&self) -> Time {
        let latest = self.since + self.longest;
        self.good_since.map_or(latest, |since| (since + self.wait).min(latest))
    }

    fn record(&mut self, now: Time, answered: bool) {
        if self.outcomes.len() == HOLD_PINGS {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(answered);
        let lost = self.outcomes.iter().filter(|answered| !**answered).count();
        if lost * 2 > self.outcomes.len() || self.outcomes.len() < HOLD_PINGS / 2 {
            self.good_since = None;
        } else if self.good_since.is_none() {
            self.good_since = Some(now);
        }
    }
}

impl Holding {
    /// Whether this node accuses nobody, since it was failed itself.
    pub(crate) fn is_held(&self) -> bool {
        self.hold.is_some() || self.accused.is_some()
    }

    /// What was waited for is over.
    pub(crate) fn let_go(&mut self) {
        self.hold = None;
        self.accused = None;
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        let accused = self.accused.as_ref().map(|accused| accused.due);
        accused.or(self.hold.as_ref().map(|hold| hold.due))
    }

    pub(crate) fn record(&mut self, now: Time, answered: bool) {
        if let Some(hold) = &mut self.hold {
            hold.record(now, answered);
        }
    }

    /// Another member was lost.
    pub(crate) fn lost(&mut self, now: Time, member: MemberId) {
        if self.lost.len() == LOST_MAX {
            self.lost.pop_front();
        }
        self.lost.push_back((now, member));
    }

    /// Counts a failure, and says how long it makes its member wait.
    fn wait_after(&mut self, now: Time, reason: Reason) -> Duration {
        while self.failures.front().is_some_and(|at| now.since(*at) > HOLD_WINDOW) {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        let again = self.failures.len() as u32 - 1;
        match (again, reason) {
            (0, Reason::Link) => HOLD_AFTER_LINK,
            (0, _) => Duration::ZERO,
            (again, _) => {
                let times = HOLD_GROWTH.saturating_pow(again - 1);
                HOLD_AFTER_SECOND.saturating_mul(times).min(HOLD_LONGEST)
            }
        }
    }
}

impl Engine {
    /// Whether this node is held, until when if its link stays as it is, and why.
    pub fn held(&self) -> Option<(Reason, Time)> {
        let hold = self.observers.holding.hold.as_ref()?;
        Some((hold.reason, hold.ends()))
    }

    /// This node hears that it was failed; true if it does not answer yet.
    pub(crate) fn holds_back(&mut self, now: Time, update: &Update) -> bool {
        let claim = update.claim;
        let mine = claim.id == self.table.own_id() && claim.life() == self.table.own_life();
        let accuses = matches!(claim.status(), Status::Suspect | Status::Failed);
        if mine && accuses && self.observers.holding.accused.is_some() {
            // It would be back by refuting a suspicion.
            return true;
        }
        let mine = mine && claim.status() == Status::Failed;
        if !mine || !self.observes() || !self.takes_part() {
            return false;
        }
        let Some(own) = self.own_record().map(|record| record.claim) else { return false };
        let refuted = own.version > claim.version;
        let just = own.version.incarnation().checked_sub(1) == Some(claim.version.incarnation());
        let told = self.observers.holding.counted >= Some(claim.version);
        if (refuted && !just) || told || self.was_cut_off(now, update) {
            return false;
        }
        let reason = update.evidence.map_or(Reason::Silent, |evidence| evidence.reason);
        let wait = self.observers.holding.wait_after(now, reason);
        self.observers.holding.counted = Some(claim.version);
        if wait.is_zero() {
            return false;
        }
        self.observers.drop_judgements();
        let claim = if refuted { own.with_status(Status::Failed) } else { claim };
        self.observers.holding.accused = Some(Accused {
            claim: Update { claim, ..update.clone() },
            refuted,
            reason,
            wait,
            nonce: self.rng.random(),
            asked: None,
            answered: 0,
            // By then it has spread, if it is believed.
            due: now + self.config.period * 3 / 2,
        });
        true
    }

    /// Asks members at random about this node itself: who holds it as failed does not answer.
    fn ask_who_believes_it(&mut self, now: Time, mut accused: Accused) {
        let mut asked = Vec::with_capacity(BELIEVERS_ASKED);
        self.peers.sample(&mut self.rng, BELIEVERS_ASKED, &[], &mut asked);
        for id in &asked {
            let Some(address) = self.peer_address(*id) else { continue };
            let body = Body::Query {
                nonce: accused.nonce,
                subject: self.own_target(),
                since: Duration::ZERO,
                refused: false,
                contest: false,
            };
            self.send(Outgoing::new(address, Some(*id), body));
        }
        accused.asked = Some(asked);
        accused.due = now + self.config.period / 2;
        self.observers.holding.accused = Some(accused);
    }

    /// Somebody answers whether it holds this node as alive; false if that was not asked.
    pub(crate) fn receive_support(&mut self, now: Time, from: MemberId, nonce: u32) -> bool {
        let accused = self.observers.holding.accused.as_mut();
        let Some(accused) = accused.filter(|accused| accused.nonce == nonce) else { return false };
        if let Some(asked) = &mut accused.asked
            && let Some(place) = asked.iter().position(|id| *id == from)
        {
            asked.swap_remove(place);
            accused.answered += 1;
            if asked.is_empty() {
                accused.due = now;
            }
        }
        true
    }

    /// Most believe it, or most do not; if there was nobody to ask, nobody does.
    fn settle_accusation(&mut self, now: Time, accused: &Accused, silent: usize) {
        let Accused { ref claim, refuted, reason, wait, answered, .. } = *accused;
        let disbelieved = answered * 3 >= (answered + silent) * 2;
        if disbelieved {
            // Who fails one that others hear speaks for itself alone.
            self.observers.holding.failures.pop_back();
        }
        if disbelieved || self.many_are_out(now) {
            if !refuted {
                self.absorb_own(now, claim);
            }
            return;
        }
        let longest = if reason == Reason::Link { HOLD_LINK_LONGEST } else { HOLD_LONGEST };
        if !self.table.hold_own(now, claim) {
            return;
        }
        self.stop_judging();
        self.observers.holding.hold = Some(Hold {
            reason,
            since: now,
            wait,
            longest: longest.max(wait),
            outcomes: VecDeque::new(),
            good_since: None,
            due: now,
        });
        self.events.push_back(Event::Held { reason, wait });
    }

    /// Whether more than a tenth of the members would be out with this one.
    fn many_are_out(&self, now: Time) -> bool {
        let out = self.losses.since(now - HOLD_WINDOW).len();
        out > 0 && (out + 1) * HELD_SHARE > self.table.live_len() + out
    }

    /// Whether this node lost others at the time when it was lost: then it was a cut.
    fn was_cut_off(&self, now: Time, update: &Update) -> bool {
        let around = now - update.age - self.observers.timing.detection_time * CUT_TIMES;
        let lost = self.observers.holding.lost.iter().filter(|(at, _)| *at > around);
        let many = CUT_MIN.max(self.table.live_len() / 10).min(LOST_MAX);
        let (mut count, mut accuser) = (0, false);
        for (_, member) in lost {
            count += 1;
            accuser |= Some(*member) == update.accuser;
        }
        count >= many || accuser
    }

    /// Comes back, if it was held.
    pub(crate) fn end_hold(&mut self, now: Time) {
        self.observers.holding.let_go();
        if let Some(change) = self.table.release_own(now) {
            self.own_changed(now, change);
        }
    }

    /// The next ping of a held member, or the end of the wait.
    pub(crate) fn hold_due(&mut self, now: Time) {
        if let Some(accused) = self.observers.holding.accused.take_if(|it| it.due <= now) {
            match accused.asked.as_ref().map(Vec::len) {
                None => self.ask_who_believes_it(now, accused),
                Some(silent) => self.settle_accusation(now, &accused, silent),
            }
        }
        let Some(hold) = self.observers.holding.hold.as_mut().filter(|hold| hold.due <= now) else {
            return;
        };
        if now >= hold.ends() {
            return self.end_hold(now);
        }
        hold.due = now + self.config.period / 2;
        if let Some(id) = self.peers.exchange_partner(&mut self.rng) {
            self.ping_subject(now, id, Purpose::Hold);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::from_millis(secs * 1_000)
    }

    #[test]
    fn who_fails_again_and_again_waits_longer_each_time_until_it_was_well_for_long() {
        let mut holding = Holding::default();
        let mut wait = |secs, reason| holding.wait_after(at(secs), reason).as_secs();
        assert_eq!(wait(0, Reason::Silent), 0);
        assert_eq!(wait(10, Reason::Silent), 30);
        assert_eq!(wait(60, Reason::Refused), 120);
        assert_eq!(wait(300, Reason::Link), 480);
        assert_eq!(wait(500, Reason::Silent), 600);
        assert_eq!(wait(1_200, Reason::Link), 10);
    }
}
