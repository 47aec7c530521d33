use std::sync::Arc;
use std::time::Duration;

use headcount_state::{
    Attributes, AttributesError, AttributesVersion, Claim, Evidence, Instance, Life, MemberId,
    Name, ProtocolRange, Reason, Serving, Status, Update, Version, Voters,
};

use crate::encode::Message;
use crate::error::DecodeError;
use crate::{address, proto};

/// The bytes of each voter.
pub(crate) const VOTER_BYTES: usize = size_of::<u32>();

/// How many bytes `update` takes of a datagram's or a chunk's budget.
///
/// A node can compare the size of its own record with its budget before it announces tags that
/// would never fit a datagram. A bare claim takes at most 88 bytes.
pub fn update_bytes(update: &Update) -> usize {
    let mut bytes = Vec::new();
    Message(&mut bytes).update_element(update);
    bytes.len()
}

pub(crate) fn from_proto(mut update: proto::Update) -> Result<Update, DecodeError> {
    let said = update.attributes.take();
    with_parts(&update, &update.voters, |life| {
        said.map(|said| attributes_from_proto(said, life).map(Arc::new))
    })
}

/// The update that `message` is, but for its own voters and attributes: with the voters that are
/// beside it, and with the attributes that `attributes` makes of the ones beside it, whose life is
/// the claim's if they do not say.
pub(crate) fn with_parts(
    message: &proto::Update,
    voters: &[u8],
    attributes: impl FnOnce(Life) -> Option<Result<Arc<Attributes>, DecodeError>>,
) -> Result<Update, DecodeError> {
    let instance =
        Instance::from_u64(message.instance).ok_or(DecodeError::invalid("update.instance"))?;
    let life = Life { generation: message.generation, instance };
    let status = proto::Status::try_from(message.status)
        .map(status_from_proto)
        .map_err(|_| DecodeError::invalid("update.status"))?;
    let attributes = attributes(life).transpose()?;

    let named = attributes.as_ref().map(|attributes| attributes.name.id());
    let id = match (MemberId::from_u64(message.id), named) {
        (Some(said), Some(named)) if said != named => None,
        (said, named) => named.or(said),
    };
    Ok(Update {
        claim: Claim {
            id: id.ok_or(DecodeError::invalid("update.id"))?,
            version: Version::new(life, message.incarnation, status),
            over: Instance::from_u64(message.over),
        },
        attributes,
        age: Duration::from_millis(message.age_ms.into()),
        accuser: MemberId::from_u64(message.accuser),
        evidence: evidence_from_proto(message, voters)?,
    })
}

fn evidence_from_proto(
    message: &proto::Update,
    voters: &[u8],
) -> Result<Option<Evidence>, DecodeError> {
    let (voters, rest) = voters.as_chunks::<VOTER_BYTES>();
    if !rest.is_empty() || voters.len() > Voters::MAX {
        return Err(DecodeError::invalid("update.voters"));
    }
    let evidence = |reason| Evidence {
        reason,
        word_age: Duration::from_millis(message.word_age_ms.into()),
        voters: Voters::from_prefixes(voters.iter().copied().map(u32::from_le_bytes)),
    };
    Ok(reason_from_proto(message.reason()).map(evidence))
}

pub(crate) fn all_from_proto(updates: Vec<proto::Update>) -> Result<Vec<Update>, DecodeError> {
    updates.into_iter().map(from_proto).collect()
}

pub(crate) fn attributes_from_proto(
    attributes: proto::Attributes,
    life: Life,
) -> Result<Attributes, DecodeError> {
    let life = match Instance::from_u64(attributes.instance) {
        Some(instance) => Life { generation: attributes.generation, instance },
        None => life,
    };
    let decoded = Attributes {
        version: AttributesVersion { life, counter: attributes.counter },
        name: Name::new(&attributes.name).map_err(|_| DecodeError::invalid("attributes.name"))?,
        address: address::from_proto(attributes.address)?,
        serving: proto::ServingState::try_from(attributes.serving)
            .map(serving_from_proto)
            .map_err(|_| DecodeError::invalid("attributes.serving"))?,
        zone: attributes.zone,
        tags: attributes.tags,
        protocol: ProtocolRange { min: attributes.protocol_min, max: attributes.protocol_max },
        out_of_reach: attributes.out_of_reach.into_iter().filter_map(MemberId::from_u64).collect(),
    };
    match decoded.check() {
        Ok(()) => Ok(decoded),
        Err(error) => Err(DecodeError::invalid(match error {
            AttributesError::ZoneTooLong(_) => "attributes.zone",
            AttributesError::Protocol(_) => "attributes.protocol_min",
            AttributesError::Serving(_) => "attributes.serving",
            AttributesError::OutOfReach(_) | AttributesError::OutOfReachOrder => {
                "attributes.out_of_reach"
            }
            AttributesError::TagsTooLarge(_)
            | AttributesError::TooManyTags(_)
            | AttributesError::EmptyKey => "attributes.tags",
        })),
    }
}

fn reason_from_proto(reason: proto::Reason) -> Option<Reason> {
    match reason {
        proto::Reason::Unspecified => None,
        proto::Reason::Silent => Some(Reason::Silent),
        proto::Reason::Refused => Some(Reason::Refused),
        proto::Reason::Link => Some(Reason::Link),
    }
}

fn status_from_proto(status: proto::Status) -> Status {
    match status {
        proto::Status::Alive => Status::Alive,
        proto::Status::Suspect => Status::Suspect,
        proto::Status::Failed => Status::Failed,
        proto::Status::Closed => Status::Closed,
        proto::Status::Left => Status::Left,
        proto::Status::Evicted => Status::Evicted,
    }
}

fn serving_from_proto(serving: proto::ServingState) -> Serving {
    match serving {
        proto::ServingState::Starting => Serving::Starting,
        proto::ServingState::Serving => Serving::Serving,
        proto::ServingState::Draining => Serving::Draining,
        proto::ServingState::NotServing => Serving::NotServing,
    }
}
