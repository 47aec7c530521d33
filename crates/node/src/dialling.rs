//! Seeds that are being tried, and who waits for the outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use headcount_swim::SeedError;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// How a seed answered: the members it told of, or why not.
pub(crate) type SeedAnswer = (SocketAddr, Result<usize, SeedError>);

/// Failures of more seeds than this are told again.
const TOLD_MAX: usize = 1_024;

#[derive(Debug)]
pub(crate) struct Dialling {
    /// Where this node itself is found.
    own: [SocketAddr; 2],
    /// An attempt is over after this long, whatever is heard of it.
    patience: Duration,
    open: BTreeMap<SocketAddr, Attempt>,
    /// Seeds whose failure was told, until they answer.
    told: BTreeSet<SocketAddr>,
    joined: bool,
}

#[derive(Debug)]
struct Attempt {
    until: Instant,
    waiting: Vec<UnboundedSender<SeedAnswer>>,
}

impl Dialling {
    /// `joined`: there is nothing to join, the node begins the cluster.
    pub(crate) fn new(
        bound: SocketAddr,
        advertised: SocketAddr,
        patience: Duration,
        joined: bool,
    ) -> Dialling {
        Dialling {
            own: [bound, advertised],
            patience,
            open: BTreeMap::new(),
            told: BTreeSet::new(),
            joined,
        }
    }

    /// Others came to this node.
    pub(crate) fn found_others(&mut self) {
        self.joined = true;
    }

    /// Whether this node has ever been in touch with its cluster.
    pub(crate) fn has_joined(&self) -> bool {
        self.joined
    }

    /// Whether whoever connects to `seed` reaches this node.
    pub(crate) fn is_self(&self, seed: SocketAddr) -> bool {
        let [bound, _] = self.own;
        let everywhere = bound.ip().is_unspecified() && seed.ip().is_loopback();
        self.own.contains(&seed) || everywhere && seed.port() == bound.port()
    }

    /// Begins an attempt, or waits for the one under way. True when the engine is to begin it.
    pub(crate) fn begin(
        &mut self,
        seed: SocketAddr,
        waiting: Option<UnboundedSender<SeedAnswer>>,
    ) -> bool {
        if self.is_self(seed) {
            let error = SeedError::Unreachable("it is this node itself".to_owned());
            tell(waiting, seed, &Err(error));
            return false;
        }
        let new = !self.open.contains_key(&seed);
        let until = Instant::now() + self.patience;
        let attempt =
            self.open.entry(seed).or_insert_with(|| Attempt { until, waiting: Vec::new() });
        attempt.waiting.retain(|waiting| !waiting.is_closed());
        attempt.waiting.extend(waiting);
        new
    }

    /// An attempt is over.
    pub(crate) fn end(&mut self, seed: SocketAddr, result: &Result<usize, SeedError>) {
        match result {
            Ok(members) => {
                self.joined = true;
                self.told.remove(&seed);
                tracing::info!(peer = %seed, members, "joined through a seed");
            }
            Err(error) if self.told.len() < TOLD_MAX && self.told.insert(seed) => {
                tracing::warn!(peer = %seed, %error, "seed did not let this node in");
            }
            Err(error) => tracing::debug!(peer = %seed, %error, "seed still does not answer"),
        }
        if let Some(attempt) = self.open.remove(&seed) {
            tell(attempt.waiting, seed, result);
        }
    }

    /// Ends attempts of which nothing was heard.
    pub(crate) fn give_up(&mut self, now: Instant) {
        let silent: Vec<SocketAddr> =
            self.open.iter().filter(|(_, a)| a.until <= now).map(|(seed, _)| *seed).collect();
        for seed in silent {
            self.end(seed, &Err(SeedError::Unreachable("nothing was heard of it".to_owned())));
        }
    }
}

fn tell(
    waiting: impl IntoIterator<Item = UnboundedSender<SeedAnswer>>,
    seed: SocketAddr,
    result: &Result<usize, SeedError>,
) {
    for waiting in waiting {
        // Whoever asked may have stopped waiting.
        let _ = waiting.send((seed, result.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::unbounded_channel;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn dialling() -> Dialling {
        Dialling::new(at("0.0.0.0:7"), at("10.0.0.1:7"), Duration::from_secs(5), false)
    }

    #[tokio::test]
    async fn all_who_ask_for_one_seed_share_one_attempt() {
        let (first, mut first_hears) = unbounded_channel();
        let (second, mut second_hears) = unbounded_channel();
        let mut dialling = dialling();
        assert!(dialling.begin(at("10.0.0.2:7"), Some(first)));
        assert!(!dialling.begin(at("10.0.0.2:7"), Some(second)));
        dialling.end(at("10.0.0.2:7"), &Ok(3));
        assert_eq!(first_hears.recv().await, Some((at("10.0.0.2:7"), Ok(3))));
        assert_eq!(second_hears.recv().await, Some((at("10.0.0.2:7"), Ok(3))));
        assert!(dialling.has_joined());
        assert!(dialling.begin(at("10.0.0.2:7"), None), "the next one is another attempt");
    }

    #[tokio::test]
    async fn a_node_does_not_join_through_itself() {
        let mut dialling = dialling();
        for own in ["10.0.0.1:7", "127.0.0.1:7", "[::1]:7"] {
            let (asks, mut hears) = unbounded_channel();
            assert!(!dialling.begin(at(own), Some(asks)));
            assert!(matches!(hears.recv().await, Some((_, Err(_)))));
        }
        assert!(dialling.begin(at("127.0.0.1:8"), None));
        assert!(!dialling.has_joined());
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_of_which_nothing_is_heard_ends() {
        let (asks, mut hears) = unbounded_channel();
        let mut dialling = dialling();
        dialling.begin(at("10.0.0.2:7"), Some(asks));
        dialling.give_up(Instant::now());
        assert!(hears.try_recv().is_err());
        tokio::time::advance(Duration::from_secs(5)).await;
        dialling.give_up(Instant::now());
        assert!(matches!(hears.recv().await, Some((_, Err(SeedError::Unreachable(_))))));
    }
}
