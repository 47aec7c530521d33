//! The quorum, seen from a few engines on a scripted network.

mod net;

use std::time::Duration;

use headcount_state::{Name, Time};
use headcount_swim::{Config, Detector, Electorate, Engine, Event, Verdict};
use net::{Net, address, config, identity, name};

const SEC: Duration = Duration::from_secs(1);

/// A majority is said, and lost, so long after what made it at the latest.
const IN_TIME: Duration = Duration::from_secs(7);

fn voters(places: &[usize]) -> Config {
    let names = places.iter().map(|place| Name::new(&name(*place)).expect("a name"));
    Config { electorate: Electorate::Voters(names.collect()), ..config() }
}

fn expecting(size: usize) -> Config {
    Config { electorate: Electorate::ExpectedSize(size), ..config() }
}

fn verdict(net: &Net, place: usize) -> Verdict {
    net.engines[place].as_ref().expect("a running node").quorum(net.now).verdict(net.now)
}

fn verdicts(net: &Net) -> Vec<Verdict> {
    (0..net.engines.len()).map(|place| verdict(net, place)).collect()
}

fn has_majority(net: &Net, place: usize) -> bool {
    let now = net.now;
    net.engines[place].as_ref().is_some_and(|engine| engine.quorum(now).is_majority(now))
}

/// Sides that nothing passes between.
fn cut(net: &mut Net, side: &'static [usize]) {
    net.passes = Box::new(|from, to| side.contains(&from) == side.contains(&to));
}

/// Runs in small steps; how many nodes of each side had a majority at once, at most, and whether both
/// sides ever had one.
fn watch(net: &mut Net, span: Duration, side: &[usize]) -> (usize, usize, bool) {
    let (mut most, mut both) = ((0, 0), false);
    let end = net.now + span;
    while net.now < end {
        net.run(SEC / 10);
        let count = |inside: bool| {
            let on_it = (0..net.engines.len()).filter(|p| side.contains(p) == inside);
            on_it.filter(|place| has_majority(net, *place)).count()
        };
        let (inside, outside) = (count(true), count(false));
        most = (most.0.max(inside), most.1.max(outside));
        both |= inside > 0 && outside > 0;
    }
    (most.0, most.1, both)
}

/// Another process of this name begins there, and joins through `seed`.
fn start(net: &mut Net, place: usize, config: &Config, seed: usize) {
    let now = net.now;
    let generation = 1_000 + now.as_millis();
    let own = identity(&name(place), address(place), generation, generation);
    let engine = Engine::new(config.clone(), own, generation, now).expect("an engine");
    if net.engines.len() == place {
        net.engines.push(None);
    }
    net.engines[place] = Some(engine);
    net.join(place, seed);
}

#[test]
fn nobody_votes_before_it_is_up_for_the_detection_time_and_then_all_are_a_majority() {
    for detector in Detector::ALL {
        let config = Config { detector, ..voters(&[0, 1, 2]) };
        let mut net = Net::new(3, &config);
        (1..3).for_each(|place| net.join(place, 0));
        net.run_until(Time::from_millis(4_999), |_| false);
        assert!((0..3).all(|place| verdict(&net, place) < Verdict::Majority), "{detector:?}");
        net.run(SEC * 2);
        assert_eq!(verdicts(&net), [Verdict::Majority; 3], "{detector:?}");
    }
}

#[test]
fn who_is_cut_off_alone_falls_when_its_lease_ends_and_the_others_stay() {
    for detector in Detector::ALL {
        let config = Config { detector, ..voters(&[0, 1, 2]) };
        let mut net = Net::converged(3, &config);
        net.run(SEC * 10);
        let cut_at = net.now;
        cut(&mut net, &[2]);
        net.events.clear();
        while net.now < cut_at + SEC * 60 {
            net.run(SEC / 20);
            assert!(has_majority(&net, 0) && has_majority(&net, 1), "{detector:?} at {}", net.now);
            assert!(net.now < cut_at + SEC * 5 || !has_majority(&net, 2), "{detector:?}");
        }
        let told = |place: usize| {
            let told = net.events.iter().filter(move |(_, at, _)| *at == place);
            told.filter_map(|(at, _, event)| match event {
                Event::QuorumChanged { verdict, .. } => Some((*at, *verdict)),
                _ => None,
            })
            .collect::<Vec<_>>()
        };
        assert_eq!((told(0), told(1)), (vec![], vec![]), "{detector:?}");
        let [(at, Verdict::Lost)] = told(2)[..] else { panic!("{detector:?}: {:?}", told(2)) };
        assert!(at <= cut_at + SEC * 5, "{detector:?}: told at {at}");
        net.passes = Box::new(|_, _| true);
        net.run(IN_TIME);
        assert_eq!(verdicts(&net), [Verdict::Majority; 3], "{detector:?}");
    }
}

