//! The merge of one claim into a table.
//!
//! ```text
//! hold(x) = larger of record and grave
//!
//!   c <= hold            nothing new; ANSWER hold if the teller is behind on a life
//!   c live               the record becomes c
//!   c dead, stranger     sinks into the graveyard: no record, no event, not retold
//!   c dead, member       grace open: CHECK it first; closed: the record becomes c
//! ```
//! Attributes join by their own version, whatever the claim does.

use std::sync::Arc;

use crate::attributes::Attributes;
use crate::claim::{Claim, Life, MAX_GENERATION, MAX_GENERATION_STEP, Status};
use crate::grounds::Grounds;
use crate::id::MemberId;
use crate::own::OwnChange;
use crate::record::Record;
use crate::table::Table;
use crate::time::Time;
use crate::update::Update;

/// Whether a dead claim about a live member is believed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// No: it is old, or contradicts newer first-hand word; check it first.
    Open,
    /// Yes.
    Closed,
}

/// What a merge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// What became of the claim.
    pub outcome: Outcome,
    /// Whether newer attributes were taken over.
    pub attributes_changed: bool,
    /// Whether newer attributes of the same process are held, which the teller must hear:
    /// [`Table::answer`].
    pub attributes_outdated: bool,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is held already.
    Known,
    /// A larger one is held that the teller need not hear of.
    Outdated,
    /// A larger one is held, and the teller must hear it: [`Table::answer`].
    Answer,
    /// It is the new record.
    Changed(Change),
    /// Its subject is no member here; only its end is remembered.
    Buried,
    /// It must be checked with its subject before it is believed; nothing changed.
    Check,
    /// It speaks of a live stranger, or of a new process, whose attributes did not come with it;
    /// nothing changed.
    NeedsAttributes,
    /// It speaks of the owner of the table.
    Own(OwnChange),
    /// It breaks a bound; nothing changed.
    Refused(Refusal),
}

/// How a record changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub id: MemberId,
    /// What it means.
    pub kind: ChangeKind,
}

/// What a change of a record means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A stranger is a member now.
    Joined,
    /// Another process of the name took over.
    Restarted,
    /// The same process is back after it was declared dead.
    Recovered,
    /// A suspicion was refuted.
    Refuted,
    /// The owner raised its version; its status is as before.
    Renewed,
    /// It is suspected.
    Suspected,
    /// It is declared dead.
    Failed,
    /// It said goodbye.
    Left,
    /// An operator removed it.
    Evicted,
    /// A larger word on a member that was dead before.
    Settled,
}

/// Which bound a claim broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The generation is beyond 2^62.
    #[error("a generation beyond 2^62")]
    Generation,
    /// The generation is more than 2^42 beyond the one held.
    #[error("a generation more than 2^42 beyond the one held")]
    GenerationStep,
    /// The attributes are of a later life than the claim, or of another name.
    #[error("attributes that do not belong to the claim")]
    Attributes,
    /// The name differs from the one held under the same id.
    #[error("two names with one id")]
    NameCollision,
    /// The table is full.
    #[error("the table is full")]
    Full,
}

impl Table {
    /// Merges what was heard about one member.
    ///
    /// `grace` matters only for a failed or closed claim about a live member.
    pub fn merge(&mut self, now: Time, update: &Update, grace: Grace) -> Merged {
        let mut merged = Merged {
            outcome: Outcome::Known,
            attributes_changed: false,
            attributes_outdated: false,
        };
        let recorded = self.get(update.claim.id);
        let held = self.larger_of(update.claim.id, recorded);
        let admitted = admit(update, recorded, held);
        merged.attributes_outdated =
            admitted.is_ok() && recorded.is_some_and(|record| older(record, update));
        if let Err(refusal) = admitted {
            merged.outcome = Outcome::Refused(refusal);
        } else if update.claim.id == self.own.id && !self.own.is_displaced() {
            merged.outcome = self.about_me(now, update);
        } else {
            if let Some((record, newer)) = recorded.and_then(|r| Some((r, newer(r, update)?))) {
                let newer = Arc::clone(newer);
                self.put(now, record.claim, newer, Grounds::held(record));
                merged.attributes_changed = true;
            }
            merged.outcome = self.merge_claim(now, update, held, grace);
            if let Some(change) = self.return_if_rival_is_dead(now, update.claim.id) {
                merged.outcome = Outcome::Own(change);
            }
        }
        merged
    }

