use std::time::Duration;

use headcount::{Basis, Event, NodeEvent, Verdict};

use crate::harness::{PERIOD, cluster, on_loopback, until, within_reason};

const DETECTION_TIME: Duration = Duration::from_millis(5 * PERIOD.as_millis() as u64);

const VOTERS: [&str; 3] = ["a", "b", "c"];

#[tokio::test]
async fn a_majority_of_voters_is_told_and_ends_with_them() {
    let a = on_loopback("a").voters(VOTERS).start().await.expect("it starts");
    let mut events = a.events();
    let b = on_loopback("b").voters(VOTERS).seeds([a.address()]).start().await.expect("it starts");
    until(|| b.quorum().is_majority()).await;
    let told = within_reason(async {
        while let Some(event) = events.next().await {
            if let NodeEvent::Event(Event::QuorumChanged { verdict: Verdict::Majority, quorum }) =
                event
            {
                return Some((quorum.basis, quorum.heard, quorum.need(), quorum.of));
            }
        }
        None
    });
    assert_eq!(told.await, Some((Basis::Voters, 2, 2, 3)));
    until(|| a.quorum().lease().is_some_and(|lease| lease <= DETECTION_TIME)).await;
    within_reason(b.shutdown()).await;
    assert_eq!(b.quorum().verdict(), Verdict::Lost, "a node that has stopped is on no side");
    until(|| a.quorum().silent() == ["b", "c"]).await;
    assert!(!a.quorum().is_majority());
}

#[tokio::test]
async fn a_blocked_runtime_does_not_stretch_a_majority() {
    let a = on_loopback("a").expected_size(2).start().await.expect("it starts");
    let b =
        on_loopback("b").expected_size(2).seeds([a.address()]).start().await.expect("it starts");
    until(|| a.quorum().is_majority() && b.quorum().is_majority()).await;
    let held = a.quorum();
    // Blocks the only thread, and the drivers with it.
    std::thread::sleep(DETECTION_TIME);
    assert!(!held.is_majority() && !a.quorum().is_majority() && !b.quorum().is_majority());
    until(|| a.quorum().is_majority() && b.quorum().is_majority()).await;
}

#[tokio::test]
async fn who_leaves_has_lost_its_quorum_at_once() {
    let a = on_loopback("a").voters(["a"]).start().await.expect("it starts");
    until(|| a.quorum().is_majority()).await;
    within_reason(a.leave(Duration::from_secs(1))).await;
    assert_eq!(a.quorum().verdict(), Verdict::Lost);
}

#[tokio::test]
async fn without_voters_or_a_size_nothing_is_asserted() {
    let nodes = cluster(&["a", "b"]).await;
    until(|| nodes[0].quorum().of() == 2).await;
    let quorum = nodes[0].quorum();
    assert_eq!((quorum.basis(), quorum.verdict()), (Basis::Learned, Verdict::Majority));
    assert!(!quorum.is_majority());
}

#[tokio::test]
async fn voters_and_sizes_that_cannot_be_are_refused_with_their_remedy() {
    for (builder, hints) in [
        (on_loopback("a").voters(["a", ""]), ["voters", "1 to 255 bytes"]),
        (on_loopback("a").voters(["a", "a"]), ["voters", "each name once"]),
        (on_loopback("a").voters([""; 0]), ["voters", "1 to 101"]),
        (on_loopback("a").expected_size(102), ["expected_size", "1 to 101"]),
    ] {
        let error = builder.start().await.expect_err("refused").to_string();
        assert!(hints.iter().all(|hint| error.contains(hint)), "{error}");
    }
}
