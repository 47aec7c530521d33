use std::time::Duration;

use bytes::Bytes;
use headcount_state::Update;
use prost::Message;

use crate::cluster::ClusterId;
use crate::error::DecodeError;
use crate::header::{self, FrameWriter};
use crate::heartbeat::Heartbeat;
use crate::pool::AttributesPool;
use crate::proto::datagram::Body as ProtoBody;
use crate::quick::{self, Payload};
use crate::sketch::{self, SketchPart};
use crate::target::{Process, Target};
use crate::{proto, update};

/// The default of the most bytes in a datagram: fits an Ethernet frame with room for tunnels.
pub const DEFAULT_BUDGET: usize = 1_400;

/// The smallest budget: header, heartbeat and any body but a long sketch or want leave room for
/// several bare claims.
pub const MIN_BUDGET: usize = 512;

/// The largest budget: the most that UDP over IPv4 carries.
pub const MAX_BUDGET: usize = 65_507;

/// What a datagram is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Are you there?
    Ping {
        /// A random number that the ack echoes.
        nonce: u32,
        /// Whom the sender means; `None`: whoever is there (a seed).
        target: Option<Process>,
    },
    /// The answer to a ping.
    Ack {
        /// The nonce of the ping.
        nonce: u32,
        /// Who answered, when a relay passes somebody's ack on; `None`: the sender.
        responder: Option<Target>,
        /// Somebody lives here, but not the target of the ping.
        not_me: bool,
    },
    /// Please ping the target for me, where you know it to be, and pass its ack on.
    PingReq {
        /// A random number that the forwarded ack, or the nack, echoes.
        nonce: u32,
        /// Whom to ping.
        target: Target,
        /// Answer with a nack if the target stays silent.
        want_nack: bool,
    },
    /// The relay's answer to a ping-req whose target stayed silent.
    Nack {
        /// The nonce of the ping-req.
        nonce: u32,
    },
    /// The sender's hashes, to be compared: who holds another table answers with what the sender
    /// lacks, if that is known, or else with its own hashes.
    Compare,
    /// A gossip round: news, and perhaps the sender's table.
    Gossip {
        /// What the updates are to the sender's table; `None`: news, or nothing but the hashes
        /// in the heartbeat.
        table: Option<TablePart>,
    },
    /// Coded symbols of the sender's live records: please find out where our tables differ.
    Sketch(SketchPart),
    /// The symbols sent so far do not tell the difference.
    More {
        /// The number of the first symbol that is wanted.
        first: u32,
        /// How many are wanted. 0: too many differences, or given up.
        count: u32,
    },
    /// The difference is known: the updates beside this are what the sketch's sender lacked.
    Wants {
        /// Please tell of the members with these keys.
        keys: Vec<u32>,
    },
    /// What do you know of the subject? Answered by an opinion, from evidence or after a probe.
    Query {
        /// A random number that the opinion echoes.
        nonce: u32,
        /// Of whom.
        subject: Target,
        /// Only a reply to the answerer's own request within this time counts as word of the
        /// subject. Whole milliseconds on the wire, at most 2^32 - 1.
        since: Duration,
        /// The asker saw the subject's port refuse a stream.
        refused: bool,
        /// Measure the link to the subject, and answer with what that gives.
        contest: bool,
    },
    /// The answer to a query.
    Opinion {
        /// The nonce of the query.
        nonce: u32,
        /// What the answerer has to say.
        verdict: Verdict,
        /// How long ago the answerer last had a reply of the subject; zero when it abstains.
        /// Whole milliseconds on the wire, at most 2^32 - 1.
        word: Duration,
        /// The answerer saw the subject's port refuse a stream.
        refused: bool,
    },
}

/// What the answerer of a query has to say of the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It cannot tell. Also what a verdict counts as that this build does not know.
    Abstain,
    /// It has word of the subject.
    Vouch,
    /// It has none either.
    Confirm,
}

/// How the updates of a datagram stand to the sender's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TablePart {
    /// The whole table is in this datagram.
    pub complete: bool,
    /// Send yours back.
    pub reply: bool,
}

/// One datagram, decoded and valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// What the sender says of itself.
    pub heartbeat: Heartbeat,
    /// What the datagram is about.
    pub body: Body,
    /// What the sender has to tell about members, in the order it was pushed.
    pub updates: Vec<Update>,
}

/// Builds one datagram within a budget of bytes.
///
/// Every push costs what the update's own size costs; nothing is encoded twice.
#[derive(Clone, Debug)]
pub struct DatagramBuilder {
    writer: FrameWriter,
    budget: usize,
}

impl DatagramBuilder {
    /// A datagram with this heartbeat and body, of at most `budget` bytes. The budget is taken
    /// to the nearest end of [`MIN_BUDGET`] to [`MAX_BUDGET`] if it is outside.
    ///
    /// Of a sketch's symbols, or of wanted keys, the ones beyond the budget are left out:
    /// [`sketch_room`](crate::sketch_room) and [`wants_room`](crate::wants_room) always fit.
    pub fn new(
        cluster: ClusterId,
        budget: usize,
        heartbeat: &Heartbeat,
        body: &Body,
    ) -> DatagramBuilder {
        let budget = budget.clamp(MIN_BUDGET, MAX_BUDGET);
        let mut writer = FrameWriter::datagram(cluster);
        writer.payload().heartbeat_field(heartbeat);
        let items = sketch::items_within(body, budget.saturating_sub(writer.len()));
        writer.payload().body(body, items);
        DatagramBuilder { writer, budget }
    }

