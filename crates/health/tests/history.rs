//! Histories fed by hand, and what they must say, computed by hand.

use std::time::Duration;

use headcount_health::history::What::{
    Failed, Forgotten, Joined, Left, Recovered, Refuted, Restarted, Suspected,
};
use headcount_health::history::{
    ClusterReliability, Confidence, History, HistoryLimits, Presence, Reliability, What,
};
use headcount_state::{Instance, MemberId, Name};

/// One minute in milliseconds. All times here are minutes.
const MINUTE: u64 = 60_000;

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn process(number: u64) -> Option<Instance> {
    Instance::from_u64(number)
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// Tells of `member`, in its first process.
fn tell(history: &mut History, member: &str, minute: u64, what: What) {
    tell_of(history, member, minute, what, 1);
}

fn tell_of(history: &mut History, member: &str, minute: u64, what: What, number: u64) {
    history.record(minute * MINUTE, MemberId::of(member), &name(member), process(number), what);
}

/// A history that watches from minute 0 on.
fn watching() -> History {
    let mut history = History::default();
    history.started(0);
    history
}

/// A history of member a with these events.
fn of_a(events: &[(u64, What)]) -> History {
    let mut history = watching();
    events.iter().for_each(|(minute, what)| tell(&mut history, "a", *minute, *what));
    history
}

fn at(history: &History, member: &str, minute: u64) -> Reliability {
    let report = history.report(minute * MINUTE);
    let found = report.members.into_iter().find(|found| found.name.as_str() == member);
    found.expect("it has a history")
}

fn cluster(history: &History, minute: u64) -> ClusterReliability {
    history.report(minute * MINUTE).cluster
}

/// Up 0-100, down 100-110, up 110-300, down 300-330, up 330-400.
const EXAMPLE: [(u64, What); 7] = [
    (0, Joined),
    (99, Suspected),
    (100, Failed),
    (110, Recovered),
    (299, Suspected),
    (300, Failed),
    (330, Recovered),
];

#[test]
fn the_example_of_the_documentation() {
    let a = at(&of_a(&EXAMPLE), "a", 400);
    let totals = a.totals;
    assert_eq!((totals.failures, totals.recoveries, totals.suspicions), (2, 2, 2));
    assert_eq!((totals.restarts, totals.flaps, a.outage), (0, 0, None));
    assert_eq!(totals.observed(), minutes(400));
    // (100 + 190 + 70) up, by two failures; (10 + 30) down, by two outages.
    assert_eq!(totals.mtbf().mean, Some(minutes(180)));
    assert_eq!(totals.mttr().mean, Some(minutes(20)));
    assert_eq!(totals.mttr().longest, Some(minutes(30)));
    assert_eq!(totals.availability(), Some(0.9));
    let frequency = totals.frequency().expect("400 minutes");
    assert!((frequency.per_day - 7.2).abs() < 1e-12, "two in 400 of 1,440 minutes");
    assert_eq!((totals.mtbf().samples, totals.mtbf().confidence()), (2, Confidence::Low));
}

#[test]
fn events_that_come_in_any_order_say_the_same() {
    let in_order = of_a(&EXAMPLE).report(400 * MINUTE);
    let mut order: Vec<usize> = (0..EXAMPLE.len()).collect();
    for step in 0..200 {
        // Some of all orders, from a generator of one line.
        order.rotate_left(step % 3);
        order.swap(step % EXAMPLE.len(), (step * 5 + 2) % EXAMPLE.len());
        let shuffled: Vec<(u64, What)> = order.iter().map(|place| EXAMPLE[*place]).collect();
        assert_eq!(of_a(&shuffled).report(400 * MINUTE), in_order, "{shuffled:?}");
    }
}

#[test]
fn of_equal_times_the_order_of_arrival_counts() {
    let up = at(&of_a(&[(0, Joined), (5, Failed), (5, Recovered)]), "a", 9);
    assert_eq!((up.presence, up.totals.down_ms), (Presence::Up, 0));
    let down = at(&of_a(&[(0, Joined), (5, Recovered), (5, Failed)]), "a", 9);
    assert_eq!((down.presence, down.totals.down_ms), (Presence::Down, 4 * MINUTE));
}

#[test]
fn without_a_failure_there_is_no_mean_but_a_bound() {
    let a = at(&of_a(&[(10, Joined)]), "a", 70);
    assert_eq!(a.totals.availability(), Some(1.0));
    assert_eq!((a.totals.mtbf().mean, a.totals.mttr().mean), (None, None));
    assert_eq!(a.totals.mtbf().confidence(), Confidence::None);
    assert_eq!(a.totals.frequency().expect("an hour").per_day, 0.0);
    let bound = a.totals.mtbf().at_least.expect("it was up");
    assert!((bound.as_secs_f64() - 3_600.0 / 3.6889).abs() < 1.0, "{bound:?}");
}

#[test]
fn an_outage_that_lasts_is_downtime_to_now_and_no_sample_yet() {
    let history = of_a(&[(0, Joined), (60, Failed)]);
    let a = at(&history, "a", 80);
    assert_eq!((a.totals.failures, a.totals.recoveries), (1, 0));
    assert_eq!(a.totals.mtbf().mean, Some(minutes(60)));
    assert_eq!(a.totals.mttr().mean, None);
    assert_eq!(a.totals.availability(), Some(0.75));
    let outage = a.outage.expect("it is down");
    assert_eq!((outage.since_ms, outage.seen), (60 * MINUTE, minutes(20)));
    assert!(outage.witnessed);
    assert_eq!(at(&history, "a", 120).totals.availability(), Some(0.5), "it goes on");
}

#[test]
fn a_member_first_seen_failed_is_down_and_did_not_fail_here() {
    let mut history = of_a(&[(10, Failed)]);
    let a = at(&history, "a", 30);
    assert_eq!((a.totals.failures, a.totals.down_ms), (0, 20 * MINUTE));
    assert_eq!((a.totals.mtbf().mean, a.totals.availability()), (None, Some(0.0)));
    assert!(!a.outage.expect("it is down").witnessed);
    tell(&mut history, "a", 40, Joined);
    let a = at(&history, "a", 70);
    assert_eq!((a.totals.recoveries, a.totals.mttr().samples), (1, 0), "it began before");
    assert_eq!(a.totals.availability(), Some(0.5));
}

#[test]
fn a_failure_told_twice_is_one_and_so_is_a_suspicion() {
    let events = [(0, Joined), (4, Suspected), (5, Suspected), (6, Failed), (8, Failed)];
    let a = at(&of_a(&events), "a", 10);
    assert_eq!((a.totals.suspicions, a.totals.failures, a.totals.down_ms), (1, 1, 4 * MINUTE));
    let again = [(0, Joined), (4, Suspected), (5, Refuted), (6, Suspected)];
    assert_eq!(at(&of_a(&again), "a", 10).totals.suspicions, 2);
}

#[test]
fn another_process_is_a_restart_whether_or_not_it_was_missed() {
    let mut history = watching();
    tell_of(&mut history, "a", 0, Joined, 1);
    tell_of(&mut history, "a", 10, Restarted, 2);
    assert_eq!(at(&history, "a", 10).totals.restarts, 1, "too fast to be missed");
    assert_eq!(at(&history, "a", 10).totals.failures, 0);
    tell_of(&mut history, "a", 20, Failed, 2);
    tell_of(&mut history, "a", 26, Forgotten, 2);
    tell_of(&mut history, "a", 30, Joined, 3);
    let a = at(&history, "a", 40);
    assert_eq!((a.totals.restarts, a.totals.failures, a.totals.recoveries), (2, 1, 1));
    assert_eq!(a.totals.mttr().mean, Some(minutes(10)), "being forgotten does not end an outage");
}

#[test]
fn a_goodbye_is_no_failure_and_what_follows_it_is_not_observed() {
    let mut history = of_a(&[(0, Joined), (30, Left), (35, Forgotten)]);
    let a = at(&history, "a", 90);
    assert_eq!((a.presence, a.totals.failures), (Presence::Left, 0));
    assert_eq!((a.totals.observed(), a.totals.availability()), (minutes(30), Some(1.0)));
    tell_of(&mut history, "a", 100, Joined, 2);
    let a = at(&history, "a", 110);
    assert_eq!((a.totals.restarts, a.totals.observed()), (0, minutes(40)), "it was planned");
}

#[test]
fn a_goodbye_during_an_outage_ends_it_without_a_recovery() {
    let a = at(&of_a(&[(0, Joined), (10, Failed), (20, Left)]), "a", 90);
    assert_eq!((a.totals.failures, a.totals.recoveries, a.outage), (1, 0, None));
    assert_eq!((a.totals.down_ms, a.totals.mttr().samples), (10 * MINUTE, 0));
}

#[test]
fn a_failure_within_ten_minutes_of_the_return_is_a_flap() {
    let flaps = |again| {
        let events = [(0, Joined), (50, Failed), (51, Recovered), (again, Failed)];
        at(&of_a(&events), "a", 99).totals.flaps
    };
    assert_eq!([flaps(52), flaps(61), flaps(62)], [1, 1, 0]);
}

#[test]
fn time_in_which_the_observer_was_down_is_neither_uptime_nor_downtime() {
    let mut history = of_a(&[(0, Joined)]);
    tell(&mut history, "b", 0, Joined);
    tell(&mut history, "b", 60, Failed);
    history.stopped(100 * MINUTE);
    history.started(500 * MINUTE);
    // b would have shown itself if it had come back; of a nobody knows.
    assert_eq!(at(&history, "a", 510).presence, Presence::Unseen);
    let b = at(&history, "b", 510);
    assert_eq!((b.presence, b.totals.down_ms), (Presence::Down, 50 * MINUTE), "60-100, 500-510");
    tell(&mut history, "a", 505, Joined);
    tell(&mut history, "b", 520, Joined);
    let (a, b) = (at(&history, "a", 600), at(&history, "b", 600));
    assert_eq!((a.totals.up_ms, a.totals.down_ms), (195 * MINUTE, 0), "0-100, 505-600");
    assert_eq!(a.totals.restarts, 0);
    assert_eq!((b.totals.up_ms, b.totals.down_ms), (140 * MINUTE, 60 * MINUTE));
    assert_eq!((b.totals.recoveries, b.totals.mttr().samples), (1, 0), "not seen as a whole");
    let report = history.report(600 * MINUTE);
    assert_eq!((report.watched, report.gaps), (minutes(200), 1));
}

#[test]
fn what_an_isolated_observer_says_of_others_is_no_failure() {
    let mut history = of_a(&[(0, Joined)]);
    history.isolated(10 * MINUTE);
    tell(&mut history, "a", 12, Suspected);
    tell(&mut history, "a", 15, Failed);
    history.reconnected(30 * MINUTE);
    tell(&mut history, "a", 31, Recovered);
    let a = at(&history, "a", 41);
    assert_eq!((a.totals.failures, a.totals.suspicions, a.totals.mttr().samples), (0, 0, 0));
    assert_eq!((a.totals.up_ms, a.totals.down_ms), (20 * MINUTE, MINUTE), "0-10 and 31-41 up");
    assert_eq!(at(&history, "a", 41).totals.flaps, 0);
}

#[test]
fn an_event_that_comes_late_and_lies_in_a_gap_takes_no_time() {
    let mut history = of_a(&[(0, Joined)]);
    history.isolated(10 * MINUTE);
    history.reconnected(30 * MINUTE);
    tell(&mut history, "a", 50, Recovered);
    tell(&mut history, "a", 20, Failed);
    let a = at(&history, "a", 60);
    assert_eq!((a.totals.up_ms, a.totals.down_ms), (20 * MINUTE, 20 * MINUTE));
    assert_eq!(a.totals.failures, 0);
}

#[test]
fn events_beyond_the_bound_leave_their_sums() {
    let mut bounded = History::new(HistoryLimits { events: 4, ..HistoryLimits::default() });
    let mut whole = History::new(HistoryLimits { events: 10_000, ..HistoryLimits::default() });
    for history in [&mut bounded, &mut whole] {
        history.started(0);
        tell(history, "a", 0, Joined);
        for round in 0..500 {
            tell_of(history, "a", round * 20 + 5, Suspected, round + 1);
            tell(history, "a", round * 20 + 6, Failed);
            tell_of(history, "a", round * 20 + 9, Restarted, round + 2);
            if round % 50 == 0 {
                history.isolated((round * 20 + 10) * MINUTE);
                history.reconnected((round * 20 + 12) * MINUTE);
            }
        }
    }
    let now = 10_000 * MINUTE;
    assert_eq!(bounded.member(MemberId::of("a")).map(|a| a.events().len()), Some(4));
    assert_eq!(bounded.report(now), whole.report(now));
    let totals = bounded.report(now).members[0].totals;
    assert_eq!((totals.failures, totals.restarts, totals.repairs), (500, 500, 500));
    // Two minutes each of ten gaps are missing, three of each round are down.
    assert_eq!((totals.down_ms, totals.up_ms), (1_500 * MINUTE, (8_500 - 20) * MINUTE));
}

#[test]
fn an_event_older_than_all_that_is_kept_counts_as_the_first_of_these() {
    let mut history = History::new(HistoryLimits { events: 2, ..HistoryLimits::default() });
    history.started(0);
    for (minute, what) in [(0, Joined), (10, Suspected), (11, Refuted), (30, Refuted)] {
        tell(&mut history, "a", minute, what);
    }
    tell(&mut history, "a", 5, Failed);
    let a = at(&history, "a", 40);
    // Minute 10 is the latest that is folded, and 11 the next word: up again.
    assert_eq!((a.totals.failures, a.totals.down_ms), (1, MINUTE));
    assert_eq!(a.totals.up_ms, 39 * MINUTE);
}

#[test]
fn who_left_longest_ago_makes_room_and_its_sums_stay_the_clusters() {
    let mut history = History::new(HistoryLimits { members: 3, ..HistoryLimits::default() });
    history.started(0);
    for member in ["a", "b", "c"] {
        tell(&mut history, member, 0, Joined);
    }
    tell(&mut history, "d", 1, Joined);
    assert_eq!(cluster(&history, 1).events_refused, 1, "all are live members");
    tell(&mut history, "b", 10, Failed);
    tell(&mut history, "b", 20, Forgotten);
    tell(&mut history, "a", 15, Left);
    tell(&mut history, "c", 12, Left);
    tell(&mut history, "c", 30, Joined);
    let before = cluster(&history, 40).totals;
    tell(&mut history, "d", 40, Joined);
    assert!(history.member(MemberId::of("a")).is_none(), "it left before b was forgotten");
    tell(&mut history, "e", 40, Joined);
    assert!(history.member(MemberId::of("b")).is_none());
    tell(&mut history, "f", 40, Joined);
    let after = cluster(&history, 40);
    assert!(history.member(MemberId::of("c")).is_some(), "it is back");
    assert_eq!((after.members, after.members_dropped, after.events_refused), (3, 2, 2));
    assert_eq!((after.totals, before.failures), (before, 1));
}

#[test]
fn an_outage_counts_for_seven_days_and_is_then_given_up() {
    let history = of_a(&[(0, Joined), (1_440, Failed)]);
    let day = 1_440;
    let a = at(&history, "a", 7 * day);
    assert!(a.outage.is_some_and(|outage| outage.seen == minutes(6 * day)));
    let a = at(&history, "a", 100 * day);
    assert_eq!((a.presence, a.outage), (Presence::Down, None));
    assert_eq!(a.totals.availability(), Some(1.0 / 8.0));
    assert_eq!(cluster(&history, 100 * day).outages_now, 0);
}

#[test]
fn the_cluster_is_the_sum_and_its_worst_members_come_first() {
    let mut history = of_a(&EXAMPLE);
    for member in ["b", "c", "d"] {
        tell(&mut history, member, 0, Joined);
    }
    tell(&mut history, "c", 200, Failed);
    tell(&mut history, "d", 300, Failed);
    tell(&mut history, "b", 300, Left);
    let report = history.report(400 * MINUTE);
    let names: Vec<&str> = report.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["a", "c", "d", "b"]);
    let cluster = report.cluster;
    assert_eq!((cluster.members, cluster.outages_now, cluster.totals.failures), (4, 2, 4));
    assert_eq!(cluster.by_presence, [0, 1, 2, 1]);
    // 360 + 300 + 200 + 300 minutes up, by four failures.
    assert_eq!(cluster.totals.mtbf().mean, Some(minutes(290)));
    let mean = cluster.availability_mean.expect("observed");
    assert!((mean - (0.9 + 1.0 + 0.5 + 0.75) / 4.0).abs() < 1e-12, "{mean}");
    assert_eq!(cluster.availability_min.map(|(least, who)| (least, who.to_string())), {
        Some((0.5, "c".to_owned()))
    });
}

