//! What was measured for a week by Hayashibara, Défago, Yared and Katayama (SRDS 2004), and a
//! trace that loses as much.

/// Heartbeats were sent every 103.5 ms.
pub(super) const INTERVAL_US: f64 = 103_500.0;

/// For a week.
pub(super) const HEARTBEATS: u64 = 5_843_478;

/// How many bursts of losses there were, and which share of the heartbeats they took.
pub const BURSTS: u64 = 814;
/// The share of heartbeats that were lost.
pub const LOST: f64 = 0.004;

/// Mistakes a second at a mean detection time, as published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// Which of our curves it is to be compared with.
    pub policy: &'static str,
    /// At which mean detection time, in seconds.
    pub detection_s: f64,
    /// How many mistakes a second there were.
    pub mistakes_per_s: f64,
}

const fn at(policy: &'static str, detection_s: f64, mistakes_per_s: f64) -> Published {
    Published { policy, detection_s, mistakes_per_s }
}

/// Phi and the detector of Chen, Toueg and Aguilera, both with a window of 1,000, at equal detection
/// times.
pub const AT_DETECTION: [Published; 6] = [
    at("phi-window-1000", 0.6, 0.0036),
    at("chen-window-1000", 0.6, 0.007),
    at("phi-window-1000", 1.0, 0.0027),
    at("chen-window-1000", 1.0, 0.0027),
    at("phi-window-1000", 1.8, 0.0018),
    at("chen-window-1000", 1.8, 0.0013),
];

/// Mistakes a second at phi 3, by the samples in the window.
pub const AT_PHI_3: [(&str, f64); 3] =
    [("phi-window-20", 0.24), ("phi-window-1000", 0.04), ("phi-window-10000", 0.018)];

/// How likely a burst begins with a heartbeat.
pub(super) const BURST_BEGINS: f64 = BURSTS as f64 / (HEARTBEATS as f64 * (1.0 - LOST));

/// The longest burst.
const LONGEST: f64 = 830.0;

/// How many heartbeats are lost in a burst, by a number in [0, 1): bounded Pareto with exponent 1/2,
/// so that most bursts are short, and the mean is 0.4 % of all by 814: 28.7.
pub(super) fn burst(unit: f64) -> u64 {
    let root = 1.0 - unit * (1.0 - 1.0 / LONGEST.sqrt());
    (1.0 / (root * root)).round() as u64
}

/// How long a heartbeat is under way that is sent at some time, from a nearly normal number about 2
/// and a Pareto one from 1 on with exponent 2. Delays are not among the figures that we have: 140 ms
/// is half of a round trip between Europe and Japan. Six minutes of every hour the network is
/// congested, and the tail nine times as long as in the others. Its length over all is fitted to the
/// mistakes of Chen's detector at 0.6 s and 1.0 s: that of 814 bursts leaves 3,400 and 800 in the
/// week, which is a power of about two.
pub(super) fn delay_us(sent_us: f64, about_two: f64, tail: f64) -> f64 {
    let congested = sent_us / 60e6 % 60.0 < 6.0;
    let tail_us = if congested { 28_500.0 } else { 3_170.0 } * (tail - 1.0);
    130_000.0 + 2_500.0 * about_two + tail_us.min(3e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::trace::{Trace, TraceKind};

    #[test]
    fn the_trace_loses_what_was_lost_in_so_many_bursts() {
        let (mut bursts, mut arrived, mut next) = (0, 0u64, 0);
        for beat in Trace::new(TraceKind::Published, 1) {
            bursts += u64::from(beat.number > next);
            (arrived, next) = (arrived + 1, beat.number + 1);
        }
        let lost = 1.0 - arrived as f64 / HEARTBEATS as f64;
        assert!(bursts.abs_diff(BURSTS) < 80, "{bursts}");
        assert!((lost - LOST).abs() < 0.0005, "{lost}");
    }
}
