use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headcount_health::history::{History, HistoryReport};
use headcount_state::{Instance, Name, OwnAttributes, Serving, Tags, Time};
use headcount_swim::{Census, ClusterHealth, Detector, Member};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::builder::Builder;
use crate::contacts::Contacts;
use crate::driver::Command;
use crate::error::NodeError;
use crate::events::Events;
use crate::history::Kept;
use crate::join::{JoinReport, join};
use crate::members::Members;
use crate::quorum::Quorum;
use crate::shared::Shared;
use crate::stats::{Condition, NodeStats};

/// A shutdown takes no longer than this, whatever the driver is doing.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// One member of a cluster, running in this process.
///
/// A cheap handle: clones stand for the same node, and when the last one is dropped the node
/// shuts down. Reading never waits for the protocol; nothing here may be called too often, or from
/// the wrong place: every call is safe inside a loop over [`Events`].
#[derive(Clone, Debug)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) cluster: String,
    pub(crate) name: Name,
    pub(crate) instance: Instance,
    pub(crate) address: SocketAddr,
    pub(crate) bound: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) driver: AbortHandle,
    pub(crate) history: Kept,
    /// Closed once the history is written.
    pub(crate) recorded: watch::Receiver<()>,
}

/// How a goodbye went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leave {
    /// How many peers have acknowledged it. What they know the cluster learns.
    pub acknowledged: usize,
    /// Whether the goodbye is said: 8 peers have acknowledged it, or everybody in a smaller
    /// cluster, or nobody is left to ask. So it is also true, with 0 acknowledged, of the only
    /// member. False when the deadline came first, or the node has stopped.
    pub complete: bool,
}

impl Node {
    /// A node of the cluster of this name, to be configured and started.
    pub fn builder(cluster: impl Into<String>) -> Builder {
        Builder::new(cluster.into())
    }

