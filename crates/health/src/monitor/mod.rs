//! Who of a million senders is alive, by their heartbeats alone.

mod event;
mod policy;
mod wheel;

use std::iter;

use headcount_state::{IdIndex, MemberId, Time};

pub use event::{HeartbeatChange, HeartbeatEvent, HeartbeatStatus, MonitorError};
pub use policy::HeartbeatPolicy;

use policy::{Judge, Track};
use wheel::Wheel;

/// Watches the heartbeats of many senders, with no cluster around it: devices, workers, sessions,
/// leases. It says who is alive, suspect and failed, and tells when that changes.
///
/// Pure: `now` is an argument, from any clock that does not go back. Ids are [`MemberId`]s: of a name
/// by [`MemberId::of`], of a number that you have by [`MemberId::from_u64`].
///
/// A heartbeat takes constant time and reads two or three lines of memory, whatever the number of
/// senders; a sender takes less than 128 bytes. Deadlines are lazy: a heartbeat does not move the
/// sender's place in the order of deadlines, but when its time comes it is looked at, and put off if
/// it was heard meanwhile.
///
/// ```
/// use std::time::Duration;
/// use headcount_health::{HeartbeatChange, HeartbeatMonitor, HeartbeatStatus, HeartbeatPolicy};
/// use headcount_state::{MemberId, Time};
///
/// let mut monitor = HeartbeatMonitor::new(HeartbeatPolicy::fixed(Duration::from_secs(1)), 1_000)?;
/// let sensor = MemberId::of("sensor-17");
/// for second in 0..10 {
///     monitor.record(sensor, Time::from_millis(second * 1_000))?;
/// }
/// // Silent since 9 s: suspect three seconds later, failed five seconds later.
/// let now = Time::from_millis(12_500);
/// assert_eq!(monitor.status(sensor, now), Some(HeartbeatStatus::Suspect));
/// let told: Vec<_> = monitor.poll_events(now).map(|event| (event.change, event.at)).collect();
/// assert_eq!(told, [
///     (HeartbeatChange::Online, Time::from_millis(9_000)),
///     (HeartbeatChange::Suspected, Time::from_millis(12_000)),
/// ]);
/// // A driver sleeps until then, or until the next heartbeat.
/// assert!(monitor.poll_timeout().is_some_and(|at| at <= Time::from_millis(14_001)));
/// # Ok::<(), headcount_health::MonitorError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HeartbeatMonitor {
    judge: Judge,
    capacity: usize,
    /// A place stays that of its sender; those of removed ones are free.
    senders: Vec<Sender>,
    free: Vec<u32>,
    index: IdIndex,
    wheel: Wheel,
}

/// One line of memory.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Sender {
    id: MemberId,
    track: Track,
    /// By when it is looked at.
    looked_at: Time,
    /// What was told of it; nothing yet of a new one.
    told: Option<HeartbeatStatus>,
}

/// By how much lists grow: a quarter, for the sake of memory, and so many at least.
const GROWTH: usize = 4;
const GROWTH_MIN: usize = 16;

/// How many senders are fetched from memory at a time.
const AT_A_TIME: usize = 32;

impl HeartbeatMonitor {
    /// Watches nobody yet, and `capacity` senders at most. Memory is taken as they come.
    ///
    /// # Errors
    /// [`MonitorError::Capacity`] and [`MonitorError::Thresholds`] for what cannot be.
    pub fn new(policy: HeartbeatPolicy, capacity: usize) -> Result<HeartbeatMonitor, MonitorError> {
        if capacity == 0 || capacity > IdIndex::PLACES_MAX {
            return Err(MonitorError::Capacity(capacity));
        }
        Ok(HeartbeatMonitor {
            judge: policy.judge()?,
            capacity,
            senders: Vec::new(),
            free: Vec::new(),
            index: IdIndex::default(),
            wheel: Wheel::new(),
        })
    }

