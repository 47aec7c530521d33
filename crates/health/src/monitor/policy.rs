//! When a silent sender is suspect, and when it has failed.

use std::time::Duration;

use headcount_state::Time;

use super::MonitorError;
use crate::phi::{Phi, PhiSettings, deviations};
use crate::two_window::{TwoWindow, TwoWindowSettings};

/// By what a [`HeartbeatMonitor`](super::HeartbeatMonitor) judges silence. `docs/heartbeats.md` has
/// measured how fast and how often wrong each is, by its thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HeartbeatPolicy {
    /// After so long a silence, whatever was seen before. For senders whose interval and network
    /// are known.
    Fixed {
        /// The silence after which a sender is suspect.
        suspect: Duration,
        /// The silence after which it has failed; not below `suspect`.
        fail: Duration,
    },
    /// When phi reaches so much ([`Phi`]). For senders that differ, or whose intervals change:
    /// irregular ones are given more time than steady ones.
    Phi {
        /// How intervals are learned.
        settings: PhiSettings,
        /// The phi at which a sender is suspect, above 0 and at most [`Phi::MAX`].
        suspect: f32,
        /// The phi at which it has failed; not below `suspect`.
        fail: f32,
    },
    /// When the next heartbeat is so much later than expected ([`TwoWindow`]). For regular senders
    /// on a network that has bad times.
    TwoWindow {
        /// How arrivals are learned.
        settings: TwoWindowSettings,
        /// The margin after which a sender is suspect, above zero.
        suspect: Duration,
        /// The margin after which it has failed; not below `suspect`.
        fail: Duration,
    },
}

impl HeartbeatPolicy {
    /// For heartbeats at this interval: suspect after three intervals without one, failed after
    /// five.
    pub fn fixed(interval: Duration) -> HeartbeatPolicy {
        HeartbeatPolicy::Fixed { suspect: interval * 3, fail: interval * 5 }
    }

    /// For heartbeats at this interval at first: two may be lost as a matter of course; suspect at
    /// phi 3, failed at 12.
    pub fn phi(interval: Duration) -> HeartbeatPolicy {
        let settings = PhiSettings { pause: interval * 2, ..PhiSettings::every(interval) };
        HeartbeatPolicy::Phi { settings, suspect: 3.0, fail: 12.0 }
    }

    /// For heartbeats at this interval at first: suspect two intervals after the next one was
    /// expected, failed after four.
    pub fn two_window(interval: Duration) -> HeartbeatPolicy {
        let settings = TwoWindowSettings::every(interval);
        HeartbeatPolicy::TwoWindow { settings, suspect: interval * 2, fail: interval * 4 }
    }

    /// The thresholds, if they can be.
    pub(super) fn judge(self) -> Result<Judge, MonitorError> {
        let ordered = match self {
            HeartbeatPolicy::Fixed { suspect, fail }
            | HeartbeatPolicy::TwoWindow { suspect, fail, .. } => {
                Duration::ZERO < suspect && suspect <= fail
            }
            HeartbeatPolicy::Phi { suspect, fail, .. } => {
                0.0 < suspect && suspect <= fail && fail <= Phi::MAX
            }
        };
        if !ordered {
            return Err(MonitorError::Thresholds);
        }
        Ok(match self {
            HeartbeatPolicy::Fixed { suspect, fail } => Judge::Fixed { suspect, fail },
            HeartbeatPolicy::Phi { settings, suspect, fail } => {
                Judge::Phi { settings, suspect: deviations(suspect), fail: deviations(fail) }
            }
            HeartbeatPolicy::TwoWindow { settings, suspect, fail } => {
                let suspect_us = u64::try_from(suspect.as_micros()).unwrap_or(u64::MAX);
                Judge::TwoWindow { settings, suspect, suspect_us, fail }
            }
        })
    }
}

/// A policy, ready to be asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Judge {
    Fixed {
        suspect: Duration,
        fail: Duration,
    },
    /// Thresholds in deviations from the mean.
    Phi {
        settings: PhiSettings,
        suspect: f64,
        fail: f64,
    },
    TwoWindow {
        settings: TwoWindowSettings,
        suspect: Duration,
        suspect_us: u64,
        fail: Duration,
    },
}

/// What is known of one sender.
#[derive(Clone, Copy, Debug)]
pub(super) enum Track {
    /// When it was heard last.
    Fixed(Time),
    Phi(Phi),
    TwoWindow(TwoWindow),
}

impl Judge {
    /// A sender that was heard at `now` for the first time.
    pub(super) fn begin(&self, now: Time) -> Track {
        let mut track = match self {
            Judge::Fixed { .. } => Track::Fixed(now),
            Judge::Phi { settings, .. } => Track::Phi(Phi::new(*settings)),
            Judge::TwoWindow { settings, .. } => Track::TwoWindow(TwoWindow::new(*settings)),
        };
        track.record(now);
        track
    }

    pub(super) fn suspect_at(&self, track: &Track) -> Time {
        match (self, track) {
            (Judge::Fixed { suspect, .. }, Track::Fixed(last)) => *last + *suspect,
            (Judge::Phi { suspect, .. }, Track::Phi(phi)) => or_never(phi.reaches_at(*suspect)),
            (Judge::TwoWindow { suspect, .. }, Track::TwoWindow(windows)) => {
                or_never(windows.deadline(*suspect))
            }
            _ => Time::MAX,
        }
    }

    /// Whether it is suspect before `at`, if it is not heard until then.
    pub(super) fn suspects_before(&self, track: &Track, at: Time) -> bool {
        match (self, track) {
            (Judge::Phi { suspect, .. }, Track::Phi(phi)) if *suspect >= 0.0 => {
                phi.reaches_before(*suspect, at)
            }
            (Judge::TwoWindow { suspect_us, .. }, Track::TwoWindow(windows)) => {
                windows.deadline_before(*suspect_us, at)
            }
            _ => self.suspect_at(track) < at,
        }
    }

    pub(super) fn fail_at(&self, track: &Track) -> Time {
        match (self, track) {
            (Judge::Fixed { fail, .. }, Track::Fixed(last)) => *last + *fail,
            (Judge::Phi { fail, .. }, Track::Phi(phi)) => or_never(phi.reaches_at(*fail)),
            (Judge::TwoWindow { fail, .. }, Track::TwoWindow(windows)) => {
                or_never(windows.deadline(*fail))
            }
            _ => Time::MAX,
        }
    }

    pub(super) fn level(&self, track: &Track, now: Time) -> f32 {
        match (self, track) {
            (Judge::Fixed { suspect, .. }, Track::Fixed(last)) => {
                let share = now.since(*last).as_secs_f64() / suspect.as_secs_f64();
                share.min(1_000.0) as f32
            }
            (_, Track::Phi(phi)) => phi.phi(now),
            (Judge::TwoWindow { suspect, .. }, Track::TwoWindow(windows)) => {
                windows.level(now, *suspect)
            }
            _ => 0.0,
        }
    }
}

impl Track {
    pub(super) fn record(&mut self, now: Time) {
        match self {
            Track::Fixed(last) => *last = now.max(*last),
            Track::Phi(phi) => phi.record(now),
            Track::TwoWindow(windows) => windows.record(now),
        }
    }

    /// When it was heard last.
    pub(super) fn last(&self) -> Time {
        match self {
            Track::Fixed(last) => *last,
            Track::Phi(phi) => phi.last().unwrap_or_default(),
            Track::TwoWindow(windows) => windows.last().unwrap_or_default(),
        }
    }
}

fn or_never(at: Option<Time>) -> Time {
    at.unwrap_or(Time::MAX)
}
