//! The recorder: a readable trace of a run, and how much every node sent. It is off unless asked
//! for, and then costs one look at whether it is.

mod entry;
mod message;
mod meter;
mod names;
mod spread;

use headcount_state::{AttributesVersion, MemberId, Table, Time};
use headcount_swim::{Event, StreamEnd};
use headcount_wire::ClusterId;

use crate::network::{DropReason, Verdict};
use crate::scenario::{ScenarioError, only_label};
use crate::simulation::Simulation;
use crate::streams::PREFIX_BYTES;
use crate::truth::Ending;

pub use entry::{Entry, Happening};
pub use message::{Message, Told};
pub use meter::{Second, Traffic};

use entry::ARRIVES;
use message::Decoded;
use meter::Meter;
use names::Names;
use spread::Spread;

pub(crate) use spread::Change as WatchedChange;

/// What of a run is recorded.
///
/// With a node: what this node did and was told. With a member: what anybody sent and received about
/// it and was told of it, claims about others left out. With both: both at once. With neither: the
/// events of all nodes, without messages. Processes that start and stop, and faults, are in unless
/// they are another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// From this node's point of view: a label, `n3` or `n3#2`.
    pub node: Option<String>,
    /// From this member's point of view: a name, `n3`.
    pub member: Option<String>,
    /// From when on. Default: the start.
    pub from: Time,
    /// Up to when. Default: the end.
    pub to: Time,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection { node: None, member: None, from: Time::ZERO, to: Time::MAX }
    }
}

impl Simulation {
    /// Records from now on what `selection` says, in place of anything recorded before.
    ///
    /// # Errors
    /// [`ScenarioError`] if its node or its member is no label of one.
    pub fn record(&mut self, selection: Selection) -> Result<(), ScenarioError> {
        let member = selection.member.as_deref().map(|label| only_label("member", label));
        let member = member.transpose()?.map(|(name, _)| MemberId::of(&name));
        let node = selection.node.as_deref().map(|label| only_label("node", label));
        let node = node.transpose()?.map(|(_, label)| label);
        let Selection { from, to, .. } = selection;
        let log = Log { node, member, from, to, entries: Vec::new() };
        self.recording().log = Some(log);
        Ok(())
    }

    /// What was recorded since the last time, oldest first.
    pub fn recorded(&mut self) -> Vec<Entry> {
        let log = self.recorder.0.as_mut().and_then(|recording| recording.log.as_mut());
        log.map(|log| std::mem::take(&mut log.entries)).unwrap_or_default()
    }

    /// Counts from now on what every node sends; to be called at the start.
    pub fn measure_traffic(&mut self) {
        let nodes = self.nodes.len();
        let mut meter = Meter::default();
        (0..nodes).for_each(|_| meter.add_node());
        self.recording().meter = Some(meter);
    }

    /// What the nodes sent since [`Simulation::measure_traffic`]; nothing without it.
    pub fn traffic(&self) -> Traffic {
        let meter = self.recorder.0.as_ref().and_then(|recording| recording.meter.as_ref());
        meter.map(|meter| meter.traffic(self.now)).unwrap_or_default()
    }

    /// Follows from now on every change of a node's own attributes on its way to the others.
    pub(crate) fn watch_changes(&mut self) {
        self.recording().spread = Some(Spread::default());
    }

    /// The changes since [`Simulation::watch_changes`], oldest first.
    pub(crate) fn watched_changes(&self) -> &[WatchedChange] {
        let spread = self.recorder.0.as_ref().and_then(|recording| recording.spread.as_ref());
        spread.map_or(&[], Spread::changes)
    }

    /// Looks at which watched changes have reached which tables. Most are noticed by the news that
    /// engines give of them; a look finds those of which there was none.
    pub(crate) fn look_for_changes(&mut self) {
        let recording = self.recorder.0.as_mut();
        let Some(spread) = recording.and_then(|recording| recording.spread.as_mut()) else {
            return;
        };
        let engines = self.nodes.iter().map(|node| node.running.as_ref().map(|r| &r.engine));
        spread.look(self.now, &engines.collect::<Vec<_>>());
    }

    fn recording(&mut self) -> &mut Recording {
        let (cluster, nodes) = (self.config.cluster, &self.nodes);
        self.recorder.0.get_or_insert_with(|| {
            let mut names = Names::default();
            nodes.iter().for_each(|node| names.add(&node.label, node.name.as_str()));
            Box::new(Recording { cluster, names, log: None, meter: None, spread: None })
        })
    }
}

/// What hears of everything, if anybody wants to know.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Option<Box<Recording>>);

#[derive(Debug)]
struct Recording {
    cluster: ClusterId,
    names: Names,
    log: Option<Log>,
    meter: Option<Meter>,
    spread: Option<Spread>,
}

#[derive(Debug)]
struct Log {
    /// A label.
    node: Option<String>,
    member: Option<MemberId>,
    from: Time,
    to: Time,
    entries: Vec<Entry>,
}

/// A stream, as one of its ends sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) stream: u64,
    pub(crate) node: usize,
    pub(crate) peer: usize,
}

