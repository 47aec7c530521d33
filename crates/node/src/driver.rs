//! The one task that owns the engine and the sockets. It feeds the engine what comes, lets it
//! tick when it wants to, and carries out what it asks for; nothing here decides anything about
//! the protocol.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use headcount_state::{OwnAttributes, Standing, Time};
use headcount_swim::{Census, Detector, Engine, Event, Quorum, SeedError, StreamEnd, Verdict};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::dialling::{Dialling, SeedAnswer};
use crate::publisher::Publisher;
use crate::seeds::{Found, Seeds};
use crate::shared::Report;
use crate::sockets::Sockets;
use crate::stats::NodeStats;
use crate::streams::{StreamInput, Streams};

/// So many datagrams are taken before anything else has a turn.
const DATAGRAMS_PER_TURN: usize = 64;

/// So many are taken before a tick that is due.
const DATAGRAMS_BEFORE_TICK: usize = 4_096;

/// What the handle asks of the driver.
#[derive(Debug)]
pub(crate) enum Command {
    /// Try to join through this seed.
    Join { seed: SocketAddr, answer: mpsc::UnboundedSender<SeedAnswer> },
    /// Say something else of this node.
    SetOwn(OwnAttributes, oneshot::Sender<Result<(), headcount_swim::Error>>),
    /// Say how loaded this node is.
    SetLoad(Option<u8>),
    /// Watch members in another way, in the whole cluster.
    SetParameters {
        detector: Detector,
        detection_time: Duration,
        reply: oneshot::Sender<Result<(), headcount_swim::Error>>,
    },
    /// Ask every live member which view it holds, and tell.
    Census(oneshot::Sender<Census>),
    /// Say goodbye, and tell how many acknowledged it.
    Leave(oneshot::Sender<usize>),
    /// Stop.
    Shutdown,
}

/// Everything the task owns. Dropping it closes the sockets first and tells the readers last.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) sockets: Sockets,
    pub(crate) streams: Streams,
    pub(crate) seeds: Seeds,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) dialling: Dialling,
    pub(crate) goodbye: Goodbye,
    /// Those who wait for a census.
    pub(crate) census: Vec<oneshot::Sender<Census>>,
    pub(crate) next_report: Instant,
    pub(crate) publisher: Publisher,
}

/// This node's goodbye.
#[derive(Debug, Default)]
pub(crate) struct Goodbye {
    said: bool,
    /// Enough peers have acknowledged it.
    heard: bool,
    /// Those who wait for that.
    waiting: Vec<oneshot::Sender<usize>>,
}

/// Why the task woke up.
enum Wake {
    Datagrams,
    Connection(io::Result<(TcpStream, SocketAddr)>),
    Stream(StreamInput),
    Seeds(Found),
    Command(Option<Command>),
    Timer,
}

impl Driver {
    /// Runs until it is told to stop, or until every handle is gone.
    pub(crate) async fn run(mut self) {
        let mut buffer = vec![0; usize::from(u16::MAX)];
        let timer = sleep_until(Instant::now());
        tokio::pin!(timer);
        loop {
            let next = self.next_wake();
            if timer.deadline() != next {
                timer.as_mut().reset(next);
            }
            let wake = tokio::select! {
                () = self.sockets.readable() => Wake::Datagrams,
                accepted = self.sockets.accept() => Wake::Connection(accepted),
                Some(input) = self.streams.next() => Wake::Stream(input),
                Some(found) = self.seeds.next() => Wake::Seeds(found),
                command = self.commands.recv() => Wake::Command(command),
                () = timer.as_mut() => Wake::Timer,
            };
            match wake {
                Wake::Datagrams => self.take_datagrams(&mut buffer),
                Wake::Connection(accepted) => self.take_connection(accepted),
                Wake::Stream(input) => self.take_stream_input(input),
                Wake::Seeds(found) => self.take_seeds(found),
                Wake::Command(None | Some(Command::Shutdown)) => break,
                Wake::Command(Some(command)) => self.obey(command),
                Wake::Timer => {}
            }
            let due = self.tick_is_due();
            if due {
                // After a pause the answers to old probes wait in the socket: hear them first.
                self.take_all_datagrams(&mut buffer);
            }
            self.turn(due);
        }
        let instant = Instant::now();
        self.publisher.flush(&self.engine, instant, self.clock.at(instant));
        tracing::info!("stopped");
    }

    fn next_wake(&self) -> Instant {
        let engine = self.engine.poll_timeout().map(|time| self.clock.instant(time));
        let wanted = [engine, self.publisher.due(), Some(self.next_report)];
        wanted.into_iter().flatten().min().unwrap_or(self.next_report)
    }

