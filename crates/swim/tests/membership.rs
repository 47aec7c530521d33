//! Joining, leaving, restarting: who is a member, as everyone sees it.

mod net;

use std::time::Duration;

use headcount_state::{OwnAttributes, Serving, Standing, Status, Time};
use headcount_swim::{Config, Engine, Event, SeedError};
use headcount_wire::{Body, ClusterId};
use net::{Net, address, config, id, identity, name};

#[test]
fn nodes_that_join_one_seed_all_know_each_other() {
    let mut net = Net::converged(8, &config());
    let view_id = net.engine(0).table().summary().view_id;
    net.run(Duration::from_secs(20));
    let now = net.now;
    for place in 0..8 {
        let engine = net.engine(place);
        assert_eq!(engine.table().summary().view_id, view_id);
        assert!(engine.agreement(now).is_complete(), "{:?}", engine.agreement(now));
    }
    assert!(net.events.iter().all(|(_, _, event)| matches!(event, Event::Agreed { .. })));
}

#[test]
fn a_cluster_that_starts_knowing_itself_has_converged_and_has_nothing_to_tell() {
    let nodes = 8;
    let mut net = Net::new(nodes, &config());
    let word = |engine: &Engine| engine.table().records().map(|r| r.update(Time::ZERO)).next();
    let all: Vec<_> = net.engines.iter().flatten().filter_map(word).collect();
    for place in 0..nodes {
        net.engine(place).set_seeds(vec![address(0)]);
        net.engine(place).know(Time::ZERO, &all);
    }
    net.run(Duration::from_secs(20));
    for place in 0..nodes {
        assert_eq!(net.count(place, Status::Alive), nodes);
        let stats = net.engine(place).stats();
        assert!(stats.probes >= 19 && stats.probes_failed == 0, "{stats:?}");
        assert_eq!(stats.exchanges_datagram + stats.exchanges_stream, 0);
    }
    assert!(net.events.iter().all(|(_, _, event)| matches!(event, Event::Agreed { .. })));
    let told = net.log.iter().filter(|(_, _, datagram)| !datagram.updates.is_empty()).count();
    assert_eq!(told, 0, "of {} datagrams", net.log.len());
}

#[test]
fn a_leave_is_acknowledged_and_seen_as_left_not_as_a_failure() {
    let mut net = Net::converged(6, &config());
    let now = net.now;
    net.engine(5).leave(now);
    net.pump(5);
    let departed = |net: &Net| net.events_at(5).any(|e| matches!(e, Event::Departed { .. }));
    assert!(net.run_until(now + Duration::from_secs(1), departed));
    assert_eq!(net.engine(5).departed_acks(), 5);
    net.kill(5);
    net.run(Duration::from_secs(60));
    for place in 0..5 {
        assert_eq!(net.status(place, 5), Some(Status::Left));
        assert!(!net.events_at(place).any(|e| matches!(e, Event::Failed(_) | Event::Suspected(_))));
    }
}

#[test]
fn attributes_reach_everyone_and_change_no_status() {
    let mut net = Net::converged(6, &config());
    let now = net.now;
    net.engine(2).set_own(now, OwnAttributes::Serving(Serving::Draining)).expect("set");
    let seen = |net: &Net| {
        (0..6).all(|at| {
            let member = net.engines[at].as_ref().and_then(|e| e.member(id(2)));
            member.is_some_and(|m| m.serving() == Serving::Draining)
        })
    };
    assert!(net.run_until(now + Duration::from_secs(5), seen));
    assert!(net.events.iter().all(|(_, _, e)| !matches!(e, Event::Suspected(_))));
}

#[test]
fn a_restart_on_a_new_address_is_one_member_restarted_once() {
    let mut net = Net::converged(5, &config());
    net.kill(4);
    let own = identity(&name(4), address(9), 1, 999);
    let engine = Engine::new(config(), own, 77, net.now).expect("an engine");
    net.engines[4] = Some(engine);
    net.join(4, 0);
    let end = net.now + Duration::from_secs(5);
    let moved = |net: &Net| {
        (0..5).all(|at| {
            let member = net.engines[at].as_ref().and_then(|e| e.member(id(4)));
            member.is_some_and(|m| m.address() == address(9) && m.status() == Status::Alive)
        })
    };
    assert!(net.run_until(end, moved), "new address in all views within five periods");
    net.run(Duration::from_secs(30));
    for place in 0..4 {
        let restarts = net.events_at(place).filter(|e| matches!(e, Event::Restarted(_))).count();
        assert_eq!(restarts, 1, "at {place}: {:?}", net.events_at(place).collect::<Vec<_>>());
        assert!(!net.events_at(place).any(|e| matches!(e, Event::Failed(_))));
    }
}

