//! Bugs planted in the engines: a rule of the merge is left out, and a shipped scenario notices.

use std::path::Path;

use headcount_sim::{Check, Class, Report, Rules, Scenario, Simulation};
use headcount_swim::Detector;

/// A bug must be noticed within so many seeds.
const SEEDS: u64 = 50;

fn load(name: &str) -> Scenario {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let file = folder.join(format!("{name}.toml"));
    Scenario::load(&file).unwrap_or_else(|error| panic!("{error}"))
}

fn run(scenario: &Scenario, seed: u64, rules: Rules) -> Report {
    let mut simulation = Simulation::new(scenario, seed).unwrap_or_else(|error| panic!("{error}"));
    simulation.set_rules(rules);
    simulation.run()
}

/// Without the rule the scenario fails at some seed, by one of the `expected` checks, and with
/// the rule it passes there.
fn assert_noticed(rule: &str, rules: Rules, scenario: &str, expected: &[&str]) {
    let mut scenario = load(scenario);
    // The observers suspect so seldom that there is nothing to refute.
    scenario.engine.detector = Some(Detector::Lifeguard);
    assert_eq!((scenario.class, &scenario.expected_to_fail), (Class::Quick, &None));
    let noticed = (1..=SEEDS).find_map(|seed| {
        let report = run(&scenario, seed, rules);
        let fired: Vec<Check> = report.checks.into_iter().filter(|check| !check.pass).collect();
        (!fired.is_empty()).then_some((seed, fired))
    });
    let name = &scenario.name;
    let (seed, fired) = noticed.unwrap_or_else(|| panic!("without {rule} {name} always passes"));
    let names: Vec<&str> = fired.iter().map(|check| check.name.as_str()).collect();
    eprintln!("without {rule}: {name}, seed {seed}: {}", names.join(", "));
    assert!(names.iter().any(|name| expected.contains(name)), "{fired:?}");
    let sound = run(&scenario, seed, Rules::default());
    assert!(sound.passed(), "{sound}");
}

#[test]
fn a_member_that_does_not_refute_a_suspicion_is_noticed() {
    let rules = Rules { suspicion_refuted: false, ..Rules::default() };
    let fired = ["convergence", "no_false_failures"];
    assert_noticed("the refutation of a suspicion", rules, "bursty-loss", &fired);
}

#[test]
fn a_forgotten_life_that_may_come_back_is_noticed() {
    let rules = Rules { forgetting_closes: false, ..Rules::default() };
    let fired = ["no_dead_announced"];
    assert_noticed("the closing of what is forgotten", rules, "heal-after-purge-refuted", &fired);
}

#[test]
fn a_failure_that_is_refuted_within_its_generation_is_noticed() {
    let rules = Rules { failure_ends_generation: false, ..Rules::default() };
    let fired = ["metric_recovered_within_generation"];
    assert_noticed("the new generation after a failure", rules, "heal-before-purge", &fired);
}

#[test]
fn a_newcomer_that_takes_the_dead_for_members_is_noticed() {
    let rules = Rules { strangers_sink: false, ..Rules::default() };
    let fired = ["no_dead_announced"];
    assert_noticed("the sinking of dead strangers", rules, "zombies-newcomer", &fired);
}

#[test]
fn an_owner_that_stays_below_an_earlier_life_is_noticed() {
    let rules = Rules { owner_climbs: false, ..Rules::default() };
    assert_noticed("the owner's climb", rules, "clock-jump-restart", &["convergence"]);
}

#[test]
fn namesakes_of_which_none_yields_are_noticed() {
    let rules = Rules { namesakes_yield: false, ..Rules::default() };
    assert_noticed("the loser's standing aside", rules, "namesakes", &["convergence"]);
}

#[test]
fn a_loser_that_does_not_return_is_noticed() {
    let rules = Rules { loser_returns: false, ..Rules::default() };
    let scenario = "same-name-new-address-winner-dies";
    assert_noticed("the loser's return", rules, scenario, &["convergence"]);
}
