//! The called side of a stream: who is let in, and what the others are told.

use headcount_state::{MemberId, Time};
use headcount_wire::{DecodeError, Frame, Hello, Purpose, Refuse, RefuseCode};

use super::Role;
use crate::engine::Engine;
use crate::event::SeedError;
use crate::transport::{StreamId, StreamStep};

/// So many members are named to a caller that is refused for now.
const OTHERS_NAMED: usize = 6;

impl Engine {
    pub(super) fn serve_hello(&mut self, now: Time, id: StreamId, hello: &Hello) {
        let refused = if hello.protocol.common(self.protocol()).is_none() {
            let (theirs, ours) = (hello.protocol, self.protocol());
            let detail = format!("protocol versions {theirs} and {ours} have none in common");
            Some(refusal(RefuseCode::Protocol, detail))
        } else if self.departure.is_some() {
            let detail = "this node is leaving; join through another".to_owned();
            Some(refusal(RefuseCode::Leaving, detail))
        } else {
            if hello.purpose == Purpose::Exchange {
                // If they cannot be used here, the cluster goes on without this node; it is told.
                let learned = self.learn_parameters(now, hello.parameters, false);
                self.stats.parameters_refused += u64::from(learned.is_err());
            }
            if let Some(own) = &hello.own {
                self.absorb_on_stream(now, id, own);
            }
            self.go_on_after(id, hello.after);
            let admitted = self.tables.take_table(now, self.table.len());
            if let Some(session) = self.sessions.open.get_mut(&id).filter(|_| admitted) {
                session.promised = Some(self.table.len());
            }
            (!admitted).then(|| self.send_on(now, hello.own.as_ref().map(|own| own.claim.id)))
        };
        if let Some((session, refused)) = self.sessions.open.get_mut(&id).zip(refused) {
            session.part_with(Some(refused));
        }
    }

    /// The refusal of a caller for whom there is no table now: this node and some members at random.
    fn send_on(&mut self, now: Time, caller: Option<MemberId>) -> Frame {
        self.stats.streams_redirected += 1;
        let mut named = Vec::with_capacity(OTHERS_NAMED);
        let callers: Vec<MemberId> = caller.into_iter().collect();
        self.peers.sample(&mut self.rng, OTHERS_NAMED, &callers, &mut named);
        let own = self.own_record().map(|record| record.id());
        let records = own.into_iter().chain(named).filter_map(|id| self.table.get(id));
        Frame::Refuse(Refuse {
            code: RefuseCode::Busy,
            detail: "too many callers at once; ask the members named here".to_owned(),
            others: records.map(|record| record.update(now)).collect(),
        })
    }

    /// Whether a table of so many records is still to be handed out: one that has more than doubled
    /// since, as in a cluster that starts, is another promise.
    pub(super) fn keeps_promise(&mut self, now: Time, promised: usize) -> bool {
        let more = self.table.len().saturating_sub(promised);
        more <= promised || self.tables.take_table(now, more)
    }

    /// There is no table for the peer after all.
    pub(super) fn take_back(&mut self, now: Time, id: StreamId) -> StreamStep {
        match self.sessions.open.get_mut(&id) {
            Some(session) if session.role == Role::Serve => {
                session.closing = true;
                let caller = session.peer;
                let elsewhere = self.send_on(now, caller);
                self.send_frame(now, elsewhere)
            }
            _ => StreamStep::Close,
        }
    }

    /// A frame is of no use. A caller from another cluster gets a frame of this one back: it sees
    /// whom it has reached, and can tell its user.
    pub(super) fn refuse_junk(&mut self, now: Time, id: StreamId, error: &DecodeError) {
        let detail = error.to_string();
        match self.sessions.open.get_mut(&id) {
            Some(session)
                if session.role == Role::Serve
                    && matches!(error, DecodeError::ForeignCluster(_)) =>
            {
                session.part_with(Some(refusal(RefuseCode::Other, detail)));
            }
            _ => self.session_over(now, id, Some(SeedError::Foreign(detail))),
        }
    }

    /// Both ends of the stream are this node. The serving end says so, and the calling end, which
    /// hears its own voice, knows.
    pub(super) fn met_itself(&mut self, now: Time, id: StreamId, role: Role) {
        match self.sessions.open.get_mut(&id) {
            Some(session) if role == Role::Serve => {
                let detail = "you have reached yourself".to_owned();
                session.part_with(Some(refusal(RefuseCode::Other, detail)));
            }
            _ => self.session_over(now, id, Some(SeedError::Myself)),
        }
    }
}

fn refusal(code: RefuseCode, detail: String) -> Frame {
    Frame::Refuse(Refuse { code, detail, others: Vec::new() })
}