#[test]
fn a_reader_that_missed_events_finds_out_what_they_were() {
    let mut history = watching();
    for member in ["same", "restarted", "dead", "gone", "left"] {
        tell(&mut history, member, 0, Joined);
    }
    let shown = [
        ("same", 1, Presence::Up),
        ("restarted", 2, Presence::Up),
        ("dead", 1, Presence::Down),
        ("left", 1, Presence::Left),
        ("new", 9, Presence::Up),
    ]
    .map(|(member, number, presence)| (name(member), process(number), presence));
    let shown = || shown.iter().map(|(name, process, presence)| (name, *process, *presence));
    let mut missed = history.missed(shown());
    missed.sort();
    let told = |member: &str, number, what| (name(member), process(number), what);
    let expected = [
        told("dead", 1, Failed),
        (name("gone"), None, Forgotten),
        told("left", 1, Left),
        told("new", 9, Joined),
        told("restarted", 2, Restarted),
    ];
    assert_eq!(missed, expected);
    for (name, process, what) in missed {
        history.record(MINUTE, name.id(), &name, process, what);
    }
    assert_eq!(history.missed(shown()), [], "nothing is left to be said");
}

#[test]
fn an_empty_history_has_a_report_too() {
    let report = History::default().report(5);
    assert_eq!((report.since_ms, report.watched, report.members.len()), (None, Duration::ZERO, 0));
    assert_eq!((report.cluster.availability_mean, report.cluster.availability_min), (None, None));
}

