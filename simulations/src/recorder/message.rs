//! What a datagram or a frame says, decoded from its bytes.

use std::fmt;
use std::time::Duration;

use headcount_state::{MemberId, Update};
use headcount_wire::{
    Body, ClusterId, Frame, Heartbeat, Purpose, Target, Verdict, decode_datagram, decode_frame,
};
use serde::Serialize;

use crate::recorder::names::Names;

/// What a datagram or a frame says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// `ping`, `ack`, `ping_req`, `nack`, `gossip`, `compare`, `sketch`, `more`, `wants`, `query`,
    /// `opinion`, `hello`, `refuse`, `chunk` or `unreadable`.
    pub kind: &'static str,
    /// Who is meant, or who answered, where the message says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The number by which an answer is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u32>,
    /// What else there is to say; empty if nothing.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub note: String,
    /// The claims that it carries.
    pub claims: Vec<Told>,
}

/// One claim of a message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// About whom.
    pub member: String,
    /// What is said: `alive`, `suspect`, `failed`, `closed`, `left` or `evicted`.
    pub status: &'static str,
    /// Which life of the name.
    pub generation: u64,
    /// Which process lives it, in hexadecimal.
    pub instance: String,
    /// The owner's counter within the life.
    pub incarnation: u32,
    /// How long ago the claim was made, as far as the teller knows, in seconds.
    pub age_s: f64,
    /// Who accused, for suspicions and failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuser: Option<String>,
    /// Whether the member's attributes come with it.
    pub attributes: bool,
}

/// A message that is still without its claims, and these.
pub(super) struct Decoded {
    message: Message,
    /// What it says about members, in order.
    pub(super) updates: Vec<Update>,
    /// Who is meant or answered.
    party: Option<MemberId>,
    /// It names the process that it is for, and no member.
    for_recipient: bool,
}

impl Decoded {
    pub(super) fn datagram(bytes: &[u8], cluster: ClusterId, names: &Names) -> Decoded {
        let datagram = match decode_datagram(cluster, bytes) {
            Ok(datagram) => datagram,
            Err(error) => return Decoded::unreadable(&error.to_string()),
        };
        let mut said = Said::from(datagram.heartbeat);
        match datagram.body {
            Body::Ping { nonce, target } => said.ping(nonce, target.is_some()),
            Body::Ack { nonce, responder, not_me } => said.ack(nonce, responder, not_me),
            Body::PingReq { nonce, target, want_nack } => {
                said.kind = "ping_req";
                said.nonce = Some(nonce);
                said.party = Some(target.id);
                said.note = if want_nack { "nack wanted" } else { "" }.to_owned();
            }
            Body::Nack { nonce } => {
                said.kind = "nack";
                said.nonce = Some(nonce);
            }
            Body::Gossip { table } => {
                said.kind = "gossip";
                said.note = match table {
                    None => String::new(),
                    Some(part) => {
                        let whole =
                            if part.complete { "the whole table" } else { "part of the table" };
                        format!("{whole}{}", if part.reply { ", yours wanted" } else { "" })
                    }
                };
            }
            Body::Compare => said.kind = "compare",
            Body::Sketch(part) => {
                said.kind = "sketch";
                let (symbols, first) = (part.symbols.len(), part.first);
                said.note = format!("{symbols} symbols from {first} on, {} live", part.live);
            }
            Body::More { count: 0, .. } => {
                said.kind = "more";
                said.note = "too many differences".to_owned();
            }
            Body::More { first, count } => {
                said.kind = "more";
                said.note = format!("{count} symbols from {first} on");
            }
            Body::Wants { keys } => {
                said.kind = "wants";
                said.note = format!("{} members", keys.len());
            }
            Body::Query { nonce, subject, since, refused, contest } => {
                said.query(nonce, subject, since, refused, contest);
            }
            Body::Opinion { nonce, verdict, word, refused } => {
                said.opinion(nonce, verdict, word, refused);
            }
        }
        said.decoded(datagram.updates, names)
    }

    /// `frame` is a frame without the length before it.
    pub(super) fn frame(frame: &[u8], cluster: ClusterId, names: &Names) -> Decoded {
        let frame = match decode_frame(cluster, frame) {
            Ok(frame) => frame,
            Err(error) => return Decoded::unreadable(&error.to_string()),
        };
        let mut said = Said::from(frame.heartbeat);
        let mut updates = Vec::new();
        match frame.frame {
            Frame::Hello(hello) => {
                said.kind = "hello";
                said.note = match hello.purpose {
                    Purpose::Join => "join",
                    Purpose::Exchange => "exchange",
                }
                .to_owned();
                updates.extend(hello.own);
            }
            Frame::Refuse(refuse) => {
                said.kind = "refuse";
                said.note = format!("{:?}: {}", refuse.code, refuse.detail).to_lowercase();
                updates = refuse.others;
            }
            Frame::Chunk { updates: rows, last } => {
                said.kind = "chunk";
                said.note = if last { "the last" } else { "" }.to_owned();
                updates = rows;
            }
            Frame::Ping { nonce, .. } => said.ping(nonce, true),
            Frame::Ack { nonce, not_me } => said.ack(nonce, None, not_me),
        }
        said.decoded(updates, names)
    }

