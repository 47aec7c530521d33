//! Who fails again and again is held back for a while.

use std::time::Duration;

use headcount_state::{Reason, Standing, Status};
use headcount_swim::{Detector, Event};

use crate::net::{self, Net};
use crate::{count, cut_off, is_failed, secs, wronged};

fn is_held(event: &Event) -> bool {
    matches!(event, Event::Held { .. })
}

/// For so long the network is as `rule` says, then it is well; two seconds later all know.
fn trouble(net: &mut Net, rule: net::Rule, span: Duration) {
    net.passes = rule;
    net.run(span);
    net.passes = Box::new(|_, _| true);
    net.run(secs(2));
}

#[test]
fn who_fails_twice_is_held_says_so_and_comes_back_after_its_wait() {
    let mut net = Net::settled(12);
    trouble(&mut net, cut_off(4), secs(10));
    net.run(secs(10));
    assert_eq!(count(&net, 4, is_held), 0, "the first time");
    assert_eq!(net.status(0, 4), Some(Status::Alive));
    trouble(&mut net, cut_off(4), secs(10));
    // It waits until all know of it, and asks who believes it.
    net.run(secs(2));
    let held = net.now;
    let thirty = Event::Held { reason: Reason::Silent, wait: secs(30) };
    assert_eq!(net.events_at(4).filter(|event| **event == thirty).count(), 1);
    for second in 1..28 {
        net.run(secs(1));
        assert_eq!(net.engine(4).standing(), Standing::Held);
        assert_eq!(net.status(0, 4), Some(Status::Failed), "after {second} s");
        let view = net.engine(0).table().summary().view_id;
        for at in (0..12).filter(|_| second > 5) {
            assert_eq!(net.engine(at).table().summary().view_id, view, "at {at}, {second} s");
        }
    }
    let back = |net: &Net| (0..12).all(|at| net.status(at, 4) == Some(Status::Alive));
    assert!(net.run_until(held + secs(40), back), "the wait is for 30 s of a good link");
    assert_eq!(net.engine(4).standing(), Standing::Member);
    assert_eq!(count(&net, 4, is_held), 1);
    assert_eq!(wronged(&net, is_failed, &[4]), Vec::<String>::new());
}

#[test]
fn a_held_member_stays_so_when_the_time_is_changed_and_is_back_when_the_detector_is() {
    for (detector, stays) in [(Detector::Observers, true), (Detector::Lifeguard, false)] {
        let mut net = Net::settled(12);
        for _ in 0..2 {
            trouble(&mut net, cut_off(4), secs(10));
            net.run(secs(10));
        }
        assert_eq!(net.engine(4).standing(), Standing::Held);
        let now = net.now;
        net.engine(4).set_parameters(now, detector, secs(4)).expect("in range");
        net.run(secs(2));
        assert_eq!(net.engine(4).standing() == Standing::Held, stays);
        net.run(secs(60));
        assert_eq!(net.engine(4).standing(), Standing::Member);
        assert!((0..12).all(|at| net.status(at, 4) == Some(Status::Alive)));
    }
}

#[test]
fn who_hears_of_the_suspicion_before_it_fails_is_held_all_the_same() {
    let mut net = Net::settled(12);
    for _ in 0..2 {
        trouble(&mut net, Box::new(|from, _| from != 4), secs(10));
        net.run(secs(10));
    }
    // Many tell it of its failure; that counts once.
    let thirty = Event::Held { reason: Reason::Silent, wait: secs(30) };
    assert!(net.events_at(4).any(|event| *event == thirty));
    assert_eq!(count(&net, 4, is_held), 1);
    assert_eq!(net.engine(4).standing(), Standing::Held);
    assert!((0..12).all(|at| net.status(at, 4) == Some(Status::Failed)));
    net.run(secs(40));
    assert_eq!(net.engine(4).standing(), Standing::Member);
    assert!((0..12).all(|at| net.status(at, 4) == Some(Status::Alive)));
}

#[test]
fn nobody_is_held_where_that_would_be_more_than_a_tenth_of_all() {
    let mut net = Net::settled(12);
    net.kill(7);
    net.run(secs(20));
    for _ in 0..3 {
        trouble(&mut net, cut_off(4), secs(10));
        net.run(secs(10));
        let back = |at| at == 7 || net.status(at, 4) == Some(Status::Alive);
        assert!((0..12).all(back));
    }
    assert_eq!(count(&net, 4, is_held), 0);
}

#[test]
fn nobody_is_held_for_cuts() {
    let mut net = Net::settled(12);
    for _ in 0..5 {
        net.passes = Box::new(|from, to| (from < 6) == (to < 6));
        net.run(secs(30));
        assert_eq!(net.count(0, Status::Failed), 6);
        net.passes = Box::new(|_, _| true);
        net.run(secs(20));
        for at in 0..12 {
            assert_eq!(net.count(at, Status::Alive), 12, "at {at}");
            assert_eq!(net.engine(at).standing(), Standing::Member);
            assert_eq!(count(&net, at, is_held), 0);
        }
    }
}
