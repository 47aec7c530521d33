use std::fmt;
use std::sync::Arc;

use headcount_state::Time;
use headcount_swim::{Basis, Engine, Quorum as Counted, Verdict};

use crate::clock::Clock;

/// What the driver writes of its quorum.
#[derive(Clone, Debug)]
pub(crate) struct Polled {
    counted: Counted,
    silent: Arc<[String]>,
}

impl Polled {
    pub(crate) fn of(engine: &Engine, now: Time) -> Polled {
        Polled { counted: engine.quorum(now), silent: engine.silent_voters(now).into() }
    }

    /// What a node holds whose driver is gone.
    fn lost(&self) -> Polled {
        let Counted { basis, of, .. } = self.counted;
        Polled { counted: Counted::lost(basis, of), silent: Arc::default() }
    }
}

/// Whether a node is on the side of a majority: a lease, read at one moment by
/// [`crate::Node::quorum`].
///
/// A cut leaves a majority on one side at most. Each node asks the voters again and again; a strict
/// majority that answered what was asked within the detection time makes a lease, which ends the
/// detection time after the asking. So [`Quorum::is_majority`] is true on two sides of a cut for no
/// moment later than the detection time after it (5 s unless set otherwise), and on the side that has
/// the majority it stays true.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), headcount::NodeError> {
/// use headcount::Node;
/// # fn charge_the_cards() {}
/// # fn refuse() {}
///
/// let node = Node::builder("orders")
///     .name("orders-1")
///     .bind("127.0.0.1:0")
///     .voters(["orders-1", "orders-2", "orders-3"])
///     .start()
///     .await?;
/// if node.quorum().is_majority() {
///     charge_the_cards();
/// } else {
///     refuse();
/// }
/// # assert!(!node.quorum().is_majority(), "nobody else is here");
/// # Ok(())
/// # }
/// ```
///
/// # What it does not do
/// - It elects nobody. Every node on the side of the majority has the same verdict, and all of them
///   may do the guarded work at once. One that may do it alone takes consensus, or a lock service.
/// - It is true when it is read. A process that stands still between the check and the work (a long
///   collection of garbage, a suspended machine) goes on when the lease is long over. Keep the work
///   short, check again before each step, and let whatever is written to refuse those that are late: by
///   a token that it hands out itself and that grows (a lock's fencing token, a conditional write on a
///   version). A member's generation is no such token: each node has its own, and none of them is
///   larger for being on the right side.
/// - It measures by this host's monotonic clock. One that runs slow by some share lengthens its leases
///   by that share, and one that stands still while the machine is suspended lengthens them by that.
/// - Where the network lets some pairs through and others not, so that it falls into no sides, two
///   nodes that do not reach each other may both reach a majority. The two have a voter in common.
/// - It holds as far as the promise behind it does: no two processes of one voter's name, or never more
///   than the expected size, run at a time; and all nodes have the same voters or expected size.
///
/// `docs/quorum.md` has all of this at length, and how to change the voters.
#[derive(Clone, Debug)]
pub struct Quorum {
    polled: Polled,
    clock: Clock,
}

impl Quorum {
    pub(crate) fn new(polled: &Polled, clock: Clock, running: bool) -> Quorum {
        let polled = if running { polled.clone() } else { polled.lost() };
        Quorum { polled, clock }
    }

    /// Whether this node has a majority at the moment of this call. False with a learned basis, whose
    /// majority nobody can vouch for, and once the lease is over, even if the node's task stands
    /// still and nothing new is known.
    pub fn is_majority(&self) -> bool {
        self.polled.counted.is_majority(self.clock.now())
    }

    /// The verdict at the moment of this call. With [`Basis::Learned`] it is advisory: what would hold
    /// if the members known were all there are.
    pub fn verdict(&self) -> Verdict {
        self.polled.counted.verdict(self.clock.now())
    }

    /// What the majority is a majority of.
    pub fn basis(&self) -> Basis {
        self.polled.counted.basis
    }

    /// How many voters were heard within the detection time, this node included if it is one and
    /// has been up for that long.
    pub fn heard(&self) -> usize {
        self.polled.counted.heard
    }

    /// How many voters there are, heard or not.
    pub fn of(&self) -> usize {
        self.polled.counted.of
    }

    /// How many a majority takes.
    pub fn need(&self) -> usize {
        self.polled.counted.need()
    }

    /// How many more members are known than the expected size. With any there is no majority: the
    /// promise is broken that never more than so many run at a time. 0 with any other basis.
    pub fn excess(&self) -> usize {
        self.polled.counted.excess
    }

    /// How much longer the lease lasts if nobody answers any more; `None` without a majority. With a
    /// learned basis there is none.
    pub fn lease(&self) -> Option<std::time::Duration> {
        let now = self.clock.now();
        let Counted { lease, basis, .. } = self.polled.counted;
        let lasts = lease.filter(|until| *until > now && basis != Basis::Learned);
        lasts.map(|until| until.since(now))
    }

    /// The voters that have not answered within the detection time, by name.
    pub fn silent(&self) -> &[String] {
        &self.polled.silent
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advisory = if self.basis() == Basis::Learned { ", advisory" } else { "" };
        let (verdict, heard, of) = (self.verdict().as_str(), self.heard(), self.of());
        let basis = self.basis().as_str();
        write!(f, "{verdict}: heard {heard} of {of}, {} needed ({basis}{advisory})", self.need())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publisher::tests::engine;
    use std::time::Duration;

    fn polled(lease: Option<Time>) -> Polled {
        let counted = Counted {
            basis: Basis::Voters,
            heard: 2,
            of: 3,
            excess: 0,
            lease,
            word: lease.map(|lease| lease + Duration::from_secs(1)),
        };
        Polled { counted, silent: Arc::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_ends_by_the_clock_though_nobody_says_so() {
        let clock = Clock::start();
        let quorum = Quorum::new(&polled(Some(Time::from_millis(5_000))), clock, true);
        tokio::time::advance(Duration::from_millis(4_999)).await;
        assert!(quorum.is_majority());
        assert_eq!(quorum.lease(), Some(Duration::from_millis(1)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!((quorum.is_majority(), quorum.verdict()), (false, Verdict::Minority));
        assert_eq!(quorum.lease(), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(quorum.verdict(), Verdict::Lost);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_has_stopped_has_lost_its_quorum() {
        let polled = polled(Some(Time::from_millis(5_000)));
        let quorum = Quorum::new(&polled, Clock::start(), false);
        assert_eq!((quorum.verdict(), quorum.of()), (Verdict::Lost, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_learned_majority_is_shown_as_advisory() {
        let quorum = Quorum::new(&Polled::of(&engine(), Time::ZERO), Clock::start(), true);
        assert_eq!(quorum.to_string(), "majority: heard 1 of 1, 1 needed (learned, advisory)");
        assert_eq!((quorum.is_majority(), quorum.lease()), (false, None));
    }
}
