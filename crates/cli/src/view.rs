//! A node's view as people and programs are shown it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use headcount::{Member, Members};
use serde::{Deserialize, Serialize};

/// What one node sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    /// The name of the node that sees it.
    pub(crate) node: String,
    /// The hash of the live members, 16 hexadecimal digits: equal views have equal ids.
    pub(crate) view_id: String,
    /// How many of the peers heard lately hold the same view.
    pub(crate) agree: usize,
    /// How many peers were heard lately.
    pub(crate) of: usize,
    /// How many members are alive or suspect.
    pub(crate) live: usize,
    /// Every member shown, sorted by name.
    pub(crate) members: Vec<MemberView>,
}

/// One member of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberView {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// `alive`, `suspect`, `failed` or `left`.
    pub(crate) status: String,
    /// `starting`, `serving`, `draining` or `not_serving`.
    pub(crate) serving: String,
    /// Empty when the member has not said.
    pub(crate) zone: String,
    pub(crate) generation: u64,
    pub(crate) incarnation: u32,
    pub(crate) tags: BTreeMap<String, String>,
}

impl View {
    /// The view of the node called `node`.
    pub(crate) fn new(node: &str, members: &Members) -> View {
        let agreement = members.agreement();
        View {
            node: node.to_owned(),
            view_id: show_id(members.view_id()),
            agree: agreement.agree,
            of: agreement.heard,
            live: members.live_len(),
            members: members.iter().map(MemberView::new).collect(),
        }
    }
}

impl MemberView {
    fn new(member: &Member) -> MemberView {
        MemberView {
            name: member.name().to_string(),
            address: member.address(),
            status: member.status().as_str().to_owned(),
            serving: member.serving().as_str().to_owned(),
            zone: member.zone().to_owned(),
            generation: member.life().generation,
            incarnation: member.incarnation(),
            tags: member.tags().clone(),
        }
    }
}

/// A view id as it is shown: 16 hexadecimal digits, since programs that read JSON may hold
/// numbers in 53 bits.
pub(crate) fn show_id(view_id: u64) -> String {
    format!("{view_id:016x}")
}
