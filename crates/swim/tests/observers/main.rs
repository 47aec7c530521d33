//! The detector of observers: who is declared dead and when, and who is not, whatever is said.

mod held;
#[path = "../net/mod.rs"]
mod net;
mod replaced;
mod slander;

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_fanout::Ring;
use headcount_state::{Reason, Status, Time};
use headcount_swim::{Config, Event};
use headcount_wire::Heartbeat;
use net::{Net, config, id};

/// How many watch each member.
const OBSERVERS: usize = 8;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn is_failed(event: &Event) -> bool {
    matches!(event, Event::Failed(_))
}

fn is_accusation(event: &Event) -> bool {
    matches!(event, Event::Failed(_) | Event::Suspected(_))
}

/// When each node was first told so of the member at `of`.
fn times(net: &Net, of: usize, kind: fn(&Event) -> bool) -> BTreeMap<usize, Time> {
    let about = |event: &Event| kind(event) && event.member().is_some_and(|m| m.id() == id(of));
    let mut times = BTreeMap::new();
    for (at, place, _) in net.events.iter().filter(|(_, _, event)| about(event)) {
        times.entry(*place).or_insert(*at);
    }
    times
}

/// Accusations of others than these, in words.
fn wronged(net: &Net, kind: fn(&Event) -> bool, but: &[usize]) -> Vec<String> {
    let spared = |event: &Event| {
        event.member().is_some_and(|member| but.iter().any(|of| member.id() == id(*of)))
    };
    let wrong = net.events.iter().filter(|(_, _, event)| kind(event) && !spared(event));
    let told = |(at, place, event): &(Time, usize, Event)| {
        let of = event.member().map(|member| member.name().to_string());
        format!("{at} n{place} {} {of:?}", event.name())
    };
    wrong.map(told).collect()
}

fn count(net: &Net, at: usize, kind: fn(&Event) -> bool) -> usize {
    net.events_at(at).filter(|event| kind(event)).count()
}

fn cut_off(place: usize) -> net::Rule {
    Box::new(move |from, to| from != place && to != place)
}

#[test]
fn a_crash_is_suspected_after_half_of_the_time_and_declared_after_all_of_it() {
    for (nodes, dead) in [(8, 3), (30, 3), (30, 17), (30, 29), (40, 11)] {
        let mut net = Net::settled(nodes);
        let ring = Ring::new(net.engine(0).table(), OBSERVERS);
        let observers = ring.observers(id(dead), OBSERVERS, |_| false);
        net.kill(dead);
        let killed = net.now;
        net.run(secs(12));
        let Config { period, detection_time, .. } = config();
        let suspected = times(&net, dead, |event| matches!(event, Event::Suspected(_)));
        let failed = times(&net, dead, is_failed);
        assert_eq!(failed.len(), nodes - 1, "all know");
        // Word of it is at most a period old when it dies.
        for at in suspected.values() {
            assert!(at.since(killed) >= detection_time / 2 - period, "suspected at {at}");
        }
        let told = net.log.iter().flat_map(|(_, _, datagram)| &datagram.updates);
        let suspicions = told.filter(|update| update.claim.status() == Status::Suspect);
        for update in suspicions {
            let word_age = update.evidence.expect("a reason").word_age;
            assert!(word_age >= detection_time / 2, "suspected {word_age:?} after word of it");
        }
        for at in failed.values() {
            let took = at.since(killed);
            assert!(took >= detection_time - period, "declared after {took:?} of {nodes}");
            assert!(took <= detection_time + period * 3 / 2, "declared after {took:?} of {nodes}");
        }
        assert_eq!(wronged(&net, is_accusation, &[dead]), Vec::<String>::new());
        for at in (0..nodes).filter(|at| *at != dead) {
            let record = net.engine(at).table().get(id(dead)).expect("a record");
            let evidence = record.evidence.expect("a reason");
            assert_eq!(evidence.reason, Reason::Silent);
            assert!(evidence.word_age >= detection_time, "{:?}", evidence.word_age);
            // Members that are no observers are asked besides these at the end.
            let watching = observers.iter().filter(|id| evidence.voters.contains(**id)).count();
            assert!(watching >= 2, "{nodes} {dead} {evidence:?}");
        }
    }
}

#[test]
fn a_crash_of_the_process_alone_is_known_within_two_seconds() {
    for (nodes, dead) in [(3, 1), (8, 3), (40, 11)] {
        let mut net = Net::settled(nodes);
        net.silent = false;
        net.kill(dead);
        net.run(secs(2));
        assert_eq!(times(&net, dead, is_failed).len(), nodes - 1, "{dead} of {nodes}");
        net.run(secs(20));
        assert_eq!(wronged(&net, is_accusation, &[dead]), Vec::<String>::new());
        let record = net.engine(0).table().get(id(dead)).expect("a record");
        assert_eq!(record.evidence.map(|evidence| evidence.reason), Some(Reason::Refused));
    }
}

