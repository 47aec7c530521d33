//! Seeds that are being tried, and who waits for the outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use headcount_swim::SeedError;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::sockets::canonical;

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
    /// Where this node met itself lately. It is tried all the same: what lies behind a load
    /// balancer's address may be another member next time.
    met_self: BTreeSet<SocketAddr>,
    /// That the seeds lead to this node alone was told.
    told_alone: bool,
    joined: bool,
}

#[derive(Debug)]
struct Attempt {
    until: Instant,
    waiting: Vec<UnboundedSender<SeedAnswer>>,
}

impl Dialling {
    pub(crate) fn new(bound: SocketAddr, advertised: SocketAddr, patience: Duration) -> Dialling {
        Dialling {
            own: [bound, advertised],
            patience,
            open: BTreeMap::new(),
            told: BTreeSet::new(),
            met_self: BTreeSet::new(),
            told_alone: false,
            joined: false,
        }
    }

    /// There is nothing to join.
    pub(crate) fn begin_cluster(&mut self) {
        self.joined = true;
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
        let (seed, [bound, _]) = (canonical(seed), self.own);
        let everywhere = bound.ip().is_unspecified() && seed.ip().is_loopback();
        self.own.contains(&seed) || everywhere && seed.port() == bound.port()
    }

    /// All seeds were looked up, and these are their addresses: warns, once, when they lead nowhere
    /// but here.
    pub(crate) fn looked_at_all(&mut self, seeds: &[SocketAddr]) {
        let is_self = |seed: &SocketAddr| self.is_self(*seed) || self.met_self.contains(seed);
        let alone = !self.joined && !seeds.is_empty() && seeds.iter().all(is_self);
        if alone && !self.told_alone {
            self.told_alone = true;
            tracing::warn!(
                "all seeds lead to this node itself; it waits for others: name another member as \
                 a seed, or give no seeds to begin the cluster here"
            );
        }
    }

    /// Begins an attempt, or waits for the one under way. True when the engine is to begin it.
    pub(crate) fn begin(
        &mut self,
        seed: SocketAddr,
        waiting: Option<UnboundedSender<SeedAnswer>>,
    ) -> bool {
        if self.is_self(seed) {
            tell(waiting, seed, &Err(SeedError::Myself));
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
                self.met_self.remove(&seed);
                tracing::info!(peer = %seed, members, "joined through a seed");
            }
            Err(SeedError::Myself) => {
                if self.met_self.len() < TOLD_MAX {
                    self.met_self.insert(seed);
                }
                tracing::debug!(peer = %seed, "seed is this node itself");
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
        Dialling::new(at("0.0.0.0:7"), at("10.0.0.1:7"), Duration::from_secs(5))
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
        for own in ["10.0.0.1:7", "127.0.0.1:7", "[::1]:7", "[::ffff:10.0.0.1]:7"] {
            let (asks, mut hears) = unbounded_channel();
            assert!(!dialling.begin(at(own), Some(asks)));
            assert!(matches!(hears.recv().await, Some((_, Err(SeedError::Myself)))));
        }
        assert!(dialling.begin(at("127.0.0.1:8"), None));
        assert!(!dialling.has_joined());
    }

    #[test]
    fn seeds_that_lead_here_alone_are_told_of_once_they_are_known_to() {
        let mut dialling = dialling();
        let (balancer, other) = (at("10.0.0.9:7"), at("10.0.0.2:7"));
        dialling.looked_at_all(&[]);
        dialling.looked_at_all(&[at("10.0.0.1:7"), balancer]);
        assert!(!dialling.told_alone);
        dialling.end(balancer, &Err(SeedError::Myself));
        dialling.looked_at_all(&[at("10.0.0.1:7"), balancer, other]);
        assert!(!dialling.told_alone);
        assert!(dialling.begin(balancer, None), "somebody else may answer there next time");
        dialling.looked_at_all(&[at("10.0.0.1:7"), balancer]);
        assert!(dialling.told_alone);
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
