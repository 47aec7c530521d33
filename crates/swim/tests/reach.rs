//! Who cannot reach whom, who recovers, and what is remembered of accusations.

mod net;

use std::collections::BTreeSet;
use std::time::Duration;

use headcount_state::{Claim, MemberId, Reason, Status, Update, Version};
use headcount_swim::{Detector, Engine, Event, Member};
use headcount_wire::Body;
use net::{Net, config, id};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn member(net: &mut Net, at: usize, of: usize) -> Member {
    net.engine(at).member(id(of)).expect("known")
}

/// The nodes at which something is so.
fn those(nodes: usize, mut is: impl FnMut(usize) -> bool) -> BTreeSet<usize> {
    (0..nodes).filter(|at| is(*at)).collect()
}

#[test]
fn a_member_that_half_cannot_reach_is_alive_and_all_know_who_cannot() {
    const NODES: usize = 30;
    let half = 1..16;
    let mut net = Net::settled(NODES);
    net.passes = Box::new(|from, to| to != 0 || from == 0 || from > 15);
    net.run(secs(60));
    let named: BTreeSet<MemberId> =
        member(&mut net, 20, 0).out_of_reach_for().iter().copied().collect();
    assert!(named.len() >= 3, "{named:?}");
    assert!(named.iter().all(|named| half.clone().any(|it| id(it) == *named)));
    for at in 0..NODES {
        let seen = member(&mut net, at, 0);
        assert_eq!(seen.status(), Status::Alive, "at {at}");
        assert_eq!(seen.out_of_reach_for().len(), named.len(), "at {at}");
    }
    let without = those(NODES, |at| member(&mut net, at, 0).is_unreachable());
    assert!(without.iter().all(|at| half.contains(at)), "{without:?}");
    assert!(named.iter().all(|named| without.iter().any(|at| id(*at) == *named)));
    let serving = those(NODES, |at| member(&mut net, at, 0).is_serving());
    assert_eq!(serving, those(NODES, |at| !without.contains(&at)));
    net.run(secs(60));
    let without = those(NODES, |at| member(&mut net, at, 0).is_unreachable());
    assert!(without.len() >= 12, "in the end most of those who cannot find out: {without:?}");
    let told = |event: &Event| matches!(event, Event::Failed(_));
    assert!(!net.events.iter().any(|(_, _, event)| told(event)));

    net.passes = Box::new(|_, _| true);
    net.run(secs(60));
    for at in 0..NODES {
        let seen = member(&mut net, at, 0);
        assert!(!seen.is_unreachable(), "at {at}");
        assert_eq!(seen.out_of_reach_for(), [], "at {at}");
    }
    for at in 0..NODES {
        let lost = net.events_at(at).filter(|event| matches!(event, Event::Unreachable(_))).count();
        let found = net.events_at(at).filter(|event| matches!(event, Event::Reachable(_))).count();
        // The one itself hears no answer of some of that half.
        assert!(lost == found && (lost <= 1 || at == 0), "at {at}: {lost} {found}");
    }
}

#[test]
fn of_a_pair_that_cannot_reach_each_other_both_say_so_and_nobody_else() {
    let mut net = Net::settled(9);
    net.passes = Box::new(|from, to| [from, to] != [2, 6] && [from, to] != [6, 2]);
    net.run(secs(60));
    for at in 0..9 {
        for of in 0..9 {
            let seen = member(&mut net, at, of);
            let pair = [at, of] == [2, 6] || [at, of] == [6, 2];
            assert_eq!(seen.is_unreachable(), pair, "{of} at {at}");
            let by: &[MemberId] = match of {
                2 => &[id(6)],
                6 => &[id(2)],
                _ => &[],
            };
            assert_eq!(seen.out_of_reach_for(), by, "{of} at {at}");
            assert_eq!(seen.status(), Status::Alive);
        }
    }
    // Who watches in another way knows nothing of links.
    let now = net.now;
    net.engine(2).set_parameters(now, Detector::Swim, secs(5)).expect("in range");
    net.run(secs(60));
    for (at, of) in [(2, 6), (6, 2)] {
        assert!(member(&mut net, at, of).is_serving(), "{of} at {at}");
        let told = net.events_at(at).filter(|event| matches!(event, Event::Reachable(_))).count();
        assert_eq!(told, 1, "at {at}");
        assert!((0..9).all(|at| member(&mut net, at, of).out_of_reach_for().is_empty()));
    }
}

#[test]
fn who_loses_much_itself_finds_nobody_out_of_reach() {
    // One hears nothing of two thirds of the others: that is no fault of theirs.
    let mut net = Net::settled(12);
    net.passes = Box::new(|from, to| to != 5 || from % 3 == 0);
    net.run(secs(120));
    for of in (0..12).filter(|of| *of != 5) {
        assert!(!member(&mut net, 5, of).is_unreachable(), "{of}");
        assert_eq!(member(&mut net, 0, of).out_of_reach_for(), [], "{of}");
    }
}

#[test]
fn who_hears_nobody_for_the_detection_time_gives_nobody_work() {
    let mut net = Net::settled(6);
    net.passes = Box::new(|from, to| from != 3 && to != 3);
    net.run(config().detection_time - secs(1));
    assert!(net.engine(3).is_isolated());
    assert!((0..6).all(|of| member(&mut net, 3, of).is_serving()), "too early");
    net.run(secs(2));
    assert_eq!(those(6, |of| member(&mut net, 3, of).is_serving()), BTreeSet::from([3]));
    assert!((0..6).all(|of| member(&mut net, 3, of).is_live()));
    let told = net.events_at(3).filter(|event| matches!(event, Event::Unreachable(_))).count();
    assert_eq!(told, 5);
    net.passes = Box::new(|_, _| true);
    net.run(secs(10));
    assert_eq!(those(6, |of| member(&mut net, 3, of).is_serving()).len(), 6);
    let told = net.events_at(3).filter(|event| matches!(event, Event::Reachable(_))).count();
    assert_eq!(told, 5);
}

