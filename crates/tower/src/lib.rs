//! Balance requests over the serving members of a [`headcount`] cluster.
//!
//! [`ServingMembers`] follows a node's view and tells a balancer which members to use: those that
//! serve, carry the tags that are asked for, and run in a zone that is near. It is a
//! [`tower::discover::Discover`], so that tower's power-of-two-choices balancer takes it as it is:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), headcount::NodeError> {
//! # use std::convert::Infallible;
//! # use std::net::SocketAddr;
//! use headcount::Node;
//! use headcount_tower::{LoadMetric, ServingMembers, address_in_tag};
//! use tower::ServiceExt;
//! use tower::balance::p2c::Balance;
//!
//! let node = Node::builder("orders").name("orders-7").bind("127.0.0.1:0").tag("http", ":8080");
//! let node = node.start().await?;
//! # fn client(to: SocketAddr) -> impl tower::Service<(), Response = SocketAddr, Error = Infallible> {
//! #     tower::service_fn(move |()| std::future::ready(Ok(to)))
//! # }
//! let members = ServingMembers::builder(&node).endpoint(address_in_tag("http"));
//! let services = members.weighed(LoadMetric::default(), |replica| client(*replica.endpoint()));
//! let mut balancer = Balance::new(services);
//! let answer = balancer.ready().await.expect("a member serves").call(()).await;
//! # use tower::Service;
//! # assert_eq!(answer.expect("it answers"), SocketAddr::from(([127, 0, 0, 1], 8080)));
//! # Ok(())
//! # }
//! ```
//!
//! # Who is told of
//! - A member that serves and matches is inserted; one that fails, leaves, drains or no longer
//!   serves is removed at once. One that moved, or is another process now, is removed and inserted.
//! - A *suspect* stays: most suspicions are refuted, and one who removes suspects on one observer's
//!   word would lose healthy capacity just when it is short. [`Weighed`] services cost ten times as
//!   much meanwhile, so that others are chosen as long as there are any.
//! - With [`Builder::prefer_zone`] members of that zone only, while enough of them serve; else all.
//! - Damping ([`Damping`]): who goes again and again is let in later and later. Nobody is removed
//!   later for it, and when nobody else is left it does not count.
//! - When the node stops, the last members stay.
//!
//! [`Rendezvous`] maps keys to members, for caches and partitions: of its keys only those of a
//! member that comes or goes move.

mod damping;
mod filter;
mod latency;
mod rendezvous;
mod replica;
mod selection;
mod services;
mod serving;
#[cfg(feature = "tonic")]
mod tonic;
mod weighed;

pub use damping::Damping;
pub use rendezvous::Rendezvous;
pub use replica::{Replica, address_in_tag, at_port};
pub use services::{Services, WeighedServices};
pub use serving::{Builder, ServingMembers};
pub use weighed::{Cost, InFlight, LoadMetric, Tracked, Weighed};
