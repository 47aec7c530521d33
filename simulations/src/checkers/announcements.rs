//! Is a dead member ever announced as being here?
//!
//! Two ways to be wrong: somebody who was told that a life is over is told later that it is here;
//! or somebody is told that a process joined which has been dead for longer than word of its death
//! may take. A goodbye ends a life for ever, and so does forgetting a dead member; a failure may
//! be refuted by a larger incarnation or generation. Who stood still reads what the dead said in
//! their last moments, in its order: that a suspicion is over brings nobody back.

use std::time::Duration;

use headcount_state::Life;

use crate::checkers::{Metrics, Violations};
use crate::pairs::Pairs;
use crate::report::Check;
use crate::sighting::{Kind, Sighting};
use crate::truth::Truth;

/// What each process was told is over, by member: the life, and the largest incarnation of it.
#[derive(Debug)]
pub(crate) struct Announcements {
    patience: Duration,
    over: Pairs<(Life, u32)>,
    violations: Violations,
    /// How often somebody came back in the generation in which it was declared dead.
    within_generation: u64,
}

impl Announcements {
    pub(crate) fn new(patience: Duration) -> Announcements {
        Announcements {
            patience,
            over: Pairs::default(),
            violations: Violations::default(),
            within_generation: 0,
        }
    }

    pub(crate) fn seen(&mut self, truth: &Truth, sighting: &Sighting) {
        let Sighting { at, observer, process, kind, .. } = *sighting;
        let Some(subject) = sighting.subject else { return };
        if kind == Kind::Forgotten {
            let mut held = self.over.of(process, subject);
            if let Some((life, _)) = held.get() {
                held.set((life, u32::MAX));
            }
        }
        let Some(life) = sighting.life else { return };
        let incarnation = if kind == Kind::Left { u32::MAX } else { sighting.incarnation };
        match kind {
            Kind::Failed | Kind::Left => {
                let mut held = self.over.of(process, subject);
                held.set(
                    held.get().map_or((life, incarnation), |over| over.max((life, incarnation))),
                );
            }
            Kind::Joined | Kind::Refuted | Kind::Recovered | Kind::Restarted => {
                let over = self.over.of(process, subject).get();
                let same = over.is_some_and(|(ended, _)| ended == life);
                self.within_generation += u64::from(same && kind == Kind::Recovered);
                if over.is_some_and(|over| (life, incarnation) <= over) {
                    self.violations.add(|| {
                        let what = "is here, in a life that it knew to be over";
                        format!("{at}: node {observer} was told that {subject} {what}")
                    });
                }
                let ended = truth.instance(life.instance).and_then(|process| process.ended);
                if let Some((ended, _)) = ended
                    && at.since(ended) > self.patience
                    && kind != Kind::Refuted
                {
                    self.violations.add(|| {
                        let what = format!("is here, which is dead since {ended}");
                        format!("{at}: node {observer} was told that {subject} {what}")
                    });
                }
            }
            _ => {}
        }
    }

    pub(crate) fn finish(&self, metrics: &mut Metrics) -> Check {
        let returns = self.within_generation as f64;
        metrics.insert("recovered_within_generation".to_owned(), returns);
        self.violations.check("no_dead_announced", "nobody dead was announced")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sighting::fixture::sighting;
    use crate::truth::Ending;
    use crate::truth::fixture::{at, cluster};

    fn passes(truth: &Truth, sightings: &[Sighting]) -> bool {
        let mut checker = Announcements::new(Duration::from_secs(30));
        sightings.iter().for_each(|s| checker.seen(truth, s));
        checker.finish(&mut Metrics::new()).pass
    }

    #[test]
    fn a_life_that_was_over_must_not_come_back() {
        let failed = sighting(10, 0, Kind::Failed, 1);
        for kind in [Kind::Joined, Kind::Refuted, Kind::Recovered, Kind::Restarted] {
            let back = sighting(12, 0, kind, 1);
            assert!(!passes(&cluster(2), &[failed, back]), "{kind:?}");
            let next = Life { generation: 101, ..back.life.unwrap() };
            let refuted = Sighting { life: Some(next), ..back };
            assert!(passes(&cluster(2), &[failed, refuted]), "{kind:?}");
        }
    }

    #[test]
    fn a_failure_may_be_refuted_but_a_goodbye_and_a_forgotten_death_may_not() {
        let larger = Sighting { incarnation: 1, ..sighting(12, 0, Kind::Recovered, 1) };
        let failed = sighting(10, 0, Kind::Failed, 1);
        assert!(passes(&cluster(2), &[failed, larger]));
        assert!(!passes(&cluster(2), &[sighting(10, 0, Kind::Left, 1), larger]));
        let forgotten = Sighting { life: None, ..sighting(11, 0, Kind::Forgotten, 1) };
        assert!(!passes(&cluster(2), &[failed, forgotten, larger]));
    }

    #[test]
    fn a_return_within_the_generation_that_was_declared_dead_is_counted() {
        let failed = sighting(10, 0, Kind::Failed, 1);
        let larger = Sighting { incarnation: 1, ..sighting(12, 0, Kind::Recovered, 1) };
        let next = larger.life.map(|life| Life { generation: 101, ..life });
        for (back, expected) in [(larger, 1.0), (Sighting { life: next, ..larger }, 0.0)] {
            let mut checker = Announcements::new(Duration::from_secs(30));
            [failed, back].iter().for_each(|s| checker.seen(&cluster(2), s));
            let mut metrics = Metrics::new();
            checker.finish(&mut metrics);
            assert_eq!(metrics["recovered_within_generation"], expected);
        }
    }

    #[test]
    fn what_one_process_was_told_does_not_bind_another() {
        let failed = sighting(10, 0, Kind::Failed, 1);
        assert!(passes(&cluster(3), &[failed, sighting(12, 2, Kind::Joined, 1)]));
        let reborn = Sighting { process: 7, ..sighting(12, 0, Kind::Joined, 1) };
        assert!(passes(&cluster(3), &[failed, reborn]));
    }

    #[test]
    fn a_long_dead_process_must_not_join() {
        let mut truth = cluster(3);
        truth.ended(at(5), 1, Ending::Crashed);
        assert!(passes(&truth, &[sighting(34, 0, Kind::Joined, 1)]));
        assert!(!passes(&truth, &[sighting(36, 0, Kind::Joined, 1)]));
    }

    #[test]
    fn the_last_words_of_the_dead_end_a_suspicion_also_where_they_are_read_late() {
        let mut truth = cluster(3);
        truth.ended(at(5), 1, Ending::Crashed);
        let refuted = Sighting { incarnation: 1, ..sighting(60, 0, Kind::Refuted, 1) };
        assert!(passes(&truth, &[sighting(60, 0, Kind::Suspected, 1), refuted]));
        assert!(!passes(&truth, &[sighting(50, 0, Kind::Left, 1), refuted]));
    }
}
