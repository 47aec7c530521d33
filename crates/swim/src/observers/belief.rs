//! Whether a verdict that somebody tells is believed at once.
//!
//! ```text
//!   the member was heard, later than the verdict allows         checked (checks.rs)
//!   this node finds the member silent, or its link bad, too     believed
//!   large cluster, and the accuser and a voter watch it         believed
//!   suspected here for a while, and not refuted                 checked briefly
//!   anything else                                               checked
//! ```
//! So one broken node that calls everybody failed removes nobody who answers; and since a verdict is
//! never refused, only checked, no dead member stays alive in the view of one that knows other
//! observers.

use headcount_state::{Evidence, Grace, Life, MemberId, Reason, Time, Update};

use super::timing::REACH;
use crate::engine::Engine;

impl Engine {
    /// Whether a fresh claim that a live member has failed must be checked.
    pub(crate) fn doubts_verdict(&self, now: Time, update: &Update, held: Life) -> Grace {
        let id = update.claim.id;
        let timing = &self.observers.timing;
        let made = now - update.age;
        let evidence = update.evidence;
        let reason = evidence.map(|evidence| evidence.reason);
        let lately = now - timing.detection_time;
        let contests = &self.observers.contests;
        let bad_here = contests.found_bad_since(id, now - timing.contest_pause());
        let silent_here = self.observers.cases.is_silent(id)
            || self.observers.opinions.confirmed_since(id, lately);
        let heard = self.contacts.get(id);
        let heard = heard.filter(|c| c.life.instance == held.instance && c.life >= held);
        // A bad link lets some word through.
        let allowed = match reason {
            Some(Reason::Link) => Time::MAX,
            Some(Reason::Silent) => made - timing.private(),
            Some(Reason::Refused) | None => made,
        };
        if heard.is_some_and(|contact| contact.at > allowed) {
            return Grace::Open;
        }
        if silent_here || (reason == Some(Reason::Link) && bad_here) {
            return Grace::Closed;
        }
        let large = self.table.live_len() > REACH + 1;
        let voted = evidence.is_some_and(|evidence| self.is_quorum(id, update.accuser, &evidence));
        if large && voted { Grace::Closed } else { Grace::Open }
    }

    /// Whether a verdict follows a suspicion that could have been refuted since it is known here.
    pub(crate) fn could_have_been_refuted(&self, now: Time, update: &Update) -> bool {
        let suspected = self.suspicions.running_since(update.claim.id, update.claim.version);
        let refutable = self.observers.timing.refutable();
        suspected.is_some_and(|since| now.since(since) >= refutable)
    }

    /// Whether the accuser and another voter watch the member, as this node sees the ring.
    fn is_quorum(&self, id: MemberId, accuser: Option<MemberId>, evidence: &Evidence) -> bool {
        let (mut voters, mut accused) = (0, false);
        self.table.live_before(id).take(REACH).any(|observer| {
            accused |= Some(observer) == accuser;
            voters += usize::from(evidence.voters.contains(observer));
            accused && voters > 1
        })
    }
}
