//! One line of a trace, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::recorder::message::Message;

/// Something that happened in a run. Serialized, its fields are those of
/// `headcount sim replay --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// When, in seconds of virtual time since the scenario's start.
    pub at_s: f64,
    /// At which node; `None` for what happens to the whole network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened. Serialized, `what` says which.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Happening {
    /// The node sent a datagram.
    Sent {
        /// To whom; `None`: to an address that nobody ever had.
        to: Option<String>,
        /// How many bytes.
        bytes: usize,
        /// What became of it on its way: `arrives`, or why it was dropped (the reasons of the
        /// `datagrams_dropped_` metrics).
        fate: &'static str,
        /// How long it takes to arrive, in seconds; 0 if it does not.
        after_s: f64,
        /// What it said.
        message: Message,
    },
    /// The node received a datagram.
    Received {
        /// From whom.
        from: String,
        /// How many bytes.
        bytes: usize,
        /// A bit of it was flipped on the way.
        corrupt: bool,
        /// What it said.
        message: Message,
    },
    /// The node wants a stream to another one.
    StreamWanted {
        /// To whom; `None`: to an address that nobody ever had.
        to: Option<String>,
        /// The stream's number.
        stream: u64,
    },
    /// The node sent a frame on a stream.
    FrameSent {
        /// To whom.
        to: String,
        /// The stream's number.
        stream: u64,
        /// How many bytes.
        bytes: usize,
        /// What it said.
        message: Message,
    },
    /// The node received a frame on a stream.
    FrameReceived {
        /// From whom.
        from: String,
        /// The stream's number.
        stream: u64,
        /// How many bytes.
        bytes: usize,
        /// What it said.
        message: Message,
    },
    /// The node's end of a stream broke: refused, reset, timed out.
    StreamBroke {
        /// The stream's number.
        stream: u64,
        /// How.
        how: String,
    },
    /// The node's engine told its user something.
    Event {
        /// Which event, by the engine's name for it.
        event: &'static str,
        /// About whom.
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<String>,
        /// The generation that is spoken of.
        #[serde(skip_serializing_if = "Option::is_none")]
        generation: Option<u64>,
        /// The incarnation that is spoken of.
        #[serde(skip_serializing_if = "Option::is_none")]
        incarnation: Option<u32>,
        /// Who accused, for suspicions and failures.
        #[serde(skip_serializing_if = "Option::is_none")]
        accuser: Option<String>,
    },
    /// A process started on the node.
    Started,
    /// The node's process stopped: `crashed` or `left`.
    Stopped {
        /// How.
        how: &'static str,
    },
    /// A fault of the scenario strikes.
    FaultBegins {
        /// Its number in the scenario.
        fault: usize,
        /// Its kind.
        kind: &'static str,
        /// Whom it singles out, for as long as it lasts.
        nodes: Vec<String>,
    },
    /// It is over.
    FaultEnds {
        /// Its number in the scenario.
        fault: usize,
        /// Its kind.
        kind: &'static str,
    },
}

impl fmt::Display for Entry {
    /// One line, and one more for each claim that was told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node.as_deref().unwrap_or("*");
        write!(f, "{:>12.6}  {node:<6} {}", self.at_s, self.what)?;
        self.what
            .message()
            .map_or(&[][..], |message| &message.claims)
            .iter()
            .try_for_each(|claim| write!(f, "\n{:>12}  {:<6}   tells {claim}", "", ""))
    }
}

impl Happening {
    /// The message that was sent or received, if one was.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Happening::Sent { message, .. }
            | Happening::Received { message, .. }
            | Happening::FrameSent { message, .. }
            | Happening::FrameReceived { message, .. } => Some(message),
            _ => None,
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = |node: &Option<String>| node.clone().unwrap_or("an unused address".to_owned());
        match self {
            Happening::Sent { to, bytes, fate, after_s, message } => {
                write!(f, "-> {:<6} {message}, {bytes} B", whom(to))?;
                match *after_s {
                    _ if *fate != ARRIVES => write!(f, ", dropped: {fate}"),
                    after_s => write!(f, ", takes {:.3} ms", after_s * 1e3),
                }
            }
            Happening::Received { from, bytes, corrupt, message } => {
                let corrupt = if *corrupt { ", with a bit flipped" } else { "" };
                write!(f, "<- {from:<6} {message}, {bytes} B{corrupt}")
            }
            Happening::StreamWanted { to, stream } => {
                write!(f, "opens stream {stream} to {}", whom(to))
            }
            Happening::FrameSent { to, stream, bytes, message } => {
                write!(f, "=> {to:<6} {message}, {bytes} B on stream {stream}")
            }
            Happening::FrameReceived { from, stream, bytes, message } => {
                write!(f, "<= {from:<6} {message}, {bytes} B on stream {stream}")
            }
            Happening::StreamBroke { stream, how } => write!(f, "stream {stream} broke: {how}"),
            Happening::Event { event, about, generation, incarnation, accuser } => {
                write!(f, "!! {event}")?;
                about.iter().try_for_each(|about| write!(f, " {about}"))?;
                if let (Some(generation), Some(incarnation)) = (generation, incarnation) {
                    write!(f, " {generation}/{incarnation}")?;
                }
                accuser.iter().try_for_each(|accuser| write!(f, ", accused by {accuser}"))
            }
            Happening::Started => write!(f, "** starts"),
            Happening::Stopped { how } => write!(f, "** {how}"),
            Happening::FaultBegins { fault, kind, nodes } => {
                write!(f, "## faults[{fault}], {kind}, begins")?;
                if !nodes.is_empty() {
                    write!(f, ": {}", nodes.join(" "))?;
                }
                Ok(())
            }
            Happening::FaultEnds { fault, kind } => write!(f, "## faults[{fault}], {kind}, ends"),
        }
    }
}

/// The fate of a datagram that is not dropped.
pub(super) const ARRIVES: &str = "arrives";
