//! Real nodes on networks that lose packets and fall apart.

use std::collections::BTreeSet;
use std::time::Duration;

use headcount::{Event, Events, Node, NodeEvent};
use headcount_tests::{eventually, in_namespace};

const PERIOD: Duration = Duration::from_millis(100);

/// So many nodes, each with a loopback address of its own, joined through the first.
struct Cluster {
    runtime: tokio::runtime::Runtime,
    nodes: Vec<Node>,
    addresses: Vec<String>,
}

impl Cluster {
    fn start(nodes: usize, retention: Duration) -> Cluster {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let addresses = (1..=nodes).map(|i| format!("127.0.0.{i}")).collect::<Vec<_>>();
        let seed = format!("{}:7946", addresses[0]);
        let start = |(place, address): (usize, &String)| {
            let builder = Node::builder("end-to-end")
                .name(format!("n{place}"))
                .bind(format!("{address}:7946"))
                .period(PERIOD)
                .tombstone_ttl(retention)
                .seeds((place > 0).then(|| seed.clone()));
            runtime.block_on(builder.start()).expect("a node starts")
        };
        let nodes = addresses.iter().enumerate().map(start).collect();
        Cluster { runtime, nodes, addresses }
    }

    /// Whether every node shows so many live members, all in one view.
    fn is_whole(&self) -> bool {
        let views = self.nodes.iter().map(|node| node.members().view_id()).collect::<BTreeSet<_>>();
        let all = self.nodes.len();
        views.len() == 1 && self.nodes.iter().all(|node| node.members().live_len() == all)
    }

    fn events(&self) -> Vec<Events> {
        let _guard = self.runtime.enter();
        self.nodes.iter().map(Node::events).collect()
    }
}

fn drain(events: &mut Events) -> Vec<Event> {
    let mut seen = Vec::new();
    while let Some(item) = events.try_next() {
        match item {
            NodeEvent::Event(event) => seen.push(event),
            NodeEvent::Gap { missed, .. } => panic!("{missed} events were missed"),
            _ => {}
        }
    }
    seen
}

#[test]
fn a_cut_longer_than_the_retention_heals_without_a_failure_on_any_side() {
    in_namespace("a_cut_longer_than_the_retention_heals_without_a_failure_on_any_side", |net| {
        let retention = Duration::from_secs(2);
        let cluster = Cluster::start(6, retention);
        eventually("one view of six", || cluster.is_whole());

        let sides = cluster.addresses.iter().map(String::as_str).collect::<Vec<_>>();
        let (left, right) = sides.split_at(3);
        net.cut(left, right);
        eventually("each side has forgotten the other", || {
            cluster.nodes.iter().all(|node| node.members().len() == 3)
        });

        let mut events = cluster.events();
        net.heal();
        eventually("one view of six again", || cluster.is_whole());
        eventually("every node says once that the cut is over", || {
            cluster.nodes.iter().all(|node| node.members().agreement().is_complete())
        });
        std::thread::sleep(PERIOD * 20);
        for (place, events) in events.iter_mut().enumerate() {
            let seen = drain(events);
            let failed = seen.iter().filter(|event| matches!(event, Event::Failed(_))).count();
            assert_eq!(failed, 0, "n{place} saw {seen:#?}");
            let healed = seen.iter().filter(|event| matches!(event, Event::Healed { .. })).count();
            assert_eq!(healed, 1, "n{place} saw {seen:#?}");
        }
    });
}

#[test]
fn a_lossy_network_still_converges() {
    in_namespace("a_lossy_network_still_converges", |net| {
        net.lose(25);
        let cluster = Cluster::start(10, Duration::from_secs(60));
        eventually("one view of ten", || cluster.is_whole());
    });
}

#[test]
fn a_cluster_forms_where_tcp_is_blocked() {
    in_namespace("a_cluster_forms_where_tcp_is_blocked", |net| {
        net.block_tcp();
        let cluster = Cluster::start(5, Duration::from_secs(60));
        eventually("one view of five", || cluster.is_whole());
    });
}
