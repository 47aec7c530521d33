//! Streams between nodes: opened, refused, timed out; frames in order, late when the network
//! loses segments, never lost; closed when a process dies.
//!
//! ```text
//! opener                      acceptor
//!   Open        ------------>   accepts, or answers Refused; a silent host answers nothing
//!   (connected) <------------ Opened
//!   Frame...    <----------->   Frame...
//!   Close       <----------->   Close       ordered behind the frames; Reset when a process dies
//! ```
//! Each direction is a queue: its head waits while the path is cut and is tried again, everything
//! behind it waits too.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use headcount_state::Time;
use headcount_swim::{StreamEnd, StreamId, StreamOpen, StreamStep};

use crate::checkers::bounded::Sent;
use crate::network::{Part, Verdict};
use crate::recorder;
use crate::simulation::{Action, Simulation};

/// The first wait before a segment is sent again; it doubles.
const FIRST_RETRY: Duration = Duration::from_millis(200);

/// The longest wait before a segment is sent again.
const LONGEST_RETRY: Duration = Duration::from_secs(3);

/// The length before a frame.
pub(crate) const PREFIX_BYTES: usize = 4;

/// Opener or acceptor.
type Side = usize;
const OPENER: Side = 0;
const ACCEPTOR: Side = 1;

/// The node at an address that nobody ever had: it swallows what is sent there.
const NOWHERE: usize = usize::MAX;

/// What travels on a stream.
#[derive(Clone, Debug)]
pub(crate) enum Segment {
    Open,
    Opened,
    Refused,
    Frame(Bytes),
    Close,
    Reset,
}

impl Segment {
    /// What the network takes it for.
    fn part(&self) -> Part {
        match self {
            Segment::Open => Part::Opening,
            Segment::Opened | Segment::Refused => Part::Answer,
            Segment::Frame(_) | Segment::Close | Segment::Reset => Part::Body,
        }
    }
}

/// What happens to one end of a stream.
#[derive(Clone, Debug)]
pub(crate) enum StreamAction {
    /// A segment arrives at this side.
    Arrive { stream: u64, side: Side, segment: Segment },
    /// This side tries to send again.
    Retry { stream: u64, side: Side },
    /// This side has waited long enough.
    Deadline { stream: u64, side: Side },
}

#[derive(Debug)]
struct End {
    node: usize,
    /// What the engine calls it; `None` before it is accepted and after it is closed.
    id: Option<StreamId>,
    /// The engine waits for a frame.
    receiving: bool,
    inbox: VecDeque<Bytes>,
    /// The peer closed its side.
    finished: bool,
    outbox: VecDeque<Segment>,
    retry_after: Duration,
    retry_armed: bool,
    /// When the last segment sent from here arrives: none overtakes another.
    last_arrival: Time,
}

impl End {
    fn new(node: usize, id: Option<StreamId>) -> End {
        End {
            node,
            id,
            receiving: false,
            inbox: VecDeque::new(),
            finished: false,
            outbox: VecDeque::new(),
            retry_after: FIRST_RETRY,
            retry_armed: false,
            last_arrival: Time::ZERO,
        }
    }
}

#[derive(Debug)]
struct Stream {
    to: SocketAddr,
    ends: [End; 2],
}

/// All streams.
#[derive(Debug)]
pub(crate) struct Streams {
    open: BTreeMap<u64, Stream>,
    opened: u64,
    /// How long a stream may take from first to last.
    deadline: Duration,
}

impl Streams {
    /// Streams of a cluster with this protocol period: each may take ten of them, five seconds at
    /// least.
    pub(crate) fn new(period: Duration) -> Streams {
        let deadline = (period * 10).max(Duration::from_secs(5));
        Streams { open: BTreeMap::new(), opened: 0, deadline }
    }

    fn end(&mut self, stream: u64, side: Side) -> Option<&mut End> {
        self.open.get_mut(&stream).map(|stream| &mut stream.ends[side])
    }

    /// Drops a stream that both sides are done with.
    fn sweep(&mut self, stream: u64) {
        let done = |end: &End| end.id.is_none() && end.outbox.is_empty();
        if self.open.get(&stream).is_some_and(|stream| stream.ends.iter().all(done)) {
            self.open.remove(&stream);
        }
    }
}