    fn merge_claim(
        &mut self,
        now: Time,
        update: &Update,
        held: Option<Claim>,
        grace: Grace,
    ) -> Outcome {
        let claim = update.claim;
        if let Some(held) = held
            && claim.version <= held.version
        {
            return match claim.version == held.version {
                true => Outcome::Known,
                false if claim.is_live() || !held.is_live() => Outcome::Answer,
                false => Outcome::Outdated,
            };
        }
        if claim.is_live() {
            self.adopt_live(now, update)
        } else {
            self.adopt_dead(now, update, grace)
        }
    }

    fn adopt_live(&mut self, now: Time, update: &Update) -> Outcome {
        let claim = update.claim;
        let before = self.get(claim.id);
        if before.is_none() && self.len() >= self.limits.records {
            return Outcome::Refused(Refusal::Full);
        }
        // Attributes of another process of the name never stand in the way, however new.
        let said = newest_attributes(before, update, |a| said_by(a, claim.life()));
        let Some(attributes) = said else {
            return Outcome::NeedsAttributes;
        };
        let kind = self.kind_of_live(before, claim);
        self.put(now, claim, attributes, Grounds::told(now, update));
        Outcome::Changed(Change { id: claim.id, kind })
    }

    fn kind_of_live(&self, before: Option<Record<'_>>, claim: Claim) -> ChangeKind {
        let instance = claim.life().instance;
        let Some(before) = before else {
            let buried = self.buried(claim.id);
            let back = buried.is_some_and(|grave| grave.life().instance == instance);
            return if back { ChangeKind::Recovered } else { ChangeKind::Joined };
        };
        let same_process = before.claim.life().instance == instance;
        match (before.claim.status(), claim.status()) {
            (Status::Left | Status::Evicted, _) => ChangeKind::Joined,
            (_, _) if !same_process => ChangeKind::Restarted,
            (Status::Failed | Status::Closed, _) => ChangeKind::Recovered,
            (_, Status::Suspect) => ChangeKind::Suspected,
            (Status::Suspect, _) => ChangeKind::Refuted,
            _ => ChangeKind::Renewed,
        }
    }

    fn adopt_dead(&mut self, now: Time, update: &Update, grace: Grace) -> Outcome {
        let claim = update.claim;
        let Some(record) = self.get(claim.id) else {
            if !self.rules.strangers_sink {
                return self.adopt_dead_stranger(now, update);
            }
            // Of a stranger only the refutable failure keeps its incarnation.
            self.bury(now, claim, claim.status() != Status::Failed);
            if matches!(claim.status(), Status::Left | Status::Evicted) {
                self.drop_address(claim.id);
            }
            return Outcome::Buried;
        };
        let checkable = matches!(claim.status(), Status::Failed | Status::Closed);
        if record.is_live() && checkable && grace == Grace::Open {
            return Outcome::Check;
        }
        let kind = match claim.status() {
            _ if !record.is_live() => ChangeKind::Settled,
            Status::Left => ChangeKind::Left,
            Status::Evicted => ChangeKind::Evicted,
            _ => ChangeKind::Failed,
        };
        let known = Arc::clone(record.attributes);
        let attributes = newest_attributes(Some(record), update, |_| true).unwrap_or(known);
        self.put(now, claim, attributes, Grounds::told(now, update));
        Outcome::Changed(Change { id: claim.id, kind })
    }

    /// The planted bug: a dead stranger is written down, and so told of, like a member.
    fn adopt_dead_stranger(&mut self, now: Time, update: &Update) -> Outcome {
        match &update.attributes {
            None => Outcome::NeedsAttributes,
            Some(attributes) => {
                let attributes = Arc::clone(attributes);
                self.put(now, update.claim, attributes, Grounds::told(now, update));
                Outcome::Changed(Change { id: update.claim.id, kind: ChangeKind::Joined })
            }
        }
    }
}