impl Recorder {
    pub(crate) fn node_added(&mut self, label: &str, name: &str) {
        let Some(recording) = self.0.as_mut() else { return };
        recording.names.add(label, name);
        recording.meter.iter_mut().for_each(Meter::add_node);
    }

    /// `to`: nobody, if nobody ever had the address.
    pub(crate) fn datagram_sent(
        &mut self,
        at: Time,
        node: usize,
        to: Option<usize>,
        bytes: &[u8],
        verdict: Verdict,
    ) {
        let Some(recording) = self.0.as_mut() else { return };
        recording.meter.iter_mut().for_each(|meter| meter.sent(at, node, bytes.len()));
        recording.tell(bytes, Decoded::datagram);
        recording.message(at, (node, to), bytes, Decoded::datagram, |names, message| {
            Happening::Sent {
                to: to.map(|to| names.node(to)),
                bytes: bytes.len(),
                fate: match (to, verdict) {
                    (None, _) => DropReason::NobodyThere.as_str(),
                    (_, Verdict::Drop(reason)) => reason.as_str(),
                    (_, Verdict::Pass | Verdict::Deliver(_)) => ARRIVES,
                },
                after_s: match (to, verdict) {
                    (Some(_), Verdict::Deliver(delivery)) => delivery.after.as_secs_f64(),
                    _ => 0.0,
                },
                message,
            }
        });
    }

    pub(crate) fn datagram_received(
        &mut self,
        at: Time,
        node: usize,
        from: usize,
        bytes: &[u8],
        corrupt: bool,
    ) {
        let Some(recording) = self.0.as_mut() else { return };
        recording.message(at, (node, Some(node)), bytes, Decoded::datagram, |names, message| {
            let (from, bytes) = (names.node(from), bytes.len());
            Happening::Received { from, bytes, corrupt, message }
        });
    }

    pub(crate) fn stream_wanted(&mut self, at: Time, node: usize, to: Option<usize>, stream: u64) {
        let Some(recording) = self.0.as_mut() else { return };
        recording.of_node(at, node, |names| {
            let to = to.map(|to| names.node(to));
            Happening::StreamWanted { to, stream }
        });
    }

    /// `frame` with its length before it.
    pub(crate) fn frame_sent(&mut self, at: Time, end: End, frame: &[u8]) {
        let Some(recording) = self.0.as_mut() else { return };
        let (bytes, End { stream, node, peer }) = (frame.len(), end);
        recording.meter.iter_mut().for_each(|meter| meter.sent(at, node, bytes));
        let body = frame.get(PREFIX_BYTES..).unwrap_or_default();
        recording.tell(body, Decoded::frame);
        recording.message(at, (node, Some(peer)), body, Decoded::frame, |names, message| {
            Happening::FrameSent { to: names.node(peer), stream, bytes, message }
        });
    }

    /// `frame` with its length before it.
    pub(crate) fn frame_received(&mut self, at: Time, end: End, frame: &[u8]) {
        let Some(recording) = self.0.as_mut() else { return };
        let (bytes, End { stream, node, peer }) = (frame.len(), end);
        let body = frame.get(PREFIX_BYTES..).unwrap_or_default();
        recording.message(at, (node, Some(node)), body, Decoded::frame, |names, message| {
            Happening::FrameReceived { from: names.node(peer), stream, bytes, message }
        });
    }

    pub(crate) fn stream_broke(&mut self, at: Time, node: usize, stream: u64, how: &StreamEnd) {
        let Some(recording) = self.0.as_mut() else { return };
        recording.of_node(at, node, |_| Happening::StreamBroke {
            stream,
            how: match how {
                StreamEnd::Finished => "closed".to_owned(),
                StreamEnd::Refused => "refused".to_owned(),
                StreamEnd::Failed(why) => why.clone(),
            },
        });
    }

    pub(crate) fn event(&mut self, at: Time, node: usize, event: &Event) {
        let Some(recording) = self.0.as_mut() else { return };
        let member = event.member();
        let about = match event {
            Event::Forgotten(id) => Some(*id),
            _ => member.map(|member| member.id()),
        };
        recording.entry(at, Some(node), Concerns::News(about), |names| Happening::Event {
            event: event.name(),
            about: about.map(|about| names.member(about)),
            generation: member.map(|member| member.life().generation),
            incarnation: member.map(|member| member.incarnation()),
            accuser: member.and_then(|m| m.accuser()).map(|accuser| names.member(accuser)),
        });
    }

    /// A node changed its own attributes.
    pub(crate) fn changed(&mut self, at: Time, member: MemberId, version: AttributesVersion) {
        let spread = self.0.as_mut().and_then(|recording| recording.spread.as_mut());
        spread.into_iter().for_each(|spread| spread.changed(at, member, version));
    }

    /// A node was told of a member whose attributes it may hold only now.
    pub(crate) fn holds(&mut self, at: Time, node: usize, event: &Event, table: &Table) {
        let spread = self.0.as_mut().and_then(|recording| recording.spread.as_mut());
        let (Some(spread), Some(member)) = (spread, event.member()) else { return };
        if let Some(record) = table.get(member.id()) {
            spread.holds(at, node, member.id(), record.attributes.version);
        }
    }

