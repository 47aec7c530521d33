//! What a broken node says of others, and of whom in their own name: it fails nobody who answers.

use std::time::Duration;

use headcount_fanout::Ring;
use headcount_state::{Evidence, MemberId, Reason, Status, Update, Voters};
use headcount_swim::Event;
use headcount_wire::{Body, Target};

use crate::net::{self, Net, config, id};
use crate::{OBSERVERS, is_failed, secs, times, wronged};

/// What a broken node says of everybody.
#[derive(Clone, Copy, Debug)]
struct Slander {
    nodes: usize,
    /// How often, a second apart.
    times: usize,
    reason: Option<Reason>,
    word_age: Duration,
    /// Whether it suspects everybody first, and for how long.
    suspects_for: Option<Duration>,
    /// Whom it calls the accuser: itself, or any other.
    accuser: Option<usize>,
    age: Duration,
    /// Whether the accused are told, too.
    to_the_accused: bool,
}

/// The one that is broken.
const BROKEN: usize = 5;

/// It tells everybody of everybody.
fn slander(it: Slander) -> Net {
    let mut net = Net::settled(it.nodes);
    let made_up = Voters::of((0..3).map(|n| MemberId::of(&format!("nobody {n}"))));
    let evidence =
        it.reason.map(|reason| Evidence { reason, word_age: it.word_age, voters: made_up });
    for _ in 0..it.times {
        let phases = it.suspects_for.map(|wait| (Status::Suspect, wait));
        for (status, wait) in phases.into_iter().chain([(Status::Failed, Duration::ZERO)]) {
            for at in (0..it.nodes).filter(|at| *at != BROKEN) {
                for of in (0..it.nodes).filter(|of| *of != BROKEN) {
                    if of == at && !it.to_the_accused {
                        continue;
                    }
                    tell(&mut net, at, of, status, it, evidence);
                }
            }
            net.run(wait);
        }
        net.run(secs(1).saturating_sub(it.suspects_for.unwrap_or_default()));
    }
    net.run(secs(10));
    net
}

fn tell(
    net: &mut Net,
    at: usize,
    of: usize,
    status: Status,
    it: Slander,
    evidence: Option<Evidence>,
) {
    // It knows the latest that the receiver knows: it can listen.
    let Some(record) = net.engine(at).table().get(id(of)) else { return };
    let update = Update {
        age: it.age,
        accuser: it.accuser.map(id),
        evidence,
        ..Update::claim(record.claim.with_status(status))
    };
    let now = net.now;
    let body = Body::Gossip { table: None };
    let speaker = net.engines[BROKEN].as_ref().expect("a running node");
    let datagram = net::datagram(speaker, config().cluster, &body, &[update]);
    net.engine(at).receive(now, net::address(BROKEN), &datagram);
    net.pump(at);
}

/// What it says for many seconds, in all variations.
fn slanders() -> Vec<Slander> {
    let base = Slander {
        nodes: 12,
        times: 20,
        reason: None,
        word_age: secs(6),
        suspects_for: None,
        accuser: Some(BROKEN),
        age: Duration::ZERO,
        to_the_accused: false,
    };
    let reasons = [None, Some(Reason::Silent), Some(Reason::Refused), Some(Reason::Link)];
    let mut all = Vec::new();
    for reason in reasons {
        let base = Slander { reason, ..base };
        for (suspects_for, to_the_accused) in [
            (None, false),
            (None, true),
            (Some(Duration::from_millis(10)), false),
            (Some(secs(2)), false),
            (Some(secs(2)), true),
        ] {
            all.push(Slander { suspects_for, to_the_accused, ..base });
        }
        all.push(Slander { word_age: Duration::ZERO, accuser: None, ..base });
        all.push(Slander { word_age: Duration::MAX, accuser: Some(7), ..base });
        all.push(Slander { age: secs(3), ..base });
        all.push(Slander { age: secs(600), ..base });
        all.push(Slander { nodes: 40, times: 8, suspects_for: Some(secs(2)), ..base });
    }
    all.push(Slander { times: 60, ..base });
    all
}

/// Members that answer and were failed at a well node, with what was said of them.
fn slandered(slanders: impl IntoIterator<Item = Slander>) -> Vec<String> {
    let mut wrong = Vec::new();
    for it in slanders {
        let told = wronged(&slander(it), is_failed, &[BROKEN]);
        wrong.extend(told.first().map(|first| format!("{it:?}: {} times, {first}", told.len())));
    }
    wrong
}

#[test]
fn one_broken_node_cannot_make_a_member_fail_that_answers() {
    assert_eq!(slandered(slanders()), Vec::<String>::new());
}

#[test]
fn one_broken_node_that_speaks_once_makes_no_member_fail_that_answers() {
    let bad_link = |it: &Slander| it.reason == Some(Reason::Link);
    let once = slanders().into_iter().filter(|it| !bad_link(it));
    let once = once.map(|it| Slander { times: 1, ..it });
    assert_eq!(slandered(once), Vec::<String>::new());
}

