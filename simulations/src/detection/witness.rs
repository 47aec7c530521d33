//! Counts, while a simulation runs, what its nodes are told of the well and of the ill.

use std::collections::{BTreeMap, BTreeSet};

use headcount_state::Time;
use headcount_wire::{Body, ClusterId, decode_datagram};

use super::roles::Roles;
use super::sample::Kept;
use super::{Kind, Sample};
use crate::sighting::{Kind as Told, Sighting};
use crate::truth::Truth;

/// By when the ill should be out of all views.
const SOON_S: f64 = 30.0;

/// What was seen of everybody since some moment.
#[derive(Debug)]
pub(crate) struct Witness {
    begins: Time,
    roles: Roles,
    nodes: usize,
    false_positives: u64,
    at_healthy: u64,
    healthy_failed: BTreeSet<usize>,
    /// Failures of those who were on another side of the network, told after it was one again.
    late: u64,
    victims: BTreeMap<usize, Victim>,
    /// How often each node that watches was told that some ill one had gone, or was back.
    transitions: Vec<u64>,
    /// The ill of whom anybody at all was told that they failed.
    failed_by_anybody: BTreeSet<usize>,
    /// Who died, when, and when somebody first sent a ping there.
    deaths: Vec<(Time, Option<Time>)>,
    /// The deaths of nodes that were not pinged since.
    unpinged: BTreeMap<usize, usize>,
}

/// What those who watch were told of one ill node.
#[derive(Debug, Default)]
struct Victim {
    first: Option<Time>,
    full: Option<Time>,
    /// By node: whether it holds the victim for failed.
    out_at: Vec<bool>,
    out: usize,
}

impl Victim {
    /// `observer`, one of `watching`, holds it for failed, or does so no longer.
    fn is(&mut self, failed: bool, at: Time, observer: usize, watching: usize) {
        if self.out_at.len() <= observer {
            self.out_at.resize(observer + 1, false);
        }
        let before = std::mem::replace(&mut self.out_at[observer], failed);
        self.out += usize::from(failed && !before);
        self.out -= usize::from(!failed && before);
        if failed {
            self.first.get_or_insert(at);
            if self.out >= watching {
                self.full.get_or_insert(at);
            }
        }
    }
}

impl Witness {
    /// Of what happens from `begins` on to a cluster of so many nodes.
    pub(crate) fn new(begins: Time, roles: Roles, nodes: usize) -> Witness {
        Witness {
            begins,
            roles,
            nodes,
            false_positives: 0,
            at_healthy: 0,
            healthy_failed: BTreeSet::new(),
            late: 0,
            victims: BTreeMap::new(),
            transitions: vec![0; nodes],
            failed_by_anybody: BTreeSet::new(),
            deaths: Vec::new(),
            unpinged: BTreeMap::new(),
        }
    }

    /// False positives so far.
    pub(super) fn false_positives(&self) -> u64 {
        self.false_positives
    }

    /// A node was told something; faults chose `faulted` so far.
    pub(crate) fn seen(&mut self, truth: &Truth, faulted: &BTreeSet<usize>, sighting: &Sighting) {
        let Sighting { at, observer, kind, .. } = *sighting;
        let process = sighting.life.and_then(|life| truth.instance(life.instance));
        let Some(subject) = process.filter(|_| at >= self.begins) else { return };
        let (node, dead) = (subject.node, subject.ended.is_some());
        let failed = match kind {
            Told::Failed => true,
            Told::Recovered | Told::Joined | Told::Restarted => false,
            _ => return,
        };
        let watches = self.roles.watches(observer, faulted);
        if dead || self.roles.is_ill(node, faulted) {
            if failed {
                self.failed_by_anybody.insert(node);
            }
            if watches {
                let watching = self.roles.watching(self.nodes, faulted.len());
                self.victims.entry(node).or_default().is(failed, at, observer, watching);
                self.transitions[observer] += 1;
            }
        } else if failed && truth.apart(observer, node, Time::ZERO, at) {
            self.late += u64::from(!truth.apart(observer, node, at, at));
        } else if failed {
            self.false_positives += 1;
            self.at_healthy += u64::from(watches);
            self.healthy_failed.insert(node);
        }
    }

    /// A process died.
    pub(crate) fn died(&mut self, at: Time, node: usize) {
        self.unpinged.insert(node, self.deaths.len());
        self.deaths.push((at, None));
    }

    /// A datagram was sent to `to`.
    pub(crate) fn sent(&mut self, at: Time, to: usize, bytes: &[u8], cluster: ClusterId) {
        let Some(death) = self.unpinged.get(&to).copied() else { return };
        let body = decode_datagram(cluster, bytes).map(|datagram| datagram.body);
        if matches!(body, Ok(Body::Ping { .. })) {
            self.unpinged.remove(&to);
            self.deaths[death].1 = Some(at);
        }
    }

