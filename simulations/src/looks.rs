//! Looking at the views of all nodes: within each side of the network, and within each cluster where
//! there are several, those of all members that
//! nothing is wrong with must be one, and hold exactly who runs there.
//!
//! A brief look, 20 times a period, visits only the nodes whose view changed since the one before,
//! and compares views by their `view_id`. It visits all of them after something was done to the
//! cluster, for then others may have to agree. The last look of a run reads every member of every
//! view and compares full version vectors too.

use std::collections::BTreeMap;

use headcount_state::{Instance, MemberId, Record};
use headcount_swim::Engine;
use headcount_wire::ClusterId;

use crate::checkers::convergence::{Group, View, difference};
use crate::simulation::Simulation;

/// What the last brief look saw, and what changed since.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    /// What was done to the cluster up to then ([`crate::truth::Truth::changes`]).
    truth_changes: u64,
    outdated: bool,
    nodes: Vec<Seen>,
    /// Nodes that may hold another view now.
    changed: Vec<usize>,
    sides: BTreeMap<SideOf, Side>,
}

/// The side of the network that a node is on, and its cluster.
type SideOf = (usize, ClusterId);

/// A node.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    view_id: u64,
    /// Its side, if its view counts.
    side: Option<SideOf>,
    /// It is among the changed ones.
    listed: bool,
}

/// A side of the network.
#[derive(Debug, Default)]
struct Side {
    group: Group,
    /// How many nodes hold each view.
    views: BTreeMap<u64, usize>,
    /// The view that was last compared with the group, and whether it is one of the group.
    judged: Option<(u64, bool)>,
}

impl Looks {
    /// A node may hold this view only now.
    pub(crate) fn holds(&mut self, node: usize, view_id: u64) {
        let Some(seen) = self.nodes.get_mut(node) else { return };
        if seen.view_id != view_id && !seen.listed {
            seen.listed = true;
            self.changed.push(node);
        }
    }

    /// A node stands still, or does so no longer: other views may count now.
    pub(crate) fn outdated(&mut self) {
        self.outdated = true;
    }

    fn sees(&mut self, node: usize, view_id: u64) {
        let seen = &mut self.nodes[node];
        let before = std::mem::replace(&mut seen.view_id, view_id);
        let side = seen.side.and_then(|side| self.sides.get_mut(&side));
        let Some(side) = side.filter(|_| before != view_id) else { return };
        if let Some(count) = side.views.get_mut(&before) {
            *count -= 1;
            if *count == 0 {
                side.views.remove(&before);
            }
        }
        *side.views.entry(view_id).or_default() += 1;
    }
}

impl Simulation {
    /// A brief look: whether the views are one.
    pub(crate) fn look(&mut self) -> bool {
        if self.looks.outdated || self.looks.truth_changes != self.truth.changes() {
            self.looks = self.fresh_look();
        }
        for node in std::mem::take(&mut self.looks.changed) {
            self.looks.nodes[node].listed = false;
            if let Some(engine) = self.nodes[node].running.as_ref().map(|running| &running.engine) {
                self.looks.sees(node, engine.table().summary().view_id);
            }
        }
        if self.looks.sides.values().any(|side| side.views.len() > 1) {
            return false;
        }
        let Looks { sides, nodes: seen, .. } = &mut self.looks;
        sides.iter_mut().all(|(number, side)| {
            let Some(view_id) = side.views.keys().next().copied() else { return true };
            match side.judged {
                Some((judged, is_right)) if judged == view_id => is_right,
                _ => {
                    let holder = seen.iter().position(|seen| seen.side == Some(*number));
                    let running = holder.and_then(|node| self.nodes[node].running.as_ref());
                    let is_right = running.is_none_or(|running| {
                        side.group.mismatch(0, live(&running.engine)).is_none()
                    });
                    side.judged = Some((view_id, is_right));
                    is_right
                }
            }
        })
    }

    /// The groups of now, and the views of all who belong to them.
    fn fresh_look(&self) -> Looks {
        let mut looks = Looks {
            truth_changes: self.truth.changes(),
            nodes: vec![Seen::default(); self.nodes.len()],
            ..Looks::default()
        };
        for (number, (group, healthy)) in self.sides() {
            let mut side = Side { group, ..Side::default() };
            for view in healthy.iter().filter_map(|node| self.view(*node)) {
                *side.views.entry(view.view_id).or_default() += 1;
                looks.nodes[view.node] =
                    Seen { view_id: view.view_id, side: Some(number), listed: false };
            }
            looks.sides.insert(number, side);
        }
        looks
    }

