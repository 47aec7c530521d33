//! Tables that differ become their join, at a bounded price.

mod net;

use std::collections::BTreeMap;
use std::time::Duration;

use headcount_state::{OwnAttributes, Status, Tags};
use headcount_swim::{Config, Engine, Event, Exchange};
use headcount_wire::{Body, ClusterId, TablePart, decode_datagram};
use net::{Net, address, config, id, identity, name};

fn tags(value: &str) -> OwnAttributes {
    OwnAttributes::Tags(Tags::from([("color".to_owned(), value.to_owned())]))
}

/// Nodes of which each changed its tags while only heartbeats got through, so that every table
/// differs from every other and dissemination is over.
fn diverged(nodes: usize, config: &Config) -> Net {
    let mut net = Net::converged(nodes, config);
    net.hush = true;
    net.streams = false;
    let now = net.now;
    for place in 0..nodes {
        net.engine(place).set_own(now, tags("blue")).expect("set");
    }
    // The copies of a claim are spent by then, and no exchange has begun.
    net.run(Duration::from_millis(1_200));
    assert!(!equal_tables(&net));
    net.hush = false;
    net.streams = true;
    net
}

fn equal_tables(net: &Net) -> bool {
    let sync = |engine: &Option<Engine>| engine.as_ref().map(|e| e.table().summary().sync);
    net.engines.windows(2).all(|pair| sync(&pair[0]) == sync(&pair[1]))
}

fn exchanges(net: &mut Net) -> (u64, u64) {
    let nodes = net.engines.len();
    let stats = (0..nodes).map(|at| *net.engine(at).stats()).collect::<Vec<_>>();
    let datagram = stats.iter().map(|s| s.exchanges_datagram).sum();
    (datagram, stats.iter().map(|s| s.exchanges_stream).sum())
}

#[test]
fn a_table_that_fits_travels_whole_in_datagrams() {
    let mut net = diverged(6, &config());
    let before = exchanges(&mut net);
    net.log.clear();
    let end = net.now + Duration::from_secs(15);
    assert!(net.run_until(end, equal_tables));
    let after = exchanges(&mut net);
    // Only a second exchange with the same peer takes a stream.
    let (datagram, stream) = (after.0 - before.0, after.1 - before.1);
    assert!(datagram > stream, "{datagram} by datagram, {stream} by stream");
    let complete = net.log.iter().all(|(_, _, datagram)| match datagram.body {
        Body::Gossip { table: Some(part) } => part.complete && datagram.updates.len() == 6,
        _ => true,
    });
    assert!(complete);
}

#[test]
fn whole_tables_that_do_not_fit_travel_over_a_stream() {
    let mut net = diverged(60, &Config { exchange: Exchange::Full, ..config() });
    let before = exchanges(&mut net);
    let end = net.now + Duration::from_secs(20);
    assert!(net.run_until(end, equal_tables));
    let after = exchanges(&mut net);
    assert!(after.1 > before.1);
    let whole = net.log.iter().any(|(_, _, datagram)| {
        matches!(datagram.body, Body::Gossip { table: Some(part) } if part.complete)
    });
    assert!(!whole, "no whole table in a datagram");
}

#[test]
fn without_streams_a_large_table_travels_in_parts_newest_first() {
    let mut net = diverged(60, &Config { exchange: Exchange::Full, ..config() });
    net.streams = false;
    net.log.clear();
    let end = net.now + Duration::from_secs(120);
    assert!(net.run_until(end, equal_tables));
    let parts = net.log.iter().filter_map(|(_, _, datagram)| match datagram.body {
        Body::Gossip { table: Some(part) } => Some(part.complete),
        _ => None,
    });
    let parts = parts.collect::<Vec<_>>();
    assert!(!parts.is_empty() && parts.iter().all(|complete| !complete));
}

#[test]
fn each_node_tells_a_claim_four_times_at_most_and_then_only_those_who_lack_it() {
    let mut net = Net::converged(20, &config());
    let now = net.now;
    net.engine(7).set_own(now, tags("red")).expect("set");
    net.run(Duration::from_secs(30));
    assert!(equal_tables(&net));
    let mut told: BTreeMap<usize, u32> = BTreeMap::new();
    for (_, place, datagram) in &net.log {
        let copies = datagram.updates.iter().filter(|u| u.claim.id == id(7)).count();
        *told.entry(*place).or_default() += copies as u32;
    }
    let answers: u64 = (0..20).map(|at| net.engine(at).stats().news_told).sum();
    let all: u32 = told.values().sum();
    assert!(u64::from(all) <= 4 * 20 + answers, "{told:?}");
    assert!(all <= 4 * 20, "on average, these included: {told:?}");
}

#[test]
fn after_its_last_copy_a_node_asks_the_three_after_it_whether_they_have_heard() {
    let mut net = Net::converged(20, &config());
    let now = net.now;
    let engine = net.engine(7);
    let table = engine.table();
    let next: Vec<_> = table.live_after(id(7)).take(3).collect();
    engine.set_own(now, tags("red")).expect("set");
    let (mut told, mut asked) = (0, Vec::new());
    while let Some(at) = engine.poll_timeout().filter(|at| *at < now + Duration::from_secs(2)) {
        engine.tick(at);
        while let Some(transmit) = engine.poll_transmit(at) {
            let datagram = decode_datagram(config().cluster, &transmit.bytes).expect("valid");
            told += datagram.updates.iter().filter(|update| update.claim.id == id(7)).count();
            if datagram.body == Body::Compare && told == 4 && asked.len() < 3 {
                let there = |place: &usize| address(*place) == transmit.to;
                asked.extend((0..20).find(there).map(id));
            }
        }
    }
    assert_eq!((told, asked), (4, next));
}

