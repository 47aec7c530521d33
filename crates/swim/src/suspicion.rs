//! Suspicions: members that are suspected, and when each is declared dead.
//!
//! ```text
//!   suspect claim ──> running ── larger claim of the member ──> over (refuted)
//!                      │    ^
//!                      │    └─ another accuser: the deadline moves closer
//!                      └─ deadline ──> failed
//! ```
//! The timeout of a suspicion with C confirmations (Lifeguard, section IV.B):
//! `max(Min, Max - (Max - Min) * log(C + 1) / log(K + 1))`, with `Min = alpha * max(1, log10 N) * T`
//! and `Max = beta * Min`. With `beta = 1` this is SWIM's fixed timeout.

use std::time::Duration;

use headcount_state::{Agenda, Claim, MemberId, Status, Time, Update, Version};

use crate::config::{Config, Detector};
use crate::dissemination::Lane;
use crate::engine::Engine;

/// How long suspicions last, as the configuration and the size of the cluster have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SuspicionTimeout {
    min: Duration,
    max: Duration,
    /// K: so many confirmations bring the timeout down to the least.
    confirmations: usize,
}

impl SuspicionTimeout {
    /// For a cluster of `live` members.
    pub(crate) fn new(config: &Config, live: usize) -> SuspicionTimeout {
        let scale = (live.max(1) as f64).log10().max(1.0);
        let min = config.period.mul_f64(config.suspicion_alpha * scale);
        // Where so many further accusers cannot exist, nobody waits for them.
        let reachable = config.suspicion_confirmations + 2 <= live;
        match config.detector {
            Detector::Lifeguard if reachable => SuspicionTimeout {
                min,
                max: min.mul_f64(config.suspicion_beta),
                confirmations: config.suspicion_confirmations,
            },
            // The observers come to a verdict.
            Detector::Observers => {
                SuspicionTimeout { min: Duration::MAX, max: Duration::MAX, confirmations: 0 }
            }
            _ => SuspicionTimeout { min, max: min, confirmations: 0 },
        }
    }

    /// The least time a suspicion lasts.
    pub(crate) fn least(&self) -> Duration {
        self.min
    }

    fn after(&self, confirmed: usize) -> Duration {
        if self.confirmations == 0 {
            return self.min;
        }
        let share = (confirmed as f64 + 1.0).ln() / (self.confirmations as f64 + 1.0).ln();
        let spread = self.max.saturating_sub(self.min);
        self.max.saturating_sub(spread.mul_f64(share.min(1.0))).max(self.min)
    }
}

#[derive(Clone, Debug)]
struct Suspicion {
    version: Version,
    started: Time,
    timeout: SuspicionTimeout,
    /// Who accused, the first one first; at most K + 1.
    accusers: Vec<MemberId>,
    /// This node has found it silent itself.
    own: bool,
}

/// The suspicions that run at one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Suspicions {
    running: Agenda<MemberId, Suspicion>,
}

impl Suspicions {
    /// Begins a suspicion of `subject` at `version`, unless it runs already.
    pub(crate) fn start(
        &mut self,
        now: Time,
        subject: MemberId,
        version: Version,
        accuser: Option<MemberId>,
        timeout: SuspicionTimeout,
    ) {
        if self.running.get(subject).is_some_and(|running| running.version == version) {
            return;
        }
        let accusers = accuser.into_iter().collect();
        let suspicion = Suspicion { version, started: now, timeout, accusers, own: false };
        self.running.insert(subject, suspicion, now + timeout.after(0));
    }

    /// Takes in another accusation at `version`. True when it counts: a new accuser, and not
    /// enough of them yet.
    pub(crate) fn confirm(
        &mut self,
        subject: MemberId,
        version: Version,
        accuser: MemberId,
    ) -> bool {
        let Some(suspicion) = self.running.get_mut(subject) else { return false };
        let enough = suspicion.accusers.len() > suspicion.timeout.confirmations;
        if suspicion.version != version || enough || suspicion.accusers.contains(&accuser) {
            return false;
        }
        suspicion.accusers.push(accuser);
        let confirmed = suspicion.accusers.len() - 1;
        let deadline = suspicion.started + suspicion.timeout.after(confirmed);
        self.running.reschedule(subject, deadline);
        true
    }

    /// The latest accuser that counted: whose accusation is worth telling on.
    pub(crate) fn latest_accuser(&self, subject: MemberId) -> Option<MemberId> {
        self.running.get(subject)?.accusers.last().copied()
    }

    pub(crate) fn stop(&mut self, subject: MemberId) {
        self.running.remove(subject);
    }

    /// The members that are suspected, in id order.
    pub(crate) fn suspects(&self) -> impl Iterator<Item = MemberId> + '_ {
        self.running.iter().map(|(subject, _)| subject)
    }

    pub(crate) fn contains(&self, subject: MemberId) -> bool {
        self.running.contains(subject)
    }

    /// Since when the suspicion has been known here that `verdict` ends.
    pub(crate) fn running_since(&self, subject: MemberId, verdict: Version) -> Option<Time> {
        let suspicion = self.running.get(subject)?;
        let same = suspicion.version == verdict.with_status(Status::Suspect);
        same.then_some(suspicion.started)
    }

    /// Since when a member is suspected here.
    pub(crate) fn since(&self, subject: MemberId) -> Option<Time> {
        self.running.get(subject).map(|suspicion| suspicion.started)
    }

    /// This node accuses a member, as it found itself: what others say in its name is no such thing.
    pub(crate) fn accused_here(&mut self, subject: MemberId) {
        if let Some(suspicion) = self.running.get_mut(subject) {
            suspicion.own = true;
        }
    }

    /// Whether it does.
    pub(crate) fn is_accused_here(&self, subject: MemberId) -> bool {
        self.running.get(subject).is_some_and(|suspicion| suspicion.own)
    }

    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.running.next_due()
    }

    /// Takes out one suspicion whose time is over, with the version that was suspected.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<(MemberId, Version)> {
        let (subject, suspicion) = self.running.pop_due(now)?;
        Some((subject, suspicion.version))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let accusers = |s: &Suspicion| s.accusers.capacity() * size_of::<MemberId>();
        let told = self.running.iter().map(|(_, suspicion)| accusers(suspicion));
        self.running.heap_bytes() + told.sum::<usize>()
    }

    pub(crate) fn clear(&mut self) {
        self.running.clear();
    }
}

