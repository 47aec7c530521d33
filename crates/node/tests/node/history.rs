use std::fs;
use std::path::Path;
use std::time::Duration;

use headcount::{Node, Presence, Reliability};

use crate::harness::{on_loopback, start, until};

fn of(node: &Node, name: &str) -> Option<Reliability> {
    node.reliability().members.into_iter().find(|member| member.name.as_str() == name)
}

fn presence(node: &Node, name: &str) -> Option<Presence> {
    of(node, name).map(|member| member.presence)
}

async fn recording(path: &Path) -> Node {
    on_loopback("observer").history_file(path).start().await.expect("it starts")
}

#[tokio::test]
async fn what_happened_is_recorded_without_a_file_too_and_of_others_only() {
    let observer = start("observer", &[]).await;
    let other = start("other", &[&observer]).await;
    until(|| presence(&observer, "other") == Some(Presence::Up)).await;
    other.leave(Duration::from_secs(20)).await;
    until(|| presence(&observer, "other") == Some(Presence::Left)).await;
    let report = observer.reliability();
    assert_eq!((report.members.len(), report.cluster.totals.failures), (1, 0));
    let history = observer.history();
    let (_, member) = history.members().next().expect("one");
    let told: Vec<&str> = member.events().map(|event| event.what.as_str()).collect();
    assert_eq!(told, ["joined", "left"]);
}

#[tokio::test]
async fn a_history_survives_the_restart_of_its_observer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history");
    let observer = recording(&path).await;
    let failing = start("failing", &[&observer]).await;
    let steady = start("steady", &[&observer]).await;
    until(|| presence(&observer, "steady") == Some(Presence::Up)).await;
    until(|| presence(&observer, "failing") == Some(Presence::Up)).await;
    failing.shutdown().await;
    until(|| presence(&observer, "failing") == Some(Presence::Down)).await;
    let before = of(&observer, "failing").expect("recorded");
    assert_eq!((before.totals.failures, before.totals.recoveries), (1, 0));
    observer.shutdown().await;
    // Times are kept in milliseconds: whoever is back within one was never away.
    tokio::time::sleep(Duration::from_millis(10)).await;

    let observer = recording(&path).await;
    let report = observer.reliability();
    assert_eq!((report.gaps, report.cluster.totals.failures), (1, 1));
    assert_eq!(presence(&observer, "failing"), Some(Presence::Down), "it has not come back");
    assert_eq!(presence(&observer, "steady"), Some(Presence::Unseen), "nobody told of it yet");
    assert!(report.since_ms < before.outage.map(|outage| outage.since_ms));
    let again = start("failing", &[&observer]).await;
    let _ = steady.join([observer.address()], Duration::from_secs(20)).await;
    until(|| presence(&observer, "failing") == Some(Presence::Up)).await;
    until(|| presence(&observer, "steady") == Some(Presence::Up)).await;
    let after = of(&observer, "failing").expect("recorded");
    assert_eq!((after.totals.failures, after.totals.recoveries), (1, 1));
    assert_eq!(after.totals.restarts, 1, "another process of the name");
    assert_eq!(after.totals.mttr().samples, 0, "its outage was not seen as a whole");
    assert_eq!(of(&observer, "steady").map(|steady| steady.totals.restarts), Some(0));
    observer.shutdown().await;
    drop(again);

    // And once more, from what was written in two lives: the time between them counts for nobody.
    let observer = recording(&path).await;
    let report = observer.reliability();
    assert_eq!((report.gaps, report.cluster.totals.recoveries), (2, 1));
    let all_ms = report.at_ms - report.since_ms.expect("it has begun");
    assert!(report.watched < Duration::from_millis(all_ms));
}

#[tokio::test]
async fn a_history_that_cannot_be_kept_is_told_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history");
    let first = recording(&path).await;
    let second = on_loopback("second").history_file(&path).start().await;
    let error = second.expect_err("it is in use").to_string();
    assert!(error.starts_with("history_file: ") && error.contains("a file of its own"), "{error}");
    first.shutdown().await;
    let error = Node::builder("others").bind("127.0.0.1:0").history_file(&path).start().await;
    let error = error.expect_err("another cluster").to_string();
    assert!(error.contains("belongs to the cluster \"tests\""), "{error}");
}

#[tokio::test]
async fn the_end_is_written_when_the_last_handle_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history");
    drop(recording(&path).await);
    let written = || fs::read_to_string(&path).unwrap_or_default();
    until(|| written().ends_with("\"event\":\"stopped\"}\n")).await;
}