#[test]
fn the_end_of_a_lease_is_told_when_it_ends_and_not_when_something_else_happens_next() {
    let mut net = Net::converged(3, &voters(&[0, 1, 2]));
    net.run(SEC * 10);
    // It hears the others, so that it is not alone, and does not reach them.
    net.passes = Box::new(|from, _| from != 0);
    net.run(SEC / 10);
    let now = net.now;
    let quorum = net.engine(0).quorum(now);
    let (lease, word) = (quorum.lease.expect("a majority"), quorum.word.expect("an answer"));
    net.events.clear();
    net.run(IN_TIME);
    let told = net.events.iter().filter_map(|(at, place, event)| match event {
        Event::QuorumChanged { verdict, .. } if *place == 0 => Some((*at, *verdict)),
        _ => None,
    });
    let ends = (lease, Verdict::Lost);
    assert_eq!((word, told.collect::<Vec<_>>()), (lease, vec![ends]));
}

#[test]
fn an_answer_that_comes_late_is_worth_what_it_was_when_it_was_asked_for() {
    let mut net = Net::converged(3, &voters(&[0, 1, 2]));
    net.run(SEC * 10);
    let mut asker = net.kill(0);
    let (begin, mut last, mut answers) = (net.now, net.now, Vec::new());
    while let Some(at) = asker.poll_timeout().filter(|at| *at <= begin + SEC * 3) {
        asker.tick(at);
        while let Some(asked) = asker.poll_transmit(at) {
            let Some(place) = (1..3).find(|place| address(*place) == asked.to) else { continue };
            last = at;
            net.engine(place).receive(at, address(0), &asked.bytes);
            while let Some(said) = net.engine(place).poll_transmit(at) {
                answers.extend((said.to == address(0)).then_some((place, said.bytes)));
            }
        }
    }
    let late = last + SEC * 4;
    for (place, answer) in &answers {
        asker.receive(late, address(*place), answer);
    }
    let lease = asker.quorum(late).lease.expect("a majority, for a moment");
    assert!(lease <= last + SEC * 5, "asked at {last}, heard at {late}, until {lease}");
}

#[test]
fn even_halves_are_a_minority_on_both_sides() {
    for config in [voters(&[0, 1, 2, 3]), expecting(4)] {
        let mut net = Net::converged(4, &config);
        net.run(SEC * 10);
        assert_eq!(verdicts(&net), [Verdict::Majority; 4]);
        cut(&mut net, &[0, 1]);
        net.run(IN_TIME);
        assert_eq!(verdicts(&net), [Verdict::Minority; 4]);
    }
}

#[test]
fn who_hears_others_and_does_not_reach_them_has_no_majority() {
    let mut net = Net::converged(3, &voters(&[0, 1, 2]));
    net.run(SEC * 10);
    net.passes = Box::new(|from, _| from != 0);
    net.run(IN_TIME);
    let heard = net.engine(0).is_isolated();
    assert!(!heard && !has_majority(&net, 0) && has_majority(&net, 1));
}

#[test]
fn a_voter_that_starts_again_on_the_other_side_lends_that_no_majority_before_the_old_one_is_over() {
    // {0, 2} | {1}; 2 dies and starts again beside 1.
    for config in [voters(&[0, 1, 2]), expecting(3)] {
        let mut net = Net::converged(3, &config);
        net.run(SEC * 10);
        cut(&mut net, &[0, 2]);
        net.run(SEC * 10);
        assert!(has_majority(&net, 0) && !has_majority(&net, 1));
        net.kill(2);
        cut(&mut net, &[0]);
        start(&mut net, 2, &config, 1);
        let (left, right, both) = watch(&mut net, SEC * 20, &[0]);
        assert_eq!((left, right), (1, 2), "each side had one, in its time");
        assert!(!both, "never at once");
    }
}

#[test]
fn a_voter_that_left_still_counts() {
    // 4 and 5 leave, and only 1 and 2 know it; they start again beside 3. Counted out, {1, 2} would
    // be two of three, and {3, 4, 5} three of five.
    let config = voters(&[0, 1, 2, 3, 4]);
    let mut net = Net::converged(5, &config);
    net.run(SEC * 10);
    cut(&mut net, &[2]);
    net.run(SEC * 10);
    for place in [3, 4] {
        let now = net.now;
        net.engine(place).leave(now);
    }
    net.run(SEC * 2);
    assert!([3, 4].iter().all(|place| verdict(&net, *place) == Verdict::Lost), "they have left");
    net.kill(3);
    net.kill(4);
    cut(&mut net, &[0, 1]);
    start(&mut net, 3, &config, 2);
    start(&mut net, 4, &config, 2);
    net.run(IN_TIME);
    let (left, right, both) = watch(&mut net, SEC * 60, &[0, 1]);
    assert_eq!((left, right, both), (0, 3, false));
}

