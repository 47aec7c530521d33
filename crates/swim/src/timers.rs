//! Every timer the engine can have, one slot each.

use headcount_state::Time;

/// What a timer is for. When several are due at once they fire in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The direct ping has had its time: ask relays.
    ProbeTimeout,
    /// A protocol period ends: judge its probe, begin the next.
    Period,
    /// Once per period: how this node stands with the others.
    Look,
    /// A relayed ping has had its time: send a nack, or forget it.
    Relay,
    /// A case or a question of the observers takes its next step.
    Observers,
    /// A suspicion has had its time: declare a failure.
    Suspicion,
    /// The check of a claimed death has had its time, or pings its subject again.
    Check,
    /// Fresh claims are gossiped.
    Gossip,
    /// One random peer is told the hash of the table.
    Exchange,
    /// A failed member's address, and a seed, is tried again.
    Reconnect,
    /// The next members are asked for a census, or it ends.
    Census,
    /// The witnesses of a goodbye that have not acknowledged are asked again.
    Leave,
    /// Voters are asked for their word, or the verdict about the quorum ends.
    Quorum,
    /// Dead records, graves or roster entries are due.
    Expire,
}

impl Timer {
    /// Whether what happens then judges nobody, as long as nobody is being judged.
    pub(crate) fn is_routine(self) -> bool {
        matches!(self, Timer::Period | Timer::Gossip | Timer::Exchange)
    }

    const ALL: [Timer; 14] = [
        Timer::ProbeTimeout,
        Timer::Period,
        Timer::Look,
        Timer::Relay,
        Timer::Observers,
        Timer::Suspicion,
        Timer::Check,
        Timer::Gossip,
        Timer::Exchange,
        Timer::Reconnect,
        Timer::Census,
        Timer::Leave,
        Timer::Quorum,
        Timer::Expire,
    ];
}

/// The deadlines, by timer.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    /// The end of time where there is none.
    deadlines: [Time; Timer::ALL.len()],
    /// The earliest of them: asked for several times as often as it changes.
    earliest: Time,
}

impl Default for Timers {
    fn default() -> Timers {
        Timers { deadlines: [Time::MAX; Timer::ALL.len()], earliest: Time::MAX }
    }
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, deadline: Option<Time>) {
        let deadline = deadline.unwrap_or(Time::MAX);
        let before = std::mem::replace(&mut self.deadlines[timer as usize], deadline);
        if deadline <= self.earliest {
            self.earliest = deadline;
        } else if before == self.earliest {
            self.earliest = self.deadlines.iter().min().copied().unwrap_or(Time::MAX);
        }
    }

    pub(crate) fn get(&self, timer: Timer) -> Option<Time> {
        Some(self.deadlines[timer as usize]).filter(|at| *at < Time::MAX)
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Time> {
        Some(self.earliest).filter(|at| *at < Time::MAX)
    }

    /// Takes one timer that is due, the earliest first.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Timer> {
        let first = self.next().filter(|at| *at <= now)?;
        let place = self.deadlines.iter().position(|at| *at == first)?;
        let timer = Timer::ALL[place];
        self.set(timer, None);
        Some(timer)
    }

    /// The earliest deadline that passes although every send waits: a suspicion's, the period's
    /// while no ping of it is under way, and the next gossip's unless one waits already.
    pub(crate) fn next_without_sends(&self, gossip_waits: bool) -> Option<Time> {
        self.without_sends(gossip_waits).map(|(at, _)| at)
    }

    /// Takes one timer that is due although every send waits.
    pub(crate) fn pop_due_without_sends(&mut self, now: Time, gossip_waits: bool) -> Option<Timer> {
        let (_, timer) = self.without_sends(gossip_waits).filter(|(at, _)| *at <= now)?;
        self.set(timer, None);
        Some(timer)
    }

    fn without_sends(&self, gossip_waits: bool) -> Option<(Time, Timer)> {
        let probing = self.get(Timer::ProbeTimeout).is_some();
        [(Timer::Suspicion, true), (Timer::Period, !probing), (Timer::Gossip, !gossip_waits)]
            .into_iter()
            .filter_map(|(timer, goes_on)| Some((self.get(timer).filter(|_| goes_on)?, timer)))
            .min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_timers_fire_once_earliest_first_and_ties_in_table_order() {
        let at = Time::from_millis;
        let mut timers = Timers::default();
        timers.set(Timer::Gossip, Some(at(2)));
        timers.set(Timer::Expire, Some(at(1)));
        timers.set(Timer::Period, Some(at(2)));
        timers.set(Timer::Leave, Some(at(9)));
        assert_eq!(timers.next(), Some(at(1)));
        let fired = std::iter::from_fn(|| timers.pop_due(at(5))).collect::<Vec<_>>();
        assert_eq!(fired, [Timer::Expire, Timer::Period, Timer::Gossip]);
        assert_eq!(timers.next(), Some(at(9)));
    }

    #[test]
    fn the_earliest_deadline_is_known_however_deadlines_move() {
        let mut timers = Timers::default();
        let mut model = [Time::MAX; Timer::ALL.len()];
        for step in 0..2_000_u64 {
            let drawn = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let place = drawn as usize % Timer::ALL.len();
            let deadline = Some(at_ms(drawn / 64 % 50)).filter(|_| !drawn.is_multiple_of(5));
            timers.set(Timer::ALL[place], deadline);
            model[place] = deadline.unwrap_or(Time::MAX);
            let earliest = model.iter().min().copied().filter(|at| *at < Time::MAX);
            assert_eq!(timers.next(), earliest);
        }
    }

    fn at_ms(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn the_table_lists_every_timer_at_its_place() {
        for (place, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, place);
        }
    }
}
