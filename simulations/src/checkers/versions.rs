//! Does what a process is told of a member ever go back to an older version?

use headcount_state::Life;

use crate::checkers::Violations;
use crate::pairs::Pairs;
use crate::report::Check;
use crate::sighting::{Kind, Sighting};

/// The largest version of each member that each process was told of.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    largest: Pairs<(Life, u32)>,
    violations: Violations,
}

impl Versions {
    pub(crate) fn seen(&mut self, sighting: &Sighting) {
        let (Some(subject), Some(life)) = (sighting.subject, sighting.life) else { return };
        // A claim that is terminal has no incarnation; it is above all of them.
        let terminal = matches!(sighting.kind, Kind::Failed | Kind::Left);
        let told = (life, if terminal { u32::MAX } else { sighting.incarnation });
        let mut held = self.largest.of(sighting.process, subject);
        let largest = held.get().unwrap_or((life, sighting.incarnation));
        if told < largest {
            let Sighting { at, observer, .. } = *sighting;
            self.violations.add(|| {
                let ((from, i), (to, j)) = (largest, told);
                format!(
                    "{at}: node {observer} went back from {}/{i} to {}/{j} of {subject}",
                    from.generation, to.generation
                )
            });
        }
        held.set(largest.max((life, sighting.incarnation)));
    }

    pub(crate) fn finish(&self) -> Check {
        self.violations.check("versions_never_fall", "no version fell")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sighting::fixture::sighting;

    fn passes(sightings: &[Sighting]) -> bool {
        let mut checker = Versions::default();
        sightings.iter().for_each(|s| checker.seen(s));
        checker.finish().pass
    }

    fn told(kind: Kind, generation: u64, incarnation: u32) -> Sighting {
        let base = sighting(1, 0, kind, 1);
        let life = base.life.map(|life| Life { generation, ..life });
        Sighting { life, incarnation, ..base }
    }

    #[test]
    fn growing_versions_pass() {
        assert!(passes(&[
            told(Kind::Joined, 100, 0),
            told(Kind::Refuted, 100, 3),
            told(Kind::Failed, 100, 0),
            told(Kind::Recovered, 101, 0),
            told(Kind::Left, 101, 0),
        ]));
    }

    #[test]
    fn a_falling_incarnation_is_noticed() {
        assert!(!passes(&[told(Kind::Refuted, 100, 3), told(Kind::Suspected, 100, 2)]));
    }

    #[test]
    fn a_falling_generation_is_noticed() {
        assert!(!passes(&[told(Kind::Recovered, 101, 0), told(Kind::Failed, 100, 5)]));
        assert!(!passes(&[told(Kind::Joined, 101, 0), told(Kind::Updated, 100, 0)]));
    }

    #[test]
    fn processes_are_told_apart() {
        let other = Sighting { process: 5, ..told(Kind::Joined, 100, 0) };
        assert!(passes(&[told(Kind::Joined, 101, 0), other]));
    }
}
