//! How far the cluster is known to agree, said honestly.

use std::time::Duration;

/// How many of the peers heard lately hold the same view as a node.
///
/// It speaks of the peers heard, not of all: peers not heard within the window may hold anything,
/// within the bound that [`Agreement::differing_at_most`] gives. A census asks all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Peers whose latest heartbeat named this node's view.
    pub agree: usize,
    /// Peers whose latest heartbeat counts: it came within the window, and since this node's own
    /// view last changed or naming the view it has now. Older word on another view says nothing.
    pub heard: usize,
    /// How many members are live in this node's view, itself included.
    pub live: usize,
    /// How many members were declared dead and have neither come back nor been given up: what they
    /// hold, if they live, nobody here knows.
    pub failed: usize,
    /// How far back "lately" goes: ten periods, or the time since the node began if that is less.
    pub window: Duration,
}

/// How sure the bound on those not heard is.
const CONFIDENCE: f64 = 0.95;

impl Agreement {
    /// Whether somebody was heard and nobody disagrees.
    pub fn is_complete(&self) -> bool {
        self.heard > 0 && self.agree == self.heard
    }

    /// Whether members are missing that may be alive elsewhere, so that agreement here is agreement
    /// of a part.
    pub fn is_partial(&self) -> bool {
        self.failed > 0
    }

    /// While all heard agree: with 95 % confidence at most this share of the live members, 0 to 1,
    /// holds another view, if those heard are a random sample of them. None otherwise. When h of h
    /// agree it is `1 - 0.05^(1/h)`, about 3/h (Hanley and Lippman-Hand, JAMA 249, 1983), and 0
    /// when everybody was heard.
    pub fn differing_at_most(&self) -> Option<f64> {
        if !self.is_complete() {
            return None;
        }
        if self.heard + 1 >= self.live {
            return Some(0.0);
        }
        Some(1.0 - (1.0 - CONFIDENCE).powf(1.0 / self.heard as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(agree: usize, heard: usize, live: usize) -> Agreement {
        Agreement { agree, heard, live, ..Agreement::default() }
    }

    #[test]
    fn nobody_heard_is_no_agreement() {
        assert!(!Agreement::default().is_complete());
        assert_eq!(Agreement::default().differing_at_most(), None);
    }

    #[test]
    fn the_more_are_heard_the_fewer_may_differ_and_none_when_all_were() {
        let bound = |heard| agreement(heard, heard, 10_000).differing_at_most().unwrap_or(1.0);
        assert!((bound(1) - 0.95).abs() < 1e-9);
        assert!((bound(46) - 3.0 / 46.0).abs() < 0.003, "{}", bound(46));
        assert!(bound(460) < bound(46));
        assert_eq!(agreement(9, 9, 10).differing_at_most(), Some(0.0));
        assert_eq!(agreement(8, 9, 10).differing_at_most(), None);
    }

    #[test]
    fn with_members_missing_it_is_agreement_of_a_part() {
        assert!(!agreement(2, 2, 3).is_partial());
        assert!(Agreement { failed: 1, ..agreement(2, 2, 3) }.is_partial());
    }
}