#[test]
fn newcomers_beyond_the_expected_size_take_the_majority_away_and_say_so() {
    let config = expecting(5);
    let mut net = Net::converged(5, &config);
    net.run(SEC * 10);
    cut(&mut net, &[0, 1, 2]);
    net.run(SEC * 10);
    net.events.clear();
    (5..8).for_each(|place| start(&mut net, place, &config, 3));
    net.run(IN_TIME);
    let (left, right, _) = watch(&mut net, SEC * 60, &[0, 1, 2]);
    assert_eq!((left, right), (3, 0));
    for place in 3..8 {
        assert_eq!(net.engine(place).quorum(Time::ZERO).excess, 3, "{place}");
        let mut warned = net.events_at(place);
        let warns =
            |e: &Event| matches!(e, Event::QuorumChanged { quorum, .. } if quorum.excess > 0);
        assert!(warned.any(warns), "{place}");
    }
    // The tombstones go; what was known stays known.
    net.run(SEC * 320);
    assert_eq!(net.engine(3).members().count(), 5);
    assert_eq!(net.engine(3).quorum(Time::ZERO).excess, 3);
    assert!(!has_majority(&net, 3));
}

#[test]
fn joins_and_restarts_within_the_expected_size_are_counted_once() {
    let config = expecting(5);
    let mut net = Net::converged(4, &config);
    net.run(SEC * 10);
    start(&mut net, 4, &config, 0);
    net.kill(1);
    net.run(SEC * 10);
    start(&mut net, 1, &config, 0);
    net.run(SEC * 10);
    assert_eq!(verdicts(&net), [Verdict::Majority; 5]);
    assert!((0..5).all(|place| net.engines[place].as_ref().unwrap().quorum(net.now).heard == 5));
}

#[test]
fn a_failed_member_stays_in_the_denominator_until_it_says_goodbye() {
    let mut net = Net::converged(4, &config());
    net.run(SEC * 10);
    let of = |net: &mut Net| net.engine(0).quorum(Time::ZERO).of;
    net.kill(3);
    net.run(SEC * 400);
    assert_eq!(net.engine(0).members().count(), 3, "its tombstone is gone");
    assert_eq!(of(&mut net), 4);
    let now = net.now;
    net.engine(2).leave(now);
    net.run(SEC * 5);
    assert_eq!(of(&mut net), 3);
}

#[test]
fn a_learned_majority_is_shown_and_not_asserted_and_nobody_is_asked_for_it() {
    let mut net = Net::converged(3, &config());
    net.run(SEC * 20);
    assert_eq!(verdicts(&net), [Verdict::Majority; 3]);
    assert!((0..3).all(|place| !has_majority(&net, place)));
    assert!((0..3).all(|place| net.engine(place).stats().quorum_pings == 0));
}

#[test]
fn who_has_no_vote_hears_the_voters_all_the_same() {
    let mut net = Net::converged(4, &voters(&[0, 1, 2]));
    net.run(SEC * 10);
    let quorum = net.engine(3).quorum(Time::from_millis(1));
    assert_eq!((quorum.heard, quorum.of), (3, 3));
    assert!(has_majority(&net, 3));
    cut(&mut net, &[0, 3]);
    net.run(IN_TIME);
    assert_eq!(verdict(&net, 3), Verdict::Minority);
    let now = net.now;
    assert_eq!(net.engine(3).silent_voters(now), ["n1", "n2"]);
}

#[test]
fn a_sole_voter_has_a_majority_whoever_is_gone() {
    let mut net = Net::converged(3, &voters(&[0]));
    net.run(SEC * 10);
    assert_eq!(verdicts(&net), [Verdict::Majority; 3]);
    cut(&mut net, &[0]);
    net.run(SEC * 30);
    assert_eq!(verdicts(&net), [Verdict::Majority, Verdict::Lost, Verdict::Lost]);
}

#[test]
fn a_silent_voter_is_asked_once_a_period_and_one_that_is_heard_anyway_hardly_ever() {
    let mut net = Net::converged(3, &voters(&[0, 1, 2]));
    net.run(SEC * 10);
    let pings = |net: &mut Net| net.engine(0).stats().quorum_pings;
    let before = pings(&mut net);
    net.run(SEC * 100);
    let calm = pings(&mut net) - before;
    assert!(calm <= 60, "{calm}");
    net.kill(2);
    net.run(SEC * 10);
    let before = pings(&mut net);
    net.run(SEC * 100);
    let silent = pings(&mut net) - before;
    assert!((100..=100 + 60).contains(&silent), "{silent}");
}

#[test]
fn a_voter_that_has_no_vote_yet_is_not_asked_at_the_speed_of_the_network() {
    let config = voters(&[0, 1, 2]);
    let mut net = Net::converged(3, &config);
    net.run(SEC * 10);
    net.kill(2);
    start(&mut net, 2, &config, 0);
    let before = net.engine(0).stats().quorum_pings;
    net.run(SEC * 5);
    let asked = net.engine(0).stats().quorum_pings - before;
    assert!(asked <= 10, "{asked}");
}
