//! A member as people see it: the record, seen with first-hand evidence.

use std::net::SocketAddr;
use std::sync::Arc;

use headcount_state::{
    Attributes, Evidence, Life, MemberId, Name, Record, Serving, Status, Tags, Time,
};

use crate::accusations::Accusation;

/// One member of a view. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    id: MemberId,
    status: Status,
    life: Life,
    incarnation: u32,
    since: Time,
    accuser: Option<MemberId>,
    evidence: Option<Evidence>,
    attributes: Arc<Attributes>,
    seen: Seen,
}

/// How a node sees a member besides its record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// A claim of its death is being checked.
    pub(crate) checked: bool,
    pub(crate) recovering_until: Option<Time>,
    pub(crate) unreachable: bool,
    pub(crate) out_for: Vec<MemberId>,
    pub(crate) accusations: Option<Arc<[Accusation]>>,
}

impl Member {
    /// The record as it is shown.
    pub(crate) fn new(record: Record<'_>, seen: Seen) -> Member {
        let status = match record.claim.status() {
            Status::Alive if seen.checked => Status::Suspect,
            Status::Closed => Status::Failed,
            Status::Evicted => Status::Left,
            status => status,
        };
        Member {
            id: record.id(),
            status,
            life: record.claim.life(),
            incarnation: record.claim.version.incarnation(),
            since: record.since,
            accuser: record.accuser,
            evidence: record.evidence,
            attributes: Arc::clone(record.attributes),
            seen,
        }
    }

    /// The hash of its name.
    pub fn id(&self) -> MemberId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.attributes.name
    }

    /// Alive, suspect, failed or left.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Whether it counts as a member: alive or suspect.
    pub fn is_live(&self) -> bool {
        self.status.is_live()
    }

    /// Whether work may be given to it from here: it is live, its application says that it serves,
    /// it is not recovering, and this node can reach it.
    pub fn is_serving(&self) -> bool {
        let ready = self.is_live() && self.serving() == Serving::Serving;
        ready && !self.is_recovering() && !self.is_unreachable()
    }

    /// Whether it is alive again after a failure, or after one crash upon the other, and is given
    /// no work yet: see [`Member::recovering_until`].
    pub fn is_recovering(&self) -> bool {
        self.recovering_until().is_some()
    }

    /// Until when a member that is back is given no work, on the observer's time line: for the
    /// detection time after a failure; for 30 s in its third life within ten minutes, if it did not
    /// say goodbye in between. Not more than a tenth of the members, or one, recover at once:
    /// after a cut heals all others are given work directly.
    pub fn recovering_until(&self) -> Option<Time> {
        self.seen.recovering_until
    }

    /// Whether this node cannot reach it: others can, so it is alive, or this node has heard nobody
    /// for the detection time. Known for the members that a node pings, with the detector
    /// `observers`.
    pub fn is_unreachable(&self) -> bool {
        self.is_live() && self.seen.unreachable
    }

    /// The members that say they cannot reach it for 15 periods or more, in the order of their ids,
    /// though others can: it is partially reachable. The same in every view while no more than
    /// 1,024 members say so of anybody. Each names eight at most.
    pub fn out_of_reach_for(&self) -> &[MemberId] {
        &self.seen.out_for
    }

    /// What was said against it lately and how it ended, the oldest first: up to eight claims, of the
    /// 1,024 members accused last.
    pub fn accusations(&self) -> &[Accusation] {
        self.seen.accusations.as_deref().unwrap_or_default()
    }

    /// The life that is spoken of: generation and instance.
    pub fn life(&self) -> Life {
        self.life
    }

    /// The owner's counter within the life, raised to refute suspicions.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// When the claim behind the status was made, on the observer's time line.
    pub fn since(&self) -> Time {
        self.since
    }

    /// Who accused it, while it is suspect or failed.
    pub fn accuser(&self) -> Option<MemberId> {
        self.accuser
    }

    /// What the accusation rests on, while it is suspect or failed: the same in every view, as the
    /// accuser told it. `None` if the accuser said nothing, as the detectors `swim` and `lifeguard` do.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }

    /// Where it can be reached, by datagram and by stream.
    pub fn address(&self) -> SocketAddr {
        self.attributes.address
    }

    /// What its application says of its readiness.
    pub fn serving(&self) -> Serving {
        self.attributes.serving
    }

    /// The failure zone it runs in; empty when it has not said.
    pub fn zone(&self) -> &str {
        &self.attributes.zone
    }

    /// Its tags.
    pub fn tags(&self) -> &Tags {
        &self.attributes.tags
    }
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.name(), self.address(), self.status)
    }
}
