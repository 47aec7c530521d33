//! Streams: joins, whole-table exchanges and direct probes, one session each.
//!
//! ```text
//!   caller   hello        chunk.. chunk(last)                        [answers(last)] close
//!   server          hello                     chunk.. answers(last)
//!   caller   ping                           caller   hello                  (hello to another)
//!   server         ack close                server         refuse(others) close
//! ```
//! A server that has handed out much of its table lately refuses, and names other members: the
//! caller knows these from then on, and goes to one of them. Tables go in the order of ids, so that
//! after a break each side says in its hello where the other is to go on ([`crate::broken`]).
//!
//! A session holds a cursor, not a copy of the table, so its memory does not grow with it; each
//! chunk is written when the driver is ready to send it.

mod open;
mod serving;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use headcount_state::{MemberId, ProtocolRange, Time, Update};
use headcount_wire::{
    ChunkBuilder, Frame, Hello, Purpose, Refuse, RefuseCode, StreamFrame, Target,
    decode_frame_with, encode_frame,
};

use crate::engine::Engine;
use crate::event::{Event, SeedError};
use crate::transport::{StreamEnd, StreamId, StreamOpen, StreamStep};
use open::{Role, Sent, Session};
pub(crate) use open::{STREAMS_MAX, Sessions};

/// A newcomer is sent on so often at the most; it knows enough members by then, and its table grows
/// by theirs.
const SENT_ON_MAX: u8 = 3;

/// A chunk stays well below the largest frame, so that a slow peer gets on.
const CHUNK_BYTES: usize = 32 * 1024;

/// Who calls again within so many periods after a break gets the rest of a table: later, more may
/// have changed in the first part than is told as news.
const RESUME_PERIODS: u32 = 60;

impl Engine {
    /// A stream that the driver is to open.
    pub fn poll_stream(&mut self) -> Option<StreamOpen> {
        self.sessions.wanted.pop_front()
    }

    /// Somebody opened a stream to this node. `None`: too many are open; drop the connection.
    pub fn stream_accepted(&mut self, now: Time, from: SocketAddr) -> Option<StreamId> {
        self.wake(now);
        let id = self.sessions.insert(Session::new(Role::Serve, from));
        self.stats.streams_refused += u64::from(id.is_none());
        id
    }

    /// What to do next with an open stream.
    pub fn stream_next(&mut self, now: Time, id: StreamId) -> StreamStep {
        let step = self.session_step(now, id);
        match &step {
            StreamStep::Send(bytes) => self.stats.stream_bytes_sent += bytes.len() as u64,
            StreamStep::Receive => {}
            StreamStep::Close => {
                self.session_over(now, id, None);
                self.settle(now);
            }
        }
        step
    }

    /// A frame has arrived on a stream, without the length before it.
    pub fn stream_frame(&mut self, now: Time, id: StreamId, frame: &[u8]) {
        self.wake(now);
        self.stats.stream_bytes_received += frame.len() as u64;
        if !self.sessions.open.contains_key(&id) {
            return;
        }
        match decode_frame_with(self.config.cluster, frame, &self.attributes) {
            Ok(frame) => self.session_frame(now, id, frame),
            Err(error) => {
                self.count_refused(&error);
                self.refuse_junk(now, id, &error);
            }
        }
        self.settle(now);
    }

    /// A stream ended, or could not be opened, before the engine closed it.
    pub fn stream_closed(&mut self, now: Time, id: StreamId, end: StreamEnd) {
        let error = match end {
            StreamEnd::Refused => SeedError::Refused,
            StreamEnd::Finished => SeedError::Unreachable("the stream ended too early".to_owned()),
            StreamEnd::Failed(reason) => SeedError::Unreachable(reason),
        };
        self.session_over(now, id, Some(error));
        self.settle(now);
    }

    /// Tries once to join through `seed`; [`Event::Seed`] tells how it went.
    pub fn join(&mut self, now: Time, seed: SocketAddr) {
        self.wake(now);
        // A lone node has nobody to tell what it is about to learn.
        let quiet = self.peers.is_empty();
        let role = Role::Join { seed, sent_on: 0 };
        if !self.sessions.call(Session { quiet, ..Session::new(role, seed) }) {
            let result = Err(SeedError::Unreachable("too many streams are open".to_owned()));
            self.events.push_back(Event::Seed { address: seed, result });
        }
    }

