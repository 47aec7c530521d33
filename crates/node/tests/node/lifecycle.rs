use std::time::Duration;

use headcount::{Node, NodeError, NodeEvent, Serving, Standing, Status};
use tokio::net::{TcpListener, UdpSocket};

use crate::harness::{PERIOD, cluster, on_loopback, start, until, within_reason};

async fn until_free(address: std::net::SocketAddr) {
    within_reason(async {
        while TcpListener::bind(address).await.is_err() || UdpSocket::bind(address).await.is_err() {
            tokio::time::sleep(PERIOD / 10).await;
        }
    })
    .await;
}

#[tokio::test]
async fn dropping_the_last_handle_stops_the_node_and_frees_its_port() {
    let node = start("a", &[]).await;
    let (address, clone) = (node.bound(), node.clone());
    let mut events = node.events();
    drop(node);
    clone.set_load(Some(1)).await.expect("a clone keeps it running");
    drop(clone);
    until_free(address).await;
    within_reason(async { while events.next().await.is_some() {} }).await;
}

#[tokio::test]
async fn after_a_shutdown_the_port_is_free_and_calls_say_that_it_stopped() {
    let nodes = cluster(&["a", "b"]).await;
    let node = &nodes[1];
    within_reason(node.shutdown()).await;
    UdpSocket::bind(node.bound()).await.expect("free at once");
    TcpListener::bind(node.bound()).await.expect("free at once");
    let condition = node.condition();
    assert!(!condition.running && !condition.is_healthy() && !condition.ready);
    assert!(matches!(node.set_serving(Serving::Draining).await, Err(NodeError::Stopped)));
    assert!(matches!(node.ready().await, Err(NodeError::Stopped)));
    assert!(!node.join([nodes[0].address()], Duration::from_secs(3_600)).await.joined());
    assert!(!node.leave(Duration::from_secs(3_600)).await.complete);
    within_reason(node.shutdown()).await;
    assert_eq!(node.members().live_len(), 2, "what was last seen can still be read");
}

#[tokio::test]
async fn a_blocked_runtime_shows_in_the_handle() {
    let node = start("a", &[]).await;
    until(|| node.condition().is_healthy()).await;
    // Blocks the only thread, and the driver with it.
    let handle = node.clone();
    std::thread::sleep(PERIOD * 4);
    let condition = handle.condition();
    assert!(condition.running && condition.stalled && !condition.is_healthy());
    assert!(condition.last_tick >= PERIOD * 3);
    until(|| node.condition().is_healthy()).await;
}

#[tokio::test]
async fn a_node_that_is_blocked_again_and_again_blames_no_peer_for_it() {
    // The peers live on threads of their own, as other processes do.
    let mut elsewhere = tokio::runtime::Builder::new_multi_thread();
    let elsewhere = elsewhere.worker_threads(1).enable_all().build().expect("a runtime");
    let peers = elsewhere.spawn(cluster(&["a", "b"])).await.expect("they start");
    let node = start("n", &[&peers[0]]).await;
    until(|| node.members().live_len() == 3).await;

    let before = node.stats().protocol.probes;
    while node.stats().protocol.probes < before + 10 {
        std::thread::sleep(PERIOD * 2);
        tokio::task::yield_now().await;
    }
    assert_eq!(node.stats().protocol.probes_failed, 0);
    assert_eq!(node.members().live_len(), 3);
    elsewhere.shutdown_background();
}

#[tokio::test]
async fn whoever_waits_for_a_node_to_stop_is_told_whatever_stops_it() {
    let node = start("a", &[]).await;
    let waiting = {
        let node = node.clone();
        tokio::spawn(async move { node.stopped().await })
    };
    node.set_load(None).await.expect("it runs");
    assert!(!waiting.is_finished());
    node.shutdown().await;
    within_reason(waiting).await.expect("it ends");
    UdpSocket::bind(node.bound()).await.expect("the port is free");
    within_reason(node.stopped()).await;
}

#[tokio::test]
async fn a_node_that_goes_silent_without_goodbye_fails_and_one_that_left_does_not() {
    let nodes = cluster(&["a", "b", "c"]).await;
    let mut events = nodes[0].events();
    assert!(matches!(events.next().await, Some(NodeEvent::Snapshot(_))));
    nodes[1].leave(Duration::from_secs(20)).await;
    until(|| nodes[1].condition().standing == Standing::Left).await;
    nodes[1].shutdown().await;
    nodes[2].shutdown().await;
    until(|| nodes[0].members().live_len() == 1).await;
    let status = |name| nodes[0].member(name).map(|member| member.status());
    assert_eq!(status("b"), Some(Status::Left));
    assert_eq!(status("c"), Some(Status::Failed));
}

#[tokio::test]
async fn all_settings_of_the_builder_are_seen_by_others() {
    let first = on_loopback("a")
        .zone("rack-1")
        .tags([("role", "api"), ("version", "7")])
        .serving(Serving::Starting)
        .load(40)
        .start()
        .await
        .expect("it starts");
    let second = start("b", &[&first]).await;
    until(|| second.member("a").is_some()).await;
    let seen = second.member("a").expect("shown");
    assert_eq!((seen.zone(), seen.serving()), ("rack-1", Serving::Starting));
    assert_eq!(seen.tags().len(), 2);
    assert_eq!(second.members().serving().count(), 1, "a starting member gets no work");
}

#[tokio::test]
async fn of_two_nodes_of_one_name_one_stands_aside_and_returns_when_the_other_is_gone() {
    let seed = start("a", &[]).await;
    let twins = [start("b", &[&seed]).await, start("b", &[&seed]).await];
    let displaced = |node: &Node| matches!(node.condition().standing, Standing::Displaced { .. });
    until(|| twins.iter().any(displaced)).await;
    let (loser, winner) =
        if displaced(&twins[0]) { (&twins[0], &twins[1]) } else { (&twins[1], &twins[0]) };
    until(|| !loser.is_ready() && winner.is_ready()).await;
    assert_eq!(loser.own(), None, "somebody else has the name");
    until(|| seed.member("b").is_some_and(|b| b.address() == winner.address())).await;

    winner.shutdown().await;
    within_reason(loser.ready()).await.expect("it runs");
    until(|| seed.member("b").is_some_and(|b| b.is_live() && b.address() == loser.address())).await;
}