    /// A thorough look: what is wrong with the views.
    pub(crate) fn disagreement(&self) -> Option<String> {
        self.sides().values().find_map(|(group, healthy)| {
            let views: Vec<View> = healthy.iter().filter_map(|node| self.view(*node)).collect();
            difference(&views, |view| view.view_id)
                .or_else(|| difference(&views, |view| view.sync))
                .or_else(|| {
                    let mismatch = |node: &usize| group.mismatch(*node, live(self.engine(*node)?));
                    healthy.iter().find_map(mismatch)
                })
        })
    }

    /// By side: who must be in the views there, and the nodes whose views count.
    fn sides(&self) -> BTreeMap<SideOf, (Group, Vec<usize>)> {
        let mut sides: BTreeMap<SideOf, (Group, Vec<usize>)> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(running) = node.running.as_ref() else { continue };
            let Some(process) = self.truth.process(running.process) else { continue };
            let side = self.network.sides().map_or(0, |sides| sides.of(index));
            let side_of = (side, node.config.cluster);
            let (group, healthy) = sides.entry(side_of).or_default();
            if running.leaving {
                continue;
            }
            if node.is_impaired() || self.network.impairs(index) {
                group.tolerated.insert(process.member);
            } else {
                group.required.entry(process.member).or_default().insert(process.instance);
                healthy.push(index);
            }
        }
        sides
    }

    fn view(&self, node: usize) -> Option<View> {
        let table = self.engine(node)?.table();
        let summary = table.summary();
        let (view_id, sync, size) = (summary.view_id, summary.sync, table.live_len());
        Some(View { node, view_id, sync, size })
    }
}

/// The live members that an engine holds and the process that each is held to be, by id.
fn live(engine: &Engine) -> impl Iterator<Item = (MemberId, Instance)> {
    engine.table().live().map(|record: Record<'_>| (record.id(), record.claim.life().instance))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::scenario::{Fault, FrozenTimers, Scenario, Targets};
    use crate::simulation::Simulation;

    /// Compares brief looks with thorough ones ten times a second; how often each was content.
    fn compare(scenario: &Scenario) -> [u64; 2] {
        let mut simulation = Simulation::new(scenario, 3).unwrap();
        let mut seen = [0; 2];
        while simulation.now.since(headcount_state::Time::ZERO) < scenario.duration {
            simulation.run_for(Duration::from_millis(100));
            let (brief, fresh) = (simulation.look(), simulation.fresh_look());
            let incremental = std::mem::replace(&mut simulation.looks, fresh);
            assert_eq!(brief, simulation.look(), "{}", simulation.now);
            simulation.looks = incremental;
            // Version vectors may differ for a moment where views are one.
            assert!(brief || simulation.disagreement().is_some(), "{}", simulation.now);
            seen[usize::from(brief)] += 1;
        }
        seen
    }

    #[test]
    fn a_look_at_what_changed_finds_what_a_look_at_everything_finds() {
        let secs = Duration::from_secs;
        let nodes = |nodes: &[&str]| Targets::nodes(nodes);
        let frozen = Fault::Freeze {
            at: secs(100),
            until: secs(130),
            nodes: vec!["n2".to_owned()],
            random: 2,
            timers: FrozenTimers::Stopped,
            drain: Duration::from_millis(1),
            frozen: Some(secs(12)),
            open: secs(3),
        };
        let scenario = Scenario::new("much", 12, secs(200))
            .fault(Fault::crash(secs(20), nodes(&["n3"])))
            .fault(Fault::partition(secs(40), secs(80), &[&["n0-n5"], &["n6", "n7"]]))
            .fault(frozen)
            .fault(Fault::restart(secs(150), nodes(&["n3", "n4"])))
            .fault(Fault::leave(secs(170), nodes(&["n5"])));
        let [apart, one] = compare(&scenario);
        assert!(apart > 100 && one > 400, "{apart} and {one}");
    }

    #[test]
    fn a_view_that_is_one_but_wrong_is_noticed() {
        let scenario = Scenario::new("calm", 4, Duration::from_secs(10));
        let mut simulation = Simulation::new(&scenario, 1).unwrap();
        simulation.run_for(Duration::from_secs(10));
        assert!(simulation.look());
        // Dead, as far as the truth knows, and held by everybody else all the same.
        let process = simulation.nodes[3].running.as_ref().unwrap().process;
        let ended = crate::truth::Ending::Crashed;
        simulation.truth.ended(simulation.now, process, ended);
        simulation.nodes[3].running = None;
        assert!(!simulation.look());
    }
}
