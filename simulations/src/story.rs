//! A run as pictures show it: who came and went, who knew it when, and how members were seen.

use std::collections::BTreeMap;

use headcount_state::{MemberId, Time};
use serde::Serialize;

use crate::recorder::Traffic;
use crate::sighting::{Kind, Sighting};
use crate::simulation::Simulation;
use crate::truth::{Ending, Process, Truth};

/// A run as pictures show it. Serialized, its fields are those of `headcount sim plot --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Story {
    /// The seed.
    pub seed: u64,
    /// How much virtual time passed, in seconds.
    pub virtual_s: f64,
    /// Every process that came or went, in order of time.
    pub changes: Vec<Change>,
    /// How each member was seen, in the order of the nodes.
    pub timelines: Vec<Timeline>,
    /// What the nodes sent; empty without [`Simulation::measure_traffic`].
    pub traffic: Traffic,
}

/// A process that came or went, and who knew it when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// To which member.
    pub member: String,
    /// When, in seconds since the scenario's start.
    pub at_s: f64,
    /// How many could know: other processes that ran from this moment to the end of the run.
    pub observers: usize,
    /// After how many seconds each of them who learnt it did, in rising order.
    pub known_after_s: Vec<f64>,
}

/// What can happen to a process, as far as a cluster is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It started.
    Join,
    /// It said goodbye.
    Leave,
    /// It died without a word.
    Crash,
}

impl ChangeKind {
    /// The kind in lower case, as shown to people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Join => "join",
            ChangeKind::Leave => "leave",
            ChangeKind::Crash => "crash",
        }
    }
}

/// How one member was seen by others, or by the one observer that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timeline {
    /// Which member.
    pub member: String,
    /// Each holds from its moment to that of the next one; the first one begins at 0.
    pub steps: Vec<Step>,
}

/// How many running observers saw a member how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Step {
    /// From when on, in seconds since the scenario's start.
    pub at_s: f64,
    /// Saw it alive.
    pub alive: usize,
    /// Saw it suspected.
    pub suspect: usize,
    /// Saw it failed.
    pub failed: usize,
    /// Saw that it left.
    pub left: usize,
}

impl Simulation {
    /// The run so far as pictures show it: its timelines as all see them together or, with an
    /// `observer`, as this node does. It knows what [`Simulation::events`] still holds.
    pub fn story(&self, observer: Option<usize>) -> Story {
        let mut names = BTreeMap::new();
        let mut order: Vec<MemberId> = Vec::new();
        for node in &self.nodes {
            let id = node.name.id();
            if names.insert(id, node.name.to_string()).is_none() {
                order.push(id);
            }
        }
        let seen: Vec<&Sighting> = self.events().collect();
        let watched = seen.iter().copied().filter(|s| observer.is_none_or(|o| s.observer == o));
        let mut statuses = statuses(&self.truth, watched);
        let timeline = |id: MemberId| {
            let member = names.get(&id)?.clone();
            Some(Timeline { member, steps: statuses.remove(&id)? })
        };
        Story {
            seed: self.seed,
            virtual_s: self.now.as_secs_f64(),
            timelines: order.into_iter().filter_map(timeline).collect(),
            changes: changes(&self.truth, seen.into_iter(), &names),
            traffic: self.traffic(),
        }
    }
}