    /// A seed named other members, which are known by now: goes to one of them, or is content.
    fn join_another(&mut self, now: Time, refused_by: SocketAddr, seed: SocketAddr, sent_on: u8) {
        let other = self.peers.exchange_partner(&mut self.rng);
        let other = other.and_then(|id| self.peer_address(id)).filter(|to| *to != refused_by);
        if let Some(to) = other.filter(|_| sent_on < SENT_ON_MAX) {
            let role = Role::Join { seed, sent_on: sent_on + 1 };
            if self.sessions.call(Session { quiet: true, ..Session::new(role, to) }) {
                return;
            }
        }
        self.joined(now, seed);
    }

    fn joined(&mut self, now: Time, seed: SocketAddr) {
        self.hurry_after_join(now);
        self.events.push_back(Event::Seed { address: seed, result: Ok(self.table.live_len()) });
    }

    /// Whether no exchange with a peer runs over a stream of this node's.
    pub(crate) fn may_call(&self, peer: MemberId) -> bool {
        let role = Role::Exchange { peer };
        !self.sessions.open.values().any(|session| session.role == role)
    }

    /// Opens a whole-table exchange with a peer.
    pub(crate) fn call_exchange(&mut self, peer: MemberId, address: SocketAddr) {
        let role = Role::Exchange { peer };
        let promised = Some(self.table.len());
        if self.may_call(peer)
            && self.sessions.call(Session { promised, ..Session::new(role, address) })
        {
            self.stats.exchanges_stream += 1;
        }
    }

    /// Opens a direct probe, where datagrams may be lost.
    /// False when too many streams are open.
    pub(crate) fn call_probe(&mut self, nonce: u32, target: Target, address: SocketAddr) -> bool {
        self.sessions.call(Session::new(Role::Probe { nonce, target }, address))
    }

    fn session_step(&mut self, now: Time, id: StreamId) -> StreamStep {
        let Some(session) = self.sessions.open.get_mut(&id) else { return StreamStep::Close };
        if let Some(frame) = session.parting.take() {
            return self.send_frame(now, frame);
        }
        if session.closing {
            return StreamStep::Close;
        }
        let (said_hello, serving) = (session.said_hello, session.role == Role::Serve);
        session.said_hello = !serving || session.greeted;
        let purpose = match session.role {
            Role::Probe { nonce, target } if !said_hello => {
                let patience = self.observers.timing.patience();
                self.observers.pings.goes(nonce, now, patience);
                return self.send_frame(now, Frame::Ping { nonce, target: target.process });
            }
            Role::Probe { .. } => return StreamStep::Receive,
            Role::Serve if !session.greeted => return StreamStep::Receive,
            Role::Join { .. } => Purpose::Join,
            Role::Exchange { .. } | Role::Serve => Purpose::Exchange,
        };
        if !said_hello {
            session.heard = match session.role {
                Role::Exchange { peer } => self.sessions.broken.of(now, peer),
                Role::Join { .. } => self.sessions.broken.at(now, session.address),
                _ => session.peer.and_then(|peer| self.sessions.broken.of(now, peer)),
            };
            let after = session.heard;
            let hello = Hello { after, ..self.hello(now, purpose) };
            return self.send_frame(now, Frame::Hello(hello));
        }
        match (session.sent, session.received) {
            // The caller's table goes first, to whom it is welcome.
            _ if !session.greeted => StreamStep::Receive,
            (_, false) if serving => StreamStep::Receive,
            (Sent::UpTo(cursor), _) => match session.promised.take() {
                Some(promised) if !self.keeps_promise(now, promised) => self.take_back(now, id),
                _ => self.send_chunk(now, id, cursor),
            },
            (Sent::All, false) => StreamStep::Receive,
            (Sent::All, true) if serving => StreamStep::Receive,
            (Sent::All, true) if session.answers.is_empty() => StreamStep::Close,
            (Sent::All, true) => self.send_answers(now, id),
        }
    }