#[test]
fn of_two_live_namesakes_one_wins_and_the_other_returns_when_it_is_dead() {
    let mut net = Net::converged(4, &config());
    let own = identity(&name(3), address(7), 1, 5_000);
    let rival = Engine::new(config(), own, 5, net.now).expect("an engine");
    net.engines.push(Some(rival));
    net.join(4, 0);
    net.run(Duration::from_secs(20));
    let standings = [3, 4].map(|place| net.engine(place).standing());
    let displaced = standings.iter().filter(|s| matches!(s, Standing::Displaced { .. })).count();
    assert_eq!(displaced, 1, "{standings:?}");
    let (loser, winner) = if standings[0] == Standing::Member { (4, 3) } else { (3, 4) };
    let told = net.events_at(loser).filter(|e| matches!(e, Event::Displaced { .. })).count();
    assert_eq!(told, 1);
    let held = net.engine(0).member(id(3)).expect("a member").address();
    let winner_address = net.engine(winner).table().own_attributes().address;
    assert_eq!(held, winner_address);

    net.kill(winner);
    net.run(Duration::from_secs(120));
    assert_eq!(net.engine(loser).standing(), Standing::Member);
    let loser_address = net.engine(loser).table().own_attributes().address;
    for place in 0..3 {
        let member = net.engine(place).member(id(3)).expect("a member");
        assert_eq!((member.status(), member.address()), (Status::Alive, loser_address));
    }
}

#[test]
fn the_loser_of_a_name_that_is_alone_with_the_winner_notices_its_death() {
    let mut net = Net::new(1, &config());
    let own = identity(&name(0), address(7), 1, 5_000);
    net.engines.push(Some(Engine::new(config(), own, 5, net.now).expect("an engine")));
    net.join(1, 0);
    net.run(Duration::from_secs(20));
    let displaced = |e: &Engine| matches!(e.standing(), Standing::Displaced { .. });
    let loser = if displaced(net.engine(0)) { 0 } else { 1 };
    assert!(displaced(net.engine(loser)) && !displaced(net.engine(1 - loser)));
    net.run(Duration::from_secs(60));
    assert!(displaced(net.engine(loser)), "the winner answers");
    net.kill(1 - loser);
    let end = net.now + Duration::from_secs(10);
    let back = |net: &Net| net.events_at(loser).any(|e| matches!(e, Event::Returned));
    assert!(net.run_until(end, back));
}

#[test]
fn a_node_that_booted_before_its_seed_finds_it_later() {
    let mut net = Net::new(2, &config());
    let seed = net.kill(0);
    net.join(1, 0);
    net.run(Duration::from_secs(10));
    assert!(net.events_at(1).any(|e| matches!(e, Event::Seed { result: Err(_), .. })));
    drop(seed);
    let own = identity(&name(0), address(0), 2_000, 50);
    net.engines[0] = Some(Engine::new(config(), own, 3, net.now).expect("an engine"));
    let end = net.now + Duration::from_secs(15);
    let together = |net: &Net| (0..2).all(|at| net.count(at, Status::Alive) == 2);
    assert!(net.run_until(end, together));
    assert!(net.now > Time::ZERO);
}

#[test]
fn a_cluster_forms_where_no_stream_can_be_opened() {
    let mut net = Net::new(5, &config());
    net.streams = false;
    for place in 1..5 {
        net.join(place, 0);
    }
    let end = net.now + Duration::from_secs(30);
    let together = |net: &Net| (0..5).all(|at| net.count(at, Status::Alive) == 5);
    assert!(net.run_until(end, together));
}

#[test]
fn a_node_that_reaches_itself_has_not_joined() {
    let mut net = Net::new(1, &config());
    let now = net.now;
    net.engine(0).join(now, address(0));
    net.pump(0);
    let seeds = net.events_at(0).filter_map(|event| match event {
        Event::Seed { result, .. } => Some(result.clone()),
        _ => None,
    });
    assert_eq!(seeds.collect::<Vec<_>>(), [Err(SeedError::Myself)]);
}

#[test]
fn a_joiner_of_another_cluster_is_told_that_it_reached_the_wrong_one() {
    let mut net = Net::converged(2, &config());
    let other = Config::new(ClusterId::of("other"));
    let own = identity(&name(2), address(2), 1, 9);
    net.engines.push(Some(Engine::new(other, own, 1, net.now).expect("an engine")));
    net.join(2, 0);
    let foreign = net
        .events_at(2)
        .any(|event| matches!(event, Event::Seed { result: Err(SeedError::Foreign(_)), .. }));
    assert!(foreign, "{:?}", net.events);
    assert!((0..2).all(|at| net.count(at, Status::Alive) == 2));
}

#[test]
fn a_leave_ends_also_when_the_last_witness_is_dead() {
    let mut net = Net::converged(3, &config());
    net.kill(2);
    let now = net.now;
    net.engine(0).leave(now);
    let departed = |net: &Net| net.events_at(0).any(|e| matches!(e, Event::Departed { .. }));
    assert!(net.run_until(now + Duration::from_secs(20), departed));
    assert_eq!(net.engine(0).departed_acks(), 1);
}

#[test]
fn an_older_namesake_that_asks_is_told_of_the_life_that_is_held() {
    let mut net = Net::converged(2, &config());
    let now = net.now;
    let own = identity(&name(0), address(9), 1, 5);
    let older = Engine::new(config(), own, 1, now).expect("an engine");
    let claim = older.table().get(id(0)).expect("itself").update(now);
    let body = Body::Ping { nonce: 1, target: None };
    let ping = net::datagram(&older, config().cluster, &body, &[claim]);
    net.engine(0).receive(now, address(9), &ping);
    net.pump(0);
    let (_, _, ack) = net.log.last().expect("an ack");
    assert!(ack.updates.iter().any(|u| u.claim.id == id(0)), "{ack:?}");
}
