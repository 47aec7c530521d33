//! The detector of observers: who is declared dead and when, and who is not, whatever is said.

mod net;

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_fanout::Ring;
use headcount_state::{
    Evidence, MemberId, OwnAttributes, Reason, Standing, Status, Time, Update, Voters,
};
use headcount_swim::{Config, Detector, Engine, Event};
use headcount_wire::{Body, Heartbeat, Target};
use net::{Net, address, config, id, identity, name};

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

/// What a broken node says of everybody.
#[derive(Clone, Copy, Debug)]
struct Slander {
    nodes: usize,
    /// How often, a second apart.
    times: usize,
    reason: Option<Reason>,
    word_age: Duration,
    /// Whether it suspects everybody first, and for how long.
    suspects_for: Option<Duration>,
    /// Whom it calls the accuser: itself, or any other.
    accuser: Option<usize>,
    age: Duration,
    /// Whether the accused are told, too.
    to_the_accused: bool,
}

/// The one that is broken.
const BROKEN: usize = 5;

/// It tells everybody of everybody.
fn slander(it: Slander) -> Net {
    let mut net = Net::settled(it.nodes);
    let made_up = Voters::of((0..3).map(|n| MemberId::of(&format!("nobody {n}"))));
    let evidence =
        it.reason.map(|reason| Evidence { reason, word_age: it.word_age, voters: made_up });
    for _ in 0..it.times {
        let phases = it.suspects_for.map(|wait| (Status::Suspect, wait));
        for (status, wait) in phases.into_iter().chain([(Status::Failed, Duration::ZERO)]) {
            for at in (0..it.nodes).filter(|at| *at != BROKEN) {
                for of in (0..it.nodes).filter(|of| *of != BROKEN) {
                    if of == at && !it.to_the_accused {
                        continue;
                    }
                    tell(&mut net, at, of, status, it, evidence);
                }
            }
            net.run(wait);
        }
        net.run(secs(1).saturating_sub(it.suspects_for.unwrap_or_default()));
    }
    net.run(secs(10));
    net
}

fn tell(
    net: &mut Net,
    at: usize,
    of: usize,
    status: Status,
    it: Slander,
    evidence: Option<Evidence>,
) {
    // It knows the latest that the receiver knows: it can listen.
    let Some(record) = net.engine(at).table().get(id(of)) else { return };
    let update = Update {
        age: it.age,
        accuser: it.accuser.map(id),
        evidence,
        ..Update::claim(record.claim.with_status(status))
    };
    let now = net.now;
    let body = Body::Gossip { table: None };
    let speaker = net.engines[BROKEN].as_ref().expect("a running node");
    let datagram = net::datagram(speaker, config().cluster, &body, &[update]);
    net.engine(at).receive(now, net::address(BROKEN), &datagram);
    net.pump(at);
}

/// What it says for many seconds, in all variations.
fn slanders() -> Vec<Slander> {
    let base = Slander {
        nodes: 12,
        times: 20,
        reason: None,
        word_age: secs(6),
        suspects_for: None,
        accuser: Some(BROKEN),
        age: Duration::ZERO,
        to_the_accused: false,
    };
    let reasons = [None, Some(Reason::Silent), Some(Reason::Refused), Some(Reason::Link)];
    let mut all = Vec::new();
    for reason in reasons {
        let base = Slander { reason, ..base };
        for (suspects_for, to_the_accused) in [
            (None, false),
            (None, true),
            (Some(Duration::from_millis(10)), false),
            (Some(secs(2)), false),
            (Some(secs(2)), true),
        ] {
            all.push(Slander { suspects_for, to_the_accused, ..base });
        }
        all.push(Slander { word_age: Duration::ZERO, accuser: None, ..base });
        all.push(Slander { word_age: Duration::MAX, accuser: Some(7), ..base });
        all.push(Slander { age: secs(3), ..base });
        all.push(Slander { age: secs(600), ..base });
        all.push(Slander { nodes: 40, times: 8, suspects_for: Some(secs(2)), ..base });
    }
    all.push(Slander { times: 60, ..base });
    all
}

/// Members that answer and were failed at a well node, with what was said of them.
fn slandered(slanders: impl IntoIterator<Item = Slander>) -> Vec<String> {
    let mut wrong = Vec::new();
    for it in slanders {
        let told = wronged(&slander(it), is_failed, &[BROKEN]);
        wrong.extend(told.first().map(|first| format!("{it:?}: {} times, {first}", told.len())));
    }
    wrong
}

#[test]
fn one_broken_node_cannot_make_a_member_fail_that_answers() {
    assert_eq!(slandered(slanders()), Vec::<String>::new());
}

