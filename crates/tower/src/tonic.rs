//! tonic's balancer takes its changes through a channel of its own.

use headcount::Name;
use tokio::sync::mpsc;
use tonic::transport::Endpoint;
use tonic::transport::channel::Change;

use crate::serving::ServingMembers;

impl<E: Clone + PartialEq + Unpin> ServingMembers<E> {
    /// Tells tonic's balancer of the members: run it as a task, it ends when the node stops or the
    /// channel is dropped. A replica that `make` has no [`Endpoint`] for is left out.
    ///
    /// ```no_run
    /// # async fn example(node: &headcount::Node) {
    /// use headcount_tower::{ServingMembers, address_in_tag};
    /// use tonic::transport::{Channel, Endpoint};
    ///
    /// let (channel, changes) = Channel::balance_channel(64);
    /// let members = ServingMembers::builder(node).endpoint(address_in_tag("grpc"));
    /// tokio::spawn(members.feed(changes, |replica| {
    ///     Endpoint::from_shared(format!("http://{}", replica.endpoint())).ok()
    /// }));
    /// # drop(channel);
    /// # }
    /// ```
    ///
    /// tonic's balancer chooses at random. To choose by load, give each member a channel of its own,
    /// `members.weighed(metric, |replica| endpoint_of(replica).connect_lazy())`, and put tower's
    /// balancer over these.
    pub async fn feed(
        mut self,
        changes: mpsc::Sender<Change<Name, Endpoint>>,
        mut make: impl FnMut(&crate::Replica<E>) -> Option<Endpoint>,
    ) {
        while let Some(change) = self.next().await {
            let change = match change {
                tower::discover::Change::Insert(name, replica) => match make(&replica) {
                    Some(endpoint) => Change::Insert(name, endpoint),
                    None => continue,
                },
                tower::discover::Change::Remove(name) => Change::Remove(name),
            };
            if changes.send(change).await.is_err() {
                return;
            }
        }
    }
}
