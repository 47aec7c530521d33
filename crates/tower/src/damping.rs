//! Flap damping, as routers damp flapping routes (RFC 2439): each time a member goes it gets a
//! penalty, which halves with time. From a threshold on it is not let in again until the penalty
//! has decayed.

use std::collections::BTreeMap;
use std::time::Duration;

use headcount::MemberId;
use tokio::time::Instant;

/// Penalties are kept for so many members; beyond that the smallest are forgotten.
const PENALTIES_MAX: usize = 4_096;

/// A penalty this small is no penalty.
const NEGLIGIBLE: f64 = 1.0 / 16.0;

const DAY: Duration = Duration::from_secs(86_400);

/// How members that come and go are damped.
///
/// A member's penalty is one for each time that it went, halved every `half_life`. It is let in at
/// once until the penalty reaches `suppress`, and from then on when it has decayed to `reuse`. With the
/// defaults two flaps in a row cost nothing, the third within a minute or two costs a wait of about a
/// minute and a half, each further one a longer wait, `longest` at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Damping {
    half_life: Duration,
    suppress: f64,
    reuse: f64,
    longest: Duration,
}

impl Default for Damping {
    /// A half-life of 60 s; suppressed from 2.5 on, let in again at 1; 5 minutes at the longest.
    fn default() -> Damping {
        Damping {
            half_life: Duration::from_secs(60),
            suppress: 2.5,
            reuse: 1.0,
            longest: Duration::from_secs(300),
        }
    }
}

impl Damping {
    /// Lets everybody in at once, however often they went.
    pub fn off() -> Damping {
        Damping { suppress: f64::INFINITY, ..Damping::default() }
    }

    /// The time in which a penalty halves, a second to a day. Default 60 s.
    #[must_use]
    pub fn half_life(self, half_life: Duration) -> Damping {
        Damping { half_life: half_life.clamp(Duration::from_secs(1), DAY), ..self }
    }

    /// From which penalty on a member has to wait, and at which it is let in again; the latter is at
    /// least 0.1 and no more than the former. Default 2.5 and 1.
    #[must_use]
    pub fn thresholds(self, suppress: f64, reuse: f64) -> Damping {
        let suppress = suppress.max(0.1);
        Damping { suppress, reuse: reuse.max(0.1).min(suppress), ..self }
    }

    /// The longest that a member has to wait once it stays, a day at most. Default 5 minutes.
    #[must_use]
    pub fn longest(self, longest: Duration) -> Damping {
        Damping { longest: longest.min(DAY), ..self }
    }

    /// No penalty is larger: it decays to `reuse` within the longest wait.
    fn ceiling(&self) -> f64 {
        let halvings = self.longest.as_secs_f64() / self.half_life.as_secs_f64();
        (self.reuse * halvings.min(64.0).exp2()).max(self.suppress.min(f64::MAX))
    }
}

/// Who went lately, and how often.
#[derive(Debug)]
pub(crate) struct Penalties {
    damping: Damping,
    held: BTreeMap<MemberId, Penalty>,
}

#[derive(Clone, Copy, Debug)]
struct Penalty {
    value: f64,
    at: Instant,
    suppressed: bool,
}

impl Penalties {
    pub(crate) fn new(damping: Damping) -> Penalties {
        Penalties { damping, held: BTreeMap::new() }
    }

    /// The member went.
    pub(crate) fn went(&mut self, member: MemberId, now: Instant) {
        let value = (self.value(member, now) + 1.0).min(self.damping.ceiling());
        let waits = self.held.get(&member).is_some_and(|penalty| penalty.suppressed);
        let suppressed = waits || value >= self.damping.suppress;
        self.held.insert(member, Penalty { value, at: now, suppressed });
        if self.held.len() > PENALTIES_MAX {
            self.forget_some(now);
        }
    }

    /// When the member is to be let in: `None` means now.
    pub(crate) fn waits_until(&mut self, member: MemberId, now: Instant) -> Option<Instant> {
        let penalty = self.held.get_mut(&member).filter(|penalty| penalty.suppressed)?;
        let halvings = (penalty.value / self.damping.reuse).log2().max(0.0);
        let wait = self.damping.half_life.mul_f64(halvings).min(self.damping.longest);
        let until = penalty.at + wait;
        penalty.suppressed = until > now;
        penalty.suppressed.then_some(until)
    }

