use std::time::Duration;

use headcount_state::{Instance, Life, MemberId};

use crate::error::DecodeError;
use crate::proto;

/// One life of one member: which process is spoken of or spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The member.
    pub id: MemberId,
    /// Its life.
    pub life: Life,
}

/// What the sender says of itself in every datagram and every stream frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Heartbeat {
    /// Who speaks.
    pub sender: Target,
    /// The sender's counter of datagrams sent; wraps. Gaps show loss.
    pub seq: u32,
    /// How loaded the sender is, in percent, 0 to 100; larger values count as 100. `None`: it has
    /// not said.
    pub load: Option<u8>,
    /// How long the sender has been up. Whole seconds on the wire, at most 2^32 - 1.
    pub uptime: Duration,
    /// The sender's protocol period. Whole milliseconds on the wire, at most 2^32 - 1.
    pub period: Duration,
    /// A hash of the live members as the sender sees them: what people compare.
    pub view_id: u64,
    /// A hash of all versions in the sender's table: differing values call for an exchange.
    pub sync: u64,
    /// A hash of the young dead claims in the sender's table.
    pub dead: u64,
}

pub(crate) const MAX_LOAD: u8 = 100;

impl Target {
    pub(crate) fn from_proto(target: proto::Target) -> Result<Target, DecodeError> {
        let id = MemberId::from_u64(target.id).ok_or(DecodeError::invalid("target.id"))?;
        let instance =
            Instance::from_u64(target.instance).ok_or(DecodeError::invalid("target.instance"))?;
        Ok(Target { id, life: Life { generation: target.generation, instance } })
    }
}

impl Heartbeat {
    pub(crate) fn from_proto(
        heartbeat: Option<proto::Heartbeat>,
    ) -> Result<Heartbeat, DecodeError> {
        let heartbeat = heartbeat.ok_or(DecodeError::invalid("heartbeat"))?;
        let sender = heartbeat.sender.ok_or(DecodeError::invalid("heartbeat.sender"))?;
        Ok(Heartbeat {
            sender: Target::from_proto(sender)?,
            seq: heartbeat.seq,
            load: heartbeat
                .load
                .map(|percent| u8::try_from(percent).unwrap_or(MAX_LOAD).min(MAX_LOAD)),
            uptime: Duration::from_secs(heartbeat.uptime_s.into()),
            period: Duration::from_millis(heartbeat.period_ms.into()),
            view_id: heartbeat.view_id,
            sync: heartbeat.sync,
            dead: heartbeat.dead,
        })
    }
}
