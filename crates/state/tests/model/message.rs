//! What the model's processes send each other.

use std::net::SocketAddr;

use headcount_state::{AttributesVersion, MemberId, Update, Version};

/// One message.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// Claims told for whatever reason: gossip, an answer, a check, what was asked for.
    Claims(Vec<Update>),
    /// A whole table; the receiver of the first half sends its own back.
    Table { updates: Vec<Update>, reply: bool },
    /// The live versions, in the place of a set sketch, and the hashes of the table.
    Sketch { live: Vec<LiveVersion>, sync: u64, dead: u64 },
    /// Claims of which the sender lacks the whole record.
    Want(Vec<MemberId>),
    /// Every tombstone; the receiver of the first half sends its own back.
    Dead { updates: Vec<Update>, reply: bool },
}

impl Message {
    /// The message in a line, for a replay.
    pub(crate) fn describe(&self) -> String {
        let claims = |updates: &[Update]| {
            let said = updates.iter().map(|u| format!("{:.4}={}", u.claim.id, u.claim.version));
            said.collect::<Vec<_>>().join(" ")
        };
        match self {
            Message::Claims(updates) => format!("claims {}", claims(updates)),
            Message::Table { updates, reply } => format!("table {reply} {}", claims(updates)),
            Message::Dead { updates, reply } => format!("dead {reply} {}", claims(updates)),
            Message::Sketch { live, .. } => format!("sketch of {}", live.len()),
            Message::Want(ids) => format!("wants {ids:?}"),
        }
    }
}

/// One element of a sketch.
pub(crate) type LiveVersion = (MemberId, Version, AttributesVersion);

/// A message under way.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) message: Message,
}
