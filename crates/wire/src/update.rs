use std::sync::Arc;
use std::time::Duration;

use headcount_state::{
    Attributes, AttributesError, AttributesVersion, Claim, Instance, Life, MemberId, Name,
    ProtocolRange, Serving, Status, Update, Version,
};
use prost::Message;

use crate::error::DecodeError;
use crate::heartbeat::whole_millis;
use crate::{address, proto};

/// How many bytes `update` takes of a datagram's or a chunk's budget.
///
/// A node can compare the size of its own record with its budget before it announces tags that
/// would never fit a datagram. A bare claim takes at most 62 bytes.
pub fn update_bytes(update: &Update) -> usize {
    delimited_bytes(&to_proto(update))
}

/// The bytes of `message` as an element of the field `updates`: key, length, content.
pub(crate) fn delimited_bytes(message: &proto::Update) -> usize {
    let length = message.encoded_len();
    1 + prost::length_delimiter_len(length) + length
}

pub(crate) fn to_proto(update: &Update) -> proto::Update {
    let Update { claim, attributes, age, accuser } = update;
    let life = claim.life();
    proto::Update {
        id: if attributes.is_some() { 0 } else { claim.id.as_u64() },
        generation: life.generation,
        instance: life.instance.as_u64(),
        incarnation: claim.version.incarnation(),
        status: status_to_proto(claim.status()).into(),
        over: claim.over.map_or(0, Instance::as_u64),
        age_ms: whole_millis(*age),
        accuser: accuser.map_or(0, MemberId::as_u64),
        attributes: attributes.as_deref().map(|attributes| attributes_to_proto(attributes, life)),
    }
}

pub(crate) fn from_proto(update: proto::Update) -> Result<Update, DecodeError> {
    let instance =
        Instance::from_u64(update.instance).ok_or(DecodeError::invalid("update.instance"))?;
    let life = Life { generation: update.generation, instance };
    let status = proto::Status::try_from(update.status)
        .map(status_from_proto)
        .map_err(|_| DecodeError::invalid("update.status"))?;
    let attributes = update
        .attributes
        .map(|attributes| attributes_from_proto(attributes, life).map(Arc::new))
        .transpose()?;

    let named = attributes.as_ref().map(|attributes| attributes.name.id());
    let id = match (MemberId::from_u64(update.id), named) {
        (Some(said), Some(named)) if said != named => None,
        (said, named) => named.or(said),
    };
    Ok(Update {
        claim: Claim {
            id: id.ok_or(DecodeError::invalid("update.id"))?,
            version: Version::new(life, update.incarnation, status),
            over: Instance::from_u64(update.over),
        },
        attributes,
        age: Duration::from_millis(update.age_ms.into()),
        accuser: MemberId::from_u64(update.accuser),
    })
}

pub(crate) fn all_from_proto(updates: Vec<proto::Update>) -> Result<Vec<Update>, DecodeError> {
    updates.into_iter().map(from_proto).collect()
}

/// The attributes' life is left out when it is `life`, that of the claim beside them.
fn attributes_to_proto(attributes: &Attributes, life: Life) -> proto::Attributes {
    let said_in = Some(attributes.version.life).filter(|said_in| *said_in != life);
    proto::Attributes {
        name: attributes.name.as_str().to_owned(),
        address: Some(address::to_proto(attributes.address)),
        counter: attributes.version.counter,
        serving: serving_to_proto(attributes.serving).into(),
        zone: attributes.zone.clone(),
        tags: attributes.tags.clone(),
        protocol_min: attributes.protocol.min,
        protocol_max: attributes.protocol.max,
        generation: said_in.map_or(0, |life| life.generation),
        instance: said_in.map_or(0, |life| life.instance.as_u64()),
    }
}

fn attributes_from_proto(
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
    };
    match decoded.check() {
        Ok(()) => Ok(decoded),
        Err(error) => Err(DecodeError::invalid(match error {
            AttributesError::ZoneTooLong(_) => "attributes.zone",
            AttributesError::Protocol(_) => "attributes.protocol_min",
            AttributesError::Serving(_) => "attributes.serving",
            AttributesError::TagsTooLarge(_)
            | AttributesError::TooManyTags(_)
            | AttributesError::EmptyKey => "attributes.tags",
        })),
    }
}

fn status_to_proto(status: Status) -> proto::Status {
    match status {
        Status::Alive => proto::Status::Alive,
        Status::Suspect => proto::Status::Suspect,
        Status::Failed => proto::Status::Failed,
        Status::Closed => proto::Status::Closed,
        Status::Left => proto::Status::Left,
        Status::Evicted => proto::Status::Evicted,
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

fn serving_to_proto(serving: Serving) -> proto::ServingState {
    match serving {
        Serving::Starting => proto::ServingState::Starting,
        Serving::Serving => proto::ServingState::Serving,
        Serving::Draining => proto::ServingState::Draining,
        Serving::NotServing => proto::ServingState::NotServing,
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
