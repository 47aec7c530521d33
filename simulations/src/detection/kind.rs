//! What can happen in a row.

use super::roles::Roles;
use super::scenarios::CYCLES;
use crate::calibration::Experiment;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// So many hosts die at once.
    Crash(usize),
    /// One process dies; its host lives and refuses streams.
    Kill,
    /// One after another dies, at a loss of so many percent: when is it first pinged?
    FirstProbe(u32),
    /// One after another stands still for so many milliseconds.
    Pause(u64),
    /// So many stand still again and again.
    Freeze(usize),
    /// So many lose most of what they are sent.
    GrayIn(usize),
    /// So many lose most of what they send.
    GrayOut(usize),
    /// So many lose most of both, and lose nothing, by turns.
    FlipFlop(usize),
    /// One is cut off for so many milliseconds and back for as many, by turns.
    Toggle(u64),
    /// One hears nothing.
    Deaf,
    /// So many percent of all datagrams are lost.
    Loss(u32),
    /// The network is in two sides, one of so many nodes, and then one.
    Cut(usize),
    /// Two halves are cut from each other again and again.
    FlappingCut,
    /// One cannot be reached by half of the others.
    OneSidedHalf,
    /// The Interval experiment of the Lifeguard paper.
    Interval,
    /// Its Threshold experiment.
    Threshold,
}

impl Kind {
    /// Its name in lower case: that of the table it stands in.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Crash(_) => "crash",
            Kind::Kill => "kill",
            Kind::FirstProbe(_) => "first-probe",
            Kind::Pause(_) => "pause",
            Kind::Freeze(_) => "freeze",
            Kind::GrayIn(_) => "gray-in",
            Kind::GrayOut(_) => "gray-out",
            Kind::FlipFlop(_) => "flip-flop",
            Kind::Toggle(_) => "toggle",
            Kind::Deaf => "deaf",
            Kind::Loss(_) => "loss",
            Kind::Cut(_) => "cut",
            Kind::FlappingCut => "flapping-cut",
            Kind::OneSidedHalf => "one-sided-half",
            Kind::Interval => "interval",
            Kind::Threshold => "threshold",
        }
    }

    /// The experiment that it is.
    pub(super) fn experiment(self) -> Option<Experiment> {
        match self {
            Kind::Interval => Some(Experiment::Interval),
            Kind::Threshold => Some(Experiment::Threshold),
            _ => None,
        }
    }

    /// Whether nodes are to be found failed, so that it matters how soon.
    pub(super) fn has_victims(self) -> bool {
        matches!(
            self,
            Kind::Crash(_) | Kind::Kill | Kind::GrayIn(_) | Kind::GrayOut(_) | Kind::Deaf
        ) || self.experiment().is_some()
    }

    /// Whether nodes go and come back in the eyes of others.
    pub(super) fn has_transitions(self) -> bool {
        matches!(
            self,
            Kind::GrayIn(_)
                | Kind::GrayOut(_)
                | Kind::FlipFlop(_)
                | Kind::Toggle(_)
                | Kind::OneSidedHalf
        )
    }

    /// Whether the network falls into sides whose views are compared.
    pub(super) fn splits(self) -> bool {
        matches!(self, Kind::Cut(_) | Kind::FlappingCut)
    }

    /// How often it is run for each seed.
    pub(super) fn runs_a_seed(self, nodes: usize) -> u64 {
        match self {
            Kind::Crash(_) | Kind::Kill | Kind::Cut(_) if nodes <= 200 => 10,
            Kind::Freeze(_) => CYCLES.len() as u64,
            _ => 1,
        }
    }

    /// Who is ill and who can tell, in a cluster of so many nodes.
    pub(super) fn roles(self, nodes: usize) -> Roles {
        match self {
            Kind::Toggle(_) => Roles::ill([0]),
            Kind::OneSidedHalf => Roles::ill([0]).blind(1..=nodes / 2),
            _ => Roles::default(),
        }
    }
}
