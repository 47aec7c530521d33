//! Who judges the silence, and how strictly.

use std::time::Duration;

use headcount_health::{Phi, PhiSettings, TwoWindow, TwoWindowSettings};
use headcount_state::Time;

use super::reference::{WindowChen, WindowPhi};
use super::trace::Beat;

/// A detector whose threshold is swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A fixed timeout; swept is its length, in seconds.
    Fixed,
    /// [`Phi`] with so many samples; swept is phi.
    Phi(u16),
    /// [`Phi`] with 1,000 samples at phi 8; swept is the pause that is tolerated besides, in seconds.
    PhiPause,
    /// [`TwoWindow`] with so many heartbeats in the long window, and as many in the short one: the
    /// estimator of Chen and others; swept is the margin, in seconds.
    Chen(u16),
    /// [`TwoWindow`] with 1 and 1,000; swept is the margin, in seconds.
    TwoWindow,
    /// Phi with a whole window, as in the paper; swept is phi.
    WindowPhi(u16),
    /// Chen's estimator with numbered heartbeats, a known interval and a whole window, as in the
    /// paper; swept is the margin, in seconds.
    WindowChen(u16),
    /// Two whole windows, 1 and 1,000, as in the paper; swept is the margin, in seconds.
    WindowTwo,
    /// Clairvoyant: it knows when each heartbeat was sent, and suspects so long after, in seconds, and
    /// not a moment before. Whoever finds every crash within that time, and trusts a sender after
    /// each heartbeat, makes these mistakes at least.
    Bound,
}

impl Policy {
    /// Every one that is measured, in the order of the tables.
    pub const ALL: [Policy; 13] = [
        Policy::Fixed,
        Policy::Phi(20),
        Policy::Phi(1_000),
        Policy::Phi(10_000),
        Policy::PhiPause,
        Policy::Chen(1_000),
        Policy::TwoWindow,
        Policy::WindowPhi(20),
        Policy::WindowPhi(1_000),
        Policy::WindowPhi(10_000),
        Policy::WindowChen(1_000),
        Policy::WindowTwo,
        Policy::Bound,
    ];

    /// Its name in lower case, with its samples.
    pub fn name(self) -> String {
        match self {
            Policy::Fixed => "fixed".to_owned(),
            Policy::Phi(samples) => format!("phi-{samples}"),
            Policy::PhiPause => "phi-8-pause".to_owned(),
            Policy::Chen(samples) => format!("chen-{samples}"),
            Policy::TwoWindow => "two-window".to_owned(),
            Policy::WindowPhi(samples) => format!("phi-window-{samples}"),
            Policy::WindowChen(samples) => format!("chen-window-{samples}"),
            Policy::WindowTwo => "two-window-window".to_owned(),
            Policy::Bound => "bound".to_owned(),
        }
    }

