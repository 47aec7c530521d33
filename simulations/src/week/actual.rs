//! What really happened to a member, from the simulation's truth.

use headcount_health::history::Totals;
use headcount_state::Time;

use super::FROZEN;
use crate::truth::{Ending, Process, Truth};

/// What a history that sees everything at once would say of `node`.
pub(super) fn totals(truth: &Truth, node: usize, end: Time) -> Totals {
    let mut totals = Totals::default();
    let mut alive_ms = 0;
    let lives: Vec<&Process> = truth.processes().iter().filter(|p| p.node == node).collect();
    for (number, life) in lives.iter().enumerate() {
        let (ended, how) = life.ended.map_or((end, None), |(at, how)| (at, Some(how)));
        alive_ms += millis(life.started, ended);
        if how != Some(Ending::Crashed) {
            continue;
        }
        let next = lives.get(number + 1).map(|next| next.started);
        totals.restarts += u64::from(next.is_some());
        if next != Some(ended) {
            outage(&mut totals, ended, next, end);
        }
    }
    let mut frozen_ms = 0;
    for (from, to) in truth.troubles_of(FROZEN, node) {
        frozen_ms += millis(from, to.min(end));
        outage(&mut totals, from, (to < Time::MAX).then_some(to), end);
    }
    totals.up_ms = alive_ms - frozen_ms;
    totals
}

fn outage(totals: &mut Totals, from: Time, to: Option<Time>, end: Time) {
    let length = millis(from, to.unwrap_or(end));
    totals.failures += 1;
    totals.down_ms += length;
    if to.is_some() {
        totals.recoveries += 1;
        totals.repairs += 1;
        totals.repair_ms += length;
        totals.longest_ms = totals.longest_ms.max(length);
    }
}

fn millis(from: Time, to: Time) -> u64 {
    to.as_millis().saturating_sub(from.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::fixture::{at, instance, member};

    #[test]
    fn outages_last_from_a_death_to_the_next_start_and_a_goodbye_begins_none() {
        let mut truth = Truth::default();
        let start = |truth: &mut Truth, secs, number| {
            truth.started(at(secs), 1, member(1), instance(number))
        };
        let first = start(&mut truth, 0, 1);
        truth.ended(at(100), first, Ending::Crashed);
        let second = start(&mut truth, 130, 2);
        truth.ended(at(200), second, Ending::Crashed);
        let third = start(&mut truth, 200, 3);
        truth.ended(at(300), third, Ending::Left);
        let fourth = start(&mut truth, 400, 4);
        truth.trouble_begins(at(450), FROZEN, &[1]);
        truth.trouble_ends_of(at(470), FROZEN, 1);
        truth.ended(at(500), fourth, Ending::Crashed);
        let totals = totals(&truth, 1, at(560));
        assert_eq!((totals.failures, totals.recoveries, totals.restarts), (3, 2, 2));
        // 30, 20 and 60 seconds; up for 100, 70, 100 and 80.
        assert_eq!((totals.down_ms, totals.up_ms), (110_000, 350_000));
        assert_eq!((totals.repairs, totals.repair_ms, totals.longest_ms), (2, 50_000, 30_000));
    }
}
