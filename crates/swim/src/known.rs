//! A start among members that are known already, instead of through a seed.

use headcount_state::{Grace, Outcome, Time, Update};

use crate::engine::Engine;

impl Engine {
    /// Takes members as known: for an engine that has just begun, in place of a join.
    ///
    /// Nobody is told on of anybody and no news is given, so a driver can begin with a cluster
    /// that has converged, without the storm of its start. The bounds of the table hold as ever;
    /// what is said of this node itself is passed over. Seeds that are set before and are among
    /// the members count as met.
    pub fn know<'a>(&mut self, now: Time, updates: impl IntoIterator<Item = &'a Update>) {
        let own = self.table.own_id();
        let updates = updates.into_iter();
        let (at_least, _) = updates.size_hint();
        self.table.reserve(at_least.min(self.config.limits.records));
        self.peers.reserve(at_least.min(self.config.limits.records));
        for update in updates.filter(|update| update.claim.id != own) {
            let merged = self.table.merge(now, update, Grace::Closed);
            let Outcome::Changed(change) = merged.outcome else { continue };
            let Some(record) = self.table.get(change.id) else { continue };
            let (claim, accuser) = (record.claim, record.accuser);
            let address = record.attributes.address;
            self.follow_live_set(now, claim);
            self.follow_suspicion(now, claim, accuser);
            self.seen_at(address, change.id);
        }
        self.settle(now);
    }
}
