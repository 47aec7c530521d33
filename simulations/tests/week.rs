//! What a node's history says after a long time, beside what really happened.

use std::time::Duration;

use headcount_sim::week::{Compared, Week, WeekReport};

const HOUR: Duration = Duration::from_secs(3_600);

fn run(seed: u64) -> WeekReport {
    let day = Week { members: 16, span: 24 * HOUR, mean_uptime: 3 * HOUR, seed };
    day.run(|_| {}).expect("it can be simulated")
}

#[test]
fn a_history_of_a_day_is_what_happened() {
    let WeekReport { seen, members } = run(1);
    assert_eq!(members.len(), 16);
    for member in &members {
        assert!(member.is_right(), "{member:?} off by {} ms", member.off_ms());
    }
    let sum = |of: fn(&Compared) -> u64| members.iter().map(of).sum::<u64>();
    let failures = sum(|member| member.actual.failures);
    assert!(failures > 30, "{failures}");
    assert_eq!(seen.cluster.totals.failures, failures);
    assert_eq!(seen.cluster.totals.restarts, sum(|member| member.actual.restarts));
    assert!(sum(|member| member.actual.restarts) > 10);
    let up_ms = sum(|member| member.actual.up_ms) as f64;
    let actual = up_ms / (up_ms + sum(|member| member.actual.down_ms) as f64);
    let said = seen.cluster.totals.availability().expect("observed");
    assert!((said - actual).abs() < 0.002 && actual < 0.95, "{said} and {actual}");
    assert_eq!((seen.gaps, seen.watched), (0, 24 * HOUR));
}

#[test]
fn what_is_wrong_is_noticed() {
    let mut member = run(2).members.swap_remove(0);
    assert!(member.is_right(), "{member:?}");
    let right = member.clone();
    member.seen.failures += 1;
    assert!(!member.is_right());
    member = right.clone();
    member.seen.down_ms += right.allowed_ms() * 2;
    assert!(!member.is_right());
}

#[test]
fn what_cannot_be_simulated_is_named() {
    let problem = |week: Week| week.run(|_| {}).expect_err("out of range").to_string();
    let week = Week::default();
    assert!(problem(Week { members: 2, ..week }).contains("members"));
    assert!(problem(Week { span: HOUR / 2, ..week }).contains("span"));
    assert!(problem(Week { mean_uptime: HOUR / 60, ..week }).contains("mean_uptime"));
}
