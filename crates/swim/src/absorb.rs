//! What follows from a claim: the table merges it, and the rest of the engine takes note.

use headcount_state::{
    Change, ChangeKind, Claim, Grace, MemberId, Outcome, OwnChange, Reason, Record, Status, Time,
    Update,
};

use headcount_wire::Target;

use crate::dissemination::Lane;
use crate::engine::Engine;
use crate::event::Event;
use crate::member::Member;
use crate::timers::Timer;

/// A tenth of all members are many.
const MANY_SHARE: usize = 10;

impl Engine {
    /// Takes in what somebody says. Answers with the member of which the speaker holds too little,
    /// if it does: it must be told, on whatever path it spoke.
    pub(crate) fn absorb(&mut self, now: Time, update: &Update) -> Option<MemberId> {
        let grace = self.grace(now, update);
        self.absorb_with(now, update, grace)
    }

    /// The same of what `speaker` says: of its own end nobody knows better.
    pub(crate) fn absorb_from(
        &mut self,
        now: Time,
        speaker: Target,
        update: &Update,
    ) -> Option<MemberId> {
        let claim = update.claim;
        let concedes = !claim.is_live() && Target::of(claim.id, claim.life()) == speaker;
        let grace = if concedes { Grace::Closed } else { self.grace(now, update) };
        self.absorb_with(now, update, grace)
    }

    /// The same, without telling anybody of what is new here.
    pub(crate) fn absorb_quietly(&mut self, now: Time, update: &Update) -> Option<MemberId> {
        let waiting = std::mem::take(&mut self.dissemination);
        let behind = self.absorb(now, update);
        let said = std::mem::replace(&mut self.dissemination, waiting);
        // Of itself it speaks in any case.
        if said.contains(self.table.own_id()) {
            self.tell(now, self.table.own_id(), Lane::Own);
        }
        behind
    }

    /// Takes in what this node itself concluded.
    pub(crate) fn absorb_own(&mut self, now: Time, update: &Update) {
        self.absorb_with(now, update, Grace::Closed);
    }

    fn absorb_with(&mut self, now: Time, update: &Update, grace: Grace) -> Option<MemberId> {
        if self.holds_back(now, update) {
            return None;
        }
        let id = update.claim.id;
        let own_life = self.table.own_life();
        let merged = self.table.merge(now, update, grace);
        let mut behind = None;
        match merged.outcome {
            Outcome::Changed(change) => self.changed(now, change),
            Outcome::Known => {
                if !self.config.spreads_as_memberlist {
                    self.dissemination.heard(id, self.copies_limit());
                }
                if update.claim.status() == Status::Suspect {
                    self.confirm_suspicion(now, update);
                }
            }
            Outcome::Answer => behind = Some(id),
            Outcome::Check => self.open_check(now, update),
            Outcome::Own(change) => {
                let accused = matches!(update.claim.status(), Status::Suspect | Status::Failed);
                if accused && update.claim.life() == own_life {
                    self.stats.refutations += 1;
                    self.local_health.worsen();
                }
                self.own_changed(now, change);
            }
            Outcome::Refused(_) => self.stats.claims_refused += 1,
            Outcome::Buried => self.stranger_buried(now, update),
            Outcome::Outdated | Outcome::NeedsAttributes => {}
        }
        if merged.attributes_outdated {
            behind = Some(id);
        }
        let renewed = matches!(merged.outcome, Outcome::Changed(_) | Outcome::Own(_));
        if merged.attributes_changed && !renewed {
            self.attributes_changed(now, id);
        }
        behind
    }

    fn changed(&mut self, now: Time, change: Change) {
        let Change { id, kind } = change;
        let newcomer =
            matches!(kind, ChangeKind::Joined | ChangeKind::Recovered | ChangeKind::Restarted);
        let exchanged = newcomer && self.learn_of_newcomer(now);
        let Some(record) = self.table.get(id) else { return };
        let Record { claim, accuser, evidence, .. } = record;
        self.follow_live_set(now, claim);
        if newcomer {
            self.forget_links(id);
        }
        self.observers.follow_claim(&claim);
        let refuted = kind == ChangeKind::Refuted && self.suspicions.is_accused_here(id);
        // Where many are accused at once it is the network, and no link of one of them.
        let accused = self.suspicions.len();
        let few = accused <= 1 || accused * MANY_SHARE <= self.table.live_len();
        self.follow_suspicion(now, claim, accuser);
        if refuted && few && self.observes() {
            // It lives, and was found silent for half of the detection time.
            self.hold_contest(now, id, claim.life());
        }
        let was_checked = self.follow_check(id);
        self.take_down(id, kind);
        self.follow_recovery(now, id, kind);
        match kind {
            ChangeKind::Recovered => self.losses.back(now, id, true),
            ChangeKind::Restarted | ChangeKind::Joined => self.losses.back(now, id, false),
            ChangeKind::Failed => {
                self.losses.lost(now, id);
                self.observers.holding.lost(now, id);
                // Whose port refuses is dead, not cut off.
                if evidence.is_none_or(|evidence| evidence.reason != Reason::Refused) {
                    self.burst.lost(now);
                }
            }
            _ if matches!(claim.status(), Status::Left | Status::Evicted) => self.losses.gone(id),
            _ => {}
        }
        if !exchanged {
            self.tell(now, id, lane(kind, claim.status()));
        }
        let member = self.member(id);
        let event = member.and_then(|member| event(kind, was_checked, member));
        self.events.extend(event);
        self.follow_word_of_reach(id);
        if matches!(kind, ChangeKind::Joined | ChangeKind::Restarted)
            && claim.status() == Status::Suspect
        {
            let suspected = self.member(id).map(Event::Suspected);
            self.events.extend(suspected);
        }
    }