    fn unreadable(why: &str) -> Decoded {
        let message = Message {
            kind: "unreadable",
            about: None,
            nonce: None,
            note: why.to_owned(),
            claims: Vec::new(),
        };
        Decoded { message, updates: Vec::new(), party: None, for_recipient: false }
    }

    /// The same, sent to this member.
    pub(super) fn sent_to(mut self, recipient: Option<MemberId>, names: &Names) -> Decoded {
        if self.for_recipient {
            self.party = recipient;
            self.message.about = recipient.map(|recipient| names.member(recipient));
        }
        self
    }

    /// All of it.
    pub(super) fn whole(self, names: &Names) -> Message {
        let claims = self.updates.iter().map(|update| Told::of(update, names)).collect();
        Message { claims, ..self.message }
    }

    /// What of it concerns one member: claims about others are left out. `None` if nothing does.
    pub(super) fn about(mut self, member: MemberId, names: &Names) -> Option<Message> {
        self.updates.retain(|update| update.claim.id == member);
        let concerns = self.party == Some(member) || !self.updates.is_empty();
        concerns.then(|| self.whole(names))
    }
}

/// The parts of a message as they are found.
struct Said {
    sender: MemberId,
    kind: &'static str,
    nonce: Option<u32>,
    party: Option<MemberId>,
    for_recipient: bool,
    note: String,
}

impl Said {
    fn from(heartbeat: Heartbeat) -> Said {
        let sender = heartbeat.sender.id;
        let (party, for_recipient) = (None, false);
        Said { sender, kind: "", nonce: None, party, for_recipient, note: String::new() }
    }

    fn ping(&mut self, nonce: u32, targeted: bool) {
        self.kind = "ping";
        self.nonce = Some(nonce);
        self.for_recipient = targeted;
    }

    fn ack(&mut self, nonce: u32, responder: Option<Target>, not_me: bool) {
        self.kind = "ack";
        self.nonce = Some(nonce);
        self.party = Some(responder.map_or(self.sender, |responder| responder.id));
        self.note = if not_me { "not me" } else { "" }.to_owned();
    }

    fn query(
        &mut self,
        nonce: u32,
        subject: Target,
        since: Duration,
        refused: bool,
        contest: bool,
    ) {
        self.kind = "query";
        self.nonce = Some(nonce);
        self.party = Some(subject.id);
        let since = format!("word of the last {:.3} s wanted", since.as_secs_f64());
        let refused = if refused { ", its port refuses" } else { "" };
        self.note = format!("{since}{refused}{}", if contest { ", contest" } else { "" });
    }

    fn opinion(&mut self, nonce: u32, verdict: Verdict, word: Duration, refused: bool) {
        self.kind = "opinion";
        self.nonce = Some(nonce);
        let word = word.as_secs_f64();
        self.note = match verdict {
            Verdict::Abstain => "abstains".to_owned(),
            Verdict::Vouch => format!("vouches, last word {word:.3} s ago"),
            Verdict::Confirm => format!("confirms, last word {word:.3} s ago"),
        };
        self.note += if refused { ", its port refuses" } else { "" };
    }

    fn decoded(self, updates: Vec<Update>, names: &Names) -> Decoded {
        let message = Message {
            kind: self.kind,
            about: self.party.map(|party| names.member(party)),
            nonce: self.nonce,
            note: self.note,
            claims: Vec::new(),
        };
        let for_recipient = self.for_recipient;
        Decoded { message, updates, party: self.party, for_recipient }
    }
}

impl Told {
    fn of(update: &Update, names: &Names) -> Told {
        let life = update.claim.life();
        Told {
            member: names.member(update.claim.id),
            status: update.claim.status().as_str(),
            generation: life.generation,
            instance: format!("{:016x}", life.instance.as_u64()),
            incarnation: update.claim.version.incarnation(),
            age_s: update.age.as_secs_f64(),
            accuser: update.accuser.map(|accuser| names.member(accuser)),
            attributes: update.attributes.is_some(),
        }
    }
}

impl fmt::Display for Message {
    /// The message without its claims.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        self.about.iter().try_for_each(|about| write!(f, " {about}"))?;
        self.nonce.iter().try_for_each(|nonce| write!(f, " #{nonce:08x}"))?;
        if !self.note.is_empty() {
            write!(f, " ({})", self.note)?;
        }
        Ok(())
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { member, status, generation, incarnation, age_s, .. } = self;
        write!(f, "{member} {status} {generation}/{incarnation}, {age_s:.3} s old")?;
        self.accuser.iter().try_for_each(|accuser| write!(f, ", accused by {accuser}"))?;
        write!(f, "{}", if self.attributes { ", with attributes" } else { "" })
    }
}
