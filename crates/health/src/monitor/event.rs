//! What a monitor tells, and what it refuses.

use headcount_state::{MemberId, Time};

/// What a silence is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeartbeatStatus {
    /// It was heard lately.
    Alive,
    /// It has been silent for suspiciously long.
    Suspect,
    /// It has been silent for so long that it is given up. It may come back.
    Failed,
}

impl HeartbeatStatus {
    /// The status in lower case, as shown to people and machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            HeartbeatStatus::Alive => "alive",
            HeartbeatStatus::Suspect => "suspect",
            HeartbeatStatus::Failed => "failed",
        }
    }
}

/// What happened to a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeartbeatChange {
    /// Its first heartbeat came.
    Online,
    /// It has become suspect.
    Suspected,
    /// It has failed. It was suspect before.
    Failed,
    /// A heartbeat came of one that was suspect or had failed.
    Recovered,
}

/// What happened to a sender, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatEvent {
    /// Whose heartbeats they are.
    pub id: MemberId,
    /// What happened.
    pub change: HeartbeatChange,
    /// When: of a silence, when it had lasted too long; else, when the latest heartbeat came.
    pub at: Time,
}

/// Why a monitor refuses something. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MonitorError {
    /// A new sender was heard, and as many are watched as there is room for.
    #[error(
        "{0} senders are watched, the most there is room for; remove some, or give it more room"
    )]
    Full(usize),
    /// There is to be room for nobody, or for more than a list can have.
    #[error("a monitor has no room for {0} senders; give it 1 to 3,000,000,000")]
    Capacity(usize),
    /// A threshold is zero or no number, or a sender would have failed before it is suspect, or phi
    /// is beyond 100.
    #[error(
        "these thresholds cannot be; let both be above zero, failed not before suspect, and phi at \
         most 100"
    )]
    Thresholds,
}
