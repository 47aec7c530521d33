//! Opinions: what this node says when it is asked about a member.
//!
//! ```text
//!   asked ── the member answered this node since ──────────────> vouch
//!     │  ── not known as that process, or no member myself ────> abstain
//!     └─ ping, and ping again and try the port if the asker saw it refuse
//!          ├─ answer ─────────────────────────────────────────-> vouch, to all who asked
//!          └─ silence ── gated: abstain;  else ─────────────────> confirm
//! ```

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use headcount_state::{Agenda, Life, MemberId, Time};
use headcount_wire::{Body, Target, Verdict};

use super::make_room;
use super::pings::Purpose;
use super::timing::{QUERIES_PER_PERIOD, REACH};
use crate::engine::Engine;
use crate::outbox::Outgoing;

/// The most members about whom this node finds out at once.
pub(crate) const QUESTIONS_MAX: usize = 256;

/// Whom it has been asked about lately, and by whom, at most.
const REMEMBERED_MAX: usize = 256;

/// So many are told of one answer, at most.
const ASKERS_MAX: usize = 16;

/// Who asked, and where it is to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    id: MemberId,
    address: SocketAddr,
    nonce: u32,
    /// Answers to what was sent from then on are word of the subject to it.
    since: Time,
}

impl Asker {
    /// Joins those who wait for the same answer, once, and unless they are too many.
    pub(crate) fn join(self, askers: &mut Vec<Asker>) {
        askers.retain(|known| known.id != self.id);
        if askers.len() < ASKERS_MAX {
            askers.push(self);
        }
    }
}

#[derive(Clone, Debug)]
struct Question {
    life: Life,
    askers: Vec<Asker>,
    /// A second ping is sent, and the question is due then: a refusal counts after two that were lost.
    again: Option<Time>,
}

/// The latest that was said of a member when it was asked about.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Time,
    silent_since: Time,
    /// By one that watches it, who will come to a verdict.
    by_observer: bool,
    /// When this node found it silent itself.
    confirmed: Option<Time>,
}

/// Questions of others, and the members whom they were about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opinions {
    open: Agenda<MemberId, Question>,
    asked: BTreeMap<MemberId, Asked>,
    /// How much each has asked in the window that began then.
    askers: BTreeMap<MemberId, (Time, u32)>,
}

impl Opinions {
    /// Whether another observer of a member has asked about it since then.
    pub(crate) fn asked_since(&self, subject: MemberId, since: Time) -> bool {
        self.asked.get(&subject).is_some_and(|asked| asked.at > since && asked.by_observer)
    }

    /// Since when the member was silent, as those said who asked.
    pub(crate) fn silent_since(&self, subject: MemberId) -> Option<Time> {
        self.asked.get(&subject).map(|asked| asked.silent_since)
    }

    /// Whether this node found the member silent since then.
    pub(crate) fn confirmed_since(&self, subject: MemberId, since: Time) -> bool {
        let confirmed = self.asked.get(&subject).and_then(|asked| asked.confirmed);
        confirmed.is_some_and(|at| at > since)
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.open.next_due()
    }

    pub(crate) fn forget(&mut self, subject: MemberId) {
        self.open.remove(subject);
        self.asked.remove(&subject);
    }

    pub(crate) fn clear(&mut self) {
        *self = Opinions::default();
    }

    /// Whether one who has asked so much may ask once more.
    fn may_ask(&mut self, now: Time, asker: MemberId, period: Duration) -> bool {
        make_room(&mut self.askers, asker, REMEMBERED_MAX, |(begun, _)| *begun);
        let (begun, count) = self.askers.entry(asker).or_insert((now, 0));
        if now.since(*begun) >= period {
            (*begun, *count) = (now, 0);
        }
        *count += 1;
        *count <= QUERIES_PER_PERIOD
    }

    fn remember(&mut self, now: Time, subject: MemberId, silent_since: Time, by_observer: bool) {
        make_room(&mut self.asked, subject, REMEMBERED_MAX, |asked| asked.at);
        let fresh = Asked { at: now, silent_since, by_observer, confirmed: None };
        let asked = self.asked.entry(subject).or_insert(fresh);
        asked.at = now;
        asked.by_observer = by_observer;
        asked.silent_since = silent_since;
    }

    fn join(&mut self, subject: MemberId, asker: Asker) -> bool {
        let Some(question) = self.open.get_mut(subject) else { return false };
        asker.join(&mut question.askers);
        true
    }

    fn open(&mut self, subject: MemberId, question: Question, due: Time) {
        if self.open.len() < QUESTIONS_MAX {
            self.open.insert(subject, question, due);
        }
    }