#[test]
fn one_broken_node_that_speaks_once_makes_no_member_fail_that_answers() {
    let bad_link = |it: &Slander| it.reason == Some(Reason::Link);
    let once = slanders().into_iter().filter(|it| !bad_link(it));
    let once = once.map(|it| Slander { times: 1, ..it });
    assert_eq!(slandered(once), Vec::<String>::new());
}

#[test]
fn a_verdict_of_voters_that_do_not_watch_the_member_is_checked() {
    for lives in [true, false] {
        let mut net = Net::settled(40);
        let it = Slander { nodes: 40, times: 1, ..slanders()[5] };
        let evidence = Evidence {
            reason: Reason::Silent,
            word_age: secs(6),
            voters: Voters::of([MemberId::of("nobody"), MemberId::of("no one")]),
        };
        if !lives {
            net.kill(11);
        }
        // One that does not watch it, and so finds out by itself.
        let ring = Ring::new(net.engine(0).table(), OBSERVERS);
        let observers = ring.observers(id(11), OBSERVERS, |_| false);
        let at = (0..40).find(|at| *at != 11 && !observers.contains(&id(*at))).expect("one");
        let checks = net.engine(at).stats().checks;
        tell(&mut net, at, 11, Status::Failed, it, Some(evidence));
        assert_eq!(net.status(at, 11), Some(Status::Suspect), "shown while it is checked");
        assert_eq!(net.engine(at).stats().checks, checks + 1);
        net.run(secs(4));
        let expected = if lives { Status::Alive } else { Status::Failed };
        assert_eq!(net.status(at, 11), Some(expected));
        net.run(secs(8));
        for at in (0..40).filter(|at| *at != 11) {
            assert_eq!(net.status(at, 11), Some(expected), "at {at}");
        }
        assert_eq!(times(&net, 11, is_failed).is_empty(), lives);
    }
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
fn a_member_that_is_heard_is_not_failed_though_it_never_heard_of_its_suspicion() {
    let mut net = Net::settled(12);
    // Pings and their answers get through, and no word of anybody.
    net.hush = true;
    let it = slanders()[0];
    let evidence =
        Evidence { reason: Reason::Silent, word_age: secs(6), voters: Voters::of([id(BROKEN)]) };
    tell(&mut net, 0, 1, Status::Suspect, it, Some(evidence));
    assert_eq!(net.status(0, 1), Some(Status::Suspect));
    net.run(secs(3));
    assert_eq!(net.status(0, 1), Some(Status::Suspect), "it did not refute");
    let checks = net.engine(0).stats().checks;
    tell(&mut net, 0, 1, Status::Failed, it, Some(evidence));
    assert_eq!(net.engine(0).stats().checks, checks + 1);
    net.run(secs(8));
    assert_eq!(wronged(&net, is_failed, &[]), Vec::<String>::new());
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

/// The first observer of a member is told of a suspicion just before its turn comes round, so that its
/// own last word is old, and hears only one whose word is nearly as old.
#[test]
fn a_suspicion_can_be_refuted_for_a_while_however_old_the_last_word_is() {
    let mut net = Net::settled(12);
    let ring = Ring::new(net.engine(0).table(), OBSERVERS);
    let observers: Vec<usize> =
        ring.observers(id(1), OBSERVERS, |_| false).iter().map(place_of).collect();
    let subject = Target::of(id(1), net.engine(1).table().own_life()).process;
    let pinged = |net: &Net, by: usize| {
        let ping =
            |body: &Body| matches!(body, Body::Ping { target, .. } if *target == Some(subject));
        let mut pings = net.log.iter().filter(|(_, at, d)| *at == by && ping(&d.body));
        pings.next_back().map(|(at, _, _)| *at)
    };
    let first = observers[0];
    let end = net.now + secs(9);
    assert!(net.run_until(end, |net| pinged(net, first).is_some()));
    net.run(Duration::from_millis(6_900));
    let others = observers.iter().copied().filter(|at| *at != first);
    let next = others.min_by_key(|at| pinged(&net, *at)).expect("seven others");
    net.passes = Box::new(move |from, to| {
        from != 1 && to != 1 && (from == first) <= (to == next) && (to == first) <= (from == next)
    });
    let told = net.now;
    let evidence =
        Evidence { reason: Reason::Silent, word_age: secs(6), voters: Voters::of([id(BROKEN)]) };
    tell(&mut net, first, 1, Status::Suspect, slanders()[0], Some(evidence));
    net.run(secs(3));
    let failed = *times(&net, 1, is_failed).get(&first).expect("nobody vouches");
    assert!(failed.since(told) >= config().detection_time / 4, "after {:?}", failed.since(told));
}

/// Two hosts die; their processes start again, each where the other was, and are found there before
/// anybody has told of them.
#[test]
fn who_finds_another_process_gives_word_of_a_restart_elsewhere_time_to_arrive() {
    let mut net = Net::settled(12);
    for (place, other) in [(3, 7), (7, 3)] {
        net.kill(place);
        let own = identity(&name(place), address(other), 2_000, 900 + place as u64);
        net.engines[place] = Some(Engine::new(config(), own, 9, net.now).expect("an engine"));
    }
    let found = |net: &Net| net.events.iter().any(|(_, _, event)| is_restarted(event));
    let end = net.now + secs(5);
    assert!(net.run_until(end, found), "one of them, by its answer");
    let known = |net: &Net| {
        let told = |of| times(net, of, is_restarted).into_keys();
        [3, 7].map(|of| told(of).filter(|at| ![3, 7].contains(at)).count())
    };
    assert!(known(&net).contains(&0), "and not the other");
    net.join(3, 0);
    net.join(7, 0);
    net.run(secs(10));
    assert_eq!(known(&net), [10, 10]);
    assert_eq!(wronged(&net, is_failed, &[]), Vec::<String>::new());
    assert!((0..12).all(|at| net.count(at, Status::Alive) == 12));
}

#[test]
fn who_meets_another_process_again_and_again_waits_no_longer() {
    let mut net = Net::settled(12);
    let subject = Target::of(id(3), net.engine(3).table().own_life());
    net.kill(3);
    let own = identity("usurper", address(3), 1, 700);
    net.engines[3] = Some(Engine::new(config(), own, 9, net.now).expect("an engine"));
    // It hears of this one's end from nobody else, and is asked about it all the time.
    net.passes = Box::new(|from, to| [from, to] == [0, 3] || [from, to] == [3, 0]);
    for nonce in 0..6 {
        let since = Duration::ZERO;
        let body = Body::Query { nonce, subject, since, refused: false, contest: false };
        hear_from_1(&mut net, &body, &[]);
        net.run(config().period / 5);
    }
    assert_eq!(net.status(0, 3), Some(Status::Failed));
}

#[test]
fn who_has_moved_is_not_failed_for_the_process_that_answers_where_it_was() {
    for moves in [true, false] {
        let mut net = Net::settled(12);
        let subject = Target::of(id(3), net.engine(3).table().own_life());
        let now = net.now;
        let change = OwnAttributes::Address(address(20));
        net.engine(3).set_own(now, change).expect("a fine address");
        let moved = net.engine(3).table().get(id(3)).expect("its own record").update(now);
        net.kill(3);
        let own = identity("next tenant", address(3), 1, 700);
        net.engines[3] = Some(Engine::new(config(), own, 9, net.now).expect("an engine"));
        net.passes = Box::new(|from, to| [from, to] == [0, 3] || [from, to] == [3, 0]);
        let since = Duration::ZERO;
        let asks = Body::Query { nonce: 1, subject, since, refused: false, contest: false };
        hear_from_1(&mut net, &asks, &[]);
        net.run(config().period / 5);
        if moves {
            hear_from_1(&mut net, &Body::Gossip { table: None }, &[moved]);
        }
        net.run(config().period);
        assert_eq!(net.status(0, 3) == Some(Status::Failed), !moves);
    }
}

/// Node 0 hears this from node 1.
fn hear_from_1(net: &mut Net, body: &Body, updates: &[Update]) {
    let bytes = net::datagram(net.engine(1), config().cluster, body, updates);
    let now = net.now;
    net.engine(0).receive(now, address(1), &bytes);
    net.pump(0);
}

/// One that says that its victims have accused others makes them measure nothing.
#[test]
fn what_is_said_in_ones_own_name_begins_no_contest() {
    let mut net = Net::settled(12);
    let evidence =
        Evidence { reason: Reason::Silent, word_age: secs(3), voters: Voters::of([id(BROKEN)]) };
    for victim in [0, 2, 7] {
        let forged = Slander { accuser: Some(victim), ..slanders()[0] };
        tell(&mut net, victim, 1, Status::Suspect, forged, Some(evidence));
        net.run(secs(1));
    }
    net.run(secs(9));
    let refuted = |event: &Event| matches!(event, Event::Refuted(_));
    assert!(!times(&net, 1, refuted).is_empty());
    let contests: u64 = net.engines.iter().flatten().map(|e| e.stats().contests).sum();
    assert_eq!(contests, 0);
}

fn is_restarted(event: &Event) -> bool {
    matches!(event, Event::Restarted(_))
}

fn place_of(member: &MemberId) -> usize {
    (0..40).find(|at| id(*at) == *member).expect("one of them")
}