/// Who came and went, and who knew it when.
fn changes<'a>(
    truth: &Truth,
    seen: impl Iterator<Item = &'a Sighting>,
    names: &BTreeMap<MemberId, String>,
) -> Vec<Change> {
    let numbers: BTreeMap<_, usize> =
        truth.processes().iter().enumerate().map(|(number, p)| (p.instance, number)).collect();
    let mut lives: BTreeMap<MemberId, Vec<usize>> = BTreeMap::new();
    for (number, process) in truth.processes().iter().enumerate() {
        lives.entry(process.member).or_default().push(number);
    }
    let mut news = News { truth, learnt: BTreeMap::new() };
    for sighting in seen {
        let (Some(subject), Some(life)) = (sighting.subject, sighting.life) else { continue };
        let spoken_of = numbers.get(&life.instance).copied();
        match sighting.kind {
            Kind::Failed | Kind::Left => {
                spoken_of.into_iter().for_each(|number| news.over(number, sighting));
            }
            Kind::Joined | Kind::Restarted | Kind::Recovered => {
                spoken_of.into_iter().for_each(|number| news.here(number, sighting));
                // Whoever hears of the next process of a name knows that the one before is gone.
                for number in lives.get(&subject).into_iter().flatten() {
                    if Some(*number) < spoken_of {
                        news.over(*number, sighting);
                    }
                }
            }
            _ => {}
        }
    }
    let mut changes = Vec::new();
    for (number, process) in truth.processes().iter().enumerate() {
        let mut add = |kind: ChangeKind, at: Time| {
            let is_observer = |(other, p): &(usize, &Process)| {
                *other != number && p.started <= at && p.ended.is_none()
            };
            let observers = truth.processes().iter().enumerate().filter(is_observer);
            let observers: Vec<usize> = observers.map(|(other, _)| other).collect();
            let known = observers.iter().filter_map(|observer| {
                let key = (number, kind == ChangeKind::Join, *observer);
                news.learnt.get(&key).map(|known| known.since(at).as_secs_f64())
            });
            let mut known_after_s: Vec<f64> = known.collect();
            known_after_s.sort_by(f64::total_cmp);
            changes.push(Change {
                kind,
                member: names.get(&process.member).cloned().unwrap_or_default(),
                at_s: at.as_secs_f64(),
                observers: observers.len(),
                known_after_s,
            });
        };
        add(ChangeKind::Join, process.started);
        match process.ended {
            Some((at, Ending::Crashed)) => add(ChangeKind::Crash, at),
            Some((at, Ending::Left)) => add(ChangeKind::Leave, at),
            None => {}
        }
    }
    changes.retain(|change| change.observers > 0);
    changes.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    changes
}

/// When each observer learnt that a process is here, and that it is gone.
struct News<'a> {
    truth: &'a Truth,
    /// By subject, whether it is that it is here, and observer; all processes.
    learnt: BTreeMap<(usize, bool, usize), Time>,
}

impl News<'_> {
    fn here(&mut self, number: usize, sighting: &Sighting) {
        self.learnt.entry((number, true, sighting.process)).or_insert(sighting.at);
    }

    /// What is said of a process that still runs is no knowledge of its end.
    fn over(&mut self, number: usize, sighting: &Sighting) {
        let ended = self.truth.process(number).and_then(|process| process.ended);
        if ended.is_some_and(|(at, _)| at <= sighting.at) {
            self.learnt.entry((number, false, sighting.process)).or_insert(sighting.at);
        }
    }
}

/// How every member was seen, by member.
fn statuses<'a>(
    truth: &Truth,
    seen: impl Iterator<Item = &'a Sighting>,
) -> BTreeMap<MemberId, Vec<Step>> {
    let mut ends: Vec<(Time, usize)> = truth
        .processes()
        .iter()
        .enumerate()
        .filter_map(|(number, process)| Some((process.ended?.0, number)))
        .collect();
    ends.sort_unstable();
    let mut ends = ends.into_iter().peekable();
    let mut book = Book::default();
    for sighting in seen {
        while let Some((at, observer)) = ends.next_if(|(at, _)| *at < sighting.at) {
            book.close(at, observer);
        }
        let Some(subject) = sighting.subject else { continue };
        let status = match sighting.kind {
            Kind::Joined | Kind::Refuted | Kind::Recovered | Kind::Restarted => Some(Seen::Alive),
            Kind::Suspected => Some(Seen::Suspect),
            Kind::Failed => Some(Seen::Failed),
            Kind::Left => Some(Seen::Left),
            Kind::Forgotten => None,
            _ => continue,
        };
        book.write(sighting.at, sighting.process, subject, status);
    }
    ends.for_each(|(at, observer)| book.close(at, observer));
    book.members
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Alive,
    Suspect,
    Failed,
    Left,
}

/// What every running process says of every member.
#[derive(Default)]
struct Book {
    pages: BTreeMap<usize, BTreeMap<MemberId, Seen>>,
    members: BTreeMap<MemberId, Vec<Step>>,
}

