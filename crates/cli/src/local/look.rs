//! What the nodes of a cluster see, at one moment.

use headcount::{Members, Node, Status, Time};

use crate::view::View;

/// One look at all nodes that run: what is judged by it is what is shown of it.
pub(crate) struct Look(Vec<(String, Members, Time)>);

impl Look {
    pub(crate) fn new<'a>(running: impl Iterator<Item = &'a Node>) -> Look {
        Look(running.map(|node| (node.name().to_owned(), node.members(), node.now())).collect())
    }

    /// Whether each sees exactly those that run. Each is in its own view, so equal views of the
    /// right length say it.
    pub(crate) fn is_converged(&self) -> bool {
        let running = self.0.len();
        let first = self.0.first().map(|(_, view, _)| view.view_id());
        self.0.iter().all(|(_, v, _)| v.live_len() == running && Some(v.view_id()) == first)
    }

    /// Whether, besides, nobody is suspect and every node has heard it of its peers.
    pub(crate) fn is_settled(&self) -> bool {
        let lone = self.0.len() == 1;
        self.is_converged()
            && self.0.iter().all(|(_, view, _)| {
                let calm = view.live().all(|member| member.status() == Status::Alive);
                calm && (lone || view.agreement().is_complete())
            })
    }

    /// It all, for people and programs.
    pub(crate) fn views(&self) -> Vec<View> {
        self.0.iter().map(|(name, members, now)| View::new(name, members, *now)).collect()
    }
}
