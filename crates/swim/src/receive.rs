//! A datagram arrives.

use std::net::SocketAddr;

use headcount_state::{MemberId, Standing, Status, Time, Update};
use headcount_wire::{Body, Datagram, Heartbeat, Process, Target, decode_datagram_with};

use crate::engine::Engine;
use crate::observers::cases::Opinion;
use crate::observers::opinions::Query;
use crate::outbox::Outgoing;
use crate::relay::Asker;

/// Whether a datagram says nothing by which anybody is judged.
fn tells_of_nobody(datagram: &Datagram) -> bool {
    let routine = match &datagram.body {
        Body::Ping { .. } | Body::Compare | Body::Gossip { table: None } => true,
        Body::Ack { responder, not_me, .. } => responder.is_none() && !not_me,
        _ => false,
    };
    routine && datagram.updates.is_empty()
}

impl Engine {
    /// Takes in the bytes of one datagram. Junk and other clusters' frames are counted and
    /// dropped; they are never an error.
    pub fn receive(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        self.wake(now);
        self.stats.datagrams_received += 1;
        self.stats.bytes_received += bytes.len() as u64;
        let mut calm = self.is_calm();
        match decode_datagram_with(self.config.cluster, bytes, &self.attributes) {
            Ok(datagram) => {
                calm &= tells_of_nobody(&datagram);
                self.receive_datagram(now, from, datagram);
            }
            Err(error) => self.count_refused(&error),
        }
        self.settle_after(now, calm);
    }

    fn receive_datagram(&mut self, now: Time, from: SocketAddr, datagram: Datagram) {
        let Datagram { heartbeat, body, updates } = datagram;
        self.seen_at(from, heartbeat.sender.id);
        if self.is_me(heartbeat.sender) {
            return;
        }
        self.hear(now, &heartbeat);
        let answers = !self.config.spreads_as_memberlist;
        self.read_ahead(&updates);
        let lacking = updates.iter().filter_map(|u| self.absorb_from(now, heartbeat.sender, u));
        let mut behind: Vec<MemberId> = lacking.filter(|_| answers).collect();
        let equal = heartbeat.sync == self.table.summary().sync;
        let sender = heartbeat.sender.id;
        // Who asks, and holds another table, is told this one's hashes, or better.
        let asks = body == Body::Compare && !equal && self.is_peer(sender);
        // Who is exchanging tables already is answered by that.
        let exchanging = matches!(
            body,
            Body::Gossip { table: Some(_) }
                | Body::Sketch(_)
                | Body::More { .. }
                | Body::Wants { .. }
        );
        if equal || !exchanging {
            let lacked = self.compare(now, &heartbeat, from);
            let news = matches!(body, Body::Gossip { .. });
            if !lacked.is_empty() && (!news || self.pace.may_tell_news(now, sender)) {
                behind.extend(lacked);
            }
        }
        behind.sort_unstable();
        behind.dedup();
        match body {
            Body::Ping { nonce, target } => {
                let meant = target == Some(self.own_target().process);
                if meant && self.is_peer(sender) {
                    self.watch.graded(now, sender, heartbeat.grade);
                }
                return self.answer_ping(from, sender, nonce, target, behind, equal);
            }
            Body::Ack { nonce, responder, not_me } => {
                let direct = responder.is_none();
                self.follow_epoch(&heartbeat);
                let responder = responder.unwrap_or(heartbeat.sender);
                if direct && !not_me {
                    self.voter_answered(&heartbeat, nonce);
                    self.census_answered(now, nonce, sender, heartbeat.view);
                }
                self.receive_ack(now, from, nonce, responder, direct, not_me);
            }
            Body::PingReq { nonce, target, want_nack } => {
                let asker = Asker { id: sender, address: from, nonce };
                self.relay_ping(now, asker, target, want_nack);
            }
            Body::Nack { nonce } => self.probe_nacked(nonce),
            Body::Gossip { table: Some(part) } => self.answer_table(now, part, sender),
            Body::Gossip { table: None } | Body::Compare => {}
            Body::Sketch(part) => self.receive_sketch(now, from, &heartbeat, part),
            Body::More { first, count } => self.receive_more(now, sender, first, count),
            Body::Wants { keys } => self.receive_wants(now, sender, &keys, equal),
            Body::Query { nonce, subject, since, refused, contest } => {
                let query = Query { nonce, subject, since, refused, contest };
                self.receive_query(now, from, sender, query);
            }
            Body::Opinion { nonce, verdict, word, refused } => {
                self.receive_opinion(now, sender, nonce, Opinion { verdict, word, refused });
            }
        }
        let dead = answers
            && self.must_hear_of_its_end(&heartbeat)
            && self.pace.may_tell_the_dead(now, sender);
        if answers && (asks || !behind.is_empty() || dead) {
            self.send_news(from, sender, behind);
        }
    }

    /// Looks up all members that are told of before any is judged: the processor then waits for their
    /// records together.
    fn read_ahead(&self, updates: &[Update]) {
        if updates.len() > 1 {
            let known =
                updates.iter().filter(|update| self.table.get(update.claim.id).is_some()).count();
            std::hint::black_box(known);
        }
    }

    fn answer_ping(
        &mut self,
        from: SocketAddr,
        sender: MemberId,
        nonce: u32,
        target: Option<Process>,
        mut front: Vec<MemberId>,
        equal: bool,
    ) {
        let own = self.own_target();
        let not_me = target.is_some_and(|process| process != own.process);
        // A stranger, and who means another process, lack this node's own word.
        let meant = target == Some(own.process);
        // Who is held concedes it with every word: there is nothing to check.
        let held = self.table.standing() == Standing::Held;
        if (!meant || held) && self.own_record().is_some() && !front.contains(&own.id) {
            front.push(own.id);
        }
        let body = Body::Ack { nonce, responder: None, not_me };
        let ack = Outgoing::new(from, Some(sender), body).telling(front);
        self.send(ack.unless_it_knows(equal));
    }

    fn receive_ack(
        &mut self,
        now: Time,
        from: SocketAddr,
        nonce: u32,
        responder: Target,
        direct: bool,
        not_me: bool,
    ) {
        self.relay_ack(nonce, responder, not_me);
        if !not_me {
            self.checks.answered(responder.id, nonce);
            self.rival_answered(now, nonce);
        }
        if direct {
            self.departure_acked(responder.id, nonce);
        }
        if self.observes() && direct {
            return match not_me {
                true => self.watched_is_another(now, nonce, Some(from)),
                false => self.watched_answered(now, nonce, responder, false),
            };
        }
        if direct && !not_me {
            self.ping_answered(now, nonce, responder);
        }
        let Some(probe) = self.probe.filter(|probe| probe.nonce == nonce) else { return };
        let elsewhere = not_me && direct && from == probe.address;
        if elsewhere || (!not_me && responder.id == probe.target.id) {
            self.probe_answered(now, nonce, probe.target, not_me);
        }
    }

    /// Whether the sender speaks, though it is held as dead: it then refutes, or says that it is
    /// another process. A goodbye of the process that speaks stays a goodbye.
    fn must_hear_of_its_end(&self, heartbeat: &Heartbeat) -> bool {
        let Target { id, process } = heartbeat.sender;
        self.table.hold(id).is_some_and(|held| {
            let same = Process::of(id, held.life().instance) == process;
            let goodbye = same && held.status() == Status::Left;
            !held.is_live() && !goodbye
        })
    }
}