#[test]
fn what_is_saved_and_put_back_goes_on_where_it_was() {
    let mut history = History::new(HistoryLimits { members: 3, events: 4 });
    history.started(0);
    EXAMPLE.iter().for_each(|(minute, what)| tell(&mut history, "a", *minute, *what));
    history.isolated(340 * MINUTE);
    history.reconnected(345 * MINUTE);
    tell(&mut history, "b", 346, Joined);
    tell(&mut history, "c", 346, Joined);
    tell(&mut history, "c", 347, Left);
    tell(&mut history, "d", 348, Joined);
    tell(&mut history, "b", 350, Failed);

    let limits = HistoryLimits { members: 3, events: 4 };
    let mut copy = History::continued(limits, &history.save()).expect("it was saved");
    for member in history.save_members() {
        copy.restore(&member).expect("it was saved");
    }
    assert_eq!(copy, history);
    for history in [&mut history, &mut copy] {
        tell(history, "d", 360, Left);
        tell(history, "e", 361, Joined);
        tell(history, "b", 362, Recovered);
    }
    assert_eq!(copy.report(400 * MINUTE), history.report(400 * MINUTE));
}

/// Reads numbers of any size, as a file may hold them.
#[test]
fn what_cannot_be_is_refused_and_large_numbers_do_no_harm() {
    use serde_json::{from_value, json};
    let member = |what: &str, at: u64, presence: &str| {
        json!({
            "name": "a", "presence": presence, "at_ms": 5, "watched_ms": 5, "first_ms": 5,
            "instance": null, "outage": [5, 5, true], "returned_ms": null, "suspected": false,
            "totals": {
                "failures": u64::MAX, "recoveries": 0, "restarts": 0, "suspicions": 0, "flaps": 0,
                "up_ms": u64::MAX, "down_ms": u64::MAX, "repairs": 1, "repair_ms": 1,
                "longest_ms": 1,
            },
            "events": [[at, what, null, u64::MAX, false]],
        })
    };
    let mut history = History::default();
    for (what, at, presence, field) in [
        ("exploded", 9, "up", "event"),
        ("failed", 4, "up", "events"),
        ("failed", 9, "sideways", "presence"),
    ] {
        let saved = from_value(member(what, at, presence)).expect("its form is right");
        let error = history.restore(&saved).expect_err("it cannot be").to_string();
        assert!(error.starts_with(&format!("{field} cannot be")), "{error}");
    }
    let saved = from_value(member("failed", u64::MAX, "up")).expect("its form is right");
    history.restore(&saved).expect("it can be");
    tell(&mut history, "b", 1, Joined);
    let report = history.report(1);
    assert_eq!(report.cluster.totals.failures, u64::MAX);
    assert!(report.cluster.totals.mtbf().mean.is_some());
    assert!(report.cluster.totals.frequency().is_some());
    let gaps = json!({
        "since_ms": 0, "latest_ms": 9, "base": [0, 0], "gaps": [[5, null, 5], [6, 7, 5]],
        "gaps_seen": 2, "dropped": history.report(1).cluster.totals, "members_dropped": 0,
        "events_refused": 0,
    });
    let saved = from_value(gaps).expect("its form is right");
    assert!(History::continued(HistoryLimits::default(), &saved).is_err());
}