#[test]
fn who_was_alone_for_so_long_that_it_forgot_all_others_gives_work_to_newcomers() {
    let mut forgetful = config();
    forgetful.limits.roster_ttl = secs(30);
    forgetful.limits.tombstone_ttl = secs(20);
    let mut net = Net::converged(2, &forgetful);
    net.silent = true;
    net.kill(1);
    net.run(secs(8));
    assert!(member(&mut net, 0, 1).is_unreachable());
    net.run(secs(90));
    assert!(!net.engine(0).is_isolated(), "there is nobody left to hear");
    let own = net::identity(&net::name(2), net::address(2), 5, 9);
    net.engines.push(Some(Engine::new(forgetful, own, 7, net.now).expect("an engine")));
    net.join(2, 0);
    net.run(secs(5));
    assert!(member(&mut net, 0, 2).is_serving());
}

#[test]
fn no_claim_of_a_failure_is_too_large_to_be_heard_of() {
    let mut net = Net::settled(3);
    let now = net.now;
    let record = net.engine(1).table().get(id(0)).expect("known").update(now);
    let version = Version::new(record.claim.life(), u32::MAX, Status::Failed);
    let said = Update { claim: Claim { version, ..record.claim }, ..record };
    let cluster = config().cluster;
    let speaker = net.engines[1].as_ref().expect("runs");
    let ping = net::datagram(speaker, cluster, &Body::Ping { nonce: 7, target: None }, &[said]);
    net.engine(0).receive(now, net::address(1), &ping);
    net.run(secs(30));
    assert_eq!(net.status(1, 0), Some(Status::Alive));
}

#[test]
fn who_is_back_after_a_failure_is_given_work_after_the_detection_time() {
    let mut net = Net::settled(12);
    net.passes = Box::new(|from, to| from != 4 && to != 4);
    net.run(secs(10));
    assert_eq!(net.status(0, 4), Some(Status::Failed));
    net.passes = Box::new(|_, _| true);
    let end = net.now + secs(20);
    assert!(net.run_until(end, |net| net.status(0, 4) == Some(Status::Alive)));
    let back = net.now;
    let seen = member(&mut net, 0, 4);
    assert!(seen.is_recovering() && !seen.is_serving());
    let until = seen.recovering_until().expect("it recovers");
    assert_eq!(until.since(back), config().detection_time);
    net.run(config().detection_time - secs(1));
    assert!(!member(&mut net, 0, 4).is_serving());
    net.run(secs(3));
    for at in 0..12 {
        assert!(member(&mut net, at, 4).is_serving(), "at {at}");
        let told = |event: &Event| matches!(event, Event::Settled(it) if it.id() == id(4));
        let told = net.events_at(at).filter(|event| told(event)).count();
        assert_eq!(told, usize::from(at != 4), "at {at}");
    }
}

#[test]
fn when_a_cut_heals_not_more_than_a_tenth_waits_for_work() {
    let mut net = Net::settled(20);
    net.passes = Box::new(|from, to| (from < 10) == (to < 10));
    net.run(secs(30));
    net.passes = Box::new(|_, _| true);
    let end = net.now + secs(20);
    assert!(net.run_until(end, |net| (0..20).all(|at| net.count(at, Status::Alive) == 20)));
    let mut some = 0;
    for at in 0..20 {
        let recovering = those(20, |of| member(&mut net, at, of).is_recovering());
        assert!(recovering.len() <= 2, "at {at}: {recovering:?}");
        some += recovering.len();
    }
    assert!(some > 0, "nobody waited at all");
}

#[test]
fn all_tell_the_same_story_of_a_member() {
    let mut net = Net::settled(12);
    // First it is suspected for a while, and then failed.
    net.passes = Box::new(|from, to| from != 4 && to != 4);
    net.run(secs(3));
    net.passes = Box::new(|_, _| true);
    net.run(secs(5));
    net.passes = Box::new(|from, to| from != 4 && to != 4);
    net.run(secs(10));
    net.passes = Box::new(|_, _| true);
    net.run(secs(10));
    let story = |net: &mut Net, at| -> Vec<_> {
        let told = member(net, at, 4);
        let told = told.accusations().iter();
        told.map(|it| {
            let reason = it.evidence.map(|evidence| (evidence.reason, evidence.voters));
            (it.status, it.generation, it.incarnation, it.accuser, reason)
        })
        .collect()
    };
    let first = story(&mut net, 0);
    let statuses: Vec<Status> = first.iter().map(|it| it.0).collect();
    assert_eq!(statuses.last(), Some(&Status::Alive), "{first:?}");
    let failed = first.iter().find(|it| it.0 == Status::Failed).expect("it was failed");
    assert!(failed.3.is_some(), "by somebody");
    assert_eq!(failed.4.expect("for some reason").0, Reason::Silent);
    assert!(statuses.contains(&Status::Suspect));
    for at in (1..12).filter(|at| *at != 4) {
        assert_eq!(story(&mut net, at), first, "at {at}");
    }
    assert!(member(&mut net, 0, 5).accusations().is_empty());
}
