//! One process: a real table, and the conduct around it that the merge rules ask for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use headcount_state::{
    Attributes, AttributesVersion, ChangeKind, Grace, Instance, Life, Limits, MemberId, Name,
    Outcome, OwnChange, ProtocolRange, Record, Serving, Status, Table, Tags, Time, Update, Version,
};

use crate::findings::{Findings, Violation};
use crate::message::{Envelope, LiveVersion, Message};
use crate::switches::Switches;

/// How long a tombstone is kept.
pub(crate) const TOMBSTONE_TTL: Duration = Duration::from_secs(300);
/// How long a grave is kept.
pub(crate) const GRAVE_TTL: Duration = Duration::from_secs(24 * 3600);
/// A node that heard nobody for this long no longer trusts that others remember the dead.
const STALE_AFTER: Duration = Duration::from_secs(12 * 3600);
/// How long a dead claim is checked before it is believed: three protocol periods.
const CHECKED_FOR: Duration = Duration::from_secs(3);

/// A process and its table.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) table: Table,
    pub(crate) address: SocketAddr,
    pub(crate) instance: Instance,
    pub(crate) now: Time,
    /// How often it took a new generation.
    pub(crate) climbs: u32,
    /// When it last exchanged a word with anybody.
    last_contact: Time,
    /// When each dead claim that is being checked was first heard.
    checks: BTreeMap<(MemberId, Version), Time>,
    /// The last generation of each other process that was over here, as long as it must be
    /// remembered.
    over: BTreeMap<(MemberId, Instance), u64>,
    switches: Switches,
}

/// Whom a process speaks as, and when it starts.
pub(crate) struct Start<'a> {
    pub(crate) name: &'a Name,
    pub(crate) address: SocketAddr,
    pub(crate) life: Life,
    pub(crate) now: Time,
}

impl Process {
    pub(crate) fn start(start: &Start<'_>, switches: Switches) -> Process {
        let attributes = Attributes {
            version: AttributesVersion { life: start.life, counter: 0 },
            name: start.name.clone(),
            address: start.address,
            serving: Serving::Serving,
            zone: String::new(),
            tags: Tags::new(),
            protocol: ProtocolRange { min: 1, max: 1 },
            out_of_reach: Vec::new(),
        };
        let limits = Limits {
            tombstone_ttl: TOMBSTONE_TTL,
            grave_ttl: GRAVE_TTL,
            roster_ttl: GRAVE_TTL,
            ..Limits::default()
        };
        let mut table = Table::new(attributes, limits, start.now);
        table.set_rules(switches.rules);
        Process {
            table,
            address: start.address,
            instance: start.life.instance,
            now: start.now,
            climbs: 0,
            last_contact: start.now,
            checks: BTreeMap::new(),
            over: BTreeMap::new(),
            switches,
        }
    }

    /// What must happen before anything is sent or served after a long time alone.
    pub(crate) fn wake(&mut self) {
        if self.switches.stale && self.now.since(self.last_contact) > STALE_AFTER {
            self.table.go_stale(self.now);
            self.last_contact = self.now;
        }
    }

    /// Lets a time pass in which it was, or was not, in touch with others.
    pub(crate) fn pass_long(&mut self, time: Duration, in_touch: bool) {
        self.pass(time);
        // Nobody is bound to remember longer than this.
        self.over.clear();
        if in_touch {
            self.last_contact = self.now;
        }
    }

