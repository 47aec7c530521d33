//! Crashes, pauses and cuts: who is suspected, who is declared dead, and who comes back. What is
//! said of the published detectors alone is tested with these; `observers.rs` has the third.

mod net;

use std::time::Duration;

use headcount_state::{Status, Time, Update};
use headcount_swim::{Config, Detector, Event};
use headcount_wire::Body;
use net::{Net, config, id};

fn swim() -> Config {
    Config { detector: Detector::Swim, ..config() }
}

fn lifeguard() -> Config {
    Config { detector: Detector::Lifeguard, ..config() }
}

/// When the first event of a kind about a member happened at each node.
fn first(net: &Net, at: usize, kind: fn(&Event) -> bool) -> Option<Time> {
    net.events.iter().find(|(_, place, e)| *place == at && kind(e)).map(|(time, _, _)| *time)
}

#[test]
fn a_crash_is_suspected_and_then_declared_by_everyone() {
    for config in [lifeguard(), swim()] {
        let mut net = Net::converged(8, &config);
        net.kill(3);
        let killed = net.now;
        let all = |net: &Net| (0..8).all(|at| at == 3 || net.status(at, 3) == Some(Status::Failed));
        assert!(net.run_until(killed + Duration::from_secs(30), all), "{:?}", config.detector);
        for at in (0..8).filter(|at| *at != 3) {
            let failed = first(&net, at, |e| matches!(e, Event::Failed(_))).expect("declared");
            // No suspicion is shorter than alpha * T.
            assert!(failed.since(killed) >= Duration::from_secs(5), "too early: {failed}");
        }
        let wrong = net.events.iter().filter(
            |(_, _, e)| matches!(e, Event::Failed(m) | Event::Suspected(m) if m.id() != id(3)),
        );
        assert_eq!(wrong.count(), 0);
    }
}

#[test]
fn a_member_that_is_reached_through_relays_is_not_suspected() {
    let mut net = Net::converged(5, &lifeguard());
    net.passes = Box::new(|from, to| (from.min(to), from.max(to)) != (1, 2));
    net.run(Duration::from_secs(60));
    assert!(
        !net.events.iter().any(|(_, _, e)| matches!(e, Event::Suspected(_) | Event::Failed(_)))
    );
    assert!(net.engine(1).stats().probes_indirect > 0);
    assert_eq!(net.engine(1).stats().probes_failed, 0);
}

#[test]
fn a_suspect_that_lives_refutes_with_a_larger_incarnation() {
    let mut net = Net::converged(5, &lifeguard());
    net.passes = Box::new(|from, to| from != 4 && to != 4);
    let cut = net.now;
    let suspected = |net: &Net| (0..4).any(|at| net.status(at, 4) == Some(Status::Suspect));
    assert!(net.run_until(cut + Duration::from_secs(10), suspected));
    net.passes = Box::new(|_, _| true);
    net.run(Duration::from_secs(10));
    for at in 0..4 {
        let member = net.engine(at).member(id(4)).expect("a member");
        assert_eq!(member.status(), Status::Alive);
        assert!(member.incarnation() > 0);
        assert!(!net.events_at(at).any(|e| matches!(e, Event::Failed(_))));
    }
    assert!(net.engine(4).stats().refutations > 0);
}

#[test]
fn a_failed_member_comes_back_as_itself_with_a_new_generation() {
    let mut net = Net::converged(5, &config());
    let before = net.engine(4).table().own_life();
    net.passes = Box::new(|from, to| from != 4 && to != 4);
    net.run(Duration::from_secs(60));
    assert!((0..4).all(|at| net.status(at, 4) == Some(Status::Failed)));
    net.passes = Box::new(|_, _| true);
    net.run(Duration::from_secs(20));
    for at in 0..4 {
        assert_eq!(net.status(at, 4), Some(Status::Alive));
        let back = net.events_at(at).filter(|e| matches!(e, Event::Recovered(_))).count();
        assert_eq!(back, 1);
    }
    let after = net.engine(4).table().own_life();
    assert_eq!(after.instance, before.instance);
    assert!(after.generation > before.generation);
}

#[test]
fn a_healed_cut_ends_in_equal_views_and_kills_nobody_on_its_own_side() {
    let mut config = config();
    config.limits.tombstone_ttl = Duration::from_secs(60);
    for (length, forgotten) in [(40, false), (200, true)] {
        let mut net = Net::converged(6, &config);
        net.passes = Box::new(|from, to| (from < 3) == (to < 3));
        net.run(Duration::from_secs(length));
        for at in 0..6 {
            let others = (0..6).filter(|of| (*of < 3) != (at < 3));
            let seen = others.map(|of| net.status(at, of)).collect::<Vec<_>>();
            let expected = if forgotten { None } else { Some(Status::Failed) };
            assert_eq!(seen, vec![expected; 3], "after {length} s");
        }
        net.passes = Box::new(|_, _| true);
        net.events.clear();
        let end = net.now + Duration::from_secs(20);
        let whole = |net: &Net| (0..6).all(|at| net.count(at, Status::Alive) == 6);
        assert!(net.run_until(end, whole), "after {length} s");
        net.run(Duration::from_secs(30));
        let view_id = net.engine(0).table().summary().view_id;
        for at in 0..6 {
            assert_eq!(net.engine(at).table().summary().view_id, view_id);
            let failed = net.events_at(at).filter(|e| matches!(e, Event::Failed(_))).count();
            assert_eq!(failed, 0, "at {at} after {length} s");
            let healed = net.events_at(at).filter(|e| matches!(e, Event::Healed { .. })).count();
            assert_eq!(healed, 1, "at {at} after {length} s");
        }
    }
}

