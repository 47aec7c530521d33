//! A node's view as people and programs are shown it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use headcount::{Census, Evidence, Member, MemberId, Members, Name, Time};
use serde::{Deserialize, Serialize};

use crate::health::ContactView;

/// What one node sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct View {
    /// The name of the node that sees it.
    pub(crate) node: String,
    /// The hash of the live members, 16 hexadecimal digits: equal views have equal ids.
    pub(crate) view_id: String,
    /// How many of the peers heard lately hold the same view.
    pub(crate) agree: usize,
    /// How many peers were heard lately.
    pub(crate) of: usize,
    /// How many seconds back "lately" goes.
    pub(crate) window_s: f64,
    /// How many members are alive or suspect.
    pub(crate) live: usize,
    /// How many members failed and have not come back: what they hold nobody knows.
    pub(crate) failed_lately: usize,
    /// While all heard agree: with 95 % confidence at most this share of the members holds another
    /// view. Null otherwise.
    pub(crate) differing_at_most: Option<f64>,
    /// What all members answered, if they were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) census: Option<CensusView>,
    /// Every member shown, sorted by name.
    pub(crate) members: Vec<MemberView>,
    /// What this node heard of each of them first-hand lately, sorted by name.
    #[serde(default)]
    pub(crate) contacts: Vec<ContactView>,
}

/// What the members answered to a census.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CensusView {
    /// How many hold the view, the node that asked included.
    pub(crate) agree: usize,
    /// How many hold another view.
    pub(crate) differ: usize,
    /// How many different other views there are.
    pub(crate) other_views: usize,
    /// How many did not answer.
    pub(crate) silent: usize,
    /// Some of those that hold another view, by name.
    pub(crate) differing: Vec<String>,
    /// Some of those that did not answer, by name.
    pub(crate) unheard: Vec<String>,
}

impl CensusView {
    /// What `census` says, with the names that `members` knows.
    pub(crate) fn new(census: &Census, members: &Members) -> CensusView {
        let names = Names::of(members);
        let name = |id: &MemberId| names.name(*id);
        CensusView {
            agree: census.agree,
            differ: census.differ,
            other_views: census.other_views,
            silent: census.silent,
            differing: census.differing.iter().map(name).collect(),
            unheard: census.unheard.iter().map(name).collect(),
        }
    }
}

/// One member of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Why it is suspect or failed. Null for others.
    #[serde(default)]
    pub(crate) accusation: Option<AccusationView>,
    /// It is alive again and is given no work yet, as this node sees it.
    #[serde(default)]
    pub(crate) recovering: bool,
    /// It is alive and this node cannot reach it.
    #[serde(default)]
    pub(crate) unreachable: bool,
    /// Who says that it cannot reach it, by name.
    #[serde(default)]
    pub(crate) out_of_reach_for: Vec<String>,
    /// What was said against it lately and how that ended, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) history: Vec<ClaimView>,
}

/// One claim of a member's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClaimView {
    /// How long ago it was made.
    pub(crate) ago_s: f64,
    /// `suspect` or `failed`; `alive`: it refuted that, or came back.
    pub(crate) status: String,
    pub(crate) generation: u64,
    pub(crate) incarnation: u32,
    /// Why it was suspect or failed. Null for others.
    pub(crate) accusation: Option<AccusationView>,
}

/// Why a member is suspect or failed, as its accuser told it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccusationView {
    /// Who accused it, by name if that is known here. Null: nobody said.
    pub(crate) by: Option<String>,
    /// `silent`, `refused` or `link`. Null: the accuser did not say.
    pub(crate) reason: Option<String>,
    /// How long before the accusation the last word of the member was heard. Null: not said.
    pub(crate) last_word_s: Option<f64>,
    /// Who confirms it, by name if that is known here; at most four.
    pub(crate) voters: Vec<String>,
}