    /// Takes in a heartbeat of `id` that arrived at `now`. A sender that is not known is watched
    /// from now on. A heartbeat that is not later than the latest one changes nothing.
    ///
    /// # Errors
    /// [`MonitorError::Full`] if the sender is new and there is no room; nothing changes.
    pub fn record(&mut self, id: MemberId, now: Time) -> Result<(), MonitorError> {
        let Some(place) = self.place(id) else { return self.begin(id, now) };
        self.record_at(place, now);
        Ok(())
    }

    /// Takes in many heartbeats, as [`HeartbeatMonitor::record`] one after the other, and answers
    /// how many were refused for want of room. Among many senders it is several times as fast: the
    /// memory of some is fetched at a time.
    pub fn record_all(&mut self, heartbeats: &[(MemberId, Time)]) -> usize {
        let mut refused = 0;
        for some in heartbeats.chunks(AT_A_TIME) {
            let mut places = [None; AT_A_TIME];
            for (place, (id, _)) in places.iter_mut().zip(some) {
                *place = self.place(*id);
            }
            for (place, (id, now)) in places.into_iter().zip(some) {
                match place {
                    Some(place) => self.record_at(place, *now),
                    // It may have become known since.
                    None => refused += usize::from(self.record(*id, *now).is_err()),
                }
            }
        }
        refused
    }

    /// What the silence of `id` is taken for at `now`; `None` if it is not watched.
    pub fn status(&self, id: MemberId, now: Time) -> Option<HeartbeatStatus> {
        self.place(id).map(|place| self.status_of(&self.senders[place].track, now))
    }

    /// How suspicious the silence of `id` is at `now`; `None` if it is not watched. By the policy:
    /// phi, or which share of the suspect's margin or timeout is used up, 1 when it is suspect.
    pub fn suspicion(&self, id: MemberId, now: Time) -> Option<f32> {
        self.place(id).map(|place| self.judge.level(&self.senders[place].track, now))
    }

    /// When `id` was heard last; `None` if it is not watched.
    pub fn last(&self, id: MemberId) -> Option<Time> {
        self.place(id).map(|place| self.senders[place].track.last())
    }

    /// What has changed by `now`, each change once: at most 1.1 ms after it came to be, never
    /// before. Of one sender in order; of several, about in the order of their times.
    ///
    /// What came and went between two polls is not told: whoever would have been suspect for a
    /// while and was heard again. Who would be suspect and failed is told of twice. What is not
    /// taken from the iterator is told the next time.
    pub fn poll_events(&mut self, now: Time) -> impl Iterator<Item = HeartbeatEvent> {
        iter::from_fn(move || {
            while let Some(place) = self.wheel.take(now) {
                let event = self.look(place, now);
                if event.is_some() {
                    return event;
                }
            }
            None
        })
    }

