//! Where to look for the cluster: names and addresses, resolved again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::sockets::canonical;

/// The most addresses that all seeds together may resolve to.
const ADDRESSES_MAX: usize = 1_024;

/// Batches of addresses that may wait for the driver.
const FOUND: usize = 4;

/// So many names are looked up at once.
const LOOKUPS_MAX: usize = 8;

/// A name server gets so long for an answer.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// What a round of resolving found out so far.
#[derive(Debug)]
pub(crate) struct Found {
    /// Every seed's latest addresses.
    pub(crate) all: Vec<SocketAddr>,
    /// Those among them that are to be tried now.
    pub(crate) fresh: Vec<SocketAddr>,
    /// Whether every seed has been looked at in this round.
    pub(crate) complete: bool,
}

/// The task that resolves the seeds, and what it finds. Dropping it ends the task.
#[derive(Debug)]
pub(crate) struct Seeds {
    found: mpsc::Receiver<Found>,
    resolver: JoinSet<()>,
}

impl Seeds {
    /// Resolves `seeds` at once and then `every` so often, for ever; without seeds, never.
    pub(crate) fn watch(seeds: Vec<String>, every: Duration) -> Seeds {
        let (sender, found) = mpsc::channel(FOUND);
        let mut resolver = JoinSet::new();
        if !seeds.is_empty() {
            resolver.spawn(keep_resolving(seeds, every, sender).in_current_span());
        }
        Seeds { found, resolver }
    }

    /// What was found next; `None` without seeds. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Found> {
        let found = self.found.recv().await;
        if found.is_none()
            && let Some(Err(error)) = self.resolver.try_join_next()
        {
            tracing::error!(%error, "the task that looks up the seeds died; no other lookups");
        }
        found
    }
}

/// The addresses of `seed`, `host:port`; or, in words, why there are none.
pub(crate) async fn resolve(seed: &str) -> Result<Vec<SocketAddr>, String> {
    let found = match tokio::time::timeout(LOOKUP_TIMEOUT, lookup_host(seed)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(format!("{seed:?} does not resolve: {error}")),
        Err(_) => return Err(format!("{seed:?} does not resolve: the name server is silent")),
    };
    let mut addresses: Vec<SocketAddr> = found.map(canonical).collect();
    addresses.sort_unstable();
    addresses.dedup();
    match addresses.is_empty() {
        true => Err(format!("{seed:?} resolves to no address")),
        false => Ok(addresses),
    }
}

/// Resolves all seeds in parallel, again and again. A seed that does not resolve this time keeps
/// its addresses: discovery never takes away.
async fn keep_resolving(seeds: Vec<String>, every: Duration, found: mpsc::Sender<Found>) {
    let mut latest: Vec<Vec<SocketAddr>> = vec![Vec::new(); seeds.len()];
    let mut told = vec![false; seeds.len()];
    let room = Arc::new(Semaphore::new(LOOKUPS_MAX));
    loop {
        let mut lookups = JoinSet::new();
        for (index, seed) in seeds.iter().cloned().enumerate() {
            let room = Arc::clone(&room);
            lookups.spawn(async move {
                // An address needs no lookup, and waits for none. The semaphore is never closed.
                let is_name = seed.parse::<SocketAddr>().is_err();
                let _turn = if is_name { room.acquire().await.ok() } else { None };
                (index, resolve(&seed).await)
            });
        }
        while let Some(first) = lookups.join_next().await {
            let mut fresh = Vec::new();
            let mut next = Some(first);
            while let Some(done) = next {
                let Ok((index, result)) = done else { break };
                let failed = result.is_err();
                match result {
                    Ok(addresses) => latest[index] = addresses,
                    Err(error) if !told[index] => tracing::warn!(%error, "seed"),
                    Err(error) => tracing::debug!(%error, "seed"),
                }
                told[index] = failed;
                fresh.extend_from_slice(&latest[index]);
                next = lookups.try_join_next();
            }
            let mut all = latest.concat();
            all.sort_unstable();
            all.dedup();
            all.truncate(ADDRESSES_MAX);
            fresh.truncate(ADDRESSES_MAX);
            let complete = lookups.is_empty();
            if found.send(Found { all, fresh, complete }).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(every).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_seed_that_does_not_resolve_hides_no_other() {
        let seeds = vec!["no-such-host.invalid:1".to_owned(), "127.0.0.1:7".to_owned()];
        let mut seeds = Seeds::watch(seeds, Duration::from_millis(10));
        let good: SocketAddr = "127.0.0.1:7".parse().expect("an address");
        let mut times = 0;
        while times < 3 {
            let round = seeds.next().await.expect("it goes on for ever");
            assert!(round.fresh.iter().all(|address| *address == good));
            times += usize::from(round.all == [good]);
        }
    }

    #[tokio::test]
    async fn a_text_without_a_port_is_told_in_words() {
        let error = resolve("orders").await.expect_err("no port");
        assert!(error.contains("orders"), "{error}");
    }
}