impl Book {
    fn write(&mut self, at: Time, observer: usize, subject: MemberId, status: Option<Seen>) {
        let page = self.pages.entry(observer).or_default();
        let before = match status {
            Some(status) => page.insert(subject, status),
            None => page.remove(&subject),
        };
        if before == status {
            return;
        }
        let steps = self.members.entry(subject).or_insert_with(|| vec![Step::default()]);
        let mut step = steps.last().copied().unwrap_or_default();
        if let Some(before) = before {
            *step.count(before) -= 1;
        }
        if let Some(status) = status {
            *step.count(status) += 1;
        }
        let at_s = at.as_secs_f64();
        if step.at_s == at_s {
            steps.pop();
        }
        steps.push(Step { at_s, ..step });
    }

    /// An observer is gone, and its opinions with it.
    fn close(&mut self, at: Time, observer: usize) {
        let subjects: Vec<MemberId> =
            self.pages.get(&observer).into_iter().flat_map(BTreeMap::keys).copied().collect();
        subjects.into_iter().for_each(|subject| self.write(at, observer, subject, None));
    }
}

impl Step {
    fn count(&mut self, status: Seen) -> &mut usize {
        match status {
            Seen::Alive => &mut self.alive,
            Seen::Suspect => &mut self.suspect,
            Seen::Failed => &mut self.failed,
            Seen::Left => &mut self.left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sighting::fixture::sighting;
    use crate::truth::fixture::{at, cluster, instance, member};
    use headcount_state::Life;

    fn names(count: usize) -> BTreeMap<MemberId, String> {
        (0..count).map(|number| (member(number), format!("n{number}"))).collect()
    }

    fn of_kind(changes: &[Change], kind: ChangeKind) -> Vec<&Change> {
        changes.iter().filter(|change| change.kind == kind).collect()
    }

    #[test]
    fn a_crash_is_known_by_those_who_ran_on_and_were_told() {
        let mut truth = cluster(4);
        truth.ended(at(10), 3, Ending::Crashed);
        truth.ended(at(11), 2, Ending::Left);
        let seen = [
            sighting(9, 1, Kind::Failed, 3),
            sighting(13, 0, Kind::Failed, 3),
            sighting(14, 2, Kind::Failed, 3),
        ];
        let changes = changes(&truth, seen.iter(), &names(4));
        let crash = of_kind(&changes, ChangeKind::Crash)[0];
        assert_eq!((crash.member.as_str(), crash.at_s, crash.observers), ("n3", 10.0, 2));
        // What node 1 said too early is not knowledge; node 2 did not run to the end.
        assert_eq!(crash.known_after_s, [3.0]);
        assert_eq!(of_kind(&changes, ChangeKind::Leave)[0].observers, 2);
    }

    #[test]
    fn the_successor_tells_of_a_start_and_of_an_end() {
        let mut truth = cluster(2);
        truth.ended(at(10), 1, Ending::Crashed);
        truth.started(at(12), 1, member(1), instance(7));
        let successor = Life { generation: 200, instance: instance(7) };
        let seen = [Sighting { life: Some(successor), ..sighting(15, 0, Kind::Restarted, 1) }];
        let changes = changes(&truth, seen.iter(), &names(2));
        assert_eq!(of_kind(&changes, ChangeKind::Crash)[0].known_after_s, [5.0]);
        let joins = of_kind(&changes, ChangeKind::Join);
        assert_eq!(joins.last().map(|join| &join.known_after_s[..]), Some(&[3.0][..]));
    }

    #[test]
    fn a_timeline_counts_the_running_observers_by_what_they_see() {
        let mut truth = cluster(3);
        truth.ended(at(30), 1, Ending::Crashed);
        let seen = [
            sighting(1, 0, Kind::Joined, 2),
            sighting(1, 1, Kind::Joined, 2),
            sighting(5, 1, Kind::Suspected, 2),
            sighting(6, 1, Kind::Updated, 2),
            sighting(8, 1, Kind::Failed, 2),
        ];
        let steps = statuses(&truth, seen.iter()).remove(&member(2)).unwrap();
        let step = |at_s, alive, suspect, failed| Step { at_s, alive, suspect, failed, left: 0 };
        assert_eq!(
            steps,
            [
                step(0.0, 0, 0, 0),
                step(1.0, 2, 0, 0),
                step(5.0, 1, 1, 0),
                step(8.0, 1, 0, 1),
                step(30.0, 1, 0, 0),
            ]
        );
    }
}
