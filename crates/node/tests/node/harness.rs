//! Starting nodes, and waiting for what they are to see.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use headcount::{Builder, Node, Status};

/// A test that takes this long hangs. No verdict depends on it.
const HANG: Duration = Duration::from_secs(30);

/// The period of all nodes here.
pub(crate) const PERIOD: Duration = Duration::from_millis(100);

/// How long is waited before looking again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A node on a free loopback port.
pub(crate) fn on_loopback(name: &str) -> Builder {
    Node::builder("tests").name(name).bind("127.0.0.1:0").period(PERIOD)
}

/// A running node that joins through `seeds`.
pub(crate) async fn start(name: &str, seeds: &[&Node]) -> Node {
    let seeds: Vec<SocketAddr> = seeds.iter().map(|seed| seed.address()).collect();
    on_loopback(name).seeds(seeds).start().await.expect("it starts")
}

/// `names` as running nodes that see each other; the first is everybody's seed.
pub(crate) async fn cluster(names: &[&str]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for name in names {
        let seeds: Vec<&Node> = nodes.first().into_iter().collect();
        let node = start(name, &seeds).await;
        nodes.push(node);
    }
    for node in &nodes {
        until(|| node.members().live_len() == names.len()).await;
    }
    nodes
}

/// Waits until `met`.
pub(crate) async fn until(met: impl Fn() -> bool) {
    let waiting = async {
        while !met() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    within_reason(waiting).await;
}

/// The outcome of something that must not hang.
pub(crate) async fn within_reason<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.expect("this hangs")
}

/// Waits until `node` shows the member `name` in `status`.
pub(crate) async fn until_status(node: &Node, name: &str, status: Status) {
    until(|| node.member(name).is_some_and(|member| member.status() == status)).await;
}