    pub(crate) fn started(&mut self, at: Time, node: usize, member: MemberId) {
        let Some(recording) = self.0.as_mut() else { return };
        recording.entry(at, Some(node), Concerns::News(Some(member)), |_| Happening::Started);
    }

    pub(crate) fn stopped(&mut self, at: Time, node: usize, member: MemberId, how: Ending) {
        let Some(recording) = self.0.as_mut() else { return };
        let how = match how {
            Ending::Crashed => "crashed",
            Ending::Left => "left",
        };
        let what = |_: &Names| Happening::Stopped { how };
        recording.entry(at, Some(node), Concerns::News(Some(member)), what);
    }

    pub(crate) fn fault_begins(
        &mut self,
        at: Time,
        fault: usize,
        kind: &'static str,
        nodes: &[usize],
    ) {
        let Some(recording) = self.0.as_mut() else { return };
        recording.entry(at, None, Concerns::Nodes(nodes), |names| {
            let nodes = nodes.iter().map(|node| names.node(*node)).collect();
            Happening::FaultBegins { fault, kind, nodes }
        });
    }

    pub(crate) fn fault_ends(
        &mut self,
        at: Time,
        fault: usize,
        kind: &'static str,
        nodes: &[usize],
    ) {
        let Some(recording) = self.0.as_mut() else { return };
        let what = |_: &Names| Happening::FaultEnds { fault, kind };
        recording.entry(at, None, Concerns::Nodes(nodes), what);
    }
}

/// Whom an entry is for, besides the node where it happened.
enum Concerns<'a> {
    /// Nobody.
    Nobody,
    /// News about this member, or about no single one.
    News(Option<MemberId>),
    /// These nodes; nobody named: everybody.
    Nodes(&'a [usize]),
}

impl Recording {
    /// Something that only the node where it happens cares for.
    fn of_node(&mut self, at: Time, node: usize, what: impl FnOnce(&Names) -> Happening) {
        self.entry(at, Some(node), Concerns::Nobody, what);
    }

    fn entry(
        &mut self,
        at: Time,
        node: Option<usize>,
        concerns: Concerns<'_>,
        what: impl FnOnce(&Names) -> Happening,
    ) {
        let Some(log) = self.log.as_mut().filter(|log| log.from <= at && at <= log.to) else {
            return;
        };
        let names = &self.names;
        let is_viewer = |node: usize| log.node.as_ref().is_some_and(|l| *l == names.node(node));
        let is_member = |node: usize| {
            log.member.is_some_and(|member| MemberId::of(base(&names.node(node))) == member)
        };
        let everybody = log.node.is_none() && log.member.is_none();
        let wanted = match concerns {
            _ if node.is_some_and(is_viewer) => true,
            Concerns::Nobody => false,
            Concerns::News(about) => everybody || (about.is_some() && about == log.member),
            Concerns::Nodes(nodes) => {
                let touches = |node: &usize| is_viewer(*node) || is_member(*node);
                everybody || nodes.is_empty() || nodes.iter().any(touches)
            }
        };
        if wanted {
            let node = node.map(|node| names.node(node));
            log.entries.push(Entry { at_s: at.as_secs_f64(), node, what: what(names) });
        }
    }

    /// A message that is sent: which watched changes it tells.
    fn tell(&mut self, bytes: &[u8], decode: impl FnOnce(&[u8], ClusterId, &Names) -> Decoded) {
        let Some(spread) = self.spread.as_mut().filter(|spread| !spread.changes().is_empty())
        else {
            return;
        };
        let decoded = decode(bytes, self.cluster, &self.names);
        decoded.updates.iter().for_each(|update| spread.sent(update));
    }

    /// A message is for the node that handles it, and for the members that it speaks of; it goes to
    /// `to`.
    fn message(
        &mut self,
        at: Time,
        (node, to): (usize, Option<usize>),
        bytes: &[u8],
        decode: impl FnOnce(&[u8], ClusterId, &Names) -> Decoded,
        what: impl FnOnce(&Names, Message) -> Happening,
    ) {
        let Some(log) = self.log.as_mut().filter(|log| log.from <= at && at <= log.to) else {
            return;
        };
        let label = self.names.node(node);
        let viewer = log.node.as_ref() == Some(&label);
        if !viewer && log.member.is_none() {
            return;
        }
        let recipient = to.and_then(|to| self.names.member_at(to));
        let decoded = decode(bytes, self.cluster, &self.names).sent_to(recipient, &self.names);
        let message = match log.member {
            _ if viewer => Some(decoded.whole(&self.names)),
            Some(member) => decoded.about(member, &self.names),
            None => None,
        };
        if let Some(message) = message {
            let what = what(&self.names, message);
            log.entries.push(Entry { at_s: at.as_secs_f64(), node: Some(label), what });
        }
    }
}

/// The name in a label: what stands before the number of a namesake.
fn base(label: &str) -> &str {
    label.split_once('#').map_or(label, |(name, _)| name)
}