    /// Takes out those who asked about the subject and for whom what was sent to it then says
    /// something.
    fn take_askers(&mut self, subject: MemberId, sent: Time) -> Vec<Asker> {
        let Some(question) = self.open.get_mut(subject) else { return Vec::new() };
        let askers = question.askers.extract_if(.., |asker| sent >= asker.since).collect();
        if question.askers.is_empty() {
            self.open.remove(subject);
        }
        askers
    }
}

/// What one node asks another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    pub(crate) nonce: u32,
    pub(crate) subject: Target,
    pub(crate) since: Duration,
    pub(crate) refused: bool,
    /// The link is to be measured.
    pub(crate) contest: bool,
}

impl Engine {
    pub(crate) fn receive_query(
        &mut self,
        now: Time,
        from: SocketAddr,
        sender: MemberId,
        it: Query,
    ) {
        let Query { nonce, subject, since, refused, contest } = it;
        // Nobody can have answers sent to another by taking its name.
        let Some(address) = self.peer_address(sender).filter(|address| *address == from) else {
            return;
        };
        let asker = Asker { id: sender, address, nonce, since: now - since };
        let id = subject.id;
        let life = self.held_life(id).filter(|life| Target::of(id, *life) == subject);
        let judges = self.takes_part() && !self.observers.holding.is_held();
        let asks_little = self.observers.opinions.may_ask(now, sender, self.config.period);
        let (Some(life), true) = (life, judges && asks_little) else {
            return self.say(&asker, Verdict::Abstain, Duration::ZERO, false);
        };
        if id == self.table.own_id() {
            return self.say(&asker, Verdict::Vouch, Duration::ZERO, false);
        }
        if contest {
            return self.measure(now, id, life, Some(asker));
        }
        let silent_since = now - since;
        let by_observer = self.ring().is_near(id, REACH, sender);
        self.observers.opinions.remember(now, id, silent_since, by_observer);
        let link = self.links.get(id);
        if let Some(acked) = link.acked.filter(|acked| *acked >= silent_since)
            && !self.observers.doubt.is_quarantined(now)
        {
            self.observers.opinions.asked.remove(&id);
            return self.say(&asker, Verdict::Vouch, now.since(acked), false);
        }
        if self.observers.opinions.join(id, asker) {
            return;
        }
        let (due, again) = match refused {
            true => {
                let wait = self.hasty_time(id);
                let judged = now + wait * 2 + self.observers.timing.refusal();
                (now + wait, Some(judged))
            }
            false => (now + self.answer_time(id), None),
        };
        let question = Question { life, askers: vec![asker], again };
        self.observers.opinions.open(id, question, due);
        if refused {
            self.ping_hastily(now, id, Purpose::Evidence);
            self.ping_by_stream(now, id, Purpose::Evidence);
        } else {
            self.ping_subject(now, id, Purpose::Evidence);
        }
    }

    /// The member has answered what was sent to it then: so are those told who asked about it.
    pub(crate) fn vouch_for(&mut self, now: Time, id: MemberId, sent: Time) {
        if self.observers.opinions.silent_since(id).is_some_and(|since| sent >= since) {
            self.observers.opinions.asked.remove(&id);
        }
        let quarantined = self.observers.doubt.is_quarantined(now);
        let verdict = if quarantined { Verdict::Abstain } else { Verdict::Vouch };
        for asker in self.observers.opinions.take_askers(id, sent) {
            self.say(&asker, verdict, now.since(sent), false);
        }
    }

    /// Questions whose subject has stayed silent.
    pub(crate) fn opinions_due(&mut self, now: Time) {
        while let Some((id, mut question)) = self.observers.opinions.open.pop_due(now) {
            if let Some(due) = question.again.take() {
                self.ping_hastily(now, id, Purpose::Evidence);
                self.observers.opinions.open(id, question, due);
                continue;
            }
            let silent = self.held_life(id) == Some(question.life) && !self.is_gated(now);
            let link = self.links.get(id);
            let word = link.acked.map_or(Duration::MAX, |acked| now.since(acked));
            let refused = silent && link.is_refused();
            if silent && let Some(asked) = self.observers.opinions.asked.get_mut(&id) {
                asked.confirmed = Some(now);
            }
            let verdict = if silent { Verdict::Confirm } else { Verdict::Abstain };
            for asker in &question.askers {
                self.say(asker, verdict, word, refused);
            }
        }
    }

    pub(crate) fn say(&mut self, to: &Asker, verdict: Verdict, word: Duration, refused: bool) {
        let body = Body::Opinion { nonce: to.nonce, verdict, word, refused };
        self.send(Outgoing::new(to.address, Some(to.id), body));
    }
}
