//! What nodes and members are called.

use std::collections::BTreeMap;

use headcount_state::MemberId;

/// The labels of all nodes, and the names of all members.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// The label of each node, and the member that it is.
    nodes: Vec<(String, MemberId)>,
    members: BTreeMap<MemberId, String>,
}

impl Names {
    pub(super) fn add(&mut self, label: &str, name: &str) {
        self.nodes.push((label.to_owned(), MemberId::of(name)));
        self.members.insert(MemberId::of(name), name.to_owned());
    }

    pub(super) fn node(&self, node: usize) -> String {
        let known = self.nodes.get(node).map(|(label, _)| label.clone());
        known.unwrap_or_else(|| format!("node {node}"))
    }

    /// The member that a node is.
    pub(super) fn member_at(&self, node: usize) -> Option<MemberId> {
        self.nodes.get(node).map(|(_, member)| *member)
    }

    /// The member's name; its id in hexadecimal if no node ever had it.
    pub(super) fn member(&self, id: MemberId) -> String {
        self.members.get(&id).cloned().unwrap_or_else(|| format!("{:016x}", id.as_u64()))
    }
}
