//! Processes that are slow: everything waits its turn in a queue of the process and takes its time.
//!
//! ```text
//!   datagram, segment ──────────────> queue ──(per_message of processor time each)──> engine
//!   timer ──(late by up to late_by)──>
//! ```
//! The processor may be shared: then it works for the process in the first part of every 100 ms
//! only, as the bandwidth control of the Linux scheduler does it.

use std::collections::VecDeque;
use std::time::Duration;

use headcount_state::Time;

use crate::network::DropReason;
use crate::random::{Random, derive};
use crate::scenario::Slow;
use crate::simulation::{Action, Simulation};

/// The period of the scheduler's bandwidth control, in microseconds: its default.
const SCHEDULER_PERIOD_US: u64 = 100_000;

/// How slow the process on a host is, and what waits for it.
#[derive(Debug)]
pub(crate) struct Slowness {
    work_us: u64,
    late_by: Duration,
    /// How long it runs in each period of the scheduler.
    quota_us: u64,
    buffer: usize,
    waiting: VecDeque<Action>,
    /// It is at work on the first of those that wait.
    busy: bool,
    luck: Random,
    /// The fault that made it slow.
    fault: usize,
}

impl Slowness {
    fn new(slow: &Slow, fault: usize, seed: u64) -> Slowness {
        let quota = (slow.cpu * SCHEDULER_PERIOD_US as f64).round() as u64;
        Slowness {
            work_us: u64::try_from(slow.per_message.as_micros()).unwrap_or(u64::MAX),
            late_by: slow.late_by,
            quota_us: quota.clamp(1, SCHEDULER_PERIOD_US),
            buffer: slow.buffer,
            waiting: VecDeque::new(),
            busy: false,
            luck: Random::new(seed, "slowness"),
            fault,
        }
    }

    /// The process is gone, and what waited for it too.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
    }

    /// When work on one thing is done that begins at `now`.
    fn done(&self, now: Time) -> Time {
        let (period, quota) = (SCHEDULER_PERIOD_US, self.quota_us);
        let (periods, into) = (now.as_micros() / period, now.as_micros() % period);
        // Processor time, counted from the start of the simulation.
        let work = (periods * quota + into.min(quota)).saturating_add(self.work_us);
        let (periods, into) = (work / quota, work % quota);
        let done = match into {
            0 => (periods - 1).saturating_mul(period).saturating_add(quota),
            _ => periods.saturating_mul(period).saturating_add(into),
        };
        Time::from_micros(done)
    }
}

impl Simulation {
    /// The process of `node` is slow from now on, and every later one there.
    pub(crate) fn slow_down(&mut self, fault: usize, index: usize, slow: &Slow) -> bool {
        let seed = derive(derive(self.seed, "slow", fault as u64), "node", index as u64);
        let node = &mut self.nodes[index];
        let struck = node.slowness.is_none();
        if struck {
            node.slowness = Some(Box::new(Slowness::new(slow, fault, seed)));
        }
        struck
    }

    /// It is slow no more, as far as this fault goes: what waits is handled now.
    pub(crate) fn speed_up(&mut self, fault: usize, index: usize) {
        let slowness = self.nodes[index].slowness.take_if(|slowness| slowness.fault == fault);
        for action in slowness.into_iter().flat_map(|slowness| slowness.waiting) {
            self.handle(index, action);
        }
    }

    /// Keeps `action` for later if the process that it concerns is slow.
    pub(crate) fn line_up(&mut self, index: usize, action: Action) -> Option<Action> {
        let now = self.now;
        let node = &mut self.nodes[index];
        let (Some(slowness), Some(running)) = (node.slowness.as_mut(), node.running.as_ref())
        else {
            return Some(action);
        };
        match action {
            Action::Wake(_) if running.wake != Some(now) => {}
            Action::Wake(_) => {
                let late = slowness.late_by.mul_f64(slowness.luck.unit());
                self.queue.push(now + late, Action::LateTimer(index));
            }
            Action::Datagram(_) if slowness.waiting.len() >= slowness.buffer => {
                *self.drops.entry(DropReason::Overrun).or_default() += 1;
            }
            action => self.enqueue(index, action),
        }
        None
    }

    /// A timer of a slow process fires at last.
    pub(crate) fn late_timer(&mut self, index: usize) {
        let timer = Action::Wake(index);
        match self.nodes[index].slowness {
            Some(_) => self.enqueue(index, timer),
            None => self.handle(index, timer),
        }
    }

    /// A slow process is done with the first thing that waited.
    pub(crate) fn work(&mut self, index: usize) {
        let Some(slowness) = self.nodes[index].slowness.as_mut() else { return };
        let first = slowness.waiting.pop_front();
        slowness.busy = !slowness.waiting.is_empty();
        *self.slowed.entry(slowness.fault).or_default() += u64::from(first.is_some());
        if slowness.busy {
            self.queue.push(slowness.done(self.now), Action::Work(index));
        }
        if let Some(action) = first {
            self.handle(index, action);
        }
    }

    fn enqueue(&mut self, index: usize, action: Action) {
        let Some(slowness) = self.nodes[index].slowness.as_mut() else { return };
        slowness.waiting.push_back(action);
        if !slowness.busy {
            slowness.busy = true;
            self.queue.push(slowness.done(self.now), Action::Work(index));
        }
    }

    fn handle(&mut self, index: usize, action: Action) {
        match self.put_off(index, action) {
            Some(Action::Wake(_)) => self.tick(index),
            Some(action) => self.take_in(action),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(work_us: u64, cpu: f64, now_us: u64) -> u64 {
        let per_message = Duration::from_micros(work_us);
        let slow = Slow { cpu, ..Slow::new(Duration::ZERO, &["n0"], per_message) };
        Slowness::new(&slow, 0, 1).done(Time::from_micros(now_us)).as_micros()
    }

    #[test]
    fn a_whole_processor_works_on_and_on() {
        assert_eq!(done(1, 1.0, 0), 1);
        assert_eq!(done(250_000, 1.0, 99_999), 349_999);
        assert_eq!(done(1, 1.0, 100_000), 100_001);
    }

    #[test]
    fn a_shared_processor_works_in_the_first_part_of_each_period() {
        // It runs from 0 to 20 ms, from 100 ms to 120 ms, ...
        assert_eq!(done(1_000, 0.2, 0), 1_000);
        assert_eq!(done(1_000, 0.2, 19_000), 20_000);
        assert_eq!(done(1_000, 0.2, 19_500), 100_500);
        assert_eq!(done(1_000, 0.2, 50_000), 101_000);
        assert_eq!(done(45_000, 0.2, 0), 205_000);
    }
}
