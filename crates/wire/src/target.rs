use headcount_state::{Instance, Life, MemberId};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::DecodeError;
use crate::proto;

/// Which process of a member: the low 32 bits of XXH3-64 over id and instance, both as 64 bits
/// little endian.
///
/// Enough to tell one process of a member from another; generations of one process share it. It
/// is no secret, and two members' processes may well have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process(u32);

impl Process {
    /// The process of this instance of this member.
    pub fn of(id: MemberId, instance: Instance) -> Process {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&id.as_u64().to_le_bytes());
        bytes[8..].copy_from_slice(&instance.as_u64().to_le_bytes());
        Process(xxh3_64(&bytes) as u32)
    }

    /// The process as a number.
    pub fn as_u32(self) -> u32 {
        self.0
    }

    /// The process with this number; any number is one.
    pub fn from_u32(raw: u32) -> Process {
        Process(raw)
    }
}

/// One process of one member: who speaks, or who is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The member.
    pub id: MemberId,
    /// Its process.
    pub process: Process,
}

impl Target {
    /// The process that leads this life of this member.
    pub fn of(id: MemberId, life: Life) -> Target {
        Target { id, process: Process::of(id, life.instance) }
    }

    pub(crate) fn from_proto(target: proto::Target) -> Result<Target, DecodeError> {
        let id = MemberId::from_u64(target.id).ok_or(DecodeError::invalid("target.id"))?;
        Ok(Target { id, process: Process(target.process) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(generation: u64, instance: u64) -> Life {
        Life { generation, instance: Instance::from_u64(instance).unwrap() }
    }

    #[test]
    fn generations_of_one_process_share_it_and_other_processes_do_not() {
        let (a, b) = (MemberId::of("a"), MemberId::of("b"));
        let first = Target::of(a, life(1, 7));
        assert_eq!(first, Target::of(a, life(2, 7)));
        assert_ne!(first.process, Target::of(a, life(1, 8)).process);
        assert_ne!(first.process, Target::of(b, life(1, 7)).process);
    }

    /// Nodes of different builds must agree on it.
    #[test]
    fn the_digest_of_a_process_stays_the_same() {
        let (id, life) = (MemberId::from_u64(1).unwrap(), life(0, 2));
        assert_eq!(Process::of(id, life.instance).as_u32(), 2_168_744_943);
    }
}
