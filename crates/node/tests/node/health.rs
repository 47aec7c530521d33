use headcount::{Event, HealthLevel, MissingCause, NodeEvent};

use crate::harness::{cluster, within_reason};

#[tokio::test]
async fn who_is_told_that_the_health_has_changed_finds_it_so() {
    let nodes = cluster(&["a", "b", "c"]).await;
    let [a, _, c] = nodes.as_slice() else { unreachable!("three were started") };
    assert_eq!(a.health().level, HealthLevel::Healthy);
    let mut events = a.events();
    within_reason(c.shutdown()).await;
    let told = within_reason(async {
        while let Some(event) = events.next().await {
            if let NodeEvent::Event(Event::HealthChanged { from, health }) = event {
                return Some((from, health, a.health()));
            }
        }
        None
    });
    let (from, health, found) = told.await.expect("it is told");
    assert_eq!((from, health.level), (HealthLevel::Healthy, HealthLevel::Critical));
    assert_eq!((health.present, health.missing), (2, 1));
    assert_eq!(health.cause, Some(MissingCause::Failed));
    assert_eq!(found, health);
}