impl Simulation {
    /// A node's engine wants a stream.
    pub(crate) fn open_stream(&mut self, node: usize, open: StreamOpen) {
        let stream = self.streams.opened;
        self.streams.opened += 1;
        let owner = self.owner_of(open.to);
        self.recorder.stream_wanted(self.now, node, owner, stream);
        let owner = owner.unwrap_or(NOWHERE);
        let ends = [End::new(node, Some(open.id)), End::new(owner, None)];
        self.streams.open.insert(stream, Stream { to: open.to, ends });
        self.arm_deadline(node, stream, OPENER);
        self.push_segment(stream, OPENER, Segment::Open);
    }

    /// Something happens to the end of a stream at `node`.
    pub(crate) fn stream(&mut self, node: usize, action: StreamAction) {
        match action {
            StreamAction::Arrive { stream, side, segment } => {
                self.arrive(stream, side, segment);
                self.streams.sweep(stream);
            }
            StreamAction::Retry { stream, side } => {
                if let Some(end) = self.streams.end(stream, side) {
                    end.retry_armed = false;
                    self.pump(stream, side);
                }
            }
            StreamAction::Deadline { stream, side } => {
                let timed_out = StreamEnd::Failed("timed out".to_owned());
                self.break_end(stream, side, timed_out);
                if let Some(end) = self.streams.end(stream, side) {
                    end.outbox.clear();
                    self.push_segment(stream, side, Segment::Reset);
                }
                self.streams.sweep(stream);
            }
        }
        if self.nodes[node].running.is_some() {
            self.settle(node);
        }
    }

    /// The process of `node` is gone; its peers learn it if its host can still tell them.
    pub(crate) fn reset_streams(&mut self, node: usize) {
        let ends = self.streams.open.iter().flat_map(|(stream, s)| {
            let here = |side: &Side| s.ends[*side].node == node && s.ends[*side].id.is_some();
            [OPENER, ACCEPTOR].into_iter().filter(here).map(|side| (*stream, side))
        });
        let ends: Vec<(u64, Side)> = ends.collect();
        for (stream, side) in ends {
            if let Some(end) = self.streams.end(stream, side) {
                end.id = None;
                end.outbox.clear();
            }
            if !self.nodes[node].silent {
                self.push_segment(stream, side, Segment::Reset);
            }
            self.streams.sweep(stream);
        }
    }

    fn arrive(&mut self, stream: u64, side: Side, segment: Segment) {
        let Some(end) = self.streams.end(stream, side) else { return };
        match segment {
            Segment::Open => self.accept(stream),
            Segment::Opened => self.drive(stream, side),
            Segment::Frame(bytes) => {
                end.inbox.push_back(bytes);
                if end.receiving {
                    self.drive(stream, side);
                }
            }
            Segment::Close => {
                end.finished = true;
                if end.receiving {
                    self.drive(stream, side);
                }
            }
            Segment::Refused => self.break_end(stream, side, StreamEnd::Refused),
            Segment::Reset => {
                let reset = StreamEnd::Failed("connection reset by peer".to_owned());
                self.break_end(stream, side, reset);
            }
        }
    }

    /// A connection attempt arrives.
    fn accept(&mut self, stream: u64) {
        let Some(wanted) = self.streams.open.get(&stream) else { return };
        let (to, opener, node) = (wanted.to, wanted.ends[OPENER].node, wanted.ends[ACCEPTOR].node);
        let mut from = self.nodes[opener].address;
        from.set_port(EPHEMERAL_FIRST + (stream % EPHEMERAL_COUNT) as u16);
        let host = &mut self.nodes[node];
        let refused = self.network.refuses(opener, node);
        let listening = host.address == to && !refused;
        let Some(running) = host.running.as_mut().filter(|_| listening) else {
            if !host.silent || refused {
                self.push_segment(stream, ACCEPTOR, Segment::Refused);
            }
            return;
        };
        let id = running.engine.stream_accepted(running.clock.local(self.now), from);
        if let Some(end) = self.streams.end(stream, ACCEPTOR) {
            end.id = id;
        }
        self.push_segment(stream, ACCEPTOR, Segment::Opened);
        if id.is_some() {
            self.arm_deadline(node, stream, ACCEPTOR);
            self.drive(stream, ACCEPTOR);
        } else {
            self.push_segment(stream, ACCEPTOR, Segment::Close);
        }
    }

