//! What the engine tells its driver.

use std::net::SocketAddr;
use std::time::Duration;

use headcount_health::{ClusterHealth, HealthLevel, Quorum, Verdict};
use headcount_state::{Instance, MemberId, Reason};
use headcount_wire::RefuseCode;

use crate::census::Census;
use crate::config::Detector;
use crate::member::Member;

/// Something that people who watch the cluster want to know, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A stranger is a member now.
    Joined(Member),
    /// A member changed its address, tags, zone or serving state.
    Updated(Member),
    /// A member is suspected; it may still refute.
    Suspected(Member),
    /// A suspected member is alive after all.
    Refuted(Member),
    /// A member is declared dead.
    Failed(Member),
    /// A member that was declared dead is back: the same process.
    Recovered(Member),
    /// Another process took over the name of a member.
    Restarted(Member),
    /// A member that was recovering may be given work again.
    Settled(Member),
    /// This node cannot reach a member, though others can; or it cannot reach anybody. The member is
    /// alive, and is given no work from here.
    Unreachable(Member),
    /// This node reaches the member again.
    Reachable(Member),
    /// Other members cannot reach this one, or can again: [`Member::out_of_reach_for`] says who
    /// cannot now.
    Partial(Member),
    /// A member said goodbye.
    Left(Member),
    /// A dead member's record was dropped; it is no longer shown.
    Forgotten(MemberId),
    /// This node hears nobody, though it knows of others.
    Isolated,
    /// This node was isolated and hears somebody again.
    Reconnected,
    /// Several members were lost together, and not because their processes died: a cut, more likely
    /// than as many failures. Each has its own `Failed` too.
    CutOff {
        /// How many were lost.
        lost: usize,
        /// Of how many members, this node included.
        of: usize,
    },
    /// Members that were lost are back, the same processes: a cut is over. For a node that heard
    /// nobody, all are.
    Healed {
        /// How many came back.
        returned: usize,
        /// How many of those lost are still missing.
        missing: usize,
    },
    /// More or less of the cluster is there than before.
    HealthChanged {
        /// The level before.
        from: HealthLevel,
        /// How the cluster is now.
        health: ClusterHealth,
    },
    /// A member says that it is strained, or this node is: an early warning, which has no effect on
    /// who is a member. Told by the members that hear it, once until it is steady again.
    Degrading {
        /// The member.
        member: Member,
        /// How strained it is, in percent: at least 50.
        warning: u8,
    },
    /// A member that was degrading has not been strained for ten periods.
    Steady(Member),
    /// Every peer heard lately holds the same view as this node.
    Agreed {
        /// How many peers that is.
        heard: usize,
    },
    /// Some peer heard lately holds another view.
    Diverged {
        /// How many peers hold the same view.
        agree: usize,
        /// Of how many heard lately.
        heard: usize,
    },
    /// Another live process has this node's name, and won it; this node is no member until that
    /// one is dead.
    Displaced {
        /// The process that won.
        by: Instance,
    },
    /// This node is a member again, after it was displaced or evicted.
    Returned,
    /// An operator removed this node; it stays out until the eviction expires.
    Evicted,
    /// This node was failed, lately more than once or for a bad link: it comes back when its link
    /// has been good for so long.
    Held {
        /// Why it was failed.
        reason: Reason,
        /// For how long its link must be good.
        wait: Duration,
    },
    /// The cluster watches its members in another way from now on, or this newcomer takes over how
    /// it does.
    ParametersChanged {
        /// The detector.
        detector: Detector,
        /// How long a member may be silent.
        detection_time: Duration,
        /// The protocol period.
        period: Duration,
    },
    /// This node came to, or fell from, the side of a majority; or more members are known than the
    /// expected size, or no more than it again.
    QuorumChanged {
        /// Where it is now.
        verdict: Verdict,
        /// What that rests on.
        quorum: Quorum,
    },
    /// How a join through one seed went.
    Seed {
        /// The seed.
        address: SocketAddr,
        /// How many live members this node knows now, itself included, or why the seed did not
        /// help.
        result: Result<usize, SeedError>,
    },
    /// What the live members answered to a census.
    Census(Census),
    /// Enough peers know that this node left.
    Departed {
        /// How many acknowledged.
        acknowledged: usize,
    },
    /// A bounded part is 70 % full, told once until it falls below half.
    NearlyFull {
        /// Which part.
        what: &'static str,
        /// How full it is.
        len: usize,
        /// Its bound.
        bound: usize,
    },
}

impl Event {
    /// What happened, in lower case with underscores, as shown in logs and metrics. Stable.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Joined(_) => "joined",
            Event::Updated(_) => "updated",
            Event::Suspected(_) => "suspected",
            Event::Refuted(_) => "refuted",
            Event::Failed(_) => "failed",
            Event::Recovered(_) => "recovered",
            Event::Restarted(_) => "restarted",
            Event::Settled(_) => "settled",
            Event::Unreachable(_) => "unreachable",
            Event::Reachable(_) => "reachable",
            Event::Partial(_) => "partial",
            Event::Left(_) => "left",
            Event::Forgotten(_) => "forgotten",
            Event::Isolated => "isolated",
            Event::Reconnected => "reconnected",
            Event::CutOff { .. } => "cut_off",
            Event::Healed { .. } => "healed",
            Event::HealthChanged { .. } => "health_changed",
            Event::Degrading { .. } => "degrading",
            Event::Steady(_) => "steady",
            Event::Agreed { .. } => "agreed",
            Event::Diverged { .. } => "diverged",
            Event::Displaced { .. } => "displaced",
            Event::Returned => "returned",
            Event::Evicted => "evicted",
            Event::Held { .. } => "held",
            Event::ParametersChanged { .. } => "parameters_changed",
            Event::QuorumChanged { .. } => "quorum_changed",
            Event::Seed { .. } => "seed",
            Event::Census(_) => "census",
            Event::Departed { .. } => "departed",
            Event::NearlyFull { .. } => "nearly_full",
        }
    }

    /// The member it is about, as it is shown now.
    pub fn member(&self) -> Option<&Member> {
        match self {
            Event::Joined(member)
            | Event::Updated(member)
            | Event::Suspected(member)
            | Event::Refuted(member)
            | Event::Failed(member)
            | Event::Recovered(member)
            | Event::Restarted(member)
            | Event::Settled(member)
            | Event::Unreachable(member)
            | Event::Reachable(member)
            | Event::Partial(member)
            | Event::Left(member)
            | Event::Degrading { member, .. }
            | Event::Steady(member) => Some(member),
            _ => None,
        }
    }
}

/// Why a seed did not let this node in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// Nothing listens there.
    #[error("nothing listens there; check the address, or start the seed")]
    Refused,
    /// The address is this node's own.
    #[error("this is the node itself; name another member as a seed")]
    Myself,
    /// No answer in time, or the connection broke.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// It refused, and said why.
    #[error("refused ({code:?}): {detail}")]
    Rejected {
        /// The kind of reason.
        code: RefuseCode,
        /// The reason in words.
        detail: String,
    },
    /// The cluster's parameters cannot be used here.
    #[error("{0}")]
    Parameters(String),
    /// What answered is not a node of this cluster.
    #[error("what answers there is not a node of this cluster: {0}")]
    Foreign(String),
}