    fn tick_is_due(&self) -> bool {
        self.engine.poll_timeout().is_some_and(|due| due <= self.clock.now())
    }

    /// Takes what the runtime knows to be in the socket, up to a bound.
    fn take_datagrams(&mut self, buffer: &mut [u8]) {
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some((length, from)) = self.sockets.receive(buffer) else { return };
            self.take_datagram(from, &buffer[..length]);
        }
    }

    /// Takes what is in the socket, whether or not the runtime has looked, up to a larger bound.
    fn take_all_datagrams(&mut self, buffer: &mut [u8]) {
        for _ in 0..DATAGRAMS_BEFORE_TICK {
            let Some((length, from)) = self.sockets.receive_unannounced(buffer) else { return };
            self.take_datagram(from, &buffer[..length]);
        }
    }

    fn take_datagram(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.engine.receive(self.clock.now(), from, datagram);
        self.transmit();
    }

    fn take_connection(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => return self.sockets.accept_failed(&error),
        };
        self.sockets.accept_succeeded();
        let now = self.clock.now();
        // When the engine refuses, it counts that itself.
        let Some(id) = self.engine.stream_accepted(now, from) else { return };
        if self.streams.serve(id, stream) {
            self.sockets.stats.streams_accepted += 1;
        } else {
            self.sockets.stats.streams_refused += 1;
            self.engine.stream_closed(now, id, too_many());
        }
    }

    fn take_stream_input(&mut self, input: StreamInput) {
        let now = self.clock.now();
        let (id, reply) = match input {
            StreamInput::Opened => return self.sockets.stats.streams_opened += 1,
            StreamInput::Next { id, reply } => (id, reply),
            StreamInput::Frame { id, frame, reply } => {
                self.engine.stream_frame(now, id, &frame);
                (id, reply)
            }
            StreamInput::Ended { id, end } => {
                self.sockets.stats.streams_failed += u64::from(end != StreamEnd::Finished);
                return self.engine.stream_closed(now, id, end);
            }
        };
        // A task that gave up tells so by itself.
        let _ = reply.send(self.engine.stream_next(now, id));
    }

    fn take_seeds(&mut self, mut found: Found) {
        if self.goodbye.said {
            return;
        }
        if found.complete {
            self.dialling.looked_at_all(&found.all);
        }
        found.all.retain(|seed| !self.dialling.is_self(*seed));
        self.engine.set_seeds(found.all);
        if self.publisher.is_ready() {
            return;
        }
        for seed in found.fresh {
            if !self.dialling.is_self(seed) && self.dialling.begin(seed, None) {
                self.engine.join(self.clock.now(), seed);
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.clock.now();
        match command {
            Command::Join { seed, answer } if self.goodbye.said => {
                let leaving = SeedError::Unreachable("this node is leaving".to_owned());
                // Whoever asked may have stopped waiting.
                let _ = answer.send((seed, Err(leaving)));
            }
            Command::Join { seed, answer } => {
                if self.dialling.begin(seed, Some(answer)) {
                    self.engine.join(now, seed);
                }
            }
            Command::SetOwn(change, reply) => {
                // Whoever asked may have stopped waiting.
                let _ = reply.send(self.engine.set_own(now, change));
            }
            Command::SetLoad(percent) => self.engine.set_load(percent),
            Command::SetParameters { detector, detection_time, reply } => {
                let set = self.engine.set_parameters(now, detector, detection_time);
                let _ = reply.send(set.map_err(headcount_swim::Error::from));
            }
            Command::Census(reply) => {
                self.census.push(reply);
                self.engine.take_census(now);
            }
            Command::Leave(reply) => {
                self.goodbye.said = true;
                self.goodbye.waiting.push(reply);
                self.engine.leave(now);
                self.answer_leavers();
            }
            Command::Shutdown => {}
        }
    }

    /// After every input: let the engine tick if that is due, do what it asks, tell the readers.
    fn turn(&mut self, tick: bool) {
        let instant = Instant::now();
        let now = self.clock.at(instant);
        self.publisher.ticked(now);
        if tick {
            self.engine.tick(now);
        }
        while let Some(open) = self.engine.poll_stream() {
            if !self.streams.open(open) {
                self.sockets.stats.streams_refused += 1;
                self.engine.stream_closed(now, open.id, too_many());
            }
        }
        self.transmit();
        self.publisher.acknowledged(self.engine.departed_acks());
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::QuorumChanged { .. } => self.publisher.polled(&self.engine, now),
                // Who hears of it finds it in the report.
                Event::HealthChanged { .. } => self.next_report = instant,
                _ => {}
            }
            self.take_event(event);
        }
        if instant >= self.next_report {
            self.next_report = instant + report_interval(self.engine.config().period);
            self.dialling.give_up(instant);
            let report = report(&self.engine, &self.sockets, now);
            self.publisher.report(&self.engine, now, report);
        }
        self.publisher.settle(&self.engine, instant, now);
        self.settle_readiness();
    }

    fn settle_readiness(&mut self) {
        let live = self.engine.table().live_len();
        if live > 1 {
            self.dialling.found_others();
        }
        let is_member = self.engine.standing() == Standing::Member && !self.goodbye.said;
        let ready = is_member && self.dialling.has_joined();
        if ready != self.publisher.is_ready() {
            self.publisher.set_ready(ready);
            tracing::info!(ready, members = live, "readiness");
        }
    }

    fn transmit(&mut self) {
        let now = self.clock.now();
        while let Some(transmit) = self.engine.poll_transmit(now) {
            self.sockets.send(&transmit);
        }
    }

    fn take_event(&mut self, event: Event) {
        log(&event);
        match &event {
            Event::Seed { address, result } => self.dialling.end(*address, result),
            Event::Census(census) => {
                for waiting in self.census.drain(..) {
                    // Whoever asked may have stopped waiting.
                    let _ = waiting.send(census.clone());
                }
            }
            Event::Departed { .. } => {
                self.goodbye.heard = true;
                self.answer_leavers();
            }
            _ => {}
        }
        self.publisher.event(event);
    }

    fn answer_leavers(&mut self) {
        let acknowledged = self.engine.departed_acks();
        if self.goodbye.heard {
            for waiting in self.goodbye.waiting.drain(..) {
                // Whoever asked may have stopped waiting.
                let _ = waiting.send(acknowledged);
            }
        }
    }
}