#[test]
fn a_calm_cluster_tells_nothing_but_heartbeats() {
    let mut net = Net::converged(10, &config());
    net.run(Duration::from_secs(30));
    net.log.clear();
    net.run(Duration::from_secs(60));
    assert!(net.log.iter().all(|(_, _, datagram)| datagram.updates.is_empty()));
    // One ping and one ack per node and period, and a hash now and then.
    let per_node_and_second = net.log.len() as f64 / (10.0 * 60.0);
    assert!((2.0..2.5).contains(&per_node_and_second), "{per_node_and_second}");
}

#[test]
fn junk_and_foreign_frames_are_counted_and_do_no_harm() {
    let mut net = Net::converged(3, &config());
    let now = net.now;
    let other = Config::new(ClusterId::of("other"));
    let stranger = identity("stranger", address(9), 1, 9);
    let foreign = Engine::new(other, stranger, 1, now).expect("an engine");
    let engine = net.engine(0);
    let before = *engine.stats();
    engine.receive(now, address(9), b"GET / HTTP/1.1\r\n\r\n");
    engine.receive(now, address(9), &[]);
    let body = Body::Ping { nonce: 1, target: None };
    let frame = net::datagram(&foreign, ClusterId::of("other"), &body, &[]);
    engine.receive(now, address(9), &frame);
    let after = *engine.stats();
    assert_eq!(after.malformed_rejected - before.malformed_rejected, 2);
    assert_eq!(after.foreign_rejected - before.foreign_rejected, 1);
    assert_eq!(engine.poll_transmit(now), None, "nobody is answered");
    assert_eq!(net.count(0, Status::Alive), 3);
}

#[test]
fn strangers_use_up_no_copies_of_a_fresh_claim() {
    let mut net = Net::converged(20, &config());
    let now = net.now;
    let own = identity("stranger", address(99), 1, 9);
    let stranger = Engine::new(config(), own, 1, now).expect("an engine");
    net.engine(0).set_own(now, tags("red")).expect("set");
    for nonce in 0..20 {
        let body = Body::Ping { nonce, target: None };
        let ping = net::datagram(&stranger, config().cluster, &body, &[]);
        net.engine(0).receive(now, address(99), &ping);
    }
    while net.engine(0).poll_transmit(now).is_some() {}
    let told = |net: &Net| {
        let red = |at: usize| {
            let member = net.engines[at].as_ref().and_then(|e| e.member(id(0)));
            member.is_some_and(|m| !m.tags().is_empty())
        };
        (0..20).all(red)
    };
    assert!(net.run_until(now + Duration::from_secs(2), told), "by gossip, before any exchange");
}

#[test]
fn forged_requests_for_the_table_go_unanswered() {
    let mut net = Net::converged(12, &config());
    let now = net.now;
    let own = identity("stranger", address(99), 1, 9);
    let stranger = Engine::new(config(), own, 1, now).expect("an engine");
    let body = Body::Gossip { table: Some(TablePart { complete: false, reply: true }) };
    let request = net::datagram(&stranger, config().cluster, &body, &[]);
    let before = net.engine(0).stats().bytes_sent;
    for _ in 0..1_000 {
        net.engine(0).receive(now, address(99), &request);
    }
    while net.engine(0).poll_transmit(now).is_some() {}
    let sent = net.engine(0).stats().bytes_sent - before;
    assert!(sent <= 1_400, "{sent} bytes for {} received", request.len() * 1_000);
    assert!(net.engine(0).poll_stream().is_none());
}

#[test]
fn a_probe_that_finds_another_process_ends_the_old_life_at_once() {
    let mut net = Net::converged(4, &config());
    net.kill(3);
    // A process of another name takes the address over.
    let own = identity("usurper", address(3), 1, 700);
    net.engines[3] = Some(Engine::new(config(), own, 9, net.now).expect("an engine"));
    let end = net.now + Duration::from_secs(4);
    let failed = |net: &Net| (0..3).all(|at| net.status(at, 3) == Some(Status::Failed));
    assert!(net.run_until(end, failed), "no suspicion has to run its five periods");
}

#[test]
fn a_record_that_no_datagram_could_carry_is_refused_at_the_setter() {
    let small = Config { datagram_budget: 512, ..config() };
    let mut long = identity(&"x".repeat(255), address(0), 1, 1);
    long.zone = "z".repeat(32);
    let error = Engine::new(small.clone(), long, 1, headcount_state::Time::ZERO);
    assert!(error.expect_err("too large").to_string().contains("shorter name"));

    let mut own = identity(&name(0), address(0), 1, 1);
    own.zone = "z".repeat(32);
    let mut engine = Engine::new(small, own, 1, headcount_state::Time::ZERO).expect("fits");
    let large = Tags::from([("k".to_owned(), "v".repeat(255))]);
    let change = OwnAttributes::Tags(large);
    assert!(engine.set_own(headcount_state::Time::ZERO, change).is_err());
    assert!(engine.table().own_attributes().tags.is_empty());
    assert!(!std::iter::from_fn(|| engine.poll_event()).any(|e| matches!(e, Event::Updated(_))));
}