impl View {
    /// The view of the node called `node`, at `now` on its time line.
    pub(crate) fn new(node: &str, members: &Members, now: Time) -> View {
        let agreement = members.agreement();
        let names = Names::of(members);
        View {
            node: node.to_owned(),
            view_id: show_id(members.view_id()),
            agree: agreement.agree,
            of: agreement.heard,
            window_s: agreement.window.as_secs_f64(),
            live: members.live_len(),
            failed_lately: agreement.failed,
            differing_at_most: agreement.differing_at_most(),
            census: None,
            members: members.iter().map(|member| MemberView::new(member, &names, now)).collect(),
            contacts: Vec::new(),
        }
    }
}

impl MemberView {
    /// What the member is besides its status, as this node sees it: `recovering`, `unreachable`,
    /// `partial`.
    pub(crate) fn conditions(&self) -> Vec<&'static str> {
        [
            (self.recovering, "recovering"),
            (self.unreachable, "unreachable"),
            (!self.out_of_reach_for.is_empty(), "partial"),
        ]
        .into_iter()
        .filter_map(|(is, word)| is.then_some(word))
        .collect()
    }

    fn new(member: &Member, names: &Names<'_>, now: Time) -> MemberView {
        let history = member.accusations().iter().map(|it| ClaimView {
            ago_s: now.since(it.at).as_secs_f64(),
            status: it.status.as_str().to_owned(),
            generation: it.generation,
            incarnation: it.incarnation,
            accusation: AccusationView::new(it.accuser, it.evidence.as_ref(), names),
        });
        let out_of_reach_for = member.out_of_reach_for().iter();
        MemberView {
            name: member.name().to_string(),
            address: member.address(),
            status: member.status().as_str().to_owned(),
            serving: member.serving().as_str().to_owned(),
            zone: member.zone().to_owned(),
            generation: member.life().generation,
            incarnation: member.incarnation(),
            tags: member.tags().clone(),
            accusation: AccusationView::new(member.accuser(), member.evidence(), names),
            recovering: member.is_recovering(),
            unreachable: member.is_unreachable(),
            out_of_reach_for: out_of_reach_for.map(|id| names.name(*id)).collect(),
            history: history.collect(),
        }
    }
}

/// The names of the members by id.
struct Names<'a>(BTreeMap<MemberId, &'a Name>);

impl<'a> Names<'a> {
    fn of(members: &'a Members) -> Names<'a> {
        Names(members.iter().map(|member| (member.id(), member.name())).collect())
    }

    /// The name of a member, or its id where it is not known.
    fn name(&self, id: MemberId) -> String {
        self.0.get(&id).map_or_else(|| id.to_string(), ToString::to_string)
    }

    /// The same of one whose id begins with these bits.
    fn beginning(&self, prefix: u32) -> String {
        let bits = u64::from(prefix) << u32::BITS;
        let from = MemberId::from_u64(bits.max(1));
        let to = MemberId::from_u64(bits | u64::from(u32::MAX));
        let known = from.zip(to).and_then(|(from, to)| self.0.range(from..=to).next());
        known.map_or_else(|| format!("{prefix:08x}.."), |(_, name)| name.to_string())
    }
}

impl AccusationView {
    fn new(
        by: Option<MemberId>,
        evidence: Option<&Evidence>,
        names: &Names<'_>,
    ) -> Option<AccusationView> {
        if by.is_none() && evidence.is_none() {
            return None;
        }
        let voter = |prefix: &u32| names.beginning(*prefix);
        Some(AccusationView {
            by: by.map(|by| names.name(by)),
            reason: evidence.map(|evidence| evidence.reason.to_string()),
            last_word_s: evidence.map(|evidence| evidence.word_age.as_secs_f64()),
            voters: evidence
                .map(|evidence| evidence.voters.prefixes().iter().map(voter).collect())
                .unwrap_or_default(),
        })
    }
}

/// A view id as it is shown: 16 hexadecimal digits, since programs that read JSON may hold
/// numbers in 53 bits.
pub(crate) fn show_id(view_id: u64) -> String {
    format!("{view_id:016x}")
}