/// Whether an update is within the bounds, given what is recorded and held of the member.
fn admit(
    update: &Update,
    recorded: Option<Record<'_>>,
    held: Option<Claim>,
) -> Result<(), Refusal> {
    let claim = update.claim;
    let generation = claim.life().generation;
    if generation > MAX_GENERATION {
        return Err(Refusal::Generation);
    }
    if let Some(held) = held
        && generation > held.life().generation.saturating_add(MAX_GENERATION_STEP)
    {
        return Err(Refusal::GenerationStep);
    }
    if let Some(attributes) = &update.attributes {
        if attributes.version.life > claim.life() {
            return Err(Refusal::Attributes);
        }
        let recorded = recorded.map(|record| record.attributes);
        if recorded.is_some_and(|recorded| Arc::ptr_eq(recorded, attributes)) {
            return Ok(());
        }
        if attributes.name.id() != claim.id {
            return Err(Refusal::Attributes);
        }
        if recorded.is_some_and(|recorded| recorded.name != attributes.name) {
            return Err(Refusal::NameCollision);
        }
    }
    Ok(())
}

/// The attributes that came with an update, if they are newer word of the process that the record
/// is about.
fn newer<'a>(record: Record<'_>, update: &'a Update) -> Option<&'a Arc<Attributes>> {
    let offered = update.attributes.as_ref()?;
    let newer = offered.version > record.attributes.version;
    (newer && said_by(offered, record.claim.life())).then_some(offered)
}

/// Whether the attributes that came with an update are older word of the process that speaks in
/// those held, of a member that is live.
fn older(record: Record<'_>, update: &Update) -> bool {
    let held = record.attributes;
    update.attributes.as_ref().is_some_and(|offered| {
        record.is_live() && offered.version < held.version && said_by(offered, held.version.life)
    })
}

/// The newest of the attributes recorded and offered that fit.
fn newest_attributes(
    recorded: Option<Record<'_>>,
    update: &Update,
    fits: impl Fn(&Attributes) -> bool,
) -> Option<Arc<Attributes>> {
    let recorded = recorded.map(|record| record.attributes);
    let either = recorded.into_iter().chain(&update.attributes);
    either.filter(|a| fits(a)).max_by_key(|a| a.version).cloned()
}

/// Whether these attributes are the word of the process that lives `life`.
pub(crate) fn said_by(attributes: &Attributes, life: Life) -> bool {
    attributes.version.life.instance == life.instance && attributes.version.life <= life
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::{AttributesVersion, ProtocolRange, Serving, Tags};
    use crate::claim::Version;
    use crate::id::{Instance, Name};
    use crate::table::Limits;

    fn attributes(name: &str) -> Attributes {
        let life = Life { generation: 1, instance: Instance::from_u64(1).unwrap() };
        Attributes {
            version: AttributesVersion { life, counter: 0 },
            name: Name::new(name).unwrap(),
            address: ([127, 0, 0, 1], 7_000).into(),
            serving: Serving::Serving,
            zone: String::new(),
            tags: Tags::new(),
            protocol: ProtocolRange { min: 1, max: 1 },
            out_of_reach: Vec::new(),
        }
    }

    #[test]
    fn of_two_names_with_one_id_the_second_is_refused() {
        let now = Time::from_millis(1);
        let mut table = Table::new(attributes("me"), Limits::default(), now);
        let said = Arc::new(attributes("second"));
        let version = Version::new(said.version.life, 0, Status::Alive);
        let claim = Claim { id: said.name.id(), version, over: None };
        // No two short names with one hash are known, so the first is filed under the second's.
        table.put(now, claim, Arc::new(attributes("first")), Grounds::plain(now));

        let suspect = claim.with_status(Status::Suspect);
        let update = Update { attributes: Some(said), ..Update::claim(suspect) };
        let outcome = table.merge(now, &update, Grace::Closed).outcome;
        assert_eq!(outcome, Outcome::Refused(Refusal::NameCollision));
        assert_eq!(table.get(claim.id).map(|record| record.claim), Some(claim));
    }
}
