//! What is looked at inside the engines while a cluster runs.

use std::time::Duration;

use headcount_sim::{Expect, Fault, MetricRule, Scenario, Shown, Simulation, StatusRule, Targets};

const SEC: Duration = Duration::from_secs(1);

#[test]
fn a_standstill_is_seen_in_the_tables_of_the_others_and_the_traffic_calms_down() {
    let shown = |at, shown| StatusRule {
        at,
        about: vec!["faulted".to_owned()],
        by: None,
        shown,
        share: 1.0,
    };
    let metric = |name: &str, exactly| MetricRule {
        name: name.to_owned(),
        at_least: Some(exactly),
        at_most: Some(exactly),
    };
    let expect = Expect {
        idle_within: Some(20 * SEC),
        statuses: vec![shown(49 * SEC, Shown::Failed), shown(70 * SEC, Shown::Alive)],
        metrics: vec![metric("peak_records", 6.0), metric("peak_roster", 1.0)],
        ..Expect::default()
    };
    let scenario = Scenario::new("one-of-six-stands-still", 6, 90 * SEC)
        .fault(Fault::freeze(20 * SEC, 50 * SEC, Targets::random(1)))
        .expect(expect);
    for seed in 0..5 {
        let report = Simulation::new(&scenario, seed).unwrap().run();
        assert!(report.passed(), "{report}");
        for check in
            ["incarnations_owned", "parts_bounded", "idle", "status_failed", "status_alive"]
        {
            assert!(report.check(check).is_some(), "{check}");
        }
    }
}

#[test]
fn what_is_not_so_at_that_moment_is_noticed() {
    let rule = StatusRule {
        at: 21 * SEC,
        about: vec!["n1".to_owned()],
        by: Some(vec!["n0".to_owned()]),
        shown: Shown::Gone,
        share: 1.0,
    };
    let hasty = MetricRule { name: "crashes".to_owned(), at_least: Some(2.0), at_most: None };
    let expect = Expect { statuses: vec![rule], metrics: vec![hasty], ..Expect::default() };
    let scenario = Scenario::new("too-soon", 6, 70 * SEC)
        .fault(Fault::crash(20 * SEC, Targets::nodes(&["n1"])))
        .expect(expect);
    let report = Simulation::new(&scenario, 1).unwrap().run();
    let failed: Vec<&str> =
        report.checks.iter().filter(|c| !c.pass).map(|c| c.name.as_str()).collect();
    assert_eq!(failed, ["status_gone", "metric_crashes"], "{report}");
}
