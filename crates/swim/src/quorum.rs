//! The quorum: who has answered this node lately, and what that makes of it.
//!
//! ```text
//!   any ping of this node ── ack ──> word of that voter, as old as the ping
//!                                       │ from one that is up for the detection time: its vote
//!   word older than half the detection time ──> pinged ── silence ──> again, a period later
//! ```
//! A process that began within the detection time has no vote, not even its own: the leases that its
//! predecessor's vote has made, on whatever side that was, are over before it has one. So at any
//! moment all votes that count were given by processes that ran together, the detection time
//! before; `docs/decisions/0012-a-majority-is-a-lease.md` goes on from there.
//!
//! These pings are evidence of nothing else: they open no case, and cost nothing unless an
//! electorate is configured.

use std::net::SocketAddr;
use std::time::Duration;

use headcount_health::{Basis, Count, Quorum, Verdict};
use headcount_state::{Agenda, Claim, MemberId, Name, Standing, Status, Summary, Time, Update};
use headcount_wire::{Body, Heartbeat, Target};
use rand::RngExt;

use crate::config::Config;
use crate::electorate::{Electorate, VOTERS_MAX};
use crate::engine::Engine;
use crate::event::Event;
use crate::losses::LOST_FOR_GOOD;
use crate::outbox::Outgoing;
use crate::timers::Timer;

/// Of an expected size so many members are kept at most: more than the largest, to say so.
const KEPT_MAX: usize = 2 * VOTERS_MAX;

/// So many pings to one voter may be under way; of more the oldest is given up.
const ASKS: usize = 8;

/// One voter, apart from this node itself.
#[derive(Clone, Copy, Debug)]
struct Voter {
    /// Pings under way: nonce, and when it was sent.
    asks: [(u32, Time); ASKS],
    next: usize,
    /// When the latest ping was sent that it answered.
    word: Option<Time>,
    /// The same of the latest that it answered as one that has a vote.
    vote: Option<Time>,
    /// Who and where it was when it was last held as a member.
    place: Option<(Target, SocketAddr)>,
    /// When it was last held as live, or first heard of.
    lived: Time,
}

impl Voter {
    fn new(now: Time) -> Voter {
        let asks = [(0, Time::MAX); ASKS];
        Voter { asks, next: 0, word: None, vote: None, place: None, lived: now }
    }

    fn asked(&mut self, nonce: u32, now: Time) {
        self.asks[self.next] = (nonce, now);
        self.next = (self.next + 1) % ASKS;
    }

    /// Takes in an answer, if it is to one of the pings under way.
    fn answered(&mut self, nonce: u32, has_vote: bool) {
        let under_way = |(asked, sent): &&mut (u32, Time)| *asked == nonce && *sent < Time::MAX;
        let Some((_, sent)) = self.asks.iter_mut().find(under_way) else { return };
        let sent = std::mem::replace(sent, Time::MAX);
        self.word = self.word.max(Some(sent));
        if has_vote {
            self.vote = self.vote.max(Some(sent));
        }
    }
}

/// The voters, each due when it is to be asked next, and what was last told.
#[derive(Debug, Default)]
pub(crate) struct Polls {
    voters: Agenda<MemberId, Voter>,
    /// Whether this node is one of them.
    own: bool,
    /// The table when it was last looked through for members.
    seen: Summary,
    told: Option<(Verdict, bool)>,
}

impl Polls {
    /// A ping goes to `id`, if that is a voter.
    pub(crate) fn asked(&mut self, id: MemberId, nonce: u32, now: Time) {
        if let Some(voter) = self.voters.get_mut(id) {
            voter.asked(nonce, now);
        }
    }
}

/// A voter is asked when its word is this old.
fn fresh_for(config: &Config) -> Duration {
    config.detection_time / 2
}

impl Engine {
    /// Whether this node is on the side of a majority: what it can know at `now`.
    pub fn quorum(&self, now: Time) -> Quorum {
        let (of, excess) = self.electorate_size();
        let basis = self.config.electorate.basis();
        let member = self.table.standing() == Standing::Member && self.departure.is_none();
        let own = match basis {
            Basis::Learned => true,
            _ => self.polls.own && now >= self.votes_from(),
        };
        // Who needs nobody need not hear anybody.
        let deaf = self.isolated && of > 1;
        if !member || deaf {
            let heard = usize::from(own && member);
            return Quorum { excess, heard, ..Quorum::lost(basis, of) };
        }
        let detection_time = self.config.detection_time;
        if basis == Basis::Learned {
            let live = self.table.live_len();
            let until = Some(now + detection_time);
            return Quorum {
                heard: live,
                lease: until.filter(|_| live > of / 2),
                word: until.filter(|_| live > 1),
                ..Quorum::lost(basis, of)
            };
        }
        let mut asked = [Time::ZERO; KEPT_MAX];
        let mut count = 0;
        let mut word = None;
        for (_, voter) in self.polls.voters.iter() {
            word = word.max(voter.word);
            if let Some(vote) = voter.vote {
                asked[count] = vote;
                count += 1;
            }
        }
        let asked = &mut asked[..count];
        Quorum::of(now, detection_time, Count { basis, of, excess, own, asked, word })
    }

