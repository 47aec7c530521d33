//! What a run tells afterwards: traces from one point of view, traffic, stories.

use std::time::Duration;

use headcount_sim::{
    ChangeKind, Entry, Fault, Happening, Message, Scenario, Selection, Simulation, Targets,
};
use headcount_state::Time;

const SEC: Duration = Duration::from_secs(1);

/// Five nodes; `n3` dies after ten seconds and is declared failed before the end.
fn one_dies() -> Scenario {
    Scenario::new("one-dies", 5, 60 * SEC).fault(Fault::crash(10 * SEC, Targets::nodes(&["n3"])))
}

fn traced(scenario: &Scenario, selection: Selection) -> Vec<Entry> {
    let mut simulation = Simulation::new(scenario, 1).expect("valid");
    simulation.record(selection).expect("labels");
    simulation.run_for(scenario.duration);
    simulation.recorded()
}

fn as_node(label: &str) -> Selection {
    Selection { node: Some(label.to_owned()), ..Selection::default() }
}

fn about(label: &str) -> Selection {
    Selection { member: Some(label.to_owned()), ..Selection::default() }
}

fn has(entries: &[Entry], what: impl Fn(&Happening) -> bool) -> bool {
    entries.iter().any(|entry| what(&entry.what))
}

fn says(message: &Message, kind: &str, about: &str) -> bool {
    message.kind == kind && message.about.as_deref() == Some(about)
}

#[test]
fn a_node_s_trace_has_what_it_sent_received_and_was_told() {
    let entries = traced(&one_dies(), as_node("n1"));
    let elsewhere = entries.iter().find(|e| e.node.as_deref().is_some_and(|node| node != "n1"));
    assert_eq!(elsewhere, None);
    assert!(has(&entries, |what| matches!(
        what,
        Happening::Sent { fate: "arrives", message, .. } if says(message, "ping", "n2")
    )));
    assert!(has(&entries, |what| matches!(
        what,
        Happening::Received { from, message, .. } if from == "n2" && says(message, "ack", "n2")
    )));
    assert!(has(&entries, |what| matches!(
        what,
        Happening::Sent { fate: "nobody_there", message, .. } if says(message, "ping", "n3")
    ) || matches!(
        what,
        Happening::Event { event: "failed", about, .. } if about.as_deref() == Some("n3")
    )));
    assert!(has(&entries, |what| matches!(
        what,
        Happening::FrameReceived { from, message, .. } if from == "n0" && message.kind == "chunk"
    )));
    let moments: Vec<f64> = entries.iter().map(|entry| entry.at_s).collect();
    assert!(moments.is_sorted());
}

#[test]
fn a_member_s_trace_has_every_claim_about_it_and_no_other() {
    let entries = traced(&one_dies(), about("n3"));
    let claims = || entries.iter().filter_map(|entry| entry.what.message()).flat_map(|m| &m.claims);
    assert!(claims().any(|claim| claim.status == "failed" && claim.accuser.is_some()));
    assert_eq!(claims().find(|claim| claim.member != "n3"), None);
    let tellers: std::collections::BTreeSet<&Option<String>> =
        entries.iter().map(|entry| &entry.node).collect();
    assert!(tellers.len() >= 5, "{tellers:?}");
    assert!(has(&entries, |what| matches!(what, Happening::Stopped { how: "crashed" })));
    assert!(!has(&entries, |what| matches!(
        what,
        Happening::Event { about, .. } if about.as_deref() != Some("n3")
    )));
}

#[test]
fn without_a_point_of_view_there_are_events_and_no_messages() {
    let entries = traced(&one_dies(), Selection::default());
    assert_eq!(entries.iter().find(|entry| entry.what.message().is_some()), None);
    assert!(has(&entries, |what| matches!(what, Happening::FaultBegins { kind: "crash", .. })));
    let failed = |entry: &&Entry| matches!(entry.what, Happening::Event { event: "failed", .. });
    assert_eq!(entries.iter().filter(failed).count(), 4);
}

