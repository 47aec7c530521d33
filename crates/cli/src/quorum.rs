//! `headcount quorum`: whether an agent is on the side of a majority.

use headcount::{Basis, Quorum};
use serde::{Deserialize, Serialize};

use crate::client::Agent;
use crate::failure::Failure;
use crate::output;

/// The flags of `headcount quorum`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    agent: Agent,

    /// Prints one JSON document
    #[arg(long)]
    json: bool,
}

/// What one node says of its quorum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct QuorumView {
    /// The name of the node that says it.
    pub(crate) node: String,
    /// `majority`, `minority` or `lost`.
    pub(crate) verdict: String,
    /// Whether a majority is asserted: never with the basis `learned`.
    pub(crate) majority: bool,
    /// `voters`, `expected_size` or `learned`.
    pub(crate) basis: String,
    /// How many voters were heard within the detection time.
    pub(crate) heard: usize,
    /// How many there are.
    pub(crate) of: usize,
    /// How many a majority takes.
    pub(crate) need: usize,
    /// How many more members are known than expected.
    pub(crate) excess: usize,
    /// How many seconds the majority lasts if nobody answers any more; null without one.
    pub(crate) lease_s: Option<f64>,
    /// The voters that were not heard, by name.
    pub(crate) silent: Vec<String>,
}

impl QuorumView {
    /// What the node called `node` says.
    pub(crate) fn new(node: &str, quorum: &Quorum) -> QuorumView {
        QuorumView {
            node: node.to_owned(),
            verdict: quorum.verdict().as_str().to_owned(),
            majority: quorum.is_majority(),
            basis: quorum.basis().as_str().to_owned(),
            heard: quorum.heard(),
            of: quorum.of(),
            need: quorum.need(),
            excess: quorum.excess(),
            lease_s: quorum.lease().map(|lease| lease.as_secs_f64()),
            silent: quorum.silent().to_vec(),
        }
    }

    /// The same in words.
    fn text(&self) -> String {
        let QuorumView { verdict, basis, heard, of, need, excess, .. } = self;
        let members = match basis.as_str() {
            basis if basis == Basis::Voters.as_str() => "voters",
            basis if basis == Basis::ExpectedSize.as_str() => "members expected",
            _ => "members known (advisory: nothing is asserted of a learned set)",
        };
        let mut text = format!("{verdict}  heard {heard} of {of} {members}, {need} needed");
        if let Some(lease) = self.lease_s {
            text += &format!("; lasts {lease:.1} s more if nobody answers");
        }
        if !self.silent.is_empty() {
            text += &format!("\n  not heard: {}", self.silent.join(", "));
        }
        if *excess > 0 {
            let broken = "no majority while more members are known than the expected size: stop some \
                          with a goodbye, or start all again with a larger one";
            text += &format!("\n  {} known, {excess} too many: {broken}", of + excess);
        }
        text
    }
}

/// Prints whether the agent is on the side of a majority.
///
/// # Errors
/// No agent answers.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let quorum: QuorumView = args.agent.get("/v1/quorum").await?;
    match args.json {
        true => output::json(&quorum),
        false => output::line(&quorum.text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> QuorumView {
        QuorumView {
            node: "a".to_owned(),
            verdict: "majority".to_owned(),
            majority: true,
            basis: "voters".to_owned(),
            heard: 2,
            of: 3,
            need: 2,
            excess: 0,
            lease_s: Some(3.25),
            silent: vec!["c".to_owned()],
        }
    }

    #[test]
    fn a_majority_is_told_with_how_long_it_lasts_and_who_is_missing() {
        let expected = "majority  heard 2 of 3 voters, 2 needed; lasts 3.2 s more if nobody answers\n  \
                        not heard: c";
        assert_eq!(view().text(), expected);
    }

    #[test]
    fn what_is_advisory_and_what_is_broken_is_said() {
        let learned = QuorumView {
            basis: "learned".to_owned(),
            majority: false,
            lease_s: None,
            silent: Vec::new(),
            ..view()
        };
        assert!(learned.text().contains("advisory"), "{}", learned.text());
        let broken = QuorumView {
            basis: "expected_size".to_owned(),
            verdict: "minority".to_owned(),
            excess: 2,
            ..learned
        };
        assert!(broken.text().contains("5 known, 2 too many"), "{}", broken.text());
    }
}
