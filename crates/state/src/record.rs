//! One row of the table, as it is read.

use std::sync::Arc;

use crate::attributes::Attributes;
use crate::claim::Claim;
use crate::evidence::Evidence;
use crate::id::MemberId;
use crate::time::Time;
use crate::update::Update;

/// What a table holds of one member: the product of the claim and the attributes.
///
/// Invariant: the attributes of a live record were said by the instance that the claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The largest claim heard.
    pub claim: Claim,
    /// The newest attributes heard.
    pub attributes: &'a Arc<Attributes>,
    /// When the claim was made, as far as its age tells, on the holder's time line.
    pub since: Time,
    /// Who accused, for suspect and failed claims.
    pub accuser: Option<MemberId>,
    /// What the accusation rests on, for suspect and failed claims.
    pub evidence: Option<Evidence>,
}

impl Record<'_> {
    /// The member's id.
    pub fn id(&self) -> MemberId {
        self.claim.id
    }

    /// Whether the member counts as one: alive or suspect.
    pub fn is_live(&self) -> bool {
        self.claim.is_live()
    }

    /// The record as it is told to others at `now`, attributes included.
    pub fn update(&self, now: Time) -> Update {
        Update { attributes: Some(Arc::clone(self.attributes)), ..self.bare_update(now) }
    }

    /// The claim alone, as it is told to those who know the member.
    pub fn bare_update(&self, now: Time) -> Update {
        Update {
            claim: self.claim,
            attributes: None,
            age: now.since(self.since),
            accuser: self.accuser,
            evidence: self.evidence,
        }
    }
}
