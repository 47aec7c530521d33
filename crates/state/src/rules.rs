//! The rules of the merge that are not plain comparison.

/// Which rules are in force. All of them, always: the switches exist so that tests can drop one
/// and show that a checker notices (feature `planted-bugs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "planted-bugs"), expect(unreachable_pub, reason = "public to tests"))]
pub struct Rules {
    /// The owner climbs over any larger life of its own that it hears of, not only at a join.
    pub owner_climbs: bool,
    /// Forgetting a dead member closes its whole generation, not only the version it died with.
    pub forgetting_closes: bool,
    /// A failure is refuted by a new generation, not by an incarnation.
    pub failure_ends_generation: bool,
    /// A dead claim about a stranger sinks into the graveyard instead of becoming a record.
    pub strangers_sink: bool,
    /// Of two live namesakes the one whose rival proves itself larger stands aside.
    pub namesakes_yield: bool,
    /// Who stood aside returns when the winner is dead.
    pub loser_returns: bool,
    /// A suspicion about oneself is refuted by a larger incarnation.
    pub suspicion_refuted: bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            owner_climbs: true,
            forgetting_closes: true,
            failure_ends_generation: true,
            strangers_sink: true,
            namesakes_yield: true,
            loser_returns: true,
            suspicion_refuted: true,
        }
    }
}