    fn attributes_changed(&mut self, now: Time, id: MemberId) {
        let Some(member) = self.member(id).filter(Member::is_live) else { return };
        self.tell(now, id, Lane::Attributes);
        self.events.push_back(Event::Updated(member));
        self.follow_word_of_reach(id);
    }

    /// What this node does about itself, having heard of itself.
    pub(crate) fn own_changed(&mut self, now: Time, change: OwnChange) {
        self.observers.holding.let_go();
        match change {
            OwnChange::Displaced { .. } | OwnChange::Evicted => self.stop_judging(),
            OwnChange::Returned if self.departure.is_some() => self.table.leave(now),
            OwnChange::Returned => self.judge_again(now),
            OwnChange::Refuted | OwnChange::NewGeneration => {}
        }
        self.events.extend(match change {
            OwnChange::Refuted | OwnChange::NewGeneration => None,
            OwnChange::Displaced { by } => Some(Event::Displaced { by }),
            OwnChange::Returned => Some(Event::Returned),
            OwnChange::Evicted => Some(Event::Evicted),
        });
        if self.takes_part() || self.departure.is_some() {
            self.tell(now, self.table.own_id(), Lane::Own);
        }
    }

    /// Who is no member judges nobody.
    pub(crate) fn stop_judging(&mut self) {
        self.probe = None;
        self.timers.set(Timer::ProbeTimeout, None);
        self.suspicions.clear();
        self.checks.clear();
        self.observers.drop_judgements();
    }

    pub(crate) fn judge_again(&mut self, now: Time) {
        let suspects = self.table.live().filter(|r| r.claim.status() == Status::Suspect);
        for (claim, accuser) in suspects.map(|r| (r.claim, r.accuser)).collect::<Vec<_>>() {
            self.follow_suspicion(now, claim, accuser);
        }
    }

    /// Keeps the candidates for gossip and probes in step with the live members.
    pub(crate) fn follow_live_set(&mut self, now: Time, claim: Claim) {
        let id = claim.id;
        if id == self.table.own_id() {
            return;
        }
        if claim.is_live() {
            self.peers.insert(id, &mut self.rng);
            if !self.dissemination.is_empty() {
                self.schedule_gossip(now);
            }
        } else {
            self.drop_peer(id);
        }
    }

    /// Whether `id` is one of [`Engine::peers`]: as its record says, which was read when it spoke.
    pub(crate) fn is_peer(&self, id: MemberId) -> bool {
        let live = self.table.get(id).is_some_and(|record| record.is_live());
        debug_assert_eq!(live && id != self.table.own_id(), self.peers.contains(id));
        live && id != self.table.own_id()
    }

    /// `id` is no candidate any more, or another process.
    fn forget_links(&mut self, id: MemberId) {
        self.links.forget(id);
        self.observers.forget(id);
        self.reach.forget(id);
    }

    /// `id` is no candidate any more.
    pub(crate) fn drop_peer(&mut self, id: MemberId) {
        self.peers.remove(id);
        self.contacts.forget(id);
        self.forget_links(id);
        if self.probe.is_some_and(|probe| probe.target.id == id) {
            self.probe = None;
            self.timers.set(Timer::ProbeTimeout, None);
        }
    }
}

fn lane(kind: ChangeKind, status: Status) -> Lane {
    match (kind, status) {
        (ChangeKind::Refuted | ChangeKind::Recovered, Status::Alive) => Lane::Own,
        (_, Status::Left | Status::Evicted) => Lane::Own,
        (_, Status::Failed | Status::Closed) => Lane::Failed,
        (_, Status::Suspect) => Lane::Suspect,
        (_, Status::Alive) => Lane::Join,
    }
}

fn event(kind: ChangeKind, was_checked: bool, member: Member) -> Option<Event> {
    match kind {
        ChangeKind::Joined => Some(Event::Joined(member)),
        ChangeKind::Restarted => Some(Event::Restarted(member)),
        ChangeKind::Recovered => Some(Event::Recovered(member)),
        ChangeKind::Refuted => Some(Event::Refuted(member)),
        ChangeKind::Renewed => was_checked.then_some(Event::Refuted(member)),
        ChangeKind::Suspected => (!was_checked).then_some(Event::Suspected(member)),
        ChangeKind::Failed => Some(Event::Failed(member)),
        ChangeKind::Left | ChangeKind::Evicted => Some(Event::Left(member)),
        ChangeKind::Settled => None,
    }
}
