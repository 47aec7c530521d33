//! Many schedules at once: all rules in force, and each rule dropped in turn.

use std::collections::BTreeMap;
use std::env;

use crate::findings::{Findings, Violation};
use crate::switches::Switches;
use crate::world::World;
use crate::{calm, trouble};

/// Schedules with every rule in force. `HEADCOUNT_MODEL_SCHEDULES` overrides all three.
const SCHEDULES: u64 = 12_000;
/// Schedules with one rule dropped whose loss shows often.
const FEW: u64 = 1_000;
/// Schedules with one rule dropped whose loss shows rarely.
const MANY: u64 = 5_000;

/// What a sweep found.
#[derive(Default)]
struct Sweep {
    schedules: u64,
    failing: u64,
    first_failing: Option<u64>,
    by_violation: BTreeMap<Violation, u64>,
    false_deaths: u64,
    faults: BTreeMap<&'static str, u64>,
}

fn schedule(seed: u64, switches: Switches, narrate: bool) -> Findings {
    let mut world = World::new(seed, switches, narrate);
    trouble::run(&mut world);
    calm::run(&mut world);
    world.findings
}

fn sweep(schedules: u64, without: &str) -> Sweep {
    let switches = Switches::without(without);
    let mut sweep = Sweep { schedules, ..Sweep::default() };
    for seed in 0..schedules {
        let findings = schedule(seed, switches, false);
        sweep.false_deaths += u64::from(findings.false_deaths);
        for (fault, times) in findings.faults {
            *sweep.faults.entry(fault).or_default() += times;
        }
        if findings.violations.is_empty() {
            continue;
        }
        sweep.failing += 1;
        sweep.first_failing.get_or_insert(seed);
        for violation in findings.violations {
            *sweep.by_violation.entry(violation).or_default() += 1;
        }
    }
    sweep.print(without);
    sweep
}

impl Sweep {
    fn print(&self, without: &str) {
        let share = 100.0 * self.failing as f64 / self.schedules as f64;
        let deaths = self.false_deaths as f64 / self.schedules as f64;
        let rule = if without.is_empty() { "nothing" } else { without };
        eprintln!(
            "without {rule}: {} of {} schedules fail ({share:.2} %), {deaths:.3} false deaths \
             each; {:?}",
            self.failing, self.schedules, self.by_violation
        );
        if let Some(seed) = self.first_failing {
            eprintln!("  replay: {}", replay_line(seed, without));
        }
    }
}

/// The number asked for in the environment, or else this one.
fn schedules_or(few: u64) -> u64 {
    let asked = env::var("HEADCOUNT_MODEL_SCHEDULES").ok();
    asked.map_or(few, |n| n.parse().expect("a number of schedules"))
}

fn replay_line(seed: u64, without: &str) -> String {
    format!(
        "HEADCOUNT_MODEL_SEED={seed} HEADCOUNT_MODEL_WITHOUT={without} \
         cargo test -p headcount-state --test model replay -- --nocapture"
    )
}

/// Asserts that dropping the rule makes this checker speak.
fn assert_noticed(without: &str, checker: Violation, schedules: u64) {
    let found = sweep(schedules_or(schedules), without);
    assert!(
        found.by_violation.contains_key(&checker),
        "{checker} did not notice the loss of {without}; found {:?}",
        found.by_violation
    );
}

#[test]
fn every_rule_in_force_keeps_every_schedule_clean() {
    let found = sweep(schedules_or(SCHEDULES), "");
    eprintln!("  faults: {:?}", found.faults);
    let replay = found.first_failing.map(|seed| replay_line(seed, "")).unwrap_or_default();
    assert_eq!(found.failing, 0, "{:?}; {replay}", found.by_violation);
}

#[test]
fn every_kind_of_fault_really_happens() {
    let found = sweep(500, "");
    for fault in [
        "loss",
        "duplicate",
        "wrong suspicion",
        "wrong failure",
        "eviction",
        "leave",
        "crash",
        "restart",
        "isolation",
        "cut",
        "long isolation",
    ] {
        let times = found.faults.get(fault).copied().unwrap_or(0);
        assert!(times >= 50, "{fault} happened {times} times in 500 schedules");
    }
}

#[test]
fn an_owner_that_does_not_climb_over_larger_lives_is_noticed() {
    assert_noticed("owner-climbs", Violation::Forgotten, FEW);
}

#[test]
fn refusing_without_an_answer_is_noticed() {
    assert_noticed("answers", Violation::Forgotten, FEW);
}

#[test]
fn forgetting_without_closing_the_generation_is_noticed() {
    assert_noticed("forgetting-closes", Violation::DeadJoined, MANY);
}

#[test]
fn writing_down_dead_strangers_is_noticed() {
    assert_noticed("strangers-sink", Violation::DeadJoined, FEW);
}

#[test]
fn lives_without_instances_are_noticed() {
    assert_noticed("instances", Violation::HashLies, FEW);
}

#[test]
fn namesakes_that_never_yield_are_noticed() {
    assert_noticed("namesakes-yield", Violation::Climbs, FEW);
}

#[test]
fn a_loser_that_never_returns_is_noticed() {
    assert_noticed("loser-returns", Violation::Extinct, MANY);
}

#[test]
fn suspicions_that_nobody_refutes_are_noticed() {
    assert_noticed("suspicion-refuted", Violation::NotConverged, FEW);
}

#[test]
fn long_isolation_without_going_stale_is_noticed() {
    assert_noticed("stale", Violation::DeadJoined, MANY);
}

#[test]
fn seeds_that_are_not_retried_are_noticed() {
    assert_noticed("seeds", Violation::Forgotten, FEW);
}

#[test]
fn a_sketch_without_the_hash_of_dead_claims_is_noticed() {
    assert_noticed("dead-hash", Violation::DeadDisagree, FEW);
}

#[test]
fn replay() {
    let Ok(seed) = env::var("HEADCOUNT_MODEL_SEED") else { return };
    let without = env::var("HEADCOUNT_MODEL_WITHOUT").unwrap_or_default();
    let findings = schedule(seed.parse().expect("a seed"), Switches::without(&without), true);
    assert!(findings.violations.is_empty(), "{findings:#?}");
}
