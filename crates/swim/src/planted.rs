//! Bugs on purpose: an engine without some rule, for tests of whoever must notice.

use headcount_state::Rules;

use crate::engine::Engine;

impl Engine {
    /// Drops or restores rules of the merge. All are in force at first.
    pub fn set_rules(&mut self, rules: Rules) {
        self.table.set_rules(rules);
    }
}
