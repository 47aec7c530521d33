use std::time::Duration;

use headcount_health::history::{Presence, What};
use headcount_state::{Instance, MemberId, Name, Status};
use headcount_swim::{Event, Member};
use tokio::time::{MissedTickBehavior, interval};

use super::line::{Line, Observer};
use super::writer::Writer;
use super::{Kept, Opened};
use crate::events::{Events, NodeEvent};
use crate::members::Members;

/// How often the recorder wakes when nothing happens.
const WAKE: Duration = Duration::from_secs(10);

/// Whoever slept for so many milliseconds did not observe: the host was suspended, the process stopped,
/// or the clock was set forward.
const SLEPT_MS: u64 = 30_000;

/// A sign of life is written once in so many milliseconds.
const MARK_MS: u64 = 60_000;

/// The task that records.
#[derive(Debug)]
pub(crate) struct Recorder {
    kept: Kept,
    own: MemberId,
    writer: Option<Writer>,
    awake_ms: u64,
    marked_ms: u64,
}

impl Recorder {
    /// One of the member `own`, of which it records nothing: nobody sees his own failures.
    pub(crate) fn new(opened: Opened, own: MemberId) -> Recorder {
        let Opened { kept, file, since } = opened;
        let now = kept.with(|_, timeline| timeline.now());
        let writer = file.map(Writer::new);
        let mut recorder = Recorder { kept, own, writer, awake_ms: now, marked_ms: now };
        for (at_ms, event) in since {
            recorder.write(&Line::Observer { at_ms, event });
        }
        recorder
    }

    /// Runs until the node has stopped.
    pub(crate) async fn run(mut self, mut events: Events) {
        let mut wakes = interval(WAKE);
        wakes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let writer = &mut self.writer;
            let event = tokio::select! {
                event = events.next() => event,
                _ = wakes.tick() => {
                    self.wake();
                    self.begin_to_write();
                    continue;
                }
                () = written(writer) => {
                    self.begin_to_write();
                    continue;
                }
            };
            let now = self.wake();
            match event {
                Some(event) => self.take(now, event),
                None => break,
            }
            self.begin_to_write();
        }
        let now = self.wake();
        self.observer(now, Observer::Stopped);
        if let Some(writer) = self.writer.take() {
            writer.finish(&self.kept).await;
        }
    }

    /// What time it is, and whether time was slept through.
    fn wake(&mut self) -> u64 {
        let now = self.kept.with(|_, timeline| timeline.now());
        if now - self.awake_ms > SLEPT_MS {
            let slept_s = (now - self.awake_ms) / 1_000;
            tracing::warn!(slept_s, "not running meanwhile: what happened then was not observed");
            self.observer(self.awake_ms, Observer::Isolated);
            self.observer(now, Observer::Reconnected);
        }
        self.awake_ms = now;
        if now - self.marked_ms >= MARK_MS {
            self.marked_ms = now;
            self.observer(now, Observer::Watching);
            if let Some(writer) = self.writer.as_mut() {
                writer.sync();
            }
        }
        now
    }

    fn take(&mut self, now: u64, event: NodeEvent) {
        let event = match event {
            NodeEvent::Snapshot(members) | NodeEvent::Gap { members, .. } => {
                return self.reconcile(now, &members);
            }
            NodeEvent::Event(event) => event,
        };
        match &event {
            Event::Isolated => self.observer(now, Observer::Isolated),
            Event::Reconnected => self.observer(now, Observer::Reconnected),
            Event::Forgotten(id) => {
                let member = self.kept.with(|history, _| Some(history.member(*id)?.name().clone()));
                if let Some(name) = member {
                    self.record(now, &name, None, What::Forgotten);
                }
            }
            event => {
                let Some((member, what)) = event.member().zip(what(event)) else { return };
                self.record(now, member.name(), Some(member.life().instance), what);
            }
        }
    }

    /// Takes in what happened while events were missed.
    fn reconcile(&mut self, now: u64, members: &Members) {
        let shown = |member: &Member| match member.status() {
            status if status.is_live() => Presence::Up,
            Status::Left | Status::Evicted => Presence::Left,
            _ => Presence::Down,
        };
        let others = members.iter().filter(|member| member.id() != self.own);
        let shown = others.map(|m| (m.name(), Some(m.life().instance), shown(m)));
        let missed = self.kept.with(|history, _| history.missed(shown));
        for (name, instance, what) in missed {
            self.record(now, &name, instance, what);
        }
    }

    fn record(&mut self, now: u64, name: &Name, instance: Option<Instance>, what: What) {
        if name.id() == self.own {
            return;
        }
        self.kept.with(|history, _| history.record(now, name.id(), name, instance, what));
        self.write(&Line::event(now, name, instance, what));
    }

    fn observer(&mut self, at_ms: u64, event: Observer) {
        self.kept.with(|history, _| event.apply(at_ms, history));
        self.write(&Line::Observer { at_ms, event });
    }

    fn write(&mut self, line: &Line) {
        if let Some(writer) = self.writer.as_mut() {
            writer.line(&line.text());
        }
    }

    fn begin_to_write(&mut self) {
        if let Some(writer) = self.writer.as_mut() {
            writer.begin(&self.kept);
        }
    }
}

async fn written(writer: &mut Option<Writer>) {
    match writer {
        Some(writer) => writer.written().await,
        None => std::future::pending().await,
    }
}

/// What an event says of the member that it is about.
fn what(event: &Event) -> Option<What> {
    match event {
        Event::Joined(_) => Some(What::Joined),
        Event::Suspected(_) => Some(What::Suspected),
        Event::Refuted(_) => Some(What::Refuted),
        Event::Failed(_) => Some(What::Failed),
        Event::Recovered(_) => Some(What::Recovered),
        Event::Restarted(_) => Some(What::Restarted),
        Event::Left(_) => Some(What::Left),
        _ => None,
    }
}