/// The driver reports twice a period, at least once a second.
pub(crate) fn report_interval(period: Duration) -> Duration {
    (period / 2).min(Duration::from_secs(1))
}

pub(crate) fn report(engine: &Engine, sockets: &Sockets, now: Time) -> Report {
    Report {
        stats: NodeStats { protocol: *engine.stats(), sockets: sockets.stats },
        standing: engine.standing(),
        local_health: engine.local_health(),
        isolated: engine.is_isolated(),
        warning: engine.warning(engine.table().own_id(), now),
        health: engine.cluster_health(),
    }
}

fn too_many() -> StreamEnd {
    StreamEnd::Failed("too many streams are open".to_owned())
}

fn log_quorum(event: &str, verdict: Verdict, quorum: &Quorum) {
    let Quorum { basis, heard, of, excess, .. } = *quorum;
    let (basis, verdict) = (basis.as_str(), verdict.as_str());
    if excess > 0 {
        let broken = "more members are known than the expected size, so there is no majority: stop \
                      some with a goodbye, or start all nodes again with a larger expected size";
        tracing::warn!(event, verdict, basis, heard, of, excess, "{broken}");
    } else {
        tracing::info!(event, verdict, basis, heard, of, "quorum");
    }
}

fn log(event: &Event) {
    let (kind, member) = (event.name(), event.member());
    match (event, member) {
        (Event::Suspected(_) | Event::Failed(_), Some(member)) => {
            let evidence = member.evidence();
            tracing::info!(
                event = kind,
                member = %member.name(),
                address = %member.address(),
                status = %member.status(),
                reason = evidence.map(|evidence| evidence.reason.as_str()),
                last_word_ms = evidence.map(|evidence| evidence.word_age.as_millis() as u64),
                "member"
            );
        }
        (_, Some(member)) => tracing::info!(
            event = kind,
            member = %member.name(),
            address = %member.address(),
            status = %member.status(),
            "member"
        ),
        // Told by `Dialling`, which knows whether it is news.
        (Event::Seed { .. }, _) => {}
        (
            Event::Isolated
            | Event::HealthChanged { .. }
            | Event::CutOff { .. }
            | Event::Held { .. }
            | Event::Displaced { .. }
            | Event::Evicted
            | Event::NearlyFull { .. },
            _,
        ) => {
            tracing::warn!(event = kind, detail = ?event, "cluster");
        }
        (Event::ParametersChanged { .. }, _) => {
            tracing::info!(event = kind, detail = ?event, "cluster");
        }
        (Event::QuorumChanged { verdict, quorum }, _) => log_quorum(kind, *verdict, quorum),
        _ => tracing::debug!(event = kind, detail = ?event, "cluster"),
    }
}
