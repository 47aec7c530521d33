//! The sessions that are open, and what each holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use headcount_state::MemberId;
use headcount_wire::{Frame, Target};

use crate::broken::Broken;
use crate::transport::{StreamId, StreamOpen};

/// The most streams that may be open at once, accepted and opened together.
pub(crate) const STREAMS_MAX: usize = 1_024;

/// So many of them may have been opened by others: the rest is kept for this node's own calls.
const ACCEPTED_MAX: usize = 896;

/// So many of this node's own calls may be probes: those that hang leave room for others.
const PROBES_MAX: usize = 64;

/// The sessions that are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    pub(super) broken: Broken,
    pub(super) open: BTreeMap<StreamId, Session>,
    accepted: usize,
    probes: usize,
    pub(super) wanted: VecDeque<StreamOpen>,
    next: u64,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) role: Role,
    pub(super) address: SocketAddr,
    pub(super) said_hello: bool,
    /// The peer has said hello.
    pub(super) greeted: bool,
    /// Who that is.
    pub(super) peer: Option<MemberId>,
    /// What is learned here need not be told on: the peer's cluster knows it.
    pub(super) quiet: bool,
    /// How much of the table has been sent.
    pub(super) sent: Sent,
    /// The peer was promised a table of so many records, of which none has been sent yet.
    pub(super) promised: Option<usize>,
    /// The peer's table is here up to this member, and those before it that came by another stream.
    pub(super) heard: Option<MemberId>,
    /// It has come further on this stream.
    pub(super) moved: bool,
    /// The peer's table is here as a whole.
    pub(super) received: bool,
    /// Members of which the peer holds too little.
    pub(super) answers: BTreeSet<MemberId>,
    /// A last frame to send before closing.
    pub(super) parting: Option<Frame>,
    pub(super) closing: bool,
}

/// What it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A newcomer's, on behalf of this seed, after having been sent on so many times.
    Join {
        seed: SocketAddr,
        sent_on: u8,
    },
    Exchange {
        peer: MemberId,
    },
    Probe {
        nonce: u32,
        target: Target,
    },
    Serve,
}

/// How much of this node's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    UpTo(Option<MemberId>),
    All,
}

impl Session {
    pub(super) fn new(role: Role, address: SocketAddr) -> Session {
        Session {
            role,
            address,
            said_hello: false,
            greeted: false,
            peer: None,
            quiet: false,
            sent: Sent::UpTo(None),
            promised: None,
            heard: None,
            moved: false,
            received: false,
            answers: BTreeSet::new(),
            parting: None,
            closing: false,
        }
    }

    pub(super) fn part_with(&mut self, frame: Option<Frame>) {
        self.parting = frame;
        self.closing = true;
    }
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn insert(&mut self, session: Session) -> Option<StreamId> {
        let served = session.role == Role::Serve;
        let probe = matches!(session.role, Role::Probe { .. });
        let full =
            (served && self.accepted >= ACCEPTED_MAX) || (probe && self.probes >= PROBES_MAX);
        if full || self.open.len() >= STREAMS_MAX {
            return None;
        }
        let id = StreamId(self.next);
        self.next += 1;
        self.accepted += usize::from(served);
        self.probes += usize::from(probe);
        self.open.insert(id, session);
        Some(id)
    }

    pub(super) fn call(&mut self, session: Session) -> bool {
        let to = session.address;
        let id = self.insert(session);
        self.wanted.extend(id.map(|id| StreamOpen { id, to }));
        id.is_some()
    }

    pub(super) fn remove(&mut self, id: StreamId) -> Option<Session> {
        self.wanted.retain(|wanted| wanted.id != id);
        let session = self.open.remove(&id)?;
        self.accepted -= usize::from(session.role == Role::Serve);
        self.probes -= usize::from(matches!(session.role, Role::Probe { .. }));
        Some(session)
    }

    /// Ends them all.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Session> + use<> {
        self.wanted.clear();
        (self.accepted, self.probes) = (0, 0);
        std::mem::take(&mut self.open).into_values()
    }
}
