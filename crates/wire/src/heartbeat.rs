use std::time::Duration;

use headcount_state::MemberId;

use crate::error::DecodeError;
use crate::proto;
use crate::target::{Process, Target};

/// What the sender says of itself in every datagram and every stream frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Heartbeat {
    /// Who speaks.
    pub sender: Target,
    /// The sender's counter of datagrams sent; wraps. Gaps show loss.
    pub seq: u32,
    /// The low 32 bits of a hash of the live members as the sender sees them: enough to compare.
    pub view: u32,
    /// A hash of all versions in the sender's table: differing values call for an exchange.
    pub sync: u64,
    /// The low 32 bits of a hash of the young dead claims in the sender's table; 0, which takes
    /// no bytes, when there are none.
    pub dead: u32,
    /// How the sender is. Acks and stream frames say it; others leave it out.
    pub vitals: Option<Vitals>,
    /// The sender's reading of the period clock, in sixteenths of a protocol period, modulo 2^14;
    /// higher bits do not travel. `None`: it keeps none.
    pub clock: Option<u16>,
    /// The epoch of the cluster parameters that the sender holds; 0, which takes no bytes, when they
    /// are as the cluster began. Said where the vitals are.
    pub epoch: u32,
    /// How strained the sender finds its link to the receiver, in percent, 0 to 100; larger values
    /// count as 100. Pings say it; 0, which takes no bytes, says that nothing is amiss.
    pub grade: u8,
}

/// How the sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vitals {
    /// How loaded the sender is, in percent, 0 to 100; larger values count as 100. `None`: it has
    /// not said.
    pub load: Option<u8>,
    /// How long the sender has been up. Whole seconds on the wire, at most 2^32 - 1.
    pub uptime: Duration,
    /// How strained the sender is, in percent, 0 to 100; larger values count as 100. 0, which takes
    /// no bytes, says that nothing is amiss.
    pub warning: u8,
}

/// The most of what is said in percent.
pub(crate) const MAX_PERCENT: u8 = 100;

/// The bits of a clock's reading that travel.
pub(crate) const CLOCK_BITS: u16 = (1 << 14) - 1;

/// The most bytes of a heartbeat with the key and length before it.
pub(crate) const MAX_HEARTBEAT_BYTES: usize = 62;

impl Heartbeat {
    pub(crate) fn from_proto(
        heartbeat: Option<proto::Heartbeat>,
    ) -> Result<Heartbeat, DecodeError> {
        let heartbeat = heartbeat.ok_or(DecodeError::invalid("heartbeat"))?;
        let id = MemberId::from_u64(heartbeat.id).ok_or(DecodeError::invalid("heartbeat.id"))?;
        let percent = |said: u32| u8::try_from(said).unwrap_or(MAX_PERCENT).min(MAX_PERCENT);
        let vitals = |seconds: u32| Vitals {
            load: heartbeat.load.map(percent),
            uptime: Duration::from_secs(seconds.into()),
            warning: percent(heartbeat.warning),
        };
        Ok(Heartbeat {
            sender: Target { id, process: Process::from_u32(heartbeat.process) },
            seq: heartbeat.seq,
            view: heartbeat.view,
            sync: heartbeat.sync,
            dead: heartbeat.dead,
            vitals: heartbeat.uptime_s.map(vitals),
            clock: heartbeat.clock.map(|clock| clock as u16 & CLOCK_BITS),
            epoch: heartbeat.epoch,
            grade: percent(heartbeat.grade),
        })
    }
}
