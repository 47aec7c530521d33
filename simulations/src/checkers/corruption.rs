//! Is every datagram refused that arrives with a bit flipped?

use headcount_state::{Summary, Time};
use headcount_swim::Engine;

use crate::checkers::{Metrics, Violations};
use crate::report::Check;

/// What a node holds, and what it has refused, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    summary: Summary,
    /// Frames that it could not read, and frames of other clusters: a flipped bit of the cluster's
    /// id makes one of these.
    refused: u64,
}

impl Holding {
    pub(crate) fn of(engine: &Engine) -> Holding {
        let stats = engine.stats();
        let refused = stats.malformed_rejected + stats.foreign_rejected;
        Holding { summary: engine.table().summary(), refused }
    }
}

/// The corrupt datagrams that arrived.
#[derive(Debug, Default)]
pub(crate) struct Corruption {
    received: u64,
    violations: Violations,
}

impl Corruption {
    /// A corrupt datagram arrived; what the node held before and after it.
    pub(crate) fn received(&mut self, at: Time, node: usize, before: Holding, after: Holding) {
        self.received += 1;
        if after.refused != before.refused + 1 {
            self.violations.add(|| format!("{at}: node {node} did not refuse a corrupt datagram"));
        } else if after.summary != before.summary {
            self.violations.add(|| format!("{at}: a corrupt datagram changed what {node} holds"));
        }
    }

    pub(crate) fn finish(&self, metrics: &mut Metrics) -> Option<Check> {
        metrics.insert("corrupt_datagrams_received".to_owned(), self.received as f64);
        let fine = format!("{} corrupt datagrams, all refused", self.received);
        (self.received > 0).then(|| self.violations.check("corruption_refused", &fine))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::fixture::at;

    fn check(refused: u64, view_id: u64) -> Option<bool> {
        let holding = |refused, view_id| {
            let summary = Summary { view_id, ..Summary::default() };
            Holding { summary, refused }
        };
        let mut checker = Corruption::default();
        checker.received(at(1), 0, holding(3, 7), holding(refused, view_id));
        checker.finish(&mut Metrics::new()).map(|check| check.pass)
    }

    #[test]
    fn a_refused_datagram_is_as_it_should_be() {
        assert_eq!(check(4, 7), Some(true));
        assert!(Corruption::default().finish(&mut Metrics::new()).is_none());
    }

    #[test]
    fn a_corrupt_datagram_that_is_taken_in_is_noticed() {
        assert_eq!(check(3, 7), Some(false));
    }

    #[test]
    fn a_corrupt_datagram_that_changes_a_table_is_noticed() {
        assert_eq!(check(4, 8), Some(false));
    }
}
