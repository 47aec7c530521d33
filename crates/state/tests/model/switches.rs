//! The rules of the merge, each of which can be dropped to show that a checker notices.

use headcount_state::Rules;

/// Which rules the model keeps to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switches {
    /// The rules inside a table.
    pub(crate) rules: Rules,
    /// Who refuses a claim sends what it holds.
    pub(crate) answers: bool,
    /// Every process start draws its own instance bits.
    pub(crate) instances: bool,
    /// Who was alone for too long forgets the others before it says anything.
    pub(crate) stale: bool,
    /// Seeds are tried for ever, not only at the start.
    pub(crate) seeds: bool,
    /// A sketch exchange compares a hash of the dead claims too.
    pub(crate) dead_hash: bool,
    /// An old failure is checked with its subject before it is believed.
    pub(crate) grace: bool,
}

impl Switches {
    /// Every rule in force.
    pub(crate) fn all() -> Switches {
        Switches {
            rules: Rules::default(),
            answers: true,
            instances: true,
            stale: true,
            seeds: true,
            dead_hash: true,
            grace: true,
        }
    }

    /// Every rule but those named, separated by commas.
    pub(crate) fn without(rules: &str) -> Switches {
        let mut kept = Switches::all();
        rules.split(',').filter(|rule| !rule.is_empty()).for_each(|rule| kept.drop_rule(rule));
        kept
    }

    fn drop_rule(&mut self, rule: &str) {
        let kept = self;
        let switch = match rule {
            "owner-climbs" => &mut kept.rules.owner_climbs,
            "forgetting-closes" => &mut kept.rules.forgetting_closes,
            "failure-ends-generation" => &mut kept.rules.failure_ends_generation,
            "strangers-sink" => &mut kept.rules.strangers_sink,
            "namesakes-yield" => &mut kept.rules.namesakes_yield,
            "loser-returns" => &mut kept.rules.loser_returns,
            "suspicion-refuted" => &mut kept.rules.suspicion_refuted,
            "answers" => &mut kept.answers,
            "instances" => &mut kept.instances,
            "stale" => &mut kept.stale,
            "seeds" => &mut kept.seeds,
            "dead-hash" => &mut kept.dead_hash,
            "grace" => &mut kept.grace,
            _ => panic!("no rule is called {rule:?}"),
        };
        *switch = false;
    }
}
