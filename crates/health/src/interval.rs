//! How often to send heartbeats over a link, by what it is like.

use std::time::Duration;

use crate::link::LinkCondition;

/// A link loses nothing to speak of up to this share, and as much as matters from this one on.
const LOSS: (f32, f32) = (0.01, 0.10);

/// The same for jitter, as a share of the shortest interval.
const JITTER: (f32, f32) = (0.05, 0.25);

/// Fewer pings say nothing.
const SAMPLES_MIN: u32 = 8;

/// The interval between heartbeats over a link like this, from `base` to `max`: the longest while
/// the link is calm, shorter the more it loses or varies, so that what is lost is made up for soon,
/// and no shorter than an answer takes, so that a slow link is not taken for a dead one. `base`
/// until eight pings have shown what it is like.
pub fn heartbeat_interval(base: Duration, max: Duration, link: &LinkCondition) -> Duration {
    let max = max.max(base);
    if link.samples < SAMPLES_MIN {
        return base;
    }
    let between =
        |value: f32, (from, to): (f32, f32)| ((value - from) / (to - from)).clamp(0.0, 1.0);
    let jitter = link.jitter.as_secs_f32() / base.as_secs_f32().max(f32::MIN_POSITIVE);
    let trouble = between(link.loss, LOSS).max(between(jitter, JITTER));
    let interval = base + (max - base).mul_f32(1.0 - trouble);
    // An answer gets half of the interval; others are asked in the rest of it.
    let slow = link.timeout().map_or(Duration::ZERO, |timeout| timeout.saturating_mul(2));
    interval.max(slow.min(max))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(500);
    const MAX: Duration = Duration::from_secs(2);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn interval(latency_ms: u64, jitter_ms: u64, loss: f32) -> Duration {
        let (latency, jitter) = (Some(ms(latency_ms)), ms(jitter_ms));
        heartbeat_interval(BASE, MAX, &LinkCondition { latency, jitter, loss, samples: 64 })
    }

    #[test]
    fn a_calm_link_needs_few_heartbeats_and_a_bad_one_more() {
        assert_eq!(interval(1, 0, 0.0), MAX);
        assert_eq!(interval(1, 0, 0.2), BASE);
        assert_eq!(interval(1, 125, 0.0), ms(1_002), "as long as an answer may take, twice");
        let some = interval(1, 0, 0.05);
        assert!(BASE < some && some < MAX, "{some:?}");
    }

    #[test]
    fn a_slow_link_gets_the_time_that_it_takes_and_never_more_than_the_longest() {
        assert_eq!(interval(400, 0, 0.2), ms(800));
        assert_eq!(interval(5_000, 0, 0.2), MAX);
    }

    #[test]
    fn a_link_of_which_little_is_known_gets_the_shortest() {
        let unknown = LinkCondition { samples: 7, ..LinkCondition::default() };
        assert_eq!(heartbeat_interval(BASE, MAX, &unknown), BASE);
        let calm = LinkCondition { samples: 8, ..LinkCondition::default() };
        assert_eq!(heartbeat_interval(BASE, MAX, &calm), MAX);
        assert_eq!(heartbeat_interval(MAX, BASE, &calm), MAX, "the longest is the base at least");
    }
}
