//! The owner's own record: what it does when it hears of itself.
//!
//! ```text
//!   heard                                   answer
//!   smaller than mine                       ANSWER mine
//!   suspect, same life                      incarnation + 1
//!   failed or closed, same life             generation + 1
//!   larger life of mine                     climb over it
//!   larger life of another process that     stand aside: two live processes have
//!     knew of me, and is the larger one       one name, and the other one won
//!   evicted                                 stay out until the eviction expires, or until
//!                                             another process took the name and died
//! ```

use std::net::SocketAddr;
use std::sync::Arc;

use crate::attributes::{Attributes, AttributesError, AttributesVersion, Serving, Tags};
use crate::claim::{Claim, Life, Status, Version};
use crate::grounds::Grounds;
use crate::id::{Instance, MemberId};
use crate::merge::{Change, ChangeKind, Outcome, said_by};
use crate::table::Table;
use crate::time::Time;
use crate::update::Update;

/// What the owner knows of itself apart from its record.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) id: MemberId,
    pub(crate) life: Life,
    standing: Standing,
    /// What the owner says of itself, also while another process holds its name.
    attributes: Attributes,
}

/// Whether the owner is a member of its own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Member,
    /// It said goodbye.
    Left,
    /// Another live process of the same name is the member; this one stands aside.
    Displaced {
        /// The process that won the name.
        by: Instance,
    },
    /// An operator removed it; it stays out until the eviction expires.
    Evicted,
    /// It was declared dead, and does not say yet that it lives.
    Held,
}

/// How the owner reacted to a claim about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnChange {
    /// It refuted a suspicion with a larger incarnation.
    Refuted,
    /// It took a new generation, over a failure or over an earlier life of its own.
    NewGeneration,
    /// It stands aside for another live process of its name.
    Displaced {
        /// The process that won the name.
        by: Instance,
    },
    /// It is a member again: the process that won its name is dead.
    Returned,
    /// An operator removed it.
    Evicted,
}

impl Own {
    pub(crate) fn new(attributes: &Attributes) -> Own {
        Own {
            id: attributes.name.id(),
            life: attributes.version.life,
            standing: Standing::Member,
            attributes: attributes.clone(),
        }
    }

    pub(crate) fn is_held(&self) -> bool {
        self.standing == Standing::Held
    }

    pub(crate) fn is_displaced(&self) -> bool {
        matches!(self.standing, Standing::Displaced { .. })
    }
}

impl Table {
    /// Whether the owner is a member of its own table.
    pub fn standing(&self) -> Standing {
        self.own.standing
    }

    /// What the owner says of itself.
    pub fn own_attributes(&self) -> &Attributes {
        &self.own.attributes
    }

    /// Says goodbye for the owner: its claim is `left` from now on. Without effect for an owner
    /// that is not a member, and is not held either.
    pub fn leave(&mut self, now: Time) {
        if matches!(self.own.standing, Standing::Member | Standing::Held) {
            self.own.standing = Standing::Left;
            self.publish(now, 0, Status::Left, None);
        }
    }

    /// Changes what the owner says of itself.
    ///
    /// # Errors
    /// A bound that the new attributes break; nothing is changed.
    pub fn set_own(&mut self, now: Time, change: &OwnAttributes) -> Result<bool, AttributesError> {
        let mut attributes = change.applied_to(&self.own.attributes);
        attributes.check()?;
        if attributes == self.own.attributes {
            return Ok(false);
        }
        attributes.version.counter = attributes.version.counter.saturating_add(1);
        self.own.attributes = attributes;
        if self.own.standing == Standing::Member
            && let Some(record) = self.get(self.own.id)
        {
            let (claim, grounds) = (record.claim, Grounds::held(record));
            self.put(now, claim, Arc::new(self.own.attributes.clone()), grounds);
        }
        Ok(true)
    }