    /// What is swept, with its unit.
    pub fn swept(self) -> &'static str {
        match self {
            Policy::Fixed => "timeout_s",
            Policy::Phi(_) | Policy::WindowPhi(_) => "phi",
            Policy::PhiPause => "pause_s",
            Policy::Chen(_) | Policy::TwoWindow | Policy::WindowChen(_) | Policy::WindowTwo => {
                "margin_s"
            }
            Policy::Bound => "detection_s",
        }
    }

    /// Whether it holds whole windows, as the papers do, to be compared with.
    pub fn is_reference(self) -> bool {
        matches!(self, Policy::WindowPhi(_) | Policy::WindowChen(_) | Policy::WindowTwo)
    }

    /// Its thresholds, the strictest first.
    pub fn thresholds(self) -> Vec<f64> {
        // Ten to a decade and more.
        let geometric = |from: f64, to: f64, steps: u32| {
            let factor = libm::pow(to / from, 1.0 / f64::from(steps));
            let mut value = from / factor;
            (0..=steps).map(move |_| {
                value *= factor;
                value
            })
        };
        match self {
            Policy::Phi(_) | Policy::WindowPhi(_) => {
                let mut all: Vec<f64> = geometric(0.5, 100.0, 40).collect();
                // The published one.
                all.push(3.0);
                all.sort_by(f64::total_cmp);
                all
            }
            Policy::Fixed | Policy::Bound => geometric(0.11, 8.0, 80).collect(),
            Policy::PhiPause => [0.0].into_iter().chain(geometric(0.01, 8.0, 70)).collect(),
            _ => geometric(0.005, 8.0, 90).collect(),
        }
    }

    pub(super) fn estimator(self, interval_us: f64) -> Estimator {
        let interval = Duration::from_micros(interval_us as u64);
        let phi = |samples| Phi::new(PhiSettings { samples, ..PhiSettings::every(interval) });
        let windows =
            |short, long| TwoWindow::new(TwoWindowSettings { expected: interval, short, long });
        match self {
            Policy::Fixed => Estimator::Fixed,
            Policy::Phi(samples) => Estimator::Phi { phi: phi(samples), pause: None },
            Policy::PhiPause => {
                Estimator::Phi { phi: phi(1_000), pause: Some(Phi::deviations(8.0)) }
            }
            Policy::Chen(samples) => Estimator::TwoWindow(windows(samples, samples)),
            Policy::TwoWindow => Estimator::TwoWindow(windows(1, 1_000)),
            Policy::WindowPhi(samples) => Estimator::WindowPhi(WindowPhi::new(samples.into())),
            Policy::WindowChen(samples) => {
                Estimator::WindowChen(WindowChen::new(interval_us, &[samples.into()]))
            }
            Policy::WindowTwo => Estimator::WindowChen(WindowChen::new(interval_us, &[1, 1_000])),
            Policy::Bound => Estimator::Bound,
        }
    }

    /// How many units of [`Line::unit_us`] a threshold is.
    pub(super) fn units(self, threshold: f64) -> f64 {
        match self {
            Policy::Phi(_) | Policy::WindowPhi(_) => Phi::deviations(threshold as f32),
            _ => threshold,
        }
    }
}

/// What a detector has learned.
#[derive(Clone, Debug)]
pub(super) enum Estimator {
    Fixed,
    /// With a pause: the deviations that come before it.
    Phi {
        phi: Phi,
        pause: Option<f64>,
    },
    TwoWindow(TwoWindow),
    WindowPhi(WindowPhi),
    WindowChen(WindowChen),
    Bound,
}

/// When suspicion begins, by the threshold: so long after a heartbeat arrived, plus as many units as
/// the threshold has. In microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) begins_us: f64,
    pub(super) unit_us: f64,
}

const SECOND_US: f64 = 1e6;

impl Estimator {
    pub(super) fn record(&mut self, beat: &Beat) {
        let at = Time::from_micros(beat.at_us as u64);
        match self {
            Estimator::Fixed | Estimator::Bound => {}
            Estimator::Phi { phi, .. } => phi.record(at),
            Estimator::TwoWindow(windows) => windows.record(at),
            Estimator::WindowPhi(phi) => phi.record(beat.at_us),
            Estimator::WindowChen(chen) => chen.record(beat.number, beat.at_us),
        }
    }

    /// When the silence after `beat`, the latest one, is suspicious.
    pub(super) fn line(&self, beat: &Beat) -> Line {
        let us = |duration: Duration| duration.as_secs_f64() * 1e6;
        match self {
            Estimator::Fixed => Line { begins_us: 0.0, unit_us: SECOND_US },
            Estimator::Bound => Line { begins_us: beat.sent_us - beat.at_us, unit_us: SECOND_US },
            Estimator::Phi { phi, pause: None } => {
                Line { begins_us: us(phi.mean()), unit_us: us(phi.deviation()) }
            }
            Estimator::Phi { phi, pause: Some(deviations) } => {
                let before = us(phi.mean()) + deviations * us(phi.deviation());
                Line { begins_us: before, unit_us: SECOND_US }
            }
            Estimator::TwoWindow(windows) => {
                let at = Time::from_micros(beat.at_us as u64);
                let wait = windows.expected().map_or(0.0, |expected| us(expected.since(at)));
                Line { begins_us: wait, unit_us: SECOND_US }
            }
            Estimator::WindowPhi(phi) => {
                let (mean, deviation) = phi.normal();
                Line { begins_us: mean, unit_us: deviation }
            }
            Estimator::WindowChen(chen) => {
                Line { begins_us: chen.expected_us() - beat.at_us, unit_us: SECOND_US }
            }
        }
    }
}