    /// What it has to say about a row of this kind, in which faults chose so many nodes.
    pub(super) fn tell(&self, kind: Kind, faulted: usize, sample: &mut Sample) {
        let ill = self.roles.ill_count(faulted);
        let after = |moment: Time| moment.since(self.begins).as_secs_f64();
        let victims = || self.victims.values();
        sample.false_positives = self.false_positives;
        sample.false_positives_at_healthy = self.at_healthy;
        sample.healthy_failed = self.healthy_failed.len() as u64;
        sample.victims = ill;
        sample.first_s = victims().filter_map(|victim| victim.first).map(after).collect();
        sample.full_s = victims().filter_map(|victim| victim.full).map(after).collect();
        let each = ill.max(1) as f64;
        if matches!(kind, Kind::GrayIn(_) | Kind::GrayOut(_)) {
            let soon = sample.full_s.iter().filter(|seconds| **seconds <= SOON_S).count();
            let watching = self.roles.watching(self.nodes, faulted);
            let at_end = victims().filter(|victim| victim.out >= watching).count();
            sample.keep("out_30s_share", Kept::Mean, soon as f64 / each);
            sample.keep("out_at_end_share", Kept::Mean, at_end as f64 / each);
        }
        if kind.has_transitions() {
            let watching = self.roles.watching(self.nodes, faulted).max(1);
            let mut told: Vec<u64> = self.transitions.clone();
            told.sort_unstable();
            // Those who do not watch were told nothing that counts.
            let told = &told[self.nodes - watching..];
            let (sum, most) = (told.iter().sum::<u64>(), told.last().copied());
            sample.keep("transitions", Kept::Mean, sum as f64 / each / watching as f64);
            sample.keep("transitions_median", Kept::Mean, told[watching / 2] as f64 / each);
            sample.keep("transitions_most", Kept::Most, most.map(|most| most as f64 / each));
        }
        if let Kind::FirstProbe(_) = kind {
            let period = self.deaths.iter().map(|(died, pinged)| {
                // In periods of one second.
                pinged.map(|pinged| pinged.since(*died).as_secs_f64())
            });
            let waits: Vec<Option<f64>> = period.collect();
            sample.keep("crashes", Kept::Sum, waits.len() as f64);
            sample.keep_all("first_ping_mean_t", Kept::Mean, waits.clone());
            sample.keep_all("first_ping_p99_t", Kept::P99, waits);
        }
        if let Kind::Pause(_) = kind {
            sample.keep("tries", Kept::Sum, ill as f64);
            sample.keep("failed", Kept::Sum, self.failed_by_anybody.len() as f64);
        }
        if kind.splits() {
            sample.keep("other_side_late_per_run", Kept::Mean, self.late as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Sides;
    use crate::sighting::fixture::sighting;
    use crate::truth::Ending;
    use crate::truth::fixture::{at, cluster};

    /// Of four nodes, of which node 3 is ill.
    fn told(truth: &Truth, sightings: &[Sighting]) -> (Witness, Sample) {
        let mut witness = Witness::new(at(10), Roles::default(), 4);
        let faulted = BTreeSet::from([3]);
        sightings.iter().for_each(|sighting| witness.seen(truth, &faulted, sighting));
        let mut sample = Sample::default();
        witness.tell(Kind::GrayIn(1), 1, &mut sample);
        (witness, sample)
    }

    #[test]
    fn failures_of_the_well_are_told_apart_by_who_is_told() {
        let failed = |observer, subject| sighting(20, observer, Told::Failed, subject);
        let seen = [failed(3, 0), failed(3, 1), failed(2, 1), failed(2, 3)];
        let (_, sample) = told(&cluster(4), &seen);
        assert_eq!((sample.false_positives, sample.false_positives_at_healthy), (3, 1));
        assert_eq!(sample.healthy_failed, 2);
        let early = sighting(9, 2, Told::Failed, 1);
        assert_eq!(told(&cluster(4), &[early]).1.false_positives, 0);
    }

    #[test]
    fn the_ill_are_out_when_all_who_are_well_say_so() {
        let mut truth = cluster(4);
        truth.ended(at(12), 3, Ending::Crashed);
        let say = |secs, observer, kind| sighting(secs, observer, kind, 3);
        let (failed, back) = (Told::Failed, Told::Recovered);
        let some = [say(15, 0, failed), say(16, 1, failed), say(17, 1, back), say(18, 2, failed)];
        let (witness, sample) = told(&truth, &some);
        assert_eq!((sample.first_s, sample.full_s), (vec![5.0], vec![]));
        assert_eq!(witness.transitions, [1, 2, 1, 0]);
        let (_, sample) = told(&truth, &[&some[..], &[say(19, 1, failed)]].concat());
        assert_eq!(sample.full_s, [9.0]);
    }

    #[test]
    fn failures_across_a_cut_are_no_false_ones_and_late_when_it_is_over() {
        let mut truth = cluster(4);
        truth.separated(at(10), Some(Sides::new(&[vec![0, 1]])));
        truth.separated(at(20), None);
        let across = |secs| sighting(secs, 0, Told::Failed, 2);
        let (witness, sample) = told(&truth, &[across(15), across(25)]);
        assert_eq!((sample.false_positives, witness.late), (0, 1));
        let own_side = sighting(25, 0, Told::Failed, 1);
        assert_eq!(told(&truth, &[own_side]).1.false_positives, 1);
    }

    #[test]
    fn only_what_is_sent_to_the_dead_counts_as_their_first_ping() {
        let (mut witness, _) = told(&cluster(4), &[]);
        witness.died(at(12), 3);
        witness.sent(at(13), 3, b"no datagram", ClusterId::of("simulation"));
        witness.sent(at(13), 2, b"", ClusterId::of("simulation"));
        assert_eq!(witness.deaths, [(at(12), None)]);
    }
}
