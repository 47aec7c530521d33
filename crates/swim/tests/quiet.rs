//! Nodes that cannot settle something at once do not talk for ever, and nobody can make them.

mod net;

use std::time::Duration;

use headcount_state::{Attributes, Instance, Life, Status, Tags, Update};
use headcount_swim::{Config, Engine, Event};
use headcount_wire::{Body, decode_datagram};
use net::{Net, address, config, id, identity};

fn told(name: &str, life: (u64, u64), status: Status, tag_bytes: usize) -> Update {
    let (generation, instance) = life;
    let life = Life { generation, instance: Instance::from_u64(instance).expect("not zero") };
    let address = ([10, 9, 0, 1], 7946).into();
    let tags = Tags::from([("t".to_owned(), "x".repeat(tag_bytes))]);
    let attributes = Attributes { tags, ..net::attributes(name, address, life, 0) };
    net::told(attributes, 0, status)
}

#[test]
fn claims_under_check_are_no_reason_to_answer_news_with_news() {
    for tag_bytes in [0, 240] {
        let mut net = Net::converged(2, &config());
        net.run(Duration::from_secs(20));
        let now = net.now;
        let of = |status, age| -> Vec<Update> {
            let name = |number| format!("x{number}");
            let all = (0..6).map(|number| told(&name(number), (5, 9 + number), status, tag_bytes));
            all.map(|update| Update { age, ..update }).collect()
        };
        for place in 0..2 {
            net.engine(place).know(now, &of(Status::Alive, Duration::ZERO));
        }
        net.engine(1).know(now, &of(Status::Failed, Duration::from_secs(8)));
        net.log.clear();
        net.run(Duration::from_secs(3));
        assert!(net.engine(0).stats().checks > 0, "there was something to settle");
        assert!(net.log.len() < 300, "{} datagrams in 3 s, tags of {tag_bytes}", net.log.len());
    }
}

#[test]
fn who_left_and_still_answers_is_not_told_of_it_again_and_again() {
    let mut config = config();
    config.limits.tombstone_ttl = Duration::from_secs(5);
    let mut net = Net::converged(3, &config);
    let now = net.now;
    net.engine(0).leave(now);
    net.run(Duration::from_secs(20));
    net.log.clear();
    net.run(Duration::from_secs(10));
    // Two members: a ping, an ack and a little more each second; and the seed that is looked for.
    assert!(net.log.len() < 200, "{} datagrams in 10 s", net.log.len());
}

#[test]
fn who_failed_and_then_said_goodbye_is_missed_no_more() {
    let mut net = Net::converged(3, &config());
    net.kill(2);
    net.run(Duration::from_secs(60));
    let now = net.now;
    assert_eq!(net.engine(0).agreement(now).failed, 1);
    let record = net.engine(0).table().get(id(2)).expect("still told of").update(now);
    let left = Update { claim: record.claim.with_status(Status::Left), ..record };
    let cluster = config().cluster;
    let word = net::datagram(net.engine(1), cluster, &Body::Gossip { table: None }, &[left]);
    net.engine(0).receive(now, address(1), &word);
    assert_eq!(net.status(0, 2), Some(Status::Left));
    assert_eq!(net.engine(0).agreement(now).failed, 0);
}

#[test]
fn a_strangers_question_is_answered_by_one_datagram_at_most() {
    let mut net = Net::converged(2, &config());
    let now = net.now;
    let known = |generation, status| -> Vec<Update> {
        let one = |n: u64| told(&format!("x{n}"), (generation, 9 + n), status, 200);
        (0..20).map(one).collect()
    };
    net.engine(0).know(now, &known(5, Status::Alive));
    let own = identity("stranger", address(77), 1, 1);
    let stranger = Engine::new(config(), own, 1, now).expect("an engine");
    let old: Vec<Update> =
        known(1, Status::Alive).into_iter().map(|u| Update { attributes: None, ..u }).collect();
    let cluster = config().cluster;
    let word = net::datagram(&stranger, cluster, &Body::Gossip { table: None }, &old);
    net.engine(0).receive(now, address(77), &word);
    let mut to_stranger = 0;
    while let Some(transmit) = net.engine(0).poll_transmit(now) {
        to_stranger += usize::from(transmit.to == address(77));
    }
    assert!(to_stranger <= 1, "{to_stranger}");
}

#[test]
fn asking_for_symbols_again_and_again_brings_no_more_of_them() {
    let mut net = Net::converged(2, &config());
    let many: Vec<Update> =
        (0..60).map(|n| told(&format!("x{n}"), (5, 9 + n), Status::Alive, 9)).collect();
    let now = net.now;
    net.engine(0).know(now, &many);
    let cluster = config().cluster;
    let news = net::datagram(net.engine(1), cluster, &Body::Gossip { table: None }, &[]);
    let later = now + Duration::from_secs(3);
    net.engine(0).receive(now, address(1), &news);
    net.engine(0).receive(later, address(1), &news);
    let symbols = |net: &mut Net| -> usize {
        let mut all = 0;
        while let Some(transmit) = net.engine(0).poll_transmit(later) {
            let datagram = decode_datagram(cluster, &transmit.bytes).expect("valid");
            if let Body::Sketch(part) = datagram.body {
                all += part.symbols.len();
            }
        }
        all
    };
    assert!(symbols(&mut net) > 0, "it has asked");
    let more = Body::More { first: 0, count: 4_096 };
    let more = net::datagram(net.engine(1), cluster, &more, &[]);
    for _ in 0..10 {
        net.engine(0).receive(later, address(1), &more);
    }
    let sent = symbols(&mut net);
    assert!((1..=8_192).contains(&sent), "{sent}");
}

#[test]
fn a_census_counts_who_agreed_when_asked_and_who_came_too_late() {
    let mut net = Net::converged(4, &config());
    let now = net.now;
    // One is silent at first, so that the census goes on while somebody joins.
    net.passes = Box::new(|from, to| from != 3 && to != 3);
    net.engine(0).take_census(now);
    net.run(Duration::from_millis(20));
    net.passes = Box::new(|_, _| true);
    let late = told("late", (5, 9), Status::Alive, 0);
    let now = net.now;
    let cluster = Config::clone(&config()).cluster;
    let news = Body::Gossip { table: None };
    let word = net::datagram(net.engine(1), cluster, &news, &[late]);
    for place in 0..4 {
        net.engine(place).receive(now, address((place + 1) % 4), &word);
    }
    net.run(Duration::from_secs(4));
    let census = net.events_at(0).find_map(|event| match event {
        Event::Census(census) => Some(census.clone()),
        _ => None,
    });
    let census = census.expect("it ended");
    assert_eq!((census.agree, census.differ, census.silent), (4, 0, 1), "{census:?}");
    assert!(!census.is_unanimous());
}
