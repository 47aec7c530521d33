//! The example of a balanced service, in its short form: replicas are killed, drained and paused.

use std::process::Command;

use headcount_tests::example;
use serde_json::Value;

#[test]
fn fewer_requests_fail_than_over_a_static_list() {
    let run = Command::new(example("headcount-tower", "balanced_service"))
        .args(["--short", "--json", "--rate", "40"])
        .output()
        .expect("the example runs");
    let errors = String::from_utf8_lossy(&run.stderr);
    let report: Value =
        serde_json::from_slice(&run.stdout).unwrap_or_else(|e| panic!("{e}: {errors}"));
    assert!(run.status.success(), "{report:#}\n{errors}");
    assert_eq!(report["fewer_failed"], true, "{report:#}");
    let phases = report["phases"].as_array().expect("a list");
    let count = |phase: usize, way: &str, what: &str| {
        phases[phase][way][what].as_u64().unwrap_or_else(|| panic!("{way} {what} in {report:#}"))
    };
    let names: Vec<&str> = phases.iter().filter_map(|phase| phase["phase"].as_str()).collect();
    assert_eq!(names, ["calm", "killed", "drained", "paused"]);
    for phase in 0..phases.len() {
        for way in ["headcount", "round_robin", "static_p2c"] {
            assert!(count(phase, way, "requests") >= 40, "{report:#}");
        }
    }
    assert_eq!(count(2, "headcount", "errors"), 0, "nothing goes to one that drained: {report:#}");
    assert!(count(1, "round_robin", "errors") > 0, "the killed one refuses: {report:#}");
}

#[test]
fn what_cannot_be_is_refused() {
    let run = Command::new(example("headcount-tower", "balanced_service"))
        .args(["--rate", "0"])
        .output()
        .expect("the example runs");
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("--rate"));
}