    /// The voters of which this node has no fresh word, itself included, by name; members of an
    /// unknown name by id. Sorted, with a learned electorate empty.
    pub fn silent_voters(&self, now: Time) -> Vec<String> {
        let fresh =
            |vote: Option<Time>| vote.is_some_and(|vote| vote + self.config.detection_time > now);
        let silent = self.polls.voters.iter().filter(|(_, voter)| !fresh(voter.vote));
        let own = (self.polls.own && now < self.votes_from()).then(|| self.table.own_id());
        let mut names: Vec<String> =
            silent.map(|(id, _)| id).chain(own).map(|id| self.voter_name(id)).collect();
        names.sort_unstable();
        names
    }

    fn voter_name(&self, id: MemberId) -> String {
        let listed = match &self.config.electorate {
            Electorate::Voters(names) => names.iter().find(|name| name.id() == id),
            _ => None,
        };
        let known = || self.table.get(id).map(|record| record.attributes.name.to_string());
        listed.map(Name::to_string).or_else(known).unwrap_or_else(|| id.to_string())
    }

    /// From when on this process has a vote: no lease that rests on an earlier process of its name
    /// lasts longer.
    fn votes_from(&self) -> Time {
        self.started + self.config.detection_time
    }

    /// How many voters there are, and how many more members than that are known.
    fn electorate_size(&self) -> (usize, usize) {
        match &self.config.electorate {
            Electorate::Learned => (self.table.live_len() + self.losses.len(), 0),
            Electorate::Voters(names) => (names.len(), 0),
            Electorate::ExpectedSize(size) => {
                (*size, (self.polls.voters.len() + 1).saturating_sub(*size))
            }
        }
    }

    /// The voters that are known from the start.
    pub(crate) fn begin_polls(&mut self, now: Time) {
        let own = self.table.own_id();
        let mut listed = Vec::new();
        match &self.config.electorate {
            Electorate::Learned => {}
            Electorate::Voters(names) => listed.extend(names.iter().map(Name::id)),
            Electorate::ExpectedSize(_) => self.polls.own = true,
        }
        for id in listed {
            if id == own {
                self.polls.own = true;
            } else {
                self.meet_voter(now, id);
            }
        }
        let quorum = self.quorum(now);
        self.polls.told = Some((quorum.verdict(now), quorum.excess > 0));
        self.settle(now);
    }

    fn meet_voter(&mut self, now: Time, id: MemberId) {
        // At a random point of the period, so that voters met together are not asked together.
        let soon = self.config.period.mul_f64(self.rng.random::<f64>());
        self.polls.voters.insert(id, Voter::new(now), now + soon);
    }

    /// The detection time is another one: all are asked within a period.
    pub(crate) fn ask_all_soon(&mut self, now: Time) {
        let ids: Vec<MemberId> = self.polls.voters.iter().map(|(id, _)| id).collect();
        for id in ids {
            let soon = self.config.period.mul_f64(self.rng.random::<f64>());
            self.polls.voters.reschedule(id, now + soon);
        }
    }

    /// Pings the voters whose word grows old.
    pub(crate) fn ask_voters(&mut self, now: Time) {
        while let Some((id, mut voter)) = self.polls.voters.pop_due(now) {
            self.place_voter(now, id, &mut voter);
            if self.is_given_up(now, &voter) {
                continue;
            }
            // What it said before it had a vote is no reason to wait.
            let fresh_until = voter.vote.map(|vote| vote + fresh_for(&self.config));
            if let Some(due) = fresh_until.filter(|due| *due > now) {
                self.polls.voters.insert(id, voter, due);
                continue;
            }
            if let Some((target, address)) = voter.place.filter(|_| self.asks_voters()) {
                let nonce = self.rng.random();
                voter.asked(nonce, now);
                let ping = Body::Ping { nonce, target: Some(target.process) };
                self.send(Outgoing::new(address, Some(id), ping));
                self.stats.quorum_pings += 1;
            }
            self.polls.voters.insert(id, voter, now + self.config.period);
        }
    }