    /// Adds `update` if it fits, and says whether it did; nothing has changed otherwise.
    pub fn push(&mut self, update: &Update) -> bool {
        self.writer.push(update, self.budget)
    }

    /// Adds updates in their order up to the first that does not fit, and answers how many were
    /// added: skip as many next time to go on with the rest.
    ///
    /// 0 of a fresh builder means that the first is too large for any datagram of this budget:
    /// tell it bare, or over a stream.
    pub fn pack<'a>(&mut self, updates: impl IntoIterator<Item = &'a Update>) -> usize {
        updates.into_iter().take_while(|update| self.push(update)).count()
    }

    /// The bytes so far, header included. Never more than the budget.
    #[expect(clippy::len_without_is_empty, reason = "a datagram is never empty")]
    pub fn len(&self) -> usize {
        self.writer.len()
    }

    /// The bytes that are left of the budget.
    pub fn remaining(&self) -> usize {
        self.budget.saturating_sub(self.len())
    }

    /// The bytes to send.
    pub fn finish(self) -> Bytes {
        self.writer.finish()
    }
}

/// Checks and decodes one datagram of `cluster`.
///
/// # Errors
/// [`DecodeError`] names the cause; a datagram is refused as a whole.
pub fn decode_datagram(cluster: ClusterId, bytes: &[u8]) -> Result<Datagram, DecodeError> {
    decode_datagram_with(cluster, bytes, &AttributesPool::new(0))
}

/// The same, with the help of a pool of attributes.
///
/// # Errors
/// As [`decode_datagram`].
pub fn decode_datagram_with(
    cluster: ClusterId,
    bytes: &[u8],
    pool: &AttributesPool,
) -> Result<Datagram, DecodeError> {
    if bytes.len() > MAX_BUDGET {
        return Err(DecodeError::TooLong);
    }
    let payload = header::open(cluster, bytes)?;
    read_quickly(payload, pool).map_or_else(|| read(payload), Ok)
}

/// What any payload means: the contract.
pub(crate) fn read(payload: &[u8]) -> Result<Datagram, DecodeError> {
    let datagram = proto::Datagram::decode(payload)?;
    Ok(Datagram {
        heartbeat: Heartbeat::from_proto(datagram.heartbeat)?,
        body: Body::from_proto(datagram.body.ok_or(DecodeError::invalid("body"))?)?,
        updates: update::all_from_proto(datagram.updates)?,
    })
}

/// What a valid payload of the usual form means, the same in less time.
pub(crate) fn read_quickly(payload: &[u8], pool: &AttributesPool) -> Option<Datagram> {
    let Payload { heartbeat, body, updates } = quick::datagram(payload, pool)?;
    Some(Datagram {
        heartbeat: Heartbeat::from_proto(Some(heartbeat)).ok()?,
        body: Body::from_proto(body).ok()?,
        updates,
    })
}

impl Body {
    fn from_proto(body: ProtoBody) -> Result<Body, DecodeError> {
        Ok(match body {
            ProtoBody::Ping(ping) => {
                Body::Ping { nonce: ping.nonce, target: ping.target.map(Process::from_u32) }
            }
            ProtoBody::Ack(ack) => Body::Ack {
                nonce: ack.nonce,
                responder: ack.responder.map(Target::from_proto).transpose()?,
                not_me: ack.not_me,
            },
            ProtoBody::PingReq(ask) => Body::PingReq {
                nonce: ask.nonce,
                target: Target::from_proto(
                    ask.target.ok_or(DecodeError::invalid("ping_req.target"))?,
                )?,
                want_nack: ask.want_nack,
            },
            ProtoBody::Nack(nack) => Body::Nack { nonce: nack.nonce },
            ProtoBody::Compare(proto::Compare {}) => Body::Compare,
            ProtoBody::Gossip(gossip) => Body::Gossip {
                table: gossip
                    .table
                    .map(|proto::TablePart { complete, reply }| TablePart { complete, reply }),
            },
            ProtoBody::Sketch(part) => Body::Sketch(sketch::from_proto(&part)?),
            ProtoBody::More(proto::More { first, count }) => Body::More { first, count },
            ProtoBody::Wants(proto::Wants { keys }) => Body::Wants { keys },
            ProtoBody::Query(query) => Body::Query {
                nonce: query.nonce,
                subject: Target::from_proto(
                    query.subject.ok_or(DecodeError::invalid("query.subject"))?,
                )?,
                since: Duration::from_millis(query.since_ms.into()),
                refused: query.refused,
                contest: query.contest,
            },
            ProtoBody::Opinion(opinion) => Body::Opinion {
                nonce: opinion.nonce,
                verdict: Verdict::from_proto(opinion.verdict()),
                word: Duration::from_millis(opinion.word_ms.into()),
                refused: opinion.refused,
            },
        })
    }
}

impl Verdict {
    fn from_proto(verdict: proto::Verdict) -> Verdict {
        match verdict {
            proto::Verdict::Abstain => Verdict::Abstain,
            proto::Verdict::Vouch => Verdict::Vouch,
            proto::Verdict::Confirm => Verdict::Confirm,
        }
    }
}