#[test]
fn a_verdict_of_voters_that_do_not_watch_the_member_is_checked() {
    for lives in [true, false] {
        let mut net = Net::settled(40);
        let it = Slander { nodes: 40, times: 1, ..slanders()[5] };
        let evidence = Evidence {
            reason: Reason::Silent,
            word_age: secs(6),
            voters: Voters::of([MemberId::of("nobody"), MemberId::of("no one")]),
        };
        if !lives {
            net.kill(11);
        }
        // One that does not watch it, and so finds out by itself.
        let ring = Ring::new(net.engine(0).table(), OBSERVERS);
        let observers = ring.observers(id(11), OBSERVERS, |_| false);
        let at = (0..40).find(|at| *at != 11 && !observers.contains(&id(*at))).expect("one");
        let checks = net.engine(at).stats().checks;
        tell(&mut net, at, 11, Status::Failed, it, Some(evidence));
        assert_eq!(net.status(at, 11), Some(Status::Suspect), "shown while it is checked");
        assert_eq!(net.engine(at).stats().checks, checks + 1);
        net.run(secs(4));
        let expected = if lives { Status::Alive } else { Status::Failed };
        assert_eq!(net.status(at, 11), Some(expected));
        net.run(secs(8));
        for at in (0..40).filter(|at| *at != 11) {
            assert_eq!(net.status(at, 11), Some(expected), "at {at}");
        }
        assert_eq!(times(&net, 11, is_failed).is_empty(), lives);
    }
}

#[test]
fn a_member_that_is_heard_is_not_failed_though_it_never_heard_of_its_suspicion() {
    let mut net = Net::settled(12);
    // Pings and their answers get through, and no word of anybody.
    net.hush = true;
    let it = slanders()[0];
    let evidence =
        Evidence { reason: Reason::Silent, word_age: secs(6), voters: Voters::of([id(BROKEN)]) };
    tell(&mut net, 0, 1, Status::Suspect, it, Some(evidence));
    assert_eq!(net.status(0, 1), Some(Status::Suspect));
    net.run(secs(3));
    assert_eq!(net.status(0, 1), Some(Status::Suspect), "it did not refute");
    let checks = net.engine(0).stats().checks;
    tell(&mut net, 0, 1, Status::Failed, it, Some(evidence));
    assert_eq!(net.engine(0).stats().checks, checks + 1);
    net.run(secs(8));
    assert_eq!(wronged(&net, is_failed, &[]), Vec::<String>::new());
}

/// The first observer of a member is told of a suspicion just before its turn comes round, so that its
/// own last word is old, and hears only one whose word is nearly as old.
#[test]
fn a_suspicion_can_be_refuted_for_a_while_however_old_the_last_word_is() {
    let mut net = Net::settled(12);
    let ring = Ring::new(net.engine(0).table(), OBSERVERS);
    let observers: Vec<usize> =
        ring.observers(id(1), OBSERVERS, |_| false).iter().map(place_of).collect();
    let subject = Target::of(id(1), net.engine(1).table().own_life()).process;
    let pinged = |net: &Net, by: usize| {
        let ping =
            |body: &Body| matches!(body, Body::Ping { target, .. } if *target == Some(subject));
        let mut pings = net.log.iter().filter(|(_, at, d)| *at == by && ping(&d.body));
        pings.next_back().map(|(at, _, _)| *at)
    };
    let first = observers[0];
    let end = net.now + secs(9);
    assert!(net.run_until(end, |net| pinged(net, first).is_some()));
    net.run(Duration::from_millis(6_900));
    let others = observers.iter().copied().filter(|at| *at != first);
    let next = others.min_by_key(|at| pinged(&net, *at)).expect("seven others");
    net.passes = Box::new(move |from, to| {
        from != 1 && to != 1 && (from == first) <= (to == next) && (to == first) <= (from == next)
    });
    let told = net.now;
    let evidence =
        Evidence { reason: Reason::Silent, word_age: secs(6), voters: Voters::of([id(BROKEN)]) };
    tell(&mut net, first, 1, Status::Suspect, slanders()[0], Some(evidence));
    net.run(secs(3));
    let failed = *times(&net, 1, is_failed).get(&first).expect("nobody vouches");
    assert!(failed.since(told) >= config().detection_time / 4, "after {:?}", failed.since(told));
}

/// One that says that its victims have accused others makes them measure nothing.
#[test]
fn what_is_said_in_ones_own_name_begins_no_contest() {
    let mut net = Net::settled(12);
    let evidence =
        Evidence { reason: Reason::Silent, word_age: secs(3), voters: Voters::of([id(BROKEN)]) };
    for victim in [0, 2, 7] {
        let forged = Slander { accuser: Some(victim), ..slanders()[0] };
        tell(&mut net, victim, 1, Status::Suspect, forged, Some(evidence));
        net.run(secs(1));
    }
    net.run(secs(9));
    let refuted = |event: &Event| matches!(event, Event::Refuted(_));
    assert!(!times(&net, 1, refuted).is_empty());
    let contests: u64 = net.engines.iter().flatten().map(|e| e.stats().contests).sum();
    assert_eq!(contests, 0);
}

fn place_of(member: &MemberId) -> usize {
    (0..40).find(|at| id(*at) == *member).expect("one of them")
}
