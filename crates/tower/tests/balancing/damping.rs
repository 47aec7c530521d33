//! Paused time: what happens in ten minutes is seen at once, and to the millisecond.

use std::net::SocketAddr;
use std::time::Duration;

use headcount::{Node, Serving};
use headcount_tower::{Damping, ServingMembers, address_in_tag};
use tokio::time::{Instant, sleep, timeout};
use tower::discover::Change;

use crate::harness::{replica, start, until};

/// The client sees itself too: one that is always there.
async fn two(damping: Damping) -> (Node, Node, ServingMembers<SocketAddr>) {
    let steady = start(replica("steady", 1), &[]).await;
    let members = ServingMembers::builder(&steady).damping(damping);
    let members = members.endpoint(address_in_tag("http"));
    let flapping = start(replica("flapping", 2), &[&steady]).await;
    until(|| steady.members().live_len() == 2).await;
    (steady, flapping, members)
}

/// When the balancer was told of what, for so long; nothing is told of `steady` but that it is there.
async fn told(
    members: &mut ServingMembers<SocketAddr>,
    for_so_long: Duration,
) -> Vec<(Instant, bool)> {
    let mut all = Vec::new();
    let listening = async {
        while let Some(change) = members.next().await {
            match change {
                Change::Insert(name, _) if name.as_str() == "flapping" => {
                    all.push((Instant::now(), true));
                }
                Change::Remove(name) if name.as_str() == "flapping" => {
                    all.push((Instant::now(), false));
                }
                Change::Insert(..) => {}
                Change::Remove(name) => panic!("{name} was removed"),
            }
        }
    };
    timeout(for_so_long, listening).await.expect_err("the node runs");
    all
}

async fn toggle(node: &Node, every: Duration, times: usize) {
    for time in 0..times {
        sleep(every).await;
        let serving = if time % 2 == 0 { Serving::NotServing } else { Serving::Serving };
        node.set_serving(serving).await.expect("it runs");
    }
}

#[tokio::test(start_paused = true)]
async fn an_oscillating_member_costs_few_updates_and_comes_back_when_it_is_steady() {
    let (_steady, flapping, mut members) = two(Damping::default()).await;
    let minute = Duration::from_secs(60);
    let every = Duration::from_secs(5);
    let (_, during) = tokio::join!(toggle(&flapping, every, 120), told(&mut members, minute * 10));
    assert!((4..=6).contains(&during.len()), "{} updates", during.len());
    assert_eq!(during.last().map(|(_, inserted)| *inserted), Some(false), "it is kept out");
    let after = told(&mut members, minute * 6).await;
    assert_eq!(after.iter().map(|(_, inserted)| *inserted).collect::<Vec<_>>(), [true]);
}

#[tokio::test(start_paused = true)]
async fn without_damping_the_same_costs_an_update_each() {
    let (_steady, flapping, mut members) = two(Damping::off()).await;
    let every = Duration::from_secs(5);
    let (_, during) =
        tokio::join!(toggle(&flapping, every, 120), told(&mut members, Duration::from_secs(610)));
    assert_eq!(during.len(), 121);
}

#[tokio::test(start_paused = true)]
async fn a_lone_flap_costs_nothing_extra_and_no_removal_is_late() {
    let (_steady, flapping, mut members) = two(Damping::default()).await;
    let every = Duration::from_secs(30);
    told(&mut members, Duration::from_secs(1)).await;
    let start = Instant::now();
    let (_, during) =
        tokio::join!(toggle(&flapping, every, 2), told(&mut members, Duration::from_secs(90)));
    let whole: Vec<(u64, bool)> =
        during.iter().map(|(at, inserted)| ((*at - start).as_secs(), *inserted)).collect();
    assert_eq!(whole, [(30, false), (60, true)]);
}

#[tokio::test(start_paused = true)]
async fn each_removal_of_a_damped_member_is_told_at_once() {
    let (_steady, flapping, mut members) = two(Damping::default().thresholds(1.0, 0.9)).await;
    told(&mut members, Duration::from_secs(1)).await;
    let start = Instant::now();
    let every = Duration::from_secs(40);
    let (_, during) =
        tokio::join!(toggle(&flapping, every, 3), told(&mut members, Duration::from_secs(150)));
    let whole: Vec<(u64, bool)> =
        during.iter().map(|(at, inserted)| ((*at - start).as_secs(), *inserted)).collect();
    assert_eq!(whole[0], (40, false));
    assert!(whole[1].1, "a penalty of one is above 0.9 for nine seconds only");
    assert_eq!(whole[2], (120, false), "{whole:?}");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_else_is_left_a_damped_member_is_used() {
    let (steady, flapping, mut members) = two(Damping::default()).await;
    let every = Duration::from_secs(2);
    let (_, during) =
        tokio::join!(toggle(&flapping, every, 10), told(&mut members, Duration::from_secs(21)));
    assert_eq!(during.last().map(|(_, inserted)| *inserted), Some(false), "it is kept out");
    steady.set_serving(Serving::Draining).await.expect("it runs");
    let mut changes = Vec::new();
    for _ in 0..2 {
        let change = timeout(Duration::from_secs(1), members.next()).await.expect("at once");
        changes.push(match change.expect("the node runs") {
            Change::Insert(name, _) => format!("+{name}"),
            Change::Remove(name) => format!("-{name}"),
        });
    }
    assert_eq!(changes, ["-steady", "+flapping"]);
}
