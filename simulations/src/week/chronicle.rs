use std::collections::BTreeMap;

use headcount_health::history::{History, HistoryReport, What};
use headcount_state::{MemberId, Name, Time};

use crate::node::EPOCH_MS;
use crate::sighting::{Kind, Sighting};

/// The history of what one node is told.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    observer: usize,
    names: BTreeMap<MemberId, Name>,
    history: History,
}

impl Chronicle {
    /// That of node number `observer`, of `nodes` that there are.
    pub(crate) fn new(observer: usize, nodes: usize) -> Chronicle {
        let others = (0..nodes).filter(|node| *node != observer);
        let names = others.filter_map(|node| Name::new(&format!("n{node}")).ok());
        let names: BTreeMap<MemberId, Name> = names.map(|name| (name.id(), name)).collect();
        let mut history = History::default();
        history.started(EPOCH_MS);
        // They know each other from the start.
        for (id, name) in &names {
            history.record(EPOCH_MS, *id, name, None, What::Joined);
        }
        Chronicle { observer, names, history }
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
