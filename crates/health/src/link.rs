//! What a link is like: how long it takes, how much that varies, how much it loses.

use std::time::Duration;

use crate::round_trip::{RoundTrip, TIMEOUT_DEVIATIONS};

/// The latest pings of which the outcome is kept.
pub const LINK_WINDOW: u32 = u64::BITS;

/// A link as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkCondition {
    /// How long an answer takes, there and back, on average of late; `None` before the first.
    pub latency: Option<Duration>,
    /// By how much that varies: the mean deviation from the mean.
    pub jitter: Duration,
    /// The share of the latest pings that were not answered in time, 0 to 1: of the latest 64, the
    /// loss of both ways together.
    pub loss: f32,
    /// Of how many pings `loss` is the share, 0 to 64. With few of them it says little.
    pub samples: u32,
}

impl LinkCondition {
    /// How long an answer may reasonably take: the mean and four deviations (RFC 6298); `None`
    /// before the first.
    pub fn timeout(&self) -> Option<Duration> {
        self.latency.map(|latency| latency + self.jitter * TIMEOUT_DEVIATIONS)
    }
}

/// Measures one link, or several as if they were one. Constant time per ping, 24 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkMeter {
    round_trip: RoundTrip,
    lost: Outcomes,
}

impl LinkMeter {
    /// A ping was answered, after this time if that says how long the link takes.
    pub fn answered(&mut self, took: Option<Duration>) {
        self.lost.record(false);
        if let Some(took) = took {
            self.round_trip.record(took);
        }
    }

    /// A ping that was counted as unanswered is answered after all; its time counts as this.
    pub fn late(&mut self, took: Duration) {
        self.round_trip.record(took);
    }

    /// A ping was not answered in time.
    pub fn unanswered(&mut self) {
        self.lost.record(true);
    }

    /// How long an answer takes.
    pub fn round_trip(&self) -> RoundTrip {
        self.round_trip
    }

    /// What the link is like.
    pub fn condition(&self) -> LinkCondition {
        LinkCondition {
            latency: self.round_trip.mean(),
            jitter: self.round_trip.deviation(),
            loss: self.lost.share_of_latest(LINK_WINDOW),
            samples: self.lost.len(),
        }
    }

    /// The share of the latest `count` pings that were not answered in time, 0 to 1; of fewer if
    /// there were no more.
    pub fn loss_of_latest(&self, count: u32) -> f32 {
        self.lost.share_of_latest(count)
    }
}

/// Yes or no, for the latest 64 times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcomes {
    /// The latest in the lowest bit.
    bits: u64,
    len: u8,
}

impl Outcomes {
    fn record(&mut self, yes: bool) {
        self.bits = self.bits << 1 | u64::from(yes);
        self.len = (self.len + 1).min(LINK_WINDOW as u8);
    }

    fn len(self) -> u32 {
        u32::from(self.len)
    }

    fn share_of_latest(self, count: u32) -> f32 {
        let count = count.min(self.len());
        if count == 0 {
            return 0.0;
        }
        let latest = self.bits << (u64::BITS - count);
        latest.count_ones() as f32 / count as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn nothing_is_claimed_of_a_link_that_was_never_tried() {
        let condition = LinkMeter::default().condition();
        assert_eq!(condition, LinkCondition::default());
        assert_eq!(condition.timeout(), None);
    }

    #[test]
    fn the_loss_is_that_of_the_latest_pings() {
        let mut meter = LinkMeter::default();
        (0..3).for_each(|_| meter.answered(Some(ms(10))));
        meter.unanswered();
        let condition = meter.condition();
        assert_eq!((condition.loss, condition.samples), (0.25, 4));
        assert_eq!((meter.loss_of_latest(1), meter.loss_of_latest(2)), (1.0, 0.5));
        (0..LINK_WINDOW).for_each(|_| meter.answered(None));
        let condition = meter.condition();
        assert_eq!((condition.loss, condition.samples), (0.0, LINK_WINDOW));
        (0..16).for_each(|_| meter.unanswered());
        assert_eq!(meter.condition().loss, 0.25);
    }

    #[test]
    fn what_came_by_another_way_says_nothing_of_the_time_a_link_takes() {
        let mut meter = LinkMeter::default();
        meter.answered(Some(ms(100)));
        meter.answered(None);
        let condition = meter.condition();
        assert_eq!((condition.latency, condition.jitter), (Some(ms(100)), ms(50)));
        assert_eq!(condition.timeout(), Some(ms(300)));
        assert!(size_of::<LinkMeter>() <= 24);
    }
}
