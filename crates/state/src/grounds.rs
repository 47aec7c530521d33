//! What belongs to a claim and is no part of its version.

use crate::evidence::Evidence;
use crate::id::MemberId;
use crate::record::Record;
use crate::time::Time;
use crate::update::Update;

/// When a claim was made, by whom and on what evidence. Of two that come with one version, the
/// first one heard is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grounds {
    /// When the claim was made, on the holder's time line.
    pub(crate) since: Time,
    /// Who accused, for suspect and failed claims.
    pub(crate) accuser: Option<MemberId>,
    /// What the accusation rests on.
    pub(crate) evidence: Option<Evidence>,
}

impl Grounds {
    /// Of a claim that accuses nobody.
    pub(crate) fn plain(since: Time) -> Grounds {
        Grounds { since, accuser: None, evidence: None }
    }

    /// Of a claim that is heard at `now`.
    pub(crate) fn told(now: Time, update: &Update) -> Grounds {
        let Update { age, accuser, evidence, .. } = *update;
        Grounds { since: now - age, accuser, evidence }
    }

    /// Of a claim that is held.
    pub(crate) fn held(record: Record<'_>) -> Grounds {
        let Record { since, accuser, evidence, .. } = record;
        Grounds { since, accuser, evidence }
    }
}