/// Up to 33 members nobody is told by a quorum that it can know: each checks the verdict, and
/// only then tells it on.
#[test]
fn a_crash_of_the_process_alone_is_known_to_thirty_within_two_and_a_half_seconds() {
    for dead in [3, 17] {
        let mut net = Net::settled(30);
        net.silent = false;
        net.kill(dead);
        net.run(Duration::from_millis(2_500));
        assert_eq!(times(&net, dead, is_failed).len(), 29);
    }
}

#[test]
fn a_pause_of_a_period_less_than_the_detection_time_is_no_failure() {
    let Config { period, detection_time, .. } = config();
    // What it is sent meanwhile is lost, also when all are asked for the last time, which takes so
    // long. A process that stands still answers it afterwards.
    let detection_time = detection_time - period * 9 / 20;
    for nodes in [8, 30] {
        let mut net = Net::settled(nodes);
        for paused in 0..nodes {
            net.passes = cut_off(paused);
            net.run(detection_time - period);
            net.passes = Box::new(|_, _| true);
            net.run(period * 3);
        }
        assert_eq!(wronged(&net, is_failed, &[]), Vec::<String>::new());
    }
}

#[test]
fn who_hears_nobody_accuses_nobody_and_is_told_that_it_is_isolated() {
    for deaf_only in [true, false] {
        let mut net = Net::settled(12);
        let begun = net.now;
        net.passes = match deaf_only {
            true => Box::new(|_, to| to != 2),
            false => cut_off(2),
        };
        net.run(secs(60));
        assert_eq!(count(&net, 2, is_accusation), 0);
        let isolated =
            net.events.iter().find(|(_, at, event)| *at == 2 && matches!(event, Event::Isolated));
        let took = isolated.map(|(at, _, _)| at.since(begun));
        assert!(
            took.is_some_and(|took| took <= config().period * 3 + Duration::from_millis(10)),
            "isolated after {took:?}"
        );
        assert_eq!(wronged(&net, is_accusation, &[2]), Vec::<String>::new());
        net.passes = Box::new(|_, _| true);
        net.events.clear();
        net.run(secs(20));
        assert_eq!(count(&net, 2, is_accusation), 0);
        assert!(!net.engine(2).is_isolated());
        for at in 0..12 {
            assert_eq!(net.count(at, Status::Alive), 12, "view of {at}");
        }
    }
}

#[test]
fn a_pair_that_cannot_reach_each_other_suspects_nobody() {
    for nodes in [3, 4, 8, 30] {
        for one_way in [false, true] {
            let mut net = Net::settled(nodes);
            // A neighbour on the ring, so that one watches the other.
            let ring = Ring::new(net.engine(0).table(), OBSERVERS);
            let watched = ring.subjects(id(1)).next().expect("a subject");
            let other = (0..nodes).find(|at| id(*at) == watched).expect("its place");
            net.passes = Box::new(move |from, to| {
                !((from, to) == (1, other) || (!one_way && (from, to) == (other, 1)))
            });
            net.run(secs(120));
            let told = wronged(&net, is_accusation, &[]);
            assert_eq!(told, Vec::<String>::new(), "{nodes} {one_way}");
        }
    }
}

#[test]
fn of_two_silence_is_declared_after_twice_the_time() {
    let Config { period, detection_time, .. } = config();
    let mut net = Net::settled(2);
    net.kill(1);
    let killed = net.now;
    net.run(secs(20));
    let at = times(&net, 1, is_failed).remove(&0).expect("declared");
    let took = at.since(killed);
    assert!(took >= detection_time * 2 - period, "{took:?}");
    assert!(took <= detection_time * 2 + period * 3 / 2, "{took:?}");
}

#[test]
fn of_two_a_refusal_is_declared_at_once() {
    let mut net = Net::settled(2);
    net.silent = false;
    net.kill(1);
    net.run(secs(2));
    assert_eq!(times(&net, 1, is_failed).len(), 1);
}

#[test]
fn whoever_is_left_sees_all_others_failed_soon_when_their_ports_refuse() {
    for nodes in [3, 10] {
        for left in 0..nodes {
            let net = left_alone(nodes, left, Duration::from_millis(3_500));
            assert_eq!(net.count(left, Status::Failed), nodes - 1, "{left} of {nodes}");
        }
    }
}

/// All processes but one are killed.
fn left_alone(nodes: usize, left: usize, span: Duration) -> Net {
    let mut net = Net::settled(nodes);
    net.silent = false;
    for dead in (0..nodes).filter(|dead| *dead != left) {
        net.kill(dead);
    }
    net.run(span);
    net
}

