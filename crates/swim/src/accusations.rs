//! Accusations: what was said against each member lately, and how it ended.
//!
//! Every node takes down the claims that it hears, so all tell the same story, but for claims that
//! were overtaken on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use headcount_state::{ChangeKind, Evidence, MemberId, Record, Status, Time};

use crate::engine::Engine;
use crate::observers::make_room;

/// So many are kept of each member,
const KEPT: usize = 8;

/// and of so many members; the one that was quiet longest makes room.
const MEMBERS_MAX: usize = 1_024;

/// One claim of a member's story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accusation {
    /// When the claim was made, on the observer's time line.
    pub at: Time,
    /// Suspect or failed; or alive: it refuted that, or came back.
    pub status: Status,
    /// The life that is spoken of.
    pub generation: u64,
    /// The owner's counter within the life.
    pub incarnation: u32,
    /// Who accused it. `None` if nobody said, or if it is alive again.
    pub accuser: Option<MemberId>,
    /// What the accusation rests on. `None` as with the accuser.
    pub evidence: Option<Evidence>,
}

/// The stories of those members that were accused.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accusations {
    by_member: BTreeMap<MemberId, Arc<[Accusation]>>,
}

impl Accusations {
    pub(crate) fn of(&self, id: MemberId) -> Option<&Arc<[Accusation]>> {
        self.by_member.get(&id)
    }

    fn record(&mut self, id: MemberId, accusation: Accusation) {
        let last = |story: &Arc<[Accusation]>| story.last().map(|last| last.at);
        make_room(&mut self.by_member, id, MEMBERS_MAX, last);
        let story = self.by_member.entry(id).or_default();
        let from = (story.len() + 1).saturating_sub(KEPT);
        *story = story[from..].iter().copied().chain([accusation]).collect();
    }

    pub(crate) fn forget(&mut self, id: MemberId) {
        self.by_member.remove(&id);
    }
}

impl Engine {
    /// Takes down what was said of a member, if it belongs to its story.
    pub(crate) fn take_down(&mut self, id: MemberId, kind: ChangeKind) {
        let accused = matches!(kind, ChangeKind::Suspected | ChangeKind::Failed);
        let answers = matches!(
            kind,
            ChangeKind::Refuted | ChangeKind::Recovered | ChangeKind::Restarted | ChangeKind::Left
        );
        let goes_on = answers && self.accusations.by_member.contains_key(&id);
        if !accused && !goes_on {
            return;
        }
        let Some(Record { claim, since, accuser, evidence, .. }) = self.table.get(id) else {
            return;
        };
        let (generation, incarnation) = (claim.life().generation, claim.version.incarnation());
        let status = claim.status();
        let accusation =
            Accusation { at: since, status, generation, incarnation, accuser, evidence };
        self.accusations.record(id, accusation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(at: u64) -> Accusation {
        Accusation {
            at: Time::from_millis(at),
            status: Status::Suspect,
            generation: 1,
            incarnation: 0,
            accuser: None,
            evidence: None,
        }
    }

    #[test]
    fn the_latest_are_kept_of_those_accused_last() {
        let mut accusations = Accusations::default();
        let id = |number: u64| MemberId::of(&number.to_string());
        for number in 0..=MEMBERS_MAX as u64 {
            accusations.record(id(number), said(number));
        }
        assert!(accusations.of(id(0)).is_none());
        for at in 2_000..2_010 {
            accusations.record(id(1), said(at));
        }
        let story = accusations.of(id(1)).expect("kept");
        assert_eq!(story.len(), KEPT);
        assert_eq!(story.last(), Some(&said(2_009)));
        assert_eq!(accusations.by_member.len(), MEMBERS_MAX);
    }
}