    /// The penalty now.
    pub(crate) fn value(&self, member: MemberId, now: Instant) -> f64 {
        let Some(Penalty { value, at, .. }) = self.held.get(&member) else { return 0.0 };
        let age = now.saturating_duration_since(*at).as_secs_f64();
        value * (-age / self.damping.half_life.as_secs_f64()).exp2()
    }

    /// Members with no penalty to speak of, a sixteenth of all at least, are strangers again.
    fn forget_some(&mut self, now: Instant) {
        let members: Vec<MemberId> = self.held.keys().copied().collect();
        let mut values: Vec<(f64, MemberId)> =
            members.into_iter().map(|member| (self.value(member, now), member)).collect();
        values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        for (place, (value, member)) in values.into_iter().enumerate() {
            if value > NEGLIGIBLE && place >= PENALTIES_MAX / 16 {
                break;
            }
            self.held.remove(&member);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> MemberId {
        MemberId::of("a")
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn two_flaps_cost_nothing_and_each_further_one_costs_more() {
        let start = Instant::now();
        let mut penalties = Penalties::new(Damping::default());
        let mut rows = Vec::new();
        for flap in 0..5 {
            let now = after(start, flap * 10);
            penalties.went(member(), now);
            let until = penalties.waits_until(member(), now);
            let wait = until.map_or(0.0, |until| (until - now).as_secs_f64());
            rows.push(format!("{:.2} {wait:.0}", penalties.value(member(), now)));
        }
        assert_eq!(rows, ["1.00 0", "1.89 0", "2.68 85", "3.39 106", "4.02 120"]);
    }

    #[test]
    fn who_has_waited_is_let_in_and_is_not_a_stranger_yet() {
        let start = Instant::now();
        let mut penalties = Penalties::new(Damping::default());
        for flap in 0..3 {
            penalties.went(member(), after(start, flap));
        }
        let until = penalties.waits_until(member(), after(start, 2)).expect("it waits");
        assert!(penalties.waits_until(member(), until - Duration::from_millis(1)).is_some());
        assert_eq!(penalties.waits_until(member(), until), None);
        assert!((penalties.value(member(), until) - 1.0).abs() < 0.01);
        penalties.went(member(), until);
        assert_eq!(penalties.waits_until(member(), until), None, "two is below the threshold");
        penalties.went(member(), until);
        assert!(penalties.waits_until(member(), until).is_some(), "three is not");
    }

    #[test]
    fn one_that_goes_again_while_it_waits_goes_on_waiting() {
        let start = Instant::now();
        let mut penalties = Penalties::new(Damping::default());
        for _ in 0..3 {
            penalties.went(member(), start);
        }
        let later = after(start, 80);
        assert!(penalties.waits_until(member(), later).is_some());
        penalties.went(member(), later);
        assert!(penalties.value(member(), later) < 2.5, "a stranger would be let in");
        assert!(penalties.waits_until(member(), later).is_some());
    }

    #[test]
    fn nobody_waits_longer_than_the_longest() {
        let start = Instant::now();
        let mut penalties = Penalties::new(Damping::default());
        for _ in 0..1_000 {
            penalties.went(member(), start);
        }
        assert!(penalties.value(member(), start) <= 32.0);
        let until = penalties.waits_until(member(), start).expect("it waits");
        assert_eq!(until - start, Duration::from_secs(300));
    }

    #[test]
    fn settings_out_of_range_are_brought_into_it() {
        let start = Instant::now();
        let odd = Damping::default().half_life(Duration::ZERO).thresholds(-1.0, f64::NAN);
        let mut penalties = Penalties::new(odd.longest(Duration::MAX));
        penalties.went(member(), start);
        assert!(penalties.waits_until(member(), start).is_some_and(|until| until > start));
        let mut off = Penalties::new(Damping::off());
        for _ in 0..100 {
            off.went(member(), start);
        }
        assert_eq!(off.waits_until(member(), start), None);
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_the_worst() {
        let start = Instant::now();
        let mut penalties = Penalties::new(Damping::default());
        for _ in 0..3 {
            penalties.went(member(), start);
        }
        for other in 0..2 * PENALTIES_MAX {
            penalties.went(MemberId::of(&format!("n{other}")), start);
            assert!(penalties.held.len() <= PENALTIES_MAX);
        }
        assert!(penalties.waits_until(member(), start).is_some());
    }
}
