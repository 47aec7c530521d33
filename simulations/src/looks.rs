//! Looking at the views of all nodes: within each side of the network, those of all members that
//! nothing is wrong with must be one, and hold exactly who runs there.
//!
//! A brief look, 20 times a period, visits only the nodes whose view changed since the one before,
//! and compares views by their `view_id`. It visits all of them after something was done to the
//! cluster, for then others may have to agree. The last look of a run reads every member of every
//! view and compares full version vectors too.

use std::collections::BTreeMap;

use headcount_state::{Instance, MemberId, Record};
use headcount_swim::Engine;

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
    sides: BTreeMap<usize, Side>,
}

/// A node.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    view_id: u64,
    /// Its side, if its view counts.
    side: Option<usize>,
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
    fn sides(&self) -> BTreeMap<usize, (Group, Vec<usize>)> {
        let mut sides: BTreeMap<usize, (Group, Vec<usize>)> = BTreeMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(running) = node.running.as_ref() else { continue };
            let Some(process) = self.truth.process(running.process) else { continue };
            let side = self.network.sides().map_or(0, |sides| sides.of(index));
            let (group, healthy) = sides.entry(side).or_default();
            if running.leaving {
                continue;
            }
            if node.standstill.is_some() || self.network.impairs(index) {
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
    engine.table().live().map(|record: &Record| (record.id(), record.claim.life().instance))
}
