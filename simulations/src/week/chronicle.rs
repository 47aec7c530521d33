use std::collections::BTreeMap;

use headcount_health::history::{History, HistoryReport, What};
use headcount_state::{MemberId, Name, Time};

use crate::node::EPOCH_MS;
use crate::sighting::{Kind, Sighting};
use crate::truth::Process;

/// The history of what one node is told.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    observer: usize,
    names: BTreeMap<MemberId, Name>,
    history: History,
}

impl Chronicle {
    /// That of node number `observer`, which knows these processes from the start.
    pub(crate) fn new(observer: usize, known: &[Process]) -> Chronicle {
        let mut chronicle = Chronicle { observer, ..Chronicle::default() };
        chronicle.history.started(EPOCH_MS);
        for Process { node, instance, .. } in known.iter().filter(|one| one.node != observer) {
            let Ok(name) = Name::new(&format!("n{node}")) else { continue };
            let (id, joined) = (name.id(), What::Joined);
            chronicle.history.record(EPOCH_MS, id, &name, Some(*instance), joined);
            chronicle.names.insert(id, name);
        }
        chronicle
    }

    /// Takes in what a node was told.
    pub(crate) fn seen(&mut self, sighting: &Sighting) {
        if sighting.observer != self.observer {
            return;
        }
        let at_ms = EPOCH_MS + sighting.at.as_millis();
        match sighting.kind {
            Kind::Isolated => return self.history.isolated(at_ms),
            Kind::Reconnected => return self.history.reconnected(at_ms),
            _ => {}
        }
        let Some((what, id)) = what(sighting.kind).zip(sighting.subject) else { return };
        let instance = sighting.life.map(|life| life.instance);
        if let Some(name) = self.names.get(&id) {
            self.history.record(at_ms, id, name, instance, what);
        }
    }

    /// What it says at this time.
    pub(crate) fn report(&self, now: Time) -> HistoryReport {
        self.history.report(EPOCH_MS + now.as_millis())
    }
}

fn what(kind: Kind) -> Option<What> {
    match kind {
        Kind::Joined => Some(What::Joined),
        Kind::Suspected => Some(What::Suspected),
        Kind::Refuted => Some(What::Refuted),
        Kind::Failed => Some(What::Failed),
        Kind::Recovered => Some(What::Recovered),
        Kind::Restarted => Some(What::Restarted),
        Kind::Left => Some(What::Left),
        Kind::Forgotten => Some(What::Forgotten),
        _ => None,
    }
}