    fn send_frame(&mut self, now: Time, frame: Frame) -> StreamStep {
        let heartbeat = self.heartbeat(now, true);
        StreamStep::Send(encode_frame(self.config.cluster, &StreamFrame { heartbeat, frame }))
    }

    fn hello(&self, now: Time, purpose: Purpose) -> Hello {
        let own = self.own_record().map(|record| record.update(now));
        let (protocol, parameters) = (self.protocol(), Some(self.parameters()));
        Hello { purpose, protocol, own, parameters, after: None }
    }

    fn protocol(&self) -> ProtocolRange {
        self.table.own_attributes().protocol
    }

    fn send_chunk(&mut self, now: Time, id: StreamId, cursor: Option<MemberId>) -> StreamStep {
        let heartbeat = self.heartbeat(now, true);
        let mut chunk = ChunkBuilder::new(self.config.cluster, CHUNK_BYTES, &heartbeat);
        let Some(session) = self.sessions.open.get_mut(&id) else { return StreamStep::Close };
        let (mut reached, mut ended) = (cursor, true);
        for record in self.table.records_after(cursor) {
            if !chunk.push(&record.update(now)) {
                ended = false;
                break;
            }
            reached = Some(record.id());
        }
        // A server answers with its table, so that its caller hears of refused claims in any case;
        // at the end of it, so that what comes before is in the order of ids.
        let before = session.answers.len();
        let waiting = !ended
            || pack_answers(&mut chunk, &mut session.answers, |id| self.table.answer(id, now));
        self.stats.answers_sent += (before - session.answers.len()) as u64;
        session.sent = if waiting { Sent::UpTo(reached) } else { Sent::All };
        StreamStep::Send(chunk.finish(!waiting))
    }

    fn send_answers(&mut self, now: Time, id: StreamId) -> StreamStep {
        let heartbeat = self.heartbeat(now, true);
        let mut chunk = ChunkBuilder::new(self.config.cluster, CHUNK_BYTES, &heartbeat);
        let Some(session) = self.sessions.open.get_mut(&id) else { return StreamStep::Close };
        let before = session.answers.len();
        let waiting =
            pack_answers(&mut chunk, &mut session.answers, |id| self.table.answer(id, now));
        self.stats.answers_sent += (before - session.answers.len()) as u64;
        StreamStep::Send(chunk.finish(!waiting))
    }

    fn session_frame(&mut self, now: Time, id: StreamId, frame: StreamFrame) {
        let StreamFrame { heartbeat, frame } = frame;
        let Some(session) = self.sessions.open.get_mut(&id) else { return };
        let (role, address, greeted) = (session.role, session.address, session.greeted);
        session.greeted |= matches!(frame, Frame::Hello(_));
        session.peer = Some(heartbeat.sender.id);
        self.seen_at(address, heartbeat.sender.id);
        if self.is_me(heartbeat.sender) {
            return self.met_itself(now, id, role);
        }
        self.hear(now, &heartbeat);
        match (role, frame) {
            (Role::Serve, Frame::Hello(hello)) if !greeted => self.serve_hello(now, id, &hello),
            (Role::Serve, Frame::Ping { nonce, target }) => {
                let not_me = target != self.own_target().process;
                let session = self.sessions.open.get_mut(&id);
                session.into_iter().for_each(|s| s.part_with(Some(Frame::Ack { nonce, not_me })));
            }
            (Role::Probe { nonce, target }, Frame::Ack { nonce: echo, not_me })
                if echo == nonce =>
            {
                self.session_over(now, id, None);
                if !not_me {
                    self.voter_answered(&heartbeat, nonce);
                }
                self.probe_answered(now, nonce, target, not_me);
            }
            (Role::Join { .. } | Role::Exchange { .. }, Frame::Hello(hello)) if !greeted => {
                let newcomer = matches!(role, Role::Join { .. });
                if let Err(reason) = self.learn_parameters(now, hello.parameters, newcomer) {
                    return self.session_over(now, id, Some(SeedError::Parameters(reason)));
                }
                if let Some(own) = &hello.own {
                    self.absorb_on_stream(now, id, own);
                }
                self.go_on_after(id, hello.after);
            }
            (Role::Join { .. } | Role::Exchange { .. }, Frame::Refuse(refuse)) => {
                let Refuse { code, detail, others } = refuse;
                for other in &others {
                    self.absorb_on_stream(now, id, other);
                }
                self.session_over(now, id, Some(SeedError::Rejected { code, detail }));
            }
            (Role::Probe { .. }, _) => self.session_over(now, id, None),
            (_, Frame::Chunk { updates, last }) if greeted => {
                for update in &updates {
                    self.absorb_on_stream(now, id, update);
                }
                let Some(session) = self.sessions.open.get_mut(&id) else { return };
                let upto = updates.last().map(|update| update.claim.id);
                session.moved |= upto > session.heard;
                session.heard = session.heard.max(upto);
                if last {
                    // The second end of a caller's words is the end of the stream.
                    session.closing |= session.received && session.role == Role::Serve;
                    session.received = true;
                }
            }
            _ => {
                let reason = "a frame out of turn".to_owned();
                self.session_over(now, id, Some(SeedError::Foreign(reason)));
            }
        }
    }