    /// Whether this node keeps its votes fresh: one that is held does, so that it has them when it is
    /// back.
    fn asks_voters(&self) -> bool {
        let standing = self.table.standing();
        self.departure.is_none() && matches!(standing, Standing::Member | Standing::Held)
    }

    /// Takes note of where a voter is. One that failed is asked where it was: it may be back, and
    /// hears that it is held as failed.
    fn place_voter(&self, now: Time, id: MemberId, voter: &mut Voter) {
        let Some(record) = self.table.get(id) else { return };
        if record.is_live() {
            voter.lived = now;
        }
        let place = (Target::of(id, record.claim.life()), record.attributes.address);
        let said_goodbye = matches!(record.claim.status(), Status::Left | Status::Evicted);
        voter.place = (!said_goodbye).then_some(place);
    }

    /// A member of an expected size that has been gone for a day is not waited for; a listed voter
    /// is for ever.
    fn is_given_up(&self, now: Time, voter: &Voter) -> bool {
        let expected = matches!(self.config.electorate, Electorate::ExpectedSize(_));
        expected && now.since(voter.lived) >= LOST_FOR_GOOD
    }

    /// Somebody answered a ping of this node itself, and not through another.
    pub(crate) fn voter_answered(&mut self, heartbeat: &Heartbeat, nonce: u32) {
        let id = heartbeat.sender.id;
        let uptime = heartbeat.vitals.map(|vitals| vitals.uptime);
        let has_vote = uptime.is_some_and(|uptime| uptime >= self.config.detection_time);
        // When it is due it turns out that its word is fresh: so an answer, whatever it says and
        // however late it comes, makes nobody ask sooner.
        if let Some(voter) = self.polls.voters.get_mut(id) {
            voter.answered(nonce, has_vote);
        }
    }

    /// With an expected size every member is a voter, one that failed too, until it says goodbye.
    fn follow_members(&mut self, now: Time) {
        let summary = self.table.summary();
        let expected = matches!(self.config.electorate, Electorate::ExpectedSize(_));
        if !expected || summary == self.polls.seen {
            return;
        }
        self.polls.seen = summary;
        let own = self.table.own_id();
        let (mut met, mut gone) = (Vec::new(), Vec::new());
        for record in self.table.records().filter(|record| record.id() != own) {
            let id = record.id();
            let said_goodbye = matches!(record.claim.status(), Status::Left | Status::Evicted);
            match (said_goodbye, self.polls.voters.contains(id)) {
                (true, true) => gone.push(id),
                (false, false) => met.push(id),
                _ => {}
            }
        }
        for id in gone {
            self.polls.voters.remove(id);
        }
        let room = KEPT_MAX.saturating_sub(self.polls.voters.len());
        for id in met.into_iter().take(room) {
            self.meet_voter(now, id);
        }
    }

    /// A newcomer hears of a member that failed before it came: that one may live elsewhere, and
    /// counts.
    pub(crate) fn stranger_buried(&mut self, now: Time, update: &Update) {
        let Claim { id, .. } = update.claim;
        if !matches!(self.config.electorate, Electorate::ExpectedSize(_)) {
            return;
        }
        let is_news = !self.polls.voters.contains(id) && self.polls.voters.len() < KEPT_MAX;
        match update.claim.status() {
            Status::Left | Status::Evicted => drop(self.polls.voters.remove(id)),
            Status::Failed if is_news => self.meet_voter(now, id),
            _ => {}
        }
    }

    /// Whether what was last told still holds.
    pub(crate) fn follows_quorum(&self, now: Time) -> bool {
        let quorum = self.quorum(now);
        self.polls.told.is_none_or(|told| told == (quorum.verdict(now), quorum.excess > 0))
    }

    /// Tells of a verdict that has changed, and sets the timer for the next.
    pub(crate) fn follow_quorum(&mut self, now: Time) {
        self.follow_members(now);
        let quorum = self.quorum(now);
        let verdict = quorum.verdict(now);
        let told = (verdict, quorum.excess > 0);
        if self.polls.told.is_some_and(|before| before != told) {
            self.polls.told = Some(told);
            self.events.push_back(Event::QuorumChanged { verdict, quorum });
        }
        if quorum.basis == Basis::Learned {
            return;
        }
        let grown = Some(self.votes_from()).filter(|at| self.polls.own && *at > now);
        let due = [self.polls.voters.next_due(), quorum.ends(now), grown];
        self.timers.set(Timer::Quorum, due.into_iter().flatten().min());
    }
}
