//! Recovery: a member that is back after a failure is given no work at once.
//!
//! ```text
//!   failed ── the same process is back ──────────────────> recovering for the detection time
//!   two new lives within 10 min, without a goodbye ──────> recovering for 30 s
//!                                                              │
//!                                                              └──> settled
//!   a tenth of the members is recovering already ────────> none more: that was a cut, or a deployment
//! ```
//! Each node finds this for itself. It is no status: a recovering member is alive.

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_state::{ChangeKind, MemberId, Status, Time};

use crate::engine::Engine;
use crate::event::Event;
use crate::observers::make_room;
use crate::observers::timing::HOLD_WINDOW;

/// Who comes back for the second time in ten minutes, in its third life, settles for so long.
const CRASH_LOOP: Duration = Duration::from_secs(30);

/// The most members that recover at once, and of whom it is known when they came back.
const RECOVERING_MAX: usize = 1_024;
const RETURNED_MAX: usize = 4_096;

/// One in so many members may recover at once, or one.
const RECOVERING_SHARE: usize = 10;

/// Members that came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recovery {
    /// Until when they recover.
    recovering: BTreeMap<MemberId, Time>,
    returned: BTreeMap<MemberId, Returned>,
}

#[derive(Clone, Copy, Debug)]
struct Returned {
    /// When it last came back without a goodbye before; or said goodbye, if that was later.
    last: Time,
    counts: bool,
}

impl Recovery {
    /// Until when a member recovers.
    pub(crate) fn until(&self, id: MemberId) -> Option<Time> {
        self.recovering.get(&id).copied()
    }

    /// The member said goodbye: what comes then is no crash.
    fn left(&mut self, now: Time, id: MemberId) {
        self.stop(id);
        make_room(&mut self.returned, id, RETURNED_MAX, |returned| returned.last);
        self.returned.insert(id, Returned { last: now, counts: false });
    }

    fn stop(&mut self, id: MemberId) {
        self.recovering.remove(&id);
    }

    /// The member is back, the same process or another one, among so many live ones.
    fn back(&mut self, now: Time, id: MemberId, same: bool, live: usize, detection_time: Duration) {
        let before = self.returned.get(&id).copied();
        if !same && before.is_some_and(|before| !before.counts) {
            self.returned.remove(&id);
            return;
        }
        let again = before.is_some_and(|it| it.counts && now.since(it.last) <= HOLD_WINDOW);
        make_room(&mut self.returned, id, RETURNED_MAX, |returned| returned.last);
        self.returned.insert(id, Returned { last: now, counts: true });
        let wait = match (again, same) {
            (true, _) => CRASH_LOOP.max(detection_time),
            (false, true) => detection_time,
            (false, false) => return,
        };
        let most = (live / RECOVERING_SHARE).clamp(1, RECOVERING_MAX);
        if self.recovering.contains_key(&id) || self.recovering.len() < most {
            self.recovering.insert(id, now + wait);
        }
    }
}

impl Engine {
    /// A member changed: does it recover from now on, or no longer?
    pub(crate) fn follow_recovery(&mut self, now: Time, id: MemberId, kind: ChangeKind) {
        let status = self.table.get(id).map(|record| record.claim.status());
        match (kind, status) {
            (_, Some(Status::Left | Status::Evicted)) => self.recovery.left(now, id),
            (ChangeKind::Recovered | ChangeKind::Restarted, Some(status)) if status.is_live() => {
                let same = kind == ChangeKind::Recovered;
                let live = self.table.live_len();
                self.recovery.back(now, id, same, live, self.config.detection_time);
            }
            (_, Some(status)) if status.is_live() => {}
            _ => self.recovery.stop(id),
        }
    }

    /// Once per period: who has recovered?
    pub(crate) fn recoveries_due(&mut self, now: Time) {
        let recovering = &mut self.recovery.recovering;
        let settled: Vec<MemberId> =
            recovering.extract_if(.., |_, until| *until <= now).map(|(id, _)| id).collect();
        for id in settled {
            let member = self.member(id);
            self.events.extend(member.map(Event::Settled));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DETECTION: Duration = Duration::from_secs(5);

    fn at(secs: u64) -> Time {
        Time::from_millis(secs * 1_000)
    }

    fn id(name: &str) -> MemberId {
        MemberId::of(name)
    }

    /// For how many seconds `x` recovers when it is back then.
    fn wait(recovery: &mut Recovery, secs: u64, same: bool) -> u64 {
        recovery.stop(id("x"));
        recovery.back(at(secs), id("x"), same, 100, DETECTION);
        recovery.until(id("x")).map_or(0, |until| until.since(at(secs)).as_secs())
    }

    #[test]
    fn who_was_failed_recovers_for_the_detection_time_and_a_crash_loop_for_longer() {
        let mut recovery = Recovery::default();
        let waits = [(0, true), (700, false), (1_000, false), (1_500, true), (2_200, true)];
        assert_eq!(waits.map(|(at, same)| wait(&mut recovery, at, same)), [5, 0, 30, 30, 5]);
    }

    #[test]
    fn a_restart_after_a_goodbye_is_no_crash() {
        let mut recovery = Recovery::default();
        for secs in [0, 10, 20, 30] {
            recovery.left(at(secs), id("x"));
            assert_eq!(wait(&mut recovery, secs + 1, false), 0);
        }
        assert_eq!(wait(&mut recovery, 40, false), 0);
        assert_eq!(wait(&mut recovery, 50, false), 30);
    }

    #[test]
    fn no_more_than_a_tenth_recovers_at_once() {
        let mut recovery = Recovery::default();
        for number in 0..50 {
            recovery.back(at(0), id(&number.to_string()), true, 100, DETECTION);
        }
        assert_eq!(recovery.recovering.len(), 10);
        recovery.back(at(1), id("0"), true, 100, DETECTION);
        assert_eq!(
            recovery.until(id("0")),
            Some(at(31)),
            "one that does already is not passed over"
        );
        let mut small = Recovery::default();
        small.back(at(0), id("x"), true, 2, DETECTION);
        assert!(small.until(id("x")).is_some());
    }
}
