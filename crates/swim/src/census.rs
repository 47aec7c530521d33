//! A census: every live member is asked which view it holds, when somebody wants to know for sure.
//!
//! ```text
//!   asked ── all are pinged, batch by batch ── the silent ones once more ── a period later: told
//!                        acks name the view
//! ```
//! What a node hears in passing speaks of the peers heard; a census speaks of all.

use std::collections::{BTreeMap, BTreeSet};

use headcount_state::{MemberId, Standing, Time};
use headcount_wire::Body;
use rand::RngExt;

use crate::engine::Engine;
use crate::event::Event;
use crate::outbox::Outgoing;
use crate::timers::Timer;

/// So many members are asked in a period at least, in this many batches: about 170 KB with IP and
/// UDP headers.
const ASKED_PER_PERIOD_MIN: usize = 2_000;
const BATCHES_PER_PERIOD: usize = 20;

/// However many members there are, all are asked within so many periods.
const PERIODS_MAX: usize = 4;

/// Each member is asked so often before it counts as silent.
const PASSES: u32 = 2;

/// So many of the silent, and of those with another view, are named.
const NAMED_MAX: usize = 16;

/// What the live members answered, the node itself included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// How many members hold this node's view, itself included if it is one.
    pub agree: usize,
    /// How many hold another view.
    pub differ: usize,
    /// How many different other views there are.
    pub other_views: usize,
    /// How many did not answer, or joined too late to be asked.
    pub silent: usize,
    /// Some of those that hold another view, at most 16, in id order.
    pub differing: Vec<MemberId>,
    /// Some of those that did not answer, at most 16, in id order.
    pub unheard: Vec<MemberId>,
}

impl Census {
    /// How many members were asked, this node included.
    pub fn members(&self) -> usize {
        self.agree + self.differ + self.silent
    }

    /// Whether every live member answered, and holds this node's view.
    pub fn is_unanimous(&self) -> bool {
        self.agree > 0 && self.differ == 0 && self.silent == 0
    }
}

/// A census that is being taken.
#[derive(Clone, Debug)]
pub(crate) struct Counting {
    nonce: u32,
    /// Those still to be asked in this pass, the next one last.
    to_ask: Vec<MemberId>,
    /// Those that have not answered.
    waiting: BTreeSet<MemberId>,
    passes: u32,
    /// The view of each that has answered, and whether it was this node's at that moment.
    answers: BTreeMap<MemberId, (u32, bool)>,
}

impl Engine {
    /// Asks every live member which view it holds. [`Event::Census`] tells; one that is being taken
    /// goes on.
    pub fn take_census(&mut self, now: Time) {
        self.wake(now);
        if self.counting.is_some() {
            return;
        }
        let waiting: BTreeSet<MemberId> = self.peers.iter().collect();
        let (nonce, answers) = (self.rng.random(), BTreeMap::new());
        let counting = Counting { nonce, to_ask: Vec::new(), waiting, passes: 0, answers };
        self.counting = Some(Box::new(counting));
        self.timers.set(Timer::Census, Some(now));
    }

    /// Asks the next batch, or ends the census.
    pub(crate) fn census_due(&mut self, now: Time) {
        let Some(mut counting) = self.counting.take() else { return };
        if counting.to_ask.is_empty() {
            if counting.passes == PASSES || counting.waiting.is_empty() {
                return self.tell_census(*counting);
            }
            counting.passes += 1;
            // Those who have joined meanwhile are asked too.
            let answers = &counting.answers;
            counting.waiting = self.peers.iter().filter(|id| !answers.contains_key(id)).collect();
            counting.to_ask = counting.waiting.iter().copied().collect();
        }
        let per_period = (self.peers.len() / PERIODS_MAX).max(ASKED_PER_PERIOD_MIN);
        let batch = per_period.div_ceil(BATCHES_PER_PERIOD).min(counting.to_ask.len());
        for id in counting.to_ask.split_off(counting.to_ask.len() - batch) {
            match self.peer_address(id) {
                Some(address) => {
                    let body = Body::Ping { nonce: counting.nonce, target: None };
                    self.send(Outgoing::new(address, Some(id), body));
                }
                // No member any more.
                None => {
                    counting.waiting.remove(&id);
                }
            }
        }
        // The last to be asked have a whole period to answer.
        let batches = if counting.to_ask.is_empty() { BATCHES_PER_PERIOD } else { 1 };
        let wait = self.config.period / BATCHES_PER_PERIOD as u32 * batches as u32;
        self.timers.set(Timer::Census, Some(now + wait));
        self.counting = Some(counting);
    }

    /// An ack came: is it an answer to the census?
    pub(crate) fn census_answered(&mut self, now: Time, nonce: u32, member: MemberId, view: u32) {
        let counting = self.counting.as_mut().filter(|counting| counting.nonce == nonce);
        let Some(counting) = counting else { return };
        if counting.waiting.remove(&member) {
            let agrees = view == self.table.summary().view_id as u32;
            counting.answers.insert(member, (view, agrees));
            if counting.waiting.is_empty() {
                self.timers.set(Timer::Census, Some(now));
            }
        }
    }

    fn tell_census(&mut self, counting: Counting) {
        let own = self.table.summary().view_id as u32;
        let answers = counting.answers.iter().filter(|(id, _)| self.is_peer(**id));
        let itself = usize::from(self.table.standing() == Standing::Member);
        let mut census = Census { agree: itself, ..Census::default() };
        let mut others = BTreeSet::new();
        for (id, (view, agreed)) in answers {
            // Views change while it is taken: who held the view that this node held then agrees.
            if *agreed || *view == own {
                census.agree += 1;
            } else {
                others.insert(*view);
                census.differ += 1;
                if census.differing.len() < NAMED_MAX {
                    census.differing.push(*id);
                }
            }
        }
        let silent: Vec<MemberId> =
            self.peers.iter().filter(|id| !counting.answers.contains_key(id)).collect();
        census.silent = silent.len();
        census.unheard = silent.into_iter().take(NAMED_MAX).collect();
        census.other_views = others.len();
        self.events.push_back(Event::Census(census));
    }
}