#[test]
fn a_node_that_hears_nobody_says_so_and_says_when_that_is_over() {
    let mut net = Net::converged(4, &config());
    net.passes = Box::new(|_, to| to != 2);
    net.run(Duration::from_secs(30));
    assert!(net.engine(2).is_isolated());
    net.passes = Box::new(|_, _| true);
    net.run(Duration::from_secs(10));
    assert!(!net.engine(2).is_isolated());
    let told = |kind: fn(&Event) -> bool| net.events_at(2).filter(|e| kind(e)).count();
    assert_eq!(told(|e| matches!(e, Event::Isolated)), 1);
    assert_eq!(told(|e| matches!(e, Event::Reconnected)), 1);
}

#[test]
fn confirmations_bring_the_lifeguard_timeout_down() {
    // With eight others that all find it silent, the suspicion ends near the least, far below
    // the thirty periods of a lone accuser.
    let mut net = Net::converged(9, &lifeguard());
    net.kill(0);
    let killed = net.now;
    let declared = |net: &Net| (1..9).any(|at| net.status(at, 0) == Some(Status::Failed));
    assert!(net.run_until(killed + Duration::from_secs(15), declared));
}

/// Hands `at` a claim, ten minutes old, that the live member `of` has failed.
fn tell_old_death(net: &mut Net, at: usize, teller: usize, of: usize) {
    let record = net.engine(at).table().get(id(of)).expect("a member");
    let old = Update {
        age: Duration::from_secs(600),
        ..Update::claim(record.claim.with_status(Status::Failed))
    };
    let now = net.now;
    let cluster = config().cluster;
    let body = Body::Gossip { table: None };
    let datagram = net::datagram(net.engine(teller), cluster, &body, &[old]);
    net.engine(at).receive(now, net::address(teller), &datagram);
    net.pump(at);
}

#[test]
fn a_member_that_answers_a_check_through_relays_is_not_declared() {
    let mut net = Net::converged(5, &config());
    net.passes = Box::new(|from, to| (from.min(to), from.max(to)) != (0, 3));
    tell_old_death(&mut net, 0, 1, 3);
    assert_eq!(net.status(0, 3), Some(Status::Suspect), "shown as suspect while it is checked");
    net.run(Duration::from_secs(20));
    assert!(!net.events.iter().any(|(_, _, event)| matches!(event, Event::Failed(_))));
    assert_eq!(net.status(0, 3), Some(Status::Alive));
}

#[test]
fn an_old_claim_about_a_dead_member_is_believed_after_the_check() {
    let mut net = Net::converged(5, &lifeguard());
    net.kill(3);
    tell_old_death(&mut net, 0, 1, 3);
    let told = net.now;
    let failed = |net: &Net| net.status(0, 3) == Some(Status::Failed);
    assert!(net.run_until(told + Duration::from_secs(4), failed), "three periods");
    assert!(net.now.since(told) >= Duration::from_secs(3));
}

#[test]
fn an_isolated_node_says_so_within_five_periods() {
    let mut net = Net::converged(8, &config());
    net.passes = Box::new(|from, to| from != 2 && to != 2);
    let end = net.now + Duration::from_secs(5);
    assert!(net.run_until(end, |net| net.engines[2].as_ref().is_some_and(|e| e.is_isolated())));
}

#[test]
fn who_is_left_alone_by_a_goodbye_is_not_isolated() {
    let mut net = Net::converged(2, &config());
    let now = net.now;
    net.engine(1).leave(now);
    net.run(Duration::from_secs(1));
    net.kill(1);
    net.run(Duration::from_secs(30));
    assert!(!net.engine(0).is_isolated());
    assert!(!net.events_at(0).any(|event| matches!(event, Event::Isolated)));
}

#[test]
fn a_displaced_node_accuses_nobody() {
    let mut net = Net::converged(4, &config());
    let own = net::identity(&net::name(3), net::address(7), 1, 5_000);
    let rival = headcount_swim::Engine::new(config(), own, 5, net.now).expect("an engine");
    net.engines.push(Some(rival));
    net.join(4, 0);
    net.run(Duration::from_secs(20));
    let displaced = |e: &headcount_swim::Engine| {
        matches!(e.standing(), headcount_state::Standing::Displaced { .. })
    };
    let loser = if displaced(net.engine(3)) { 3 } else { 4 };
    let before = *net.engine(loser).stats();
    net.kill(1);
    net.run(Duration::from_secs(60));
    let after = *net.engine(loser).stats();
    assert_eq!(after.probes, before.probes);
    assert_eq!(after.failures_declared, before.failures_declared);
    assert!(!net.events_at(loser).any(|event| matches!(event, Event::Isolated)));
    assert_eq!(net.status(loser, 1), Some(Status::Failed), "it keeps informed");
}