    /// Does what the engine says about one end until it waits or is done.
    fn drive(&mut self, stream: u64, side: Side) {
        let now = self.now;
        loop {
            let Some(peer) = self.streams.end(stream, 1 - side).map(|end| end.node) else { return };
            let Some(end) = self.streams.end(stream, side) else { return };
            let (Some(id), node) = (end.id, end.node) else { return };
            let Some(running) = self.nodes[node].running.as_mut() else { return };
            end.receiving = false;
            let seen_from = recorder::End { stream, node, peer };
            let local = running.clock.local(now);
            match running.engine.stream_next(local, id) {
                StreamStep::Send(bytes) => {
                    self.checkers.sent(now, node, Sent::Frame, bytes.len());
                    self.recorder.frame_sent(now, seen_from, &bytes);
                    self.push_segment(stream, side, Segment::Frame(bytes));
                }
                StreamStep::Receive => {
                    if let Some(frame) = end.inbox.pop_front() {
                        self.trace.add(b'f', now, stream, node as u64, &frame);
                        self.recorder.frame_received(now, seen_from, &frame);
                        let body = frame.get(PREFIX_BYTES..).unwrap_or_default();
                        running.engine.stream_frame(local, id, body);
                    } else if end.finished {
                        end.id = None;
                        running.engine.stream_closed(local, id, StreamEnd::Finished);
                        self.push_segment(stream, side, Segment::Close);
                    } else {
                        end.receiving = true;
                        return;
                    }
                }
                StreamStep::Close => {
                    end.id = None;
                    self.push_segment(stream, side, Segment::Close);
                }
            }
        }
    }

    /// Tells the engine that an end is no more.
    fn break_end(&mut self, stream: u64, side: Side, how: StreamEnd) {
        let Some(end) = self.streams.end(stream, side) else { return };
        let (Some(id), node) = (end.id.take(), end.node) else { return };
        self.recorder.stream_broke(self.now, node, stream, &how);
        if let Some(running) = self.nodes[node].running.as_mut() {
            running.engine.stream_closed(running.clock.local(self.now), id, how);
        }
    }

    /// Something on the way resets a stream: both ends see it break.
    fn cut_stream(&mut self, stream: u64) {
        for side in [OPENER, ACCEPTOR] {
            if let Some(end) = self.streams.end(stream, side) {
                end.outbox.clear();
                let arrival = StreamAction::Arrive { stream, side, segment: Segment::Reset };
                let node = end.node;
                self.queue.push(self.now, Action::Stream(node, Box::new(arrival)));
            }
        }
    }

    fn arm_deadline(&mut self, node: usize, stream: u64, side: Side) {
        let deadline = StreamAction::Deadline { stream, side };
        self.queue.push(self.now + self.streams.deadline, Action::Stream(node, Box::new(deadline)));
    }

    fn push_segment(&mut self, stream: u64, side: Side, segment: Segment) {
        if let Some(end) = self.streams.end(stream, side) {
            end.outbox.push_back(segment);
            self.pump(stream, side);
        }
    }

    /// Sends what waits at one end, in order, as far as the path is open.
    fn pump(&mut self, stream: u64, side: Side) {
        let Some(open) = self.streams.open.get_mut(&stream) else { return };
        let (from, to) = (open.ends[side].node, open.ends[1 - side].node);
        let end = &mut open.ends[side];
        if to == NOWHERE {
            end.outbox.clear();
        }
        if end.retry_armed {
            return;
        }
        while let Some(segment) = end.outbox.pop_front() {
            let part = segment.part();
            if part == Part::Body && self.network.breaks(from, to) {
                self.cut_stream(stream);
                return;
            }
            let delay = match self.network.judge_segment(from, to, part, FIRST_RETRY) {
                Verdict::Drop(_) => {
                    end.outbox.push_front(segment);
                    end.retry_armed = true;
                    let at = self.now + end.retry_after;
                    end.retry_after = (end.retry_after * 2).min(LONGEST_RETRY);
                    let retry = StreamAction::Retry { stream, side };
                    self.queue.push(at, Action::Stream(from, Box::new(retry)));
                    return;
                }
                Verdict::Deliver(delivery) => delivery.after,
                Verdict::Pass => Duration::ZERO,
            };
            end.retry_after = FIRST_RETRY;
            end.last_arrival = end.last_arrival.max(self.now + delay);
            let arrival = StreamAction::Arrive { stream, side: 1 - side, segment };
            self.queue.push(end.last_arrival, Action::Stream(to, Box::new(arrival)));
        }
    }
}

/// Ports from which connections come: never the port on which a node listens.
const EPHEMERAL_FIRST: u16 = 32_768;
const EPHEMERAL_COUNT: u64 = 28_000;
