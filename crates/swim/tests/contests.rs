//! Links that are bad for some: when they are measured, by whom, and what counts as word over them.

mod net;

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_fanout::Ring;
use headcount_state::{MemberId, Status, Time};
use headcount_swim::{Event, StreamStep};
use headcount_wire::{Body, Target, Verdict};
use net::{Net, address, config, id};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Nothing reaches this one, nor comes from it.
fn without(place: usize) -> net::Rule {
    Box::new(move |from, to| from != place && to != place)
}

/// Those nearest before node 4, of 30, in the order of ids.
fn before_4(net: &mut Net, count: usize) -> Vec<usize> {
    let ring = Ring::new(net.engine(0).table(), count);
    let place = |member: &MemberId| (0..30).find(|at| id(*at) == *member).expect("one of them");
    ring.observers(id(4), count, |_| false).iter().map(place).collect()
}

/// When each was told that node 4 has failed.
fn failed(net: &Net) -> BTreeMap<usize, Time> {
    let is_4 = |event: &Event| matches!(event, Event::Failed(member) if member.id() == id(4));
    net.events.iter().filter(|(_, _, event)| is_4(event)).map(|(at, by, _)| (*by, *at)).collect()
}

/// How many contests those have held who run.
fn contests(net: &Net) -> u64 {
    net.engines.iter().flatten().map(|engine| engine.stats().contests).sum()
}

#[test]
fn a_member_that_nobody_reached_for_a_while_and_that_lives_has_its_links_measured() {
    let mut net = Net::settled(30);
    net.passes = without(4);
    net.run(Duration::from_millis(3_800));
    assert_eq!(net.status(0, 4), Some(Status::Suspect));
    net.passes = Box::new(|_, _| true);
    net.run(secs(2));
    assert_eq!(contests(&net), 1);
    net.run(secs(20));
    assert!(!net.events.iter().any(|(_, _, event)| matches!(event, Event::Failed(_))));
}

#[test]
fn an_observer_that_finds_a_link_bad_has_the_others_measure_theirs() {
    let mut net = Net::settled(30);
    let observer = before_4(&mut net, 8)[0];
    net.passes = Box::new(move |from, to| [from, to] != [observer, 4]);
    net.run(secs(40));
    assert_eq!(net.engine(observer).stats().contests, 1);
    assert_eq!(contests(&net), 1);
    assert!((0..30).all(|at| net.status(at, 4) == Some(Status::Alive)));
}

/// Who asked others to measure their links, once for each of these, but for node 4.
fn asking_for_votes(net: &Net) -> Vec<usize> {
    let asks = |body: &Body| matches!(body, Body::Query { contest: true, .. });
    let asking = net.log.iter().filter(|(_, by, datagram)| *by != 4 && asks(&datagram.body));
    asking.map(|(_, by, _)| *by).collect()
}

#[test]
fn where_most_of_a_panel_find_a_link_bad_it_is_asked_again_and_both_answers_count() {
    // Of 20, first 14 find it bad, and then so many.
    for (then, fails) in [(20, true), (16, false), (14, false)] {
        let mut net = Net::settled(30);
        let before = before_4(&mut net, 29);
        assert_eq!(before.len(), 29);
        // The ninth is asked in place of the one who asks. Two of the nine reach it.
        let reached_by = |others: usize| -> net::Rule {
            let few = before.iter().take(2).chain(before.iter().skip(9 + others));
            let few: Vec<usize> = few.copied().collect();
            Box::new(move |from, to| to != 4 || from == 4 || few.contains(&from))
        };
        net.passes = reached_by(14);
        let end = net.now + secs(60);
        assert!(net.run_until(end, |net| asking_for_votes(net).len() > 8 + 20));
        assert_eq!(net.status(0, 4), Some(Status::Alive));
        let (again, who) = (net.now, asking_for_votes(&net)[0]);
        net.passes = reached_by(then);
        net.run(secs(2));
        // What it measures for another meanwhile is waited for by that one alone.
        let asker = (who + 1) % 30;
        let query = query_of(&mut net, 4, Duration::ZERO, true);
        let asked = net::datagram(net.engine(asker), config().cluster, &query, &[]);
        let now = net.now;
        net.engine(who).receive(now, address(asker), &asked);
        net.run(secs(7));
        assert_eq!(asking_for_votes(&net), [who; 8 + 20 + 20]);
        let told = failed(&net);
        assert_eq!(!told.is_empty(), fails, "{told:?}");
        assert!(told.get(&who).is_none_or(|at| at.since(again) < secs(6)), "{told:?}");
    }
}

fn query_of(net: &mut Net, of: usize, since: Duration, contest: bool) -> Body {
    let subject = Target::of(id(of), net.engine(of).table().own_life());
    Body::Query { nonce: 77, subject, since, refused: false, contest }
}

#[test]
fn an_answer_over_a_stream_that_opened_late_is_word_since_its_ping_went() {
    let mut net = Net::settled(4);
    net.calls.clear();
    net.passes = without(1);
    let wants = |net: &Net| net.calls.iter().any(|(by, _, to)| (*by, *to) == (0, address(1)));
    let end = net.now + secs(6);
    assert!(net.run_until(end, wants));
    let call = *net.calls.iter().find(|(by, _, to)| (*by, *to) == (0, address(1))).expect("wanted");
    net.run(Duration::from_millis(1_200));
    let (now, id_here) = (net.now, call.1);
    let StreamStep::Send(ping) = net.engine(0).stream_next(now, id_here) else { panic!("no ping") };
    let there = net.engine(1).stream_accepted(now, address(0)).expect("room");
    net.engine(1).stream_frame(now, there, &ping[4..]);
    let StreamStep::Send(ack) = net.engine(1).stream_next(now, there) else { panic!("no ack") };
    net.engine(0).stream_frame(now, id_here, &ack[4..]);

    let body = query_of(&mut net, 1, Duration::from_millis(100), false);
    let asked = net::datagram(net.engine(2), config().cluster, &body, &[]);
    net.engine(0).receive(now, address(2), &asked);
    net.pump(0);
    let vouched = net.log.iter().any(|(at, by, datagram)| {
        let vouch =
            matches!(datagram.body, Body::Opinion { nonce: 77, verdict: Verdict::Vouch, .. });
        *at == now && *by == 0 && vouch
    });
    assert!(vouched);
}
