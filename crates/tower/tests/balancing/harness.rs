//! Starting nodes, and what a stream of changes tells of them.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use headcount::{Builder, Node};
use headcount_tower::{Replica, ServingMembers};
use tower::discover::Change;

/// A test that takes this long hangs. No verdict depends on it.
const HANG: Duration = Duration::from_secs(60);

/// A node on a free loopback port, which says that it serves HTTP at `port`.
pub(crate) fn replica(name: &str, port: u16) -> Builder {
    node(name).tag("http", format!(":{port}"))
}

/// A node on a free loopback port.
pub(crate) fn node(name: &str) -> Builder {
    let period = Duration::from_millis(200);
    Node::builder("tests").name(name).bind("127.0.0.1:0").period(period)
}

/// A running node that joins through `seeds`.
pub(crate) async fn start(builder: Builder, seeds: &[&Node]) -> Node {
    let seeds: Vec<SocketAddr> = seeds.iter().map(|seed| seed.address()).collect();
    builder.seeds(seeds).start().await.expect("it starts")
}

/// Waits until `met`.
pub(crate) async fn until(met: impl Fn() -> bool) {
    let waiting = async {
        while !met() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within_reason(waiting).await;
}

/// The outcome of something that must not hang.
pub(crate) async fn within_reason<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.expect("this hangs")
}

/// The next change, as `+name port` or `-name`.
pub(crate) async fn next(members: &mut ServingMembers<SocketAddr>) -> String {
    told(&within_reason(members.next()).await.expect("the node runs"))
}

/// What is told of until nothing is for a while.
pub(crate) async fn all_told(members: &mut ServingMembers<SocketAddr>) -> Vec<String> {
    let mut all = Vec::new();
    let quiet = Duration::from_millis(50);
    while let Ok(Some(change)) = tokio::time::timeout(quiet, members.next()).await {
        all.push(told(&change));
    }
    all
}

fn told(change: &Change<headcount::Name, Replica<SocketAddr>>) -> String {
    match change {
        Change::Insert(name, replica) => format!("+{name} {}", replica.endpoint().port()),
        Change::Remove(name) => format!("-{name}"),
    }
}
