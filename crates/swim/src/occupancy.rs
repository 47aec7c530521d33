//! How full the bounded parts of an engine are. Everything that peers can make grow is one.

use crate::dissemination::DISSEMINATION_MAX;
use crate::engine::Engine;
use crate::losses::LOSSES_MAX;
use crate::observers::cases::CASES_MAX;
use crate::observers::contest::MEASUREMENTS_MAX;
use crate::observers::opinions::QUESTIONS_MAX;
use crate::observers::pings::PINGS_MAX;
use crate::outbox::OUTBOX_MAX;
use crate::reach::TELLERS_MAX;
use crate::relay::RELAYS_MAX;
use crate::session::STREAMS_MAX;
use crate::sketching::SESSIONS_MAX;

/// How many parts there are.
pub(crate) const PARTS: usize = 16;

/// A bounded part of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it holds, in one word.
    pub name: &'static str,
    /// How many of them now.
    pub len: usize,
    /// How many at most.
    pub bound: usize,
}

impl Engine {
    /// Every bounded part, with how full it is.
    pub fn occupancy(&self) -> [Part; PARTS] {
        let limits = self.config.limits;
        let held = self.table.occupancy();
        let part = |name, len, bound| Part { name, len, bound };
        [
            part("records", self.table.len(), limits.records),
            part("graveyard", held.graves, limits.graves),
            part("roster", held.roster, limits.roster),
            part("dissemination", self.dissemination.len(), DISSEMINATION_MAX),
            part("outbox", self.outbox.len(), OUTBOX_MAX),
            part("streams", self.sessions.len(), STREAMS_MAX),
            part("relays", self.relays.len(), RELAYS_MAX),
            part("losses", self.losses.len(), LOSSES_MAX),
            part("sketches", self.reconciling.len(), SESSIONS_MAX),
            part("suspicions", self.suspicions.len(), limits.records),
            part("checks", self.checks.len(), limits.records),
            part("pings", self.observers.pings.len(), PINGS_MAX),
            part("cases", self.observers.cases.len(), CASES_MAX),
            part("measurements", self.observers.contests.len(), MEASUREMENTS_MAX),
            part("questions", self.observers.opinions.len(), QUESTIONS_MAX),
            part("tellers", self.reach.tellers(), TELLERS_MAX),
        ]
    }
}
