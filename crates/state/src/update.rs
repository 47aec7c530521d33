//! What one node tells another about a member.

use std::sync::Arc;
use std::time::Duration;

use crate::attributes::Attributes;
use crate::claim::Claim;
use crate::evidence::Evidence;
use crate::id::MemberId;

/// A claim as it travels: with the attributes when the teller adds them, and with what a
/// receiver needs to judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// What is said.
    pub claim: Claim,
    /// The newest attributes that the teller holds. A live claim about a stranger is of no use
    /// without them; about a known member they may be left out.
    pub attributes: Option<Arc<Attributes>>,
    /// How long ago the claim was made, as far as the teller knows. Whole milliseconds on the
    /// wire.
    pub age: Duration,
    /// Who accused, for suspect and failed claims.
    pub accuser: Option<MemberId>,
    /// What the accusation rests on, for suspect and failed claims.
    pub evidence: Option<Evidence>,
}

impl Update {
    /// A bare claim, just made.
    pub fn claim(claim: Claim) -> Update {
        Update { claim, attributes: None, age: Duration::ZERO, accuser: None, evidence: None }
    }
}