    /// When to poll again; `None` if there is nothing to wait for. There may be nothing to tell by
    /// then, but there is not before, if no heartbeat comes: ask anew after those.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.wheel.next()
    }

    /// Watches `id` no more, and forgets all of it: another heartbeat is a first one. Nothing is told.
    /// Whether it was watched. Those that failed stay, with what was learned, until they are
    /// removed.
    pub fn remove(&mut self, id: MemberId) -> bool {
        let removed = self.index.remove(id, |place| self.senders[place].id);
        if let Some(place) = removed {
            self.wheel.cancel(place);
            self.free.push(place as u32);
        }
        removed.is_some()
    }

    /// How many senders are watched.
    pub fn len(&self) -> usize {
        self.senders.len() - self.free.len()
    }

    /// Whether nobody is watched.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many senders there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The bytes that it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let senders = self.senders.capacity() * size_of::<Sender>();
        let free = self.free.capacity() * size_of::<u32>();
        senders + free + self.index.heap_bytes() + self.wheel.heap_bytes()
    }

    fn begin(&mut self, id: MemberId, now: Time) -> Result<(), MonitorError> {
        if self.len() == self.capacity {
            return Err(MonitorError::Full(self.capacity));
        }
        let track = self.judge.begin(now);
        let place = self.free.pop().map_or(self.senders.len(), |place| place as usize);
        if place == self.senders.capacity() {
            let most = self.capacity - place;
            let more = (place / GROWTH).max(GROWTH_MIN).min(most);
            self.senders.reserve_exact(more);
            self.wheel.make_room(more);
        }
        let looked_at = self.wheel.schedule(place, Time::ZERO);
        let sender = Sender { id, track, looked_at, told: None };
        match self.senders.get_mut(place) {
            Some(held) => *held = sender,
            None => self.senders.push(sender),
        }
        self.index.insert(id, place, |place| self.senders[place].id);
        Ok(())
    }

    fn record_at(&mut self, place: usize, now: Time) {
        let sender = &mut self.senders[place];
        sender.track.record(now);
        // Whoever has news is looked at as soon as possible; others may be due earlier than thought,
        // when they are found to be steadier or faster.
        let due = match sender.told {
            Some(HeartbeatStatus::Alive) => {
                if !self.judge.suspects_before(&sender.track, sender.looked_at) {
                    return;
                }
                self.judge.suspect_at(&sender.track)
            }
            _ => Time::ZERO,
        };
        if due < sender.looked_at {
            sender.looked_at = self.wheel.schedule(place, due);
        }
    }

    /// What has changed since something was told of a sender: one step. It is looked at again at
    /// once if there is more to tell.
    fn look(&mut self, place: usize, now: Time) -> Option<HeartbeatEvent> {
        let Sender { id, track, told, .. } = self.senders[place];
        let status = self.status_of(&track, now);
        let (alive, last) = (HeartbeatStatus::Alive, track.last());
        let step = match told {
            None => Some((alive, HeartbeatChange::Online, last)),
            Some(told) if told > status => Some((alive, HeartbeatChange::Recovered, last)),
            Some(told) if told == status => None,
            Some(HeartbeatStatus::Alive) => {
                let at = self.judge.suspect_at(&track);
                Some((HeartbeatStatus::Suspect, HeartbeatChange::Suspected, at))
            }
            Some(_) => {
                let at = self.judge.fail_at(&track);
                Some((HeartbeatStatus::Failed, HeartbeatChange::Failed, at))
            }
        };
        let told = step.map_or(status, |(told, ..)| told);
        self.senders[place].told = Some(told);
        self.senders[place].looked_at = match told {
            HeartbeatStatus::Alive => self.wheel.schedule(place, self.judge.suspect_at(&track)),
            HeartbeatStatus::Suspect => self.wheel.schedule(place, self.judge.fail_at(&track)),
            HeartbeatStatus::Failed => Time::MAX,
        };
        step.map(|(_, change, at)| HeartbeatEvent { id, change, at })
    }

    fn status_of(&self, track: &Track, now: Time) -> HeartbeatStatus {
        if now < self.judge.suspect_at(track) {
            HeartbeatStatus::Alive
        } else if now < self.judge.fail_at(track) {
            HeartbeatStatus::Suspect
        } else {
            HeartbeatStatus::Failed
        }
    }

    fn place(&self, id: MemberId) -> Option<usize> {
        self.index.find(id, |place| self.senders[place].id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    fn id(number: u64) -> MemberId {
        MemberId::from_u64(number + 1).unwrap()
    }

    fn policies() -> [HeartbeatPolicy; 3] {
        [
            HeartbeatPolicy::fixed(SECOND),
            HeartbeatPolicy::phi(SECOND),
            HeartbeatPolicy::two_window(SECOND),
        ]
    }

    fn told(monitor: &mut HeartbeatMonitor, now: Time) -> Vec<(MemberId, HeartbeatChange)> {
        monitor.poll_events(now).map(|event| (event.id, event.change)).collect()
    }

    #[test]
    fn a_sender_that_falls_silent_is_suspect_then_failed_and_may_come_back() {
        use HeartbeatChange::{Failed, Online, Recovered, Suspected};
        for policy in policies() {
            let mut monitor = HeartbeatMonitor::new(policy, 10).unwrap();
            (0..=60).for_each(|s| monitor.record(id(0), at(s * 1_000)).unwrap());
            assert_eq!(told(&mut monitor, at(60_500)), [(id(0), Online)], "{policy:?}");
            let status = |monitor: &HeartbeatMonitor, ms| monitor.status(id(0), at(ms));
            assert_eq!(status(&monitor, 60_500), Some(HeartbeatStatus::Alive));
            let wake = monitor.poll_timeout().unwrap();
            assert!(wake > at(60_500) && wake < at(63_900), "{policy:?} {wake}");
            let all = [(id(0), Suspected), (id(0), Failed)];
            assert_eq!(told(&mut monitor, at(90_000)), all, "{policy:?}");
            assert_eq!(monitor.poll_timeout(), None, "nothing more can happen to it");
            monitor.record(id(0), at(100_000)).unwrap();
            assert!(monitor.poll_timeout().is_some_and(|at| at <= Time::from_millis(100_000)));
            assert_eq!(told(&mut monitor, at(100_000)), [(id(0), Recovered)]);
            assert_eq!(status(&monitor, 100_900), Some(HeartbeatStatus::Alive));
            assert_eq!(told(&mut monitor, at(200_000)), all, "{policy:?}");
        }
    }

    #[test]
    fn thresholds_are_kept_to_the_microsecond_and_told_within_a_tick() {
        let mut monitor = HeartbeatMonitor::new(HeartbeatPolicy::fixed(SECOND), 10).unwrap();
        monitor.record(id(0), at(1_000)).unwrap();
        assert_eq!(monitor.poll_events(at(1_000)).count(), 1);
        let due = Time::from_micros(4_000_000);
        let status = |micros| monitor.status(id(0), Time::from_micros(micros));
        assert_eq!(status(3_999_999), Some(HeartbeatStatus::Alive));
        assert_eq!(status(4_000_000), Some(HeartbeatStatus::Suspect));
        assert_eq!(status(5_999_999), Some(HeartbeatStatus::Suspect));
        assert_eq!(status(6_000_000), Some(HeartbeatStatus::Failed));
        assert_eq!(monitor.suspicion(id(0), Time::from_micros(2_500_000)), Some(0.5));
        assert_eq!(monitor.poll_events(Time::from_micros(3_999_999)).count(), 0);
        let event = monitor.poll_events(Time::from_micros(4_001_100)).next().unwrap();
        assert_eq!((event.change, event.at), (HeartbeatChange::Suspected, due));
    }

    #[test]
    fn heartbeats_out_of_order_and_twice_change_nothing() {
        for policy in policies() {
            let mut monitor = HeartbeatMonitor::new(policy, 10).unwrap();
            let mut plain = monitor.clone();
            for s in 1..=30 {
                monitor.record(id(0), at(s * 1_000)).unwrap();
                plain.record(id(0), at(s * 1_000)).unwrap();
                monitor.record(id(0), at(s * 1_000)).unwrap();
                monitor.record(id(0), at(s * 1_000 - 400)).unwrap();
            }
            let looked = |m: &HeartbeatMonitor| (m.last(id(0)), m.suspicion(id(0), at(31_500)));
            assert_eq!(looked(&monitor), looked(&plain), "{policy:?}");
        }
    }

    #[test]
    fn a_sender_found_to_be_faster_than_expected_is_looked_at_earlier() {
        for policy in [HeartbeatPolicy::phi(SECOND), HeartbeatPolicy::two_window(SECOND)] {
            let mut monitor = HeartbeatMonitor::new(policy, 10).unwrap();
            monitor.record(id(0), at(0)).unwrap();
            assert_eq!(monitor.poll_events(at(0)).count(), 1);
            let first = monitor.poll_timeout().unwrap();
            (1..50).for_each(|i| monitor.record(id(0), at(i)).unwrap());
            let (now, early) = (at(49), monitor.poll_timeout().unwrap());
            assert!(
                early < first || policy == HeartbeatPolicy::two_window(SECOND),
                "{early} {first}"
            );
            assert!(monitor.poll_events(now).next().is_none());
        }
    }

    #[test]
    fn beyond_its_capacity_new_senders_are_refused_and_known_ones_are_not() {
        let mut monitor = HeartbeatMonitor::new(HeartbeatPolicy::fixed(SECOND), 2).unwrap();
        monitor.record(id(0), at(0)).unwrap();
        monitor.record(id(1), at(0)).unwrap();
        assert_eq!(monitor.record(id(2), at(1)), Err(MonitorError::Full(2)));
        assert_eq!((monitor.record(id(1), at(2)), monitor.len()), (Ok(()), 2));
        assert!(monitor.remove(id(0)) && !monitor.remove(id(0)) && !monitor.remove(id(2)));
        assert_eq!((monitor.record(id(2), at(3)), monitor.len()), (Ok(()), 2));
        assert_eq!(monitor.status(id(0), at(3)), None);
        let told = told(&mut monitor, at(3));
        assert_eq!(told.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [id(2), id(1)]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        let new = |policy, capacity| HeartbeatMonitor::new(policy, capacity).err();
        let fixed = |suspect, fail| HeartbeatPolicy::Fixed { suspect, fail };
        let phi = |suspect, fail| HeartbeatPolicy::Phi {
            settings: crate::PhiSettings::every(SECOND),
            suspect,
            fail,
        };
        assert_eq!(new(HeartbeatPolicy::fixed(SECOND), 0), Some(MonitorError::Capacity(0)));
        assert_eq!(
            new(HeartbeatPolicy::fixed(SECOND), usize::MAX),
            Some(MonitorError::Capacity(usize::MAX))
        );
        for policy in [
            fixed(SECOND, SECOND / 2),
            fixed(Duration::ZERO, SECOND),
            phi(0.0, 1.0),
            phi(2.0, 1.0),
            phi(1.0, 101.0),
            phi(f32::NAN, 1.0),
            phi(1.0, f32::NAN),
        ] {
            assert_eq!(new(policy, 1), Some(MonitorError::Thresholds), "{policy:?}");
        }
        assert_eq!(new(fixed(SECOND, SECOND), 1), None);
    }

    #[test]
    fn a_sender_takes_less_than_128_bytes() {
        const SENDERS: u64 = 100_000;
        for capacity in [SENDERS, 10 * SENDERS] {
            for policy in policies() {
                let mut monitor = HeartbeatMonitor::new(policy, capacity as usize).unwrap();
                let mut most = 0.0f64;
                for number in 0..SENDERS {
                    monitor.record(id(number), at(number)).unwrap();
                    let each = monitor.heap_bytes() as f64 / (number + 1) as f64;
                    most = if number > 1_000 { most.max(each) } else { 0.0 };
                }
                assert!(most < 110.0, "{most}");
                let (senders, links) = (monitor.senders.capacity(), monitor.wheel.heap_bytes());
                assert!(links >= SENDERS as usize * 12 && senders >= SENDERS as usize);
                let counted = senders * 64 + links + monitor.index.heap_bytes();
                assert_eq!(monitor.heap_bytes(), counted);
                (0..SENDERS).for_each(|number| assert!(monitor.remove(id(number))));
                assert!(monitor.heap_bytes() >= counted + 4 * SENDERS as usize, "the free places");
                assert!(monitor.heap_bytes() < 128 * SENDERS as usize);
                assert_eq!(monitor.poll_timeout(), None);
            }
        }
    }

    #[test]
    fn many_heartbeats_at_once_are_as_good_as_one_after_the_other() {
        for policy in policies() {
            let mut one = HeartbeatMonitor::new(policy, 50).unwrap();
            let mut all = one.clone();
            let beats: Vec<_> = (0..400).map(|i| (id(i * i % 61), at(i * 10))).collect();
            let refused = beats.iter().filter(|(id, now)| one.record(*id, *now).is_err()).count();
            assert_eq!(all.record_all(&beats), refused, "{policy:?}");
            let (mut one_told, mut all_told) = (one.clone(), all.clone());
            assert_eq!(told(&mut one_told, at(5_000)), told(&mut all_told, at(5_000)));
            for number in 0..61 {
                let seen =
                    |m: &HeartbeatMonitor| (m.last(id(number)), m.suspicion(id(number), at(4_500)));
                assert_eq!(seen(&one), seen(&all));
            }
        }
        let mut small = HeartbeatMonitor::new(HeartbeatPolicy::fixed(SECOND), 2).unwrap();
        let beats: Vec<_> = [0, 1, 2, 0, 2].map(|i| (id(i), at(i))).to_vec();
        assert_eq!((small.record_all(&beats), small.len()), (2, 2));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Record(u64),
        Remove(u64),
        Poll,
        PollOne,
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = (0..14u8, 0..5u64, 0..23u32, any::<u64>());
        let step = step.prop_map(|(what, number, bits, raw)| match what {
            0..=4 => Step::Record(number),
            5 => Step::Remove(number),
            6 | 7 => Step::Poll,
            8 => Step::PollOne,
            _ => Step::Wait(raw & ((1 << bits) - 1)),
        });
        prop::collection::vec(step, 0..400)
    }

    /// What was told of a sender, if what follows may follow.
    fn follow(told: Option<HeartbeatStatus>, change: HeartbeatChange) -> Option<HeartbeatStatus> {
        use HeartbeatStatus::{Alive, Failed, Suspect};
        match (told, change) {
            (None, HeartbeatChange::Online) => Some(Alive),
            (Some(Alive), HeartbeatChange::Suspected) => Some(Suspect),
            (Some(Suspect), HeartbeatChange::Failed) => Some(Failed),
            (Some(Suspect | Failed), HeartbeatChange::Recovered) => Some(Alive),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn what_is_told_is_so_complete_in_order_and_never_early(
            policy in 0..3usize,
            steps in steps(),
        ) {
            let mut monitor = HeartbeatMonitor::new(policies()[policy], 5).unwrap();
            let mut told = BTreeMap::<u64, Option<HeartbeatStatus>>::new();
            let mut now = at(10);
            for step in steps {
                let most = match step {
                    Step::Record(number) => {
                        monitor.record(id(number), now).unwrap();
                        told.entry(number).or_default();
                        0
                    }
                    Step::Remove(number) => {
                        prop_assert_eq!(monitor.remove(id(number)), told.remove(&number).is_some());
                        0
                    }
                    Step::Wait(micros) => {
                        now += Duration::from_micros(micros);
                        0
                    }
                    Step::Poll => usize::MAX,
                    Step::PollOne => 1,
                };
                let wake = monitor.poll_timeout();
                for event in monitor.poll_events(now).take(most).collect::<Vec<_>>() {
                    prop_assert!(event.at <= now && wake.is_some_and(|wake| wake <= now));
                    let number = event.id.as_u64() - 1;
                    let before = told[&number];
                    let after = follow(before, event.change);
                    prop_assert!(after.is_some(), "{:?} after {:?}", event.change, before);
                    told.insert(number, after);
                }
                prop_assert_eq!(monitor.len(), told.len());
                if most == usize::MAX {
                    for (number, told) in &told {
                        let lately = now - Duration::from_micros(1_100);
                        let (is, was) = (monitor.status(id(*number), now), monitor.status(id(*number), lately));
                        prop_assert!(*told == is || *told == was, "{:?} {:?}", told, is);
                    }
                }
            }
        }
    }
}