    /// Takes a failure of the owner as it is for now: [`Table::release_own`] refutes it. False, and
    /// nothing changed, unless the owner is a member and the claim is the failure of its life.
    pub fn hold_own(&mut self, now: Time, update: &Update) -> bool {
        let claim = update.claim;
        let mine = self.get(self.own.id).map(|record| record.claim);
        let fails = claim.status() == Status::Failed && claim.life() == self.own.life;
        let newer = mine.is_some_and(|mine| claim.id == mine.id && claim.version > mine.version);
        if self.own.standing != Standing::Member || !fails || !newer {
            return false;
        }
        self.own.standing = Standing::Held;
        let attributes = Arc::new(self.own.attributes.clone());
        self.put(now, claim, attributes, Grounds::told(now, update));
        true
    }

    /// Says that the owner lives, which was held: it takes a new generation. `None` if it was not.
    pub fn release_own(&mut self, now: Time) -> Option<OwnChange> {
        self.return_from(Standing::Held, now)
    }

    pub(crate) fn about_me(&mut self, now: Time, update: &Update) -> Outcome {
        let heard = update.claim;
        let Some(mine) = self.get(self.own.id).map(|record| record.claim) else {
            return Outcome::Known;
        };
        if heard.version == mine.version {
            return Outcome::Known;
        }
        if heard.version < mine.version {
            return Outcome::Answer;
        }
        // Nothing to refute after the goodbye. Answering a larger dead claim with the smaller
        // goodbye would be answered in turn, for ever.
        if self.own.standing == Standing::Left {
            return Outcome::Outdated;
        }
        if heard.status() == Status::Evicted && heard.life() == mine.life() {
            self.own.standing = Standing::Evicted;
            let attributes = Arc::new(self.own.attributes.clone());
            self.put(now, heard, attributes, Grounds::told(now, update));
            return Outcome::Own(OwnChange::Evicted);
        }
        if self.own.standing == Standing::Evicted {
            return self.follow_the_name(now, update);
        }
        if self.own.is_held() {
            let same_process = heard.life().instance == self.own.life.instance;
            if !same_process || (!heard.is_live() && heard.life() == mine.life()) {
                return self.follow_the_name(now, update);
            }
            // When it is released, it climbs over that.
            self.own.life.generation = self.own.life.generation.max(heard.life().generation);
            return Outcome::Known;
        }
        if heard.life() == mine.life() {
            return self.refute(now, heard, mine);
        }
        if !self.rules.owner_climbs {
            return Outcome::Outdated;
        }
        let instance = heard.life().instance;
        if instance == self.own.life.instance {
            self.climb(now, Some(heard), mine.over);
        } else if self.rules.namesakes_yield
            && heard.is_live()
            && heard.over == Some(self.own.life.instance)
            && instance > self.own.life.instance
        {
            return self.stand_aside(now, update);
        } else {
            self.climb(now, Some(heard), Some(instance));
        }
        Outcome::Own(OwnChange::NewGeneration)
    }

    fn refute(&mut self, now: Time, heard: Claim, mine: Claim) -> Outcome {
        let by_incarnation = match heard.status() {
            Status::Alive | Status::Suspect => true,
            Status::Failed => !self.rules.failure_ends_generation,
            _ => false,
        };
        match heard.version.incarnation().checked_add(1) {
            Some(_) if heard.status() == Status::Suspect && !self.rules.suspicion_refuted => {
                Outcome::Outdated
            }
            Some(incarnation) if by_incarnation => {
                self.publish(now, incarnation, Status::Alive, mine.over);
                Outcome::Own(OwnChange::Refuted)
            }
            _ => {
                self.climb(now, Some(heard), mine.over);
                Outcome::Own(OwnChange::NewGeneration)
            }
        }
    }

    /// An evicted owner says nothing, but keeps up with other lives of its name, so that its table
    /// agrees with everybody's.
    fn follow_the_name(&mut self, now: Time, update: &Update) -> Outcome {
        if update.claim.is_live() {
            return self.stand_aside(now, update);
        }
        let attributes = Arc::new(self.own.attributes.clone());
        self.put(now, update.claim, attributes, Grounds::told(now, update));
        Outcome::Changed(Change { id: self.own.id, kind: ChangeKind::Settled })
    }

