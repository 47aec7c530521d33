use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use headcount::{Node, NodeError, SeedError, SeedOutcome};
use tokio::net::{TcpListener, UdpSocket};

use crate::harness::{on_loopback, start, until, within_reason};

/// A port where nothing listens: each call has a loopback address of its own, for a port that
/// was free a moment ago on a shared one may be given to another test.
fn closed_port() -> SocketAddr {
    static CALLS: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    SocketAddr::from(([127, high | 0x80, low, call], 7_946))
}

/// Seeds that take connections and never say a word.
async fn black_holes(count: usize) -> Vec<TcpListener> {
    let mut holes = Vec::new();
    for _ in 0..count {
        holes.push(TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
    }
    holes
}

#[tokio::test]
async fn a_join_waits_for_no_dead_seed_and_reports_each() {
    let good = start("a", &[]).await;
    let node = start("b", &[]).await;
    let holes = black_holes(20).await;
    let closed = closed_port();
    let mut seeds: Vec<String> = holes
        .iter()
        .map(|hole| hole.local_addr().expect("bound").to_string())
        .chain([closed.to_string(), "no-such-host.invalid:1".to_owned()])
        .collect();
    seeds.push(good.address().to_string());

    // Far longer than a test may take: it returns because one answered.
    let report = within_reason(node.join(&seeds, Duration::from_secs(3_600))).await;
    assert!(report.joined());
    assert_eq!(report.seeds.len(), seeds.len(), "one report for each seed");
    for seed in &report.seeds {
        let expected = if seed.address == Some(good.address()) {
            matches!(seed.outcome, SeedOutcome::Joined { members: 2 })
        } else if seed.address == Some(closed) {
            matches!(seed.outcome, SeedOutcome::Failed(SeedError::Refused) | SeedOutcome::Pending)
        } else if seed.seed.starts_with("no-such-host") {
            matches!(seed.outcome, SeedOutcome::Unresolved(_) | SeedOutcome::Pending)
        } else {
            seed.outcome == SeedOutcome::Pending
        };
        assert!(expected, "{seed}");
    }
    until(|| good.members().live_len() == 2).await;
}

#[tokio::test]
async fn a_join_through_dead_seeds_says_why() {
    let node = start("a", &[]).await;
    let closed = closed_port();
    let report = within_reason(node.join([closed], Duration::from_secs(3_600))).await;
    assert!(!report.joined());
    assert_eq!(report.seeds[0].outcome, SeedOutcome::Failed(SeedError::Refused));
    assert!(report.seeds[0].to_string().contains("start the seed"), "{}", report.seeds[0]);
}

#[tokio::test]
async fn a_join_ends_when_its_time_is_up_or_when_it_is_dropped() {
    let node = start("a", &[]).await;
    let hole = black_holes(1).await.remove(0);
    let seed = [hole.local_addr().expect("bound")];
    let report = within_reason(node.join(seed, Duration::from_millis(50))).await;
    assert_eq!(report.seeds[0].outcome, SeedOutcome::Pending);

    let endless = node.join(seed, Duration::from_secs(3_600));
    assert!(tokio::time::timeout(Duration::from_millis(50), endless).await.is_err());
    assert!(node.condition().is_healthy());
}

#[tokio::test]
async fn a_node_with_seeds_is_ready_when_one_has_let_it_in_and_no_sooner() {
    let closed = closed_port();
    let node = on_loopback("b").seeds([closed]).start().await.expect("it starts");
    until(|| node.stats().sockets.streams_failed >= 3).await;
    assert!(!node.is_ready(), "no cluster of one in silence, however often seeds fail");

    let seed = on_loopback("a").bind(closed).start().await.expect("the port is free");
    assert!(seed.is_ready(), "without seeds it begins the cluster");
    within_reason(node.ready()).await.expect("it runs");
    until(|| seed.members().live_len() == 2 && node.members().live_len() == 2).await;
}

#[tokio::test]
async fn one_list_of_seeds_serves_every_node() {
    let addresses = [closed_port(), closed_port(), closed_port()];
    let mut nodes: Vec<Node> = Vec::new();
    for (name, address) in ["a", "b", "c"].into_iter().zip(addresses) {
        let builder = on_loopback(name).bind(address).seeds(addresses);
        nodes.push(builder.start().await.expect("the port is free"));
    }
    for node in &nodes {
        within_reason(node.ready()).await.expect("it runs");
        until(|| node.members().live_len() == 3).await;
    }
}

#[tokio::test]
async fn a_node_whose_only_seed_is_itself_begins_the_cluster() {
    let address = closed_port();
    let node = on_loopback("a").bind(address).seeds([address]).start().await.expect("it starts");
    assert!(node.is_ready());

    let SocketAddr::V4(v4) = address else { panic!("it is IPv4") };
    let mapped = SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port()));
    node.shutdown().await;
    let again = on_loopback("a").bind(address).seeds([mapped]).start().await.expect("it starts");
    assert!(again.is_ready(), "however the address is written");
}

#[tokio::test]
async fn a_node_that_has_said_goodbye_joins_nobody_and_says_so_at_once() {
    let seed = start("a", &[]).await;
    let node = start("b", &[]).await;
    node.leave(Duration::from_secs(20)).await;
    let report = within_reason(node.join([seed.address()], Duration::from_secs(3_600))).await;
    assert!(!report.joined());
    assert!(report.seeds[0].to_string().contains("this node is leaving"), "{}", report.seeds[0]);
}

#[tokio::test]
async fn a_failed_start_names_the_setting_and_binds_nothing() {
    let free = closed_port();
    let long = "x".repeat(300);
    let wrong = [
        (on_loopback("a").bind(free).tag("blob", &long), "256"),
        (on_loopback("a").bind(free).zone(&long), "zone"),
        (on_loopback(&long).bind(free), "name"),
        (on_loopback("a").bind(free).period(Duration::from_nanos(1)), "period"),
        (on_loopback("a").bind(free).advertise("0.0.0.0"), "advertise"),
        (on_loopback("a").bind(free).seeds(["no-port"]), "seeds"),
        (on_loopback("a").bind(free).event_buffer(0), "event_buffer"),
        (on_loopback("a").bind("nonsense"), "bind"),
    ];
    for (builder, named) in wrong {
        let error = builder.start().await.expect_err(named).to_string();
        assert!(error.contains(named), "{named}: {error}");
        drop(TcpListener::bind(free).await.expect("the stream port is free"));
        drop(UdpSocket::bind(free).await.expect("the datagram port is free"));
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let first = start("a", &[]).await;
    let error = on_loopback("b").bind(first.bound()).start().await.expect_err("taken");
    assert!(matches!(error, NodeError::Bind { address, .. } if address == first.bound()));
    assert!(first.condition().running);
}