    /// The peer has the table of this node up to `after`.
    fn go_on_after(&mut self, id: StreamId, after: Option<MemberId>) {
        if let Some(session) = self.sessions.open.get_mut(&id) {
            session.sent = Sent::UpTo(after);
        }
    }

    fn absorb_on_stream(&mut self, now: Time, id: StreamId, update: &Update) {
        let quiet = self.sessions.open.get(&id).is_some_and(|session| session.quiet);
        let behind =
            if quiet { self.absorb_quietly(now, update) } else { self.absorb(now, update) };
        if let Some(session) = self.sessions.open.get_mut(&id) {
            session.answers.extend(behind);
        }
    }

    /// Ends every session; the driver hears it at its next step.
    pub(crate) fn abandon_sessions(&mut self) {
        for session in self.sessions.take_all() {
            if let Role::Join { seed, .. } = session.role {
                let result = Err(SeedError::Unreachable("given up".to_owned()));
                self.events.push_back(Event::Seed { address: seed, result });
            }
        }
    }

    /// A session is over: `None` when it has done what it was for.
    fn session_over(&mut self, now: Time, id: StreamId, error: Option<SeedError>) {
        let Some(session) = self.sessions.remove(id) else { return };
        let complete = session.received || error.is_none();
        match (session.peer, session.heard) {
            (Some(peer), _) if session.received => self.sessions.broken.forget(peer),
            (Some(peer), Some(upto)) if session.moved => {
                let until = now + self.config.period * RESUME_PERIODS;
                self.sessions.broken.note(peer, session.address, upto, until);
            }
            _ => {}
        }
        match session.role {
            Role::Join { seed, sent_on } => match error {
                Some(SeedError::Rejected { code: RefuseCode::Busy, .. })
                    if !self.peers.is_empty() =>
                {
                    self.join_another(now, session.address, seed, sent_on);
                }
                // Whoever was sent on has met the seed, whatever became of the other.
                Some(error) if !complete && (sent_on == 0 || self.peers.is_empty()) => {
                    self.events.push_back(Event::Seed { address: seed, result: Err(error) });
                    if self.peers.is_empty() {
                        self.look_again_soon(now);
                    }
                }
                _ => self.joined(now, seed),
            },
            // It will be met again at another time, or another will.
            Role::Exchange { .. } if busy(&error) => {}
            Role::Exchange { peer } if !complete => {
                self.stream_exchange_failed(now, peer, session.address);
            }
            Role::Probe { nonce, .. } if error == Some(SeedError::Refused) && self.observes() => {
                self.watched_refused(now, nonce);
            }
            Role::Exchange { .. } | Role::Probe { .. } | Role::Serve => {}
        }
    }
}

fn busy(error: &Option<SeedError>) -> bool {
    matches!(error, Some(SeedError::Rejected { code: RefuseCode::Busy, .. }))
}

/// Packs answers while they fit; true when some still wait.
fn pack_answers(
    chunk: &mut ChunkBuilder,
    answers: &mut BTreeSet<MemberId>,
    answer: impl Fn(MemberId) -> Option<Update>,
) -> bool {
    while let Some(id) = answers.first().copied() {
        if answer(id).is_some_and(|update| !chunk.push(&update)) {
            return true;
        }
        answers.remove(&id);
    }
    false
}
