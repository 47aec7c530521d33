//! Bugs on purpose: clusters whose engines lack some rule, to show that a checker notices.

use headcount_swim::Rules;

use crate::simulation::Simulation;

impl Simulation {
    /// Every process that starts from now on merges by these rules. All are in force at first.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }
}
