//! Does a process's own version ever fall, and does anybody hold more of it than it said?
//!
//! Its owner alone raises an incarnation, so what others hold of a life is never above what its
//! process says of itself. Read from the tables, so it holds for what no event tells of too.

use std::collections::BTreeMap;

use headcount_state::{Claim, Instance, Life, Time};

use crate::checkers::Violations;
use crate::report::Check;

/// The largest version that each process was seen to say of itself.
#[derive(Debug, Default)]
pub(crate) struct Incarnations {
    said: BTreeMap<Instance, (Life, u32)>,
    violations: Violations,
}

impl Incarnations {
    /// What a process that lives `life` holds of itself; a claim of a namesake, or of an end, is not
    /// its word.
    pub(crate) fn own(&mut self, at: Time, node: usize, life: Life, claim: &Claim) {
        if claim.life() != life || !claim.is_live() {
            return;
        }
        let says = (life, claim.version.incarnation());
        let said = self.said.entry(life.instance).or_insert(says);
        if says < *said {
            let (was, i) = *said;
            self.violations.add(|| {
                let (from, to) = (was.generation, life.generation);
                format!("{at}: node {node} says {to}/{} of itself after {from}/{i}", says.1)
            });
        }
        *said = says.max(*said);
    }

    /// What `node` holds of a process that runs and was looked at in the same moment.
    pub(crate) fn held(&mut self, at: Time, node: usize, claim: &Claim) {
        let life = claim.life();
        let Some(said) = self.said.get(&life.instance).copied() else { return };
        let holds = (life, claim.version.incarnation());
        if claim.is_live() && holds > said {
            self.violations.add(|| {
                let id = claim.id;
                let (held, i) = (holds.0.generation, holds.1);
                let (largest, j) = (said.0.generation, said.1);
                format!("{at}: node {node} holds {held}/{i} of {id}, which said {largest}/{j}")
            });
        }
    }

    pub(crate) fn finish(&self) -> Check {
        self.violations.check("incarnations_owned", "nobody fell back, nobody spoke for another")
    }
}

#[cfg(test)]
mod tests {
    use headcount_state::{Status, Version};

    use super::*;
    use crate::truth::fixture::{at, life, member};

    fn claim(life: Life, incarnation: u32, status: Status) -> Claim {
        Claim { id: member(1), version: Version::new(life, incarnation, status), over: None }
    }

    fn passes(own: &[(u64, u32)], held: Option<(u32, Status)>) -> bool {
        let mut checker = Incarnations::default();
        for (generation, incarnation) in own {
            let life = Life { generation: *generation, ..life(1) };
            checker.own(at(1), 1, life, &claim(life, *incarnation, Status::Alive));
        }
        if let Some((incarnation, status)) = held {
            checker.held(at(1), 0, &claim(life(1), incarnation, status));
        }
        checker.finish().pass
    }

    #[test]
    fn versions_that_rise_pass() {
        assert!(passes(&[(100, 0), (100, 2), (101, 0)], Some((7, Status::Alive))));
        assert!(passes(&[(100, 2)], Some((2, Status::Suspect))));
        assert!(passes(&[], Some((7, Status::Alive))));
    }

    #[test]
    fn a_process_that_falls_back_is_noticed() {
        assert!(!passes(&[(100, 2), (100, 1)], None));
        assert!(!passes(&[(101, 0), (100, 5)], None));
    }

    #[test]
    fn a_larger_incarnation_than_the_owner_said_is_noticed() {
        assert!(!passes(&[(100, 2)], Some((3, Status::Alive))));
        assert!(!passes(&[(100, 2)], Some((3, Status::Suspect))));
    }
}
