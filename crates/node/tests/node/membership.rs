use headcount::{Event, NodeEvent, Serving, Status};

use crate::harness::{cluster, on_loopback, start, until, until_status, within_reason};

#[tokio::test]
async fn three_nodes_see_each_other_and_agree() {
    let nodes = cluster(&["a", "b", "c"]).await;
    let view_id = || nodes.iter().map(|node| node.members().view_id()).collect::<Vec<_>>();
    until(|| view_id().windows(2).all(|pair| pair[0] == pair[1])).await;
    for node in &nodes {
        let members = node.members();
        let names: Vec<&str> = members.iter().map(|member| member.name().as_str()).collect();
        assert_eq!(names, ["a", "b", "c"], "sorted by name, oneself included");
        for other in &nodes {
            assert_eq!(members.get(other.name()).expect("shown").address(), other.address());
        }
        until(|| node.members().agreement().is_complete()).await;
    }
}

#[tokio::test]
async fn a_killed_node_is_failed_and_its_successor_is_one_member_at_its_new_address() {
    let nodes = cluster(&["a", "b", "c"]).await;
    let (watcher, killed) = (&nodes[0], &nodes[2]);
    let mut events = watcher.events();
    let before = killed.own().expect("a member");
    killed.shutdown().await;
    for node in &nodes[..2] {
        until_status(node, "c", Status::Failed).await;
        assert_eq!(node.members().live_len(), 2);
    }

    // The old port stays taken, so that the successor lives elsewhere.
    let _squatter = on_loopback("squatter").bind(before.address()).start().await.expect("free");
    let successor = start("c", &[watcher]).await;
    assert_ne!(successor.address(), before.address());
    for node in &nodes[..2] {
        until(|| node.member("c").is_some_and(|c| c.address() == successor.address())).await;
        until_status(node, "c", Status::Alive).await;
        assert_eq!(node.members().iter().filter(|m| m.name().as_str() == "c").count(), 1);
    }
    let restarted = within_reason(async {
        loop {
            if let Some(NodeEvent::Event(Event::Restarted(member))) = events.next().await {
                return member;
            }
        }
    });
    assert_ne!(restarted.await.life().instance, before.life().instance);
}

#[tokio::test]
async fn a_goodbye_is_acknowledged_and_seen_as_left() {
    let nodes = cluster(&["a", "b", "c"]).await;
    let leave = within_reason(nodes[2].leave(std::time::Duration::from_secs(20))).await;
    assert!(leave.complete);
    assert_eq!(leave.acknowledged, 2);
    assert!(!nodes[2].is_ready());
    nodes[2].shutdown().await;
    for node in &nodes[..2] {
        until_status(node, "c", Status::Left).await;
    }
}

#[tokio::test]
async fn the_only_member_leaves_without_waiting_for_anybody() {
    let node = start("a", &[]).await;
    let leave = within_reason(node.leave(std::time::Duration::from_secs(60))).await;
    assert!(leave.complete);
    assert_eq!(leave.acknowledged, 0);
}

#[tokio::test]
async fn tags_and_serving_state_reach_everybody_apart_from_liveness() {
    let first = on_loopback("a").tag("role", "api").zone("z1").start().await.expect("it starts");
    let second = start("b", &[&first]).await;
    until(|| second.members().with_tag("role", "api").count() == 1).await;
    assert_eq!(second.member("a").expect("shown").zone(), "z1");

    first.set_tags([("role", "worker")]).await.expect("it fits");
    first.set_serving(Serving::Draining).await.expect("it runs");
    until(|| second.members().with_tag("role", "worker").count() == 1).await;
    until(|| second.members().serving().all(|member| member.name().as_str() == "b")).await;
    assert_eq!(second.members().live_len(), 2, "a draining member stays a member");

    first.set_serving(Serving::Serving).await.expect("it runs");
    until(|| second.members().serving().count() == 2).await;
}

#[tokio::test]
async fn tags_beyond_their_bound_are_refused_and_change_nothing() {
    let node = on_loopback("a").tag("role", "api").start().await.expect("it starts");
    let error = node.set_tags([("blob", "x".repeat(600))]).await.expect_err("too large");
    assert!(error.to_string().contains("256"), "{error}");
    assert_eq!(node.own().expect("a member").tags()["role"], "api");
    assert!(node.condition().is_healthy());
}