impl Engine {
    /// Runs a suspicion while the record says suspect, and none otherwise.
    pub(crate) fn follow_suspicion(&mut self, now: Time, claim: Claim, accuser: Option<MemberId>) {
        let idle = claim.id == self.table.own_id() || !self.takes_part();
        if claim.status() != Status::Suspect || idle {
            self.suspicions.stop(claim.id);
            return;
        }
        let timeout = SuspicionTimeout::new(&self.config, self.table.live_len());
        self.suspicions.start(now, claim.id, claim.version, accuser, timeout);
        if self.config.detector == Detector::Observers {
            self.back_up(now, claim);
        }
    }

    /// Another accusation of a suspect: worth telling on while it still shortens the suspicion.
    pub(crate) fn confirm_suspicion(&mut self, now: Time, update: &Update) {
        let subject = update.claim.id;
        if let Some(accuser) = update.accuser
            && self.suspicions.confirm(subject, update.claim.version, accuser)
        {
            self.tell(now, subject, Lane::Suspect);
        }
    }

    /// Declares the suspects dead whose time is over.
    pub(crate) fn suspicions_due(&mut self, now: Time) {
        while let Some((subject, version)) = self.suspicions.pop_due(now) {
            let held = self.table.get(subject).map(|record| record.claim);
            if let Some(claim) = held.filter(|claim| claim.version == version) {
                self.stats.failures_declared += 1;
                let accuser = Some(self.table.own_id());
                let failed = Update::claim(claim.with_status(Status::Failed));
                self.absorb_own(now, &Update { accuser, ..failed });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headcount_state::{Instance, Life, Status};
    use headcount_wire::ClusterId;

    fn version() -> Version {
        let instance = Instance::from_u64(1).expect("not zero");
        Version::new(Life { generation: 1, instance }, 0, Status::Suspect)
    }

    fn lifeguard(live: usize) -> SuspicionTimeout {
        let config = Config::new(ClusterId::of("test"));
        SuspicionTimeout::new(&Config { detector: Detector::Lifeguard, ..config }, live)
    }

    fn id(name: &str) -> MemberId {
        MemberId::of(name)
    }

    #[test]
    fn confirmations_shorten_the_timeout_as_published() {
        let timeout = lifeguard(100);
        // alpha 5, log10(100) = 2, beta 6.
        assert_eq!(timeout.after(0), Duration::from_secs(60));
        assert_eq!(timeout.after(3), Duration::from_secs(10));
        let one = timeout.after(1).as_secs_f64();
        assert!((one - (60.0 - 50.0 * 2f64.ln() / 4f64.ln())).abs() < 1e-6, "{one}");
        assert_eq!(timeout.after(9), Duration::from_secs(10));
    }

    #[test]
    fn swim_and_tiny_clusters_wait_the_least_from_the_start() {
        let swim = Config { detector: Detector::Swim, ..Config::new(ClusterId::of("test")) };
        assert_eq!(SuspicionTimeout::new(&swim, 100).after(0), Duration::from_secs(10));
        assert_eq!(lifeguard(4).after(0), Duration::from_secs(5));
    }

    #[test]
    fn only_new_accusers_of_the_same_version_count_and_only_so_many() {
        let mut suspicions = Suspicions::default();
        let subject = id("x");
        suspicions.start(Time::ZERO, subject, version(), Some(id("a")), lifeguard(100));
        assert!(!suspicions.confirm(subject, version(), id("a")), "the first accuser again");
        let other = Version::new(version().life(), 1, Status::Suspect);
        assert!(!suspicions.confirm(subject, other, id("b")), "another version");
        for accuser in ["b", "c", "d"] {
            assert!(suspicions.confirm(subject, version(), id(accuser)));
            assert_eq!(suspicions.latest_accuser(subject), Some(id(accuser)));
        }
        assert!(!suspicions.confirm(subject, version(), id("e")), "enough");
        assert_eq!(suspicions.next_deadline(), Some(Time::from_millis(10_000)));
    }

    #[test]
    fn a_stopped_suspicion_never_falls_due() {
        let mut suspicions = Suspicions::default();
        suspicions.start(Time::ZERO, id("x"), version(), None, lifeguard(3));
        suspicions.start(Time::ZERO, id("y"), version(), None, lifeguard(3));
        suspicions.stop(id("x"));
        assert_eq!(suspicions.pop_due(Time::from_millis(4_999)), None);
        assert_eq!(suspicions.pop_due(Time::from_millis(5_000)), Some((id("y"), version())));
        assert_eq!(suspicions.pop_due(Time::MAX), None);
    }
}