    /// Lets time pass, and forgets what is due.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        for id in self.table.expire(self.now).forgotten {
            if let Some(grave) = self.table.hold(id) {
                self.note_over(id, grave.life());
            }
        }
    }

    /// Everything held, as it is told in a whole-table exchange.
    pub(crate) fn tell_all(&self) -> Vec<Update> {
        self.table.records().map(|record| record.update(self.now)).collect()
    }

    fn tell_dead(&self) -> Vec<Update> {
        let dead = self.table.records().filter(|record| !record.is_live());
        dead.map(|record| record.update(self.now)).collect()
    }

    /// The opening of a sketch exchange.
    pub(crate) fn sketch(&self) -> Message {
        let element = |r: Record<'_>| (r.id(), r.claim.version, r.attributes.version);
        let summary = self.table.summary();
        Message::Sketch {
            live: self.table.live().map(element).collect(),
            sync: summary.sync,
            dead: summary.dead,
        }
    }

    /// Takes in one message; what it makes the process send goes to `out`.
    pub(crate) fn receive(
        &mut self,
        from: SocketAddr,
        message: Message,
        findings: &mut Findings,
        out: &mut Vec<Envelope>,
    ) {
        self.wake();
        self.last_contact = self.now;
        let mut post = |message| out.push(Envelope { from: self.address, to: from, message });
        match message {
            Message::Claims(updates) => self.hear(from, &updates, findings, out),
            Message::Table { updates, reply } => {
                if reply {
                    post(Message::Table { updates: self.tell_all(), reply: false });
                }
                self.hear(from, &updates, findings, out);
            }
            Message::Dead { updates, reply } => {
                if reply {
                    post(Message::Dead { updates: self.tell_dead(), reply: false });
                }
                self.hear(from, &updates, findings, out);
            }
            Message::Sketch { live, sync, dead } => {
                let summary = self.table.summary();
                if summary.sync != sync {
                    let (tell, want) = self.compare(&live);
                    post(Message::Claims(tell));
                    post(Message::Want(want));
                }
                if self.switches.dead_hash && summary.dead != dead {
                    post(Message::Dead { updates: self.tell_dead(), reply: true });
                }
            }
            Message::Want(ids) => {
                let told = ids.iter().filter_map(|id| self.table.answer(*id, self.now));
                post(Message::Claims(told.collect()));
            }
        }
    }

    /// What to send and what to ask for, given the other side's live versions.
    fn compare(&self, theirs: &[LiveVersion]) -> (Vec<Update>, Vec<MemberId>) {
        let only_here = self.table.live().filter(|record| {
            !theirs.contains(&(record.id(), record.claim.version, record.attributes.version))
        });
        let mut tell = only_here.map(|record| record.update(self.now)).collect::<Vec<_>>();
        let mut want = Vec::new();
        for (id, version, attributes) in theirs {
            let record = self.table.get(*id);
            match self.table.hold(*id) {
                Some(held) if held.version > *version => {
                    if self.switches.answers && !held.is_live() {
                        tell.extend(self.table.answer(*id, self.now));
                    }
                }
                Some(held)
                    if held.version == *version
                        && record.is_some_and(|r| r.attributes.version >= *attributes) => {}
                _ => want.push(*id),
            }
        }
        (tell, want)
    }

    fn hear(
        &mut self,
        from: SocketAddr,
        updates: &[Update],
        findings: &mut Findings,
        out: &mut Vec<Envelope>,
    ) {
        let (mut answers, mut wants) = (Vec::new(), Vec::new());
        for update in updates {
            let id = update.claim.id;
            match self.merge(update, findings) {
                Outcome::Answer if self.switches.answers => {
                    answers.extend(self.table.answer(id, self.now));
                }
                // The owner spreads its own news; the first to hear is who made it necessary.
                Outcome::Own(change) if change != OwnChange::Evicted => {
                    answers.extend(self.table.answer(id, self.now));
                }
                Outcome::NeedsAttributes => wants.push(id),
                Outcome::Check => {
                    let subject = self.table.get(id).map(|record| record.attributes.address);
                    // Where I live now, the member that lived here before does not.
                    if let Some(to) = subject.filter(|to| *to != self.address) {
                        let message = Message::Claims(vec![update.clone()]);
                        out.push(Envelope { from: self.address, to, message });
                    }
                }
                _ => {}
            }
        }
        if !answers.is_empty() {
            let message = Message::Claims(answers);
            out.push(Envelope { from: self.address, to: from, message });
        }
        if !wants.is_empty() {
            out.push(Envelope { from: self.address, to: from, message: Message::Want(wants) });
        }
    }

    fn merge(&mut self, update: &Update, findings: &mut Findings) -> Outcome {
        let grace = self.grace(update);
        self.merge_with(update, grace, findings)
    }

    /// Declares `status` of the member of this record, by own observation.
    pub(crate) fn accuse(&mut self, id: MemberId, status: Status, findings: &mut Findings) {
        if let Some(record) = self.table.get(id).filter(|record| record.is_live()) {
            let update = Update::claim(record.claim.with_status(status));
            self.merge_with(&update, Grace::Closed, findings);
        }
    }

    fn merge_with(&mut self, update: &Update, grace: Grace, findings: &mut Findings) -> Outcome {
        let id = update.claim.id;
        let before = self.table.hold(id).map(|held| held.version);
        let life = self.table.own_life();
        let outcome = self.table.merge(self.now, update, grace).outcome;
        self.climbs += u32::from(self.table.own_life() != life);
        let Some(held) = self.table.hold(id) else { return outcome };
        if before.is_some_and(|before| held.version < before) {
            findings.report(Violation::Fell);
        }
        if let Outcome::Changed(change) = outcome {
            let joined = matches!(
                change.kind,
                ChangeKind::Joined | ChangeKind::Restarted | ChangeKind::Recovered
            );
            if joined && (!held.is_live() || self.was_over(id, held.life(), findings)) {
                findings.report(Violation::DeadJoined);
            }
        }
        if held.status().is_terminal() {
            self.note_over(id, held.life());
        }
        outcome
    }

    fn was_over(&self, id: MemberId, life: Life, findings: &Findings) -> bool {
        let here = self.over.get(&(id, life.instance));
        here.is_some_and(|generation| life.generation <= *generation)
            || findings.long_dead.contains(&(id, life.instance))
    }

    fn note_over(&mut self, id: MemberId, life: Life) {
        let last = self.over.entry((id, life.instance)).or_default();
        *last = life.generation.max(*last);
    }

    fn grace(&mut self, update: &Update) -> Grace {
        let claim = update.claim;
        let contradicts = self.table.get(claim.id).is_some_and(|record| record.is_live())
            && matches!(claim.status(), Status::Failed | Status::Closed);
        if !self.switches.grace || !contradicts {
            return Grace::Closed;
        }
        let first = *self.checks.entry((claim.id, claim.version)).or_insert(self.now);
        if self.now.since(first) < CHECKED_FOR { Grace::Open } else { Grace::Closed }
    }
}
