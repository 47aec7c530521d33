//! Another process answers where a member was.

use std::time::Duration;

use headcount_state::{OwnAttributes, Status, Update};
use headcount_swim::{Engine, Event};
use headcount_wire::{Body, Target};

use crate::net::{self, Net, address, config, id, identity, name};
use crate::{is_failed, secs, times, wronged};

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

fn is_restarted(event: &Event) -> bool {
    matches!(event, Event::Restarted(_))
}