#[test]
fn only_the_time_that_was_asked_for_is_recorded() {
    let (from, to) = (Time::from_millis(20_000), Time::from_millis(22_000));
    let entries = traced(&one_dies(), Selection { from, to, ..as_node("n1") });
    assert!(!entries.is_empty());
    assert!(entries.iter().all(|entry| (20.0..=22.0).contains(&entry.at_s)));
}

#[test]
fn a_datagram_that_is_dropped_says_why() {
    let sides: &[&[&str]] = &[&["n0-n1"], &["n2-n4"]];
    let scenario =
        Scenario::new("two-sides", 5, 30 * SEC).fault(Fault::partition(10 * SEC, 20 * SEC, sides));
    let entries = traced(&scenario, as_node("n0"));
    let dropped = |entry: &&Entry| matches!(entry.what, Happening::Sent { fate: "partition", .. });
    let at: Vec<f64> = entries.iter().filter(dropped).map(|entry| entry.at_s).collect();
    assert!(!at.is_empty() && at.iter().all(|at| (10.0..=20.0).contains(at)), "{at:?}");
    assert!(has(&entries, |what| matches!(what, Happening::FaultEnds { fault: 0, .. })));
}

#[test]
fn a_label_of_nobody_or_of_many_is_no_point_of_view() {
    let mut simulation = Simulation::new(&one_dies(), 1).expect("valid");
    for label in ["n1-n3", "three", ""] {
        let error = simulation.record(as_node(label)).expect_err("no node").to_string();
        assert!(error.starts_with("node: ") && error.contains("write n3"), "{error}");
        assert!(simulation.record(about(label)).is_err());
    }
}

#[test]
fn recording_changes_nothing() {
    let plain = Simulation::new(&one_dies(), 1).expect("valid").run();
    let mut simulation = Simulation::new(&one_dies(), 1).expect("valid");
    simulation.record(as_node("n1")).expect("a label");
    simulation.measure_traffic();
    assert_eq!(simulation.run().trace_hash, plain.trace_hash);
}

#[test]
fn traffic_counts_every_byte_once() {
    let mut simulation = Simulation::new(&one_dies(), 1).expect("valid");
    simulation.measure_traffic();
    simulation.run_for(60 * SEC);
    let traffic = simulation.traffic();
    let metrics = simulation.report().metrics;
    let sent = metrics["datagram_bytes_sent"] + metrics["stream_bytes_sent"];
    assert_eq!(traffic.nodes.iter().sum::<u64>() as f64, sent);
    let by_second: f64 = traffic.seconds.iter().map(|second| second.mean_bytes * 5.0).sum();
    assert!((by_second - sent).abs() < 1e-3, "{by_second} and {sent}");
    assert_eq!(traffic.seconds.len(), 60);
}

#[test]
fn a_story_says_when_who_knew_and_how_members_were_seen() {
    let mut simulation = Simulation::new(&one_dies(), 1).expect("valid");
    simulation.run_for(60 * SEC);
    let story = simulation.story(None);
    let crash = story.changes.iter().find(|change| change.kind == ChangeKind::Crash);
    let crash = crash.expect("one died");
    assert_eq!((crash.member.as_str(), crash.at_s, crash.observers), ("n3", 10.0, 4));
    assert_eq!(crash.known_after_s.len(), 4);
    let longest = simulation.report().metrics["all_failed_s"];
    assert_eq!(crash.known_after_s.last(), Some(&longest));
    let of = |observer| {
        let timelines = simulation.story(observer).timelines.into_iter();
        timelines
            .filter(|timeline| timeline.member == "n3")
            .flat_map(|t| t.steps)
            .collect::<Vec<_>>()
    };
    let last = *of(None).last().expect("it was seen");
    assert_eq!((last.alive, last.failed), (0, 4));
    let last = *of(Some(0)).last().expect("it was seen");
    assert_eq!((last.alive, last.failed), (0, 1));
}