    fn stand_aside(&mut self, now: Time, update: &Update) -> Outcome {
        let winner = update.claim;
        let attributes = update.attributes.clone();
        let Some(attributes) = attributes.filter(|a| said_by(a, winner.life())) else {
            return Outcome::NeedsAttributes;
        };
        let by = winner.life().instance;
        self.own.standing = Standing::Displaced { by };
        self.put(now, winner, attributes, Grounds::told(now, update));
        Outcome::Own(OwnChange::Displaced { by })
    }

    /// The loser of a contest for a name takes it back over the winner's dead body.
    pub(crate) fn return_if_rival_is_dead(&mut self, now: Time, id: MemberId) -> Option<OwnChange> {
        if id != self.own.id || !self.own.is_displaced() || !self.rules.loser_returns {
            return None;
        }
        let rival = self.get(id)?.claim;
        if rival.is_live() {
            return None;
        }
        self.own.standing = Standing::Member;
        self.climb(now, Some(rival), Some(rival.life().instance));
        Some(OwnChange::Returned)
    }

    /// Takes the name back without proof that the winner is dead: what is known of it is too old
    /// to count. If it lives, the contest is simply held again.
    pub(crate) fn stop_standing_aside(&mut self) {
        if self.own.is_displaced() {
            self.own.standing = Standing::Member;
        }
    }

    pub(crate) fn eviction_ran_out(&mut self, now: Time) -> Option<OwnChange> {
        self.return_from(Standing::Evicted, now)
    }

    fn return_from(&mut self, standing: Standing, now: Time) -> Option<OwnChange> {
        if self.own.standing != standing {
            return None;
        }
        let record = self.get(self.own.id).map(|record| record.claim);
        let over = record.filter(|_| self.own.is_held()).and_then(|claim| claim.over);
        self.own.standing = Standing::Member;
        self.climb(now, record, over);
        Some(OwnChange::Returned)
    }

    /// Takes the generation after the larger of its own and `over_claim`'s.
    pub(crate) fn climb(&mut self, now: Time, over_claim: Option<Claim>, over: Option<Instance>) {
        let heard = over_claim.map_or(0, |claim| claim.life().generation);
        self.own.life.generation = self.own.life.generation.max(heard).saturating_add(1);
        self.own.attributes.version = AttributesVersion { life: self.own.life, counter: 0 };
        if self.own.standing == Standing::Member {
            self.publish(now, 0, Status::Alive, over);
        }
    }

    /// Writes the owner's own word into its record.
    fn publish(&mut self, now: Time, incarnation: u32, status: Status, over: Option<Instance>) {
        let version = Version::new(self.own.life, incarnation, status);
        let claim = Claim { id: self.own.id, version, over };
        let attributes = Arc::new(self.own.attributes.clone());
        self.put(now, claim, attributes, Grounds::plain(now));
    }
}

/// One change of what the owner says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnAttributes {
    /// Its tags, all of them.
    Tags(Tags),
    /// Whether the application is ready.
    Serving(Serving),
    /// Where it can be reached.
    Address(SocketAddr),
    /// Whom it cannot reach though others do.
    OutOfReach(Vec<MemberId>),
}

impl OwnAttributes {
    /// `attributes` with this change, at the same version.
    pub fn applied_to(&self, attributes: &Attributes) -> Attributes {
        let mut attributes = attributes.clone();
        match self {
            OwnAttributes::Tags(tags) => attributes.tags = tags.clone(),
            OwnAttributes::Serving(serving) => attributes.serving = *serving,
            OwnAttributes::Address(address) => attributes.address = *address,
            OwnAttributes::OutOfReach(members) => attributes.out_of_reach.clone_from(members),
        }
        attributes
    }
}
