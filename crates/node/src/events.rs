use std::fmt;
use std::sync::Arc;

use headcount_swim::{ClusterHealth, Event};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::members::Members;
use crate::shared::Shared;

/// What happened in the cluster, beginning with the state of things now.
///
/// Reading slowly harms nobody: beyond the buffer (1,024 events unless set otherwise) the oldest
/// are dropped and a [`NodeEvent::Gap`] says so. Whoever has been told of an event finds its
/// effect in [`crate::Node::members`]. An event may be told again that the snapshot before it
/// holds already.
#[derive(Debug)]
pub struct Events {
    receiver: Receiver<Event>,
    shared: Arc<Shared>,
    begun: bool,
}

/// One item of [`Events`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NodeEvent {
    /// The members when the stream began: always the first item.
    Snapshot(Members),
    /// Something happened.
    Event(Event),
    /// This reader was too slow and missed events. Go on from the members given here.
    Gap {
        /// How many events were dropped.
        missed: u64,
        /// The members now.
        members: Members,
    },
}

impl Events {
    pub(crate) fn new(receiver: Receiver<Event>, shared: Arc<Shared>) -> Events {
        Events { receiver, shared, begun: false }
    }

    /// The next item; `None` once the node has stopped. Cancel safe.
    pub async fn next(&mut self) -> Option<NodeEvent> {
        if let Some(first) = self.first() {
            return Some(first);
        }
        match self.receiver.recv().await {
            Ok(event) => Some(NodeEvent::Event(event)),
            Err(RecvError::Lagged(missed)) => Some(self.gap(missed)),
            Err(RecvError::Closed) => None,
        }
    }

    /// The next item if there is one now.
    pub fn try_next(&mut self) -> Option<NodeEvent> {
        if let Some(first) = self.first() {
            return Some(first);
        }
        match self.receiver.try_recv() {
            Ok(event) => Some(NodeEvent::Event(event)),
            Err(TryRecvError::Lagged(missed)) => Some(self.gap(missed)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    fn first(&mut self) -> Option<NodeEvent> {
        let first = !self.begun;
        self.begun = true;
        first.then(|| NodeEvent::Snapshot(self.shared.members()))
    }

    /// The snapshot holds what is still in the buffer, so that is skipped too.
    fn gap(&mut self, missed: u64) -> NodeEvent {
        let missed = missed + self.receiver.len() as u64;
        self.receiver = self.receiver.resubscribe();
        NodeEvent::Gap { missed, members: self.shared.members() }
    }
}

impl fmt::Display for NodeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = match self {
            NodeEvent::Snapshot(members) => {
                return write!(
                    f,
                    "snapshot: {} members, {} live",
                    members.len(),
                    members.live_len()
                );
            }
            NodeEvent::Gap { missed, members } => {
                return write!(f, "gap: {missed} events missed, {} live now", members.live_len());
            }
            NodeEvent::Event(event) => event,
        };
        let (kind, member) = (event.name(), event.member());
        match (event, member) {
            (Event::Degrading { warning, .. }, Some(member)) => {
                write!(f, "{kind}: {member}, warning {warning} %")
            }
            (Event::Partial(_), Some(member)) => {
                write!(f, "{kind}: {member}, out of reach for {}", member.out_of_reach_for().len())
            }
            (_, Some(member)) => write!(f, "{kind}: {member}"),
            (Event::HealthChanged { from, health }, _) => {
                let ClusterHealth { level, present, missing, .. } = health;
                let of = present + missing;
                write!(f, "{kind}: from {from} to {level}, {present} of {of} members are there")
            }
            (Event::Forgotten(id), _) => write!(f, "{kind}: {id}"),
            (Event::Healed { returned, missing }, _) => {
                write!(f, "{kind}: {returned} returned, {missing} still missing")
            }
            (Event::CutOff { lost, of }, _) => write!(f, "{kind}: from {lost} of {of}"),
            (Event::Held { reason, wait }, _) => {
                write!(f, "{kind}: failed for {reason}, until its links are good for {wait:?}")
            }
            (Event::ParametersChanged { detector, detection_time, period }, _) => {
                let detector = detector.as_str();
                write!(f, "{kind}: {detector}, {detection_time:?}, period {period:?}")
            }
            (Event::Agreed { heard }, _) => write!(f, "{kind}: all {heard} heard"),
            (Event::Diverged { agree, heard }, _) => {
                write!(f, "{kind}: {agree} of {heard} heard agree")
            }
            (Event::Displaced { by }, _) => write!(f, "{kind}: by process {by}"),
            (Event::Seed { address, result: Ok(members) }, _) => {
                write!(f, "{kind}: {address} told of {members} members")
            }
            (Event::Seed { address, result: Err(error) }, _) => {
                write!(f, "{kind}: {address}: {error}")
            }
            (Event::QuorumChanged { verdict, quorum }, _) => {
                let (heard, of) = (quorum.heard, quorum.of);
                write!(f, "{kind}: {}, heard {heard} of {of}", verdict.as_str())?;
                if quorum.excess > 0 {
                    write!(f, ", {} more known than expected", quorum.excess)?;
                }
                Ok(())
            }
            (Event::Departed { acknowledged }, _) => {
                write!(f, "{kind}: {acknowledged} acknowledged")
            }
            (Event::NearlyFull { what, len, bound }, _) => {
                write!(f, "{kind}: {what} {len} of {bound}")
            }
            _ => f.write_str(kind),
        }
    }
}
