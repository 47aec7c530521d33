//! Two live processes of one name: the one that stands aside watches the one that won.
//!
//! ```text
//!   displaced, others about ──> they watch the winner; their word counts
//!   displaced, nobody else  ──> ping once per period ── silent as long as a suspicion ──> failed:
//!                                                       the name is this node's again
//! ```
//! Without this the name of a pair would be extinct when its winner dies.

use headcount_state::{Standing, Status, Time, Update};
use headcount_wire::Body;
use rand::RngExt;

use crate::engine::Engine;
use crate::outbox::Outgoing;
use crate::suspicion::SuspicionTimeout;

/// The watch over the winner of this node's name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RivalWatch {
    nonce: u32,
    /// When it answered last, or the watch began.
    answered: Time,
}

impl Engine {
    /// Once per period.
    pub(crate) fn watch_rival(&mut self, now: Time) {
        let alone = self.peers.is_empty();
        if !alone || !matches!(self.table.standing(), Standing::Displaced { .. }) {
            self.rival = None;
            return;
        }
        let Some((target, address)) = self.aim_at(self.table.own_id()) else { return };
        let nonce = self.rng.random();
        let fresh = RivalWatch { nonce, answered: now };
        let watch = *self.rival.get_or_insert(fresh);
        let patience = match self.observes() {
            true => self.config.detection_time,
            false => SuspicionTimeout::new(&self.config, self.table.live_len()).least(),
        };
        if now.since(watch.answered) <= patience {
            let ping = Body::Ping { nonce: watch.nonce, target: Some(target.process) };
            self.send(Outgoing::new(address, Some(target.id), ping));
        } else if let Some(winner) = self.table.get(target.id) {
            let failed = winner.claim.with_status(Status::Failed);
            self.absorb_own(now, &Update::claim(failed));
        }
    }

    /// An ack came: is it the winner's?
    pub(crate) fn rival_answered(&mut self, now: Time, nonce: u32) {
        if let Some(watch) = self.rival.as_mut().filter(|watch| watch.nonce == nonce) {
            watch.answered = now;
        }
    }
}
