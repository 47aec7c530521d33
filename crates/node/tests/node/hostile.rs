use std::net::SocketAddr;
use std::time::Duration;

use headcount::Node;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::harness::{PERIOD, cluster, until, within_reason};

#[tokio::test]
async fn junk_datagrams_are_counted_and_do_no_harm() {
    let nodes = cluster(&["a", "b"]).await;
    let before = nodes[0].stats().protocol.malformed_rejected;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    for length in [0, 1, 13, 14, 100, 1_400, 9_000] {
        let junk: Vec<u8> = (0..length).map(|i| (i * 37 + length) as u8).collect();
        stranger.send_to(&junk, nodes[0].address()).await.expect("sent");
    }
    until(|| nodes[0].stats().protocol.malformed_rejected >= before + 7).await;
    assert!(nodes[0].condition().is_healthy());
    assert_eq!(nodes[0].members().len(), 2);
}

#[tokio::test]
async fn junk_streams_are_counted_closed_and_do_no_harm() {
    let nodes = cluster(&["a", "b"]).await;
    let failed = |node: &Node| {
        let stats = node.stats();
        stats.sockets.streams_failed + stats.protocol.malformed_rejected
    };
    let before = failed(&nodes[0]);
    let junk: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 64],
        &[0, 0, 0, 3, 1, 2, 3],
        &[0, 0, 0, 16, b'H', 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9],
    ];
    for bytes in junk {
        let mut stream = TcpStream::connect(nodes[0].address()).await.expect("accepted");
        stream.write_all(bytes).await.expect("sent");
        // Closed by the node: cleanly, or with a reset for what it did not read.
        let _ = within_reason(stream.read_to_end(&mut Vec::new())).await;
    }
    until(|| failed(&nodes[0]) >= before + 4).await;
    assert!(nodes[0].condition().is_healthy());
    assert_eq!(nodes[0].members().len(), 2);
}

#[tokio::test]
async fn idle_connections_neither_stop_the_protocol_nor_keep_newcomers_out() {
    let nodes = cluster(&["a", "b"]).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(nodes[0].address()).await.expect("accepted"));
    }
    let third = crate::harness::start("c", &[&nodes[0]]).await;
    within_reason(third.ready()).await.expect("it runs");
    until(|| nodes[1].members().live_len() == 3).await;
}

#[tokio::test]
async fn a_node_of_another_cluster_is_kept_out_and_counted() {
    let nodes = cluster(&["a", "b"]).await;
    let seed: SocketAddr = nodes[0].address();
    let stranger = Node::builder("other").name("x").bind("127.0.0.1:0").period(PERIOD);
    let stranger = stranger.seeds([seed]).start().await.expect("it starts");
    let report = stranger.join([seed], Duration::from_secs(20)).await;
    assert!(!report.joined());
    until(|| nodes[0].stats().protocol.foreign_rejected >= 3).await;
    assert!(!stranger.is_ready());
    assert_eq!(stranger.members().len(), 1);
    for node in &nodes {
        assert!(node.members().get("x").is_none());
        assert_eq!(node.members().len(), 2);
    }
}