    pub(crate) fn new(inner: Inner) -> Node {
        Node { inner: Arc::new(inner) }
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &str {
        &self.inner.cluster
    }

    /// This member's name.
    pub fn name(&self) -> &str {
        self.inner.name.as_str()
    }

    /// Where others reach this node, by datagram and by stream.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// Where it listens; the port is the real one even when 0 was asked for.
    pub fn bound(&self) -> SocketAddr {
        self.inner.bound
    }

    /// What this node sees now.
    pub fn members(&self) -> Members {
        self.inner.shared.members()
    }

    /// The member of this name, whatever its status. Looks into a directory that is never behind
    /// the events.
    pub fn member(&self, name: &str) -> Option<Member> {
        self.inner.shared.member(name)
    }

    /// This node as others see it; `None` while another process holds its name.
    pub fn own(&self) -> Option<Member> {
        self.member(self.name()).filter(|own| own.life().instance == self.inner.instance)
    }

    /// What happens from now on, beginning with the members now.
    pub fn events(&self) -> Events {
        Events::new(self.inner.shared.subscribe(), Arc::clone(&self.inner.shared))
    }

    /// What members told this node of their load, and how long they take to answer. A handle that
    /// goes on showing what is heard; it does not keep the node running.
    pub fn contacts(&self) -> Contacts {
        Contacts::new(Arc::clone(&self.inner.shared))
    }

    /// How much of the cluster is there, in one word and in numbers. Refreshed every half period;
    /// [`crate::Event::HealthChanged`] tells when the level changes.
    pub fn health(&self) -> ClusterHealth {
        self.inner.shared.report.load().health
    }

    /// Now, on this node's own time line: microseconds since it started, monotonic. The line on
    /// which [`Member::since`] is told.
    pub fn now(&self) -> Time {
        self.inner.shared.now()
    }

    /// What happened to the other members since this node began to watch them, a copy: the last events of
    /// each one by one, older ones as sums. With [`Builder::history_file`] it goes back beyond this
    /// process. It is recorded from [`Node::events`], a moment behind them.
    pub fn history(&self) -> History {
        self.inner.history.history()
    }

    /// How reliable the other members were up to now, by [`Node::history`]: failures, mean times,
    /// availability, for each and for all together. Takes time in proportion to the members.
    pub fn reliability(&self) -> HistoryReport {
        self.inner.history.report()
    }

    /// Counters of protocol and sockets.
    pub fn stats(&self) -> NodeStats {
        self.inner.shared.report.load().stats
    }

    /// How this node itself is doing, the task behind it included.
    pub fn condition(&self) -> Condition {
        self.inner.shared.condition()
    }

    /// Whether this node is on the side of a majority, for work that must not run on two sides of a
    /// cut: `if node.quorum().is_majority() { .. }`. Say of what with [`Builder::voters`] or
    /// [`Builder::expected_size`], or nothing is asserted. [`Quorum`] has the limits.
    pub fn quorum(&self) -> Quorum {
        self.inner.shared.quorum()
    }

    /// Whether this node is part of its cluster: it is a member, and it has no seeds, or a seed has
    /// let it in, or another member came to it. False while another process holds its name or an
    /// operator has removed it, and once it leaves or stops.
    pub fn is_ready(&self) -> bool {
        self.inner.shared.is_ready()
    }

    /// Waits for [`Node::is_ready`], however long it takes. Cancel safe.
    ///
    /// # Errors
    /// [`NodeError::Stopped`] when the node stops instead.
    pub async fn ready(&self) -> Result<(), NodeError> {
        if self.inner.shared.ready().await { Ok(()) } else { Err(NodeError::Stopped) }
    }

    /// Tries once to join through `seeds` (`host:port`), all at the same time, and returns as soon
    /// as one has let this node in, all have failed, or the time is up. Dropping the future
    /// cancels it at once. A node that has said goodbye joins nobody: all seeds fail at once.
    ///
    /// Seeds given to the builder are tried without this, for ever.
    pub async fn join<S: ToString>(
        &self,
        seeds: impl IntoIterator<Item = S>,
        deadline: Duration,
    ) -> JoinReport {
        let seeds = seeds.into_iter().map(|seed| seed.to_string()).collect();
        let mut report = JoinReport::default();
        // When the time is up the report says which seeds are pending.
        let _ = timeout(deadline, join(&self.inner.commands, seeds, &mut report)).await;
        report
    }

    /// Replaces this member's tags.
    ///
    /// # Errors
    /// [`NodeError::Protocol`] when they take more than 256 bytes or one has no key, and nothing
    /// has changed; [`NodeError::Stopped`].
    pub async fn set_tags<K: Into<String>, V: Into<String>>(
        &self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), NodeError> {
        let tags: Tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self.set_own(OwnAttributes::Tags(tags)).await
    }

    /// Says whether the application is ready for work. Liveness is another matter: a member that
    /// does not serve stays a member.
    ///
    /// # Errors
    /// [`NodeError::Stopped`].
    pub async fn set_serving(&self, serving: Serving) -> Result<(), NodeError> {
        self.set_own(OwnAttributes::Serving(serving)).await
    }

    /// Says how loaded this node is, in percent (more counts as 100), with every heartbeat from now
    /// on; `None` for nothing.
    ///
    /// # Errors
    /// [`NodeError::Stopped`].
    pub async fn set_load(&self, percent: Option<u8>) -> Result<(), NodeError> {
        self.command(Command::SetLoad(percent)).await
    }

    /// Changes how all members of the cluster watch each other: the detector, and how long a member may
    /// be silent (1 s to 60 s), of which the protocol period becomes a fifth, within 200 ms to 5 s.
    /// Here it counts at once, elsewhere within some periods; newcomers take it over. Suspicions that
    /// run begin again. A cluster that is started anew begins with its configuration.
    ///
    /// # Errors
    /// [`NodeError::Protocol`] when the time is out of range, and nothing has changed;
    /// [`NodeError::Stopped`].
    pub async fn set_parameters(
        &self,
        detector: Detector,
        detection_time: Duration,
    ) -> Result<(), NodeError> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::SetParameters { detector, detection_time, reply }).await?;
        Ok(answer.await.map_err(|_| NodeError::Stopped)??)
    }

    /// Asks every live member which view it holds, itself included: what [`Members::agreement`]
    /// can only estimate. Takes a period or two, six with 10,000 members and more; callers at the
    /// same time get the same census. Cancel safe.
    ///
    /// # Errors
    /// [`NodeError::Stopped`].
    pub async fn census(&self) -> Result<Census, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::Census(reply)).await?;
        answer.await.map_err(|_| NodeError::Stopped)
    }

    /// Says goodbye, so that peers see this member as left, not failed. Returns when enough of
    /// them have acknowledged it, and by the deadline in any case. The node goes on answering until
    /// it is shut down.
    pub async fn leave(&self, deadline: Duration) -> Leave {
        let (reply, answer) = oneshot::channel();
        let left = async {
            self.command(Command::Leave(reply)).await?;
            answer.await.map_err(|_| NodeError::Stopped)
        };
        match timeout(deadline, left).await {
            Ok(Ok(acknowledged)) => Leave { acknowledged, complete: true },
            _ => Leave { acknowledged: self.inner.shared.departed_acks(), complete: false },
        }
    }

    /// Waits until the node has stopped, whatever stopped it, and its port is free. Cancel safe.
    pub async fn stopped(&self) {
        self.inner.shared.stopped().await;
    }

    /// Stops the node, frees its port and writes its history, within 5 seconds whatever it is doing. Without a
    /// [`Node::leave`] before it, peers see this member fail.
    pub async fn shutdown(&self) {
        let stopped = async {
            // A driver that is gone already has nothing to be told.
            let _ = self.command(Command::Shutdown).await;
            self.inner.shared.stopped().await;
            let mut recorded = self.inner.recorded.clone();
            while recorded.changed().await.is_ok() {}
        };
        if timeout(SHUTDOWN_TIMEOUT, stopped).await.is_err() {
            self.inner.driver.abort();
        }
    }

    async fn set_own(&self, change: OwnAttributes) -> Result<(), NodeError> {
        let (reply, answer) = oneshot::channel();
        self.command(Command::SetOwn(change, reply)).await?;
        Ok(answer.await.map_err(|_| NodeError::Stopped)??)
    }

    async fn command(&self, command: Command) -> Result<(), NodeError> {
        self.inner.commands.send(command).await.map_err(|_| NodeError::Stopped)
    }
}
