//! What one run of a cell showed.

use std::collections::{BTreeMap, BTreeSet};

use headcount_state::{MemberId, Time};

use crate::sighting::Kind;
use crate::simulation::Simulation;

/// What one run showed. Times are in seconds since the nodes stood still.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// Failures of nodes that nothing was wrong with, told to anybody: the paper's FP.
    pub false_positives: u64,
    /// The same, told to nodes that nothing was wrong with: FP-.
    pub false_positives_at_healthy: u64,
    /// How many such nodes were failed.
    pub healthy_failed: u64,
    /// For each node that stood still: when a healthy one first suspected it.
    pub first_suspicion_s: Vec<f64>,
    /// When a healthy one first declared it failed.
    pub first_detection_s: Vec<f64>,
    /// When all healthy ones knew.
    pub dissemination_s: Vec<f64>,
    /// Datagrams and stream frames that were sent, from start to end.
    pub messages: u64,
    /// Their bytes, without IP, UDP and TCP headers.
    pub bytes: u64,
    /// How much virtual time passed, in seconds.
    pub virtual_s: f64,
}

/// What the healthy were told of one node that stood still.
#[derive(Default)]
struct Noticed {
    suspected: Option<Time>,
    failed: Option<Time>,
    by: BTreeSet<usize>,
    all: Option<Time>,
}

impl Trial {
    /// Reads a run in which nodes stood still, or died, at `at`.
    pub(crate) fn of(simulation: &Simulation, at: Time) -> Trial {
        let ill = simulation.faulted();
        let names = ill.iter().map(|node| (simulation.member(*node), *node));
        let ill_members: BTreeMap<MemberId, usize> = names.collect();
        let healthy = simulation.len() - ill.len();
        let mut accused = BTreeSet::new();
        let mut noticed: BTreeMap<usize, Noticed> = BTreeMap::new();
        let mut trial = Trial { virtual_s: simulation.now().as_secs_f64(), ..Trial::default() };
        for sighting in simulation.events().filter(|sighting| sighting.at >= at) {
            let at_healthy = !ill.contains(&sighting.observer);
            let subject = sighting.subject.and_then(|member| ill_members.get(&member));
            match (sighting.kind, subject) {
                (Kind::Failed, None) => {
                    trial.false_positives += 1;
                    accused.extend(sighting.subject);
                    trial.false_positives_at_healthy += u64::from(at_healthy);
                }
                (Kind::Suspected, Some(node)) if at_healthy => {
                    let noticed = noticed.entry(*node).or_default();
                    noticed.suspected.get_or_insert(sighting.at);
                }
                (Kind::Failed, Some(node)) if at_healthy => {
                    let noticed = noticed.entry(*node).or_default();
                    noticed.failed.get_or_insert(sighting.at);
                    noticed.by.insert(sighting.observer);
                    if noticed.by.len() == healthy {
                        noticed.all.get_or_insert(sighting.at);
                    }
                }
                _ => {}
            }
        }
        trial.healthy_failed = accused.len() as u64;
        let after = |moment: Option<Time>| moment.map(|moment| moment.since(at).as_secs_f64());
        let all = || noticed.values();
        trial.first_suspicion_s = all().filter_map(|n| after(n.suspected)).collect();
        trial.first_detection_s = all().filter_map(|n| after(n.failed)).collect();
        trial.dissemination_s = all().filter_map(|n| after(n.all)).collect();
        (trial.messages, trial.bytes) = simulation.sent();
        trial
    }
}