#[test]
fn who_is_left_of_three_in_silence_fails_nobody_and_is_isolated() {
    let mut net = Net::settled(3);
    net.kill(0);
    net.kill(1);
    net.run(secs(120));
    assert_eq!(wronged(&net, is_failed, &[]), Vec::<String>::new());
    assert!(net.engine(2).is_isolated());
}

#[test]
fn who_slept_through_churn_believes_in_the_end_that_the_dead_are_dead() {
    let mut net = Net::new(40, &config());
    let late = 34..40;
    for place in (1..40).filter(|place| !late.contains(place)) {
        net.join(place, 0);
    }
    net.run(secs(20));
    net.silent = true;
    net.events.clear();
    net.passes = cut_off(7);
    net.run(secs(1));
    // Meanwhile the observers change, the dead one is judged by others, and is forgotten by none.
    for place in late {
        net.join(place, 0);
    }
    net.run(secs(2));
    net.kill(11);
    net.kill(12);
    net.run(secs(20));
    net.passes = Box::new(|_, _| true);
    net.run(secs(20));
    for at in (0..40).filter(|at| ![11, 12].contains(at)) {
        assert_eq!(net.count(at, Status::Alive), 38, "at {at}");
        assert_eq!(net.count(at, Status::Failed), 2, "at {at}");
    }
    assert_eq!(wronged(&net, is_failed, &[7, 11, 12]), Vec::<String>::new());
}

#[test]
fn losing_many_at_once_is_told_as_a_cut_and_as_none_if_their_ports_refuse() {
    let told = |net: &Net, at| count(net, at, |event| matches!(event, Event::CutOff { .. }));
    let mut net = Net::settled(12);
    net.passes = Box::new(|from, to| (from < 7) == (to < 7));
    net.run(secs(30));
    for at in 0..12 {
        assert_eq!(told(&net, at), 1, "at {at}");
    }
    let of_seven = Event::CutOff { lost: 5, of: 12 };
    assert!(net.events_at(0).any(|event| *event == of_seven));

    let mut net = Net::settled(12);
    net.silent = false;
    for dead in 7..12 {
        net.kill(dead);
    }
    net.run(secs(30));
    for at in 0..7 {
        assert_eq!(net.count(at, Status::Failed), 5);
        assert_eq!(told(&net, at), 0, "at {at}");
    }
}

#[test]
fn a_suspicion_comes_to_a_verdict_though_all_were_in_doubt_meanwhile() {
    let mut net = Net::settled(8);
    net.kill(3);
    let suspected = |net: &Net| (0..8).all(|at| net.status(at, 3) != Some(Status::Alive));
    let end = net.now + secs(6);
    assert!(net.run_until(end, suspected));
    // Nobody hears anybody for a while: all gate themselves, and drop what they were judging.
    net.passes = Box::new(|_, _| false);
    net.run(secs(4));
    net.passes = Box::new(|_, _| true);
    net.run(secs(30));
    for at in (0..8).filter(|at| *at != 3) {
        assert_eq!(net.status(at, 3), Some(Status::Failed), "at {at}");
        assert_eq!(net.count(at, Status::Alive), 7, "at {at}");
    }
}

/// How often each node pinged in a minute, with a clock at one of them that reads so.
fn pings(reading: Option<fn(Time) -> u16>) -> Vec<u64> {
    let mut net = Net::settled(12);
    if let Some(reading) = reading {
        net.forges = Box::new(move |now, place, datagram| {
            (place == 3).then(|| Heartbeat { clock: Some(reading(now)), ..datagram.heartbeat })
        });
    }
    let sent = |net: &mut Net| (0..12).map(|at| net.engine(at).stats().probes).collect::<Vec<_>>();
    let before = sent(&mut net);
    net.run(secs(120));
    assert_eq!(wronged(&net, is_accusation, &[]), Vec::<String>::new());
    let after = sent(&mut net);
    before.iter().zip(after).map(|(before, after)| after - before).collect()
}

#[test]
fn a_clock_that_reads_anything_changes_nobodys_pings() {
    let readings: [fn(Time) -> u16; 4] = [
        |now| (now.since(Time::ZERO).as_millis() / 7 % (1 << 14)) as u16,
        |_| 0,
        |now| ((now.since(Time::ZERO).as_micros() * 2_654_435_761) >> 7) as u16 % (1 << 14),
        |_| (1 << 14) - 1,
    ];
    let right = pings(None);
    for reading in readings {
        for (at, (wrong, right)) in pings(Some(reading)).into_iter().zip(&right).enumerate() {
            let off = wrong.abs_diff(*right);
            assert!(off <= 6, "n{at} sent {wrong} in place of {right}");
        }
    }
}
