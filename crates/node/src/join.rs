use std::fmt;
use std::net::SocketAddr;

use headcount_swim::SeedError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::driver::Command;
use crate::seeds::resolve;

/// How joining went, seed by seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct JoinReport {
    /// One for each address of each seed, in no particular order.
    pub seeds: Vec<SeedReport>,
}

/// How joining through one seed went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedReport {
    /// The seed as it was given.
    pub seed: String,
    /// The address tried; `None` while it does not resolve.
    pub address: Option<SocketAddr>,
    /// What came of it.
    pub outcome: SeedOutcome,
}

/// What came of trying a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeedOutcome {
    /// It let this node in.
    Joined {
        /// How many live members this node knows since.
        members: usize,
    },
    /// It did not.
    Failed(SeedError),
    /// It has no address.
    Unresolved(String),
    /// Nothing was heard of it by the time another one had answered, or the time was up.
    Pending,
}

impl JoinReport {
    /// Whether some seed let this node in.
    pub fn joined(&self) -> bool {
        self.members() > 0
    }

    /// How many live members this node knew after joining; 0 if it did not.
    pub fn members(&self) -> usize {
        let members = |report: &SeedReport| match report.outcome {
            SeedOutcome::Joined { members } => members,
            _ => 0,
        };
        self.seeds.iter().map(members).max().unwrap_or(0)
    }

    fn answered(&mut self, from: SocketAddr, result: &Result<usize, SeedError>) {
        for report in self.seeds.iter_mut().filter(|report| report.address == Some(from)) {
            report.outcome = match result {
                Ok(members) => SeedOutcome::Joined { members: *members },
                Err(error) => SeedOutcome::Failed(error.clone()),
            };
        }
    }

    fn is_pending(&self) -> bool {
        self.seeds.iter().any(|report| report.outcome == SeedOutcome::Pending)
    }
}

impl fmt::Display for SeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seed)?;
        if let Some(address) = self.address
            && address.to_string() != self.seed
        {
            write!(f, " ({address})")?;
        }
        match &self.outcome {
            SeedOutcome::Joined { members } => write!(f, ": joined, {members} members"),
            SeedOutcome::Failed(error) => write!(f, ": {error}"),
            SeedOutcome::Unresolved(error) => write!(f, ": {error}"),
            SeedOutcome::Pending => write!(f, ": no answer yet"),
        }
    }
}

/// Tries all `seeds` at once and returns when one lets this node in, or when all have failed.
/// What is known is in `report` whenever this future is dropped.
pub(crate) async fn join(
    commands: &mpsc::Sender<Command>,
    seeds: Vec<String>,
    report: &mut JoinReport,
) {
    let (answer, mut answers) = mpsc::unbounded_channel();
    let mut lookups = JoinSet::new();
    for seed in seeds {
        let pending = SeedOutcome::Pending;
        report.seeds.push(SeedReport { seed: seed.clone(), address: None, outcome: pending });
        lookups.spawn(async move { (resolve(&seed).await, seed) });
    }
    while !report.joined() && report.is_pending() {
        tokio::select! {
            Some(done) = lookups.join_next() => {
                let Ok((found, seed)) = done else { return };
                report.seeds.retain(|r| r.seed != seed || r.outcome != SeedOutcome::Pending);
                let addresses = match found {
                    Ok(addresses) => addresses,
                    Err(error) => {
                        let outcome = SeedOutcome::Unresolved(error);
                        report.seeds.push(SeedReport { seed, address: None, outcome });
                        continue;
                    }
                };
                for address in addresses {
                    let command = Command::Join { seed: address, answer: answer.clone() };
                    let outcome = match commands.send(command).await {
                        Ok(()) => SeedOutcome::Pending,
                        Err(_) => SeedOutcome::Failed(stopped()),
                    };
                    report.seeds.push(SeedReport {
                        seed: seed.clone(),
                        address: Some(address),
                        outcome,
                    });
                }
            }
            Some((from, result)) = answers.recv() => report.answered(from, &result),
            () = commands.closed() => {
                let pending = report.seeds.iter_mut().filter(|r| r.outcome == SeedOutcome::Pending);
                pending.for_each(|report| report.outcome = SeedOutcome::Failed(stopped()));
            }
        }
    }
    while let Ok((from, result)) = answers.try_recv() {
        report.answered(from, &result);
    }
}

fn stopped() -> SeedError {
    SeedError::Unreachable("this node has stopped".to_owned())
}
