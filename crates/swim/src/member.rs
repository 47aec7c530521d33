//! A member as people see it: the record, seen with first-hand evidence.

use std::net::SocketAddr;
use std::sync::Arc;

use headcount_state::{
    Attributes, Evidence, Life, MemberId, Name, Record, Serving, Status, Tags, Time,
};

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
}

impl Member {
    /// The record as it is shown; `checked` while a claim of its death is being checked.
    pub(crate) fn new(record: Record<'_>, checked: bool) -> Member {
        let status = match record.claim.status() {
            Status::Alive if checked => Status::Suspect,
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

    /// Whether work may be given to it: it is live and its application says that it serves.
    pub fn is_serving(&self) -> bool {
        self.is_live() && self.serving() == Serving::Serving
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
