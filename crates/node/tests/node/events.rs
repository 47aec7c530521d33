use std::time::Duration;

use headcount::{Event, NodeEvent, Serving, Status};

use crate::harness::{cluster, on_loopback, start, until, until_status, within_reason};

#[tokio::test]
async fn a_stream_begins_with_a_snapshot_and_goes_on_with_what_happens() {
    let first = start("a", &[]).await;
    let mut events = first.events();
    let Some(NodeEvent::Snapshot(members)) = events.next().await else { panic!("a snapshot") };
    assert_eq!(members.len(), 1);
    assert!(events.try_next().is_none());

    let _second = start("b", &[&first]).await;
    let joined = within_reason(async {
        loop {
            match events.next().await {
                Some(NodeEvent::Event(Event::Joined(member))) => return member,
                Some(_) => {}
                None => panic!("the node runs"),
            }
        }
    });
    assert_eq!(joined.await.name().as_str(), "b");
    assert!(first.members().get("b").is_some(), "who is told of an event finds its effect");
    assert!(first.member("b").is_some());
}

#[tokio::test]
async fn a_stalled_reader_is_told_of_the_gap_and_the_protocol_goes_on_without_it() {
    let first = on_loopback("a").event_buffer(2).start().await.expect("it starts");
    let mut stalled = first.events();
    assert!(matches!(stalled.next().await, Some(NodeEvent::Snapshot(_))));
    let second = start("b", &[&first]).await;
    until(|| first.members().live_len() == 2).await;
    for round in 0..20 {
        second.set_tags([("round", round.to_string())]).await.expect("it fits");
        let told = |v: &headcount::Member| v.tags().get("round") == Some(&round.to_string());
        until(|| first.member("b").as_ref().is_some_and(told)).await;
    }
    until(|| first.members().with_tag("round", "19").count() == 1).await;

    let Some(NodeEvent::Gap { missed, members }) = stalled.next().await else { panic!("a gap") };
    assert!(missed >= 20, "{missed}");
    assert_eq!(members.with_tag("round", "19").count(), 1, "the snapshot is what is true now");
    second.set_serving(Serving::Draining).await.expect("it runs");
    let told = within_reason(async {
        loop {
            if let Some(NodeEvent::Event(Event::Updated(member))) = stalled.next().await {
                return member;
            }
        }
    });
    assert_eq!(told.await.serving(), Serving::Draining);
}

#[tokio::test]
async fn every_call_is_safe_inside_an_event_loop() {
    let nodes = cluster(&["a", "b", "c"]).await;
    let node = nodes[0].clone();
    let mut events = node.events();
    let watching = async {
        while let Some(event) = events.next().await {
            for member in &node.members() {
                let _ = node.member(member.name().as_str());
            }
            let _ = (node.own(), node.stats(), node.condition(), node.is_ready(), node.events());
            node.ready().await.expect("it runs");
            node.set_tags([("seen", "one more")]).await.expect("it fits");
            node.set_serving(Serving::Serving).await.expect("it runs");
            node.set_load(Some(50)).await.expect("it runs");
            let _ = node.join([node.address()], Duration::from_secs(1)).await;
            if let NodeEvent::Event(Event::Left(member)) = event {
                assert_eq!(member.name().as_str(), "c");
                node.leave(Duration::from_secs(20)).await;
                node.shutdown().await;
                break;
            }
        }
    };
    let leaving = async { nodes[2].leave(Duration::from_secs(20)).await };
    within_reason(async { tokio::join!(watching, leaving) }).await;
    until_status(&nodes[1], "a", Status::Left).await;
}

#[tokio::test]
async fn a_stream_ends_when_the_node_stops() {
    let node = start("a", &[]).await;
    let mut events = node.events();
    node.shutdown().await;
    within_reason(async { while events.next().await.is_some() {} }).await;
    let mut late = node.events();
    assert!(matches!(late.next().await, Some(NodeEvent::Snapshot(_))), "what was last seen");
    assert!(late.next().await.is_none());
}
