use std::time::Duration;

use headcount::{Serving, Status};
use headcount_tower::{Rendezvous, ServingMembers, address_in_tag, at_port};
use tower::discover::Change;

use crate::harness::{all_told, next, node, replica, start, until, within_reason};

#[tokio::test]
async fn who_serves_is_inserted_and_who_no_longer_does_is_removed() {
    let client = start(node("client"), &[]).await;
    let mut members = ServingMembers::builder(&client).endpoint(address_in_tag("http"));
    let a = start(replica("a", 1), &[&client]).await;
    assert_eq!(next(&mut members).await, "+a 1");
    let b = start(replica("b", 2).serving(Serving::Starting), &[&client]).await;
    until(|| client.member("b").is_some()).await;
    b.set_serving(Serving::Serving).await.expect("it runs");
    assert_eq!(next(&mut members).await, "+b 2");
    a.set_serving(Serving::Draining).await.expect("it runs");
    assert_eq!(next(&mut members).await, "-a");
    b.leave(Duration::from_secs(5)).await;
    assert_eq!(next(&mut members).await, "-b");
}

#[tokio::test]
async fn only_members_with_all_tags_and_an_endpoint_are_used() {
    let client = start(node("client"), &[]).await;
    let members = ServingMembers::builder(&client).tag("role", "api").tag("version", "2");
    let mut members = members.endpoint(address_in_tag("http"));
    let tagged =
        |name, port, role, version| replica(name, port).tag("role", role).tag("version", version);
    let a = start(tagged("a", 1, "api", "1"), &[&client]).await;
    let _b = start(tagged("b", 2, "db", "2"), &[&client]).await;
    let _c = start(tagged("c", 3, "api", "2"), &[&client]).await;
    let _d = start(node("d").tag("role", "api").tag("version", "2"), &[&client]).await;
    let e = node("e").tag("role", "api").tag("version", "2").tag("http", "nowhere");
    let _e = start(e, &[&client]).await;
    until(|| client.members().live_len() == 6).await;
    assert_eq!(all_told(&mut members).await, ["+c 3"]);
    a.set_tags([("role", "api"), ("version", "2"), ("http", ":1")]).await.expect("they fit");
    assert_eq!(next(&mut members).await, "+a 1");
}

#[tokio::test]
async fn one_that_moves_is_replaced_and_any_other_tag_means_nothing() {
    let client = start(node("client"), &[]).await;
    let mut members = ServingMembers::builder(&client).endpoint(address_in_tag("http"));
    let a = start(replica("a", 1), &[&client]).await;
    assert_eq!(next(&mut members).await, "+a 1");
    a.set_tags([("http", ":1"), ("build", "7")]).await.expect("they fit");
    until(|| client.members().with_tag("build", "7").count() == 1).await;
    assert!(all_told(&mut members).await.is_empty());
    a.set_tags([("http", ":2")]).await.expect("they fit");
    assert_eq!(next(&mut members).await, "-a");
    assert_eq!(next(&mut members).await, "+a 2");
}

#[tokio::test]
async fn a_suspect_stays_and_one_that_failed_goes_and_comes_back_as_another_process() {
    let client = start(node("client"), &[]).await;
    let mut members = ServingMembers::builder(&client).endpoint(address_in_tag("http"));
    // With nobody else to hear, the client would find itself alone.
    let _other = start(node("other"), &[&client]).await;
    until(|| client.members().live_len() == 2).await;
    // A port that drops datagrams rather than refusing them: so it is suspected before it is failed.
    let a = start(replica("a", 1), &[&client]).await;
    let change = within_reason(members.next()).await;
    let Some(Change::Insert(_, inserted)) = change else { panic!("not inserted: {change:?}") };
    assert!(!inserted.is_suspect());
    let address = a.address();
    a.shutdown().await;
    let silent = std::net::UdpSocket::bind(address).expect("the port is free");
    let change = {
        let next = within_reason(members.next());
        tokio::pin!(next);
        let mut suspected = false;
        loop {
            tokio::select! {
                change = &mut next => break (change, suspected),
                () = tokio::time::sleep(Duration::from_millis(2)) => {
                    suspected |= inserted.is_suspect();
                }
            }
        }
    };
    assert!(matches!(&change, (Some(Change::Remove(name)), true) if name.as_str() == "a"));
    assert_eq!(client.member("a").map(|a| a.status()), Some(Status::Failed));
    drop(silent);
    let _a = start(replica("a", 1), &[&client]).await;
    assert_eq!(next(&mut members).await, "+a 1");
}

#[tokio::test]
async fn who_hears_nobody_uses_nobody() {
    let client = start(node("client"), &[]).await;
    let mut members = ServingMembers::builder(&client).endpoint(address_in_tag("http"));
    let a = start(replica("a", 1), &[&client]).await;
    assert_eq!(next(&mut members).await, "+a 1");
    let address = a.address();
    a.shutdown().await;
    let silent = std::net::UdpSocket::bind(address).expect("the port is free");
    assert_eq!(next(&mut members).await, "-a");
    let seen = client.member("a").expect("shown");
    assert!(seen.is_live() && seen.is_unreachable(), "{seen}");
    drop(silent);
}

#[tokio::test]
async fn the_last_members_stay_when_the_node_stops() {
    let client = start(node("client"), &[]).await;
    let mut members = ServingMembers::builder(&client).endpoint(at_port(80));
    assert_eq!(next(&mut members).await, "+client 80");
    client.shutdown().await;
    drop(client);
    for _ in 0..3 {
        assert!(within_reason(members.next()).await.is_none());
    }
}

#[tokio::test]
async fn a_ring_follows_the_same_changes() {
    let client = start(node("client"), &[]).await;
    let mut members = ServingMembers::builder(&client).endpoint(address_in_tag("http"));
    let mut ring = Rendezvous::default();
    let a = start(replica("a", 1), &[&client]).await;
    ring.follow(within_reason(members.next()).await.expect("the node runs"));
    let b = start(replica("b", 2), &[&client]).await;
    ring.follow(within_reason(members.next()).await.expect("the node runs"));
    let owner = |ring: &Rendezvous<headcount_tower::Replica<_>>, key| {
        ring.pick(key).map(|replica| replica.member().name().to_string())
    };
    let all = Rendezvous::of(client.members().with_tag("http", ":1"));
    assert_eq!(all.pick("any").map(|member| member.name().as_str()), Some("a"));
    let keys: Vec<String> = (0..50).map(|key| key.to_string()).collect();
    let before: Vec<_> = keys.iter().map(|key| owner(&ring, key)).collect();
    assert!(before.contains(&Some("a".to_owned())) && before.contains(&Some("b".to_owned())));
    a.set_serving(Serving::NotServing).await.expect("it runs");
    ring.follow(within_reason(members.next()).await.expect("the node runs"));
    assert!(keys.iter().all(|key| owner(&ring, key) == Some("b".to_owned())));
    drop(b);
}
