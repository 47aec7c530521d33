//! The parameters of the cluster: changed while it runs, and taken over by newcomers.

mod net;

use std::time::Duration;

use headcount_state::Status;
use headcount_swim::{Config, Detector, Engine, Event, SeedError};
use net::{Net, address, config, identity, name};

const SECOND: Duration = Duration::from_secs(1);

fn lifeguard() -> Config {
    Config { detector: Detector::Lifeguard, ..config() }
}

/// What a longer period does to its other settings breaks a bound of its.
fn forgetful() -> Config {
    let mut config = config().with_period(Duration::from_millis(400));
    config.limits.tombstone_ttl = Duration::from_millis(500);
    config
}

fn agree(net: &Net, len: usize) -> bool {
    let parameters = |at: usize| net.engines[at].as_ref().map(Engine::parameters);
    (0..len).all(|at| parameters(at) == parameters(0))
}

#[test]
fn a_change_is_everywhere_after_some_periods_and_counts_there() {
    let mut net = Net::converged(12, &lifeguard());
    let now = net.now;
    net.engine(3).set_parameters(now, Detector::Observers, SECOND * 2).expect("in range");
    let end = net.now + SECOND * 15;
    assert!(net.run_until(end, |net| agree(net, 12)));
    for at in 0..12 {
        assert!(net.engine(at).parameters().epoch > 0);
        assert_eq!(net.engine(at).config().detector, Detector::Observers);
        assert_eq!(net.engine(at).config().period, SECOND * 2 / 5);
    }
    net.run(SECOND * 5);
    net.streams = false;
    net.kill(7);
    let end = net.now + SECOND * 4;
    let gone = |net: &Net| (0..12).all(|at| at == 7 || net.status(at, 7) == Some(Status::Failed));
    assert!(net.run_until(end, gone));
    let failed = net.events.iter().filter(|(_, _, e)| matches!(e, Event::Failed(_)));
    assert_eq!(failed.count(), 11);
}

#[test]
fn of_two_changes_at_once_one_wins_everywhere() {
    let mut net = Net::converged(8, &config());
    let now = net.now;
    net.engine(1).set_parameters(now, Detector::Observers, SECOND * 2).expect("in range");
    net.engine(6).set_parameters(now, Detector::Observers, SECOND * 10).expect("in range");
    net.run(SECOND * 60);
    assert!(agree(&net, 8));
    assert!(net.engine(0).parameters().epoch > 0);
}

#[test]
fn a_newcomer_takes_over_those_of_the_cluster_and_not_the_other_way_round() {
    let mut net = Net::converged(3, &config().with_detection_time(SECOND * 10));
    let own = identity(&name(3), address(3), 1, 77);
    let newcomer = config().with_detection_time(SECOND * 20);
    net.engines.push(Some(Engine::new(newcomer, own, 9, net.now).expect("an engine")));
    net.join(3, 0);
    net.run(SECOND * 5);
    assert!(agree(&net, 4));
    assert_eq!(net.engine(3).config().detection_time, SECOND * 10);
    let told = net.events_at(3).any(|e| matches!(e, Event::ParametersChanged { .. }));
    assert!(told);
}

#[test]
fn who_cannot_use_them_is_not_let_in_and_is_told_why() {
    let mut net = Net::converged(2, &config());
    let own = identity(&name(2), address(2), 1, 77);
    net.engines.push(Some(Engine::new(forgetful(), own, 9, net.now).expect("an engine")));
    net.join(2, 0);
    net.run(SECOND);
    let refused = net.events_at(2).any(
        |e| matches!(e, Event::Seed { result: Err(SeedError::Parameters(why)), .. } if why.contains("tombstone_ttl")),
    );
    assert!(refused, "{:?}", net.events);
}

#[test]
fn one_that_cannot_use_a_change_goes_on_and_does_not_ask_for_it_again_and_again() {
    let mut net = Net::converged(3, &forgetful());
    for place in [0, 1] {
        let own = identity(&name(place + 3), address(place + 3), 1, 77);
        let config = config().with_period(Duration::from_millis(400));
        net.engines.push(Some(Engine::new(config, own, 9, net.now).expect("an engine")));
        net.join(place + 3, place);
    }
    net.run(SECOND * 5);
    let (now, before) = (net.now, net.engine(0).parameters());
    net.engine(3).set_parameters(now, Detector::Observers, SECOND * 10).expect("in range");
    net.run(SECOND * 10);
    let asked = net.engine(0).stats().exchanges_stream;
    net.run(SECOND * 60);
    assert_eq!(net.engine(0).parameters(), before);
    assert!(net.engine(0).stats().parameters_refused + net.engine(0).stats().exchanges_stream > 0);
    assert_eq!(net.engine(0).stats().exchanges_stream, asked);
    assert!(net.engine(4).parameters().epoch > 0);
}

#[test]
fn a_time_out_of_range_changes_nothing() {
    let mut net = Net::converged(2, &config());
    let (now, before) = (net.now, net.engine(0).parameters());
    let error = net.engine(0).set_parameters(now, Detector::Observers, SECOND / 10);
    assert_eq!(error.expect_err("too short").field, "detection_time");
    assert_eq!(net.engine(0).parameters(), before);
}

#[test]
fn a_detection_time_that_links_are_too_slow_for_is_refused_with_the_reason() {
    let mut net = Net::converged(6, &config());
    net.latency = Duration::from_millis(250);
    net.run(SECOND * 60);
    let now = net.now;
    let before = net.engine(2).parameters();
    let refused = net.engine(2).set_parameters(now, Detector::Observers, SECOND * 2);
    let error = refused.expect_err("answers take half a second").to_string();
    assert!(error.starts_with("detection_time: 2s is out of range; use 2."), "{error}");
    assert!(error.contains("answers take up to 5"), "{error}");
    assert_eq!(net.engine(2).parameters(), before);
    net.engine(2).set_parameters(now, Detector::Observers, SECOND * 3).expect("slow enough");
}
