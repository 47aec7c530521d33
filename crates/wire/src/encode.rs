//! Writes the messages of the `.proto` files straight from the domain types, byte for byte as
//! prost would, without the messages between: fields in the order of their numbers, defaults left
//! out, lengths as short as can be.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use headcount_state::{
    Attributes, Evidence, Instance, Life, MemberId, Reason, Serving, Status, Update,
};

use crate::datagram::{Body, TablePart, Verdict};
use crate::heartbeat::{CLOCK_BITS, Heartbeat, MAX_PERCENT, Vitals};
use crate::parameters::Parameters;
use crate::proto;
use crate::sketch::{KEY_BYTES, SYMBOL_BYTES, SketchPart};
use crate::stream::{Frame, Hello, Purpose, Refuse, RefuseCode, cut};
use crate::target::{Process, Target};
use crate::update::VOTER_BYTES;

/// The kinds of fields in protobuf's encoding.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// The field `updates` of datagrams and stream frames alike.
const UPDATES: u32 = 15;

/// A message that is being written at the end of a buffer.
pub(crate) struct Message<'a>(pub(crate) &'a mut Vec<u8>);

impl Message<'_> {
    /// The body of a datagram; of a sketch's symbols or of wanted keys the first `items`.
    pub(crate) fn body(&mut self, body: &Body, items: usize) {
        match *body {
            Body::Ping { nonce, target } => self.nested(2, |m| m.ping(nonce, target)),
            Body::Ack { nonce, responder, not_me } => {
                self.nested(3, |m| m.ack(nonce, responder, not_me));
            }
            Body::PingReq { nonce, target, want_nack } => self.nested(4, |m| {
                m.fixed32(1, nonce);
                m.nested(2, |m| m.target(target));
                m.varint(3, want_nack.into());
            }),
            Body::Nack { nonce } => self.nested(5, |m| m.fixed32(1, nonce)),
            Body::Compare => self.nested(10, |_| {}),
            Body::Gossip { table } => self.nested(6, |m| {
                if let Some(TablePart { complete, reply }) = table {
                    m.nested(1, |m| {
                        m.varint(1, complete.into());
                        m.varint(2, reply.into());
                    });
                }
            }),
            Body::Sketch(ref part) => self.nested(7, |m| m.sketch(part, items)),
            Body::More { first, count } => self.nested(8, |m| {
                m.varint(1, first.into());
                m.varint(2, count.into());
            }),
            Body::Wants { ref keys } => self.nested(9, |m| {
                let keys = &keys[..items.min(keys.len())];
                m.many(1, KEY_BYTES, keys, |key, bytes| bytes.extend(key.to_le_bytes()));
            }),
            Body::Query { nonce, subject, since, refused, contest } => self.nested(11, |m| {
                m.fixed32(1, nonce);
                m.nested(2, |m| m.target(subject));
                m.varint(3, whole_millis(since).into());
                m.varint(4, refused.into());
                m.varint(5, contest.into());
            }),
            Body::Opinion { nonce, verdict: said, word, refused } => self.nested(12, |m| {
                m.fixed32(1, nonce);
                m.varint(2, verdict(said) as u64);
                m.varint(3, whole_millis(word).into());
                m.varint(4, refused.into());
            }),
        }
    }

    /// A stream frame but for its heartbeat and updates.
    pub(crate) fn frame(&mut self, frame: &Frame) {
        match frame {
            Frame::Hello(hello) => self.nested(2, |m| m.hello(hello)),
            Frame::Refuse(Refuse { code, detail, .. }) => self.nested(3, |m| {
                m.varint(1, refuse_code(*code) as u64);
                m.bytes(2, cut(detail).as_bytes());
            }),
            Frame::Chunk { last, .. } => self.nested(4, |m| m.varint(1, (*last).into())),
            Frame::Ping { nonce, target } => self.nested(5, |m| m.ping(*nonce, Some(*target))),
            Frame::Ack { nonce, not_me } => self.nested(6, |m| m.ack(*nonce, None, *not_me)),
        }
    }

    /// The heartbeat of a datagram or a stream frame.
    pub(crate) fn heartbeat_field(&mut self, heartbeat: &Heartbeat) {
        self.nested(1, |m| m.heartbeat(heartbeat));
    }

    /// One of the updates of a datagram or a stream frame.
    pub(crate) fn update_element(&mut self, update: &Update) {
        self.nested(UPDATES, |m| m.update(update));
    }

    fn heartbeat(&mut self, heartbeat: &Heartbeat) {
        let Heartbeat { sender, seq, view, sync, dead, vitals, clock, epoch, grade } = *heartbeat;
        self.target(sender);
        self.varint(3, seq.into());
        self.fixed32(4, view);
        self.fixed64(5, sync);
        self.fixed32(6, dead);
        if let Some(Vitals { load, uptime, .. }) = vitals {
            self.present_varint(7, u32::try_from(uptime.as_secs()).unwrap_or(u32::MAX));
            if let Some(percent) = load {
                self.present_varint(8, percent.min(MAX_PERCENT).into());
            }
        }
        if let Some(reading) = clock {
            self.present_varint(9, (reading & CLOCK_BITS).into());
        }
        self.varint(10, epoch.into());
        self.varint(11, grade.min(MAX_PERCENT).into());
        let warning = vitals.map_or(0, |vitals| vitals.warning);
        self.varint(12, warning.min(MAX_PERCENT).into());
    }

    fn parameters(&mut self, parameters: &Parameters) {
        self.varint(1, parameters.epoch.into());
        self.varint(2, parameters.detector.into());
        self.varint(3, whole_millis(parameters.detection_time).into());
        self.varint(4, whole_millis(parameters.period).into());
    }

    fn ping(&mut self, nonce: u32, target: Option<Process>) {
        self.fixed32(1, nonce);
        if let Some(process) = target {
            self.present_fixed32(2, process.as_u32());
        }
    }

    fn ack(&mut self, nonce: u32, responder: Option<Target>, not_me: bool) {
        self.fixed32(1, nonce);
        if let Some(responder) = responder {
            self.nested(2, |m| m.target(responder));
        }
        self.varint(3, not_me.into());
    }

    fn hello(&mut self, hello: &Hello) {
        let purpose = match hello.purpose {
            Purpose::Join => proto::Purpose::Join,
            Purpose::Exchange => proto::Purpose::Exchange,
        };
        self.varint(1, purpose as u64);
        self.varint(2, hello.protocol.min.into());
        self.varint(3, hello.protocol.max.into());
        if let Some(own) = &hello.own {
            self.nested(4, |m| m.update(own));
        }
        if let Some(parameters) = &hello.parameters {
            self.nested(5, |m| m.parameters(parameters));
        }
        self.fixed64(6, hello.after.map_or(0, MemberId::as_u64));
    }

    /// A target, or the fields of a heartbeat that are one.
    fn target(&mut self, Target { id, process }: Target) {
        self.fixed64(1, id.as_u64());
        self.fixed32(2, process.as_u32());
    }

    fn sketch(&mut self, part: &SketchPart, items: usize) {
        let SketchPart { first, live, symbols } = part;
        self.varint(1, (*first).into());
        self.varint(2, (*live).into());
        let symbols = &symbols[..items.min(symbols.len())];
        self.many(3, SYMBOL_BYTES, symbols, |symbol, bytes| {
            symbol.sums().iter().for_each(|sum| bytes.extend(sum.to_le_bytes()));
        });
    }

    /// A life as two fields in a row.
    fn life(&mut self, number: u32, life: Life) {
        self.varint(number, life.generation);
        self.fixed64(number + 1, life.instance.as_u64());
    }

    fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => self.present_fixed32(1, ip.to_bits()),
            IpAddr::V6(ip) => self.bytes(2, &ip.octets()),
        }
        self.varint(3, address.port().into());
    }

    fn update(&mut self, update: &Update) {
        let Update { claim, attributes, age, accuser, evidence } = update;
        let life = claim.life();
        self.fixed64(1, if attributes.is_some() { 0 } else { claim.id.as_u64() });
        self.life(2, life);
        self.varint(4, claim.version.incarnation().into());
        self.varint(5, status(claim.status()) as u64);
        self.fixed64(6, claim.over.map_or(0, Instance::as_u64));
        self.varint(7, whole_millis(*age).into());
        self.fixed64(8, accuser.map_or(0, MemberId::as_u64));
        if let Some(attributes) = attributes {
            self.nested(9, |m| m.attributes(attributes, life));
        }
        if let Some(evidence) = evidence {
            self.evidence(evidence);
        }
    }

    /// Evidence as three fields of an update.
    fn evidence(&mut self, evidence: &Evidence) {
        self.varint(10, reason(evidence.reason) as u64);
        self.varint(11, whole_millis(evidence.word_age).into());
        self.many(12, VOTER_BYTES, evidence.voters.prefixes(), |voter, bytes| {
            bytes.extend(voter.to_le_bytes());
        });
    }

    /// The attributes' life is left out when it is `life`, that of the claim beside them.
    fn attributes(&mut self, attributes: &Attributes, life: Life) {
        self.bytes(1, attributes.name.as_str().as_bytes());
        self.nested(2, |m| m.address(attributes.address));
        self.varint(3, attributes.version.counter.into());
        self.varint(4, serving(attributes.serving) as u64);
        self.bytes(5, attributes.zone.as_bytes());
        for (key, value) in &attributes.tags {
            self.nested(6, |m| {
                m.bytes(1, key.as_bytes());
                m.bytes(2, value.as_bytes());
            });
        }
        self.varint(7, attributes.protocol.min.into());
        self.varint(8, attributes.protocol.max.into());
        if attributes.version.life != life {
            self.life(9, attributes.version.life);
        }
        self.many(11, 8, &attributes.out_of_reach, |id, bytes| {
            bytes.extend(id.as_u64().to_le_bytes());
        });
    }

    fn varint(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.key(number, VARINT);
            self.raw_varint(value);
        }
    }

    fn fixed32(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.present_fixed32(number, value);
        }
    }

    /// A number whose presence says something, so that a zero is written too.
    fn present_varint(&mut self, number: u32, value: u32) {
        self.key(number, VARINT);
        self.raw_varint(value.into());
    }

    /// As [`Self::present_varint`].
    fn present_fixed32(&mut self, number: u32, value: u32) {
        self.key(number, FIXED32);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn fixed64(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.key(number, FIXED64);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn bytes(&mut self, number: u32, value: &[u8]) {
        if !value.is_empty() {
            self.key(number, BYTES);
            self.raw_varint(value.len() as u64);
            self.0.extend_from_slice(value);
        }
    }

    /// Items of `size` bytes each in one field, which `write` appends.
    fn many<T>(
        &mut self,
        number: u32,
        size: usize,
        items: &[T],
        mut write: impl FnMut(&T, &mut Vec<u8>),
    ) {
        if !items.is_empty() {
            self.key(number, BYTES);
            self.raw_varint((items.len() * size) as u64);
            items.iter().for_each(|item| write(item, self.0));
        }
    }

    /// A message within the message. Its length is written when it is known: most need one byte,
    /// so that is left free, and what follows moves where more are needed.
    fn nested(&mut self, number: u32, content: impl FnOnce(&mut Message<'_>)) {
        self.key(number, BYTES);
        let at = self.0.len();
        self.0.push(0);
        content(self);
        let length = self.0.len() - at - 1;
        if length < 0x80 {
            self.0[at] = length as u8;
        } else {
            let end = self.0.len();
            self.raw_varint(length as u64);
            let longer = self.0.len() - end;
            self.0[at..].rotate_right(longer);
            // The place that was left free comes after the length now, and was not needed.
            self.0.remove(at + longer);
        }
    }

    /// The numbers of fields are at most 15, so that a key is one byte.
    fn key(&mut self, number: u32, kind: u32) {
        self.0.push((number << 3 | kind) as u8);
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// The bytes of a number as a varint.
pub(crate) fn varint_bytes(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// The duration in whole milliseconds, saturating.
fn whole_millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn status(status: Status) -> proto::Status {
    match status {
        Status::Alive => proto::Status::Alive,
        Status::Suspect => proto::Status::Suspect,
        Status::Failed => proto::Status::Failed,
        Status::Closed => proto::Status::Closed,
        Status::Left => proto::Status::Left,
        Status::Evicted => proto::Status::Evicted,
    }
}

fn reason(reason: Reason) -> proto::Reason {
    match reason {
        Reason::Silent => proto::Reason::Silent,
        Reason::Refused => proto::Reason::Refused,
        Reason::Link => proto::Reason::Link,
    }
}

fn verdict(verdict: Verdict) -> proto::Verdict {
    match verdict {
        Verdict::Abstain => proto::Verdict::Abstain,
        Verdict::Vouch => proto::Verdict::Vouch,
        Verdict::Confirm => proto::Verdict::Confirm,
    }
}

fn serving(serving: Serving) -> proto::ServingState {
    match serving {
        Serving::Starting => proto::ServingState::Starting,
        Serving::Serving => proto::ServingState::Serving,
        Serving::Draining => proto::ServingState::Draining,
        Serving::NotServing => proto::ServingState::NotServing,
    }
}

fn refuse_code(code: RefuseCode) -> proto::RefuseCode {
    match code {
        RefuseCode::Other => proto::RefuseCode::Other,
        RefuseCode::Protocol => proto::RefuseCode::Protocol,
        RefuseCode::Busy => proto::RefuseCode::Busy,
        RefuseCode::Leaving => proto::RefuseCode::Leaving,
    }
}
